//! What a resource gets where it was given nothing: its number, UUID, segmentation id and MAC.

use addr::MacAddr;
use features::links::CHASSIS_MAX;
use proto::v1::{self, resource::Kind};
use topology::{Encap, ResourceId, RouterKey};

use super::Catalog;
use super::admit::{Admission, meta_of};
use super::findings::Findings;
use super::ident::{
    self, ADDRESS_GROUP, ANYCAST_SERVICE, CHASSIS, FABRIC, NETWORK, PORT, ROUTER, SECURITY_GROUP, SEGMENT, SNAT, SUBNET,
};
use super::index::Claim;
use super::kinds::Model;
use super::kinds::gateway::SNAT_MAX;

/// The largest number of a kind.
fn number_max(catalog: &Catalog, kind: &str) -> u32 {
    match kind {
        CHASSIS if catalog.fabric().is_some_and(|fabric| fabric.encap == Encap::Links) => CHASSIS_MAX.into(),
        CHASSIS => 0xffff,
        NETWORK | ROUTER | ANYCAST_SERVICE => 0xff_ffff,
        // One bit of the register tells one from the other.
        SECURITY_GROUP | ADDRESS_GROUP => 0x7f_ffff,
        _ => u32::MAX,
    }
}

/// The fields of a router's interfaces that are not for callers to set are taken from what was.
pub(crate) fn carry(record: &mut v1::Record, existing: Option<&v1::Record>) {
    let Some(interfaces) = interfaces_of(record) else { return };
    let mut existing = existing.cloned();
    let known = existing.as_mut().and_then(|record| interfaces_of(record)).map(std::mem::take).unwrap_or_default();
    for interface in interfaces {
        let same = known.iter().find(|other| other.subnet == interface.subnet);
        interface.uid = same.map(|other| other.uid.clone()).unwrap_or_default();
    }
}

/// A rule that says the same is the same: to be called once both are spelled canonically.
pub(crate) fn carry_rules(record: &mut v1::Record, existing: Option<&v1::Record>) {
    let Some(rules) = rules_of(record) else { return };
    let mut existing = existing.cloned();
    let mut known = existing.as_mut().and_then(rules_of).map(std::mem::take).unwrap_or_default();
    for rule in rules {
        let bare = |rule: &v1::SecurityGroupRule| v1::SecurityGroupRule { uid: String::new(), ..rule.clone() };
        let same = known.iter().position(|other| bare(other) == bare(rule));
        rule.uid = same.map(|at| known.swap_remove(at).uid).unwrap_or_default();
    }
}

pub(crate) fn rules_of(record: &mut v1::Record) -> Option<&mut Vec<v1::SecurityGroupRule>> {
    match record.resource.as_mut()?.kind.as_mut()? {
        Kind::SecurityGroup(group) => Some(&mut group.spec.as_mut()?.rules),
        _ => None,
    }
}

fn interfaces_of(record: &mut v1::Record) -> Option<&mut Vec<v1::RouterInterface>> {
    match record.resource.as_mut()?.kind.as_mut()? {
        Kind::Router(router) => Some(&mut router.spec.as_mut()?.interfaces),
        _ => None,
    }
}

/// A UUID may be given once, and never changes.
pub(crate) fn check_uid(record: &mut v1::Record, known: &str, findings: &mut Findings) {
    let Some(meta) = meta_of(record) else { return };
    meta.uid.make_ascii_lowercase();
    if meta.uid.is_empty() {
        meta.uid = known.to_owned();
    } else if !is_uuid(&meta.uid) {
        findings.meta("uid", format!("{:?} is not a UUID", meta.uid));
    } else if !known.is_empty() && meta.uid != known {
        findings.meta("uid", format!("can't change: it is {known}"));
    }
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(i, c)| match i {
            8 | 13 | 18 | 23 => c == b'-',
            _ => c.is_ascii_hexdigit(),
        })
}

