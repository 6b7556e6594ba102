//! Reading DHCPv6 options.

use std::net::Ipv6Addr;

use addr::{Ipv6Net, MacAddr};
use bytes::Bytes;

use super::code::{Dhcp6Status, option_code as code};
use super::option::{Dhcp6Option, ntp};
use crate::wire::Reader;
use crate::{Bad, names};

/// Options read in one message, those inside of others included; more are refused.
pub const DHCP6_OPTIONS_MAX: usize = 256;
/// Levels of options inside of options that are read; more are refused. A status in an address in an association is the third.
pub const DHCP6_DEPTH_MAX: usize = 4;
/// The longest DUID: two bytes of type and 128 of content (RFC 8415, 11.1).
const DUID_MAX: usize = 130;

/// What may still be read in one message.
struct Budget {
    options: usize,
}

/// Reads all options of a message.
pub(super) fn options(bytes: &[u8]) -> Result<Vec<Dhcp6Option>, Bad> {
    let mut budget = Budget { options: DHCP6_OPTIONS_MAX };
    level(bytes, &mut budget, DHCP6_DEPTH_MAX)
}

fn level(bytes: &[u8], budget: &mut Budget, depth: usize) -> Result<Vec<Dhcp6Option>, Bad> {
    let mut r = Reader::new(bytes);
    let mut options = Vec::new();
    if r.left() > 0 && depth == 0 {
        return Err(Bad::TooMany { what: "levels of options", max: DHCP6_DEPTH_MAX });
    }
    while r.left() > 0 {
        budget.options =
            budget.options.checked_sub(1).ok_or(Bad::TooMany { what: "options", max: DHCP6_OPTIONS_MAX })?;
        let code = r.u16()?;
        let length = usize::from(r.u16()?);
        let data = r.take(length)?;
        let option = container(code, data, budget, depth)?;
        let option = option.or_else(|| plain(code, data));
        options.push(option.unwrap_or_else(|| Dhcp6Option::Unknown { code, data: Bytes::copy_from_slice(data) }));
    }
    Ok(options)
}

/// An option with options inside; `None` if it is none, or too short for its head.
fn container(code: u16, data: &[u8], budget: &mut Budget, depth: usize) -> Result<Option<Dhcp6Option>, Bad> {
    let head = match code {
        code::IA_NA | code::IA_PD => 12,
        code::IA_TA => 4,
        code::IAADDR => 24,
        code::IAPREFIX => 25,
        _ => return Ok(None),
    };
    let Some((head, inside)) = data.split_at_checked(head) else { return Ok(None) };
    let mut r = Reader::new(head);
    if code == code::IAPREFIX && head[8] > 128 {
        return Ok(None);
    }
    let options = level(inside, budget, depth - 1)?;
    let read = match code {
        code::IA_NA => Dhcp6Option::IaNa { iaid: r.u32()?, t1_s: r.u32()?, t2_s: r.u32()?, options },
        code::IA_PD => Dhcp6Option::IaPd { iaid: r.u32()?, t1_s: r.u32()?, t2_s: r.u32()?, options },
        code::IA_TA => Dhcp6Option::IaTa { iaid: r.u32()?, options },
        code::IAADDR => Dhcp6Option::IaAddress { address: r.v6()?, preferred_s: r.u32()?, valid_s: r.u32()?, options },
        _ => {
            let (preferred_s, valid_s, length, address) = (r.u32()?, r.u32()?, r.u8()?, r.v6()?);
            let Ok(prefix) = Ipv6Net::new(address, length) else { return Ok(None) };
            Dhcp6Option::IaPrefix { prefix, preferred_s, valid_s, options }
        }
    };
    Ok(Some(read))
}

