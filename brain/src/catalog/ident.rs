//! How resources are named: kinds, names, references in intents, and keys in the store.

use std::net::IpAddr;
use std::sync::Arc;

use features::lease::Association;

use super::history::PastId;
use topology::ResourceId;

/// A bridge.
pub(crate) const CHASSIS: &str = "chassis";
/// How bridges reach each other.
pub(crate) const FABRIC: &str = "fabric";
/// A layer-2 segment.
pub(crate) const NETWORK: &str = "network";
/// A prefix on a network.
pub(crate) const SUBNET: &str = "subnet";
/// Another prefix for a subnet.
pub(crate) const RENUMBERING: &str = "renumbering";
/// A distributed router.
pub(crate) const ROUTER: &str = "router";
/// A VM's interface.
pub(crate) const PORT: &str = "port";
/// A prefix routed to a port, or prefixes from upstream for subnets.
pub(crate) const DELEGATION: &str = "delegation";

/// What may pass to and from ports.
pub(crate) const SECURITY_GROUP: &str = "security_group";
/// A set of addresses for rules.
pub(crate) const ADDRESS_GROUP: &str = "address_group";
/// An address that several ports answer for.
pub(crate) const ANYCAST_SERVICE: &str = "anycast_service";
/// A host that translates between IPv6 and IPv4.
pub(crate) const TRANSLATOR: &str = "translator";
/// What is behind a router and to be reached from outside.
pub(crate) const EXPOSURE: &str = "exposure";
/// Ports that share an interface.
pub(crate) const TRUNK: &str = "trunk";
/// A prefix that is another outside.
pub(crate) const PREFIX_MAPPING: &str = "prefix_mapping";
/// An address outside that stands for one of a port's.
pub(crate) const FLOATING_IP: &str = "floating_ip";
/// The security group that its tenant's ports have if they name none.
pub(crate) const DEFAULT_GROUP: &str = "default";

/// All kinds, each after those that it may refer to.
pub(crate) const KINDS: [&str; 16] = [
    CHASSIS,
    FABRIC,
    NETWORK,
    SUBNET,
    RENUMBERING,
    ROUTER,
    ADDRESS_GROUP,
    SECURITY_GROUP,
    PORT,
    DELEGATION,
    ANYCAST_SERVICE,
    EXPOSURE,
    TRUNK,
    FLOATING_IP,
    PREFIX_MAPPING,
    TRANSLATOR,
];

/// The counter of segmentation ids; the other counters bear the names of kinds.
pub(crate) const SEGMENT: &str = "segment";
/// And that of zones of conntrack for routers.
pub(crate) const SNAT: &str = "snat";
const COUNTERS: [&str; 15] = [
    CHASSIS,
    NETWORK,
    SUBNET,
    ROUTER,
    ADDRESS_GROUP,
    SECURITY_GROUP,
    PORT,
    DELEGATION,
    ANYCAST_SERVICE,
    EXPOSURE,
    TRUNK,
    FLOATING_IP,
    PREFIX_MAPPING,
    SEGMENT,
    SNAT,
];

/// The only name that a fabric may have.
pub(crate) const FABRIC_NAME: &str = "default";
/// The tenant of resources that name none.
pub(crate) const DEFAULT_TENANT: &str = "default";

const PREFIX: &str = "/sextant/v1/";
/// Stands for the tenant of global kinds in the store's keys.
const NO_TENANT: &str = "-";

/// What stands for a kind in the keys of learned addresses.
const LEARNED: &str = "learned";
/// And in those of released segmentation ids.
const RELEASED: &str = "released";

/// What stands for a kind in the keys of leases.
const LEASE: &str = "lease";
/// And in those of who had which address.
const PAST: &str = "history";
/// And in those of listeners.
const LISTENER: &str = "listener";

/// What a legal name looks like, for messages.
pub(crate) const NAME_RULE: &str = "1 to 63 of A-Z a-z 0-9 . _ -, the first a letter or digit";

/// The kind of this singular name.
pub(crate) fn kind(name: &str) -> Option<&'static str> {
    KINDS.into_iter().find(|kind| *kind == name)
}

/// The kind whose numbers a kind has: a subnet and its other prefix are subnets alike in facts.
pub(crate) fn numbered_as(kind: &'static str) -> &'static str {
    match kind {
        RENUMBERING => SUBNET,
        // It is asked whether it is alive as a service's instance is.
        TRANSLATOR => ANYCAST_SERVICE,
        _ => kind,
    }
}

/// A kind's place in the order of dependency.
pub(crate) fn rank(kind: &str) -> usize {
    KINDS.iter().position(|k| *k == kind).unwrap_or(KINDS.len())
}

/// Whether resources of this kind belong to no tenant.
pub(crate) fn is_global(kind: &str) -> bool {
    matches!(kind, CHASSIS | FABRIC)
}

/// Whether it is its tenant's default security group.
pub(crate) fn is_default_group(id: &ResourceId) -> bool {
    id.kind == SECURITY_GROUP && *id.name == *DEFAULT_GROUP
}

/// Whether a text is a legal name of a resource or tenant: `[A-Za-z0-9][A-Za-z0-9._-]{0,62}`.
pub(crate) fn is_name(text: &str) -> bool {
    text.len() <= 63
        && text.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'_' | b'-'))
        && text.as_bytes().first().is_some_and(u8::is_ascii_alphanumeric)
}

