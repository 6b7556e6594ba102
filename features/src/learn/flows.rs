//! Rows that punt what teaches, where otherwise it would be dropped as unknown.

use ::flows::{Claim, Emit, Feature, FeatureId, PuntOp, Reg, Row, Table};
use addr::{Ipv6Net, LINK_LOCAL, OfPort};
use ofp::Field;
use packet::OP_REQUEST;
use topology::{ChassisKey, Key, KeyKind, NetworkKey, PortKey, View};

use super::USERDATA_SPARE;
use crate::given;
use crate::l2::GROUP_BIT;
use crate::port::{ADDRESS, way_to_controller};
use crate::router::network_mac;

/// The feature.
pub struct Learn;

const NEIGHBOR_SOLICIT: u8 = 135;
const NEIGHBOR_ADVERT: u8 = 136;

impl Feature for Learn {
    fn id(&self) -> FeatureId {
        FeatureId(10)
    }

    fn name(&self) -> &'static str {
        "learn"
    }

    fn anchors(&self) -> &'static [KeyKind] {
        &[KeyKind::Spare, KeyKind::Place, KeyKind::Need]
    }

    fn compile(&self, key: Key, view: &View<'_>, emit: &mut Emit) {
        match key {
            Key::Spare(chassis, port) => spare(view, emit, chassis, port),
            Key::Place(port) => learner(view, emit, port),
            Key::Need(network, chassis) => {
                unknown_targets(view, emit, network, chassis);
                formed(view, emit, network, chassis);
            }
            _ => {}
        }
    }
}

/// A port that nothing claims: its first frame makes it a port of the network.
fn spare(view: &View<'_>, emit: &mut Emit, chassis: ChassisKey, port: OfPort) {
    let (Some(_), Some(network)) = (view.spare(chassis, port), view.auto_network()) else { return };
    let mut on = emit.on(chassis);
    on.row(Table::Classify, 20, "nobody's port, until a host is seen there")
        .when(Field::IN_PORT, port)
        .load(Reg::Net, network.0)
        .punt(PuntOp::Learn);
    way_to_controller(&mut on, port, ADDRESS, USERDATA_SPARE);
}

/// A port that learns: an address that it uses and has not, is its own if nobody has it.
fn learner(view: &View<'_>, emit: &mut Emit, key: PortKey) {
    let Some(place) = view.place(key) else { return };
    if !view.policy(key).is_some_and(|policy| policy.secured && policy.learning) {
        return;
    }
    let mut on = emit.on(place.chassis);
    on.row(Table::Admit, 60, "an advertisement of an address that is not the port's: is it anybody's?")
        .ipv6()
        .when(Field::IN_PORT, place.ofport)
        .when_reg(Reg::Claim, Claim::Target as u64)
        .restore(Reg::Kept, Field::IPV6_SRC)
        .punt(PuntOp::Learn);
    on.row(Table::Admit, 40, "not an address of the port's: is it anybody's?")
        .when(Field::IN_PORT, place.ofport)
        .punt(PuntOp::Learn);
}

/// Where hosts form their addresses, one that a port solicits from, or advertises, may become its own. A probe for it teaches too,
/// but by the way of all probes.
fn formed(view: &View<'_>, emit: &mut Emit, network: NetworkKey, chassis: ChassisKey) {
    if !view.is_resident(network, chassis) {
        return;
    }
    let mut on = emit.on(chassis);
    on.row(Table::Nd, 200, "a host answers that it still has an address")
        .icmpv6(NEIGHBOR_ADVERT)
        .when_reg(Reg::Net, network.0)
        .when(Field::ETH_DST, network_mac(network))
        .punt(PuntOp::Alive);
    // Not all hosts make their link-local address of their MAC, whatever is advertised to them (RFC 8064).
    for prefix in given::formed_on(view, network).into_iter().chain([LINK_LOCAL]) {
        let row = on.row(Table::Admit, 60, "an advertisement of an address that hosts form: is it anybody's?");
        from_formed(row, network, prefix)
            .ipv6()
            .when_reg(Reg::Claim, Claim::Target as u64)
            .restore(Reg::Kept, Field::IPV6_SRC)
            .punt(PuntOp::Learn);
        let row = on.row(Table::Admit, 40, "a solicitation from an address that hosts form: is it anybody's?");
        from_formed(row, network, prefix).icmpv6(NEIGHBOR_SOLICIT).punt(PuntOp::Learn);
    }
}

fn from_formed(row: Row<'_>, network: NetworkKey, prefix: Ipv6Net) -> Row<'_> {
    row.when_reg(Reg::Net, network.0).when_reg(Reg::Forms, 1u64).when_masked(
        Field::IPV6_SRC,
        prefix.network(),
        prefix.netmask(),
    )
}

/// Questions for an address that nobody is known to have: a silent host may.
fn unknown_targets(view: &View<'_>, emit: &mut Emit, network: NetworkKey, chassis: ChassisKey) {
    if !view.auto_ports(network) || !view.is_resident(network, chassis) {
        return;
    }
    let mut on = emit.on(chassis);
    let why = "nobody is known to have the address: a silent host may";
    on.row(Table::Neighbor, 45, why)
        .ipv6()
        .when_reg(Reg::Net, network.0)
        .when_reg(Reg::NdAsks, 1u64)
        .restore(Reg::Kept, Field::IPV6_DST)
        .punt(PuntOp::Resolve);
    // To the MAC that a link-local address is made of, or to one that was there once.
    on.row(Table::Out, 20, "nobody is known to have the MAC: a silent host may")
        .ipv6()
        .when(Field::IP_PROTO, 58u8)
        .when(Field::ICMPV6_TYPE, NEIGHBOR_SOLICIT)
        .when_reg(Reg::Net, network.0)
        .when_reg(Reg::FromFabric, 0u64)
        .punt(PuntOp::Resolve);
    on.row(Table::Nd, 60, why)
        .arp()
        .when_reg(Reg::Net, network.0)
        .when(Field::ARP_OP, OP_REQUEST)
        .when_masked(Field::ETH_DST, GROUP_BIT, GROUP_BIT)
        .punt(PuntOp::Resolve);
}
