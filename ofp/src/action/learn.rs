//! The `learn` action: a flow made from the packet at hand.

use super::Action;
use super::registers::subfield;
use crate::Bad;
use crate::field::{Subfield, read_field};
use crate::wire::{Reader, Writer};

/// Flags of [`Learn`].
pub mod learn_flags {
    /// A flow-removed when the learned flow goes.
    pub const SEND_FLOW_REM: u16 = 1;
    /// The learned flows go when this one goes.
    pub const DELETE_LEARNED: u16 = 2;
    /// Whether there was room goes into `result_dst` (needs `NXAST_LEARN2`).
    pub const WRITE_RESULT: u16 = 4;
}

/// Add a flow made from this packet (`NXAST_LEARN`, `NXAST_LEARN2`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Learn {
    /// Seconds without a packet until the flow goes; 0 never.
    pub idle_timeout_s: u16,
    /// Seconds until the flow goes; 0 never.
    pub hard_timeout_s: u16,
    /// The flow's priority.
    pub priority: u16,
    /// The flow's cookie.
    pub cookie: u64,
    /// See [`learn_flags`].
    pub flags: u16,
    /// The flow's table.
    pub table: u8,
    /// Seconds of idle timeout after FIN or RST; 0 leaves it.
    pub fin_idle_timeout_s: u16,
    /// Seconds of hard timeout after FIN or RST; 0 leaves it.
    pub fin_hard_timeout_s: u16,
    /// What is matched and done.
    pub specs: Vec<LearnSpec>,
    /// What only `NXAST_LEARN2` has: the most flows to learn, and the bit for whether there was room.
    pub limit: Option<LearnLimit>,
}

/// How many flows one `learn` may add.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LearnLimit {
    /// The most; 0 is no limit.
    pub flows: u32,
    /// With [`learn_flags::WRITE_RESULT`]: the bit that tells whether there was room.
    pub result: Option<Subfield>,
}

/// One part of a learned flow: bits of a match, a load, or an output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LearnSpec {
    /// How many bits.
    pub bits: u16,
    /// Where they come from.
    pub src: LearnSrc,
    /// What they become.
    pub dst: LearnDst,
}

/// Where the bits of a [`LearnSpec`] come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LearnSrc {
    /// The packet.
    Field(Subfield),
    /// This constant.
    Imm(u128),
}

/// What the bits of a [`LearnSpec`] become.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LearnDst {
    /// Matched by the learned flow.
    Match(Subfield),
    /// Loaded by the learned flow.
    Load(Subfield),
    /// The port to which the learned flow sends.
    Output,
}

const SRC_IMMEDIATE: u16 = 1 << 13;
const DST_LOAD: u16 = 1 << 11;
const DST_OUTPUT: u16 = 2 << 11;
const BITS: u16 = 0x3ff;

pub(super) fn read(r: &mut Reader<'_>, with_limit: bool) -> Result<Action, Bad> {
    let (idle_timeout_s, hard_timeout_s, priority) = (r.u16()?, r.u16()?, r.u16()?);
    let (cookie, flags, table) = (r.u64()?, r.u16()?, r.u8()?);
    r.zeros(1)?;
    let (fin_idle_timeout_s, fin_hard_timeout_s) = (r.u16()?, r.u16()?);
    let limit = if with_limit { Some(LearnLimit::read(r, flags)?) } else { None };
    let mut specs = Vec::new();
    while r.len() >= 2 {
        let header = r.u16()?;
        if header == 0 {
            break;
        }
        specs.push(LearnSpec::read(r, header)?);
    }
    r.padding()?;
    Ok(Action::Learn(Learn {
        idle_timeout_s,
        hard_timeout_s,
        priority,
        cookie,
        flags,
        table,
        fin_idle_timeout_s,
        fin_hard_timeout_s,
        specs,
        limit,
    }))
}

impl Learn {
    pub(super) fn write(&self, w: &mut Writer<'_>) {
        let Learn { idle_timeout_s, hard_timeout_s, priority, cookie, flags, table, .. } = self;
        let Learn { fin_idle_timeout_s, fin_hard_timeout_s, specs, limit, .. } = self;
        w.u16(*idle_timeout_s);
        w.u16(*hard_timeout_s);
        w.u16(*priority);
        w.u64(*cookie);
        w.u16(*flags);
        w.u8(*table);
        w.zeros(1);
        w.u16(*fin_idle_timeout_s);
        w.u16(*fin_hard_timeout_s);
        if let Some(LearnLimit { flows, result }) = limit {
            w.u32(*flows);
            w.u16(result.map_or(0, |result| result.offset));
            w.zeros(2);
            if let Some(result) = result {
                result.field.write_name(w);
            }
        }
        specs.iter().for_each(|spec| spec.write(w));
    }
}

impl LearnLimit {
    fn read(r: &mut Reader<'_>, flags: u16) -> Result<LearnLimit, Bad> {
        let (flows, offset) = (r.u32()?, r.u16()?);
        r.zeros(2)?;
        let has_result = flags & learn_flags::WRITE_RESULT != 0;
        let result = if has_result { Some(subfield(read_field(r)?, offset, 1)?) } else { None };
        Ok(LearnLimit { flows, result })
    }
}

impl LearnSpec {
    fn read(r: &mut Reader<'_>, header: u16) -> Result<LearnSpec, Bad> {
        let bits = header & BITS;
        let part = |r: &mut Reader<'_>| {
            let field = read_field(r)?;
            subfield(field, r.u16()?, bits)
        };
        let src = if header & SRC_IMMEDIATE != 0 {
            LearnSrc::Imm(r.number(2 * usize::from(bits.div_ceil(16)))?)
        } else {
            LearnSrc::Field(part(r)?)
        };
        let dst = match header & !SRC_IMMEDIATE & !BITS {
            0 => LearnDst::Match(part(r)?),
            DST_LOAD => LearnDst::Load(part(r)?),
            DST_OUTPUT if header & SRC_IMMEDIATE == 0 => LearnDst::Output,
            _ => return Err(Bad::Value { value: header.into(), what: "learn" }),
        };
        Ok(LearnSpec { bits, src, dst })
    }

    fn write(&self, w: &mut Writer<'_>) {
        let LearnSpec { bits, src, dst } = self;
        let src_bit = if matches!(src, LearnSrc::Imm(_)) { SRC_IMMEDIATE } else { 0 };
        let dst_bits = match dst {
            LearnDst::Match(_) => 0,
            LearnDst::Load(_) => DST_LOAD,
            LearnDst::Output => DST_OUTPUT,
        };
        w.u16(bits & BITS | src_bit | dst_bits);
        let part = |w: &mut Writer<'_>, subfield: &Subfield| {
            subfield.field.write_name(w);
            w.u16(subfield.offset);
        };
        match src {
            LearnSrc::Field(subfield) => part(w, subfield),
            LearnSrc::Imm(value) => w.number(*value, 2 * usize::from(bits.div_ceil(16))),
        }
        match dst {
            LearnDst::Match(subfield) | LearnDst::Load(subfield) => part(w, subfield),
            LearnDst::Output => {}
        }
    }
}
