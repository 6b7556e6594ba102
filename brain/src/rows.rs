//! What is wanted on switches, as people read it: tables by name, and the reason beside each row.

use ofp::{Action, Instruction};
use proto::v1;
use topology::{Key, ResourceId};

use crate::brain::Brain;
use crate::effect::{Refusal, RefusalKind, Reply};
use crate::requests::refusal;
use crate::switch::Switch;

impl Brain {
    pub(crate) fn flows(&self, request: &v1::FlowsRequest) -> Result<Reply, Refusal> {
        let mut rows = Vec::new();
        let mut known = false;
        for chassis in self.world.chassis_keys() {
            let Some(name) = self.chassis_resource(chassis).map(|r| r.name) else { continue };
            if !request.chassis.is_empty() && *request.chassis != *name {
                continue;
            }
            known = true;
            let switch = self.switches.get(&chassis).filter(|s| s.in_step());
            let unconfirmed = switch.map(Switch::unconfirmed_keys);
            for (item, unit) in self.engine.desired(chassis) {
                let resource = self.world.resource_of(&unit.key);
                let wanted = request.port.is_empty()
                    || resource
                        .as_ref()
                        .is_some_and(|r| r.kind == "port" && format!("{}/{}", r.tenant, r.name) == request.port);
                if wanted {
                    let key = flows::Keyed(item.clone());
                    let installed = unconfirmed.as_ref().is_some_and(|keys| !keys.contains(&key));
                    rows.push(self.flow_row(&name, item, unit, resource, installed));
                }
            }
        }
        if !known && !request.chassis.is_empty() {
            return Err(refusal(RefusalKind::NotFound, format!("there is no chassis {}", request.chassis)));
        }
        rows.sort_by(|a, b| {
            let key = |r: &v1::FlowRow| {
                (r.chassis.clone(), r.cookie == 0, r.table.clone(), u32::MAX - r.priority, r.r#match.clone())
            };
            key(a).cmp(&key(b))
        });
        rows.extend(self.offload_rows(&request.port));
        Ok(Reply::Flows(rows))
    }

    pub(crate) fn flow_row(
        &self,
        name: &str,
        item: &std::sync::Arc<flows::Item>,
        unit: flows::Unit,
        resource: Option<ResourceId>,
        installed: bool,
    ) -> v1::FlowRow {
        let revision =
            resource.as_ref().and_then(|r| self.catalog.get(r.kind, &r.tenant, &r.name)).map_or(0, |s| s.mod_revision);
        let mut row = v1::FlowRow {
            chassis: name.to_owned(),
            feature: self.engine.feature_name(unit.feature).to_owned(),
            owner: unit.key.to_string(),
            resource: resource.map(|r| r.to_string()).unwrap_or_default(),
            revision,
            installed,
            path: self.path_of(&unit.key),
            ..v1::FlowRow::default()
        };
        match &**item {
            flows::Item::Flow(flow) => {
                row.table = flow.table.spec().name.to_owned();
                row.priority = flow.priority.into();
                row.r#match = flow.match_.to_string();
                row.actions = flow.instructions.iter().map(instruction).collect::<Vec<_>>().join(",");
                if let Some(drop) = flow.drop {
                    row.actions = format!("drop ({})", drop.name());
                }
                row.cookie = flows::cookie(&unit);
                row.why = flow.why.to_owned();
            }
            flows::Item::Group(group) => {
                row.table = "group".to_owned();
                row.r#match = format!("group_id={}", group.id);
                let bucket = |b: &ofp::Bucket| {
                    format!("[{}]", b.actions.iter().map(ToString::to_string).collect::<Vec<_>>().join(","))
                };
                row.actions = group.buckets.iter().map(bucket).collect::<Vec<_>>().join(" ");
                row.why = group.why.to_owned();
            }
            flows::Item::Meter(meter) => {
                row.table = "meter".to_owned();
                row.r#match = format!("meter={}", meter.id);
                row.actions = format!("{:?}", meter.bands);
                row.why = meter.why.to_owned();
            }
        }
        row
    }

    /// The part of a resource's spec that a key is about, by names; empty: no certain one.
    fn path_of(&self, key: &Key) -> String {
        match *key {
            Key::Route(_, destination) | Key::RouteAt(_, destination, _) => format!("routes[{destination}]"),
            Key::Interface(router, subnet) | Key::InterfaceAt(router, subnet, _) => {
                let tenant = self.world.resource_of(&Key::Router(router)).map(|router| router.tenant);
                let network = self.world.resource_of(&Key::Subnet(subnet));
                let faces = network.iter().flat_map(|network| self.catalog.faces_on(network));
                let found = faces.filter(|(_, face)| face.key == subnet.0).map(|(id, _)| id).next();
                let name = found.map(|id: &ResourceId| match tenant {
                    Some(tenant) if tenant == id.tenant => id.name.to_string(),
                    _ => format!("{}/{}", id.tenant, id.name),
                });
                name.map(|name| format!("interfaces[{name}]")).unwrap_or_default()
            }
            _ => String::new(),
        }
    }
}

/// In `ovs-ofctl`'s syntax, with the names of tables.
fn instruction(instruction: &Instruction) -> String {
    match instruction {
        Instruction::GotoTable(id) => format!("goto_table:{}", table(*id)),
        Instruction::ApplyActions(actions) => actions.iter().map(action).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

fn action(action: &Action) -> String {
    match action {
        Action::Resubmit { port: None, table: Some(id), ct: false } => format!("resubmit(,{})", table(*id)),
        other => other.to_string(),
    }
}

fn table(id: u8) -> String {
    flows::Table::from_id(id).map_or_else(|| id.to_string(), |table| table.spec().name.to_owned())
}
