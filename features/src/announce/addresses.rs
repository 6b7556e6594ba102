//! Which MAC an address has: neighbours that learnt another are told, for they would use it until it fails them.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;

use addr::MacAddr;
use ofp::Action;
use packet::Advertised;
use topology::{ChassisKey, Holder, Key, NetworkKey, Place, View, World};

use crate::l2::group_here;
use crate::punt::PacketOut;
use crate::router::FE80_1;

/// An address on a network.
pub(super) type At = (NetworkKey, IpAddr);

/// Addresses without a holder that are remembered: one may come back with another MAC.
const GONE_MAX: usize = 10_000;

/// The MAC that each address had last.
#[derive(Debug, Default)]
pub(super) struct Known {
    macs: HashMap<At, MacAddr>,
    /// Those that nobody holds, the longest forsaken first; some are held again.
    gone: VecDeque<At>,
}

impl Known {
    /// Looks at an address again: whether neighbours may know another MAC than it has now.
    pub(super) fn outdated(&mut self, world: &World, at: At) -> bool {
        match speaker(&View::new(world), at) {
            Some(Speaker { mac, .. }) => self.macs.insert(at, mac).is_some_and(|before| before != mac),
            None => {
                if self.macs.contains_key(&at) {
                    self.gone.push_back(at);
                }
                while self.gone.len() > GONE_MAX {
                    self.forget_one(world);
                }
                false
            }
        }
    }

    fn forget_one(&mut self, world: &World) {
        if let Some(at) = self.gone.pop_front()
            && speaker(&View::new(world), at).is_none()
        {
            self.macs.remove(&at);
        }
    }
}

/// The address whose MAC a change concerns.
pub(super) fn concerned(key: &Key) -> Option<At> {
    match *key {
        Key::Holder(network, address) => Some((network, address)),
        Key::InterfacesOn(network) => Some((network, IpAddr::V6(FE80_1))),
        _ => None,
    }
}

/// Who has an address.
struct Speaker {
    mac: MacAddr,
    router: bool,
    /// Where it is plugged, if it is a port.
    place: Option<Place>,
}

fn speaker(view: &View<'_>, (network, address): At) -> Option<Speaker> {
    let holder = match view.holder(network, address) {
        None if address == IpAddr::V6(FE80_1) => {
            let (router, subnet) = *view.interfaces_on(network).first()?;
            Holder::Router(router, subnet)
        }
        holder => holder?,
    };
    Some(match holder {
        Holder::Router(router, subnet) => {
            Speaker { mac: view.interface(router, subnet)?.mac, router: true, place: None }
        }
        Holder::Port(port) => Speaker { mac: view.port(port)?.mac, router: false, place: view.place(port) },
    })
}

/// The announcements of an address: by each chassis that has ports of the network and is ready, to those ports.
pub(super) fn frames(world: &World, at: At, ready: &impl Fn(ChassisKey) -> bool) -> Vec<PacketOut> {
    let Some(speaker) = speaker(&View::new(world), at) else { return Vec::new() };
    let frame = frame(&speaker, at.1);
    let residents = world.residents(at.0).into_iter().filter(|chassis| ready(*chassis));
    let announce = |chassis| {
        let to_all = PacketOut::by(chassis, vec![Action::Group(group_here(at.0))], frame.clone());
        // But not to the one who has the address: while it still probes for duplicates, it would take this for one
        // (RFC 4862, 5.4.4).
        match speaker.place.filter(|place| place.chassis == chassis) {
            Some(own) => PacketOut { in_port: own.ofport, ..to_all },
            None => to_all,
        }
    };
    residents.map(announce).collect()
}

/// An unsolicited advertisement that overrides (RFC 4861, 7.2.6), or an ARP announcement (RFC 5227, 2.3).
fn frame(speaker: &Speaker, address: IpAddr) -> Vec<u8> {
    let Speaker { mac, router, .. } = *speaker;
    match address {
        IpAddr::V4(address) => packet::arp_request(mac, address, address).to_vec(),
        IpAddr::V6(target) => {
            let advertised = Advertised { mac, target, src: target, router, override_: true };
            packet::neighbor_advert(&advertised, None).to_vec()
        }
    }
}
