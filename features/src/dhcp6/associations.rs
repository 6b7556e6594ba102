//! A client's identity associations: what is dealt to each, and how it is told (RFC 8415, 12 and 18.3).

use std::net::Ipv6Addr;

use addr::{IpNet, Ipv6Net};
use bytes::Bytes;
use packet::{Dhcp6Kind, Dhcp6Message, Dhcp6Option, Dhcp6Status};

use super::offer::{Offer, Offers};
use crate::lease::{Association, LeaseChange};

/// Associations that one message is answered for. More are a mistake: a port has 64 addresses at most.
const ASSOCIATIONS_MAX: usize = 64;
const FOREVER: u32 = u32::MAX;

/// The associations of a message, answered.
#[derive(Debug, Default)]
pub(super) struct Answered {
    /// One for each, in the message's order.
    pub(super) options: Vec<Dhcp6Option>,
    /// What they do to leases, if the answer is a promise.
    pub(super) changes: Vec<LeaseChange>,
}

impl Answered {
    /// Whether any of them has got something.
    pub(super) fn gives(&self) -> bool {
        self.changes.iter().any(|change| matches!(change, LeaseChange::Bind { .. }))
    }
}

/// What an association is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Of {
    /// Non-temporary addresses (RFC 8415, 21.4).
    Addresses,
    /// Delegated prefixes (RFC 8415, 21.21).
    Prefixes,
}

/// An association as a client names it.
#[derive(Debug)]
struct Asked {
    of: Of,
    iaid: u32,
    /// Whole addresses, or prefixes.
    named: Vec<Ipv6Net>,
}

/// Whether a message names any association.
pub(super) fn any(options: &[Dhcp6Option]) -> bool {
    let is_one =
        |o: &Dhcp6Option| matches!(o, Dhcp6Option::IaNa { .. } | Dhcp6Option::IaTa { .. } | Dhcp6Option::IaPd { .. });
    options.iter().any(is_one)
}

/// Whether a message is to go on with what it names: who has nothing any more must hear of it, or goes on for as long as it was told.
pub(super) fn goes_on(message: &Dhcp6Message) -> bool {
    let names = |of| asked(&message.options, of).iter().any(|asked| !asked.named.is_empty());
    matches!(message.kind, Dhcp6Kind::Renew | Dhcp6Kind::Rebind) && (names(Of::Addresses) || names(Of::Prefixes))
}

/// Every address that a message names in its associations.
pub(super) fn addresses(options: &[Dhcp6Option]) -> Vec<Ipv6Addr> {
    let of_addresses = asked(options, Of::Addresses).into_iter();
    of_addresses.flat_map(|asked| asked.named).map(|address| address.addr()).collect()
}

/// The associations of one sort, in order.
fn asked(options: &[Dhcp6Option], of: Of) -> Vec<Asked> {
    let named = |options: &[Dhcp6Option]| {
        let net = |option: &Dhcp6Option| match option {
            Dhcp6Option::IaAddress { address, .. } if of == Of::Addresses => Some(Ipv6Net::from(*address)),
            // A prefix of nothing but its length is a wish (RFC 8415, 18.2.4), and lengths are the intent's to say.
            Dhcp6Option::IaPrefix { prefix, .. } if of == Of::Prefixes && !prefix.network().is_unspecified() => {
                Some(*prefix)
            }
            _ => None,
        };
        options.iter().filter_map(net).collect()
    };
    let asked = options.iter().filter_map(|option| match (option, of) {
        (Dhcp6Option::IaNa { iaid, options, .. }, Of::Addresses)
        | (Dhcp6Option::IaPd { iaid, options, .. }, Of::Prefixes) => {
            Some(Asked { of, iaid: *iaid, named: named(options) })
        }
        _ => None,
    });
    asked.take(ASSOCIATIONS_MAX).collect()
}

