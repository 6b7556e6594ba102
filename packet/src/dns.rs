//! DNS (RFC 1035): questions that hosts ask, and answers to them. Names, compression and EDNS are the `domain` crate's.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr as _;

use bytes::Bytes;
use domain::base::iana::{Class, Opcode, OptRcode, Rtype};
use domain::base::message_builder::{AdditionalBuilder, AnswerBuilder, PushError, StaticCompressor};
use domain::base::{Message, MessageBuilder, Name, Serial, Ttl};
use domain::rdata::{A, Aaaa, Ptr, Soa};

/// Where servers listen.
pub const DNS_PORT: u16 = 53;
/// The largest UDP answer, bytes: what fits the least IPv6 MTU with room to spare, as DNS Flag Day 2020 has it.
pub const DNS_UDP_MAX: usize = 1232;
/// The largest UDP answer to whom tells no size (RFC 1035, 4.2.1), and the least that can be told (RFC 6891, 6.2.3).
const UDP_MIN: usize = 512;
const HEADER: usize = 12;

/// A question, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnsQuery {
    /// The name in lower case, without the final dot: the root is empty. What is no letter, digit, hyphen or underscore is
    /// escaped (RFC 4343, 2.1), so that a dot always ends a label.
    pub name: String,
    /// What is asked for.
    pub kind: DnsKind,
    /// The EDNS size that the asker tells, as it came (RFC 6891, 6.2.3); `None`: it does not know of EDNS.
    pub edns: Option<u16>,
    bytes: Bytes,
}

/// The types of records that a question is told apart by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DnsKind {
    /// IPv4 addresses.
    A,
    /// IPv6 addresses (RFC 3596).
    Aaaa,
    /// The name of an address.
    Ptr,
    /// Anything there is.
    Any,
    /// Whatever else there is in a zone.
    Other,
}

/// Why a message is no question to be answered as such.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DnsBad {
    /// Nothing can be said to it: too short, or an answer itself.
    Silence,
    /// It is told so.
    Told(DnsCode),
}

/// What an answer says of itself (RFC 1035, 4.1.1; RFC 6891, 9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // The RFCs' names.
pub enum DnsCode {
    NoError,
    FormErr,
    ServFail,
    NxDomain,
    NotImp,
    Refused,
    BadVers,
}

/// What is answered of one's own knowledge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnsAnswer {
    /// How it went.
    pub code: DnsCode,
    /// The answer's records, all of the name that was asked for.
    pub records: Vec<DnsData>,
    /// How long they may be kept, seconds.
    pub ttl_s: u32,
    /// The zone in which there is nothing, where there is nothing: told by its SOA record, and how long that may be remembered,
    /// seconds (RFC 2308, 5).
    pub nothing_in: Option<(String, u32)>,
}

/// A record's data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DnsData {
    /// An IPv4 address.
    A(Ipv4Addr),
    /// An IPv6 address.
    Aaaa(Ipv6Addr),
    /// A name.
    Ptr(String),
}

impl DnsCode {
    const fn wire(self) -> OptRcode {
        match self {
            DnsCode::NoError => OptRcode::NOERROR,
            DnsCode::FormErr => OptRcode::FORMERR,
            DnsCode::ServFail => OptRcode::SERVFAIL,
            DnsCode::NxDomain => OptRcode::NXDOMAIN,
            DnsCode::NotImp => OptRcode::NOTIMP,
            DnsCode::Refused => OptRcode::REFUSED,
            DnsCode::BadVers => OptRcode::BADVERS,
        }
    }
}