impl Admission<'_> {
    /// Gives numbers and names to what has none. What was given explicitly is in the candidate already, and avoided.
    pub(crate) fn allocate(&mut self) {
        for (at, id) in self.sound() {
            let Some(stored) = self.after.by_id(&id).cloned() else { continue };
            let mut record = stored.record.clone();
            let mut findings = Findings::default();
            self.allocate_number(&id, &mut record, &mut findings);
            allocate_uids(&self.after, self.before.revision(), &id, &mut record);
            match id.kind {
                NETWORK => self.allocate_segment(&id, &mut record, &mut findings),
                ROUTER => {
                    record.mac_address = features::router::generated_mac(RouterKey(record.key)).to_string();
                    self.allocate_snat(&id, &mut record, &mut findings);
                }
                PORT => allocate_mac(&self.after, &id, &mut record),
                _ => {}
            }
            if record != stored.record {
                self.after.put(&id, record, stored.mod_revision, &mut findings);
            }
            self.say(at, findings);
        }
    }

    fn allocate_number(&mut self, id: &ResourceId, record: &mut v1::Record, findings: &mut Findings) {
        let delegated = self.after.subnet(id).is_some_and(|subnet| subnet.delegated);
        if delegated && record.second_key == 0 {
            let free = |catalog: &Catalog, n| catalog.owners(&Claim::Number(SUBNET, n)).next().is_some();
            record.second_key = self.next(SUBNET, number_max(&self.after, SUBNET), free).unwrap_or_default();
        }
        if record.key != 0 {
            return;
        }
        let kind = id.kind;
        if kind == FABRIC {
            record.key = 1;
            return;
        }
        let kind = ident::numbered_as(kind);
        let max = number_max(&self.after, kind);
        match self.next(kind, max, |catalog, n| catalog.owners(&Claim::Number(kind, n)).next().is_some()) {
            Some(number) => record.key = number,
            None => findings.meta("name", format!("there can't be more than {max} of this kind")),
        }
    }

    fn allocate_segment(&mut self, id: &ResourceId, record: &mut v1::Record, findings: &mut Findings) {
        let given = self.after.network(id).and_then(|network| network.segment);
        let max = self.after.segment_max();
        if let Some(given) = given {
            record.segmentation_id = given;
            return;
        }
        let kept = Claim::Segment(record.segmentation_id);
        if (1..=max).contains(&record.segmentation_id) && !self.after.taken(&kept, id) {
            return;
        }
        let key = record.key;
        // One that switches may have another's flows with would have to wait.
        let waits = |catalog: &Catalog, n| catalog.anothers(n, key).is_some();
        match self.next(SEGMENT, max, |catalog, n| catalog.taken(&Claim::Segment(n), id) || waits(catalog, n)) {
            Some(segment) => record.segmentation_id = segment,
            None => findings.spec("segmentation_id", format!("all of 1 to {max} are taken")),
        }
    }

    /// A router that translates sources remembers connections in a zone of its own: tenants' addresses may be the same.
    fn allocate_snat(&mut self, id: &ResourceId, record: &mut v1::Record, findings: &mut Findings) {
        let wanted = match self.after.model(id) {
            Some(Model::Router(router)) => router.gateway.as_ref().is_some_and(|gateway| gateway.snat),
            _ => false,
        };
        if !wanted {
            record.snat_number = 0;
            return;
        }
        let kept = (1..=SNAT_MAX).contains(&record.snat_number);
        if kept && !self.after.taken(&Claim::SnatZone(record.snat_number), id) {
            return;
        }
        match self.next(SNAT, SNAT_MAX, |catalog, n| catalog.taken(&Claim::SnatZone(n), id)) {
            Some(number) => record.snat_number = number,
            None => {
                let message = format!("{SNAT_MAX} routers have it: more zones of conntrack there are not");
                findings.spec("external_gateway.enable_snat", message);
            }
        }
    }

    /// The next number of a counter that is not taken: after the last one handed out, and then around from 1.
    fn next(&mut self, counter: &'static str, max: u32, taken: impl Fn(&Catalog, u32) -> bool) -> Option<u32> {
        let stored = self.before.counters.get(counter).map_or(0, |counted| counted.last);
        let mut number = self.counters.get(counter).copied().unwrap_or(stored);
        // Each resource takes two at most, and each released id one: among one more than there are of them, one is free.
        let taken_at_most = self.after.items.size().saturating_mul(2).saturating_add(self.after.released.size());
        let tries = taken_at_most.saturating_add(1).min(max as usize);
        for _ in 0..tries {
            number = if number >= max { 1 } else { number + 1 };
            if !taken(&self.after, number) {
                self.counters.insert(counter, number);
                return Some(number);
            }
        }
        None
    }
}