/// Deals a port's addresses and prefixes to the associations of a message that asks for some, or to go on with them.
pub(super) fn give(kind: Dhcp6Kind, client: &Bytes, options: &[Dhcp6Option], offers: &Offers) -> Answered {
    let dealt = |of, offers: &[Offer]| {
        let asked = asked(options, of);
        let dealt = deal(&asked, offers);
        asked.into_iter().zip(dealt)
    };
    let mut addresses = dealt(Of::Addresses, &offers.addresses);
    let mut prefixes = dealt(Of::Prefixes, &offers.prefixes);
    let mut answered = Answered::default();
    for option in options.iter().filter(|option| any(std::slice::from_ref(option))).take(ASSOCIATIONS_MAX) {
        let next = match option {
            Dhcp6Option::IaNa { .. } => addresses.next(),
            Dhcp6Option::IaPd { .. } => prefixes.next(),
            Dhcp6Option::IaTa { iaid, .. } => {
                let options = vec![status(Dhcp6Status::NoAddrsAvail, "there are no temporary addresses")];
                answered.options.push(Dhcp6Option::IaTa { iaid: *iaid, options });
                None
            }
            _ => None,
        };
        let Some((asked, dealt)) = next else { continue };
        let (option, change) = answer(kind, client, &asked, dealt, offers);
        answered.options.push(option);
        answered.changes.extend(change);
    }
    answered
}

/// Who gets which: one association gets all. Of several, each keeps what it names, then each without any gets the next, and
/// the first what is left.
fn deal(asked: &[Asked], offers: &[Offer]) -> Vec<Vec<Offer>> {
    let mut dealt: Vec<Vec<Offer>> = asked.iter().map(|_| Vec::new()).collect();
    let mut left = offers.to_vec();
    for (asked, dealt) in asked.iter().zip(&mut dealt) {
        for named in &asked.named {
            if let Some(at) = left.iter().position(|offer| offer.what == *named) {
                dealt.push(left.remove(at));
            }
        }
    }
    for dealt in dealt.iter_mut().filter(|dealt| dealt.is_empty()) {
        if !left.is_empty() {
            dealt.push(left.remove(0));
        }
    }
    if let Some(first) = dealt.first_mut() {
        first.extend(left);
    }
    dealt
}

fn answer(
    kind: Dhcp6Kind,
    client: &Bytes,
    asked: &Asked,
    dealt: Vec<Offer>,
    offers: &Offers,
) -> (Dhcp6Option, Option<LeaseChange>) {
    let refused = |code, words: &str| (asked.option((0, 0), vec![status(code, words)]), None);
    // RFC 8415, 18.3.2: a request for what is not of this link is refused as a whole.
    let off_link = |address: &Ipv6Net| !offers.on_link.iter().any(|prefix| prefix.contains(address));
    if kind == Dhcp6Kind::Request && asked.of == Of::Addresses && asked.named.iter().any(off_link) {
        return refused(Dhcp6Status::NotOnLink, "an address of another link");
    }
    let goes_on = matches!(kind, Dhcp6Kind::Renew | Dhcp6Kind::Rebind);
    if dealt.is_empty() && (asked.named.is_empty() || !goes_on) {
        return match asked.of {
            Of::Addresses => refused(Dhcp6Status::NoAddrsAvail, "no address is given to this port"),
            Of::Prefixes => refused(Dhcp6Status::NoPrefixAvail, "no prefix is delegated to this port"),
        };
    }
    let mut options: Vec<Dhcp6Option> = dealt.iter().map(|o| asked.of.one(o.what, o.preferred_s, o.valid_s)).collect();
    // RFC 8415, 18.3.4: what it may no longer use is told with lifetimes of 0.
    let gone = asked.named.iter().filter(|named| !dealt.iter().any(|offer| offer.what == **named));
    options.extend(gone.filter(|_| goes_on).map(|named| asked.of.one(*named, 0, 0)));
    let bind = (!dealt.is_empty()).then(|| LeaseChange::Bind {
        association: asked.association(),
        client: client.clone(),
        leased: dealt.iter().map(|offer| IpNet::V6(offer.what)).collect(),
        valid_s: dealt.iter().map(|offer| offer.valid_s).max().unwrap_or(0),
    });
    (asked.option(timers(&dealt), options), bind)
}

impl Of {
    /// One address or prefix as an option.
    fn one(self, what: Ipv6Net, preferred_s: u32, valid_s: u32) -> Dhcp6Option {
        match self {
            Of::Addresses => Dhcp6Option::IaAddress { address: what.addr(), preferred_s, valid_s, options: vec![] },
            Of::Prefixes => Dhcp6Option::IaPrefix { prefix: what, preferred_s, valid_s, options: vec![] },
        }
    }
}

impl Asked {
    /// Which of the port's leases it is.
    fn association(&self) -> Association {
        match self.of {
            Of::Addresses => Association::Na(self.iaid),
            Of::Prefixes => Association::Pd(self.iaid),
        }
    }

