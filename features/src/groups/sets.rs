//! Whose addresses are in a set: the other end of a packet is looked up, its destination where it leaves a port, its source
//! where it is for one.

use ::flows::{Emit, On, Reg, Row, Table};
use addr::{IpNet, LINK_LOCAL};
use ofp::Field;
use topology::{AddressGroupKey, ChassisKey, GroupKey, NetworkKey, SetKey, View};

use super::set_number;

const OF_NETWORK: &str = "of a network whose ports are in the group";

pub(super) fn addresses(view: &View<'_>, emit: &mut Emit, key: AddressGroupKey, chassis: ChassisKey) {
    let Some(group) = view.address_group(key).filter(|_| view.names_addresses(key, chassis)) else { return };
    let mut on = emit.on(chassis);
    for prefix in &group.prefixes {
        each_way(&mut on, SetKey::Addresses(key), (50, "of the address group"), |row, leaves| {
            within(row, leaves, *prefix).goto(Table::Rules);
        });
    }
}

/// An address that is in a group, or, where its network tells that its ports are, is not.
pub(super) fn address(
    view: &View<'_>,
    emit: &mut Emit,
    (address, scope): (IpNet, NetworkKey),
    group: GroupKey,
    chassis: ChassisKey,
) {
    let Some(member) = view.set_address(address, scope, group, chassis) else { return };
    let why = if member { "of a member of the group" } else { "not of a member of the group" };
    // Of a prefix and an address in it, the address counts.
    let priority = 100 + u16::from(address.prefix_len());
    each_way(&mut emit.on(chassis), SetKey::Group(group), (priority, why), |row, leaves| {
        let row = if scope == NetworkKey(0) { row } else { row.when_reg(Reg::Net, scope.0) };
        let row = within(row, leaves, address);
        if member { row.goto(Table::Rules) } else { row.answer() }
    });
}

/// A subnet of a network whose ports are in a group.
pub(super) fn prefix(view: &View<'_>, emit: &mut Emit, prefix: IpNet, group: GroupKey, chassis: ChassisKey) {
    if view.set_prefix(prefix, group, chassis) {
        each_way(&mut emit.on(chassis), SetKey::Group(group), (50, OF_NETWORK), |row, leaves| {
            within(row, leaves, prefix).goto(Table::Rules);
        });
    }
}

/// A network whose ports are in a group: all link-local addresses there, and where no router leads elsewhere, all that there are.
pub(super) fn network(view: &View<'_>, emit: &mut Emit, key: NetworkKey, group: GroupKey, chassis: ChassisKey) {
    if !view.set_network(key, group, chassis) {
        return;
    }
    let alone = view.interfaces_on(key).is_empty();
    each_way(&mut emit.on(chassis), SetKey::Group(group), (40, OF_NETWORK), |row, leaves| {
        let row = row.when_reg(Reg::Net, key.0);
        let row = if alone { row } else { within(row, leaves, IpNet::V6(LINK_LOCAL)) };
        row.goto(Table::Rules);
    });
}

fn each_way(on: &mut On<'_>, set: SetKey, (priority, why): (u16, &'static str), then: impl Fn(Row<'_>, bool)) {
    for leaves in [true, false] {
        let row = on.row(Table::Members, priority, why).when_reg(Reg::AddressSet, set_number(set));
        then(row.when_reg(Reg::Leaves, u64::from(leaves)), leaves);
    }
}

/// The other end is of a prefix.
fn within(row: Row<'_>, leaves: bool, prefix: IpNet) -> Row<'_> {
    match prefix {
        IpNet::V6(prefix) => {
            let field = if leaves { Field::IPV6_DST } else { Field::IPV6_SRC };
            row.ipv6().when_masked(field, prefix.network(), prefix.netmask())
        }
        IpNet::V4(prefix) => {
            let field = if leaves { Field::IPV4_DST } else { Field::IPV4_SRC };
            row.ipv4().when_masked(field, prefix.network(), prefix.netmask())
        }
    }
}
