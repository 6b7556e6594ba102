//! ARP for Ethernet and IPv4 (RFC 826).

use std::net::Ipv4Addr;

use addr::MacAddr;
use bytes::{BufMut, Bytes, BytesMut};

use crate::Bad;
use crate::wire::Reader;

/// "Who has?"
pub const OP_REQUEST: u16 = 1;
/// "Is at."
pub const OP_REPLY: u16 = 2;

/// Hardware type Ethernet, protocol type IPv4, address lengths 6 and 4.
const PREAMBLE: [u8; 6] = [0, 1, 8, 0, 6, 4];

const LENGTH: usize = 28;

/// An ARP packet. Names as in RFC 826: sender and target, hardware and protocol address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arp {
    /// [`OP_REQUEST`], [`OP_REPLY`] or another.
    pub op: u16,
    /// Sender's MAC.
    pub sha: MacAddr,
    /// Sender's address; `0.0.0.0` in a probe (RFC 5227, 2.1.1).
    pub spa: Ipv4Addr,
    /// Target's MAC; nothing in a request.
    pub tha: MacAddr,
    /// Target's address.
    pub tpa: Ipv4Addr,
}

impl Arp {
    /// Whether these bytes begin an ARP packet for Ethernet and IPv4 rather than for other media.
    pub(crate) fn is_ethernet_ipv4(bytes: &[u8]) -> bool {
        bytes.starts_with(&PREAMBLE) || bytes.len() < PREAMBLE.len()
    }

    /// Reads the bytes after the Ethernet header.
    pub fn parse(bytes: &[u8]) -> Result<Arp, Bad> {
        let mut r = Reader::new(Reader::new(bytes).take(LENGTH)?);
        r.take(PREAMBLE.len())?;
        let (op, sha, spa, tha, tpa) = (r.u16()?, r.mac()?, r.v4()?, r.mac()?, r.v4()?);
        Ok(Arp { op, sha, spa, tha, tpa })
    }

    /// The 28 bytes after the Ethernet header.
    pub fn emit(&self) -> Bytes {
        let Arp { op, sha, spa, tha, tpa } = self;
        let mut out = BytesMut::with_capacity(LENGTH);
        out.put_slice(&PREAMBLE);
        out.put_u16(*op);
        out.put_slice(&sha.0);
        out.put_slice(&spa.octets());
        out.put_slice(&tha.0);
        out.put_slice(&tpa.octets());
        out.freeze()
    }
}
