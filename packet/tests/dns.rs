//! DNS: what is asked is read, what is answered fits, and what others answer is held against the question.

use packet::{DNS_UDP_MAX, DnsAnswer, DnsBad, DnsCode, DnsData, DnsKind, DnsQuery};

const AAAA: u16 = 28;
/// Where the flags are, and in their first byte.
const FLAGS: usize = 2;
const RESPONSE: u8 = 0x80;
const AUTHORITATIVE: u8 = 0x04;
const CUT: u8 = 0x02;
const RECURSION: u8 = 0x01;

/// A question: id 0x1234, recursion desired, class IN.
fn question(name: &str, kind: u16, edns: Option<u16>) -> Vec<u8> {
    let mut bytes = vec![0x12, 0x34, RECURSION, 0, 0, 1, 0, 0, 0, 0, 0, u8::from(edns.is_some())];
    for label in name.split('.').filter(|label| !label.is_empty()) {
        bytes.push(label.len() as u8);
        bytes.extend(label.as_bytes());
    }
    bytes.push(0);
    bytes.extend(kind.to_be_bytes());
    bytes.extend([0, 1]);
    if let Some(size) = edns {
        bytes.extend([0, 0, 41]);
        bytes.extend(size.to_be_bytes());
        bytes.extend([0, 0, 0x80, 0, 0, 0]);
    }
    bytes
}

fn known(records: Vec<DnsData>) -> DnsAnswer {
    DnsAnswer { code: DnsCode::NoError, records, ttl_s: 60, nothing_in: None }
}

fn addresses(n: usize) -> Vec<DnsData> {
    (1..=n).map(|n| DnsData::Aaaa(format!("2001:db8::{n:x}").parse().unwrap())).collect()
}

fn counts(message: &[u8]) -> [u16; 4] {
    [4, 6, 8, 10].map(|at| u16::from_be_bytes([message[at], message[at + 1]]))
}

#[test]
fn questions_are_read() {
    let query = DnsQuery::parse(&question("VM1.Red.Example", AAAA, None)).unwrap();
    assert_eq!((&*query.name, query.kind, query.edns, query.room()), ("vm1.red.example", DnsKind::Aaaa, None, 512));
    let query = DnsQuery::parse(&question("", 2, Some(4096))).unwrap();
    assert_eq!((&*query.name, query.kind, query.edns, query.room()), ("", DnsKind::Other, Some(4096), DNS_UDP_MAX));
    assert_eq!(DnsQuery::parse(&question("a", 12, Some(100))).unwrap().room(), 512);
    // A dot in a label is none between labels.
    assert_eq!(
        DnsQuery::parse(&[&question("", 1, None)[..12], b"\x03a.b\0\0\x01\0\x01"].concat()).unwrap().name,
        "a\\.b"
    );
}

