//! The switch itself: features, configuration, queues.

use addr::{Dpid, OfPort};
use bytes::Bytes;

use crate::Bad;
use crate::wire::{Reader, Writer};

/// Bits of [`FeaturesReply::capabilities`].
pub mod capabilities {
    /// Counts flows.
    pub const FLOW_STATS: u32 = 1 << 0;
    /// Counts tables.
    pub const TABLE_STATS: u32 = 1 << 1;
    /// Counts ports.
    pub const PORT_STATS: u32 = 1 << 2;
    /// Counts groups.
    pub const GROUP_STATS: u32 = 1 << 3;
    /// Reassembles fragments.
    pub const IP_REASM: u32 = 1 << 5;
    /// Counts queues.
    pub const QUEUE_STATS: u32 = 1 << 6;
    /// Blocks looping ports.
    pub const PORT_BLOCKED: u32 = 1 << 8;
}

/// Fragment modes in [`SwitchConfig::flags`].
pub mod config_flags {
    /// Fragments match with transport ports and types 0.
    pub const FRAG_NORMAL: u16 = 0;
    /// Fragments are dropped.
    pub const FRAG_DROP: u16 = 1;
    /// Fragments are put together.
    pub const FRAG_REASM: u16 = 2;
    /// Nicira's: first fragments match by transport fields, later ones by `ip_frag`.
    pub const FRAG_NX_MATCH: u16 = 3;
}

/// Who a switch is (OpenFlow 1.3.5, 7.3.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FeaturesReply {
    /// Its identity.
    pub datapath_id: Dpid,
    /// Packets it can buffer.
    pub n_buffers: u32,
    /// Tables it has.
    pub n_tables: u8,
    /// 0 on the main connection.
    pub auxiliary_id: u8,
    /// See [`capabilities`].
    pub capabilities: u32,
    /// Reserved.
    pub reserved: u32,
}

/// A switch's configuration (OpenFlow 1.3.5, 7.3.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SwitchConfig {
    /// See [`config_flags`].
    pub flags: u16,
    /// Bytes of a packet that go to the controller when an action doesn't say.
    pub miss_send_len: u16,
}

/// A port's queues, as read (OpenFlow 1.3.5, 7.3.6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueConfig {
    /// The port.
    pub port: OfPort,
    /// The queues, as read.
    pub queues: Bytes,
}

/// A queue's counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueStats {
    /// Its port.
    pub port: OfPort,
    /// Its number.
    pub queue_id: u32,
    /// Bytes sent.
    pub tx_bytes: u64,
    /// Packets sent.
    pub tx_packets: u64,
    /// Packets lost.
    pub tx_errors: u64,
    /// How long it has been there: whole seconds.
    pub duration_s: u32,
    /// And nanoseconds beyond them.
    pub duration_ns: u32,
}

impl FeaturesReply {
    pub(crate) fn read(r: &mut Reader<'_>) -> Result<FeaturesReply, Bad> {
        let (datapath_id, n_buffers, n_tables, auxiliary_id) = (Dpid(r.u64()?), r.u32()?, r.u8()?, r.u8()?);
        r.skip(2)?;
        let (capabilities, reserved) = (r.u32()?, r.u32()?);
        Ok(FeaturesReply { datapath_id, n_buffers, n_tables, auxiliary_id, capabilities, reserved })
    }

    pub(crate) fn write(&self, w: &mut Writer<'_>) {
        w.u64(self.datapath_id.0);
        w.u32(self.n_buffers);
        w.u8(self.n_tables);
        w.u8(self.auxiliary_id);
        w.zeros(2);
        w.u32(self.capabilities);
        w.u32(self.reserved);
    }
}

impl SwitchConfig {
    pub(crate) fn read(r: &mut Reader<'_>) -> Result<SwitchConfig, Bad> {
        Ok(SwitchConfig { flags: r.u16()?, miss_send_len: r.u16()? })
    }

    pub(crate) fn write(&self, w: &mut Writer<'_>) {
        w.u16(self.flags);
        w.u16(self.miss_send_len);
    }
}

impl QueueConfig {
    pub(crate) fn read(r: &mut Reader<'_>) -> Result<QueueConfig, Bad> {
        let port = OfPort(r.u32()?);
        r.skip(4)?;
        Ok(QueueConfig { port, queues: r.rest_bytes() })
    }

    pub(crate) fn write(&self, w: &mut Writer<'_>) {
        w.u32(self.port.0);
        w.zeros(4);
        w.bytes(&self.queues);
    }
}

impl QueueStats {
    pub(crate) fn read(r: &mut Reader<'_>) -> Result<QueueStats, Bad> {
        Ok(QueueStats {
            port: OfPort(r.u32()?),
            queue_id: r.u32()?,
            tx_bytes: r.u64()?,
            tx_packets: r.u64()?,
            tx_errors: r.u64()?,
            duration_s: r.u32()?,
            duration_ns: r.u32()?,
        })
    }

    pub(crate) fn write(&self, w: &mut Writer<'_>) {
        w.u32(self.port.0);
        w.u32(self.queue_id);
        w.u64(self.tx_bytes);
        w.u64(self.tx_packets);
        w.u64(self.tx_errors);
        w.u32(self.duration_s);
        w.u32(self.duration_ns);
    }
}
