//! A client against a server in memory, and against silence.

use super::*;
use crate::requesting::Granted;

const DUID: &[u8] = &[0, 3, 0, 1, 2, 0, 0, 0, 0, 1];
const IAID: u32 = 7;
const START: Millis = Millis(1_000_000);

fn client(lease: Option<Lease>) -> Client {
    let hint = Some("::/56".parse().unwrap());
    Client::new(Bytes::from_static(DUID), IAID, hint, lease, *b"a key of its own", START)
}

fn net(text: &str) -> Ipv6Net {
    text.parse().unwrap()
}

fn server(name: &'static str) -> Bytes {
    Bytes::from_static(name.as_bytes())
}

fn prefix(text: &str, preferred_s: u32, valid_s: u32) -> Dhcp6Option {
    Dhcp6Option::IaPrefix { prefix: net(text), preferred_s, valid_s, options: Vec::new() }
}

fn status(code: Dhcp6Status) -> Dhcp6Option {
    Dhcp6Option::Status { code, message: String::new() }
}

/// What a server of a name says to a message.
fn answer(kind: Dhcp6Kind, to: &Dhcp6Message, name: &'static str, ia: Vec<Dhcp6Option>) -> Dhcp6Message {
    timed(kind, to, name, (0, 0), ia)
}

fn timed(
    kind: Dhcp6Kind,
    to: &Dhcp6Message,
    name: &'static str,
    (t1_s, t2_s): (u32, u32),
    ia: Vec<Dhcp6Option>,
) -> Dhcp6Message {
    let options = vec![
        Dhcp6Option::ClientId(Bytes::from_static(DUID)),
        Dhcp6Option::ServerId(server(name)),
        Dhcp6Option::IaPd { iaid: IAID, t1_s, t2_s, options: ia },
    ];
    Dhcp6Message { kind, transaction: to.transaction, options }
}

/// Time goes on until it sends something.
fn next(client: &mut Client) -> (Millis, Dhcp6Message) {
    for _ in 0..100 {
        let at = client.next_due().expect("something is due");
        if let Some(message) = client.tick(at).message {
            return (at, message);
        }
    }
    panic!("nothing is sent");
}

/// A client that has `2001:db8:100::/56` of server "a" for 1,000 and 2,000 seconds, and since when.
fn bound() -> (Client, Millis) {
    let mut client = client(None);
    let (_, solicit) = next(&mut client);
    let offered = vec![prefix("2001:db8:100::/56", 1_000, 2_000)];
    client.hear(&answer(Dhcp6Kind::Advertise, &solicit, "a", offered.clone()), START).unwrap();
    let (at, request) = next(&mut client);
    let step = client.hear(&answer(Dhcp6Kind::Reply, &request, "a", offered), at).unwrap();
    assert_eq!(step, Step { message: None, changed: true });
    (client, at)
}

fn named(message: &Dhcp6Message) -> (Dhcp6Kind, Option<Bytes>, Vec<Ipv6Net>) {
    let mut server = None;
    let mut prefixes = Vec::new();
    for option in &message.options {
        match option {
            Dhcp6Option::ServerId(duid) => server = Some(duid.clone()),
            Dhcp6Option::IaPd { iaid, options, .. } => {
                assert_eq!(*iaid, IAID);
                prefixes.extend(options.iter().filter_map(|o| match o {
                    Dhcp6Option::IaPrefix { prefix, .. } => Some(*prefix),
                    _ => None,
                }));
            }
            _ => {}
        }
    }
    (message.kind, server, prefixes)
}

#[test]
fn four_messages_make_a_lease_that_is_renewed_at_half_its_time() {
    let (mut client, at) = bound();
    let lease = client.lease().unwrap().clone();
    let granted = Granted {
        prefix: net("2001:db8:100::/56"),
        preferred_until: at.after_s(1_000),
        valid_until: at.after_s(2_000),
    };
    assert_eq!((lease.server, lease.prefixes), (server("a"), vec![granted]));
    let (renewed, renew) = next(&mut client);
    assert_eq!(renewed, at.after_s(500));
    assert_eq!(named(&renew), (Dhcp6Kind::Renew, Some(server("a")), vec![net("2001:db8:100::/56")]));
    let same = vec![prefix("2001:db8:100::/56", 1_000, 2_000)];
    client.hear(&answer(Dhcp6Kind::Reply, &renew, "a", same), renewed).unwrap();
    assert_eq!(client.lease().unwrap().prefixes[0].valid_until, renewed.after_s(2_000));
    assert_eq!(next(&mut client).0, renewed.after_s(500));
}