/// The resource of a kind, tenant and name as a caller gives them: global kinds have no tenant, others a default one.
pub(crate) fn id(kind: &'static str, tenant: &str, name: &str) -> ResourceId {
    let tenant = match tenant {
        _ if is_global(kind) => "",
        "" => DEFAULT_TENANT,
        tenant => tenant,
    };
    ResourceId { kind, tenant: Arc::from(tenant), name: Arc::from(name) }
}

/// The least possible id of a kind: where a walk over it starts.
pub(crate) fn least(kind: &'static str) -> ResourceId {
    ResourceId { kind, tenant: Arc::from(""), name: Arc::from("") }
}

/// What a reference names: `name` in one's own tenant or among the global ones, `tenant/name` in another's.
pub(crate) fn target(kind: &'static str, own_tenant: &str, text: &str) -> Option<ResourceId> {
    match text.split_once('/') {
        Some((tenant, name)) => (!is_global(kind) && is_name(tenant) && is_name(name)).then(|| id(kind, tenant, name)),
        None => is_name(text).then(|| id(kind, own_tenant, text)),
    }
}

/// The name by which a resource of `own_tenant` refers to this one.
pub(crate) fn short(own_tenant: &str, id: &ResourceId) -> String {
    if id.tenant.is_empty() || *id.tenant == *own_tenant {
        id.name.to_string()
    } else {
        format!("{}/{}", id.tenant, id.name)
    }
}

/// A resource's key in the store.
pub(crate) fn store_key(id: &ResourceId) -> String {
    let tenant = if id.tenant.is_empty() { NO_TENANT } else { &*id.tenant };
    format!("{PREFIX}{}/{tenant}/{}", id.kind, id.name)
}

/// A counter's key in the store.
pub(crate) fn counter_key(counter: &str) -> String {
    format!("{PREFIX}counter/{counter}")
}

/// The key in the store of who has an address of a network by learning.
pub(crate) fn learned_key((network, address): &(ResourceId, IpAddr)) -> String {
    format!("{PREFIX}{LEARNED}/{}/{}/{address}", network.tenant, network.name)
}

/// The key in the store of who had an address of a network until then.
pub(crate) fn past_key(((network, address), until_ms): &PastId) -> String {
    format!("{PREFIX}{PAST}/{}/{}/{address}@{until_ms}", network.tenant, network.name)
}

/// The key in the store of a segmentation id that a network had.
pub(crate) fn released_key(segment: u32) -> String {
    format!("{PREFIX}{RELEASED}/{segment}")
}

/// The key in the store of a port's lease.
pub(crate) fn lease_key((port, which): &(ResourceId, Association)) -> String {
    format!("{PREFIX}{LEASE}/{}/{}/{}", port.tenant, port.name, association_word(*which))
}

/// The key in the store of what a port wants of a multicast group.
pub(crate) fn listener_key((port, group): &(ResourceId, IpAddr)) -> String {
    format!("{PREFIX}{LISTENER}/{}/{}/{group}", port.tenant, port.name)
}

/// An association's name among its port's: `na-4660`.
pub(crate) fn association_word(association: Association) -> String {
    match association {
        Association::V4 => "v4".to_owned(),
        Association::Na(iaid) => format!("na-{iaid}"),
        Association::Pd(iaid) => format!("pd-{iaid}"),
        Association::Registered(address) => format!("reg-{address}"),
    }
}

/// Reads what [`association_word`] writes.
fn read_association(word: &str) -> Option<Association> {
    if word == "v4" {
        return Some(Association::V4);
    }
    let (kind, which) = word.split_once('-')?;
    let read = match kind {
        "na" => Association::Na(which.parse().ok()?),
        "pd" => Association::Pd(which.parse().ok()?),
        "reg" => Association::Registered(which.parse().ok()?),
        _ => return None,
    };
    (association_word(read) == word).then_some(read)
}

/// What an entry of the store is about.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum StoreKey {
    /// Who has an address of a network by learning.
    Learned((ResourceId, IpAddr)),
    /// What a port's client was promised.
    Lease((ResourceId, Association)),
    /// Who had an address of a network.
    Past(PastId),
    /// What a port wants of a multicast group.
    Listener((ResourceId, IpAddr)),
    /// A resource.
    Resource(ResourceId),
    /// The last number handed out.
    Counter(&'static str),
    /// A segmentation id that a network had.
    Released(u32),
}

