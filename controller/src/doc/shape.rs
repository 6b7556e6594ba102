//! What the contract's descriptors say about documents: kinds, their fields, and the words for enums.
//!
//! Everything here follows from `proto::DESCRIPTORS`, so that a later kind, field or enum value needs no code.

use std::sync::OnceLock;

use prost_reflect::{DescriptorPool, EnumDescriptor, EnumValueDescriptor, FieldDescriptor, Kind, MessageDescriptor};

/// The contract's package.
const PACKAGE: &str = "sextant.v1";
/// A resource's fields that are written beside its spec's.
pub(super) const META: [&str; 6] = ["name", "tenant", "uid", "display_name", "description", "labels"];

/// The contract's descriptors.
pub fn pool() -> &'static DescriptorPool {
    static POOL: OnceLock<DescriptorPool> = OnceLock::new();
    // Made by this build from the contract's own files: a test reads them.
    POOL.get_or_init(|| DescriptorPool::decode(proto::DESCRIPTORS).expect("the contract's descriptors"))
}

/// A message of the contract. Only for names that the contract has: tests cover them all.
pub fn message(name: &str) -> MessageDescriptor {
    let found = pool().get_message_by_name(&format!("{PACKAGE}.{name}"));
    found.expect("a message that the contract has")
}

/// Kinds without a tenant: the contract's words, for its descriptors don't say it.
const GLOBAL: [&str; 2] = ["chassis", "fabric"];

/// A kind of resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KindShape {
    /// `port`.
    pub singular: String,
    /// `ports`: a document's key.
    pub plural: String,
    /// A document has one of it at most: `fabric`.
    pub single: bool,
    /// Its message.
    pub message: MessageDescriptor,
}

impl KindShape {
    /// The methods of its service: `Get`, `List`, `Create`, `Update`, `Delete`.
    pub fn method(&self, verb: &str) -> Option<prost_reflect::MethodDescriptor> {
        let service = pool().get_service_by_name(&format!("{PACKAGE}.{}Service", self.message.name()))?;
        service.methods().find(|method| method.name().starts_with(verb))
    }
}

/// Every kind, in the order of a document's keys.
pub fn kinds() -> &'static [KindShape] {
    static KINDS: OnceLock<Vec<KindShape>> = OnceLock::new();
    KINDS.get_or_init(|| {
        let singular = |kind: &MessageDescriptor| {
            let field = message("Resource").fields().find(|field| field.kind().as_message() == Some(kind));
            field.map(|field| field.name().to_owned())
        };
        let shape = |field: FieldDescriptor| {
            let message = resource(&field)?;
            let singular = singular(&message)?;
            Some(KindShape { singular, plural: field.name().to_owned(), single: !field.is_list(), message })
        };
        message("Document").fields().filter_map(shape).collect()
    })
}

/// A kind by its singular or plural, its words joined by `_` or `-`.
pub fn kind(name: &str) -> Option<&'static KindShape> {
    let name = name.replace('-', "_");
    kinds().iter().find(|kind| kind.singular == name || kind.plural == name)
}

/// Resources of the kind have no tenant.
pub fn is_global(kind: &KindShape) -> bool {
    GLOBAL.contains(&kind.singular.as_str())
}

/// The resource's message, if a document's field holds resources.
pub(super) fn resource(field: &FieldDescriptor) -> Option<MessageDescriptor> {
    let Kind::Message(message) = field.kind() else { return None };
    let both = message.get_field_by_name("meta").is_some() && message.get_field_by_name("spec").is_some();
    both.then_some(message)
}

/// The message of a resource's `meta`, `spec` or `status`.
pub(super) fn part(resource: &MessageDescriptor, part: &str) -> Option<(FieldDescriptor, MessageDescriptor)> {
    let field = resource.get_field_by_name(part)?;
    let Kind::Message(message) = field.kind() else { return None };
    Some((field, message))
}

/// The one field of a message that is written as a plain list (`FixedIpList`).
pub(super) fn plain_list(message: &MessageDescriptor) -> Option<FieldDescriptor> {
    let mut fields = message.fields();
    let only = fields.next().filter(|field| field.name() == "items" && field.is_list())?;
    fields.next().is_none().then_some(only)
}