impl DnsQuery {
    /// Reads a message that came by UDP.
    ///
    /// # Errors
    /// What is to be said to it, if anything.
    pub fn parse(bytes: &[u8]) -> Result<DnsQuery, DnsBad> {
        let message = Message::from_slice(bytes).map_err(|_| DnsBad::Silence)?;
        let header = message.header();
        if header.qr() {
            return Err(DnsBad::Silence);
        }
        if header.opcode() != Opcode::QUERY {
            return Err(DnsBad::Told(DnsCode::NotImp));
        }
        let question = message.sole_question().map_err(|_| DnsBad::Told(DnsCode::FormErr))?;
        let counts = message.header_counts();
        if counts.ancount() != 0 || counts.nscount() != 0 {
            return Err(DnsBad::Told(DnsCode::FormErr));
        }
        let opt = message.opt();
        if counts.arcount() != 0 && opt.is_none() {
            return Err(DnsBad::Told(DnsCode::FormErr));
        }
        if opt.as_ref().is_some_and(|opt| opt.version() != 0) {
            return Err(DnsBad::Told(DnsCode::BadVers));
        }
        let transfers = matches!(question.qtype(), Rtype::AXFR | Rtype::IXFR);
        if !matches!(question.qclass(), Class::IN | Class::ANY) || transfers {
            return Err(DnsBad::Told(DnsCode::Refused));
        }
        let name = question.qname().to_string().to_ascii_lowercase();
        Ok(DnsQuery {
            name: name.strip_suffix('.').map(str::to_owned).unwrap_or(name),
            kind: match question.qtype() {
                Rtype::A => DnsKind::A,
                Rtype::AAAA => DnsKind::Aaaa,
                Rtype::PTR => DnsKind::Ptr,
                Rtype::ANY => DnsKind::Any,
                _ => DnsKind::Other,
            },
            edns: opt.map(|opt| opt.udp_payload_size()),
            bytes: Bytes::copy_from_slice(bytes),
        })
    }

    /// The largest answer that the asker takes, bytes.
    pub fn room(&self) -> usize {
        self.edns.map_or(UDP_MIN, |size| usize::from(size).clamp(UDP_MIN, DNS_UDP_MAX))
    }

    /// An answer of `room` bytes at most: without records and marked as cut where they don't fit (RFC 2181, 9).
    pub fn answer(&self, answer: &DnsAnswer, room: usize) -> Bytes {
        let written = self.written(answer, room).or_else(|_| {
            let nothing = DnsAnswer { code: answer.code, records: vec![], ttl_s: 0, nothing_in: None };
            self.written(&nothing, usize::MAX).map(|mut message| {
                message[2] |= 0x02;
                message
            })
        });
        written.map(Bytes::from).unwrap_or_default()
    }

    fn written(&self, answer: &DnsAnswer, room: usize) -> Result<Vec<u8>, PushError> {
        let asked = Message::from_slice(&self.bytes).map_err(|_| PushError::ShortBuf)?;
        let question = asked.sole_question().map_err(|_| PushError::ShortBuf)?;
        let mut section = started(asked, answer.code)?;
        section.as_builder_mut().set_push_limit(room.saturating_add(1));
        section.header_mut().set_aa(true);
        let (owner, ttl) = (question.qname(), Ttl::from_secs(answer.ttl_s));
        for record in &answer.records {
            match record {
                DnsData::A(address) => section.push((owner, Class::IN, ttl, A::new(*address)))?,
                DnsData::Aaaa(address) => section.push((owner, Class::IN, ttl, Aaaa::new(*address)))?,
                DnsData::Ptr(name) => section.push((owner, Class::IN, ttl, Ptr::new(named(name)?)))?,
            }
        }
        let mut section = section.authority();
        if let Some((zone, minimum_s)) = &answer.nothing_in {
            let (zone, minimum) = (named(zone)?, Ttl::from_secs(*minimum_s));
            let master = named("hostmaster").and_then(|name| chained(&name, &zone))?;
            let soa = Soa::new(zone.clone(), master, Serial(1), Ttl::HOUR, minimum, Ttl::DAY, minimum);
            section.push((zone, Class::IN, minimum, soa))?;
        }
        finished(section.additional(), self.edns.is_some(), answer.code)
    }

