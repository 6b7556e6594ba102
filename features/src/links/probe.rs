//! What a chassis says out of its ports, and whether what comes in by another was said so: LLDP with a mark that nobody else can make.

use addr::{Dpid, MacAddr, OfPort};
use packet::{ETHERTYPE_LLDP, Ethernet, LLDP_GROUP, Lldp, LldpId, LldpTlv};
use topology::ChassisKey;

use crate::Millis;
use crate::punt::Unanswered;
use crate::siphash::siphash;

/// Seconds that others may believe it for.
const TTL_S: u16 = 3;
/// Whose mark it is: locally administered, as no organization has one.
const OUI: [u8; 3] = [0x02, 0x53, 0x4c];
const SUBTYPE: u8 = 1;
/// Milliseconds after which a mark is worth nothing: what was heard can't be said again later.
const FRESH_MS: u64 = 2_000;

/// The key of the marks: another one in each process.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Mark(pub [u8; 16]);

/// Nobody reads it in a log.
impl std::fmt::Debug for Mark {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Mark")
    }
}

/// What is said out of a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probe {
    /// By this chassis.
    pub chassis: ChassisKey,
    /// Out of this port.
    pub port: OfPort,
    /// At this time.
    pub at: Millis,
}

impl Probe {
    /// The frame; for people and their tools with the bridge's id, its name and the port's. `from`: the port's MAC.
    pub fn frame(&self, mark: Mark, dpid: Dpid, (system, interface): (&str, &str), from: MacAddr) -> Vec<u8> {
        let lldp = Lldp {
            chassis: LldpId::local(dpid.to_string().into_bytes()),
            // 5: the interface's name (table 8-3).
            port: LldpId { subtype: 5, id: interface.as_bytes().to_vec().into() },
            ttl_s: TTL_S,
            tlvs: vec![
                LldpTlv::SystemName(system.as_bytes().to_vec().into()),
                LldpTlv::Organization { oui: OUI, subtype: SUBTYPE, info: self.info(mark).into() },
            ],
        };
        // Names of bridges and ports are short, and never empty: there is always room.
        let body = lldp.emit().unwrap_or_default();
        Ethernet::untagged(from, LLDP_GROUP, ETHERTYPE_LLDP).emit(&body).to_vec()
    }

    /// Reads what came in, if it was said by one of ours, and lately.
    pub fn heard(mark: Mark, frame: &[u8], now: Millis) -> Result<Probe, Unanswered> {
        let (ethernet, body) = Ethernet::parse(frame).map_err(|_| "malformed")?;
        if ethernet.ethertype != ETHERTYPE_LLDP || !ethernet.vlans.is_empty() {
            return Err("malformed");
        }
        let lldp = Lldp::parse(body).map_err(|_| "malformed")?;
        let info = lldp.tlvs.iter().find_map(|tlv| match tlv {
            LldpTlv::Organization { oui: OUI, subtype: SUBTYPE, info } => Some(info),
            _ => None,
        });
        let probe = Probe::read(info.ok_or("anothers")?).ok_or("malformed")?;
        if probe.info(mark) != **info.ok_or("anothers")? {
            return Err("forged");
        }
        let fresh = probe.at <= now && now.0 - probe.at.0 <= FRESH_MS;
        if fresh { Ok(probe) } else { Err("stale") }
    }

    /// Chassis (2 bytes), port (4), time in milliseconds (8), and the code of all that.
    fn info(&self, Mark(key): Mark) -> Vec<u8> {
        let mut info = Vec::with_capacity(22);
        info.extend(self.chassis.0.to_be_bytes());
        info.extend(self.port.0.to_be_bytes());
        info.extend(self.at.0.to_be_bytes());
        let code = siphash(key, &info);
        info.extend(code.to_be_bytes());
        info
    }

    fn read(info: &[u8]) -> Option<Probe> {
        let (chassis, rest) = info.split_first_chunk()?;
        let (port, rest) = rest.split_first_chunk()?;
        let at = rest.first_chunk()?;
        let (chassis, port) = (u16::from_be_bytes(*chassis), u32::from_be_bytes(*port));
        Some(Probe { chassis: ChassisKey(chassis), port: OfPort(port), at: Millis(u64::from_be_bytes(*at)) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROBE: Probe = Probe { chassis: ChassisKey(7), port: OfPort(3), at: Millis(1_000) };
    const MARK: Mark = Mark([9; 16]);

    fn frame() -> Vec<u8> {
        PROBE.frame(MARK, Dpid(7), ("s7", "s7-eth3"), MacAddr([2, 0, 0, 0, 0, 1]))
    }

    #[test]
    fn what_is_said_is_heard_for_a_while() {
        let at = |now| Probe::heard(MARK, &frame(), Millis(now));
        assert_eq!(at(1_000), Ok(PROBE));
        assert_eq!(at(3_000), Ok(PROBE));
        assert_eq!(at(3_001), Err("stale"));
        assert_eq!(at(999), Err("stale"), "said in the future");
    }

    #[test]
    fn nobody_else_can_say_it() {
        assert_eq!(Probe::heard(Mark([8; 16]), &frame(), Millis(1_000)), Err("forged"));
        let heard = |frame: &[u8]| Probe::heard(MARK, frame, Millis(1_000));
        let good = frame();
        // The end TLV is the only part that the mark does not need.
        for at in 14..good.len() - 2 {
            let mut bad = good.clone();
            bad[at] ^= 1;
            let marked = good.len() - 2 - 22..good.len() - 2;
            assert!(heard(&bad).is_err() || !marked.contains(&at), "byte {at}");
        }
        let foreign =
            Lldp { chassis: LldpId::local(&b"x"[..]), port: LldpId::local(&b"y"[..]), ttl_s: 120, tlvs: vec![] };
        let foreign = Ethernet::untagged(MacAddr::ZERO, LLDP_GROUP, ETHERTYPE_LLDP).emit(&foreign.emit().unwrap());
        assert_eq!(heard(&foreign), Err("anothers"));
        assert_eq!(heard(&good[..30]), Err("malformed"));
        assert_eq!(
            heard(&packet::neighbor_solicit(MacAddr::ZERO, "fe80::1".parse().unwrap(), "fe80::2".parse().unwrap())),
            Err("malformed")
        );
    }
}
