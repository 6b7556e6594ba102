//! Prefix translation that leaves checksums as they are (RFC 6296).

use std::net::Ipv6Addr;

use ipnet::Ipv6Net;

/// Two prefixes of one length that stand for each other, inside and outside.
///
/// What the prefixes differ by is made up for in one 16-bit word, so that the sum over an address' words, and with it every
/// checksum over it, stays what it was: bits 48 to 63 if the prefixes leave them free, else the first word of the interface
/// identifier that is not 0xffff (3.4 to 3.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PrefixPair {
    internal: Ipv6Net,
    external: Ipv6Net,
    /// What is added to the word on the way out, in one's complement.
    adjustment: u16,
}

/// The longest prefix that leaves bits 48 to 63 free.
pub const NPT_SUBNETS: u8 = 48;
/// The longest prefix that can be translated.
pub const NPT_LONGEST: u8 = 64;
/// The word after the first 48 bits.
const SUBNET_WORD: usize = 3;

/// The sum of two words in one's complement (RFC 1071).
fn add(a: u16, b: u16) -> u16 {
    let (sum, carry) = a.overflowing_add(b);
    // A carry leaves at most 0xfffe.
    sum + u16::from(carry)
}

fn sum(address: Ipv6Addr) -> u16 {
    address.segments().into_iter().fold(0, add)
}

impl PrefixPair {
    /// `None`: they are not of one length, or longer than 64 bits.
    pub fn new(internal: Ipv6Net, external: Ipv6Net) -> Option<PrefixPair> {
        let (internal, external) = (internal.trunc(), external.trunc());
        if internal.prefix_len() != external.prefix_len() || internal.prefix_len() > NPT_LONGEST {
            return None;
        }
        let adjustment = add(sum(internal.network()), !sum(external.network()));
        Some(PrefixPair { internal, external, adjustment })
    }

    /// The prefix inside.
    pub fn internal(&self) -> Ipv6Net {
        self.internal
    }

    /// The prefix outside.
    pub fn external(&self) -> Ipv6Net {
        self.external
    }

    /// Whether all addresses of a /64 are translated alike: in their upper half alone.
    pub fn by_subnet(&self) -> bool {
        self.internal.prefix_len() <= NPT_SUBNETS
    }

    /// Whether the prefixes' sums are the same: nothing is made up for, and addresses differ in the prefix alone.
    pub fn is_plain(&self) -> bool {
        self.adjustment == 0 || self.adjustment == 0xffff
    }

    /// What an address inside is outside; `None`: it is not inside, or it can't be translated (the word that would have to make up
    /// for the difference is 0xffff).
    pub fn outward(&self, address: Ipv6Addr) -> Option<Ipv6Addr> {
        translate(address, self.internal, self.external, self.adjustment)
    }

    /// What an address outside is inside.
    pub fn inward(&self, address: Ipv6Addr) -> Option<Ipv6Addr> {
        translate(address, self.external, self.internal, !self.adjustment)
    }
}

