//! Security groups: rules, and what stands for none.

use std::collections::BTreeSet;

use proto::v1;
use topology::{AddressGroupKey, Change, Direction, GroupKey, Remote, ResourceId, SetKey};

use super::Model;
use super::rule::{self, Other, Rule};
use crate::catalog::Catalog;
use crate::catalog::findings::Findings;
use crate::catalog::ident::{self, DEFAULT_GROUP};

const RULES_MAX: usize = 1_000;
/// Groups of both kinds that a group's rules may name: each is looked through for a packet.
const NAMED_MAX: usize = 32;

/// A security group's spec, read.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SecurityGroup {
    pub(crate) stateful: bool,
    rules: Vec<Rule>,
}

pub(super) fn parse(id: &ResourceId, spec: &mut v1::SecurityGroupSpec, findings: &mut Findings) -> SecurityGroup {
    let stateful = spec.stateful.unwrap_or(true);
    spec.stateful = Some(stateful);
    complete(id, &mut spec.rules);
    if spec.rules.len() > RULES_MAX {
        findings.spec("rules", format!("has {} entries; {RULES_MAX} are the most", spec.rules.len()));
        return SecurityGroup { stateful, rules: Vec::new() };
    }
    let mut rules: Vec<(usize, Rule)> = Vec::new();
    for (i, spec) in spec.rules.iter_mut().enumerate() {
        let field = format!("rules[{i}]");
        let Some(rule) = rule::parse(id, spec, &field, findings) else { continue };
        match rules.iter().find(|(_, other)| *other == rule) {
            Some((other, _)) => findings.spec(field, format!("says what rules[{other}] says")),
            None => rules.push((i, rule)),
        }
    }
    let rules: Vec<Rule> = rules.into_iter().map(|(_, rule)| rule).collect();
    let named: BTreeSet<&ResourceId> = rules.iter().filter_map(Rule::named).collect();
    if named.len() > NAMED_MAX {
        findings.spec("rules", format!("name {} groups; {NAMED_MAX} are the most", named.len()));
    }
    SecurityGroup { stateful, rules }
}

/// A group that says nothing of egress lets everything out; a default group that says nothing, its own ports in, too.
fn complete(id: &ResourceId, rules: &mut Vec<v1::SecurityGroupRule>) {
    let egress = v1::RuleDirection::Egress;
    let own = rules.is_empty() && ident::is_default_group(id);
    if !rules.iter().any(|rule| rule.direction == i32::from(egress)) {
        rules.extend(everything(egress, None));
    }
    if own {
        rules.extend(everything(v1::RuleDirection::Ingress, Some(DEFAULT_GROUP)));
    }
}

fn everything(direction: v1::RuleDirection, from: Option<&str>) -> impl Iterator<Item = v1::SecurityGroupRule> {
    let rule = v1::SecurityGroupRule {
        direction: direction.into(),
        remote_group: from.map(str::to_owned),
        ..v1::SecurityGroupRule::default()
    };
    [rule::IPV6, rule::IPV4]
        .into_iter()
        .map(move |ethertype| v1::SecurityGroupRule { ethertype: ethertype.to_owned(), ..rule.clone() })
}

pub(super) fn facts(catalog: &Catalog, id: &ResourceId, key: u32, group: &SecurityGroup, facts: &mut Vec<Change>) {
    let fact = |rule: &Rule| {
        let remote = match &rule.remote {
            Other::Anybody => Remote::Any,
            Other::Prefix(prefix) => Remote::Prefix(*prefix),
            Other::Group(group) => Remote::Set(SetKey::Group(GroupKey(catalog.key_of(group)?))),
            Other::Addresses(group) => Remote::Set(SetKey::Addresses(AddressGroupKey(catalog.key_of(group)?))),
        };
        let direction = if rule.egress { Direction::Egress } else { Direction::Ingress };
        let Rule { ipv6, protocol, ports, icmp, .. } = *rule;
        Some(topology::Rule { direction, ipv6, protocol, ports, icmp, remote })
    };
    let fact = topology::SecurityGroup {
        tenant: id.tenant.clone(),
        name: id.name.clone(),
        stateful: group.stateful,
        default: ident::is_default_group(id),
        rules: group.rules.iter().filter_map(fact).collect(),
    };
    facts.push(Change::Group(GroupKey(key), Some(fact)));
}

impl Catalog {
    pub(crate) fn security_group(&self, id: &ResourceId) -> Option<&SecurityGroup> {
        match self.model(id) {
            Some(Model::SecurityGroup(group)) => Some(group),
            _ => None,
        }
    }
}
