//! What a port's intent says of the VM that it is of: for the metadata service alone, no flow depends on it.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use proto::v1::{self, resource::Kind};
use topology::ResourceId;

use super::Model;
use crate::catalog::Catalog;
use crate::catalog::findings::Findings;

/// As many as Nova takes, bytes.
const USER_DATA_MAX: usize = 65_535;
const KEYS_MAX: usize = 16;
/// Bytes. A key of 16,384 bits takes 2,800.
const KEY_MAX: usize = 8192;
/// As Neutron's.
const DEVICE_ID_MAX: usize = 255;
/// Ports of one VM that metadata tells of.
const NICS_MAX: usize = 32;
/// What the lines of OpenSSH's public keys begin with.
const KEY_KINDS: [&str; 3] = ["ssh-", "ecdsa-sha2-", "sk-"];

/// What is told of a VM.
pub(crate) struct Instance {
    pub(crate) device_id: Option<String>,
    pub(crate) user_data: Option<Vec<u8>>,
    pub(crate) public_keys: Vec<String>,
}

/// Reads what a port says of its VM, and spells it canonically. The VM's id, if it has one.
pub(super) fn read(spec: &mut v1::PortSpec, findings: &mut Findings) -> Option<Arc<str>> {
    for text in [&mut spec.user_data, &mut spec.user_data_base64, &mut spec.device_id] {
        text.take_if(|text| text.is_empty());
    }
    user_data(spec, findings);
    public_keys(&mut spec.public_keys, findings);
    let id = spec.device_id.as_deref()?;
    if id.len() > DEVICE_ID_MAX {
        findings.spec("device_id", format!("has {} bytes; {DEVICE_ID_MAX} are the most", id.len()));
    }
    if id.contains(|c: char| c.is_control() || c.is_whitespace()) {
        findings.spec("device_id", format!("{id:?} has spaces or control characters in it"));
    }
    Some(Arc::from(id))
}

fn user_data(spec: &mut v1::PortSpec, findings: &mut Findings) {
    let too_long = |length| format!("has {length} bytes; {USER_DATA_MAX} are the most");
    if let Some(text) = spec.user_data.as_ref().filter(|text| text.len() > USER_DATA_MAX) {
        findings.spec("user_data", too_long(text.len()));
    }
    let Some(text) = &mut spec.user_data_base64 else { return };
    text.retain(|c| !c.is_ascii_whitespace());
    match BASE64.decode(&*text) {
        Ok(bytes) if bytes.len() > USER_DATA_MAX => findings.spec("user_data_base64", too_long(bytes.len())),
        Ok(_) => {}
        Err(error) => findings.spec("user_data_base64", format!("is not base64 (RFC 4648, 4): {error}")),
    }
    if spec.user_data.is_some() {
        findings.spec("user_data_base64", "is there beside user_data: a VM has one, as text or in base64");
    }
}

fn public_keys(keys: &mut [String], findings: &mut Findings) {
    if keys.len() > KEYS_MAX {
        findings.spec("public_keys", format!("has {} entries; {KEYS_MAX} are the most", keys.len()));
    }
    for n in 0..keys.len() {
        let field = format!("public_keys[{n}]");
        let Some((before, [line, ..])) = keys.split_at_mut_checked(n) else { continue };
        *line = line.trim().to_owned();
        let mut words = line.split(' ');
        let (kind, key) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let known = KEY_KINDS.iter().any(|begin| kind.starts_with(begin));
        if line.len() > KEY_MAX {
            findings.spec(field, format!("has {} bytes; {KEY_MAX} are the most", line.len()));
        } else if !known || BASE64.decode(key).is_err() || key.is_empty() || line.contains(char::is_control) {
            let words = "is not the line of an OpenSSH public key, such as ssh-ed25519 AAAAC3N... name";
            findings.spec(field, words);
        } else if before.contains(line) {
            findings.spec(field, "is listed twice");
        }
    }
}

/// Where a port stands among those of its tenant's VMs.
pub(crate) fn place(id: &ResourceId, model: Option<&Model>) -> Option<(Arc<str>, Arc<str>, ResourceId)> {
    let Some(Model::Port(port)) = model else { return None };
    port.device_id.as_ref().map(|device| (id.tenant.clone(), device.clone(), id.clone()))
}

impl Catalog {
    /// What a port says of its VM.
    pub(crate) fn instance(&self, id: &ResourceId) -> Option<Instance> {
        let Some(Kind::Port(v1::Port { spec: Some(spec), .. })) = &self.by_id(id)?.record.resource.as_ref()?.kind
        else {
            return None;
        };
        let text = spec.user_data.as_ref().map(|text| text.clone().into_bytes());
        let coded = || spec.user_data_base64.as_ref().and_then(|text| BASE64.decode(text).ok());
        Some(Instance {
            device_id: spec.device_id.clone(),
            user_data: text.or_else(coded),
            public_keys: spec.public_keys.clone(),
        })
    }

    /// A port's number, its uid and its network's.
    pub(crate) fn nic(&self, id: &ResourceId) -> Option<(u32, String, String)> {
        let uid = |id: &ResourceId| Some(self.by_id(id)?.meta()?.uid.clone());
        Some((self.by_id(id)?.record.key, uid(id)?, uid(&self.port(id)?.network)?))
    }

    /// The other ports of a port's VM, in the order of their names.
    pub(crate) fn ports_of_device(&self, id: &ResourceId) -> Vec<ResourceId> {
        let Some(device) = self.port(id).and_then(|port| port.device_id.clone()) else { return Vec::new() };
        let start = (id.tenant.clone(), device.clone(), ResourceId { name: Arc::from(""), ..id.clone() });
        let of_device =
            self.devices.range(start..).take_while(|(tenant, other, _)| *tenant == id.tenant && *other == device);
        of_device.map(|(.., port)| port).filter(|port| *port != id).take(NICS_MAX).cloned().collect()
    }
}
