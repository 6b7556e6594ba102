//! Ranges of addresses: which of a subnet's are for hosts, and the next free one.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use addr::IpNet;

/// Addresses of one family, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Range {
    pub(crate) start: IpAddr,
    pub(crate) end: IpAddr,
}

impl Range {
    pub(crate) fn contains(self, address: IpAddr) -> bool {
        address.is_ipv6() == self.start.is_ipv6() && self.start <= address && address <= self.end
    }

    pub(crate) fn overlaps(self, other: Range) -> bool {
        self.contains(other.start) || other.contains(self.start)
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.start, self.end)
    }
}

/// The gateway of a subnet that names none: the subnet-router anycast address (RFC 4291, 2.6.1), or the first IPv4 host's.
pub(crate) fn default_gateway(cidr: IpNet) -> IpAddr {
    match cidr {
        IpNet::V6(cidr) => IpAddr::V6(cidr.network()),
        IpNet::V4(cidr) if cidr.prefix_len() >= 31 => IpAddr::V4(cidr.network()),
        IpNet::V4(cidr) => from_number(IpAddr::V4(cidr.network()), number(IpAddr::V4(cidr.network())) + 1),
    }
}

/// Whether an address of a subnet is no host's: IPv6's subnet-router anycast address; IPv4's network and broadcast addresses,
/// but for the two hosts of a /31 (RFC 3021).
pub(crate) fn is_edge(cidr: IpNet, address: IpAddr) -> bool {
    match cidr {
        IpNet::V6(net) => net.prefix_len() < 128 && address == IpAddr::V6(net.network()),
        IpNet::V4(net) => {
            net.prefix_len() < 31 && (address == IpAddr::V4(net.network()) || address == IpAddr::V4(net.broadcast()))
        }
    }
}

/// The pools of a subnet that names none: every host's address but the gateway's.
pub(crate) fn default_pools(cidr: IpNet, gateway: IpAddr) -> Vec<Range> {
    let (mut first, mut last) = (number(cidr.network()), number(cidr.broadcast()));
    if is_edge(cidr, cidr.network()) {
        first += 1;
    }
    if is_edge(cidr, cidr.broadcast()) {
        last -= 1;
    }
    let like = cidr.network();
    let range = |from: u128, to: u128| Range { start: from_number(like, from), end: from_number(like, to) };
    if !cidr.contains(&gateway) || !range(first, last).contains(gateway) {
        return vec![range(first, last)];
    }
    let gateway = number(gateway);
    let mut pools = Vec::new();
    if first < gateway {
        pools.push(range(first, gateway - 1));
    }
    if gateway < last {
        pools.push(range(gateway + 1, last));
    }
    pools
}

/// All addresses of some ranges, from the one after `after` on, and then around from the first.
pub(crate) fn walk(ranges: &[Range], after: Option<IpAddr>) -> impl Iterator<Item = IpAddr> + '_ {
    let cut = after.map(number);
    let after_cut = ranges.iter().filter_map(move |range| {
        let (start, end) = (number(range.start), number(range.end));
        let start = cut.map_or(start, |cut| start.max(cut.saturating_add(1)));
        (start <= end).then_some((range.start, start, end))
    });
    let around = ranges.iter().filter_map(move |range| {
        let (start, end) = (number(range.start), number(range.end).min(cut?));
        (start <= end).then_some((range.start, start, end))
    });
    after_cut.chain(around).flat_map(|(like, start, end)| (start..=end).map(move |n| from_number(like, n)))
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(a) => u128::from(u32::from(a)),
        IpAddr::V6(a) => u128::from(a),
    }
}

/// The address of this number, of the family of `like`.
fn from_number(like: IpAddr, number: u128) -> IpAddr {
    match like {
        // No number outside of 32 bits comes here: all are between two addresses of the family.
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::from(number as u32)),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::from(number)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pools(cidr: &str, gateway: &str) -> String {
        let pools = default_pools(cidr.parse().unwrap(), gateway.parse().unwrap());
        pools.iter().map(Range::to_string).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn defaults_leave_out_edges_and_gateway() {
        assert_eq!(pools("2001:db8::/64", "2001:db8::"), "2001:db8::1-2001:db8::ffff:ffff:ffff:ffff");
        assert_eq!(pools("2001:db8::/120", "2001:db8::1"), "2001:db8::2-2001:db8::ff");
        assert_eq!(pools("2001:db8::/120", "fe80::1"), "2001:db8::1-2001:db8::ff");
        assert_eq!(pools("2001:db8::/128", "2001:db8::"), "");
        assert_eq!(pools("10.0.0.0/24", "10.0.0.9"), "10.0.0.1-10.0.0.8 10.0.0.10-10.0.0.254");
        assert_eq!(pools("10.0.0.0/31", "10.0.0.0"), "10.0.0.1-10.0.0.1");
        assert_eq!(default_gateway("10.0.0.0/24".parse().unwrap()).to_string(), "10.0.0.1");
        assert_eq!(default_gateway("10.0.0.0/31".parse().unwrap()).to_string(), "10.0.0.0");
        assert_eq!(default_gateway("2001:db8:1::/64".parse().unwrap()).to_string(), "2001:db8:1::");
    }

    #[test]
    fn a_walk_goes_around_once() {
        let ranges = [("10.0.0.2", "10.0.0.3"), ("10.0.0.6", "10.0.0.7")]
            .map(|(a, b)| Range { start: a.parse().unwrap(), end: b.parse().unwrap() });
        let walk = |after: Option<&str>| {
            let all = walk(&ranges, after.map(|a| a.parse().unwrap()));
            all.map(|a| a.to_string().rsplit('.').next().unwrap().to_owned()).collect::<Vec<_>>().join("")
        };
        assert_eq!(walk(None), "2367");
        assert_eq!(walk(Some("10.0.0.3")), "6723");
        assert_eq!(walk(Some("10.0.0.7")), "2367");
        assert_eq!(walk(Some("10.0.0.1")), "2367");
    }
}
