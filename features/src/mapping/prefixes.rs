//! Rows for prefixes that are others outside (RFC 6296): checksum-neutral, so that nothing but addresses changes.
//!
//! A switch can't add, so that what makes up for the prefixes' difference is worked out here: for each /64 that is behind the router, where
//! bits 48 to 63 take it; for each address of a port, where it is the interface identifier that does. Where there is no difference one row is
//! enough.

use std::net::Ipv6Addr;

use ::flows::{Drop, Emit, On, Reg, Row, Table};
use addr::{IpNet, Ipv6Net, PrefixPair};
use ofp::{Field, Subfield};
use topology::{ChassisKey, PortKey, RouterKey, View};

/// Bits of a prefix that hosts form addresses on.
const HALF: u8 = 64;
/// The shortest prefix whose /64s have a row each: 256 of them.
const SHORTEST: u8 = 56;
/// Priorities: of what is connected, of whole addresses; what is routed stands below, the longest first.
const CONNECTED: u16 = 165;
const WHOLE: u16 = 166;

/// What holds for all of a prefix.
pub(super) fn whole(view: &View<'_>, emit: &mut Emit, (router, prefix): (RouterKey, IpNet), chassis: ChassisKey) {
    let Some(mapping) = view.prefix_mapping(router, prefix).filter(|_| view.routes_for(router, chassis)) else {
        return;
    };
    let (pair, mut on) = (mapping.pair, emit.on(chassis));
    if pair.is_plain() {
        return both(&mut on, router, CONNECTED, (pair.internal(), pair.external()));
    }
    let internal = pair.internal();
    on.row(Table::Outward, 20, "nothing stands for it outside")
        .ipv6()
        .when_reg(Reg::Router, router.0)
        .when_masked(Field::IPV6_SRC, internal.network(), internal.netmask())
        .drop(Drop::NoMapping);
}

/// A connected prefix of a router, or one that it routes: its /64s that are others outside.
pub(super) fn part(
    view: &View<'_>,
    emit: &mut Emit,
    (router, prefix, connected): (RouterKey, IpNet, bool),
    chassis: ChassisKey,
) {
    let IpNet::V6(prefix) = prefix else { return };
    let priority = if connected { CONNECTED } else { 100 + u16::from(prefix.prefix_len().min(HALF)) };
    for pair in view.prefix_mappings(router).into_iter().map(|mapping| mapping.pair) {
        if !pair.by_subnet() || pair.is_plain() {
            continue;
        }
        for half in halves(prefix).filter(|half| pair.internal().contains(half)) {
            if let Some(outside) = outside(&pair, half) {
                both(&mut emit.on(chassis), router, priority, (half, outside));
            }
        }
    }
}

/// A port's addresses, of prefixes that are translated by whole addresses.
pub(super) fn port(view: &View<'_>, emit: &mut Emit, key: PortKey, chassis: ChassisKey) {
    if !view.long_mappings() {
        return;
    }
    let (Some(port), Some(binding)) = (view.port(key), view.binding(key)) else { return };
    for (router, subnet) in view.interfaces_on(port.network) {
        let Some(IpNet::V6(prefix)) = view.subnet(subnet).map(|subnet| subnet.cidr) else { continue };
        let mappings = view.prefix_mappings(router).into_iter().filter(|mapping| mapping.is_long());
        for mapping in mappings.filter(|_| view.routes_for(router, chassis)) {
            for address in port.v6().filter(|address| prefix.contains(address)) {
                let Some(outside) = mapping.pair.outward(address) else { continue };
                let pair = (Ipv6Net::from(address), Ipv6Net::from(outside));
                inward(&mut emit.on(chassis), router, WHOLE, pair);
                if binding.chassis == chassis {
                    outward(&mut emit.on(chassis), router, WHOLE, pair);
                }
            }
        }
    }
}

/// The /64s of a prefix, or the one that it is in.
fn halves(prefix: Ipv6Net) -> impl Iterator<Item = Ipv6Net> {
    let around = Ipv6Net::new(prefix.network(), prefix.prefix_len().min(HALF)).map(|net| net.trunc()).ok();
    let few = around.filter(|net| net.prefix_len() >= SHORTEST);
    few.into_iter().flat_map(|net| net.subnets(HALF).into_iter().flatten())
}

/// What a /64 is outside.
fn outside(pair: &PrefixPair, half: Ipv6Net) -> Option<Ipv6Net> {
    Ipv6Net::new(pair.outward(half.network())?, HALF).ok().map(|net| net.trunc())
}

fn both(on: &mut On<'_>, router: RouterKey, priority: u16, pair: (Ipv6Net, Ipv6Net)) {
    inward(on, router, priority, pair);
    outward(on, router, priority, pair);
}

fn inward(on: &mut On<'_>, router: RouterKey, priority: u16, (inside, outside): (Ipv6Net, Ipv6Net)) {
    let row = on.row(Table::RouterIn, priority, "for a prefix outside: that inside");
    let row = row.ipv6().when_reg(Reg::Router, router.0);
    let row = row.when_masked(Field::IPV6_DST, outside.network(), outside.netmask());
    replaced(row, Field::IPV6_DST, inside).load(Reg::Mapped, 1u64).load(Reg::Maps, 1u64).goto(Table::Inward);
}

fn outward(on: &mut On<'_>, router: RouterKey, priority: u16, (inside, outside): (Ipv6Net, Ipv6Net)) {
    let row = on.row(Table::Outward, priority, "from a prefix inside: that outside");
    let row = row.ipv6().when_reg(Reg::Router, router.0);
    let row = row.when_masked(Field::IPV6_SRC, inside.network(), inside.netmask());
    replaced(row, Field::IPV6_SRC, outside).goto(Table::OutwardSaid);
}

/// An address gets another prefix, and keeps the rest.
fn replaced(row: Row<'_>, field: Field, prefix: Ipv6Net) -> Row<'_> {
    let length = u16::from(prefix.prefix_len());
    match prefix.prefix_len() {
        ..=HALF => row.load_bits(upper(field, length), bits(prefix.network(), length)),
        _ => row.set(field, prefix.network()),
    }
}

fn upper(field: Field, length: u16) -> Subfield {
    field.sub(128 - length, length)
}

/// The first bits of an address, 64 at most.
fn bits(address: Ipv6Addr, length: u16) -> u64 {
    (u128::from(address) >> (128 - u32::from(length.max(1)))) as u64
}