/// Reads a key of the store; `None`: no such key is ours.
pub(crate) fn read_key(key: &str) -> Option<StoreKey> {
    let mut parts = key.strip_prefix(PREFIX)?.split('/');
    let (first, second, third) = (parts.next()?, parts.next()?, parts.next());
    if let Some(last) = parts.next() {
        let name = third.filter(|name| is_name(second) && is_name(name) && parts.next().is_none())?;
        return match first {
            LEARNED => {
                let address: IpAddr = last.parse().ok()?;
                let canonical = address.to_string() == last;
                canonical.then(|| StoreKey::Learned((id(NETWORK, second, name), address)))
            }
            PAST => {
                let (address, until_ms) = last.split_once('@')?;
                let past = ((id(NETWORK, second, name), address.parse().ok()?), until_ms.parse().ok()?);
                (past_key(&past) == key).then_some(StoreKey::Past(past))
            }
            LISTENER => {
                let group: IpAddr = last.parse().ok()?;
                let canonical = group.to_string() == last;
                canonical.then(|| StoreKey::Listener((id(PORT, second, name), group)))
            }
            LEASE => Some(StoreKey::Lease((id(PORT, second, name), read_association(last)?))),
            _ => None,
        };
    }
    let Some(name) = third else {
        if first == RELEASED {
            let segment: u32 = second.parse().ok()?;
            return (segment.to_string() == second).then_some(StoreKey::Released(segment));
        }
        let counter = COUNTERS.into_iter().find(|c| *c == second)?;
        return (first == "counter").then_some(StoreKey::Counter(counter));
    };
    let kind = kind(first)?;
    let legal = is_name(name) && if is_global(kind) { second == NO_TENANT } else { is_name(second) };
    legal.then(|| StoreKey::Resource(id(kind, second, name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for good in ["a", "A.b_c-9", "0", &"x".repeat(63)] {
            assert!(is_name(good), "{good}");
        }
        for bad in ["", "-a", ".a", "a b", "a/b", "é", &"x".repeat(64)] {
            assert!(!is_name(bad), "{bad}");
        }
    }

    #[test]
    fn references_and_keys() {
        let own = target(NETWORK, "acme", "red").unwrap();
        assert_eq!(own.to_string(), "network acme/red");
        assert_eq!(target(NETWORK, "acme", "umbra/red").unwrap().to_string(), "network umbra/red");
        assert_eq!(target(CHASSIS, "acme", "hv1").unwrap().to_string(), "chassis hv1");
        for bad in ["", "a/b/c", "/a", "a/"] {
            assert_eq!(target(NETWORK, "acme", bad), None, "{bad}");
        }
        assert_eq!(target(CHASSIS, "acme", "acme/hv1"), None);
        assert_eq!(store_key(&own), "/sextant/v1/network/acme/red");
        for id in [own, id(CHASSIS, "", "hv1")] {
            assert_eq!(read_key(&store_key(&id)), Some(StoreKey::Resource(id)));
        }
        let learned = (id(NETWORK, "acme", "red"), "2001:db8::5".parse().unwrap());
        assert_eq!(learned_key(&learned), "/sextant/v1/learned/acme/red/2001:db8::5");
        assert_eq!(read_key(&learned_key(&learned)), Some(StoreKey::Learned(learned)));
        for which in [Association::V4, Association::Na(0), Association::Pd(u32::MAX)] {
            let lease = (id(PORT, "acme", "vm1"), which);
            assert_eq!(read_key(&lease_key(&lease)), Some(StoreKey::Lease(lease)));
        }
        let past = ((id(NETWORK, "acme", "red"), "2001:db8::5".parse().unwrap()), 7);
        assert_eq!(past_key(&past), "/sextant/v1/history/acme/red/2001:db8::5@7");
        assert_eq!(read_key(&past_key(&past)), Some(StoreKey::Past(past)));
        let listener = (id(PORT, "acme", "vm1"), "ff3e::1".parse().unwrap());
        assert_eq!(read_key(&listener_key(&listener)), Some(StoreKey::Listener(listener)));
        assert_eq!(read_key(&counter_key(PORT)), Some(StoreKey::Counter(PORT)));
        for bad in [
            "",
            "/sextant/v1/port/a",
            "/sextant/v1/pot/a/b",
            "/sextant/v1/chassis/a/b",
            "/sextant/v1/port/a/b/c",
            "/sextant/v1/port/a/b/2001:db8::5",
            "/sextant/v1/learned/a/b/2001:db8:0::5",
            "/sextant/v1/learned/a/b/2001:db8::5/c",
            "/sextant/v1/learned/a/b",
            "/sextant/v1/history/a/b/2001:db8::5",
            "/sextant/v1/history/a/b/2001:db8::5@07",
            "/sextant/v1/lease/a/b/reg-2001:db8:0::1",
            "/sextant/v1/lease/a/b/na-01",
            "/sextant/v1/lease/a/b/na-4294967296",
            "/sextant/v1/lease/a/b/ta-1",
            "/sextant/v1/lease/a/b",
            "/sextant/v1/listener/a/b/ff3e:0::1",
            "/other",
        ] {
            assert_eq!(read_key(bad), None, "{bad}");
        }
    }
}
