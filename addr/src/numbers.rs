//! Numbers that name things in OpenFlow.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// An OpenFlow datapath id: 64 bits, written as 16 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Dpid(pub u64);

/// Text that is not 1 to 16 hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadDpid(pub String);

impl fmt::Display for BadDpid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is not a datapath id such as 0000000000000001 (16 hexadecimal digits)", self.0)
    }
}

impl std::error::Error for BadDpid {}

impl FromStr for Dpid {
    type Err = BadDpid;

    fn from_str(text: &str) -> Result<Dpid, BadDpid> {
        let bad = || BadDpid(text.to_owned());
        let digits = text.strip_prefix("0x").unwrap_or(text);
        if digits.is_empty() || digits.len() > 16 || !digits.bytes().all(|c| c.is_ascii_hexdigit()) {
            return Err(bad());
        }
        u64::from_str_radix(digits, 16).map(Dpid).map_err(|_| bad())
    }
}

impl fmt::Display for Dpid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for Dpid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// An OpenFlow 1.3 port number. Above [`OfPort::MAX`] live the reserved ports (OpenFlow 1.3.5, 7.2.1).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct OfPort(pub u32);

impl OfPort {
    /// The highest number of an ordinary port.
    pub const MAX: OfPort = OfPort(0xffff_ff00);
    /// Back out of the port that a packet came in by.
    pub const IN_PORT: OfPort = OfPort(0xffff_fff8);
    /// Submit to the first table (packet-out only).
    pub const TABLE: OfPort = OfPort(0xffff_fff9);
    /// The switch's own, non-OpenFlow forwarding.
    pub const NORMAL: OfPort = OfPort(0xffff_fffa);
    /// All ports of the VLAN.
    pub const FLOOD: OfPort = OfPort(0xffff_fffb);
    /// All ports but the one it came in by.
    pub const ALL: OfPort = OfPort(0xffff_fffc);
    /// The controller.
    pub const CONTROLLER: OfPort = OfPort(0xffff_fffd);
    /// The bridge's own interface.
    pub const LOCAL: OfPort = OfPort(0xffff_fffe);
    /// No port: a wildcard in deletes and stats requests.
    pub const ANY: OfPort = OfPort(0xffff_ffff);

    /// Whether this is a port that can be plugged and unplugged, rather than a reserved number.
    pub const fn is_ordinary(self) -> bool {
        self.0 != 0 && self.0 <= OfPort::MAX.0
    }
}

impl fmt::Display for OfPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match *self {
            OfPort::IN_PORT => "IN_PORT",
            OfPort::TABLE => "TABLE",
            OfPort::NORMAL => "NORMAL",
            OfPort::FLOOD => "FLOOD",
            OfPort::ALL => "ALL",
            OfPort::CONTROLLER => "CONTROLLER",
            OfPort::LOCAL => "LOCAL",
            OfPort::ANY => "ANY",
            OfPort(n) => return write!(f, "{n}"),
        };
        f.write_str(name)
    }
}

impl fmt::Debug for OfPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dpid_text() {
        assert_eq!("1".parse::<Dpid>().unwrap().to_string(), "0000000000000001");
        assert_eq!("0x00aa".parse::<Dpid>().unwrap(), Dpid(0xaa));
        for text in ["", "00000000000000001", "-1", "xyz"] {
            assert!(text.parse::<Dpid>().is_err(), "{text}");
        }
    }
}
