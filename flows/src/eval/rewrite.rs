//! From fields back to a frame's bytes: what actions wrote, with the checksums that hang on it, as Open vSwitch does it. A
//! checksum that was wrong before stays wrong.

use std::net::Ipv6Addr;

use ofp::Field;
use packet::{ETHERTYPE_ARP, ETHERTYPE_IPV4, ETHERTYPE_IPV6, checksum_v6, protocol};

use super::Headers;
use super::extract::Layout;

/// A neighbour solicitation or advertisement without options.
const DISCOVERY_LENGTH: usize = 24;

/// The frame with what `new` has otherwise than `old`; and whether the switch writes beyond its end for that.
pub(super) fn rewrite(frame: &[u8], layout: &Layout, old: &Headers, new: &Headers) -> (Vec<u8>, bool) {
    if layout.ethertype == 0 {
        return (frame.to_vec(), false);
    }
    let mut bytes = frame.to_vec();
    let mut edit = Edit { bytes: &mut bytes, layout, old, new, past_end: false };
    if let Some(net) = layout.net {
        match old.get(Field::ETH_TYPE) as u16 {
            ETHERTYPE_IPV6 => edit.ipv6(net),
            ETHERTYPE_IPV4 => edit.ipv4(net),
            ETHERTYPE_ARP => edit.arp(net),
            _ => {}
        }
    }
    let past_end = edit.past_end;
    let mut out = Vec::with_capacity(frame.len() + 4);
    for mac in [Field::ETH_DST, Field::ETH_SRC] {
        out.extend_from_slice(&new.get(mac).to_be_bytes()[10..]);
    }
    for tag in &new.tags {
        out.extend_from_slice(&tag.tpid.to_be_bytes());
        out.extend_from_slice(&tag.tci.to_be_bytes());
    }
    out.extend_from_slice(&bytes[layout.ethertype..]);
    (out, past_end)
}

struct Edit<'e> {
    bytes: &'e mut [u8],
    layout: &'e Layout,
    old: &'e Headers,
    new: &'e Headers,
    past_end: bool,
}