/// A port without a MAC of its own gets `02:54` and its number; where that is somebody's, the first byte goes on through the
/// locally administered unicast ones.
fn allocate_mac(catalog: &Catalog, id: &ResourceId, record: &mut v1::Record) {
    let Some(Model::Port(port)) = catalog.model(id) else { return };
    if port.mac_given {
        record.mac_address = String::new();
        return;
    }
    let free = |mac: &MacAddr| !catalog.taken(&Claim::Mac(port.network.clone(), *mac), id);
    if port.mac.is_some_and(|mac| free(&mac)) {
        return;
    }
    let [a, b, c, d] = record.key.to_be_bytes();
    let mut candidates = (0x02u8..=0xfe).step_by(4).map(|first| MacAddr([first, 0x54, a, b, c, d]));
    // With all 64 taken the first stands, and is found to be somebody's.
    let mac = candidates
        .find(|mac| free(mac) && !features::router::is_reserved(*mac))
        .unwrap_or(MacAddr([0x02, 0x54, a, b, c, d]));
    record.mac_address = mac.to_string();
}

fn allocate_uids(catalog: &Catalog, revision: u64, id: &ResourceId, record: &mut v1::Record) {
    let key = record.key;
    let free = |uid: &String| catalog.owners(&Claim::Uid(uid.as_str().into())).next().is_none();
    if let Some(meta) = meta_of(record).filter(|meta| meta.uid.is_empty()) {
        let made = (0..u32::MAX).map(|salt| make_uid(&format!("{revision} {id} {key} {salt}"))).find(free);
        meta.uid = made.unwrap_or_default();
    }
    for (i, rule) in rules_of(record).into_iter().flatten().enumerate().filter(|(_, rule)| rule.uid.is_empty()) {
        rule.uid = make_uid(&format!("{revision} {id} {key} rule {i}"));
    }
    for interface in interfaces_of(record).into_iter().flatten().filter(|interface| interface.uid.is_empty()) {
        let subnet = ident::target(SUBNET, &id.tenant, &interface.subnet);
        let subnet = subnet.map(|subnet| subnet.to_string()).unwrap_or_default();
        interface.uid = make_uid(&format!("{revision} {id} {key} interface {subnet}"));
    }
}

/// A UUID of version 8 (RFC 9562, 5.8): made of what it is for, and of the revision at which that was made.
fn make_uid(of: &str) -> String {
    // FNV-1a spreads, the multiplications mix: equal texts are all that is likely to meet.
    const OFFSET: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    const ODD: u128 = 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835;
    let mut hash = of.bytes().fold(OFFSET, |hash, byte| (hash ^ u128::from(byte)).wrapping_mul(PRIME));
    for shift in [67, 61, 71] {
        hash = (hash ^ (hash >> shift)).wrapping_mul(ODD);
    }
    hash ^= hash >> 64;
    let version = (hash & !(0xf << 76)) | (0x8 << 76);
    let hex = format!("{:032x}", (version & !(0x3 << 62)) | (0x2 << 62));
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuids_are_of_version_8_and_differ() {
        let (a, b) = (make_uid("1 port acme/a 1 0"), make_uid("1 port acme/b 1 0"));
        assert!(is_uuid(&a) && is_uuid(&b) && a != b, "{a} {b}");
        assert_eq!(&a[14..15], "8");
        assert!("89ab".contains(&a[19..20]), "{a}");
        for bad in ["", "x", "00000000-0000-0000-0000-00000000000g", "00000000000000000000000000000000"] {
            assert!(!is_uuid(bad), "{bad}");
        }
    }
}
