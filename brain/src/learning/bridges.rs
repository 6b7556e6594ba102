//! The MACs of bridges' own ports: what the kernel sends by a bridge's end of a cable is no host.

use std::collections::{BTreeMap, BTreeSet};

use addr::{MacAddr, OfPort};
use topology::ChassisKey;

use super::held::At;

/// Which ports have which MAC, as bridges have told last.
#[derive(Debug, Default)]
pub(crate) struct BridgeMacs {
    macs: BTreeMap<At, MacAddr>,
    ports: BTreeMap<MacAddr, BTreeSet<At>>,
}

impl BridgeMacs {
    /// All ports of a chassis with their MACs; those that are new.
    pub(crate) fn set_all(&mut self, chassis: ChassisKey, macs: &BTreeMap<OfPort, MacAddr>) -> Vec<(OfPort, MacAddr)> {
        let known = self.macs.range((chassis, OfPort(0))..=(chassis, OfPort(u32::MAX)));
        let gone: Vec<OfPort> = known.map(|((_, port), _)| *port).filter(|port| !macs.contains_key(port)).collect();
        for port in gone {
            self.set((chassis, port), None);
        }
        macs.iter().filter_map(|(port, mac)| Some((*port, self.set((chassis, *port), Some(*mac))?))).collect()
    }

    /// One port has this MAC, or is gone. The MAC, if it is new there.
    pub(crate) fn set(&mut self, at: At, mac: Option<MacAddr>) -> Option<MacAddr> {
        let old = self.macs.get(&at).copied();
        if old == mac {
            return None;
        }
        if let Some(old) = old {
            self.macs.remove(&at);
            if let Some(ports) = self.ports.get_mut(&old) {
                ports.remove(&at);
                if ports.is_empty() {
                    self.ports.remove(&old);
                }
            }
        }
        if let Some(mac) = mac {
            self.macs.insert(at, mac);
            self.ports.entry(mac).or_default().insert(at);
        }
        mac
    }

    /// Whether a MAC is that of another bridge port than this one. A host that is an internal port of its bridge has its port's.
    pub(crate) fn is_anothers(&self, mac: MacAddr, at: At) -> bool {
        self.ports.get(&mac).is_some_and(|ports| ports.iter().any(|other| *other != at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_has_one_mac_and_a_mac_many_ports() {
        let mac = |n| MacAddr([2, 0, 0, 0, 0, n]);
        let at = |chassis, port| (ChassisKey(chassis), OfPort(port));
        let mut all = BridgeMacs::default();
        let set = |all: &mut BridgeMacs, chassis, ports: &[(u32, u8)]| {
            let macs = ports.iter().map(|(port, n)| (OfPort(*port), mac(*n))).collect();
            all.set_all(ChassisKey(chassis), &macs).len()
        };
        assert_eq!(set(&mut all, 1, &[(1, 1), (2, 2)]), 2);
        assert!(all.is_anothers(mac(1), at(2, 1)) && !all.is_anothers(mac(1), at(1, 1)));
        assert_eq!(set(&mut all, 2, &[(1, 1)]), 1);
        assert!(all.is_anothers(mac(1), at(1, 1)));
        assert_eq!(set(&mut all, 2, &[(1, 3)]), 1);
        assert!(!all.is_anothers(mac(1), at(1, 1)) && all.is_anothers(mac(3), at(1, 1)));
        assert_eq!(set(&mut all, 1, &[(1, 1), (2, 2)]), 0);
        assert_eq!(all.set(at(1, 2), Some(mac(2))), None);
        assert_eq!(all.set(at(1, 2), Some(mac(1))), Some(mac(1)));
        assert!(!all.is_anothers(mac(2), at(9, 9)) && all.is_anothers(mac(1), at(1, 1)));
        assert_eq!(all.set(at(1, 2), None), None);
        assert!(!all.is_anothers(mac(1), at(1, 1)));
        assert_eq!((set(&mut all, 1, &[]), set(&mut all, 2, &[])), (0, 0));
        assert!(all.macs.is_empty() && all.ports.is_empty());
    }
}
