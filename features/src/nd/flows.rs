//! The responder. A flow can't both turn a solicitation into an advertisement and fill in its link-layer option (the switch
//! checks actions against the match), so the answer takes three tables: who has it, turn it round, fill it in.

use std::net::{IpAddr, Ipv6Addr};

use ::flows::{Drop, Emit, Feature, FeatureId, PuntOp, Reg, Table};
use ofp::Field;
use topology::{ChassisKey, Key, KeyKind, PortKey, RouterKey, SubnetKey, View};

use crate::l2::GROUP_BIT;
use crate::router;

/// The feature.
pub struct Nd;

const NEIGHBOR_SOLICIT: u8 = 135;
const NEIGHBOR_ADVERT: u8 = 136;
/// Option types (RFC 4861, 4.6).
const SOURCE_LINK_LAYER: u8 = 1;
const TARGET_LINK_LAYER: u8 = 2;

impl Feature for Nd {
    fn id(&self) -> FeatureId {
        FeatureId(3)
    }

    fn name(&self) -> &'static str {
        "nd"
    }

    fn anchors(&self) -> &'static [KeyKind] {
        &[KeyKind::Chassis, KeyKind::Reach, KeyKind::InterfaceAt]
    }

    fn compile(&self, key: Key, view: &View<'_>, emit: &mut Emit) {
        match key {
            Key::Chassis(chassis) => responder(view, emit, chassis),
            Key::Reach(port, chassis) => host(view, emit, port, chassis),
            Key::InterfaceAt(router, subnet, chassis) => router_interface(view, emit, router, subnet, chassis),
            _ => {}
        }
    }
}

/// Flags of a solicited advertisement (RFC 4861, 4.4), as the switch's `nd_reserved` has them: S and O, R for routers.
const fn flags(router: bool) -> u32 {
    0x6000_0000 | if router { 0x8000_0000 } else { 0 }
}

/// What answers, whoever was asked for.
fn responder(view: &View<'_>, emit: &mut Emit, chassis: ChassisKey) {
    if view.chassis(chassis).is_none() {
        return;
    }
    let mut on = emit.on(chassis);
    // By the group bit and any code: nothing that looks like discovery is left to be flooded.
    on.row(Table::Nd, 150, "probes are answered or not, but never delivered: not by a unicast frame either")
        .ipv6()
        .when(Field::IP_PROTO, 58u8)
        .when(Field::ICMPV6_TYPE, NEIGHBOR_SOLICIT)
        .when(Field::IPV6_SRC, Ipv6Addr::UNSPECIFIED)
        .drop(Drop::UnknownTarget);
    on.row(Table::Nd, 50, "solicitations are answered or not, but never flooded")
        .ipv6()
        .when(Field::IP_PROTO, 58u8)
        .when(Field::ICMPV6_TYPE, NEIGHBOR_SOLICIT)
        .when_masked(Field::ETH_DST, GROUP_BIT, GROUP_BIT)
        .drop(Drop::UnknownTarget);
    on.row(Table::Nd, 50, "neighbours know the address already")
        .ipv6()
        .when(Field::IP_PROTO, 58u8)
        .when(Field::ICMPV6_TYPE, NEIGHBOR_ADVERT)
        .when_masked(Field::ETH_DST, GROUP_BIT, GROUP_BIT)
        .when_reg(Reg::Secured, 1u64)
        .drop(Drop::UnsolicitedAdvert);
    // Where there is no option, the switch would write one beyond the packet's end; and the frame's length does not tell, for an
    // extension header makes up for an option. So flows answer what begins with the sender's MAC, as every host's does that
    // wants an answer for itself; the rest (probes with a nonce, solicitations without options) is the controller's.
    on.row(Table::NdReply, 10, "no option with the sender's MAC to fill in")
        .icmpv6(NEIGHBOR_SOLICIT)
        .punt(PuntOp::NeighborSolicit);
    for (router, bit) in [(true, 1u64), (false, 0)] {
        on.row(Table::NdReply, 30, "the address is at this MAC")
            .icmpv6(NEIGHBOR_SOLICIT)
            .when(Field::ND_OPTIONS_TYPE, SOURCE_LINK_LAYER)
            .when_reg(Reg::NdRouter, bit)
            .set(Field::ICMPV6_TYPE, NEIGHBOR_ADVERT)
            .set(Field::ND_RESERVED, flags(router))
            .set(Field::ND_OPTIONS_TYPE, TARGET_LINK_LAYER)
            .copy(Field::ETH_SRC, Field::ETH_DST)
            .copy(Field::IPV6_SRC, Field::IPV6_DST)
            .goto(Table::NdSend);
    }
    on.row(Table::NdSend, 10, "fills in the target's MAC and sends the answer back")
        .icmpv6(NEIGHBOR_ADVERT)
        .copy_bits(Reg::NdMac.field().sub(0, 48), Field::ND_TLL.sub(0, 48))
        .copy_bits(Reg::NdMac.field().sub(0, 48), Field::ETH_SRC.sub(0, 48))
        .copy(Field::ND_TARGET, Field::IPV6_SRC)
        .back();
}

/// A port's addresses, on a chassis where somebody may ask for them.
fn host(view: &View<'_>, emit: &mut Emit, key: PortKey, chassis: ChassisKey) {
    let (Some(port), Some(binding)) = (view.port(key), view.binding(key)) else { return };
    if !view.is_resident(port.network, chassis) {
        return;
    }
    let mut on = emit.on(chassis);
    let here = view.place(key).filter(|_| binding.chassis == chassis);
    for address in port.v6() {
        on.row(Table::Nd, 200, "the address is the port's")
            .icmpv6(NEIGHBOR_SOLICIT)
            .when_reg(Reg::Net, port.network.0)
            .when(Field::NW_TTL, 255u8)
            .when(Field::ND_TARGET, address)
            // To the host's own MAC it is forwarded: reachability is the host's to confirm (RFC 4861, 7.3).
            .when_masked(Field::ETH_DST, GROUP_BIT, GROUP_BIT)
            .load_mac(Reg::NdMac, port.mac)
            .load(Reg::NdRouter, 0u64)
            .goto(Table::NdReply);
        if let Some(place) = here {
            on.row(Table::Nd, 300, "its own probe is not answered to it (RFC 4862, 5.4)")
                .icmpv6(NEIGHBOR_SOLICIT)
                .when(Field::IN_PORT, place.ofport)
                .when(Field::IPV6_SRC, Ipv6Addr::UNSPECIFIED)
                .when(Field::ND_TARGET, address)
                .drop(Drop::OwnDad);
        }
    }
}

/// A router's addresses on a network with ports here. Unicast solicitations too: nobody else would answer them.
fn router_interface(view: &View<'_>, emit: &mut Emit, key: RouterKey, subnet: SubnetKey, chassis: ChassisKey) {
    let Some(interface) = view.interface(key, subnet).filter(|_| view.routes_for(key, chassis)) else { return };
    if !view.is_resident(interface.network, chassis) {
        return;
    }
    let mut on = emit.on(chassis);
    for address in router::addresses(view, key, subnet) {
        let IpAddr::V6(address) = address else { continue };
        on.row(Table::Nd, 200, "the address is the router's")
            .icmpv6(NEIGHBOR_SOLICIT)
            .when_reg(Reg::Net, interface.network.0)
            .when(Field::NW_TTL, 255u8)
            .when(Field::ND_TARGET, address)
            .load_mac(Reg::NdMac, interface.mac)
            .load(Reg::NdRouter, 1u64)
            .goto(Table::NdReply);
    }
}
