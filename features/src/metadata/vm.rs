//! What is known of a VM, put together from the world and from what is described: the same for OpenStack's paths and EC2's.

use std::net::IpAddr;

use topology::{PortKey, View};

use super::{Described, Nic};
use crate::dns::names;

/// A VM, as the port that asks has it.
pub(super) struct Vm<'v> {
    pub(super) view: &'v View<'v>,
    pub(super) described: &'v Described,
    pub(super) port: &'v topology::Port,
    pub(super) network: &'v topology::Network,
    key: PortKey,
}

/// A public key with its name.
pub(super) struct PublicKey<'v> {
    pub(super) name: String,
    pub(super) line: &'v str,
}

impl<'v> Vm<'v> {
    pub(super) fn new(view: &'v View<'v>, key: PortKey, described: &'v Described) -> Option<Vm<'v>> {
        let port = view.port(key)?;
        let network = view.network(port.network)?;
        Some(Vm { view, described, port, network, key })
    }

    /// The ports with their networks, the one that asks first.
    pub(super) fn nics(&self) -> Vec<(&'v Nic, &'v topology::Port, &'v topology::Network)> {
        let noun = |nic: &'v Nic| {
            let port = self.view.port(nic.port)?;
            Some((nic, port, self.view.network(port.network)?))
        };
        self.described.nics.iter().filter_map(noun).collect()
    }

    /// What it is called: by the DNS, else by its port, with the network's domain. A port's name may have characters that no
    /// host's has.
    pub(super) fn hostname(&self) -> String {
        let label = match self.view.hostname(self.key) {
            Some(name) => name.to_string(),
            None => host_label(&self.port.name),
        };
        names::whole(&label, self.network.dns_domain.as_deref())
    }

    /// The names of its port's security groups.
    pub(super) fn security_groups(&self) -> Vec<String> {
        let groups = self.view.membership(self.key).into_iter().flat_map(|membership| &membership.groups);
        groups.filter_map(|group| self.view.security_group(*group)).map(|group| group.name.to_string()).collect()
    }

    /// Each under the comment that it ends with, or a number.
    pub(super) fn public_keys(&self) -> Vec<PublicKey<'v>> {
        let mut keys: Vec<PublicKey<'v>> = Vec::new();
        for (n, line) in self.described.public_keys.iter().enumerate() {
            let comment = line.split_whitespace().nth(2).map(str::to_owned);
            let free = comment.filter(|name| keys.iter().all(|key| key.name != *name));
            keys.push(PublicKey { name: free.unwrap_or_else(|| format!("key-{n}")), line });
        }
        keys
    }
}

/// A number of 64 bits in hexadecimal that stands for a text, the same wherever and whenever it is asked for.
pub(super) fn short_id(text: &str) -> String {
    format!("0{:016x}", crate::siphash::siphash([0; 16], text.as_bytes()))
}

/// The global addresses of a port, of one family.
pub(super) fn addresses(port: &topology::Port, v6: bool) -> Vec<String> {
    let all = port.addresses.iter().chain(&port.learned).filter(|address| address.is_ipv6() == v6);
    all.filter(|address| !crate::router::is_local_to_link(**address)).map(IpAddr::to_string).collect()
}

/// A label of letters, digits and hyphens (RFC 1123, 2.1).
fn host_label(name: &str) -> String {
    let letter = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let label: String = name.chars().map(letter).collect();
    let label = label.trim_matches('-');
    if label.is_empty() { "host".to_owned() } else { label.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ports_name_becomes_a_hosts() {
        for (name, label) in [("vm1", "vm1"), ("Web_1.blue", "web-1-blue"), ("hv1-tap0_", "hv1-tap0"), ("_", "host")] {
            assert_eq!(host_label(name), label);
        }
    }
}
