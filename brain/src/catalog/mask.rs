//! Field masks: which fields of a resource an update sets.

use std::collections::HashMap;

use proto::v1::{self, resource::Kind};

use super::resource;

/// Sets the fields of `target` that a mask names to those of `from`; an empty mask names every field that is set in `from`.
/// `*` names all fields, `spec` every field of the spec, `meta` those of the meta that are free to change. Answers with the
/// paths that name no field.
pub(crate) fn merge(target: &mut Kind, from: &Kind, mask: &[String]) -> Vec<String> {
    let mut unknown = Vec::new();
    if mask.is_empty() {
        for field in META {
            set_meta(target, from, field, true);
        }
        for field in fields(target) {
            set_spec(target, from, field, true);
        }
    }
    for path in mask {
        let (part, field) = path.split_once('.').map_or((path.as_str(), ""), |(part, field)| (part, field));
        let known = match (part, field) {
            ("*", "") => {
                META.iter().all(|field| set_meta(target, from, field, false))
                    && fields(target).iter().all(|field| set_spec(target, from, field, false))
            }
            ("meta", "") => META.iter().all(|field| set_meta(target, from, field, false)),
            ("spec", "") => fields(target).iter().all(|field| set_spec(target, from, field, false)),
            ("meta", field) => set_meta(target, from, field, false),
            ("spec", field) => set_spec(target, from, field, false),
            _ => false,
        };
        if !known {
            unknown.push(path.clone());
        }
    }
    unknown
}

/// Every path of a kind that a mask may name, for messages.
pub(crate) fn paths(kind: &Kind) -> String {
    let meta = META.iter().map(|field| format!("meta.{field}"));
    meta.chain(fields(kind).iter().map(|field| format!("spec.{field}"))).collect::<Vec<_>>().join(", ")
}

/// Whether a field says something.
trait IsSet {
    fn is_set(&self) -> bool;
}

impl<T> IsSet for Option<T> {
    fn is_set(&self) -> bool {
        self.is_some()
    }
}

impl<T> IsSet for Vec<T> {
    fn is_set(&self) -> bool {
        !self.is_empty()
    }
}

impl<K, V> IsSet for HashMap<K, V> {
    fn is_set(&self) -> bool {
        !self.is_empty()
    }
}

impl<K, V> IsSet for std::collections::BTreeMap<K, V> {
    fn is_set(&self) -> bool {
        !self.is_empty()
    }
}

impl IsSet for String {
    fn is_set(&self) -> bool {
        !self.is_empty()
    }
}

impl IsSet for bool {
    fn is_set(&self) -> bool {
        *self
    }
}

impl IsSet for u32 {
    fn is_set(&self) -> bool {
        *self != 0
    }
}

impl IsSet for i32 {
    fn is_set(&self) -> bool {
        *self != 0
    }
}

fn set<T: IsSet + Clone>(target: &mut T, from: &T, only_if_set: bool) {
    if !only_if_set || from.is_set() {
        target.clone_from(from);
    }
}

/// The fields of a meta that an update may name.
const META: &[&str] = &["uid", "display_name", "description", "labels"];

fn set_meta(target: &mut Kind, from: &Kind, field: &str, only_if_set: bool) -> bool {
    let none = v1::Meta::default();
    let from = resource::meta(from).unwrap_or(&none);
    let target = resource::meta_mut(target);
    match field {
        // Never changes: not naming it is as good as naming the same. Another one is refused later.
        "uid" => set(&mut target.uid, &from.uid, true),
        "display_name" => set(&mut target.display_name, &from.display_name, only_if_set),
        "description" => set(&mut target.description, &from.description, only_if_set),
        "labels" => set(&mut target.labels, &from.labels, only_if_set),
        _ => return false,
    }
    true
}

