//! ICMPv6 messages (RFC 4443), neighbour discovery (RFC 4861) and MLD (RFC 2710, RFC 3810) among them.

use std::net::Ipv6Addr;

use bytes::{BufMut, Bytes, BytesMut};

use crate::wire::Reader;
use crate::{Bad, MldQuery, MldRecord, NdOption, RouterAdvert, checksum, checksum_v6, icmpv6_check, mld, nd, protocol};

pub(crate) mod kind {
    pub(crate) const DESTINATION_UNREACHABLE: u8 = 1;
    pub(crate) const PACKET_TOO_BIG: u8 = 2;
    pub(crate) const TIME_EXCEEDED: u8 = 3;
    pub(crate) const PARAMETER_PROBLEM: u8 = 4;
    pub(crate) const ECHO_REQUEST: u8 = 128;
    pub(crate) const ECHO_REPLY: u8 = 129;
    pub(crate) const MLD_QUERY: u8 = 130;
    pub(crate) const MLD_REPORT_V1: u8 = 131;
    pub(crate) const MLD_DONE: u8 = 132;
    pub(crate) const ROUTER_SOLICIT: u8 = 133;
    pub(crate) const ROUTER_ADVERT: u8 = 134;
    pub(crate) const NEIGHBOR_SOLICIT: u8 = 135;
    pub(crate) const NEIGHBOR_ADVERT: u8 = 136;
    pub(crate) const REDIRECT: u8 = 137;
    pub(crate) const MLD_REPORT_V2: u8 = 143;
}

/// An ICMPv6 message. `invoking` is the packet that an error is about, IP header first, as much as fits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Icmpv6 {
    /// 1 (RFC 4443, 3.1).
    DestinationUnreachable {
        /// 0 no route, 1 prohibited, 3 address, 4 port, 5 source policy, 6 reject route, ...
        code: u8,
        /// See [`Icmpv6`].
        invoking: Bytes,
    },
    /// 2 (RFC 4443, 3.2).
    PacketTooBig {
        /// Of the next link, in bytes.
        mtu: u32,
        /// See [`Icmpv6`].
        invoking: Bytes,
    },
    /// 3 (RFC 4443, 3.3).
    TimeExceeded {
        /// 0 hop limit, 1 reassembly.
        code: u8,
        /// See [`Icmpv6`].
        invoking: Bytes,
    },
    /// 4 (RFC 4443, 3.4).
    ParameterProblem {
        /// 0 header field, 1 next header, 2 option.
        code: u8,
        /// Where in the invoking packet, in bytes.
        pointer: u32,
        /// See [`Icmpv6`].
        invoking: Bytes,
    },
    /// 128 (RFC 4443, 4.1).
    EchoRequest {
        /// Of the sender's choosing.
        id: u16,
        /// Of the sender's choosing.
        seq: u16,
        /// To be sent back.
        data: Bytes,
    },
    /// 129 (RFC 4443, 4.2).
    EchoReply {
        /// The request's.
        id: u16,
        /// The request's.
        seq: u16,
        /// The request's.
        data: Bytes,
    },
    /// 133 (RFC 4861, 4.1).
    RouterSolicit {
        /// In the order of the packet.
        options: Vec<NdOption>,
    },
    /// 134 (RFC 4861, 4.2).
    RouterAdvert(RouterAdvert),
    /// 135 (RFC 4861, 4.3).
    NeighborSolicit {
        /// Whose MAC is asked for.
        target: Ipv6Addr,
        /// In the order of the packet.
        options: Vec<NdOption>,
    },
    /// 136 (RFC 4861, 4.4).
    NeighborAdvert {
        /// R: the target is a router.
        router: bool,
        /// S: answers a solicitation.
        solicited: bool,
        /// O: replaces what is cached.
        override_: bool,
        /// Whose MAC is told.
        target: Ipv6Addr,
        /// In the order of the packet.
        options: Vec<NdOption>,
    },
    /// 137 (RFC 4861, 4.5).
    Redirect {
        /// The better first hop; the destination itself if it is on the link.
        target: Ipv6Addr,
        /// What is redirected.
        destination: Ipv6Addr,
        /// In the order of the packet.
        options: Vec<NdOption>,
    },
    /// 130, 24 bytes long (RFC 2710, 3).
    MldQueryV1 {
        /// In milliseconds.
        max_response_ms: u16,
        /// `::` in a general query.
        group: Ipv6Addr,
    },
    /// 130, at least 28 bytes long (RFC 3810, 5.1).
    MldQueryV2(MldQuery),
    /// 131 (RFC 2710, 3).
    MldReportV1 {
        /// Joined, or still listened to.
        group: Ipv6Addr,
    },
    /// 132 (RFC 2710, 3).
    MldDone {
        /// Left.
        group: Ipv6Addr,
    },
    /// 143 (RFC 3810, 5.2).
    MldReportV2 {
        /// In the order of the packet.
        records: Vec<MldRecord>,
    },
    /// Any other.
    Unknown {
        /// ICMPv6 type.
        kind: u8,
        /// ICMPv6 code.
        code: u8,
        /// All after the checksum.
        body: Bytes,
    },
}

