//! Resources as a table for people.

use comfy_table::{Cell, ColumnConstraint, ContentArrangement, Table, Width, presets};
use serde_json::Value;

use super::output;
use crate::doc::shape::{KindShape, is_global};

/// A column: its head, and where its content is in the shown resource.
type Column = (&'static str, &'static str);

/// A kind's columns, and those that `wide` adds. A kind that is not here gets its name and standing.
const COLUMNS: [(&str, &[Column], &[Column]); 16] = [
    (
        "chassis",
        &[
            ("BRIDGE", "/status/bridge"),
            ("DATAPATH", "/status/datapath_id"),
            ("TUNNEL IP", "/spec/tunnel_ip"),
            ("CONNECTED", "/status/connected"),
        ],
        &[
            ("DESIRED", "/status/desired"),
            ("INSTALLED", "/status/installed"),
            ("FOREIGN", "/status/foreign_flows"),
            ("DISCOVERED", "/status/discovered"),
            ("MAPPINGS", "/spec/bridge_mappings"),
            ("DATABASE", "/status/database_connected"),
            ("OVS", "/status/ovs_version"),
        ],
    ),
    (
        "fabric",
        &[("ENCAP", "/spec/encap"), ("INTERFACE", "/spec/interface")],
        &[("UNDERLAY MTU", "/spec/underlay_mtu")],
    ),
    (
        "network",
        &[("SEGMENT", "/status/segmentation_id"), ("MTU", "/status/mtu")],
        &[
            ("TYPE", "/spec/type"),
            ("PHYSICAL", "/spec/physical_network"),
            ("ROUTERS", "/spec/upstream_routers"),
            ("SHARED", "/spec/shared"),
            ("AUTO PORTS", "/spec/auto_ports"),
            ("PORTAL", "/spec/captive_portal"),
        ],
    ),
    (
        "subnet",
        &[("NETWORK", "/spec/network"), ("CIDR", "/status/cidrs"), ("GATEWAY", "/status/gateway_ip")],
        &[
            ("RA", "/spec/ipv6_ra_mode"),
            ("ADDRESSES", "/spec/ipv6_address_mode"),
            ("POOLS", "/spec/allocation_pools"),
            ("DNS", "/spec/dns_nameservers"),
            ("PREFERENCE", "/spec/router_preference"),
            ("OPTIONS", "/spec/extra_dhcp_opts"),
        ],
    ),
    ("router", &[("INTERFACES", "/spec/interfaces"), ("MAC", "/status/mac_address")], &[("ROUTES", "/spec/routes")]),
    (
        "port",
        &[
            ("NETWORK", "/spec/network"),
            ("MAC", "/status/mac_address"),
            ("ADDRESSES", "/status/addresses"),
            ("CHASSIS", "/status/chassis"),
            ("AUTOMATIC", "/status/automatic"),
        ],
        &[
            ("INTERFACE", "/status/interface"),
            ("OFPORT", "/status/ofport"),
            ("ROLE", "/spec/role"),
            ("SECURITY", "/spec/port_security_enabled"),
            ("GROUPS", "/spec/security_groups"),
            ("PREFIXES", "/status/prefixes"),
            ("DNS NAME", "/spec/dns_name"),
            ("OPTIONS", "/spec/extra_dhcp_opts"),
            ("RELAY", "/spec/dhcp_relay"),
        ],
    ),
    ("security_group", &[("STATEFUL", "/spec/stateful")], &[("RULES", "/spec/rules")]),
    ("trunk", &[("PORT", "/spec/port"), ("SUB PORTS", "/spec/sub_ports")], &[]),
    (
        "translator",
        &[("ROUTER", "/spec/router"), ("PORT", "/spec/port"), ("PREFIX", "/spec/prefix"), ("POOL", "/spec/pool")],
        &[("ADDRESS", "/spec/ip_address"), ("MAPPINGS", "/spec/mappings"), ("ROUTES", "/status/routes")],
    ),
    (
        "exposure",
        &[
            ("ROUTER", "/spec/router"),
            ("METHOD", "/spec/method"),
            ("PORTS", "/spec/ports"),
            ("SUBNETS", "/spec/subnets"),
        ],
        &[("ROUTES", "/status/static_routes"), ("ANSWERED BY", "/status/addresses"), ("CHECKS", "/status/checks")],
    ),
    (
        "anycast_service",
        &[("NETWORK", "/spec/network"), ("ADDRESS", "/spec/address"), ("PORTS", "/spec/ports")],
        &[("HEALTH", "/spec/health"), ("MAC", "/status/mac_address"), ("INSTANCES", "/status/instances")],
    ),
    (
        "prefix_mapping",
        &[("ROUTER", "/spec/router"), ("INTERNAL", "/spec/internal"), ("EXTERNAL", "/spec/external")],
        &[],
    ),
    (
        "floating_ip",
        &[
            ("NETWORK", "/spec/network"),
            ("ADDRESS", "/status/floating_ip_address"),
            ("PORT", "/spec/port"),
            ("FIXED", "/status/fixed_ip_address"),
            ("CHASSIS", "/status/chassis"),
        ],
        &[("ROUTER", "/status/router")],
    ),
    ("address_group", &[("ADDRESSES", "/spec/addresses")], &[]),
    (
        "renumbering",
        &[("SUBNET", "/spec/subnet"), ("FROM", "/status/from"), ("TO", "/spec/cidr"), ("STAGE", "/status/stage")],
        &[("OVERLAP S", "/spec/overlap_s"), ("ENDS MS", "/status/ends_ms")],
    ),
    (
        "delegation",
        &[
            ("PORT", "/spec/port"),
            ("ROUTER", "/spec/router"),
            ("PREFIX", "/status/prefix"),
            ("GRANTED", "/status/granted/0/prefix"),
        ],
        &[
            ("NEXT HOP", "/status/nexthop"),
            ("POOL", "/spec/pool"),
            ("LIFETIMES", "/spec/prefix_lifetimes"),
            ("UPSTREAM", "/spec/upstream"),
            ("ASKED BY", "/status/chassis"),
            ("SUBNETS", "/status/subnets"),
        ],
    ),
];
/// Every kind's last columns.
const STANDING: [Column; 2] = [("PHASE", "/status/phase"), ("REASON", "/status/reason")];
/// Every kind's last columns when it is `wide`.
const IDENTITY: [Column; 2] = [("REVISION", "/revision"), ("UID", "/uid")];