macro_rules! specs {
    ($($kind:ident $spec:ident { $($field:ident = $name:literal),* })*) => {
        /// The fields of a kind's spec.
        fn fields(kind: &Kind) -> &'static [&'static str] {
            match kind { $(Kind::$kind(_) => &[$($name),*],)* }
        }

        fn set_spec(target: &mut Kind, from: &Kind, field: &str, only_if_set: bool) -> bool {
            match (target, from) {
                $((Kind::$kind(target), Kind::$kind(from)) => {
                    let none = Default::default();
                    let from = from.spec.as_ref().unwrap_or(&none);
                    // No field is forgotten: this names them all.
                    let v1::$spec { $($field: _),* } = from;
                    let target = target.spec.get_or_insert_default();
                    match field {
                        $($name => set(&mut target.$field, &from.$field, only_if_set),)*
                        _ => return false,
                    }
                    true
                })*
                _ => false,
            }
        }
    };
}

specs! {
    Chassis ChassisSpec {
        datapath_id = "datapath_id", tunnel_ip = "tunnel_ip", bridge_mappings = "bridge_mappings",
        gateway_priority = "gateway_priority", manage = "manage",
        ovsdb = "ovsdb", bridge = "bridge", datapath_type = "datapath_type", controller = "controller"
    }
    Fabric FabricSpec { encap = "encap", interface = "interface", underlay_mtu = "underlay_mtu", bfd = "bfd" }
    Network NetworkSpec {
        r#type = "type", mtu = "mtu", segmentation_id = "segmentation_id", shared = "shared", auto_ports = "auto_ports",
        dns_domain = "dns_domain", captive_portal = "captive_portal", physical_network = "physical_network",
        upstream_routers = "upstream_routers"
    }
    Subnet SubnetSpec {
        network = "network", cidr = "cidr", gateway_ip = "gateway_ip", ipv6_ra_mode = "ipv6_ra_mode",
        ipv6_address_mode = "ipv6_address_mode", allocation_pools = "allocation_pools",
        dns_nameservers = "dns_nameservers", advertise_router = "advertise_router",
        advertise_prefix = "advertise_prefix", prefix_lifetimes = "prefix_lifetimes", pref64 = "pref64",
        host_routes = "host_routes", enable_dhcp = "enable_dhcp", dhcp_lease_s = "dhcp_lease_s",
        ipv6_mostly = "ipv6_mostly", extra_dhcp_opts = "extra_dhcp_opts",
        router_preference = "router_preference", prefix_per_host = "prefix_per_host"
    }
    Router RouterSpec { interfaces = "interfaces", routes = "routes", external_gateway = "external_gateway", bgp_peers = "bgp_peers" }
    Translator TranslatorSpec {
        router = "router", port = "port", prefix = "prefix", pool = "pool", ip_address = "ip_address", mappings = "mappings"
    }
    Trunk TrunkSpec { port = "port", sub_ports = "sub_ports" }
    Exposure ExposureSpec { router = "router", method = "method", ports = "ports", subnets = "subnets" }
    Port PortSpec {
        network = "network", mac_address = "mac_address", fixed_ips = "fixed_ips", vnic_type = "vnic_type",
        role = "role", binding = "binding", port_security_enabled = "port_security_enabled",
        extra_dhcp_opts = "extra_dhcp_opts", dhcp_relay = "dhcp_relay", dns_name = "dns_name",
        allowed_address_pairs = "allowed_address_pairs",
        security_groups = "security_groups", device_id = "device_id", user_data = "user_data",
        user_data_base64 = "user_data_base64", public_keys = "public_keys"
    }
    Renumbering RenumberingSpec { subnet = "subnet", cidr = "cidr", overlap_s = "overlap_s" }
    SecurityGroup SecurityGroupSpec { stateful = "stateful", rules = "rules" }
    AddressGroup AddressGroupSpec { addresses = "addresses" }
    AnycastService AnycastServiceSpec { network = "network", address = "address", ports = "ports", health = "health" }
    PrefixMapping PrefixMappingSpec { router = "router", internal = "internal", external = "external" }
    FloatingIp FloatingIpSpec {
        network = "network", floating_ip_address = "floating_ip_address", port = "port", fixed_ip_address = "fixed_ip_address"
    }
    Delegation DelegationSpec {
        port = "port", pool = "pool", length = "length", prefix = "prefix", prefix_lifetimes = "prefix_lifetimes",
        router = "router", upstream = "upstream", hint = "hint", subnets = "subnets"
    }
}
