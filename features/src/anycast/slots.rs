//! Which instance has which slot of a service: each slot goes to the instance that draws the highest lot for it (rendezvous hashing).
//! So when one goes only its own slots change hands, and when it comes back it gets the same.

use flows::SLOTS;
use topology::PortKey;

/// The instance of each slot, as indexes into a list that is not empty.
pub(crate) fn assign(instances: &[PortKey]) -> [usize; SLOTS] {
    std::array::from_fn(|slot| {
        let lots = instances.iter().enumerate().map(|(at, port)| (lot(slot as u32, *port), at));
        lots.max().map_or(0, |(_, at)| at)
    })
}

/// The finalizer of MurmurHash3: all bits of both depend on all bits.
fn lot(slot: u32, port: PortKey) -> u64 {
    let mut x = u64::from(slot) << 32 | u64::from(port.0);
    for factor in [0xff51_afd7_ed55_8ccd, 0xc4ce_b9fe_1a85_ec53] {
        x = (x ^ (x >> 33)).wrapping_mul(factor);
    }
    x ^ (x >> 33)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ports(n: u32) -> Vec<PortKey> {
        (1..=n).map(PortKey).collect()
    }

    fn whose(instances: &[PortKey]) -> Vec<PortKey> {
        assign(instances).iter().map(|at| instances[*at]).collect()
    }

    #[test]
    fn who_goes_takes_only_its_own_slots_along() {
        for n in 2..=8 {
            let all = ports(n);
            let before = whose(&all);
            for gone in &all {
                let rest: Vec<PortKey> = all.iter().copied().filter(|port| port != gone).collect();
                let after = whose(&rest);
                for (was, is) in before.iter().zip(&after) {
                    assert!(was == is || was == gone, "{n} instances: a slot of {was} went to {is} with {gone}");
                }
                assert!(!after.contains(gone));
            }
        }
    }

    #[test]
    fn slots_are_spread() {
        for n in 2..=6 {
            for first in [1, 77, 40_000] {
                let instances: Vec<PortKey> = (first..first + n).map(PortKey).collect();
                let slots = whose(&instances);
                for port in &instances {
                    let count = slots.iter().filter(|other| *other == port).count();
                    assert!(
                        (SLOTS / n as usize / 3..=SLOTS * 2 / n as usize).contains(&count),
                        "{n}: {port} has {count}"
                    );
                }
            }
        }
        assert_eq!(assign(&ports(1)), [0; SLOTS]);
    }
}
