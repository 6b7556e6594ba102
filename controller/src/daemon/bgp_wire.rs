//! What is said to gobgpd, as its API spells it.

use std::collections::BTreeMap;
use std::net::IpAddr;

use addr::IpNet;
use brain::BgpPeer;
use prost::Message as _;
use proto::apipb;

/// A prefix and its next hop.
pub(super) type Said = (IpNet, IpAddr);

/// A path's number with these upper 16 bits is ours ("SX").
const OURS: u32 = 0x5358_0000;
/// What the descriptions of our peers begin with.
const MARK: &str = "sextant ";
/// The state of a session that stands.
pub(super) const ESTABLISHED: i32 = 6;
/// Paths of one prefix that a peer is told of (RFC 7911), at most.
const PATHS_MAX: u32 = 32;
/// Routers between gobgpd and a peer: it need not be on the peer's link.
const TTL: u32 = 255;
/// Seconds.
const CONNECT_RETRY_S: u64 = 3;
const HOLD_S: u64 = 9;
const KEEPALIVE_S: u64 = 3;
/// For how long a peer keeps what it was told when gobgpd is gone (RFC 4724), seconds: what it leads over goes on without it.
const RESTART_S: u32 = 120;
/// For how long gobgpd waits at most for what peers have to say before it says its own.
const DEFERRAL_S: u32 = 3;
/// The origin "IGP" (RFC 4271, 4.3).
const ORIGIN_IGP: u32 = 0;

/// Unicast of a family.
pub(super) fn family(ipv6: bool) -> apipb::Family {
    apipb::Family { afi: if ipv6 { 2 } else { 1 }, safi: 1 }
}

/// A path that gobgpd originates.
pub(super) fn path((prefix, nexthop): Said, number: u32) -> apipb::Path {
    let ipv6 = matches!(prefix, IpNet::V6(_));
    let net = apipb::IpAddressPrefix { prefix_len: prefix.prefix_len().into(), prefix: prefix.addr().to_string() };
    let nlri = any("IPAddressPrefix", &net);
    let way = match ipv6 {
        true => {
            let (family, next_hops, nlris) = (Some(family(true)), vec![nexthop.to_string()], vec![nlri.clone()]);
            any("MpReachNLRIAttribute", &apipb::MpReachNlriAttribute { family, next_hops, nlris })
        }
        false => any("NextHopAttribute", &apipb::NextHopAttribute { next_hop: nexthop.to_string() }),
    };
    apipb::Path {
        nlri: Some(nlri),
        pattrs: vec![any("OriginAttribute", &apipb::OriginAttribute { origin: ORIGIN_IGP }), way],
        family: Some(family(ipv6)),
        identifier: number,
        ..apipb::Path::default()
    }
}

/// What a path of ours says, and its number; `None`: it is not ours.
pub(super) fn read_path(path: &apipb::Path) -> Option<(Said, u32)> {
    if path.identifier & 0xffff_0000 != OURS {
        return None;
    }
    let net = apipb::IpAddressPrefix::decode(&*path.nlri.as_ref()?.value).ok()?;
    let prefix = IpNet::new(net.prefix.parse().ok()?, u8::try_from(net.prefix_len).ok()?).ok()?;
    let nexthop = path.pattrs.iter().find_map(|attribute| match attribute.type_url.rsplit('.').next()? {
        "MpReachNLRIAttribute" => {
            let reach = apipb::MpReachNlriAttribute::decode(&*attribute.value).ok()?;
            reach.next_hops.first()?.parse().ok()
        }
        "NextHopAttribute" => apipb::NextHopAttribute::decode(&*attribute.value).ok()?.next_hop.parse().ok(),
        _ => None,
    })?;
    Some(((prefix, nexthop), path.identifier))
}

