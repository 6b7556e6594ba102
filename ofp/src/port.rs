//! Ports: what they are, what becomes of them, what they count.

use addr::{MacAddr, OfPort};

use crate::FixedText;

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
