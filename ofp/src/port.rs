//! Ports: what they are, what becomes of them, what they count.

use addr::{MacAddr, OfPort};

use crate::wire::{Reader, Writer};
use crate::{Bad, FixedText};

/// Bits of [`PortDesc::config`].
pub mod port_config {
    /// Administratively down.
    pub const PORT_DOWN: u32 = 1 << 0;
    /// Drop what comes in.
    pub const NO_RECV: u32 = 1 << 2;
    /// Drop what would go out.
    pub const NO_FWD: u32 = 1 << 5;
    /// No packet-ins.
    pub const NO_PACKET_IN: u32 = 1 << 6;
}

/// Bits of [`PortDesc::state`].
pub mod port_state {
    /// No carrier.
    pub const LINK_DOWN: u32 = 1 << 0;
    /// Blocked.
    pub const BLOCKED: u32 = 1 << 1;
    /// Alive, for fast-failover groups (BFD included).
    pub const LIVE: u32 = 1 << 2;
}

/// A port (OpenFlow 1.3.5, 7.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortDesc {
    /// Its number.
    pub port: OfPort,
    /// Its address.
    pub hw_addr: MacAddr,
    /// Its interface's name.
    pub name: FixedText<16>,
    /// What was asked of it, see [`port_config`].
    pub config: u32,
    /// How it is, see [`port_state`].
    pub state: u32,
    /// Features in use (`OFPPF_*`).
    pub curr: u32,
    /// Features advertised.
    pub advertised: u32,
    /// Features supported.
    pub supported: u32,
    /// Features of the peer.
    pub peer: u32,
    /// Bit rate, kb/s.
    pub curr_speed: u32,
    /// Highest bit rate, kb/s.
    pub max_speed: u32,
}

impl Default for PortDesc {
    fn default() -> PortDesc {
        PortDesc {
            port: OfPort::ANY,
            hw_addr: MacAddr::ZERO,
            name: FixedText::default(),
            config: 0,
            state: 0,
            curr: 0,
            advertised: 0,
            supported: 0,
            peer: 0,
            curr_speed: 0,
            max_speed: 0,
        }
    }
}

/// What became of a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum PortReason {
    /// It is new.
    Add = 0,
    /// It is gone.
    Delete = 1,
    /// It changed.
    Modify = 2,
}

/// A port came, went or changed (OpenFlow 1.3.5, 7.4.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortStatus {
    /// What became of it.
    pub reason: PortReason,
    /// The port.
    pub desc: PortDesc,
}

/// A change of a port's configuration (OpenFlow 1.3.5, 7.3.4.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortMod {
    /// Its number.
    pub port: OfPort,
    /// Its address, which must be the one it has.
    pub hw_addr: MacAddr,
    /// The new bits, see [`port_config`].
    pub config: u32,
    /// The bits to change.
    pub mask: u32,
    /// Features to advertise; 0 leaves them.
    pub advertise: u32,
}

/// A port's counters; all ones: not counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct PortStats {
    /// Its number.
    pub port: OfPort,
    pub rx_packets: u64,
    pub tx_packets: u64,
    pub rx_bytes: u64,
    pub tx_bytes: u64,
    pub rx_dropped: u64,
    pub tx_dropped: u64,
    pub rx_errors: u64,
    pub tx_errors: u64,
    pub rx_frame_errors: u64,
    pub rx_over_errors: u64,
    pub rx_crc_errors: u64,
    pub collisions: u64,
    /// How long it has been there: whole seconds.
    pub duration_s: u32,
    /// And nanoseconds beyond them.
    pub duration_ns: u32,
}

impl PortDesc {
    pub(crate) fn read(r: &mut Reader<'_>) -> Result<PortDesc, Bad> {
        let port = OfPort(r.u32()?);
        r.skip(4)?;
        let hw_addr = MacAddr(r.octets()?);
        r.skip(2)?;
        let name = FixedText(r.octets()?);
        Ok(PortDesc {
            port,
            hw_addr,
            name,
            config: r.u32()?,
            state: r.u32()?,
            curr: r.u32()?,
            advertised: r.u32()?,
            supported: r.u32()?,
            peer: r.u32()?,
            curr_speed: r.u32()?,
            max_speed: r.u32()?,
        })
    }

    pub(crate) fn write(&self, w: &mut Writer<'_>) {
        let PortDesc { port, hw_addr, name, config, state, curr, advertised, supported, peer, .. } = self;
        w.u32(port.0);
        w.zeros(4);
        w.bytes(&hw_addr.0);
        w.zeros(2);
        w.bytes(&name.0);
        for number in [config, state, curr, advertised, supported, peer, &self.curr_speed, &self.max_speed] {
            w.u32(*number);
        }
    }
}

impl PortStatus {
    pub(crate) fn read(r: &mut Reader<'_>) -> Result<PortStatus, Bad> {
        let reason = match r.u8()? {
            0 => PortReason::Add,
            1 => PortReason::Delete,
            2 => PortReason::Modify,
            number => return Err(Bad::Value { value: number.into(), what: "port-status reason" }),
        };
        r.skip(7)?;
        Ok(PortStatus { reason, desc: PortDesc::read(r)? })
    }

    pub(crate) fn write(&self, w: &mut Writer<'_>) {
        w.u8(self.reason as u8);
        w.zeros(7);
        self.desc.write(w);
    }
}

impl PortMod {
    pub(crate) fn read(r: &mut Reader<'_>) -> Result<PortMod, Bad> {
        let port = OfPort(r.u32()?);
        r.skip(4)?;
        let hw_addr = MacAddr(r.octets()?);
        r.skip(2)?;
        let (config, mask, advertise) = (r.u32()?, r.u32()?, r.u32()?);
        r.skip(4)?;
        Ok(PortMod { port, hw_addr, config, mask, advertise })
    }

    pub(crate) fn write(&self, w: &mut Writer<'_>) {
        w.u32(self.port.0);
        w.zeros(4);
        w.bytes(&self.hw_addr.0);
        w.zeros(2);
        w.u32(self.config);
        w.u32(self.mask);
        w.u32(self.advertise);
        w.zeros(4);
    }
}

impl PortStats {
    pub(crate) fn read(r: &mut Reader<'_>) -> Result<PortStats, Bad> {
        let port = OfPort(r.u32()?);
        r.skip(4)?;
        Ok(PortStats {
            port,
            rx_packets: r.u64()?,
            tx_packets: r.u64()?,
            rx_bytes: r.u64()?,
            tx_bytes: r.u64()?,
            rx_dropped: r.u64()?,
            tx_dropped: r.u64()?,
            rx_errors: r.u64()?,
            tx_errors: r.u64()?,
            rx_frame_errors: r.u64()?,
            rx_over_errors: r.u64()?,
            rx_crc_errors: r.u64()?,
            collisions: r.u64()?,
            duration_s: r.u32()?,
            duration_ns: r.u32()?,
        })
    }

    pub(crate) fn write(&self, w: &mut Writer<'_>) {
        w.u32(self.port.0);
        w.zeros(4);
        let counters = [
            self.rx_packets,
            self.tx_packets,
            self.rx_bytes,
            self.tx_bytes,
            self.rx_dropped,
            self.tx_dropped,
            self.rx_errors,
            self.tx_errors,
            self.rx_frame_errors,
            self.rx_over_errors,
            self.rx_crc_errors,
            self.collisions,
        ];
        counters.into_iter().for_each(|counter| w.u64(counter));
        w.u32(self.duration_s);
        w.u32(self.duration_ns);
    }
}
