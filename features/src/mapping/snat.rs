//! Rows for what leaves over IPv4 from its router's own address. It is remembered by one chassis, the one that answers for the address; where
//! others have it to send, they send it there.

use ::flows::{Drop, Emit, Reg, Table};
use addr::IpNet;
use ofp::Field;
use topology::{ChassisKey, RouterKey, View};

use crate::gateway::choice;

/// A router on a chassis.
pub(super) fn router(view: &View<'_>, emit: &mut Emit, router: RouterKey, chassis: ChassisKey) {
    let Some(gateway) = view.gateway(router).filter(|_| view.routes_for(router, chassis)) else { return };
    let Some(snat) = gateway.snat else { return };
    let mut on = emit.on(chassis);
    on.row(Table::RouterIn, 105, "is its source another outside by itself?")
        .ipv4()
        .when_reg(Reg::Router, router.0)
        .ask(Table::Floats)
        .goto(Table::Route);
    if choice::remembers(view, router) != Some(chassis) {
        return;
    }
    on.row(Table::RouterIn, 260, "for the address that others leave from: maybe an answer")
        .ipv4()
        .when_reg(Reg::Router, router.0)
        .when_reg(Reg::FromLocalnet, 1u64)
        .when(Field::IPV4_DST, snat.address)
        .translate_back(snat.zone, Table::SnatBack);
    on.row(Table::SnatBack, 100, "no answer: for the router itself")
        .ipv4()
        .when_reg(Reg::Router, router.0)
        .when(Field::IPV4_DST, snat.address)
        .goto(Table::RouterOwn);
    on.row(Table::SnatBack, 10, "an answer, for who has asked")
        .ipv4()
        .when_reg(Reg::Router, router.0)
        .load(Reg::Natted, 1u64)
        .goto(Table::Route);
    for subnet in view.subnets_of(gateway.network).into_iter().filter_map(|subnet| view.subnet(subnet)) {
        if let IpNet::V4(net) = subnet.cidr {
            on.row(Table::Outward, 31, "from an address outside already")
                .ipv4()
                .when_reg(Reg::Router, router.0)
                .when_reg(Reg::Mapped, 0u64)
                .when_masked(Field::IPV4_SRC, net.network(), net.netmask())
                .goto(Table::Onward);
        }
    }
    on.row(Table::Outward, 30, "from the router's own address")
        .ipv4()
        .when_reg(Reg::Router, router.0)
        .when_reg(Reg::FromLocalnet, 0u64)
        .when_reg(Reg::Mapped, 0u64)
        .load(Reg::Natted, 1u64)
        .translate_source(snat.zone, snat.address, Table::OutwardSaid);
    on.row(Table::OutwardSaid, 300, "it has its source")
        .ipv4()
        .when_reg(Reg::Router, router.0)
        .when_reg(Reg::Natted, 1u64)
        .when(Field::IPV4_SRC, snat.address)
        .goto(Table::Onward);
    on.row(Table::OutwardSaid, 290, "conntrack could not translate it")
        .ipv4()
        .when_reg(Reg::Router, router.0)
        .when_reg(Reg::Natted, 1u64)
        .drop(Drop::NoMapping);
}
