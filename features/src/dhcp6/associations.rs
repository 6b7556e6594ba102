//! A client's identity associations: what is dealt to each, and how it is told (RFC 8415, 12 and 18.3).

use std::net::Ipv6Addr;

use bytes::Bytes;
use packet::{Dhcp6Kind, Dhcp6Option, Dhcp6Status};

use super::offer::{Offer, Offers};
use crate::lease::{Association, LeaseChange, whole};

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

/// An association of non-temporary addresses, as a client names it.
struct Asked {
    iaid: u32,
    addresses: Vec<Ipv6Addr>,
}

/// Whether a message names any association.
pub(super) fn any(options: &[Dhcp6Option]) -> bool {
    let is_one =
        |o: &Dhcp6Option| matches!(o, Dhcp6Option::IaNa { .. } | Dhcp6Option::IaTa { .. } | Dhcp6Option::IaPd { .. });
    options.iter().any(is_one)
}

/// Every address that a message names in its associations.
pub(super) fn addresses(options: &[Dhcp6Option]) -> Vec<Ipv6Addr> {
    asked(options).into_iter().flat_map(|asked| asked.addresses).collect()
}

fn asked(options: &[Dhcp6Option]) -> Vec<Asked> {
    let asked = options.iter().filter_map(|option| match option {
        Dhcp6Option::IaNa { iaid, options, .. } => {
            let address = |option: &Dhcp6Option| match option {
                Dhcp6Option::IaAddress { address, .. } => Some(*address),
                _ => None,
            };
            Some(Asked { iaid: *iaid, addresses: options.iter().filter_map(address).collect() })
        }
        _ => None,
    });
    asked.take(ASSOCIATIONS_MAX).collect()
}

/// Deals a port's addresses to the associations of a message that asks for some, or to go on with them.
pub(super) fn give(kind: Dhcp6Kind, client: &Bytes, options: &[Dhcp6Option], offers: &Offers) -> Answered {
    let asked = asked(options);
    let mut dealt = deal(&asked, &offers.addresses).into_iter();
    let mut answered = Answered::default();
    let mut seen = asked.iter();
    for option in options.iter().filter(|option| any(std::slice::from_ref(option))).take(ASSOCIATIONS_MAX) {
        match option {
            Dhcp6Option::IaNa { .. } => {
                let (Some(asked), Some(dealt)) = (seen.next(), dealt.next()) else { continue };
                let (option, change) = addresses_for(kind, client, asked, dealt, offers);
                answered.options.push(option);
                answered.changes.extend(change);
            }
            Dhcp6Option::IaTa { iaid, .. } => {
                let options = vec![status(Dhcp6Status::NoAddrsAvail, "there are no temporary addresses")];
                answered.options.push(Dhcp6Option::IaTa { iaid: *iaid, options });
            }
            Dhcp6Option::IaPd { iaid, .. } => {
                let options = vec![status(Dhcp6Status::NoPrefixAvail, "no prefix is delegated to this port")];
                answered.options.push(Dhcp6Option::IaPd { iaid: *iaid, t1_s: 0, t2_s: 0, options });
            }
            _ => {}
        }
    }
    answered
}

/// Who gets which: one association gets all. Of several, each keeps what it names, then each without any gets the next, and
/// the first what is left.
fn deal(asked: &[Asked], offers: &[Offer]) -> Vec<Vec<Offer>> {
    let mut dealt: Vec<Vec<Offer>> = asked.iter().map(|_| Vec::new()).collect();
    let mut left = offers.to_vec();
    for (asked, dealt) in asked.iter().zip(&mut dealt) {
        for address in &asked.addresses {
            if let Some(at) = left.iter().position(|offer| offer.address == *address) {
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

fn addresses_for(
    kind: Dhcp6Kind,
    client: &Bytes,
    asked: &Asked,
    dealt: Vec<Offer>,
    offers: &Offers,
) -> (Dhcp6Option, Option<LeaseChange>) {
    let iaid = asked.iaid;
    let refused =
        |code, words: &str| (Dhcp6Option::IaNa { iaid, t1_s: 0, t2_s: 0, options: vec![status(code, words)] }, None);
    // RFC 8415, 18.3.2: a request for what is not of this link is refused as a whole.
    let off_link = |address: &Ipv6Addr| !offers.on_link.iter().any(|prefix| prefix.contains(address));
    if kind == Dhcp6Kind::Request && asked.addresses.iter().any(off_link) {
        return refused(Dhcp6Status::NotOnLink, "an address of another link");
    }
    if dealt.is_empty() && asked.addresses.is_empty() {
        return refused(Dhcp6Status::NoAddrsAvail, "no address is given to this port");
    }
    let goes_on = matches!(kind, Dhcp6Kind::Renew | Dhcp6Kind::Rebind);
    if dealt.is_empty() && !goes_on {
        return refused(Dhcp6Status::NoAddrsAvail, "no address is given to this port");
    }
    let one = |address, preferred_s, valid_s| Dhcp6Option::IaAddress { address, preferred_s, valid_s, options: vec![] };
    let mut options: Vec<Dhcp6Option> = dealt.iter().map(|o| one(o.address, o.preferred_s, o.valid_s)).collect();
    // RFC 8415, 18.3.4: what it may no longer use is told with lifetimes of 0.
    let gone = asked.addresses.iter().filter(|address| !dealt.iter().any(|offer| offer.address == **address));
    options.extend(gone.filter(|_| goes_on).map(|address| one(*address, 0, 0)));
    let (t1_s, t2_s) = timers(&dealt);
    let bind = (!dealt.is_empty()).then(|| LeaseChange::Bind {
        association: Association::Na(iaid),
        client: client.clone(),
        leased: dealt.iter().map(|offer| whole(offer.address)).collect(),
        valid_s: dealt.iter().map(|offer| offer.valid_s).max().unwrap_or(0),
    });
    (Dhcp6Option::IaNa { iaid, t1_s, t2_s, options }, bind)
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

/// What a message gives back (RFC 8415, 18.3.7 and 18.3.8).
pub(super) fn take(options: &[Dhcp6Option]) -> Answered {
    let changes = asked(options).into_iter().map(|asked| LeaseChange::End { association: Association::Na(asked.iaid) });
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
        (0..n).map(|n| Offer { address: address(n), preferred_s: 100, valid_s: 200 }).collect()
    }

    fn dealt(asked: &[&[u16]], of: u16) -> Vec<Vec<Ipv6Addr>> {
        let asked = asked.iter().zip(1..).map(|(named, iaid)| {
            let addresses = named.iter().map(|n| address(*n)).collect();
            Asked { iaid, addresses }
        });
        let dealt = deal(&asked.collect::<Vec<_>>(), &offers(of));
        dealt.into_iter().map(|offers| offers.into_iter().map(|offer| offer.address).collect()).collect()
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
        let offer = |preferred_s, valid_s| Offer { address: address(1), preferred_s, valid_s };
        assert_eq!(timers(&[offer(100, 200), offer(50, 900)]), (25, 40));
        assert_eq!(timers(&[offer(0, 200)]), (100, 160));
        assert_eq!(timers(&[offer(u32::MAX, u32::MAX)]), (u32::MAX, u32::MAX));
        assert_eq!(timers(&[offer(u32::MAX - 1, u32::MAX)]), (0x7fff_ffff, 3_435_973_835));
        assert_eq!(timers(&[]), (0, 0));
    }
}