    /// The association with what is in it.
    fn option(&self, (t1_s, t2_s): (u32, u32), options: Vec<Dhcp6Option>) -> Dhcp6Option {
        let iaid = self.iaid;
        match self.of {
            Of::Addresses => Dhcp6Option::IaNa { iaid, t1_s, t2_s, options },
            Of::Prefixes => Dhcp6Option::IaPd { iaid, t1_s, t2_s, options },
        }
    }
}

/// When to ask again, seconds: at 0.5 and 0.8 of the shortest preferred lifetime (RFC 8415, 21.4), of the valid one where
/// addresses are deprecated already.
fn timers(dealt: &[Offer]) -> (u32, u32) {
    let span = |offer: &Offer| if offer.preferred_s == 0 { offer.valid_s } else { offer.preferred_s };
    match dealt.iter().map(span).min() {
        None => (0, 0),
        Some(FOREVER) => (FOREVER, FOREVER),
        Some(span) => (span / 2, (u64::from(span) * 4 / 5) as u32),
    }
}

/// Whether an answer has an association of addresses that there are none for.
pub(super) fn lack(answer: &[Dhcp6Option]) -> bool {
    let none = |option: &Dhcp6Option| matches!(option, Dhcp6Option::Status { code: Dhcp6Status::NoAddrsAvail, .. });
    answer.iter().any(|option| matches!(option, Dhcp6Option::IaNa { options, .. } if options.iter().any(none)))
}

/// What a message gives back (RFC 8415, 18.3.7 and 18.3.8).
pub(super) fn take(options: &[Dhcp6Option]) -> Answered {
    let all = [Of::Addresses, Of::Prefixes].into_iter().flat_map(|of| asked(options, of));
    let changes = all.map(|asked| LeaseChange::End { association: asked.association() });
    Answered { options: Vec::new(), changes: changes.collect() }
}

/// A status with words.
pub(super) fn status(code: Dhcp6Status, words: &str) -> Dhcp6Option {
    Dhcp6Option::Status { code, message: words.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(n: u16) -> Ipv6Addr {
        Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, n)
    }

    fn offers(n: u16) -> Vec<Offer> {
        (0..n).map(|n| Offer { what: address(n).into(), preferred_s: 100, valid_s: 200 }).collect()
    }

    fn dealt(asked: &[&[u16]], of: u16) -> Vec<Vec<Ipv6Addr>> {
        let asked = asked.iter().zip(1..).map(|(named, iaid)| {
            let named = named.iter().map(|n| address(*n).into()).collect();
            Asked { of: Of::Addresses, iaid, named }
        });
        let dealt = deal(&asked.collect::<Vec<_>>(), &offers(of));
        dealt.into_iter().map(|offers| offers.into_iter().map(|offer| offer.what.addr()).collect()).collect()
    }

    #[test]
    fn no_address_is_dealt_twice_and_none_is_left() {
        let [a, b, c] = [address(0), address(1), address(2)];
        assert_eq!(dealt(&[&[]], 3), [vec![a, b, c]]);
        assert_eq!(dealt(&[&[], &[]], 3), [vec![a, c], vec![b]]);
        assert_eq!(dealt(&[&[], &[0]], 3), [vec![b, c], vec![a]]);
        assert_eq!(dealt(&[&[1, 1], &[1]], 2), [vec![b], vec![a]]);
        assert_eq!(dealt(&[&[], &[], &[]], 2), [vec![a], vec![b], vec![]]);
        assert_eq!(dealt(&[&[9]], 1), [vec![a]]);
        assert!(dealt(&[], 2).is_empty());
    }

    #[test]
    fn when_to_ask_again() {
        let offer = |preferred_s, valid_s| Offer { what: address(1).into(), preferred_s, valid_s };
        assert_eq!(timers(&[offer(100, 200), offer(50, 900)]), (25, 40));
        assert_eq!(timers(&[offer(0, 200)]), (100, 160));
        assert_eq!(timers(&[offer(u32::MAX, u32::MAX)]), (u32::MAX, u32::MAX));
        assert_eq!(timers(&[offer(u32::MAX - 1, u32::MAX)]), (0x7fff_ffff, 3_435_973_835));
        assert_eq!(timers(&[]), (0, 0));
    }
}
