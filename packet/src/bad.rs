//! Why bytes were refused.

use std::net::Ipv6Addr;

/// Bytes that are not the packet they claim to be, or that an RFC tells a receiver to discard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Bad {
    /// Fewer bytes than a header or a length field calls for; both counted from the start of that header.
    #[error("{need} bytes needed, {have} there")]
    Short {
        /// Bytes that the header or its length field calls for.
        need: usize,
        /// Bytes that are there.
        have: usize,
    },
    /// The checksum in the packet is not the one of its bytes.
    #[error("checksum is {have:#06x}, should be {want:#06x}")]
    Checksum {
        /// What the bytes sum up to.
        want: u16,
        /// What the packet says.
        have: u16,
    },
    /// An IP version other than the one that the ethertype announced.
    #[error("IP version {0}")]
    Version(u8),
    /// A header length field smaller than the header, in bytes.
    #[error("a header of {have} bytes, at least {need} needed")]
    HeaderLength {
        /// The smallest header there is.
        need: usize,
        /// What its length field says.
        have: usize,
    },
    /// A jumbogram (RFC 2675), which no Ethernet carries.
    #[error("a jumbogram")]
    Jumbogram,
    /// An ICMPv6 message whose code has to be zero (RFC 4861, 6.1 and 7.1).
    #[error("ICMPv6 type {kind} with code {code}, not 0")]
    Code {
        /// The ICMPv6 type.
        kind: u8,
        /// The code that it came with.
        code: u8,
    },
    /// A neighbour discovery option of length zero (RFC 4861, 4.6).
    #[error("option {kind} of length 0")]
    EmptyOption {
        /// The option's type.
        kind: u8,
    },
    /// A list longer than this crate reads.
    #[error("more than {max} {what}")]
    TooMany {
        /// What there is too much of.
        what: &'static str,
        /// The limit.
        max: usize,
    },
    /// A hop limit that shows the packet came from off the link (RFC 4861, 6.1 and 7.1; RFC 3810, 5).
    #[error("hop limit {have}, not {need}")]
    HopLimit {
        /// The only good value.
        need: u8,
        /// What the packet says.
        have: u8,
    },
    /// A neighbour discovery message in a packet with a fragment header (RFC 6980, 5).
    #[error("neighbour discovery in a fragment")]
    FragmentedNd,
    /// A source address that this message must not have.
    #[error("source {0} is not allowed here")]
    Source(Ipv6Addr),
    /// A destination address that this message must not have.
    #[error("destination {0} is not allowed here")]
    Destination(Ipv6Addr),
    /// A target (or, in MLD, a group) that this message must not have.
    #[error("target {0} is not allowed here")]
    Target(Ipv6Addr),
    /// A solicited advert that was sent to a group (RFC 4861, 7.1.2).
    #[error("a solicited advert to a group")]
    SolicitedToGroup,
    /// A source link-layer option in a message from `::` (RFC 4861, 6.1.1 and 7.1.1).
    #[error("a source link-layer address from ::")]
    LinkLayerOfNobody,
    /// An MLD message without the router alert option (RFC 3810, 5).
    #[error("MLD without router alert")]
    NoRouterAlert,
    /// An option that cannot be emitted: see [`NdOption::check`](crate::NdOption::check).
    #[error("option {kind}: {why}")]
    Unfit {
        /// The option's type: of neighbour discovery, or of DHCPv6.
        kind: u16,
        /// The rule that it breaks.
        why: &'static str,
    },
}