fn translate(address: Ipv6Addr, from: Ipv6Net, to: Ipv6Net, adjustment: u16) -> Option<Ipv6Addr> {
    if !from.contains(&address) {
        return None;
    }
    let host = u128::from(address) & u128::from(from.hostmask());
    if adjustment == 0 || adjustment == 0xffff {
        return Some(Ipv6Addr::from(u128::from(to.network()) | host));
    }
    let mut words = Ipv6Addr::from(u128::from(to.network()) | host).segments();
    let at = if from.prefix_len() <= NPT_SUBNETS {
        SUBNET_WORD
    } else {
        (SUBNET_WORD + 1..words.len()).find(|at| words[*at] != 0xffff)?
    };
    let word = words.get_mut(at).filter(|word| **word != 0xffff)?;
    *word = match add(*word, adjustment) {
        // Both are zero in one's complement; the other can't be translated back.
        0xffff => 0,
        word => word,
    };
    Some(Ipv6Addr::from(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(internal: &str, external: &str) -> PrefixPair {
        PrefixPair::new(internal.parse().unwrap(), external.parse().unwrap()).unwrap()
    }

    fn a(text: &str) -> Ipv6Addr {
        text.parse().unwrap()
    }

    /// The example of RFC 6296, 3.4 and appendix B.
    #[test]
    fn the_rfcs_own_example() {
        let pair = pair("fd01:203:405::/48", "2001:db8:1::/48");
        assert_eq!(pair.outward(a("fd01:203:405:1::1234")), Some(a("2001:db8:1:d550::1234")));
        assert_eq!(pair.inward(a("2001:db8:1:d550::1234")), Some(a("fd01:203:405:1::1234")));
    }

    /// A second opinion: by brute force the only word that keeps the sum.
    fn by_brute_force(pair: &PrefixPair, address: Ipv6Addr) -> Vec<Ipv6Addr> {
        let plain = |a: Ipv6Addr| a.segments().iter().map(|w| u32::from(*w)).sum::<u32>() % 0xffff;
        let host = u128::from(address) & u128::from(pair.internal().hostmask());
        let base = Ipv6Addr::from(u128::from(pair.external().network()) | host).segments();
        let at = match pair.by_subnet() {
            true => 3,
            false => (4..8).find(|at| base[*at] != 0xffff).unwrap_or(7),
        };
        let with = |word: u16| {
            let mut words = base;
            words[at] = word;
            Ipv6Addr::from(words)
        };
        (0..0xffff).map(with).filter(|candidate| plain(*candidate) == plain(address)).collect()
    }

    #[test]
    fn the_sum_stays_and_there_is_a_way_back() {
        let mut random = 1u64;
        let mut next = || {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            u128::from(random >> 32)
        };
        for length in [16, 32, 40, 47, 48, 49, 56, 60, 63, 64] {
            for _ in 0..4 {
                let net = |bits: u128| Ipv6Net::new(Ipv6Addr::from(bits), length).unwrap().trunc();
                let (inside, outside) = (net(next() << 96 | next() << 64), net(next() << 96 | next() << 64));
                let pair = PrefixPair::new(inside, outside).unwrap();
                let host = (next() << 96 | next() << 64 | next() << 32 | next()) & u128::from(inside.hostmask());
                let address = Ipv6Addr::from(u128::from(inside.network()) | host);
                let Some(out) = pair.outward(address) else { continue };
                assert!(outside.contains(&out));
                assert_eq!(by_brute_force(&pair, address), [out], "{address} by {pair:?}");
                let word = if pair.by_subnet() { address.segments()[3] } else { 1 };
                // What is -0 comes back as +0: the only pair of addresses that become one.
                if word != 0xffff {
                    assert_eq!(pair.inward(out), Some(address), "{address} -> {out} by {pair:?}");
                }
            }
        }
    }

    #[test]
    fn what_can_not_be_translated() {
        let p48 = pair("fd00:a::/48", "2001:db8:1::/48");
        assert_eq!(p48.outward(a("fd00:a:0:ffff::1")), None, "RFC 6296, 3.4");
        assert_eq!(p48.outward(a("fd00:b::1")), None);
        assert_eq!(p48.inward(a("fd00:a::1")), None);
        let p64 = pair("fd00:a::/64", "2001:db8:1:2::/64");
        assert_eq!(p64.outward(a("fd00:a::ffff:ffff:ffff:ffff")), None);
        let out = p64.outward(a("fd00:a::ffff:1:2:3")).unwrap();
        assert_eq!(out.segments()[4], 0xffff, "{out}: the next word makes up for it");
        assert_eq!(p64.inward(out), Some(a("fd00:a::ffff:1:2:3")));
        for (internal, external) in [("fd00:a::/48", "2001:db8::/32"), ("fd00:a::/65", "2001:db8::/65")] {
            assert_eq!(PrefixPair::new(internal.parse().unwrap(), external.parse().unwrap()), None);
        }
    }
}
