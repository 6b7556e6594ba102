//! Actions: what a flow, a bucket or a packet-out does to a packet.

mod controller;
mod ct;
mod encap;
mod hashing;
mod learn;
mod nicira;
mod registers;
mod standard;
mod text;

use addr::OfPort;
use bytes::Bytes;

pub use controller::Controller;
pub use ct::{Ct, Nat, ZoneSrc, ct_flags, nat_flags};
pub use encap::{Encap, EncapProperty};
pub use hashing::{Bundle, Multipath, Sample};
pub use learn::{Learn, LearnDst, LearnLimit, LearnSpec, LearnSrc, learn_flags};
pub(crate) use nicira::NICIRA;
pub(crate) use text::{Actions, write_metadata};

use crate::field::{Field, Subfield, Value};

/// One action, standard or Nicira's.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Action {
    /// Out of a port.
    Output {
        /// The port; reserved numbers included.
        port: OfPort,
        /// To the controller: bytes of the packet to send. Zero otherwise.
        max_len: u16,
    },
    /// Out of a port, cut to a length (`output(port=..,max_len=..)`).
    OutputTrunc {
        /// The port.
        port: OfPort,
        /// Bytes of the packet to keep.
        max_len: u32,
    },
    /// Out of the port whose number a field holds.
    OutputReg {
        /// Where the number is.
        src: Subfield,
        /// To the controller: bytes of the packet to send.
        max_len: u16,
    },
    /// To a group.
    Group(u32),
    /// The queue of outputs that follow.
    SetQueue(u32),
    /// Back to the queue before [`Action::SetQueue`].
    PopQueue,
    /// A new outer VLAN header with this ethertype.
    PushVlan(u16),
    /// Away with the outer VLAN header.
    PopVlan,
    /// A new MPLS header with this ethertype.
    PushMpls(u16),
    /// Away with the MPLS header; this is the ethertype of what is under it.
    PopMpls(u16),
    /// The MPLS header's TTL.
    SetMplsTtl(u8),
    /// One off the MPLS header's TTL.
    DecMplsTtl,
    /// IPv4 TTL or IPv6 hop limit.
    SetNwTtl(u8),
    /// One off the TTL or hop limit; at 1 or 0 the packet stops here.
    DecNwTtl,
    /// The same, and who of the controllers hears of those that stop here.
    DecTtlCntIds(Vec<u16>),
    /// TTL from the header under it to the outermost (Open vSwitch refuses it).
    CopyTtlOut,
    /// TTL from the outermost header to the one under it (Open vSwitch refuses it).
    CopyTtlIn,
    /// Write a field. With a mask it travels as Nicira's `reg_load2`, without as OpenFlow's set-field.
    SetField {
        /// The field.
        field: Field,
        /// Its new value.
        value: u128,
        /// The bits to write; `None` for all.
        mask: Option<u128>,
    },
    /// Copy bits from field to field. Both have the same width.
    RegMove {
        /// From.
        src: Subfield,
        /// To.
        dst: Subfield,
    },
    /// Write part of a field.
    RegLoad {
        /// To, at most 64 bits.
        dst: Subfield,
        /// The bits.
        value: u64,
    },
    /// Push onto the stack.
    StackPush(Subfield),
    /// Pop from the stack.
    StackPop(Subfield),
    /// Look up again, as if the packet had come in by another port or in another table.
    Resubmit {
        /// The ingress port to pretend; `None` leaves it.
        port: Option<OfPort>,
        /// The table; `None` is the one this flow is in.
        table: Option<u8>,
        /// Whether the lookup sees conntrack's original tuple instead of the packet's.
        ct: bool,
    },
    /// To the controller, with particulars.
    Controller(Controller),
    /// Whether the packet is longer than a length, into one bit.
    CheckPktLarger {
        /// Bytes, from the Ethernet header on.
        len: u16,
        /// The bit.
        dst: Subfield,
    },
    /// Through conntrack.
    Ct(Ct),
    /// Inside [`Action::Ct`]: translate addresses.
    Nat(Nat),
    /// Forget what conntrack said.
    CtClear,
    /// Add a flow made from this packet.
    Learn(Learn),
    /// This flow is one clause of a conjunction.
    Conjunction {
        /// The conjunction.
        id: u32,
        /// Which clause, counted from 0.
        clause: u8,
        /// How many there are, 2 to 64.
        n_clauses: u8,
    },
    /// Hash the packet to a link number.
    Multipath(Multipath),
    /// Hash the packet to one of some ports.
    Bundle(Bundle),
    /// Bytes that do nothing.
    Note(Bytes),
    /// Actions on a copy of the packet.
    Clone(Vec<Action>),
    /// Shorten this flow's timeouts when it sees FIN or RST.
    FinTimeout {
        /// Seconds; 0 leaves it.
        idle_s: u16,
        /// Seconds; 0 leaves it.
        hard_s: u16,
    },
    /// Sample into IPFIX.
    Sample(Sample),
    /// Write the metadata in the middle of an action list (`NXAST_WRITE_METADATA`).
    WriteMetadata {
        /// The value.
        metadata: u64,
        /// The bits to write.
        mask: u64,
    },
    /// Take a field off the packet: a tunnel option.
    DeleteField(Field),
    /// Put a header around the packet.
    Encap(Encap),
    /// Take the outermost header off.
    Decap {
        /// What is under it, as field `packet_type` has it; `None`: what the header says.
        packet_type: Option<u32>,
    },
    /// One off the network service header's TTL.
    DecNshTtl,
    /// Stop here.
    Exit,
    /// Anything else: the whole action as read.
    Unknown(Bytes),
}

impl Action {
    /// Out of a port; to the controller, the whole packet.
    pub const fn output(port: OfPort) -> Action {
        let max_len = if port.0 == OfPort::CONTROLLER.0 { crate::NO_TRUNCATION } else { 0 };
        Action::Output { port, max_len }
    }

    /// Write all of a field.
    pub fn set(field: Field, value: impl Into<Value>) -> Action {
        Action::SetField { field, value: value.into().0, mask: None }
    }

    /// Write some bits of a field.
    pub fn set_masked(field: Field, value: impl Into<Value>, mask: impl Into<Value>) -> Action {
        let mask = mask.into().0;
        Action::SetField { field, value: value.into().0 & mask, mask: Some(mask) }
    }

    /// Write a subfield of at most 64 bits.
    pub fn load(dst: impl Into<Subfield>, value: u64) -> Action {
        Action::RegLoad { dst: dst.into(), value }
    }

    /// Copy between subfields of one width.
    pub fn copy(src: impl Into<Subfield>, dst: impl Into<Subfield>) -> Action {
        Action::RegMove { src: src.into(), dst: dst.into() }
    }

    /// Look up in another table, and come back for the actions that follow.
    pub const fn resubmit(table: u8) -> Action {
        Action::Resubmit { port: None, table: Some(table), ct: false }
    }
}

impl Action {
    /// Puts actions into the form in which Open vSwitch will report them: notes padded with zeros to the 8 bytes
    /// to which every action is aligned.
    pub(crate) fn canonicalize(actions: &mut [Action]) {
        for action in actions {
            match action {
                // 10 bytes stand before the note.
                Action::Note(note) => {
                    let mut padded = note.to_vec();
                    padded.resize((10 + note.len()).next_multiple_of(8) - 10, 0);
                    *note = Bytes::from(padded);
                }
                Action::Clone(inner) => Action::canonicalize(inner),
                Action::Ct(ct) => Action::canonicalize(&mut ct.exec),
                _ => {}
            }
        }
    }
}
