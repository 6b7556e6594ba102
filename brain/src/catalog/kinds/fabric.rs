//! The fabric: encapsulation, the name of its interface, and how much room it leaves for packets.

use std::sync::Arc;

use features::links::CHASSIS_MAX;
use proto::v1;
use topology::{Change, Encap};

use super::{Model, text};
use crate::catalog::Catalog;
use crate::catalog::findings::Findings;
use crate::catalog::ident::{self, CHASSIS, FABRIC, FABRIC_NAME};
use crate::catalog::index::Claim;

/// The least MTU that IPv6 runs on (RFC 8200, 5), in bytes.
pub(crate) const IPV6_MTU: u32 = 1280;
/// A network's MTU where no fabric says otherwise, and an underlay's, in bytes of an IP packet.
pub(crate) const DEFAULT_MTU: u32 = 1500;
const DEFAULT_INTERFACE: &str = "sx-tun";
/// RFC 791: every IPv4 host takes 576 bytes. Less is a mistake.
const UNDERLAY_MTU_MIN: u32 = 576;
const UNDERLAY_MTU_MAX: u32 = 65_535;

/// The fabric's spec, read.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Fabric {
    pub(crate) encap: Encap,
    pub(crate) interface: Arc<str>,
    pub(crate) underlay_mtu: u32,
    pub(crate) bfd: Bfd,
}

/// How chassis watch each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bfd {
    pub(crate) interval_ms: u32,
    pub(crate) multiplier: u32,
}

/// Gone is noticed within 150 ms.
const BFD: Bfd = Bfd { interval_ms: 50, multiplier: 3 };

fn read_bfd(spec: Option<&v1::Bfd>, encap: Option<Encap>, findings: &mut Findings) -> Bfd {
    let Some(spec) = spec else { return BFD };
    if encap.is_some_and(|encap| !encap.tunnels()) {
        findings.spec("bfd", "goes with geneve, vxlan and gre: it runs in tunnels");
    }
    let read = |given: Option<u32>, default, range: std::ops::RangeInclusive<u32>, field, findings: &mut Findings| {
        let value = given.unwrap_or(default);
        if !range.contains(&value) {
            findings.spec(field, format!("{value} is not in {} to {}", range.start(), range.end()));
        }
        value
    };
    Bfd {
        interval_ms: read(spec.interval_ms, BFD.interval_ms, 20..=10_000, "bfd.interval_ms", findings),
        multiplier: read(spec.multiplier, BFD.multiplier, 2..=20, "bfd.multiplier", findings),
    }
}

/// An encapsulation as files write it.
pub(crate) fn encap_name(encap: Encap) -> &'static str {
    match encap {
        Encap::Geneve => "geneve",
        Encap::Vxlan => "vxlan",
        Encap::Gre => "gre",
        Encap::Vlan => "vlan",
        Encap::Links => "links",
    }
}

pub(super) fn parse(spec: &mut v1::FabricSpec, findings: &mut Findings) -> Option<Fabric> {
    let v1::FabricSpec { encap, interface, underlay_mtu, bfd } = spec;
    let encap = match v1::Encap::try_from(*encap) {
        Ok(v1::Encap::Geneve) => Some(Encap::Geneve),
        Ok(v1::Encap::Vxlan) => Some(Encap::Vxlan),
        Ok(v1::Encap::Gre) => Some(Encap::Gre),
        Ok(v1::Encap::Vlan) => Some(Encap::Vlan),
        Ok(v1::Encap::Links) => Some(Encap::Links),
        Ok(v1::Encap::Unspecified) | Err(_) => {
            findings.spec("encap", "is needed: geneve, vxlan, gre, vlan or links");
            None
        }
    };
    let interface = match (encap, interface.as_deref()) {
        (Some(Encap::Links), Some(_)) => {
            findings.spec("interface", "has no meaning for links: any port may lead to another bridge");
            ""
        }
        (Some(Encap::Links), None) => "",
        (_, given) => {
            let interface = given.unwrap_or(DEFAULT_INTERFACE);
            text::interface(interface, "interface", findings);
            interface
        }
    };
    let underlay_mtu = underlay_mtu.unwrap_or(DEFAULT_MTU);
    if !(UNDERLAY_MTU_MIN..=UNDERLAY_MTU_MAX).contains(&underlay_mtu) {
        findings.spec("underlay_mtu", format!("{underlay_mtu} is not in {UNDERLAY_MTU_MIN} to {UNDERLAY_MTU_MAX}"));
    }
    let bfd = read_bfd(bfd.as_ref(), encap, findings);
    Some(Fabric { encap: encap?, interface: Arc::from(interface), underlay_mtu, bfd })
}

pub(super) fn check(catalog: &Catalog, fabric: &Fabric, findings: &mut Findings) {
    for id in catalog.ids(CHASSIS) {
        let Some(Model::Chassis(chassis)) = catalog.model(id) else { continue };
        if chassis.tunnel_ip.is_none() && fabric.encap.tunnels() {
            let message = format!("{} needs the tunnel_ip of every chassis: {id} has none", encap_name(fabric.encap));
            findings.rather((id.clone(), ""), "encap", message);
        }
        let number = catalog.key_of(id).unwrap_or(0);
        if fabric.encap == Encap::Links && number > CHASSIS_MAX.into() {
            let message =
                format!("{id} has the number {number}, and paths have room for {CHASSIS_MAX}: declare it anew");
            findings.rather((id.clone(), ""), "encap", message);
        }
        if let Some(port) = catalog.owners(&Claim::Interface(id.clone(), fabric.interface.clone())).next() {
            let whose = if port == id { "a physical network's".to_owned() } else { format!("that of {port}") };
            let message = format!("{} is the fabric's interface, and can't be {whose} on {id}", fabric.interface);
            // A chassis that is asked for says it itself.
            findings.rather((port.clone(), ""), "interface", message);
        }
    }
}

pub(super) fn facts(catalog: &Catalog, fabric: &Fabric, facts: &mut Vec<Change>) {
    let Fabric { encap, interface, .. } = fabric;
    let mtu_max = catalog.mtu_max().unwrap_or(DEFAULT_MTU);
    facts.push(Change::Fabric(Some(topology::Fabric { encap: *encap, interface: interface.clone(), mtu_max })));
}

impl Catalog {
    /// The fabric, if there is one.
    pub(crate) fn fabric(&self) -> Option<&Fabric> {
        match self.model(&ident::id(FABRIC, "", FABRIC_NAME)) {
            Some(Model::Fabric(fabric)) => Some(fabric),
            _ => None,
        }
    }

    /// The largest MTU that a network may have; `None` without a fabric.
    pub(crate) fn mtu_max(&self) -> Option<u32> {
        let fabric = self.fabric()?;
        Some(fabric.underlay_mtu.saturating_sub(fabric.encap.overhead(self.has_ipv6_tunnels())))
    }
}