#[test]
fn silence_makes_it_ask_ever_more_seldom_then_anybody_then_anew() {
    let (mut client, at) = bound();
    let mut sent = Vec::new();
    let mut lost = None;
    while lost.is_none() {
        let due = client.next_due().unwrap();
        let step = client.tick(due);
        sent.extend(step.message.map(|message| (due, message.kind)));
        lost = step.changed.then_some(due);
    }
    assert_eq!(lost, Some(at.after_s(2_000)));
    let times = |kind| sent.iter().filter(move |(_, k)| *k == kind).map(|(at, _)| *at).collect::<Vec<_>>();
    let (renews, rebinds) = (times(Dhcp6Kind::Renew), times(Dhcp6Kind::Rebind));
    assert_eq!((renews[0], rebinds[0]), (at.after_s(500), at.after_s(800)));
    for times in [&renews, &rebinds] {
        for pair in times.windows(3) {
            let (first, second) = (pair[1].0 - pair[0].0, pair[2].0 - pair[1].0);
            assert!((1_899..=2_101).contains(&(second * 1_000 / first)), "{times:?}");
        }
        assert!((9_000..=11_000).contains(&(times[1].0 - times[0].0)), "{times:?}");
    }
    assert!(renews.last().unwrap() < &rebinds[0]);
    assert_eq!(client.lease(), None);
    let (_, again) = next(&mut client);
    assert_eq!(named(&again), (Dhcp6Kind::Solicit, None, vec![net("::/56")]));
}

#[test]
fn solicits_reach_the_longest_time_and_stay_there() {
    let mut client = client(None);
    let mut before = next(&mut client).0;
    assert!(before.0 - START.0 < 1_000);
    let mut gaps = Vec::new();
    for _ in 0..16 {
        let (at, solicit) = next(&mut client);
        assert_eq!(solicit.kind, Dhcp6Kind::Solicit);
        gaps.push(at.0 - before.0);
        before = at;
    }
    assert!((1_001..=1_100).contains(&gaps[0]), "{gaps:?}");
    assert!(gaps[13..].iter().all(|gap| (3_240_000..=3_960_000).contains(gap)), "{gaps:?}");
}

#[test]
fn the_best_offer_of_the_first_second_is_taken_and_the_highest_preference_at_once() {
    let mut client = client(None);
    let (at, solicit) = next(&mut client);
    let offer = |name, text, preference| {
        let mut message = answer(Dhcp6Kind::Advertise, &solicit, name, vec![prefix(text, 10, 20)]);
        message.options.push(Dhcp6Option::Preference(preference));
        message
    };
    assert_eq!(client.hear(&offer("a", "2001:db8:a00::/56", 1), at), Ok(Step::default()));
    assert_eq!(client.hear(&offer("b", "2001:db8:b00::/56", 9), at), Ok(Step::default()));
    assert_eq!(client.hear(&offer("c", "2001:db8:c00::/56", 9), at), Ok(Step::default()));
    let empty = answer(Dhcp6Kind::Advertise, &solicit, "d", vec![status(Dhcp6Status::NoPrefixAvail)]);
    assert_eq!(client.hear(&empty, at), Err("no_prefix"));
    let mut other = client.clone();
    let (_, request) = next(&mut client);
    assert_eq!(named(&request), (Dhcp6Kind::Request, Some(server("b")), vec![net("2001:db8:b00::/56")]));
    let step = other.hear(&offer("e", "2001:db8:e00::/56", 255), at).unwrap();
    assert_eq!(named(&step.message.unwrap()).1, Some(server("e")));
}

#[test]
fn what_is_not_an_answer_changes_nothing() {
    let mut client = client(None);
    let (at, solicit) = next(&mut client);
    let good = answer(Dhcp6Kind::Advertise, &solicit, "a", vec![prefix("2001:db8:100::/56", 10, 20)]);
    let without = |code: fn(&Dhcp6Option) -> bool| {
        let options = good.options.iter().filter(|option| !code(option)).cloned().collect();
        Dhcp6Message { options, ..good.clone() }
    };
    let cases = [
        (Dhcp6Message { transaction: good.transaction ^ 1, ..good.clone() }, "other_transaction"),
        (Dhcp6Message { kind: Dhcp6Kind::Reply, ..good.clone() }, "unexpected_kind"),
        (without(|option| matches!(option, Dhcp6Option::ClientId(_))), "not_for_us"),
        (without(|option| matches!(option, Dhcp6Option::ServerId(_))), "not_for_us"),
        (without(|option| matches!(option, Dhcp6Option::IaPd { .. })), "no_association"),
        (answer(Dhcp6Kind::Advertise, &solicit, "a", vec![prefix("2001:db8:100::/56", 21, 20)]), "no_prefix"),
        (answer(Dhcp6Kind::Advertise, &solicit, "a", vec![prefix("2001:db8:100::/65", 10, 20)]), "no_prefix"),
    ];
    for (message, why) in cases {
        assert_eq!(client.hear(&message, at), Err(why));
    }
    assert_eq!(next(&mut client).1.kind, Dhcp6Kind::Solicit);
}

#[test]
fn a_server_that_never_answers_requests_is_given_up_after_ten() {
    let mut client = client(None);
    let (at, solicit) = next(&mut client);
    client.hear(&answer(Dhcp6Kind::Advertise, &solicit, "a", vec![prefix("2001:db8:100::/56", 10, 20)]), at).unwrap();
    let kinds: Vec<Dhcp6Kind> = (0..11).map(|_| next(&mut client).1.kind).collect();
    assert_eq!(kinds[..10], [Dhcp6Kind::Request; 10]);
    assert_eq!(kinds[10], Dhcp6Kind::Solicit);
}

