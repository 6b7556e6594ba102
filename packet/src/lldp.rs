//! LLDP (IEEE 802.1AB-2016): which port of which system is at the other end of a cable.

use addr::MacAddr;
use bytes::{BufMut, Bytes, BytesMut};

use crate::Bad;
use crate::wire::Reader;

/// Ethertype of LLDP (IEEE 802.1AB-2016, 7.4).
pub const ETHERTYPE_LLDP: u16 = 0x88cc;
/// "Nearest bridge": no bridge forwards what is sent there (IEEE 802.1AB-2016, 7.1).
pub const LLDP_GROUP: MacAddr = MacAddr([0x01, 0x80, 0xc2, 0x00, 0x00, 0x0e]);
/// TLVs that are read of one frame, the three mandatory ones left out.
pub const LLDP_TLVS_MAX: usize = 64;

const END: u8 = 0;
const CHASSIS: u8 = 1;
const PORT: u8 = 2;
const TTL: u8 = 3;
const SYSTEM_NAME: u8 = 5;
const ORGANIZATION: u8 = 127;

/// Bytes that the 9 bits of a TLV's length can count (IEEE 802.1AB-2016, 8.4).
const BODY_MAX: usize = 511;
/// Bytes of an identifier behind its subtype (8.5.2.3 and 8.5.3.4).
const ID_MAX: usize = 255;

/// What a frame of LLDP says.
///
/// ```text
///  7 bits  9 bits   length bytes
/// +------+--------+-------------+
/// | type | length |    body     |  chassis, port, time to live; then any others; type 0 and length 0 at the end
/// +------+--------+-------------+
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lldp {
    /// The system that sends it.
    pub chassis: LldpId,
    /// The port that it is sent from.
    pub port: LldpId,
    /// Seconds that it holds for; 0: the port is about to go.
    pub ttl_s: u16,
    /// What else it says, in order.
    pub tlvs: Vec<LldpTlv>,
}

/// A chassis' or a port's identifier (IEEE 802.1AB-2016, 8.5.2 and 8.5.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LldpId {
    /// What kind of identifier it is: 7, for both, is a name that means something to its giver only.
    pub subtype: u8,
    /// 1 to 255 bytes.
    pub id: Bytes,
}

impl LldpId {
    /// "Locally assigned", for chassis and ports alike (tables 8-2 and 8-3).
    pub const LOCAL: u8 = 7;

    /// A name that means something to its giver only.
    pub fn local(name: impl Into<Bytes>) -> LldpId {
        LldpId { subtype: LldpId::LOCAL, id: name.into() }
    }
}

/// One of the optional parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LldpTlv {
    /// The system's name (8.5.6).
    SystemName(Bytes),
    /// What an organization defines (8.6.1).
    Organization {
        /// The organization.
        oui: [u8; 3],
        /// Which of its TLVs.
        subtype: u8,
        /// Up to 507 bytes.
        info: Bytes,
    },
    /// Any other, as it came.
    Unknown {
        /// 4 to 126, but for those above.
        kind: u8,
        /// Up to 511 bytes.
        body: Bytes,
    },
}

impl Lldp {
    /// Reads the bytes after the Ethernet header: what a receiver must discard is refused (9.2.8.7.1); bytes after the end TLV are
    /// padding, and the end TLV itself may be absent.
    pub fn parse(bytes: &[u8]) -> Result<Lldp, Bad> {
        let mut r = Reader::new(bytes);
        let chassis = LldpId::parse(CHASSIS, mandatory(&mut r, CHASSIS)?)?;
        let port = LldpId::parse(PORT, mandatory(&mut r, PORT)?)?;
        let ttl_s = Reader::new(mandatory(&mut r, TTL)?).u16()?;
        let mut tlvs = Vec::new();
        while r.left() > 0 {
            let (kind, body) = tlv(&mut r)?;
            if kind == END {
                break;
            }
            if tlvs.len() >= LLDP_TLVS_MAX {
                return Err(Bad::TooMany { what: "TLVs", max: LLDP_TLVS_MAX });
            }
            tlvs.push(LldpTlv::parse(kind, body)?);
        }
        Ok(Lldp { chassis, port, ttl_s, tlvs })
    }

    /// The bytes after the Ethernet header, the end TLV included; refused if an identifier or a TLV has no room.
    pub fn emit(&self) -> Result<Bytes, Bad> {
        let Lldp { chassis, port, ttl_s, tlvs } = self;
        let mut out = BytesMut::new();
        put(&mut out, CHASSIS, &[&[chassis.subtype], chassis.checked(CHASSIS)?])?;
        put(&mut out, PORT, &[&[port.subtype], port.checked(PORT)?])?;
        put(&mut out, TTL, &[&ttl_s.to_be_bytes()])?;
        for tlv in tlvs {
            match tlv {
                LldpTlv::SystemName(name) => put(&mut out, SYSTEM_NAME, &[name])?,
                LldpTlv::Organization { oui, subtype, info } => put(&mut out, ORGANIZATION, &[oui, &[*subtype], info])?,
                LldpTlv::Unknown { kind: END..=TTL | SYSTEM_NAME | ORGANIZATION.., .. } => {
                    return Err(Bad::Unfit { kind: END.into(), why: "its type has a name of its own" });
                }
                LldpTlv::Unknown { kind, body } => put(&mut out, *kind, &[body])?,
            }
        }
        put(&mut out, END, &[])?;
        Ok(out.freeze())
    }
}

impl LldpId {
    fn parse(kind: u8, body: &[u8]) -> Result<LldpId, Bad> {
        let mut r = Reader::new(body);
        let subtype = r.u8()?;
        let id = LldpId { subtype, id: r.rest_bytes() };
        id.checked(kind)?;
        Ok(id)
    }