/// The word for an enum's value: lower case, without the enum's prefix, `-` for `_`; `None` for the unspecified one.
///
/// Phases are read, never written: the contract has them with a capital.
pub(super) fn word(value: &EnumValueDescriptor) -> Option<String> {
    if value.number() == 0 {
        return None;
    }
    let prefix = screaming(value.parent_enum().name());
    let name = value.name().strip_prefix(&prefix).unwrap_or(value.name());
    let word = name.trim_start_matches('_').to_lowercase().replace('_', "-");
    match (value.parent_enum().name(), word.chars().next()) {
        ("Phase", Some(first)) => Some(first.to_uppercase().chain(word.chars().skip(1)).collect()),
        _ => Some(word),
    }
}

/// The words of an enum, in the contract's order.
pub(super) fn words(of: &EnumDescriptor) -> Vec<String> {
    of.values().filter_map(|value| word(&value)).collect()
}

/// `Ipv6Mode` as `IPV6_MODE`.
fn screaming(name: &str) -> String {
    let mut text = String::new();
    for c in name.chars() {
        if c.is_uppercase() && !text.is_empty() {
            text.push('_');
        }
        text.extend(c.to_uppercase());
    }
    text
}

/// The known word that is nearest to a wrong one, if any is near.
pub(super) fn nearest<'k>(wrong: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let near = known.into_iter().map(|word| (distance(wrong, word), word)).min()?;
    (near.0 <= 1 + near.1.len() / 4).then_some(near.1)
}

/// How many letters must be changed, left out, added or swapped with their neighbour.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows: Vec<Vec<usize>> = vec![(0..=b.len()).collect()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let change = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut least = change.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(rows[i - 2][j - 2] + 1);
            }
            row.push(least);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_follow_from_the_contract() {
        let names: Vec<_> = kinds().iter().map(|k| (k.singular.as_str(), k.plural.as_str())).collect();
        for known in [("chassis", "chassis"), ("fabric", "fabric"), ("network", "networks"), ("port", "ports")] {
            assert!(names.contains(&known), "{names:?}");
        }
        assert_eq!(kind("ports"), kind("port"));
        assert!(kind("fabric").unwrap().single && !kind("port").unwrap().single);
        assert_eq!(kind("networks").unwrap().method("List").unwrap().name(), "ListNetworks");
        assert_eq!(kind("chassis").unwrap().method("Delete").unwrap().name(), "DeleteChassis");
        assert!(kind("pigeon").is_none());
    }

    #[test]
    fn every_kind_can_be_written_flat_and_named() {
        let all = message("Resource").fields().count();
        assert_eq!(kinds().len(), all, "every resource has a key in a document");
        for kind in kinds() {
            let (_, spec) = part(&kind.message, "spec").unwrap();
            assert!(part(&kind.message, "status").is_some());
            for taken in META.iter().chain(&["kind", "spec", "status", "revision", "meta"]) {
                assert!(spec.get_field_by_name(taken).is_none(), "{}.{taken} collides", kind.singular);
            }
            assert!(kind.method("Get").is_some());
        }
        let meta = message("Meta");
        assert!(META.iter().all(|field| meta.get_field_by_name(field).is_some()));
    }

    #[test]
    fn enums_have_words() {
        let of = |name: &str| words(&pool().get_enum_by_name(&format!("{PACKAGE}.{name}")).unwrap());
        assert_eq!(of("Encap")[..3], ["geneve", "vxlan", "gre"]);
        assert_eq!(of("Ipv6Mode")[0], "slaac");
        assert_eq!(of("NetworkType")[0], "overlay");
        assert_eq!(of("Phase")[..3], ["Pending", "Installing", "Active"]);
    }

    #[test]
    fn nearest_words() {
        let known = ["cidr", "network", "gateway_ip", "name"];
        assert_eq!(nearest("cdir", known), Some("cidr"));
        assert_eq!(nearest("gatewayip", known), Some("gateway_ip"));
        assert_eq!(nearest("zebra", known), None);
    }
}
