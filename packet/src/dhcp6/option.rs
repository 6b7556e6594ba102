//! DHCPv6 options: their values, and how they are written.

use std::net::Ipv6Addr;

use addr::{Ipv6Net, MacAddr};
use bytes::{BufMut, Bytes, BytesMut};

use super::code::{Dhcp6Status, option_code as code};
use crate::{Bad, names};

/// Suboption of the NTP server option: a unicast or multicast address, or a name (RFC 5908, 4).
pub(super) mod ntp {
    pub(in crate::dhcp6) const ADDRESS: u16 = 1;
    pub(in crate::dhcp6) const MULTICAST: u16 = 2;
    pub(in crate::dhcp6) const NAME: u16 = 3;
}

/// An option of a DHCPv6 message. Lifetimes and timers are seconds, all ones is for ever.
///
/// An option of a known code whose content breaks its own rules is read as [`Dhcp6Option::Unknown`], so that nothing is lost
/// and nothing wrong is believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dhcp6Option {
    /// The client's DUID (RFC 8415, 21.2), 1 to 130 bytes.
    ClientId(Bytes),
    /// The server's DUID (RFC 8415, 21.3), 1 to 130 bytes.
    ServerId(Bytes),
    /// Non-temporary addresses (RFC 8415, 21.4).
    IaNa {
        /// The client's name for it, stable over restarts.
        iaid: u32,
        /// When to ask the same server to prolong, 0: the client chooses.
        t1_s: u32,
        /// When to ask any server to prolong, 0: the client chooses.
        t2_s: u32,
        /// Addresses and status.
        options: Vec<Dhcp6Option>,
    },
    /// Temporary addresses (RFC 8415, 21.5).
    IaTa {
        /// The client's name for it.
        iaid: u32,
        /// Addresses and status.
        options: Vec<Dhcp6Option>,
    },
    /// An address (RFC 8415, 21.6).
    IaAddress {
        /// The address.
        address: Ipv6Addr,
        /// How long new connections may begin from it.
        preferred_s: u32,
        /// How long it may be used.
        valid_s: u32,
        /// Status.
        options: Vec<Dhcp6Option>,
    },
    /// Codes of options that are wanted (RFC 8415, 21.7).
    OptionRequest(Vec<u16>),
    /// The server's preference (RFC 8415, 21.8).
    Preference(u8),
    /// Since the client began, in hundredths of a second; all ones is that or more (RFC 8415, 21.9).
    ElapsedTime(u16),
    /// A relayed message (RFC 8415, 21.10).
    RelayMessage(Bytes),
    /// Authentication (RFC 8415, 21.11).
    Auth {
        /// 3: reconfigure key.
        protocol: u8,
        /// 1: HMAC-MD5.
        algorithm: u8,
        /// 0: a growing counter.
        rdm: u8,
        /// Against replays, by `rdm`.
        replay: u64,
        /// By `protocol`.
        information: Bytes,
    },
    /// Unicast to the server is allowed, to this address (RFC 8415, 21.12).
    ServerUnicast(Ipv6Addr),
    /// How it went (RFC 8415, 21.13).
    Status {
        /// The code.
        code: Dhcp6Status,
        /// For people.
        message: String,
    },
    /// Two messages instead of four (RFC 8415, 21.14).
    RapidCommit,
    /// What the user is (RFC 8415, 21.15): at least one piece.
    UserClass(Vec<Bytes>),
    /// What the hardware is (RFC 8415, 21.16).
    VendorClass {
        /// IANA enterprise number.
        enterprise: u32,
        /// At least one piece.
        data: Vec<Bytes>,
    },
    /// By the vendor's own rules (RFC 8415, 21.17).
    VendorOptions {
        /// IANA enterprise number.
        enterprise: u32,
        /// Codes and lengths of two bytes, by the vendor.
        data: Bytes,
    },
    /// The relay agent's name for the interface that it heard the client on (RFC 8415, 21.18).
    InterfaceId(Bytes),
    /// Which message a reconfigured client is to send: 5 renew, 6 rebind, 11 information-request (RFC 8415, 21.19).
    ReconfigureMessage(u8),
    /// The client takes reconfigure messages (RFC 8415, 21.20).
    ReconfigureAccept,
    /// Recursive DNS servers (RFC 3646, 3).
    DnsServers(Vec<Ipv6Addr>),
    /// Search list (RFC 3646, 4).
    DomainSearch(Vec<String>),
    /// Delegated prefixes (RFC 8415, 21.21).
    IaPd {
        /// The client's name for it.
        iaid: u32,
        /// As in `IaNa`.
        t1_s: u32,
        /// As in `IaNa`.
        t2_s: u32,
        /// Prefixes and status.
        options: Vec<Dhcp6Option>,
    },
    /// A prefix (RFC 8415, 21.22).
    IaPrefix {
        /// As it was sent: bits beyond its length are to be ignored.
        prefix: Ipv6Net,
        /// As in `IaAddress`.
        preferred_s: u32,
        /// As in `IaAddress`.
        valid_s: u32,
        /// Status.
        options: Vec<Dhcp6Option>,
    },
    /// SNTP servers (RFC 4075).
    SntpServers(Vec<Ipv6Addr>),
    /// When to ask for configuration again (RFC 8415, 21.23).
    InformationRefreshTime(u32),
    /// The client's name (RFC 4704, 4.1).
    ClientFqdn {
        /// S, O and N, from the lowest bit.
        flags: u8,
        /// In wire format; not ended by the root label where it is only a part.
        name: Bytes,
    },
    /// A time server by address (RFC 5908, 4.1 and 4.2).
    NtpAddress {
        /// The address.
        address: Ipv6Addr,
        /// To be listened to, rather than asked.
        multicast: bool,
    },
    /// A time server by name (RFC 5908, 4.3).
    NtpName(String),
    /// Where to boot from (RFC 5970, 3.1).
    BootfileUrl(String),
    /// Parameters of the boot file (RFC 5970, 3.2).
    BootfileParameters(Vec<Bytes>),
    /// Architecture types of the client (RFC 5970, 3.3).
    ClientArchitecture(Vec<u16>),
    /// The client's MAC, told by a relay agent (RFC 6939).
    ClientLinkLayer(MacAddr),
    /// The longest time between solicits (RFC 8415, 21.24): 60 to 86,400.
    SolMaxRt(u32),
    /// The longest time between information-requests (RFC 8415, 21.25): 60 to 86,400.
    InfMaxRt(u32),
    /// The captive portal's API (RFC 8910, 2.2).
    CaptivePortal(String),
    /// Any other, or a broken one.
    Unknown {
        /// Its code.
        code: u16,
        /// Its content.
        data: Bytes,
    },
}