    fn checked(&self, kind: u8) -> Result<&[u8], Bad> {
        let fits = (1..=ID_MAX).contains(&self.id.len());
        if fits { Ok(&self.id) } else { Err(Bad::Unfit { kind: kind.into(), why: "an identifier has 1 to 255 bytes" }) }
    }
}

impl LldpTlv {
    fn parse(kind: u8, body: &[u8]) -> Result<LldpTlv, Bad> {
        let mut r = Reader::new(body);
        Ok(match kind {
            CHASSIS | PORT | TTL => {
                return Err(Bad::Unfit { kind: kind.into(), why: "it may come once, in its place" });
            }
            SYSTEM_NAME => LldpTlv::SystemName(r.rest_bytes()),
            ORGANIZATION => LldpTlv::Organization { oui: r.array()?, subtype: r.u8()?, info: r.rest_bytes() },
            _ => LldpTlv::Unknown { kind, body: r.rest_bytes() },
        })
    }
}

/// The next TLV: its type and body.
fn tlv<'a>(r: &mut Reader<'a>) -> Result<(u8, &'a [u8]), Bad> {
    let head = r.u16()?;
    Ok(((head >> 9) as u8, r.take(usize::from(head & 0x1ff))?))
}

/// The body of the next TLV, which has to be of a type.
fn mandatory<'a>(r: &mut Reader<'a>, wanted: u8) -> Result<&'a [u8], Bad> {
    let (kind, body) = tlv(r)?;
    if kind == wanted {
        Ok(body)
    } else {
        Err(Bad::Unfit { kind: kind.into(), why: "chassis, port and time to live come first" })
    }
}

fn put(out: &mut BytesMut, kind: u8, parts: &[&[u8]]) -> Result<(), Bad> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let head = u16::try_from(length).ok().filter(|_| length <= BODY_MAX);
    out.put_u16(
        u16::from(kind) << 9 | head.ok_or(Bad::Unfit { kind: kind.into(), why: "a body has up to 511 bytes" })?,
    );
    parts.iter().for_each(|part| out.put_slice(part));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lldp() -> Lldp {
        Lldp {
            chassis: LldpId::local(&b"0000000000000001"[..]),
            port: LldpId { subtype: 5, id: b"s1-eth2"[..].into() },
            ttl_s: 3,
            tlvs: vec![
                LldpTlv::SystemName(b"s1"[..].into()),
                LldpTlv::Unknown { kind: 7, body: vec![0, 4, 0, 4].into() },
                LldpTlv::Organization { oui: [0x02, 0x53, 0x4c], subtype: 1, info: vec![9; 16].into() },
            ],
        }
    }

    /// As `lldpd` and Wireshark read it: types 1, 2, 3, 5, 7, 127 and 0.
    const BYTES: &[u8] =
        b"\x02\x11\x070000000000000001\x04\x08\x05s1-eth2\x06\x02\x00\x03\x0a\x02s1\x0e\x04\x00\x04\x00\x04\
        \xfe\x14\x02\x53\x4c\x01\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x00\x00";

    #[test]
    fn what_is_written_is_read_again() {
        assert_eq!(lldp().emit().unwrap(), BYTES);
        assert_eq!(Lldp::parse(BYTES), Ok(lldp()));
        let padded = [BYTES, &[0xff; 9]].concat();
        assert_eq!(Lldp::parse(&padded), Ok(lldp()), "what follows the end is padding");
        assert_eq!(Lldp::parse(&BYTES[..BYTES.len() - 2]), Ok(lldp()), "the end itself may be absent");
    }

    #[test]
    fn what_a_receiver_must_discard_is_refused() {
        let out_of_order = [&BYTES[19..29], &BYTES[..19], &BYTES[29..]].concat();
        assert_eq!(
            Lldp::parse(&out_of_order),
            Err(Bad::Unfit { kind: 2, why: "chassis, port and time to live come first" })
        );
        let twice = [&BYTES[..33], &BYTES[29..]].concat();
        assert_eq!(Lldp::parse(&twice), Err(Bad::Unfit { kind: 3, why: "it may come once, in its place" }));
        for nameless in [&b"\x02\x01\x07"[..], b"\x02\x00"] {
            assert!(Lldp::parse(nameless).is_err());
        }
        for cut in [0, 1, 18, 30, 40] {
            assert!(matches!(Lldp::parse(&BYTES[..cut]), Err(Bad::Short { .. })), "{cut} bytes");
        }
        let many = [&BYTES[..33], &[0x0e, 0x00].repeat(LLDP_TLVS_MAX + 1)].concat();
        assert_eq!(Lldp::parse(&many), Err(Bad::TooMany { what: "TLVs", max: LLDP_TLVS_MAX }));
    }

    #[test]
    fn what_has_no_room_is_not_written() {
        let mut lldp = lldp();
        lldp.chassis.id = Bytes::new();
        assert!(lldp.emit().is_err());
        lldp.chassis.id = vec![1; 256].into();
        assert!(lldp.emit().is_err());
        lldp.chassis.id = vec![1; 255].into();
        lldp.tlvs = vec![LldpTlv::SystemName(vec![1; 512].into())];
        assert!(lldp.emit().is_err());
        lldp.tlvs = vec![LldpTlv::SystemName(vec![1; 511].into())];
        assert_eq!(Lldp::parse(&lldp.emit().unwrap()), Ok(lldp.clone()));
        lldp.tlvs = vec![LldpTlv::Unknown { kind: 3, body: Bytes::new() }];
        assert!(lldp.emit().is_err());
    }
}
