//! Managed chassis: where their database is, and what of it is chosen.

use std::sync::Arc;

use ovsdb::Remote;
use proto::v1;

use super::text;
use crate::catalog::findings::Findings;

/// How a chassis is set up over OVSDB.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Managed {
    pub(crate) remote: Remote,
    /// The bridge's name, if it is given.
    pub(crate) bridge: Option<Arc<str>>,
    /// `system` or `netdev`, if it is given.
    pub(crate) datapath_type: Option<Arc<str>>,
    /// The OpenFlow target for a bridge that has none.
    pub(crate) controller: Option<Arc<str>>,
}

pub(super) fn parse(spec: &mut v1::ChassisSpec, findings: &mut Findings) -> Option<Managed> {
    let v1::ChassisSpec { manage, ovsdb, bridge, datapath_type, controller, .. } = spec;
    if !*manage {
        let given =
            [("ovsdb", ovsdb), ("bridge", bridge), ("datapath_type", datapath_type), ("controller", controller)];
        for (field, _) in given.into_iter().filter(|(_, text)| text.is_some()) {
            findings.spec(field, "has no meaning without manage: true");
        }
        return None;
    }
    let database = match ovsdb {
        Some(text) => remote(text, "ovsdb", findings),
        None => {
            findings
                .spec("ovsdb", "is needed by manage: tcp:[ADDRESS]:PORT or unix:PATH, where the chassis' database is");
            None
        }
    };
    if let Some(name) = bridge {
        text::interface(name, "bridge", findings);
    }
    if let Some(kind) = datapath_type.as_deref().filter(|kind| !matches!(*kind, "system" | "netdev")) {
        findings.spec("datapath_type", format!("{kind:?} is unknown: system and netdev are the types of datapaths"));
    }
    if let Some(target) = controller {
        // It has the same form.
        remote(target, "controller", findings);
    }
    let text = |text: &Option<String>| text.as_deref().map(Arc::from);
    Some(Managed {
        remote: database?,
        bridge: text(bridge),
        datapath_type: text(datapath_type),
        controller: text(controller),
    })
}

/// Reads an address of a database, and spells it canonically.
fn remote(text: &mut String, field: &str, findings: &mut Findings) -> Option<Remote> {
    match text.parse::<Remote>() {
        Ok(remote) => {
            *text = remote.to_string();
            Some(remote)
        }
        Err(_) => {
            let tls = if text.starts_with("ssl:") { ": TLS is not built yet" } else { "" };
            findings.spec(field, format!("{text:?} is not tcp:[ADDRESS]:PORT or unix:/PATH{tls}"));
            None
        }
    }
}
