//! Instructions: what a flow makes of its packets, and where they go next.

use bytes::Bytes;

use crate::action::Action;

/// One instruction of a flow (OpenFlow 1.3.5, 7.2.4).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Instruction {
    /// On in a later table.
    GotoTable(u8),
    /// Write some bits of the metadata.
    WriteMetadata {
        /// The value.
        metadata: u64,
        /// The bits to write.
        mask: u64,
    },
    /// Into the action set, done at the end of the pipeline.
    WriteActions(Vec<Action>),
    /// Done here.
    ApplyActions(Vec<Action>),
    /// Empty the action set.
    ClearActions,
    /// Through a meter, before anything else.
    Meter(u32),
    /// Anything else: the whole instruction as read.
    Unknown(Bytes),
}

impl Instruction {
    /// The place in which Open vSwitch reports it: meter, apply, clear, write, metadata, goto.
    pub(crate) fn rank(&self) -> u8 {
        match self {
            Instruction::Meter(_) => 0,
            Instruction::ApplyActions(_) => 1,
            Instruction::ClearActions => 2,
            Instruction::WriteActions(_) => 3,
            Instruction::WriteMetadata { .. } => 4,
            Instruction::GotoTable(_) => 5,
            Instruction::Unknown(_) => 6,
        }
    }
}
