//! Routers upstream that are told of exposed prefixes by BGP.

use std::net::IpAddr;

use addr::is_link_local;
use proto::v1;
use topology::ResourceId;

use super::router::Router;
use super::{Model, text};
use crate::catalog::Catalog;
use crate::catalog::findings::Findings;
use crate::catalog::ident::{ROUTER, short};
use crate::effect::BgpPeer;

/// Peers of one router.
const PEERS_MAX: usize = 16;
/// Stands for an AS that does not fit 16 bits (RFC 6793, 9), and is nobody's.
const AS_TRANS: u32 = 23_456;

pub(super) fn parse(peers: &mut [v1::BgpPeer], findings: &mut Findings) -> Vec<BgpPeer> {
    if peers.len() > PEERS_MAX {
        findings.spec("bgp_peers", format!("has {} entries; {PEERS_MAX} are the most", peers.len()));
        return Vec::new();
    }
    let mut read: Vec<BgpPeer> = Vec::new();
    for (i, peer) in peers.iter_mut().enumerate() {
        let field = format!("bgp_peers[{i}]");
        let address = text::read::<IpAddr>(&mut peer.address, &format!("{field}.address"), findings);
        if matches!(peer.asn, 0 | AS_TRANS | u32::MAX) {
            findings.spec(format!("{field}.asn"), format!("{} is no AS number: 1 to 4294967294, not 23456", peer.asn));
        }
        if let Some(path) = peer.password_file.as_deref().filter(|path| !path.starts_with('/')) {
            let message = format!("{path:?} is no absolute path of a file on the controller's machine");
            findings.spec(format!("{field}.password_file"), message);
        }
        let Some(address) = address else { continue };
        if address.is_unspecified() || address.is_multicast() || address.is_loopback() {
            findings.spec(format!("{field}.address"), format!("{address} is not a unicast address"));
        } else if matches!(address, IpAddr::V6(address) if is_link_local(address)) {
            let message = format!("{address} is link-local: gobgpd would have to be on that link");
            findings.spec(format!("{field}.address"), message);
        } else if read.iter().any(|other| other.address == address) {
            findings.spec(format!("{field}.address"), "is listed twice");
        }
        read.push(BgpPeer { address, asn: peer.asn, password_file: peer.password_file.clone() });
    }
    read
}

/// One gobgpd speaks for all: its peers hear all that is exposed, so they are upstream of one provider network, and each is one AS'.
pub(super) fn check(catalog: &Catalog, id: &ResourceId, router: &Router, findings: &mut Findings) {
    if router.peers.is_empty() {
        return;
    }
    let Some(gateway) = &router.gateway else {
        findings.spec("bgp_peers", "need an external_gateway: what is told leads over its ip_addresses");
        return;
    };
    for other_id in catalog.ids(ROUTER).filter(|other| *other != id) {
        let Some(Model::Router(other)) = catalog.model(other_id) else { continue };
        let name = short(&id.tenant, other_id);
        let beyond = other.gateway.as_ref().filter(|_| !other.peers.is_empty()).map(|gateway| &gateway.network);
        if let Some(network) = beyond.filter(|network| **network != gateway.network) {
            let message = format!(
                "router {name} has peers and leads to {network}: peers of one provider network would hear of another's routes"
            );
            findings.spec("bgp_peers", message);
        }
        for (i, peer) in router.peers.iter().enumerate() {
            let same = other.peers.iter().find(|theirs| theirs.address == peer.address);
            if same.is_some_and(|theirs| theirs != peer) {
                let message = format!("router {name} has this peer with another asn or password_file");
                findings.spec(format!("bgp_peers[{i}]"), message);
            }
        }
    }
}

impl Catalog {
    /// The peers that a router names.
    pub(crate) fn bgp_peers(&self, router: &ResourceId) -> &[BgpPeer] {
        match self.model(router) {
            Some(Model::Router(router)) => &router.peers,
            _ => &[],
        }
    }
}