/// A number for a path, that no other path of its prefix has.
pub(super) fn number(held: &BTreeMap<Said, u32>, prefix: IpNet, nexthop: IpAddr) -> u32 {
    let least: IpAddr = if nexthop.is_ipv6() { [0; 16].into() } else { [0; 4].into() };
    let others = held.range((prefix, least)..).take_while(|((other, _), _)| *other == prefix);
    let taken: Vec<u32> = others.map(|(_, number)| *number).collect();
    let mut low = hash(nexthop.to_string().as_bytes()) as u16;
    while taken.contains(&(OURS | u32::from(low))) {
        low = low.wrapping_add(1);
    }
    OURS | u32::from(low)
}

/// A peer as gobgpd is to have it.
pub(super) fn peer(peer: &BgpPeer, password: &str, mark: &str) -> apipb::Peer {
    let afi_safi = |ipv6| apipb::AfiSafi {
        mp_graceful_restart: Some(apipb::MpGracefulRestart {
            config: Some(apipb::MpGracefulRestartConfig { enabled: true }),
        }),
        config: Some(apipb::AfiSafiConfig { family: Some(family(ipv6)), enabled: true }),
        add_paths: Some(apipb::AddPaths {
            config: Some(apipb::AddPathsConfig { receive: false, send_max: PATHS_MAX }),
        }),
    };
    let timers =
        apipb::TimersConfig { connect_retry: CONNECT_RETRY_S, hold_time: HOLD_S, keepalive_interval: KEEPALIVE_S };
    apipb::Peer {
        conf: Some(apipb::PeerConf {
            auth_password: password.to_owned(),
            description: mark.to_owned(),
            neighbor_address: peer.address.to_string(),
            peer_asn: peer.asn,
        }),
        ebgp_multihop: Some(apipb::EbgpMultihop { enabled: true, multihop_ttl: TTL }),
        timers: Some(apipb::Timers { config: Some(timers) }),
        graceful_restart: Some(apipb::GracefulRestart {
            enabled: true,
            restart_time: RESTART_S,
            deferral_time: DEFERRAL_S,
            local_restarting: true,
        }),
        afi_safis: vec![afi_safi(true), afi_safi(false)],
        state: None,
    }
}

/// What our peers' descriptions say: that they are ours, and as a hash how they are configured.
pub(super) fn mark(asn: u32, password: &str) -> String {
    format!("{MARK}{:08x}", hash(format!("{asn} {TTL} {HOLD_S} {PATHS_MAX} {RESTART_S} {password}").as_bytes()))
}

/// Whether we have configured a peer.
pub(super) fn is_ours(conf: &apipb::PeerConf) -> bool {
    conf.description.starts_with(MARK)
}

/// The name of a session's state (RFC 4271, 8.2.2).
pub(super) fn state_name(state: i32) -> &'static str {
    ["Unknown", "Idle", "Connect", "Active", "OpenSent", "OpenConfirm", "Established"]
        .get(usize::try_from(state).unwrap_or_default())
        .copied()
        .unwrap_or("Unknown")
}

/// The same for ever (FNV-1a): a controller of another version knows what is ours.
fn hash(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

fn any(name: &str, message: &impl prost::Message) -> prost_types::Any {
    prost_types::Any { type_url: format!("type.googleapis.com/apipb.{name}"), value: message.encode_to_vec() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_read_back() {
        for (prefix, nexthop) in [("2001:db8:a::/64", "2001:db8:100::10"), ("10.1.0.5/32", "203.0.113.10")] {
            let said: Said = (prefix.parse().unwrap(), nexthop.parse().unwrap());
            let number = number(&BTreeMap::new(), said.0, said.1);
            assert_eq!(read_path(&path(said, number)), Some((said, number)));
            assert_eq!(read_path(&path(said, 7)), None, "another's");
        }
    }

    #[test]
    fn paths_of_one_prefix_have_numbers_of_their_own() {
        let prefix: IpNet = "2001:db8:a::/64".parse().unwrap();
        let mut held = BTreeMap::new();
        for n in 0..300u16 {
            let nexthop: IpAddr = format!("2001:db8:100::{n:x}").parse().unwrap();
            let number = number(&held, prefix, nexthop);
            assert!(held.values().all(|other| *other != number));
            held.insert((prefix, nexthop), number);
        }
    }
}