/// Appends options.
pub(super) fn write_all(options: &[Dhcp6Option], out: &mut BytesMut) -> Result<(), Bad> {
    options.iter().try_for_each(|option| option.write(out))
}

impl Dhcp6Option {
    /// Its code (IANA "DHCPv6 option codes").
    pub fn code(&self) -> u16 {
        match self {
            Dhcp6Option::ClientId(_) => code::CLIENTID,
            Dhcp6Option::ServerId(_) => code::SERVERID,
            Dhcp6Option::IaNa { .. } => code::IA_NA,
            Dhcp6Option::IaTa { .. } => code::IA_TA,
            Dhcp6Option::IaAddress { .. } => code::IAADDR,
            Dhcp6Option::OptionRequest(_) => code::ORO,
            Dhcp6Option::Preference(_) => code::PREFERENCE,
            Dhcp6Option::ElapsedTime(_) => code::ELAPSED_TIME,
            Dhcp6Option::RelayMessage(_) => code::RELAY_MSG,
            Dhcp6Option::Auth { .. } => code::AUTH,
            Dhcp6Option::ServerUnicast(_) => code::UNICAST,
            Dhcp6Option::Status { .. } => code::STATUS_CODE,
            Dhcp6Option::RapidCommit => code::RAPID_COMMIT,
            Dhcp6Option::UserClass(_) => code::USER_CLASS,
            Dhcp6Option::VendorClass { .. } => code::VENDOR_CLASS,
            Dhcp6Option::VendorOptions { .. } => code::VENDOR_OPTS,
            Dhcp6Option::InterfaceId(_) => code::INTERFACE_ID,
            Dhcp6Option::ReconfigureMessage(_) => code::RECONF_MSG,
            Dhcp6Option::ReconfigureAccept => code::RECONF_ACCEPT,
            Dhcp6Option::DnsServers(_) => code::DNS_SERVERS,
            Dhcp6Option::DomainSearch(_) => code::DOMAIN_LIST,
            Dhcp6Option::IaPd { .. } => code::IA_PD,
            Dhcp6Option::IaPrefix { .. } => code::IAPREFIX,
            Dhcp6Option::SntpServers(_) => code::SNTP_SERVERS,
            Dhcp6Option::InformationRefreshTime(_) => code::INFORMATION_REFRESH_TIME,
            Dhcp6Option::ClientFqdn { .. } => code::CLIENT_FQDN,
            Dhcp6Option::NtpAddress { .. } | Dhcp6Option::NtpName(_) => code::NTP_SERVER,
            Dhcp6Option::BootfileUrl(_) => code::BOOTFILE_URL,
            Dhcp6Option::BootfileParameters(_) => code::BOOTFILE_PARAM,
            Dhcp6Option::ClientArchitecture(_) => code::CLIENT_ARCH_TYPE,
            Dhcp6Option::ClientLinkLayer(_) => code::CLIENT_LINKLAYER_ADDR,
            Dhcp6Option::SolMaxRt(_) => code::SOL_MAX_RT,
            Dhcp6Option::InfMaxRt(_) => code::INF_MAX_RT,
            Dhcp6Option::CaptivePortal(_) => code::CAPTIVE_PORTAL,
            Dhcp6Option::Unknown { code, .. } => *code,
        }
    }

