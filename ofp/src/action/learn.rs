//! The `learn` action: a flow made from the packet at hand.

use bytes::Bytes;

use crate::field::Subfield;

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
    /// Specifications that are not understood, with all that followed them, as read.
    pub rest: Bytes,
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
