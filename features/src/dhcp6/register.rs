//! Addresses that hosts form, and register (RFC 9686).

use std::net::Ipv6Addr;

use addr::IpNet;
use bytes::Bytes;
use packet::{Dhcp6Kind, Dhcp6Message, Dhcp6Option, dhcp6_option};
use topology::{NetworkKey, PortKey, View};

use crate::given;
use crate::lease::{Association, LeaseChange};
use crate::punt::Unanswered;

/// Takes a registration: the answer, and what it does to leases. `source`: where the host sent it from.
///
/// # Errors
/// Why there is no answer, by name: RFC 9686, 4.2.1, tells which messages are to be discarded.
pub(super) fn taken(
    view: &View<'_>,
    (port, network): (PortKey, NetworkKey),
    source: Ipv6Addr,
    message: &Dhcp6Message,
) -> Result<(Dhcp6Message, Vec<LeaseChange>), Unanswered> {
    let mut client: Option<&Bytes> = None;
    let mut named: Option<(Ipv6Addr, u32, &Dhcp6Option)> = None;
    for option in &message.options {
        match option {
            Dhcp6Option::ClientId(duid) => client = client.or(Some(duid)),
            Dhcp6Option::ServerId(_) => return Err("names_a_server"),
            Dhcp6Option::OptionRequest(_) => return Err("asks_for_options"),
            Dhcp6Option::IaAddress { .. } if named.is_some() => return Err("registers_several"),
            Dhcp6Option::IaAddress { address, valid_s, .. } => named = Some((*address, *valid_s, option)),
            _ => {}
        }
    }
    let client = client.ok_or("names_no_client")?;
    let (address, valid_s, option) = named.ok_or("names_no_address")?;
    if address != source {
        return Err("registers_anothers");
    }
    if !given::formed_on(view, network).iter().any(|prefix| prefix.contains(&address)) {
        return Err("registers_off_link");
    }
    if !view.port(port).is_some_and(|port| port.v6().any(|own| own == address)) {
        return Err("registers_unheld");
    }
    let association = Association::Registered(address);
    let leased = vec![IpNet::V6(address.into())];
    let change = match valid_s {
        // The host has it no longer.
        0 => LeaseChange::End { association },
        _ => LeaseChange::Bind { association, client: client.clone(), leased, valid_s },
    };
    // As it was sent: by this the host knows what was registered (RFC 9686, 4.3).
    let answer =
        Dhcp6Message { kind: Dhcp6Kind::AddrRegReply, transaction: message.transaction, options: vec![option.clone()] };
    Ok((answer, vec![change]))
}

/// What tells a host that asks for it that addresses can be registered (RFC 9686, 4.1).
pub(super) fn offered(view: &View<'_>, network: NetworkKey, message: &Dhcp6Message) -> Option<Dhcp6Option> {
    let code = dhcp6_option::ADDR_REG_ENABLE;
    let asks = |option: &Dhcp6Option| matches!(option, Dhcp6Option::OptionRequest(codes) if codes.contains(&code));
    let offered = message.options.iter().any(asks) && !given::formed_on(view, network).is_empty();
    offered.then(|| Dhcp6Option::Unknown { code, data: Bytes::new() })
}