/// Blanks between columns.
const PADDING: u16 = 2;

/// Lays out resources of one kind, and remembers the widths for those that come later.
#[derive(Debug)]
pub(super) struct Layout {
    columns: Vec<Column>,
    widths: Vec<u16>,
}

impl Layout {
    pub(super) fn new(kind: &KindShape, wide: bool) -> Layout {
        let mut columns: Vec<Column> = vec![("NAME", "/name")];
        if !is_global(kind) {
            columns.insert(0, ("TENANT", "/tenant"));
        }
        if let Some((_, narrow, more)) = COLUMNS.iter().find(|(name, ..)| *name == kind.singular) {
            columns.extend(*narrow);
            columns.extend(more.iter().filter(|_| wide));
        }
        columns.extend(STANDING);
        columns.extend(IDENTITY.iter().filter(|_| wide));
        Layout { columns, widths: Vec::new() }
    }

    /// A table with its heads.
    pub(super) fn table(&mut self, resources: &[Value]) -> String {
        let mut table = blank();
        table.set_header(self.columns.iter().map(|(head, _)| Cell::new(head)));
        table.add_rows(resources.iter().map(|resource| self.row(resource)));
        self.widths = table.column_max_content_widths();
        trimmed(table)
    }

    /// One more row, below those that are printed already.
    pub(super) fn line(&self, resource: &Value) -> String {
        let mut table = blank();
        table.add_row(self.row(resource));
        let widths = self.widths.iter().zip(table.column_max_content_widths()).map(|(was, is)| *was.max(&is));
        let constraints: Vec<ColumnConstraint> =
            widths.map(|w| ColumnConstraint::Absolute(Width::Fixed(w + PADDING))).collect();
        table.set_constraints(constraints);
        trimmed(table)
    }

