//! How often the brain asks all ports for an address: by asker, by network, and once a second for one address.

use std::collections::BTreeMap;
use std::net::IpAddr;

use features::Millis;
use topology::NetworkKey;

use super::held::At;

/// Questions of one port that are passed on: per second, and at once.
const ASKER: Rate = Rate { per_s: 20, burst: 64 };
/// Questions on one network that are passed on: per second, and at once.
const NETWORK: Rate = Rate { per_s: 200, burst: 500 };
/// An address that was asked for this lately is not asked for again: hosts repeat themselves after a second (RFC 4861, 10).
const AGAIN_MS: u64 = 900;
/// Addresses and askers that are remembered.
const REMEMBERED_MAX: usize = 10_000;

#[derive(Clone, Copy, Debug)]
struct Rate {
    per_s: u64,
    burst: u64,
}

/// A token bucket, in thousandths of a token.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    tokens: u64,
    at: Millis,
}

impl Bucket {
    fn full(rate: Rate, now: Millis) -> Bucket {
        Bucket { tokens: rate.burst * 1_000, at: now }
    }

    fn fill(&mut self, rate: Rate, now: Millis) {
        let gained = now.0.saturating_sub(self.at.0).saturating_mul(rate.per_s);
        self.tokens = self.tokens.saturating_add(gained).min(rate.burst * 1_000);
        self.at = now;
    }
}

/// What may be asked.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum May {
    /// It may.
    Ask,
    /// It was asked a moment ago: an answer may be on its way.
    Wait,
    /// Too much was asked.
    No,
}

/// Who asked for what lately.
#[derive(Debug, Default)]
pub(crate) struct Rates {
    askers: BTreeMap<At, Bucket>,
    networks: BTreeMap<NetworkKey, Bucket>,
    asked: BTreeMap<(NetworkKey, IpAddr), Millis>,
    /// When what is old was forgotten last.
    swept: Millis,
}

impl Rates {
    /// Whether a port's question for an address may be passed on now; counts it if so.
    pub(crate) fn ask(&mut self, asker: At, network: NetworkKey, target: IpAddr, now: Millis) -> May {
        if self.asked.get(&(network, target)).is_some_and(|at| now < at.after_ms(AGAIN_MS)) {
            return May::Wait;
        }
        self.forget_old(now);
        if self.asked.len() >= REMEMBERED_MAX || self.askers.len() >= REMEMBERED_MAX {
            return May::No;
        }
        let asker = self.askers.entry(asker).or_insert(Bucket::full(ASKER, now));
        let all = self.networks.entry(network).or_insert(Bucket::full(NETWORK, now));
        asker.fill(ASKER, now);
        all.fill(NETWORK, now);
        if asker.tokens < 1_000 || all.tokens < 1_000 {
            return May::No;
        }
        asker.tokens -= 1_000;
        all.tokens -= 1_000;
        self.asked.insert((network, target), now);
        May::Ask
    }

    /// Somebody has the address: who loses it may be asked for at once.
    pub(crate) fn found(&mut self, network: NetworkKey, target: IpAddr) {
        self.asked.remove(&(network, target));
    }

    /// Forgets what makes no difference any more.
    fn forget_old(&mut self, now: Millis) {
        if now < self.swept.after_ms(AGAIN_MS) {
            return;
        }
        self.swept = now;
        self.asked.retain(|_, at| now < at.after_ms(AGAIN_MS));
        self.askers.retain(|_, bucket| {
            bucket.fill(ASKER, now);
            bucket.tokens < ASKER.burst * 1_000
        });
        self.networks.retain(|_, bucket| {
            bucket.fill(NETWORK, now);
            bucket.tokens < NETWORK.burst * 1_000
        });
    }
}

#[cfg(test)]
mod tests {
    use addr::OfPort;
    use topology::ChassisKey;

    use super::*;

    const NET: NetworkKey = NetworkKey(1);

    fn at(port: u32) -> At {
        (ChassisKey(1), OfPort(port))
    }

    fn target(n: u32) -> IpAddr {
        std::net::Ipv4Addr::from(n).into()
    }

    #[test]
    fn one_address_is_asked_for_once_a_second_whoever_asks() {
        let mut rates = Rates::default();
        assert_eq!(rates.ask(at(1), NET, target(1), Millis(0)), May::Ask);
        assert_eq!(rates.ask(at(2), NET, target(1), Millis(899)), May::Wait);
        assert_eq!(rates.ask(at(2), NetworkKey(2), target(1), Millis(899)), May::Ask, "another network's address");
        assert_eq!(rates.ask(at(2), NET, target(1), Millis(900)), May::Ask);
        rates.found(NET, target(1));
        assert_eq!(rates.ask(at(2), NET, target(1), Millis(901)), May::Ask);
    }

    #[test]
    fn a_scanning_port_is_held_back_and_others_are_not() {
        let mut rates = Rates::default();
        let mut ask = |port, n: u32, now| rates.ask(at(port), NET, target(n), Millis(now));
        let passed = (0..1_000).filter(|n| ask(1, *n, 0) == May::Ask).count() as u64;
        assert_eq!(passed, ASKER.burst);
        assert_eq!(ask(2, 5_000, 0), May::Ask);
        let passed = (10_000..11_000u32).filter(|n| ask(1, *n, u64::from(n - 9_000)) == May::Ask).count() as u64;
        assert_eq!(passed, 2 * ASKER.per_s - 1, "the rate of the first and the second second");
        let passed = (2..1_000).filter(|port| ask(*port, 100_000 + port, 3_000) == May::Ask).count() as u64;
        assert!(passed <= NETWORK.burst, "{passed} on one network");
    }

    #[test]
    fn memory_has_an_end() {
        let mut rates = Rates::default();
        for n in 0..200_000u32 {
            rates.ask(at(n), NetworkKey(n), target(n), Millis(u64::from(n / 100)));
        }
        assert!(rates.asked.len() <= REMEMBERED_MAX && rates.askers.len() <= REMEMBERED_MAX);
        assert!(rates.networks.len() <= REMEMBERED_MAX + 1);
    }
}
