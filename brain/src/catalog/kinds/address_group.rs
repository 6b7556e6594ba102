//! Address groups: sets of addresses that rules of security groups name.

use addr::IpNet;
use proto::v1;
use topology::{AddressGroupKey, Change, ResourceId};

use super::text::{self, Prefix};
use crate::catalog::findings::Findings;

const ADDRESSES_MAX: usize = 1_000;

/// An address group's spec, read.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct AddressGroup {
    prefixes: Vec<IpNet>,
}

pub(super) fn parse(spec: &mut v1::AddressGroupSpec, findings: &mut Findings) -> AddressGroup {
    let count = spec.addresses.len();
    if count > ADDRESSES_MAX {
        findings.spec("addresses", format!("has {count} entries; {ADDRESSES_MAX} are the most"));
        return AddressGroup { prefixes: Vec::new() };
    }
    let mut prefixes: Vec<IpNet> = Vec::new();
    for (i, text) in spec.addresses.iter_mut().enumerate() {
        let field = format!("addresses[{i}]");
        let Some(Prefix(prefix)) = text::read::<Prefix>(text, &field, findings) else { continue };
        let prefix = prefix.trunc();
        match prefixes.iter().position(|other| *other == prefix) {
            Some(other) => findings.spec(field, format!("{prefix} is addresses[{other}] already")),
            None => prefixes.push(prefix),
        }
    }
    AddressGroup { prefixes }
}

pub(super) fn facts(id: &ResourceId, key: u32, group: &AddressGroup, facts: &mut Vec<Change>) {
    let prefixes = group.prefixes.clone();
    let fact = topology::AddressGroup { tenant: id.tenant.clone(), name: id.name.clone(), prefixes };
    facts.push(Change::Addresses(AddressGroupKey(key), Some(fact)));
}
