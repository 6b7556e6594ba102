//! Groups: lists of buckets that flows send packets to.

use addr::OfPort;

use crate::Action;

/// What a [`GroupMod`] does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum GroupModCommand {
    /// Add a group.
    Add = 0,
    /// Replace its buckets.
    Modify = 1,
    /// Delete it, and the flows that name it.
    Delete = 2,
    /// Nicira's: add, or replace if it is there.
    AddOrModify = 3,
}

/// How a group picks buckets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum GroupType {
    /// Every bucket.
    All = 0,
    /// One, by hash and weight.
    Select = 1,
    /// The only one.
    Indirect = 2,
    /// The first that lives.
    FastFailover = 3,
}

/// A change of a group (OpenFlow 1.3.5, 7.3.4.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupMod {
    /// What to do.
    pub command: GroupModCommand,
    /// How it picks buckets.
    pub kind: GroupType,
    /// Which group.
    pub group_id: u32,
    /// Its buckets.
    pub buckets: Vec<Bucket>,
}

/// One bucket.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Bucket {
    /// Its share, in select groups.
    pub weight: u16,
    /// The port whose link decides whether it lives; [`OfPort::ANY`]: none.
    pub watch_port: OfPort,
    /// The group that decides whether it lives; [`crate::GROUP_ANY`]: none.
    pub watch_group: u32,
    /// What it does.
    pub actions: Vec<Action>,
}

impl Bucket {
    /// A bucket that always lives, with the weight that Open vSwitch reports for groups of this type.
    pub fn new(kind: GroupType, actions: Vec<Action>) -> Bucket {
        let weight = if kind == GroupType::Select { 1 } else { 0 };
        Bucket {
            weight,
            watch_port: OfPort::ANY,
            watch_group: crate::GROUP_ANY,
            actions,
        }
    }
}

/// A group, as a switch reports it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupDesc {
    /// How it picks buckets.
    pub kind: GroupType,
    /// Which group.
    pub group_id: u32,
    /// Its buckets.
    pub buckets: Vec<Bucket>,
}

/// A group's counters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupStats {
    /// Which group.
    pub group_id: u32,
    /// Flows and groups that name it.
    pub references: u32,
    /// Packets.
    pub packets: u64,
    /// Bytes.
    pub bytes: u64,
    /// How long it has been there: whole seconds.
    pub duration_s: u32,
    /// And nanoseconds beyond them.
    pub duration_ns: u32,
    /// Its buckets' counters.
    pub buckets: Vec<BucketStats>,
}

/// A bucket's counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BucketStats {
    /// Packets.
    pub packets: u64,
    /// Bytes.
    pub bytes: u64,
}

/// What groups a switch can have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupFeatures {
    /// Bit n: [`GroupType`] n.
    pub types: u32,
    /// Weights 1, liveness 2, chaining 4, checked for loops 8.
    pub capabilities: u32,
    /// The most groups, by type.
    pub max_groups: [u32; 4],
    /// Bit n: action n, by group type.
    pub actions: [u32; 4],
}