    /// The question as it is put to another server: nothing of the asker's message but what is asked and how. Its id is 0.
    pub fn forwarded(&self) -> Bytes {
        let built = || -> Result<Vec<u8>, PushError> {
            let asked = Message::from_slice(&self.bytes).map_err(|_| PushError::ShortBuf)?;
            let question = asked.sole_question().map_err(|_| PushError::ShortBuf)?;
            let mut builder = MessageBuilder::from_target(Vec::new()).map_err(|_| PushError::ShortBuf)?;
            builder.header_mut().set_rd(asked.header().rd());
            builder.header_mut().set_cd(asked.header().cd());
            let mut builder = builder.question();
            builder.push((question.qname(), question.qtype(), question.qclass()))?;
            let mut builder = builder.additional();
            if let Some(opt) = asked.opt() {
                builder.opt(|told| {
                    told.set_udp_payload_size(DNS_UDP_MAX as u16);
                    told.set_dnssec_ok(opt.dnssec_ok());
                    Ok(())
                })?;
            }
            Ok(builder.finish())
        };
        built().map(Bytes::from).unwrap_or_default()
    }

    /// Another server's answer, as the asker gets it, in `room` bytes at most; `None`: it is not one to this question.
    pub fn relayed(&self, answer: &[u8], room: usize) -> Option<Bytes> {
        let asked = Message::from_slice(&self.bytes).ok()?;
        let told = Message::from_slice(answer).ok()?;
        let same = told.sole_question().ok()? == asked.sole_question().ok()?;
        if !told.header().qr() || told.header().opcode() != Opcode::QUERY || !same {
            return None;
        }
        if answer.len() > room || told.header().tc() {
            let nothing = DnsAnswer { code: DnsCode::NoError, records: vec![], ttl_s: 0, nothing_in: None };
            let mut message = self.written(&nothing, usize::MAX).ok()?;
            // Cut, and no authority of ours.
            message[2] = message[2] & !0x04 | 0x02;
            return Some(Bytes::from(message));
        }
        let mut message = answer.to_vec();
        message[..2].copy_from_slice(&self.bytes[..2]);
        Some(Bytes::from(message))
    }

    /// The answer to one who can't be answered.
    pub fn failed(&self, code: DnsCode) -> Bytes {
        refused(&self.bytes, code)
    }

    /// The answer to a message that is no question to be answered as such; `None`: there is none.
    pub fn refusal(bytes: &[u8], bad: DnsBad) -> Option<Bytes> {
        match bad {
            DnsBad::Silence => None,
            DnsBad::Told(code) => Some(refused(bytes, code)).filter(|answer| answer.len() >= HEADER),
        }
    }
}

fn refused(bytes: &[u8], code: DnsCode) -> Bytes {
    let built = || {
        let asked = Message::from_slice(bytes).map_err(|_| PushError::ShortBuf)?;
        finished(started(asked, code)?.additional(), asked.opt().is_some(), code)
    };
    built().map(Bytes::from).unwrap_or_default()
}

type Target = StaticCompressor<Vec<u8>>;

/// An answer with the question in it, from a server that can ask others (RFC 1035, 4.1.1: RA).
fn started(asked: &Message<[u8]>, code: DnsCode) -> Result<AnswerBuilder<Target>, PushError> {
    let target = StaticCompressor::new(Vec::new());
    let builder = MessageBuilder::from_target(target).map_err(|_| PushError::ShortBuf)?;
    let mut section = builder.start_error(asked, code.wire().rcode());
    section.header_mut().set_opcode(asked.header().opcode());
    section.header_mut().set_ra(true);
    Ok(section)
}

fn finished(mut section: AdditionalBuilder<Target>, edns: bool, code: DnsCode) -> Result<Vec<u8>, PushError> {
    if edns {
        section.opt(|told| {
            told.set_udp_payload_size(DNS_UDP_MAX as u16);
            told.set_rcode(code.wire());
            Ok(())
        })?;
    }
    Ok(section.finish().into_target())
}

fn named(name: &str) -> Result<Name<Vec<u8>>, PushError> {
    Name::from_str(name).map_err(|_| PushError::ShortBuf)
}

fn chained(first: &Name<Vec<u8>>, zone: &Name<Vec<u8>>) -> Result<Name<Vec<u8>>, PushError> {
    named(&format!("{first}.{zone}"))
}
