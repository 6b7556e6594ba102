//! Clients that are told to ask again (RFC 8415, 18.3.11): those that take such messages, by a key that is agreed on with a lease.

use std::net::Ipv6Addr;

use addr::link_local;
use bytes::Bytes;
use packet::{
    DHCP6_CLIENT_PORT, DHCP6_SERVER_PORT, Dhcp6Kind, Dhcp6Message, Dhcp6Option, duid_ll, ipv6_frame, protocol,
    reconfigure_key, udp,
};
use topology::{PortKey, View, World};

use super::offer;
use super::relay::Asked;
use crate::Millis;
use crate::lease::{Agreement, LeaseChange, Reconfigure, Secret};
use crate::punt::PacketOut;
use crate::router::network_mac;
use crate::siphash::siphash;

/// Which message is wanted: a renewal (RFC 8415, 21.19).
const RENEW: u8 = 5;

/// What a client that takes reconfigure messages is answered besides, and what is agreed on. Behind a relay agent it is not reached.
pub(super) fn agree(
    asked: &Asked,
    from: Ipv6Addr,
    answer: &mut Dhcp6Message,
    leases: &[LeaseChange],
    now: Millis,
    secret: Secret,
) -> Reconfigure {
    let Asked { message, client, .. } = asked;
    let accepts = message.options.contains(&Dhcp6Option::ReconfigureAccept) && !asked.is_relayed();
    let binds = leases.iter().any(|change| matches!(change, LeaseChange::Bind { .. }));
    let asks = matches!(message.kind, Dhcp6Kind::Solicit | Dhcp6Kind::Request | Dhcp6Kind::Renew | Dhcp6Kind::Rebind);
    if accepts && asks {
        answer.options.push(Dhcp6Option::ReconfigureAccept);
    }
    match message.kind {
        Dhcp6Kind::Renew | Dhcp6Kind::Rebind => Reconfigure::AsBefore,
        _ if accepts && binds => {
            let half = |n: u8| {
                let port = client.0.to_be_bytes();
                siphash(secret, &[&b"reconfigure key"[..], &[n], &port, &now.0.to_be_bytes()].concat())
            };
            let key = (u128::from(half(0)) << 64 | u128::from(half(1))).to_be_bytes();
            answer.options.push(reconfigure_key(key, now.0));
            Reconfigure::By(Agreement { key, address: from })
        }
        _ => Reconfigure::Never,
    }
}

/// What a port's client is told by DHCPv6, in a number; `None`: nothing. Another one: there is something new to be told.
pub fn told(world: &World, port: PortKey) -> Option<u64> {
    let view = View::new(world);
    // What is left of a lifetime is less each time, and nothing new.
    let offers = offer::of(&view, port, view.port(port)?.network, Millis(0))?;
    Some(siphash([0; 16], format!("{offers:?}").as_bytes()))
}

/// Tells a client on a port to renew its leases; `None`: the port is not plugged. `now` is later than in any message before.
pub fn message(
    world: &World,
    port: PortKey,
    client: &Bytes,
    Agreement { key, address }: &Agreement,
    now: Millis,
) -> Option<PacketOut> {
    let view = View::new(world);
    let (fact, place) = (view.port(port)?, view.place(port)?);
    let mac = network_mac(fact.network);
    let options = vec![
        Dhcp6Option::ServerId(duid_ll(mac)),
        Dhcp6Option::ClientId(client.clone()),
        Dhcp6Option::ReconfigureMessage(RENEW),
    ];
    let message = Dhcp6Message { kind: Dhcp6Kind::Reconfigure, transaction: 0, options };
    let payload = message.emit_signed(*key, now.0).ok()?;
    let from = link_local(mac);
    let payload = udp(from, *address, DHCP6_SERVER_PORT, DHCP6_CLIENT_PORT, &payload);
    let frame = ipv6_frame(mac, fact.mac, from, *address, 64, protocol::UDP, &payload);
    Some(PacketOut::to(place, frame))
}
