//! Meters: rates above which packets are dropped.

use bytes::Bytes;

/// Flags of meters.
pub mod meter_flags {
    /// Rates are kilobits per second.
    pub const KBPS: u16 = 1;
    /// Rates are packets per second.
    pub const PKTPS: u16 = 2;
    /// Bands have burst sizes.
    pub const BURST: u16 = 4;
    /// Count.
    pub const STATS: u16 = 8;
}

/// Meters that a switch uses by itself, and "all".
pub mod meter_id {
    /// The highest ordinary meter.
    pub const MAX: u32 = 0xffff_0000;
    /// Packets to the slow path.
    pub const SLOWPATH: u32 = 0xffff_fffd;
    /// Packets to the controller.
    pub const CONTROLLER: u32 = 0xffff_fffe;
    /// All meters, in deletes and requests.
    pub const ALL: u32 = 0xffff_ffff;
}

/// What a [`MeterMod`] does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum MeterModCommand {
    /// Add a meter.
    Add = 0,
    /// Replace it.
    Modify = 1,
    /// Delete it, and the flows that name it.
    Delete = 2,
}

/// A change of a meter (OpenFlow 1.3.5, 7.3.4.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MeterMod {
    /// What to do.
    pub command: MeterModCommand,
    /// See [`meter_flags`].
    pub flags: u16,
    /// Which meter, see also [`meter_id`].
    pub meter_id: u32,
    /// Its bands.
    pub bands: Vec<MeterBand>,
}

/// What happens above a rate.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MeterBand {
    /// The packet is dropped.
    Drop {
        /// In the meter's unit.
        rate: u32,
        /// Kilobits or packets.
        burst: u32,
    },
    /// The packet becomes easier to drop (Open vSwitch refuses it).
    DscpRemark {
        /// In the meter's unit.
        rate: u32,
        /// Kilobits or packets.
        burst: u32,
        /// Levels of drop precedence to go up.
        precedence: u8,
    },
    /// Anything else: the whole band as read.
    Unknown(Bytes),
}

/// A meter, as a switch reports it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MeterConfig {
    /// See [`meter_flags`].
    pub flags: u16,
    /// Which meter.
    pub meter_id: u32,
    /// Its bands.
    pub bands: Vec<MeterBand>,
}

/// A meter's counters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MeterStats {
    /// Which meter.
    pub meter_id: u32,
    /// Flows that name it.
    pub flows: u32,
    /// Packets in.
    pub packets: u64,
    /// Bytes in.
    pub bytes: u64,
    /// How long it has been there: whole seconds.
    pub duration_s: u32,
    /// And nanoseconds beyond them.
    pub duration_ns: u32,
    /// Its bands' counters.
    pub bands: Vec<BandStats>,
}

/// A band's counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BandStats {
    /// Packets above the rate.
    pub packets: u64,
    /// Bytes above the rate.
    pub bytes: u64,
}

/// What meters a switch can have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MeterFeatures {
    /// The most meters.
    pub max_meters: u32,
    /// Bit n: band type n.
    pub band_types: u32,
    /// See [`meter_flags`].
    pub capabilities: u32,
    /// The most bands of a meter.
    pub max_bands: u8,
    /// The most colours.
    pub max_color: u8,
}