#[test]
fn a_server_that_has_forgotten_is_asked_for_the_same_again() {
    let (mut client, _) = bound();
    let (at, renew) = next(&mut client);
    let step = client.hear(&answer(Dhcp6Kind::Reply, &renew, "a", vec![status(Dhcp6Status::NoBinding)]), at).unwrap();
    let request = step.message.unwrap();
    assert_eq!(named(&request), (Dhcp6Kind::Request, Some(server("a")), vec![net("2001:db8:100::/56")]));
    assert!(client.lease().is_some(), "it is ours until it runs out");
    let new = vec![prefix("2001:db8:200::/56", 1_000, 2_000)];
    assert!(client.hear(&answer(Dhcp6Kind::Reply, &request, "a", new), at).unwrap().changed);
    let prefixes: Vec<Ipv6Net> = client.lease().unwrap().prefixes.iter().map(|granted| granted.prefix).collect();
    assert_eq!(prefixes, [net("2001:db8:100::/56"), net("2001:db8:200::/56")]);
}

#[test]
fn another_prefix_takes_the_place_of_one_that_is_taken_back() {
    let (mut client, _) = bound();
    let (at, renew) = next(&mut client);
    let moved = vec![prefix("2001:db8:100::/56", 0, 600), prefix("2001:db8:200::/56", 1_000, 2_000)];
    client.hear(&timed(Dhcp6Kind::Reply, &renew, "a", (300, 500), moved), at).unwrap();
    let lease = client.lease().unwrap();
    assert_eq!((lease.renew_at, lease.rebind_at), (at.after_s(300), at.after_s(500)));
    assert_eq!(lease.prefixes[0].preferred_until, at);
    let (at, renew) = next(&mut client);
    let gone = vec![prefix("2001:db8:100::/56", 0, 0), prefix("2001:db8:200::/56", 1_000, 2_000)];
    client.hear(&answer(Dhcp6Kind::Reply, &renew, "a", gone), at).unwrap();
    assert_eq!(client.lease().unwrap().prefixes.len(), 1);
    let (at, renew) = next(&mut client);
    let all_gone = vec![prefix("2001:db8:200::/56", 0, 0)];
    assert!(client.hear(&answer(Dhcp6Kind::Reply, &renew, "a", all_gone), at).unwrap().changed);
    assert_eq!(client.lease(), None);
    assert_eq!(next(&mut client).1.kind, Dhcp6Kind::Solicit);
}

#[test]
fn a_lease_from_earlier_is_kept_and_prolonged_when_it_is_time() {
    let (client_before, _) = bound();
    let lease = client_before.lease().cloned();
    let mut after = client(lease.clone());
    assert_eq!(after.lease().cloned(), lease);
    let (at, renew) = next(&mut after);
    assert_eq!((at, renew.kind), (lease.unwrap().renew_at, Dhcp6Kind::Renew));
}

#[test]
fn it_is_given_back_by_four_messages_at_most() {
    let (mut client, at) = bound();
    client.release(at);
    let mut answered = client.clone();
    let (at, release) = next(&mut answered);
    assert_eq!(named(&release), (Dhcp6Kind::Release, Some(server("a")), vec![net("2001:db8:100::/56")]));
    answered.hear(&answer(Dhcp6Kind::Reply, &release, "a", vec![]), at).unwrap();
    assert!(answered.is_done() && answered.next_due().is_none());
    let mut sent = 0;
    while let Some(due) = client.next_due() {
        sent += usize::from(client.tick(due).message.is_some());
    }
    assert_eq!(sent, 4);
}

#[test]
fn what_never_ends_is_never_renewed() {
    let mut client = client(None);
    let (at, solicit) = next(&mut client);
    let offered = vec![prefix("2001:db8:100::/56", u32::MAX, u32::MAX)];
    client.hear(&answer(Dhcp6Kind::Advertise, &solicit, "a", offered.clone()), at).unwrap();
    let (at, request) = next(&mut client);
    client.hear(&answer(Dhcp6Kind::Reply, &request, "a", offered), at).unwrap();
    assert_eq!(client.next_due(), Some(Millis(u64::MAX)));
}

#[test]
fn a_server_says_how_seldom_it_wants_to_be_asked() {
    let mut client = client(None);
    let (at, solicit) = next(&mut client);
    let mut refusal = answer(Dhcp6Kind::Advertise, &solicit, "a", vec![status(Dhcp6Status::NoPrefixAvail)]);
    refusal.options.push(Dhcp6Option::SolMaxRt(60));
    assert_eq!(client.hear(&refusal, at), Err("no_prefix"));
    let sent: Vec<Millis> = (0..12).map(|_| next(&mut client).0).collect();
    assert!(sent.windows(2).all(|pair| pair[1].0 - pair[0].0 <= 66_000), "{sent:?}");
}
