//! Instructions: what a flow makes of its packets, and where they go next.

use bytes::Bytes;

use crate::Bad;
use crate::action::Action;
use crate::wire::{Reader, Writer};

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

const GOTO_TABLE: u16 = 1;
const WRITE_METADATA: u16 = 2;
const WRITE_ACTIONS: u16 = 3;
const APPLY_ACTIONS: u16 = 4;
const CLEAR_ACTIONS: u16 = 5;
const METER: u16 = 6;

impl Instruction {
    /// Reads instructions until the end.
    pub(crate) fn read_list(r: &mut Reader<'_>) -> Result<Vec<Instruction>, Bad> {
        let mut instructions = Vec::new();
        while !r.is_empty() {
            let (mut instruction, raw) = r.aligned_item("instruction")?;
            instructions.push(
                match Instruction::read(&mut instruction).and_then(|known| instruction.end().map(|()| known)) {
                    Ok(known) => known,
                    Err(bad @ Bad::Frame { .. }) => return Err(bad),
                    // What can't be read in full is kept as it is.
                    Err(_) => Instruction::Unknown(Bytes::copy_from_slice(raw)),
                },
            );
        }
        Ok(instructions)
    }

    /// Writes instructions.
    pub(crate) fn write_list(instructions: &[Instruction], w: &mut Writer<'_>) {
        for instruction in instructions {
            instruction.write(w);
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Instruction, Bad> {
        let kind = r.u16()?;
        r.skip(2)?;
        Ok(match kind {
            GOTO_TABLE => {
                let table = r.u8()?;
                r.zeros(3)?;
                Instruction::GotoTable(table)
            }
            WRITE_METADATA => {
                r.zeros(4)?;
                Instruction::WriteMetadata { metadata: r.u64()?, mask: r.u64()? }
            }
            WRITE_ACTIONS => {
                r.zeros(4)?;
                Instruction::WriteActions(Action::read_list(r)?)
            }
            APPLY_ACTIONS => {
                r.zeros(4)?;
                Instruction::ApplyActions(Action::read_list(r)?)
            }
            CLEAR_ACTIONS => {
                r.zeros(4)?;
                Instruction::ClearActions
            }
            METER => Instruction::Meter(r.u32()?),
            _ => return Err(Bad::Value { value: kind.into(), what: "instruction type" }),
        })
    }

    fn write(&self, w: &mut Writer<'_>) {
        let kind = match self {
            Instruction::GotoTable(_) => GOTO_TABLE,
            Instruction::WriteMetadata { .. } => WRITE_METADATA,
            Instruction::WriteActions(_) => WRITE_ACTIONS,
            Instruction::ApplyActions(_) => APPLY_ACTIONS,
            Instruction::ClearActions => CLEAR_ACTIONS,
            Instruction::Meter(_) => METER,
            Instruction::Unknown(raw) => return w.bytes(raw),
        };
        let mark = w.open();
        w.u32(u32::from(kind) << 16);
        match self {
            Instruction::GotoTable(table) => w.u8(*table),
            Instruction::WriteMetadata { metadata, mask } => {
                w.zeros(4);
                w.u64(*metadata);
                w.u64(*mask);
            }
            Instruction::WriteActions(actions) | Instruction::ApplyActions(actions) => {
                w.zeros(4);
                Action::write_list(actions, w);
            }
            Instruction::Meter(meter) => w.u32(*meter),
            Instruction::ClearActions | Instruction::Unknown(_) => w.zeros(4),
        }
        w.pad_and_close(mark, 2);
    }
}

impl Instruction {
    /// Puts instructions into the form in which Open vSwitch will report them: in its order, without an empty
    /// apply-actions, and with notes padded.
    pub fn canonicalize(instructions: &mut Vec<Instruction>) {
        instructions
            .retain(|instruction| !matches!(instruction, Instruction::ApplyActions(actions) if actions.is_empty()));
        instructions.sort_by_key(Instruction::rank);
        for instruction in instructions {
            if let Instruction::ApplyActions(actions) | Instruction::WriteActions(actions) = instruction {
                Action::canonicalize(actions);
            }
        }
    }
}
