//! Rows that were found on a switch, as the facts that they were made of: a controller that starts anew goes on with the paths
//! that frames are on.

use ::flows::{Item, Reg, Table};
use addr::OfPort;
use ofp::{Action, Field, Instruction, Match};
use topology::{ChassisKey, Hop, Lane};

use super::{LABELS, NETWORK_PCP};

/// What a row says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recalled {
    /// A port leads to another chassis.
    Trunk(OfPort),
    /// What has a label for a chassis goes on here.
    Hop(ChassisKey, u8, Hop),
    /// How a chassis is sent to; the lane, 0 or 1, if there are two.
    Lane(ChassisKey, Option<usize>, Lane),
}

/// Reads a row of ours; `None`: it is about something else.
pub fn recall(item: &Item) -> Option<Recalled> {
    let Item::Flow(flow) = item else { return None };
    let value = |field: Field| exact(&flow.match_, field);
    match flow.table {
        Table::Classify => {
            let leads = flow.instructions.contains(&Instruction::GotoTable(Table::Arrive.id()));
            leads.then(|| Some(Recalled::Trunk(OfPort(value(Field::IN_PORT)? as u32))))?
        }
        Table::Hop => {
            let (to, label) = (chassis(value(Field::VLAN_VID)? & 0xfff)?, label(value(Field::VLAN_PCP)?)?);
            let actions = actions(&flow.instructions)?;
            let last = actions.contains(&Action::PopVlan);
            Some(Recalled::Hop(to, label, Hop { port: output(actions)?, last }))
        }
        Table::Fabric => {
            let spec = Reg::OutChassis.spec();
            let (found, mask) = flow.match_.get(Reg::OutChassis.field())?;
            let whole = mask & Reg::OutChassis.subfield().mask() == Reg::OutChassis.subfield().mask();
            let to = chassis((found >> spec.offset) & 0xffff).filter(|_| whole)?;
            let lane = flow.match_.get(Field::ETH_DST).map(|(bit, _)| usize::from(bit & 1 == 1));
            let actions = actions(&flow.instructions)?;
            let priorities = actions.iter().filter_map(|action| match action {
                Action::SetField { field: Field::VLAN_PCP, value, .. } => Some(*value),
                _ => None,
            });
            let mut priorities = priorities.skip_while(|pcp| *pcp == u128::from(NETWORK_PCP));
            let label = match priorities.next() {
                Some(pcp) => Some(label(pcp)?),
                None => None,
            };
            // Rows of other fabrics push one tag, or none, and set no priority.
            let tagged = actions.iter().any(|a| matches!(a, Action::SetField { field: Field::VLAN_PCP, .. }));
            tagged.then_some(Recalled::Lane(to, lane, Lane { port: output(actions)?, label }))
        }
        _ => None,
    }
}

fn exact(match_: &Match, field: Field) -> Option<u128> {
    match_.get(field).map(|(value, _)| value)
}

fn chassis(number: u128) -> Option<ChassisKey> {
    u16::try_from(number).ok().filter(|number| *number > 0).map(ChassisKey)
}

fn label(pcp: u128) -> Option<u8> {
    u8::try_from(pcp).ok().filter(|label| *label < LABELS)
}

fn actions(instructions: &[Instruction]) -> Option<&[Action]> {
    instructions.iter().find_map(|instruction| match instruction {
        Instruction::ApplyActions(actions) => Some(actions.as_slice()),
        _ => None,
    })
}

fn output(actions: &[Action]) -> Option<OfPort> {
    actions.iter().find_map(|action| if let Action::Output { port, .. } = action { Some(*port) } else { None })
}

#[cfg(test)]
mod tests {
    use ::flows::Engine;
    use topology::{Change, Chassis, Encap, Fabric, Way, World};

    use super::*;

    /// Whatever the facts: their rows say them.
    #[test]
    fn rows_say_what_they_were_made_of() {
        let (here, there) = (ChassisKey(1), ChassisKey(4094));
        let chassis = |name: &str| {
            Some(Chassis {
                name: name.into(),
                dpid: None,
                tunnel_ip: None,
                mappings: vec![],
                gateway_priority: None,
                drained: false,
            })
        };
        let lane = |port, label| Lane { port: OfPort(port), label };
        let mut world = World::default();
        world.commit(vec![
            Change::Fabric(Some(Fabric { encap: Encap::Links, interface: "".into(), mtu_max: 1496 })),
            Change::Chassis(here, chassis("a")),
            Change::Chassis(there, chassis("b")),
            Change::Plug(here, "eth7".into(), Some(OfPort(7))),
            Change::Trunk(here, OfPort(7), true),
            Change::Hop(here, there, 0, Some(Hop { port: OfPort(7), last: true })),
            Change::Hop(here, there, 6, Some(Hop { port: OfPort(8), last: false })),
            Change::Way(here, there, Some(Way { lanes: [lane(7, None), lane(8, Some(6))] })),
            Change::Way(here, ChassisKey(3), Some(Way { lanes: [lane(9, Some(0)); 2] })),
        ]);
        let (engine, delta) = Engine::from_scratch(crate::ALL, &world);
        assert_eq!((delta.faults, delta.conflicts), (vec![], vec![]));
        let mut recalled: Vec<String> =
            engine.desired(here).filter_map(|(item, _)| Some(format!("{:?}", recall(item)?))).collect();
        recalled.sort_unstable();
        let expected = [
            Recalled::Trunk(OfPort(7)),
            Recalled::Hop(there, 0, Hop { port: OfPort(7), last: true }),
            Recalled::Hop(there, 6, Hop { port: OfPort(8), last: false }),
            Recalled::Lane(there, Some(0), lane(7, None)),
            Recalled::Lane(there, Some(1), lane(8, Some(6))),
            Recalled::Lane(ChassisKey(3), None, lane(9, Some(0))),
        ];
        let mut expected: Vec<String> = expected.iter().map(|recalled| format!("{recalled:?}")).collect();
        expected.sort_unstable();
        assert_eq!(recalled, expected);
    }

    #[test]
    fn rows_of_other_fabrics_say_nothing() {
        for encap in [Encap::Geneve, Encap::Vlan] {
            let mut world = World::default();
            let chassis = |n: u16| {
                let tunnel_ip = format!("fd00::{n}").parse().ok();
                Change::Chassis(
                    ChassisKey(n),
                    Some(Chassis {
                        name: n.to_string().into(),
                        dpid: None,
                        tunnel_ip,
                        mappings: vec![],
                        gateway_priority: None,
                        drained: false,
                    }),
                )
            };
            world.commit(vec![
                Change::Fabric(Some(Fabric { encap, interface: "up".into(), mtu_max: 1430 })),
                chassis(1),
                chassis(2),
                Change::Plug(ChassisKey(1), "up".into(), Some(OfPort(9))),
            ]);
            let (engine, _) = Engine::from_scratch(crate::ALL, &world);
            assert!(engine.desired_count(ChassisKey(1)) > 10);
            assert_eq!(engine.desired(ChassisKey(1)).find_map(|(item, _)| recall(item)), None);
        }
    }
}