impl Edit<'_> {
    /// A field's new value, if it has one.
    fn changed(&self, field: Field) -> Option<u128> {
        let value = self.new.get(field);
        (value != self.old.get(field)).then_some(value)
    }

    /// Writes a number of `length` bytes, and adapts the checksums that cover it. `at` and `length` are even distances from
    /// where those begin.
    fn write(&mut self, at: usize, length: usize, value: u128, sums: &[Option<usize>]) {
        let new = &value.to_be_bytes()[16 - length..];
        let Some(place) = self.bytes.get_mut(at..at + length) else { return };
        let old = place.to_vec();
        place.copy_from_slice(new);
        for sum in sums.iter().flatten() {
            self.adapt(*sum, &old, new);
        }
    }

    /// RFC 1624: HC' = ~(~HC + ~m + m').
    fn adapt(&mut self, sum: usize, old: &[u8], new: &[u8]) {
        let Some(place) = self.bytes.get_mut(sum..sum + 2) else { return };
        let words = |bytes: &[u8]| bytes.chunks(2).map(|w| u16::from_be_bytes([w[0], w[1]])).collect::<Vec<_>>();
        let mut total = u64::from(!u16::from_be_bytes([place[0], place[1]]));
        total += words(old).into_iter().map(|word| u64::from(!word)).sum::<u64>();
        total += words(new).into_iter().map(u64::from).sum::<u64>();
        while total > 0xffff {
            total = (total & 0xffff) + (total >> 16);
        }
        place.copy_from_slice(&(!(total as u16)).to_be_bytes());
    }

    /// Where the checksum of what is carried is, if it is there. UDP's may be absent: zero.
    fn carried_checksum(&self) -> Option<usize> {
        let at = self.layout.transport?;
        let later = self.old.get(Field::IP_FRAG) & 2 != 0;
        let (offset, header) = match self.old.get(Field::IP_PROTO) as u8 {
            protocol::TCP => (16, 20),
            protocol::UDP => (6, 8),
            protocol::ICMPV6 => (2, 8),
            _ => return None,
        };
        let absent = offset == 6 && self.bytes.get(at + 6..at + 8)? == [0, 0];
        (!later && !absent && at + header <= self.layout.end).then_some(at + offset)
    }

    fn ipv6(&mut self, net: usize) {
        let sum = self.carried_checksum().filter(|_| !self.layout.leaves_checksum);
        for (field, at) in [(Field::IPV6_SRC, 8), (Field::IPV6_DST, 24)] {
            if let Some(value) = self.changed(field) {
                self.write(net + at, 16, value, &[sum]);
            }
        }
        if let Some(value) = self.changed(Field::NW_TTL) {
            self.write(net + 7, 1, value, &[]);
        }
        if [Field::IP_DSCP, Field::IP_ECN, Field::IPV6_LABEL].into_iter().any(|f| self.changed(f).is_some()) {
            let class = self.new.get(Field::IP_DSCP) << 2 | self.new.get(Field::IP_ECN);
            self.write(net, 4, 6 << 28 | class << 20 | self.new.get(Field::IPV6_LABEL), &[]);
        }
        self.carried(net);
    }

    fn ipv4(&mut self, net: usize) {
        let own = Some(net + 10);
        let sum = self.carried_checksum();
        for (field, at) in [(Field::IPV4_SRC, 12), (Field::IPV4_DST, 16)] {
            if let Some(value) = self.changed(field) {
                self.write(net + at, 4, value, &[own, sum]);
            }
        }
        if let Some(value) = self.changed(Field::NW_TTL) {
            let protocol = u128::from(self.bytes.get(net + 9).copied().unwrap_or(0));
            self.write(net + 8, 2, value << 8 | protocol, &[own]);
        }
        if [Field::IP_DSCP, Field::IP_ECN].into_iter().any(|f| self.changed(f).is_some()) {
            let first = u128::from(self.bytes.get(net).copied().unwrap_or(0));
            let class = self.new.get(Field::IP_DSCP) << 2 | self.new.get(Field::IP_ECN);
            self.write(net, 2, first << 8 | class, &[own]);
        }
        self.carried(net);
    }

    fn arp(&mut self, net: usize) {
        for (field, at, length) in [
            (Field::ARP_OP, 6, 2),
            (Field::ARP_SHA, 8, 6),
            (Field::ARP_SPA, 14, 4),
            (Field::ARP_THA, 18, 6),
            (Field::ARP_TPA, 24, 4),
        ] {
            if let Some(value) = self.changed(field) {
                self.write(net + at, length, value, &[]);
            }
        }
    }

    /// Ports, ICMP's type and code, neighbour discovery.
    fn carried(&mut self, net: usize) {
        let Some(at) = self.layout.transport else { return };
        let sum = self.carried_checksum();
        let ports: [(u8, [Field; 2]); 2] =
            [(protocol::TCP, [Field::TCP_SRC, Field::TCP_DST]), (protocol::UDP, [Field::UDP_SRC, Field::UDP_DST])];
        for (protocol, [source, destination]) in ports {
            if self.old.get(Field::IP_PROTO) != u128::from(protocol) {
                continue;
            }
            for (field, offset) in [(source, 0), (destination, 2)] {
                if let Some(value) = self.changed(field) {
                    self.write(at + offset, 2, value, &[sum]);
                }
            }
        }
        self.discovery(net, at);
        for (kind, code) in [(Field::ICMPV6_TYPE, Field::ICMPV6_CODE), (Field::ICMPV4_TYPE, Field::ICMPV4_CODE)] {
            if self.changed(kind).or(self.changed(code)).is_some() {
                self.write(at, 2, self.new.get(kind) << 8 | self.new.get(code), &[Some(at + 2)]);
            }
        }
    }

    /// Flags and the first option's type, whatever that option is; then the target and the first link-layer option.
    fn discovery(&mut self, net: usize, at: usize) {
        let length = self.layout.end.saturating_sub(at);
        if length < DISCOVERY_LENGTH {
            return;
        }
        let extended = [Field::ND_RESERVED, Field::ND_OPTIONS_TYPE];
        if extended.into_iter().any(|field| self.changed(field).is_some()) {
            self.write(at + 4, 4, self.new.get(Field::ND_RESERVED), &[]);
            // Open vSwitch 3.1 writes the type whether there is an option or not.
            self.past_end = at + DISCOVERY_LENGTH >= self.bytes.len();
            self.write(at + DISCOVERY_LENGTH, 1, self.new.get(Field::ND_OPTIONS_TYPE), &[]);
            self.sum_up(net, at);
        }
        let sum = Some(at + 2);
        if let Some(target) = self.changed(Field::ND_TARGET) {
            self.write(at + 8, 16, target, &[sum]);
        }
        let macs = [Field::ND_SLL, Field::ND_TLL];
        if macs.into_iter().any(|field| self.changed(field).is_some()) {
            let option = self.first_link_layer(at + DISCOVERY_LENGTH);
            if let Some((option, kind)) = option {
                self.write(option + 2, 6, self.new.get(macs[usize::from(kind) - 1]), &[sum]);
            }
        }
    }

    /// The first link-layer option of the usual size: where it is, and its type, 1 or 2.
    fn first_link_layer(&self, mut at: usize) -> Option<(usize, u8)> {
        while at + 8 <= self.layout.end {
            match self.bytes.get(at..at + 2)? {
                [kind @ 1..=2, 1] => return Some((at, *kind)),
                [_, 0] => return None,
                [_, length] => at += 8 * usize::from(*length),
                _ => return None,
            }
        }
        None
    }

    /// The checksum anew. Open vSwitch takes length and protocol from the IPv6 header: behind extension headers it is wrong.
    fn sum_up(&mut self, net: usize, at: usize) {
        let header = |from: usize, to: usize| self.bytes.get(net + from..net + to);
        let (Some(src), Some(dst), Some(lengths)) = (header(8, 24), header(24, 40), header(4, 7)) else { return };
        let address = |bytes: &[u8]| <[u8; 16]>::try_from(bytes).map(Ipv6Addr::from).unwrap_or(Ipv6Addr::UNSPECIFIED);
        let (src, dst) = (address(src), address(dst));
        let announced = u16::from_be_bytes([lengths[0], lengths[1]]);
        let next = lengths[2];
        let Some(message) = self.bytes.get_mut(at..self.layout.end) else { return };
        message[2..4].fill(0);
        let length = message.len() as u16;
        let sum = checksum_v6(src, dst, next, message);
        message[2..4].copy_from_slice(&sum.to_be_bytes());
        // The pseudo-header's length as announced, not as it is.
        self.adapt(at + 2, &length.to_be_bytes(), &announced.to_be_bytes());
    }
}
