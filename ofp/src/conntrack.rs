//! Flushing conntrack over OpenFlow (Nicira, Open vSwitch 3.1).

use std::net::IpAddr;

use bytes::Bytes;

/// Forget connections (`NXT_CT_FLUSH`). What is absent matches anything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CtFlush {
    /// IP protocol; 0 with no tuple: any.
    pub ip_proto: u8,
    /// Only this zone.
    pub zone: Option<u16>,
    /// The direction of the connection's first packet.
    pub original: Option<CtTuple>,
    /// The other direction.
    pub reply: Option<CtTuple>,
    /// Properties that are not known here, each as read.
    pub unknown: Vec<Bytes>,
}

/// One direction of a connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CtTuple {
    /// From.
    pub src: Option<IpAddr>,
    /// To.
    pub dst: Option<IpAddr>,
    /// From port.
    pub src_port: Option<u16>,
    /// To port.
    pub dst_port: Option<u16>,
    /// ICMP identifier.
    pub icmp_id: Option<u16>,
    /// ICMP type.
    pub icmp_type: Option<u8>,
    /// ICMP code.
    pub icmp_code: Option<u8>,
    /// Properties that are not known here, each as read.
    pub unknown: Vec<Bytes>,
}
