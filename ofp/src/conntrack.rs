//! Flushing conntrack over OpenFlow (Nicira, Open vSwitch 3.1).

use std::net::{IpAddr, Ipv6Addr};

use bytes::Bytes;

use crate::Bad;
use crate::wire::{Reader, Writer, read_distinct_properties, write_property, write_raw_property, write_u16_property};

/// Forget connections (`NXT_CT_FLUSH`). What is absent matches anything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CtFlush {
    /// IP protocol; 0 with no tuple: any.
    pub ip_proto: u8,
    /// Only this zone.
    pub zone: Option<u16>,
    /// The direction of the connection's first packet.
    pub original: Option<CtTuple>,
    /// The other direction.
    pub reply: Option<CtTuple>,
    /// Properties that are not known here, each as read.
    pub unknown: Vec<Bytes>,
}

/// One direction of a connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CtTuple {
    /// From.
    pub src: Option<IpAddr>,
    /// To.
    pub dst: Option<IpAddr>,
    /// From port.
    pub src_port: Option<u16>,
    /// To port.
    pub dst_port: Option<u16>,
    /// ICMP identifier.
    pub icmp_id: Option<u16>,
    /// ICMP type.
    pub icmp_type: Option<u8>,
    /// ICMP code.
    pub icmp_code: Option<u8>,
    /// Properties that are not known here, each as read.
    pub unknown: Vec<Bytes>,
}

/// Properties of `NXT_CT_FLUSH`.
mod property {
    pub(super) const ORIGINAL: u16 = 0;
    pub(super) const REPLY: u16 = 1;
    pub(super) const ZONE: u16 = 2;
}

/// Properties of a tuple.
mod tuple {
    pub(super) const SRC: u16 = 0;
    pub(super) const DST: u16 = 1;
    pub(super) const SRC_PORT: u16 = 2;
    pub(super) const DST_PORT: u16 = 3;
    pub(super) const ICMP_ID: u16 = 4;
    pub(super) const ICMP_TYPE: u16 = 5;
    pub(super) const ICMP_CODE: u16 = 6;
}

impl CtFlush {
    pub(crate) fn read(r: &mut Reader<'_>) -> Result<CtFlush, Bad> {
        let mut flush = CtFlush { ip_proto: r.u8()?, ..CtFlush::default() };
        r.skip(7)?;
        read_distinct_properties(r, |kind, mut body, raw| {
            match kind {
                property::ORIGINAL => flush.original = Some(CtTuple::read(&mut body)?),
                property::REPLY => flush.reply = Some(CtTuple::read(&mut body)?),
                property::ZONE => flush.zone = Some(body.u16()?),
                _ => {
                    flush.unknown.push(Bytes::copy_from_slice(raw));
                    body.rest();
                }
            }
            body.padding()
        })?;
        Ok(flush)
    }

    pub(crate) fn write(&self, w: &mut Writer<'_>) {
        let CtFlush { ip_proto, zone, original, reply, unknown } = self;
        w.u8(*ip_proto);
        w.zeros(7);
        for (kind, tuple) in [(property::ORIGINAL, original), (property::REPLY, reply)] {
            if let Some(tuple) = tuple {
                write_property(w, kind, |w| tuple.write(w));
            }
        }
        if let Some(zone) = zone {
            write_u16_property(w, property::ZONE, *zone);
        }
        unknown.iter().for_each(|raw| write_raw_property(w, raw));
    }
}

impl CtTuple {
    fn read(r: &mut Reader<'_>) -> Result<CtTuple, Bad> {
        let mut found = CtTuple::default();
        r.skip(4)?;
        read_distinct_properties(r, |kind, mut body, raw| {
            match kind {
                tuple::SRC => found.src = Some(read_address(&mut body)?),
                tuple::DST => found.dst = Some(read_address(&mut body)?),
                tuple::SRC_PORT => found.src_port = Some(body.u16()?),
                tuple::DST_PORT => found.dst_port = Some(body.u16()?),
                tuple::ICMP_ID => found.icmp_id = Some(body.u16()?),
                tuple::ICMP_TYPE => found.icmp_type = Some(body.u8()?),
                tuple::ICMP_CODE => found.icmp_code = Some(body.u8()?),
                _ => {
                    found.unknown.push(Bytes::copy_from_slice(raw));
                    body.rest();
                }
            }
            body.padding()
        })?;
        Ok(found)
    }

    fn write(&self, w: &mut Writer<'_>) {
        let CtTuple { src, dst, src_port, dst_port, icmp_id, icmp_type, icmp_code, unknown } = self;
        w.zeros(4);
        for (kind, address) in [(tuple::SRC, src), (tuple::DST, dst)] {
            if let Some(address) = address {
                write_property(w, kind, |w| w.bytes(&to_ipv6(*address).octets()));
            }
        }
        for (kind, number) in [(tuple::SRC_PORT, src_port), (tuple::DST_PORT, dst_port), (tuple::ICMP_ID, icmp_id)] {
            if let Some(number) = number {
                write_u16_property(w, kind, *number);
            }
        }
        for (kind, number) in [(tuple::ICMP_TYPE, icmp_type), (tuple::ICMP_CODE, icmp_code)] {
            if let Some(number) = number {
                write_property(w, kind, |w| w.u8(*number));
            }
        }
        unknown.iter().for_each(|raw| write_raw_property(w, raw));
    }
}

/// IPv4 addresses travel as IPv4-mapped IPv6 ones.
fn read_address(r: &mut Reader<'_>) -> Result<IpAddr, Bad> {
    Ok(Ipv6Addr::from(r.octets::<16>()?).to_canonical())
}

fn to_ipv6(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    }
}