    /// Its content, without code and length.
    ///
    /// # Errors
    /// [`Bad::Unfit`] for what can't be written.
    pub fn content(&self) -> Result<Bytes, Bad> {
        let mut out = BytesMut::new();
        self.write_content(&mut out)?;
        Ok(out.freeze())
    }

    /// Appends code, length and content.
    pub(super) fn write(&self, out: &mut BytesMut) -> Result<(), Bad> {
        out.put_u16(self.code());
        let at = out.len();
        out.put_u16(0);
        self.write_content(out)?;
        let length = u16::try_from(out.len() - at - 2).map_err(|_| self.unfit("longer than 65,535 bytes"))?;
        out[at..at + 2].copy_from_slice(&length.to_be_bytes());
        Ok(())
    }

    fn unfit(&self, why: &'static str) -> Bad {
        Bad::Unfit { kind: self.code(), why }
    }

    fn write_content(&self, out: &mut BytesMut) -> Result<(), Bad> {
        match self {
            Dhcp6Option::RapidCommit | Dhcp6Option::ReconfigureAccept => {}
            Dhcp6Option::ClientId(bytes)
            | Dhcp6Option::ServerId(bytes)
            | Dhcp6Option::RelayMessage(bytes)
            | Dhcp6Option::InterfaceId(bytes)
            | Dhcp6Option::Unknown { data: bytes, .. } => out.put_slice(bytes),
            Dhcp6Option::BootfileUrl(text) | Dhcp6Option::CaptivePortal(text) => out.put_slice(text.as_bytes()),
            Dhcp6Option::Preference(n) | Dhcp6Option::ReconfigureMessage(n) => out.put_u8(*n),
            Dhcp6Option::ElapsedTime(n) => out.put_u16(*n),
            Dhcp6Option::InformationRefreshTime(n) | Dhcp6Option::SolMaxRt(n) | Dhcp6Option::InfMaxRt(n) => {
                out.put_u32(*n)
            }
            Dhcp6Option::OptionRequest(codes) | Dhcp6Option::ClientArchitecture(codes) => {
                codes.iter().for_each(|code| out.put_u16(*code));
            }
            Dhcp6Option::DnsServers(addresses) | Dhcp6Option::SntpServers(addresses) => {
                addresses.iter().for_each(|address| out.put_slice(&address.octets()));
            }
            Dhcp6Option::ServerUnicast(address) => out.put_slice(&address.octets()),
            Dhcp6Option::DomainSearch(domains) => {
                for domain in domains {
                    names::write(domain, out).ok_or(self.unfit("not a domain name"))?;
                }
            }
            Dhcp6Option::NtpAddress { address, multicast } => {
                out.put_u16(if *multicast { ntp::MULTICAST } else { ntp::ADDRESS });
                out.put_u16(16);
                out.put_slice(&address.octets());
            }
            Dhcp6Option::NtpName(name) => {
                let mut wire = BytesMut::new();
                names::write(name, &mut wire).ok_or(self.unfit("not a domain name"))?;
                out.put_u16(ntp::NAME);
                out.put_u16(wire.len() as u16);
                out.put_slice(&wire);
            }
            Dhcp6Option::ClientFqdn { flags, name } => {
                out.put_u8(*flags);
                out.put_slice(name);
            }
            Dhcp6Option::ClientLinkLayer(mac) => {
                out.put_u16(1);
                out.put_slice(&mac.0);
            }
            Dhcp6Option::UserClass(pieces) | Dhcp6Option::BootfileParameters(pieces) => {
                self.write_pieces(pieces, out)?
            }
            Dhcp6Option::VendorClass { enterprise, data } => {
                out.put_u32(*enterprise);
                self.write_pieces(data, out)?;
            }
            Dhcp6Option::VendorOptions { enterprise, data } => {
                out.put_u32(*enterprise);
                out.put_slice(data);
            }
            Dhcp6Option::Status { code, message } => {
                out.put_u16(code.number());
                out.put_slice(message.as_bytes());
            }
            Dhcp6Option::Auth { protocol, algorithm, rdm, replay, information } => {
                out.put_slice(&[*protocol, *algorithm, *rdm]);
                out.put_u64(*replay);
                out.put_slice(information);
            }
            Dhcp6Option::IaNa { .. } | Dhcp6Option::IaTa { .. } | Dhcp6Option::IaPd { .. } => {
                self.write_association(out)?
            }
            Dhcp6Option::IaAddress { .. } | Dhcp6Option::IaPrefix { .. } => self.write_lease(out)?,
        }
        Ok(())
    }