/// An option without options inside; `None`: not known, or not by its own rules.
fn plain(code: u16, data: &[u8]) -> Option<Dhcp6Option> {
    let mut r = Reader::new(data);
    let bytes = || Bytes::copy_from_slice(data);
    let duid = |make: fn(Bytes) -> Dhcp6Option| (1..=DUID_MAX).contains(&data.len()).then(|| make(bytes()));
    let option = match code {
        code::CLIENTID => return duid(Dhcp6Option::ClientId),
        code::SERVERID => return duid(Dhcp6Option::ServerId),
        code::ORO => return numbers(data).map(Dhcp6Option::OptionRequest),
        code::RELAY_MSG => return Some(Dhcp6Option::RelayMessage(bytes())),
        code::INTERFACE_ID => return Some(Dhcp6Option::InterfaceId(bytes())),
        code::DNS_SERVERS => return addresses(data).map(Dhcp6Option::DnsServers),
        code::SNTP_SERVERS => return addresses(data).map(Dhcp6Option::SntpServers),
        code::DOMAIN_LIST => return domains(data).map(Dhcp6Option::DomainSearch),
        code::NTP_SERVER => return time_server(data),
        code::BOOTFILE_URL => return text(data).map(Dhcp6Option::BootfileUrl),
        code::CAPTIVE_PORTAL => return text(data).map(Dhcp6Option::CaptivePortal),
        code::BOOTFILE_PARAM => return pieces(data).map(Dhcp6Option::BootfileParameters),
        code::USER_CLASS => return pieces(data).map(Dhcp6Option::UserClass),
        code::CLIENT_ARCH_TYPE => return numbers(data).map(Dhcp6Option::ClientArchitecture),
        code::PREFERENCE => Dhcp6Option::Preference(r.u8().ok()?),
        code::RECONF_MSG => Dhcp6Option::ReconfigureMessage(r.u8().ok()?),
        code::ELAPSED_TIME => Dhcp6Option::ElapsedTime(r.u16().ok()?),
        code::INFORMATION_REFRESH_TIME => Dhcp6Option::InformationRefreshTime(r.u32().ok()?),
        code::SOL_MAX_RT => Dhcp6Option::SolMaxRt(r.u32().ok()?),
        code::INF_MAX_RT => Dhcp6Option::InfMaxRt(r.u32().ok()?),
        code::UNICAST => Dhcp6Option::ServerUnicast(r.v6().ok()?),
        code::RAPID_COMMIT => Dhcp6Option::RapidCommit,
        code::RECONF_ACCEPT => Dhcp6Option::ReconfigureAccept,
        code::STATUS_CODE => Dhcp6Option::Status {
            code: Dhcp6Status::from_number(r.u16().ok()?),
            message: String::from_utf8(r.rest().to_vec()).ok()?,
        },
        code::VENDOR_CLASS => Dhcp6Option::VendorClass { enterprise: r.u32().ok()?, data: pieces(r.rest())? },
        code::VENDOR_OPTS => Dhcp6Option::VendorOptions { enterprise: r.u32().ok()?, data: r.rest_bytes() },
        code::CLIENT_FQDN => Dhcp6Option::ClientFqdn { flags: r.u8().ok()?, name: r.rest_bytes() },
        code::CLIENT_LINKLAYER_ADDR => Dhcp6Option::ClientLinkLayer(ethernet(&mut r)?),
        code::AUTH => Dhcp6Option::Auth {
            protocol: r.u8().ok()?,
            algorithm: r.u8().ok()?,
            rdm: r.u8().ok()?,
            replay: u64::from_be_bytes(r.array().ok()?),
            information: r.rest_bytes(),
        },
        _ => return None,
    };
    // What is left over would be lost.
    (r.left() == 0).then_some(option)
}

fn ethernet(r: &mut Reader<'_>) -> Option<MacAddr> {
    (r.u16().ok()? == 1).then(|| r.mac().ok())?
}

fn numbers(data: &[u8]) -> Option<Vec<u16>> {
    let (pairs, rest) = data.as_chunks::<2>();
    rest.is_empty().then(|| pairs.iter().map(|pair| u16::from_be_bytes(*pair)).collect())
}

fn addresses(data: &[u8]) -> Option<Vec<Ipv6Addr>> {
    let (addresses, rest) = data.as_chunks::<16>();
    (rest.is_empty() && !addresses.is_empty()).then(|| addresses.iter().map(|a| Ipv6Addr::from(*a)).collect())
}

fn text(data: &[u8]) -> Option<String> {
    String::from_utf8(data.to_vec()).ok()
}

/// Names without padding: what is written is what was read.
fn domains(data: &[u8]) -> Option<Vec<String>> {
    let domains = names::read(data)?;
    let written: usize = domains.iter().map(|name| name.len() + 2).sum();
    (written == data.len()).then_some(domains)
}

fn pieces(data: &[u8]) -> Option<Vec<Bytes>> {
    let mut r = Reader::new(data);
    let mut found = Vec::new();
    while r.left() > 0 {
        let length = usize::from(r.u16().ok()?);
        found.push(Bytes::copy_from_slice(r.take(length).ok()?));
    }
    (!found.is_empty()).then_some(found)
}

/// The one suboption of an NTP server option (RFC 5908, 4).
fn time_server(data: &[u8]) -> Option<Dhcp6Option> {
    let mut r = Reader::new(data);
    let (kind, length) = (r.u16().ok()?, usize::from(r.u16().ok()?));
    let content = r.take(length).ok().filter(|_| r.left() == 0)?;
    match kind {
        ntp::ADDRESS | ntp::MULTICAST => {
            let address = <[u8; 16]>::try_from(content).ok()?;
            Some(Dhcp6Option::NtpAddress { address: address.into(), multicast: kind == ntp::MULTICAST })
        }
        ntp::NAME => {
            let mut names = domains(content)?;
            (names.len() == 1).then(|| names.pop().map(Dhcp6Option::NtpName))?
        }
        _ => None,
    }
}