#[test]
fn what_is_no_question_is_told_so_or_nothing() {
    let good = question("vm1.red.example", AAAA, Some(1232));
    let with = |at: usize, value: u8| {
        let mut bytes = good.clone();
        bytes[at] = value;
        DnsQuery::parse(&bytes).map_err(|bad| (bad, DnsQuery::refusal(&bytes, bad)))
    };
    let told = |at, value| match with(at, value) {
        Err((DnsBad::Told(code), Some(answer))) => {
            assert_eq!((&answer[..2], answer[FLAGS] & (RESPONSE | AUTHORITATIVE)), (&good[..2], RESPONSE));
            (code, answer[3] & 0x0f)
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(told(FLAGS, 4 << 3), (DnsCode::NotImp, 4));
    assert_eq!(told(5, 0), (DnsCode::FormErr, 1));
    assert_eq!(told(5, 2), (DnsCode::FormErr, 1));
    assert_eq!(told(7, 1), (DnsCode::FormErr, 1));
    // Class CH, a transfer, EDNS of another version (whose code is in two places).
    let end = good.len();
    assert_eq!(told(end - 12, 3), (DnsCode::Refused, 5));
    assert_eq!(told(end - 14, 252), (DnsCode::Refused, 5));
    assert_eq!(told(end - 5, 1), (DnsCode::BadVers, 0));
    assert_eq!(with(FLAGS, RESPONSE).unwrap_err(), (DnsBad::Silence, None));
    for length in 0..12 {
        assert_eq!(DnsQuery::parse(&good[..length]), Err(DnsBad::Silence));
    }
    for length in 12..end {
        assert!(DnsQuery::parse(&good[..length]).is_err(), "{length}");
    }
}

#[test]
fn answers_are_written() {
    let query = DnsQuery::parse(&question("Vm1.red.example", AAAA, Some(1232))).unwrap();
    let answer = query.answer(&known(addresses(2)), query.room());
    assert_eq!(answer[..2], [0x12, 0x34]);
    assert_eq!(answer[FLAGS], RESPONSE | AUTHORITATIVE | RECURSION);
    assert_eq!(answer[3], 0x80, "recursion is available");
    assert_eq!(counts(&answer), [1, 2, 0, 1]);
    // The name as it was asked for, then two records that point to it.
    assert_eq!(answer[13..16], *b"Vm1");
    let record = [&[0xc0, 12, 0, 28, 0, 1, 0, 0, 0, 60, 0, 16, 0x20, 1, 0xd, 0xb8][..], &[0; 11], &[1]].concat();
    assert_eq!(answer[33..33 + 28], record);
    let nothing =
        DnsAnswer { nothing_in: Some(("red.example".to_owned(), 10)), code: DnsCode::NxDomain, ..known(vec![]) };
    let query = DnsQuery::parse(&question("x.red.example", AAAA, None)).unwrap();
    let answer = query.answer(&nothing, query.room());
    assert_eq!((answer[3] & 0x0f, counts(&answer)), (3, [1, 0, 1, 0]));
    let pointer = DnsData::Ptr("vm1.red.example".to_owned());
    let answer = query.answer(&known(vec![pointer]), query.room());
    assert_eq!(counts(&answer), [1, 1, 0, 0]);
    assert!(answer.windows(5).any(|bytes| bytes == b"\x03vm1\xc0"), "the rest of the name is there already");
}

#[test]
fn what_does_not_fit_is_cut_and_says_so() {
    let plain = DnsQuery::parse(&question("vm1.red.example", AAAA, None)).unwrap();
    let edns = DnsQuery::parse(&question("vm1.red.example", AAAA, Some(4000))).unwrap();
    // 33 bytes of header and question, 28 for each address.
    let fits = plain.answer(&known(addresses(17)), plain.room());
    assert_eq!((fits.len(), counts(&fits)[1], fits[FLAGS] & CUT), (33 + 17 * 28, 17, 0));
    let cut = plain.answer(&known(addresses(18)), plain.room());
    assert_eq!((cut.len(), counts(&cut), cut[FLAGS] & CUT), (33, [1, 0, 0, 0], CUT));
    let more = edns.answer(&known(addresses(18)), edns.room());
    assert_eq!((counts(&more)[1], more[FLAGS] & CUT), (18, 0));
    let exactly = plain.answer(&known(addresses(2)), 33 + 2 * 28);
    assert_eq!(counts(&exactly)[1], 2);
    assert_eq!(plain.answer(&known(addresses(2)), 32 + 2 * 28)[FLAGS] & CUT, CUT);
}

#[test]
fn only_an_answer_to_the_question_is_relayed() {
    let asked = question("www.example", AAAA, Some(1232));
    let query = DnsQuery::parse(&asked).unwrap();
    let put = query.forwarded();
    assert_eq!((&put[..2], &put[2..]), (&[0, 0][..], &asked[2..]), "EDNS, and DNSSEC if wanted, but no id");
    let answer = DnsQuery::parse(&put).unwrap().answer(&known(addresses(3)), 1232);
    let relayed = query.relayed(&answer, 1232).unwrap();
    assert_eq!((&relayed[..2], &relayed[2..]), (&[0x12, 0x34][..], &answer[2..]));
    // Too big for who asks, or cut already.
    let cut = query.relayed(&answer, answer.len() - 1).unwrap();
    assert_eq!((cut[FLAGS] & (CUT | AUTHORITATIVE), counts(&cut)), (CUT, [1, 0, 0, 1]));
    let mut short = answer.to_vec();
    short[FLAGS] |= CUT;
    assert_eq!(counts(&query.relayed(&short, 1232).unwrap()), [1, 0, 0, 1]);
    for other in [question("www.example", 1, None), question("ww.example", AAAA, None), asked.clone()] {
        let answer = DnsQuery::parse(&other).unwrap().answer(&known(vec![]), 1232);
        assert_eq!(query.relayed(&answer, 1232).is_some(), other == asked);
    }
    assert_eq!(query.relayed(&asked, 1232), None, "a question");
    assert_eq!(query.relayed(&answer[..20], 1232), None);
    let failed = query.failed(DnsCode::ServFail);
    assert_eq!((failed[3] & 0x0f, counts(&failed)), (2, [1, 0, 0, 1]));
}