impl Icmpv6 {
    /// Reads the payload of an IPv6 packet with these addresses: checks the checksum, and all that RFC 4861
    /// (6.1, 7.1, 8.1), RFC 2710 and RFC 3810 tell a receiver to check that these arguments show.
    /// What the rest of the packet has to show, [`Ipv6Packet::icmpv6`](crate::Ipv6Packet::icmpv6) checks.
    pub fn parse(src: Ipv6Addr, dst: Ipv6Addr, payload: &[u8]) -> Result<Icmpv6, Bad> {
        let mut r = Reader::new(payload);
        let [kind, code] = r.array()?;
        let sum = r.u16()?;
        checksum::verify(checksum_v6(src, dst, protocol::ICMPV6, payload), sum)?;
        if code != 0 && icmpv6_check::is_nd(kind) {
            return Err(Bad::Code { kind, code });
        }
        let message = match kind {
            kind::DESTINATION_UNREACHABLE | kind::PACKET_TOO_BIG | kind::TIME_EXCEEDED | kind::PARAMETER_PROBLEM => {
                error(kind, code, &mut r)?
            }
            kind::ECHO_REQUEST if code == 0 => {
                Icmpv6::EchoRequest { id: r.u16()?, seq: r.u16()?, data: r.rest_bytes() }
            }
            kind::ECHO_REPLY if code == 0 => Icmpv6::EchoReply { id: r.u16()?, seq: r.u16()?, data: r.rest_bytes() },
            kind::ROUTER_SOLICIT
            | kind::ROUTER_ADVERT
            | kind::NEIGHBOR_SOLICIT
            | kind::NEIGHBOR_ADVERT
            | kind::REDIRECT => discovery(kind, &mut r)?,
            kind::MLD_QUERY | kind::MLD_REPORT_V1 | kind::MLD_DONE | kind::MLD_REPORT_V2 => listeners(kind, &mut r)?,
            _ => Icmpv6::Unknown { kind, code, body: r.rest_bytes() },
        };
        icmpv6_check::rules(src, dst, &message)?;
        Ok(message)
    }

    /// The message with its checksum, to go between these addresses. Options that
    /// [`NdOption::check`] refuses are left out.
    pub fn emit(&self, src: Ipv6Addr, dst: Ipv6Addr) -> Bytes {
        let mut out = BytesMut::with_capacity(128);
        out.put_u8(self.kind());
        out.put_u8(self.code());
        out.put_u16(0);
        self.emit_body(&mut out);
        let sum = checksum_v6(src, dst, protocol::ICMPV6, &out);
        out[2..4].copy_from_slice(&sum.to_be_bytes());
        out.freeze()
    }

    /// The ICMPv6 type.
    pub fn kind(&self) -> u8 {
        match self {
            Icmpv6::DestinationUnreachable { .. } => kind::DESTINATION_UNREACHABLE,
            Icmpv6::PacketTooBig { .. } => kind::PACKET_TOO_BIG,
            Icmpv6::TimeExceeded { .. } => kind::TIME_EXCEEDED,
            Icmpv6::ParameterProblem { .. } => kind::PARAMETER_PROBLEM,
            Icmpv6::EchoRequest { .. } => kind::ECHO_REQUEST,
            Icmpv6::EchoReply { .. } => kind::ECHO_REPLY,
            Icmpv6::RouterSolicit { .. } => kind::ROUTER_SOLICIT,
            Icmpv6::RouterAdvert(_) => kind::ROUTER_ADVERT,
            Icmpv6::NeighborSolicit { .. } => kind::NEIGHBOR_SOLICIT,
            Icmpv6::NeighborAdvert { .. } => kind::NEIGHBOR_ADVERT,
            Icmpv6::Redirect { .. } => kind::REDIRECT,
            Icmpv6::MldQueryV1 { .. } | Icmpv6::MldQueryV2(_) => kind::MLD_QUERY,
            Icmpv6::MldReportV1 { .. } => kind::MLD_REPORT_V1,
            Icmpv6::MldDone { .. } => kind::MLD_DONE,
            Icmpv6::MldReportV2 { .. } => kind::MLD_REPORT_V2,
            Icmpv6::Unknown { kind, .. } => *kind,
        }
    }

    /// The ICMPv6 code.
    pub fn code(&self) -> u8 {
        match self {
            Icmpv6::DestinationUnreachable { code, .. }
            | Icmpv6::TimeExceeded { code, .. }
            | Icmpv6::ParameterProblem { code, .. }
            | Icmpv6::Unknown { code, .. } => *code,
            _ => 0,
        }
    }

