//! Groups: lists of buckets that flows send packets to.

use addr::OfPort;

use crate::wire::{Reader, Writer};
use crate::{Action, Bad};

/// What a [`GroupMod`] does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u16)]
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
        Bucket { weight, watch_port: OfPort::ANY, watch_group: crate::GROUP_ANY, actions }
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

impl GroupModCommand {
    fn from_number(number: u16) -> Result<GroupModCommand, Bad> {
        Ok(match number {
            0 => GroupModCommand::Add,
            1 => GroupModCommand::Modify,
            2 => GroupModCommand::Delete,
            ADD_OR_MODIFY => GroupModCommand::AddOrModify,
            _ => return Err(Bad::Value { value: number.into(), what: "group-mod command" }),
        })
    }

    fn number(self) -> u16 {
        if self == GroupModCommand::AddOrModify { ADD_OR_MODIFY } else { self as u16 }
    }
}

/// Nicira's command.
const ADD_OR_MODIFY: u16 = 0x8000;

impl GroupType {
    fn from_number(number: u8) -> Result<GroupType, Bad> {
        Ok(match number {
            0 => GroupType::All,
            1 => GroupType::Select,
            2 => GroupType::Indirect,
            3 => GroupType::FastFailover,
            _ => return Err(Bad::Value { value: number.into(), what: "group type" }),
        })
    }
}

impl GroupMod {
    pub(crate) fn read(r: &mut Reader<'_>) -> Result<GroupMod, Bad> {
        let command = GroupModCommand::from_number(r.u16()?)?;
        let kind = GroupType::from_number(r.u8()?)?;
        r.skip(1)?;
        Ok(GroupMod { command, kind, group_id: r.u32()?, buckets: Bucket::read_list(r)? })
    }

    pub(crate) fn write(&self, w: &mut Writer<'_>) {
        w.u16(self.command.number());
        w.u8(self.kind as u8);
        w.zeros(1);
        w.u32(self.group_id);
        self.buckets.iter().for_each(|bucket| bucket.write(w));
    }
}

impl Bucket {
    fn read_list(r: &mut Reader<'_>) -> Result<Vec<Bucket>, Bad> {
        let mut buckets = Vec::new();
        while !r.is_empty() {
            let (mut bucket, _) = r.item(0, 16, "bucket")?;
            bucket.skip(2)?;
            let (weight, watch_port, watch_group) = (bucket.u16()?, OfPort(bucket.u32()?), bucket.u32()?);
            bucket.skip(4)?;
            let actions = Action::read_list(&mut bucket)?;
            buckets.push(Bucket { weight, watch_port, watch_group, actions });
        }
        Ok(buckets)
    }

    fn write(&self, w: &mut Writer<'_>) {
        let mark = w.open();
        w.u16(0);
        w.u16(self.weight);
        w.u32(self.watch_port.0);
        w.u32(self.watch_group);
        w.zeros(4);
        Action::write_list(&self.actions, w);
        w.close(mark, 0);
    }
}

impl GroupDesc {
    pub(crate) fn read(r: &mut Reader<'_>) -> Result<GroupDesc, Bad> {
        let (mut r, _) = r.item(0, 8, "group desc")?;
        r.skip(2)?;
        let kind = GroupType::from_number(r.u8()?)?;
        r.skip(1)?;
        Ok(GroupDesc { kind, group_id: r.u32()?, buckets: Bucket::read_list(&mut r)? })
    }

    pub(crate) fn write(&self, w: &mut Writer<'_>) {
        let mark = w.open();
        w.u16(0);
        w.u8(self.kind as u8);
        w.zeros(1);
        w.u32(self.group_id);
        self.buckets.iter().for_each(|bucket| bucket.write(w));
        w.close(mark, 0);
    }
}

impl GroupStats {
    pub(crate) fn read(r: &mut Reader<'_>) -> Result<GroupStats, Bad> {
        let (mut r, _) = r.item(0, 40, "group stats")?;
        r.skip(4)?;
        let (group_id, references) = (r.u32()?, r.u32()?);
        r.skip(4)?;
        let (packets, bytes, duration_s, duration_ns) = (r.u64()?, r.u64()?, r.u32()?, r.u32()?);
        let mut buckets = Vec::new();
        while !r.is_empty() {
            buckets.push(BucketStats { packets: r.u64()?, bytes: r.u64()? });
        }
        Ok(GroupStats { group_id, references, packets, bytes, duration_s, duration_ns, buckets })
    }

    pub(crate) fn write(&self, w: &mut Writer<'_>) {
        let mark = w.open();
        w.zeros(4);
        w.u32(self.group_id);
        w.u32(self.references);
        w.zeros(4);
        w.u64(self.packets);
        w.u64(self.bytes);
        w.u32(self.duration_s);
        w.u32(self.duration_ns);
        for BucketStats { packets, bytes } in &self.buckets {
            w.u64(*packets);
            w.u64(*bytes);
        }
        w.close(mark, 0);
    }
}

impl GroupFeatures {
    pub(crate) fn read(r: &mut Reader<'_>) -> Result<GroupFeatures, Bad> {
        let (types, capabilities) = (r.u32()?, r.u32()?);
        let mut four = || Ok::<_, Bad>([r.u32()?, r.u32()?, r.u32()?, r.u32()?]);
        Ok(GroupFeatures { types, capabilities, max_groups: four()?, actions: four()? })
    }

    pub(crate) fn write(&self, w: &mut Writer<'_>) {
        w.u32(self.types);
        w.u32(self.capabilities);
        self.max_groups.iter().chain(&self.actions).for_each(|number| w.u32(*number));
    }
}