    fn write_association(&self, out: &mut BytesMut) -> Result<(), Bad> {
        match self {
            Dhcp6Option::IaNa { iaid, t1_s, t2_s, options } | Dhcp6Option::IaPd { iaid, t1_s, t2_s, options } => {
                out.put_u32(*iaid);
                out.put_u32(*t1_s);
                out.put_u32(*t2_s);
                write_all(options, out)
            }
            Dhcp6Option::IaTa { iaid, options } => {
                out.put_u32(*iaid);
                write_all(options, out)
            }
            _ => Ok(()),
        }
    }

    fn write_lease(&self, out: &mut BytesMut) -> Result<(), Bad> {
        match self {
            Dhcp6Option::IaAddress { address, preferred_s, valid_s, options } => {
                out.put_slice(&address.octets());
                out.put_u32(*preferred_s);
                out.put_u32(*valid_s);
                write_all(options, out)
            }
            Dhcp6Option::IaPrefix { prefix, preferred_s, valid_s, options } => {
                out.put_u32(*preferred_s);
                out.put_u32(*valid_s);
                out.put_u8(prefix.prefix_len());
                out.put_slice(&prefix.addr().octets());
                write_all(options, out)
            }
            _ => Ok(()),
        }
    }

    /// Pieces with lengths of two bytes.
    fn write_pieces(&self, pieces: &[Bytes], out: &mut BytesMut) -> Result<(), Bad> {
        for piece in pieces {
            out.put_u16(u16::try_from(piece.len()).map_err(|_| self.unfit("a piece longer than 65,535 bytes"))?);
            out.put_slice(piece);
        }
        Ok(())
    }
}