    /// The neighbour discovery options of the message; none if it is of another kind.
    pub fn options(&self) -> &[NdOption] {
        match self {
            Icmpv6::RouterSolicit { options }
            | Icmpv6::NeighborSolicit { options, .. }
            | Icmpv6::NeighborAdvert { options, .. }
            | Icmpv6::Redirect { options, .. } => options,
            Icmpv6::RouterAdvert(advert) => &advert.options,
            _ => &[],
        }
    }

    fn emit_body(&self, out: &mut BytesMut) {
        match self {
            Icmpv6::DestinationUnreachable { invoking, .. } | Icmpv6::TimeExceeded { invoking, .. } => {
                put_word(out, 0, invoking);
            }
            Icmpv6::PacketTooBig { mtu: word, invoking } | Icmpv6::ParameterProblem { pointer: word, invoking, .. } => {
                put_word(out, *word, invoking)
            }
            Icmpv6::EchoRequest { id, seq, data } | Icmpv6::EchoReply { id, seq, data } => {
                put_word(out, u32::from(*id) << 16 | u32::from(*seq), data);
            }
            Icmpv6::RouterSolicit { .. } => out.put_u32(0),
            Icmpv6::RouterAdvert(advert) => return advert.emit(out),
            Icmpv6::NeighborSolicit { target, .. } => put_word(out, 0, &target.octets()),
            Icmpv6::NeighborAdvert { router, solicited, override_, target, .. } => {
                let flags = u32::from(*router) << 31 | u32::from(*solicited) << 30 | u32::from(*override_) << 29;
                put_word(out, flags, &target.octets());
            }
            Icmpv6::Redirect { target, destination, .. } => {
                put_word(out, 0, &target.octets());
                out.put_slice(&destination.octets());
            }
            Icmpv6::MldQueryV1 { max_response_ms, group } => {
                put_word(out, u32::from(*max_response_ms) << 16, &group.octets());
            }
            Icmpv6::MldReportV1 { group } | Icmpv6::MldDone { group } => put_word(out, 0, &group.octets()),
            Icmpv6::MldQueryV2(query) => query.emit(out),
            Icmpv6::MldReportV2 { records } => mld::put_records(out, records),
            Icmpv6::Unknown { body, .. } => out.put_slice(body),
        }
        for option in self.options() {
            option.emit(out);
        }
    }
}

fn put_word(out: &mut BytesMut, word: u32, rest: &[u8]) {
    out.put_u32(word);
    out.put_slice(rest);
}

fn error(kind: u8, code: u8, r: &mut Reader<'_>) -> Result<Icmpv6, Bad> {
    let word = r.u32()?;
    let invoking = r.rest_bytes();
    Ok(match kind {
        kind::DESTINATION_UNREACHABLE => Icmpv6::DestinationUnreachable { code, invoking },
        kind::PACKET_TOO_BIG => Icmpv6::PacketTooBig { mtu: word, invoking },
        kind::TIME_EXCEEDED => Icmpv6::TimeExceeded { code, invoking },
        _ => Icmpv6::ParameterProblem { code, pointer: word, invoking },
    })
}

fn discovery(kind: u8, r: &mut Reader<'_>) -> Result<Icmpv6, Bad> {
    if kind == kind::ROUTER_ADVERT {
        return RouterAdvert::parse(r).map(Icmpv6::RouterAdvert);
    }
    let flags = r.u32()?;
    Ok(match kind {
        kind::ROUTER_SOLICIT => Icmpv6::RouterSolicit { options: nd::options(r)? },
        kind::NEIGHBOR_SOLICIT => Icmpv6::NeighborSolicit { target: r.v6()?, options: nd::options(r)? },
        kind::NEIGHBOR_ADVERT => Icmpv6::NeighborAdvert {
            router: flags >> 31 & 1 == 1,
            solicited: flags >> 30 & 1 == 1,
            override_: flags >> 29 & 1 == 1,
            target: r.v6()?,
            options: nd::options(r)?,
        },
        _ => Icmpv6::Redirect { target: r.v6()?, destination: r.v6()?, options: nd::options(r)? },
    })
}

fn listeners(kind: u8, r: &mut Reader<'_>) -> Result<Icmpv6, Bad> {
    // RFC 3810, 8.1: the length tells the versions of a query apart.
    const V1_BODY: usize = 20;
    if kind == kind::MLD_REPORT_V2 {
        return Ok(Icmpv6::MldReportV2 { records: mld::records(r)? });
    }
    if kind == kind::MLD_QUERY && r.left() > V1_BODY {
        return MldQuery::parse(r).map(Icmpv6::MldQueryV2);
    }
    let max_response_ms = r.u16()?;
    r.u16()?;
    let group = r.v6()?;
    Ok(match kind {
        kind::MLD_QUERY => Icmpv6::MldQueryV1 { max_response_ms, group },
        kind::MLD_REPORT_V1 => Icmpv6::MldReportV1 { group },
        _ => Icmpv6::MldDone { group },
    })
}
