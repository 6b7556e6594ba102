//! What no flow can translate: the packets that ICMP errors quote. And which addresses a punted packet had when it was sent.

use std::net::{IpAddr, Ipv6Addr};

use ::flows::{PuntOp, Reg, Table};
use addr::{OfPort, PrefixPair};
use ofp::{Action, Field, Match};
use packet::{Side, addresses, quoted_addresses, readdress, readdress_quote};
use topology::{ChassisKey, RouterKey, View};

use crate::punt::{PacketOut, Unanswered, register};

/// What an address outside is inside of a router; `None`: the same.
fn inside_of(view: &View<'_>, router: RouterKey, outside: IpAddr) -> Option<IpAddr> {
    let network = view.gateway(router)?.network;
    let floating = view.presence(network, outside).filter(|presence| presence.router == router);
    floating.and_then(|presence| presence.inside).or_else(|| by_prefix(view, router, outside, PrefixPair::inward))
}

/// What an address inside of a router is outside; `None`: the same.
fn outside_of(view: &View<'_>, router: RouterKey, inside: IpAddr) -> Option<IpAddr> {
    view.outside_of(router, inside).or_else(|| by_prefix(view, router, inside, PrefixPair::outward))
}

fn by_prefix(
    view: &View<'_>,
    router: RouterKey,
    address: IpAddr,
    translated: fn(&PrefixPair, Ipv6Addr) -> Option<Ipv6Addr>,
) -> Option<IpAddr> {
    let address = addr::v6(address)?;
    view.prefix_mappings(router).into_iter().find_map(|mapping| translated(&mapping.pair, address)).map(IpAddr::V6)
}

/// An ICMP error that crosses a router's mapping goes on, with what it quotes as the one that it is for knows it (RFC 6296, 5.2; RFC 5508, 4.2).
/// One whose quote is of something else goes on as it is.
pub fn quoted(
    view: &View<'_>,
    (chassis, in_port): (ChassisKey, OfPort),
    op: PuntOp,
    metadata: &Match,
    mut frame: Vec<u8>,
) -> Result<Vec<PacketOut>, Unanswered> {
    let router = RouterKey(register(metadata, Reg::Router) as u32);
    let (source, destination) = quoted_addresses(&frame).ok_or("malformed")?;
    let (table, side, new) = match op {
        PuntOp::QuotedInward => (Table::Route, Side::Source, inside_of(view, router, source)),
        PuntOp::QuotedOutward => (Table::Onward, Side::Destination, outside_of(view, router, destination)),
        _ => return Err("unknown_operation"),
    };
    if let Some(new) = new {
        readdress_quote(&mut frame, side, new).ok_or("malformed")?;
    }
    Ok(vec![PacketOut { in_port, ..PacketOut::by(chassis, resumed(metadata, table), frame) }])
}

/// Errors about what conntrack has given its destination, on their way back: it knows the address and port that they were sent to.
pub fn remembered(
    view: &View<'_>,
    (chassis, router): (ChassisKey, RouterKey),
    errors: Vec<PacketOut>,
) -> Result<Vec<PacketOut>, Unanswered> {
    let network = view.gateway(router).ok_or("router_gone")?.network;
    let load = |reg: Reg, value: u64| Action::RegLoad { dst: reg.subfield(), value };
    let again = |PacketOut { mut frame, .. }: PacketOut| {
        let (_, inside) = quoted_addresses(&frame).ok_or("malformed")?;
        readdress(&mut frame, Side::Source, inside).ok_or("malformed")?;
        let actions = vec![
            load(Reg::Net, network.0.into()),
            load(Reg::Router, router.0.into()),
            load(Reg::Routed, 1),
            load(Reg::Nexthop, 1),
            Action::Resubmit { port: None, table: Some(Table::Outward.id()), ct: false },
        ];
        Ok(PacketOut::by(chassis, actions, frame))
    };
    errors.into_iter().map(again).collect()
}

/// The actions by which a packet goes on from a table, as it was when it was punted.
fn resumed(metadata: &Match, table: Table) -> Vec<Action> {
    let registers = (0..16).map(Field::reg).filter_map(|field| {
        let (value, _) = metadata.get(field)?;
        Some(Action::SetField { field, value, mask: None })
    });
    registers.chain([Action::Resubmit { port: None, table: Some(table.id()), ct: false }]).collect()
}

/// A punted packet with the addresses that it had when it was sent, so that an error about it is understood.
pub fn as_sent(view: &View<'_>, metadata: &Match, frame: &mut [u8]) {
    let router = RouterKey(register(metadata, Reg::Router) as u32);
    if router == RouterKey(0) || !view.maps(router) {
        return;
    }
    let Some((source, destination)) = addresses(frame) else { return };
    if let Some(inside) = inside_of(view, router, source) {
        readdress(frame, Side::Source, inside);
    }
    if register(metadata, Reg::Mapped) == 1
        && let Some(outside) = outside_of(view, router, destination)
    {
        readdress(frame, Side::Destination, outside);
    }
}
