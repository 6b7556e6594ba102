//! Who holds which address, and who held it: what ports were assigned, what follows from their MACs, what they have learned, and what
//! ended of it.

use std::net::IpAddr;

use proto::v1;
use topology::ResourceId;

use crate::brain::Brain;
use crate::catalog::AGE_MAX_MS;
use crate::effect::{Refusal, RefusalKind, Reply, Violation};
use crate::requests::refusal;

impl Brain {
    /// The bindings of all ports, or of one, in the order of networks, addresses and time.
    pub(crate) fn bindings(&self, request: &v1::BindingsRequest) -> Result<Reply, Refusal> {
        let v1::BindingsRequest { tenant, port, address, at_ms, history, .. } = request;
        let address = wanted_address(address)?;
        let is_wanted = |found: IpAddr| address.is_none_or(|address| address == found);
        let backwards = *history || *at_ms > 0;
        // Who is gone has a past all the same.
        let ports = match self.ports_of(tenant, port) {
            Ok(ports) => ports,
            Err(_) if backwards => Vec::new(),
            Err(refused) => return Err(refused),
        };
        let mut found = Vec::new();
        for id in ports {
            let holdings = self.catalog.holdings(id, self.now.0).into_iter();
            let holdings = holdings.filter(|((_, held), _)| is_wanted(*held));
            found.extend(holdings.map(|(at, holding)| {
                let binding = self.catalog.shown_binding(id, &at, &holding);
                (at, u64::MAX, binding)
            }));
        }
        if backwards {
            let kept = |until_ms: u64| until_ms.saturating_add(AGE_MAX_MS) > self.now.0;
            let named = |id: &ResourceId| {
                (port.is_empty() || format!("{}/{}", id.tenant, id.name) == *port)
                    && (tenant.is_empty() || *id.tenant == **tenant)
            };
            let past = self
                .catalog
                .past()
                .filter(|(((_, held), until_ms), past)| is_wanted(*held) && kept(*until_ms) && named(&past.port));
            found.extend(past.map(|(id, past)| (id.0.clone(), id.1, past.shown(id))));
        }
        if *at_ms > 0 {
            found.retain(|(_, until_ms, binding)| binding.since_ms <= *at_ms && at_ms < until_ms);
        }
        found.sort_by(|(a, until, _), (b, other, _)| (a, until).cmp(&(b, other)));
        Ok(Reply::Bindings(found.into_iter().map(|(_, _, binding)| binding).collect()))
    }

    /// The ports that a request is about: one by `TENANT/NAME`, or a tenant's, or where both are empty all.
    ///
    /// # Errors
    /// There is no such port.
    pub(crate) fn ports_of(&self, tenant: &str, port: &str) -> Result<Vec<&ResourceId>, Refusal> {
        let wanted = |id: &&ResourceId| {
            (port.is_empty() || format!("{}/{}", id.tenant, id.name) == port)
                && (tenant.is_empty() || *id.tenant == *tenant)
        };
        let found: Vec<&ResourceId> = self.catalog.port_ids().filter(wanted).collect();
        if found.is_empty() && !port.is_empty() {
            return Err(refusal(RefusalKind::NotFound, format!("there is no port {port}")));
        }
        Ok(found)
    }
}

/// The address that a request is about; an empty text: all.
fn wanted_address(text: &str) -> Result<Option<IpAddr>, Refusal> {
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| Refusal {
        kind: RefusalKind::Invalid,
        violations: vec![Violation {
            path: "address".to_owned(),
            message: format!("{text:?} is no IP address: 2001:db8::5 is one"),
        }],
    })
}
