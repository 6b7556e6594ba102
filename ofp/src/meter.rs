//! Meters: rates above which packets are dropped.

use bytes::Bytes;

use crate::Bad;
use crate::wire::{Reader, Writer};

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
#[repr(u16)]
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

impl MeterModCommand {
    fn from_number(number: u16) -> Result<MeterModCommand, Bad> {
        Ok(match number {
            0 => MeterModCommand::Add,
            1 => MeterModCommand::Modify,
            2 => MeterModCommand::Delete,
            _ => return Err(Bad::Value { value: number.into(), what: "meter-mod command" }),
        })
    }
}

impl MeterMod {
    /// What the switch will report of the meter: where no burst size is given, Open vSwitch takes the rate.
    #[must_use]
    pub fn canonical(mut self) -> MeterMod {
        for band in &mut self.bands {
            if let MeterBand::Drop { rate, burst: burst @ 0 } = band {
                *burst = *rate;
            }
        }
        self
    }

    pub(crate) fn read(r: &mut Reader<'_>) -> Result<MeterMod, Bad> {
        let command = MeterModCommand::from_number(r.u16()?)?;
        Ok(MeterMod { command, flags: r.u16()?, meter_id: r.u32()?, bands: MeterBand::read_list(r)? })
    }

    pub(crate) fn write(&self, w: &mut Writer<'_>) {
        w.u16(self.command as u16);
        w.u16(self.flags);
        w.u32(self.meter_id);
        self.bands.iter().for_each(|band| band.write(w));
    }
}

const DROP: u16 = 1;
const DSCP_REMARK: u16 = 2;

impl MeterBand {
    fn read_list(r: &mut Reader<'_>) -> Result<Vec<MeterBand>, Bad> {
        let mut bands = Vec::new();
        while !r.is_empty() {
            let (mut band, raw) = r.item(2, 12, "meter band")?;
            bands.push(MeterBand::read(&mut band).unwrap_or_else(|_| MeterBand::Unknown(Bytes::copy_from_slice(raw))));
        }
        Ok(bands)
    }

    fn read(r: &mut Reader<'_>) -> Result<MeterBand, Bad> {
        let kind = r.u16()?;
        r.skip(2)?;
        let (rate, burst) = (r.u32()?, r.u32()?);
        let band = match kind {
            DROP => {
                r.zeros(4)?;
                MeterBand::Drop { rate, burst }
            }
            DSCP_REMARK => {
                let precedence = r.u8()?;
                r.zeros(3)?;
                MeterBand::DscpRemark { rate, burst, precedence }
            }
            _ => return Err(Bad::Value { value: kind.into(), what: "meter band type" }),
        };
        r.end()?;
        Ok(band)
    }

    fn write(&self, w: &mut Writer<'_>) {
        let (kind, rate, burst, precedence) = match self {
            MeterBand::Drop { rate, burst } => (DROP, rate, burst, 0),
            MeterBand::DscpRemark { rate, burst, precedence } => (DSCP_REMARK, rate, burst, *precedence),
            MeterBand::Unknown(raw) => return w.bytes(raw),
        };
        let mark = w.open();
        w.u16(kind);
        w.u16(0);
        w.u32(*rate);
        w.u32(*burst);
        w.u8(precedence);
        w.zeros(3);
        w.close(mark, 2);
    }
}

impl MeterConfig {
    pub(crate) fn read(r: &mut Reader<'_>) -> Result<MeterConfig, Bad> {
        let (mut r, _) = r.item(0, 8, "meter config")?;
        r.skip(2)?;
        Ok(MeterConfig { flags: r.u16()?, meter_id: r.u32()?, bands: MeterBand::read_list(&mut r)? })
    }

    pub(crate) fn write(&self, w: &mut Writer<'_>) {
        let mark = w.open();
        w.u16(0);
        w.u16(self.flags);
        w.u32(self.meter_id);
        self.bands.iter().for_each(|band| band.write(w));
        w.close(mark, 0);
    }
}

impl MeterStats {
    pub(crate) fn read(r: &mut Reader<'_>) -> Result<MeterStats, Bad> {
        let (mut r, _) = r.item(4, 40, "meter stats")?;
        let meter_id = r.u32()?;
        r.skip(8)?;
        let (flows, packets, bytes, duration_s, duration_ns) = (r.u32()?, r.u64()?, r.u64()?, r.u32()?, r.u32()?);
        let mut bands = Vec::new();
        while !r.is_empty() {
            bands.push(BandStats { packets: r.u64()?, bytes: r.u64()? });
        }
        Ok(MeterStats { meter_id, flows, packets, bytes, duration_s, duration_ns, bands })
    }

    pub(crate) fn write(&self, w: &mut Writer<'_>) {
        let mark = w.open();
        w.u32(self.meter_id);
        w.zeros(8);
        w.u32(self.flows);
        w.u64(self.packets);
        w.u64(self.bytes);
        w.u32(self.duration_s);
        w.u32(self.duration_ns);
        for BandStats { packets, bytes } in &self.bands {
            w.u64(*packets);
            w.u64(*bytes);
        }
        w.close(mark, 4);
    }
}

impl MeterFeatures {
    pub(crate) fn read(r: &mut Reader<'_>) -> Result<MeterFeatures, Bad> {
        let (max_meters, band_types, capabilities) = (r.u32()?, r.u32()?, r.u32()?);
        let (max_bands, max_color) = (r.u8()?, r.u8()?);
        r.skip(2)?;
        Ok(MeterFeatures { max_meters, band_types, capabilities, max_bands, max_color })
    }

    pub(crate) fn write(&self, w: &mut Writer<'_>) {
        w.u32(self.max_meters);
        w.u32(self.band_types);
        w.u32(self.capabilities);
        w.u8(self.max_bands);
        w.u8(self.max_color);
        w.zeros(2);
    }
}
