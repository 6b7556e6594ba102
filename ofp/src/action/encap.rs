//! Actions that put a header around a packet and take it off (`NXAST_ENCAP`, `NXAST_DECAP`).

use std::fmt::{self, Display, Formatter};

use bytes::Bytes;

use super::Action;
use crate::Bad;
use crate::text::{Dotted, Hex};
use crate::wire::{Reader, Writer};

/// Put a header around the packet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Encap {
    /// What the packet becomes: namespace in the upper 16 bits, type in the lower, as field `packet_type` has it.
    pub packet_type: u32,
    /// What the header says.
    pub properties: Vec<EncapProperty>,
}

/// One property of a header to be.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EncapProperty {
    /// Whose property; 4: of the network service header (RFC 8300).
    pub class: u16,
    /// Which; of the network service header: 1 the metadata's type, 2 one TLV of it.
    pub kind: u8,
    /// Its value: 251 bytes at most.
    pub data: Bytes,
}

/// "As the header's next protocol says", in `NXAST_DECAP`.
const NEXT_PROTOCOL: u32 = 0xfffe;
const CLASS_NSH: u16 = 4;
const NSH_METADATA_TYPE: u8 = 1;
const NSH_TLV: u8 = 2;

pub(super) fn read(r: &mut Reader<'_>) -> Result<Action, Bad> {
    r.zeros(2)?;
    let mut encap = Encap { packet_type: r.u32()?, properties: Vec::new() };
    while !r.is_empty() {
        let (class, kind, length) = (r.u16()?, r.u8()?, usize::from(r.u8()?));
        let bytes = length.checked_sub(4).ok_or(Bad::Length { length, what: "encap property" })?;
        let data = Bytes::copy_from_slice(r.take(bytes)?);
        r.zeros(length.next_multiple_of(8) - length)?;
        encap.properties.push(EncapProperty { class, kind, data });
    }
    Ok(Action::Encap(encap))
}

pub(super) fn read_decap(r: &mut Reader<'_>) -> Result<Action, Bad> {
    r.zeros(2)?;
    let packet_type = r.u32()?;
    Ok(Action::Decap { packet_type: (packet_type != NEXT_PROTOCOL).then_some(packet_type) })
}

impl Encap {
    pub(super) fn write(&self, w: &mut Writer<'_>) {
        w.zeros(2);
        w.u32(self.packet_type);
        for EncapProperty { class, kind, data } in &self.properties {
            let mark = w.open();
            w.u16(*class);
            w.u8(*kind);
            w.u8(4 + data.len() as u8);
            w.bytes(data);
            w.pad(&mark);
        }
    }
}

pub(super) fn write_decap(w: &mut Writer<'_>, packet_type: Option<u32>) {
    w.zeros(2);
    w.u32(packet_type.unwrap_or(NEXT_PROTOCOL));
}

impl Display for Encap {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.packet_type {
            0 => f.write_str("encap(ethernet")?,
            0x1_894f => f.write_str("encap(nsh")?,
            0x1_8847 => f.write_str("encap(mpls")?,
            0x1_8848 => f.write_str("encap(mplsm")?,
            other => write!(f, "encap({}", PacketType(other))?,
        }
        if !self.properties.is_empty() {
            let said: Vec<String> = self.properties.iter().map(EncapProperty::to_string).collect();
            write!(f, "({})", said.join(","))?;
        }
        f.write_str(")")
    }
}

impl Display for EncapProperty {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match (self.class, self.kind, &self.data[..]) {
            (CLASS_NSH, NSH_METADATA_TYPE, [number]) => write!(f, "md_type={number}"),
            (CLASS_NSH, NSH_TLV, [c0, c1, kind, length, rest @ ..]) => {
                write!(f, "tlv({:#06x},{kind},0x", u16::from_be_bytes([*c0, *c1]))?;
                rest.iter().take((*length).into()).try_for_each(|byte| write!(f, "{byte:02x}"))?;
                f.write_str(")")
            }
            (class, kind, data) => write!(f, "class={class:#x},type={kind},data={}", Dotted(data)),
        }
    }
}

/// `packet_type(ns=1,type=0x86dd)`
pub(super) struct PacketType(pub(super) u32);

impl Display for PacketType {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "packet_type(ns={},type={})", self.0 >> 16, Hex((self.0 & 0xffff).into()))
    }
}