    fn row(&self, resource: &Value) -> Vec<Cell> {
        self.columns.iter().map(|(_, path)| Cell::new(text(resource.pointer(path)))).collect()
    }
}

pub(super) fn blank() -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table
}

/// The table without the blanks at its lines' ends.
pub(super) fn trimmed(mut table: Table) -> String {
    for column in table.column_iter_mut() {
        column.set_padding((0, PADDING));
    }
    table.lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

/// A value in a cell: a list's items by commas, a mapping's values by blanks, but for the uids that only tools need.
fn text(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => "-".to_owned(),
        Some(Value::String(text)) if text.is_empty() => "-".to_owned(),
        Some(Value::String(text)) => output::harmless(text).into_owned(),
        Some(Value::Array(items)) if items.is_empty() => "-".to_owned(),
        Some(Value::Array(items)) => items.iter().map(|item| text(Some(item))).collect::<Vec<_>>().join(","),
        Some(Value::Object(fields)) => {
            let shown = fields.iter().filter(|(key, _)| *key != "uid").map(|(_, value)| text(Some(value)));
            shown.collect::<Vec<_>>().join(" ")
        }
        Some(other) => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::doc::shape;

    #[test]
    fn a_table_and_more_lines() {
        let vm1 = json!({"name": "vm1", "tenant": "acme", "spec": {"network": "red"},
            "status": {"phase": "Active", "reason": "", "mac_address": "02:00:00:00:01:01", "addresses": ["2001:db8::1", "fe80::1"],
                "chassis": "hv1"}});
        let mut layout = Layout::new(shape::kind("port").unwrap(), false);
        let table = layout.table(std::slice::from_ref(&vm1));
        let mut lines = table.lines();
        assert_eq!(
            lines.next().unwrap().split_whitespace().collect::<Vec<_>>(),
            ["TENANT", "NAME", "NETWORK", "MAC", "ADDRESSES", "CHASSIS", "AUTOMATIC", "PHASE", "REASON"]
        );
        let row = lines.next().unwrap();
        assert!(row.contains("2001:db8::1,fe80::1") && row.ends_with('-'), "{row}");
        assert_eq!(layout.line(&vm1), format!("{row}\n"), "a later line stands below the others");
    }

    #[test]
    fn cells() {
        for (value, cell) in [
            (
                json!([{"subnet": "red6", "uid": "u"}, {"subnet": "red4", "ip_address": "10.0.0.9"}]),
                "red6,red4 10.0.0.9",
            ),
            (json!([]), "-"),
            (json!(""), "-"),
            (json!(false), "false"),
            (json!("a\nb"), "a\u{fffd}b"),
        ] {
            assert_eq!(text(Some(&value)), cell);
        }
    }

    #[test]
    fn every_kind_has_columns_that_exist() {
        for kind in shape::kinds() {
            let (_, narrow, wide) = COLUMNS.iter().find(|(name, ..)| *name == kind.singular).unwrap();
            for (head, path) in narrow.iter().chain(*wide) {
                let mut message = kind.message.clone();
                // A number is a place in a list.
                let steps = path.trim_start_matches('/').split('/').filter(|step| step.parse::<usize>().is_err());
                for step in steps {
                    let field =
                        message.get_field_by_name(step).unwrap_or_else(|| panic!("{} {head}: {path}", kind.singular));
                    if let prost_reflect::Kind::Message(inner) = field.kind() {
                        message = inner;
                    }
                }
            }
        }
        let wide = Layout::new(shape::kind("chassis").unwrap(), true).table(&[]);
        assert!(wide.starts_with("NAME "), "{wide}");
        assert!(wide.contains("UID"), "{wide}");
    }
}
