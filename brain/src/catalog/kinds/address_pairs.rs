//! What a port may send from beside its own: Neutron's rules for allowed address pairs.

use addr::{IpNet, MacAddr};
use proto::v1;
use topology::AddressPair;

use super::text;
use crate::catalog::findings::Findings;

/// As many as Neutron takes.
const PAIRS_MAX: usize = 10;

/// Reads a port's pairs, each spelled canonically: an address without a length, a prefix with it. `own`: the port's MAC, if given.
pub(super) fn read(list: &mut [v1::AddressPair], own: Option<MacAddr>, findings: &mut Findings) -> Vec<AddressPair> {
    if list.len() > PAIRS_MAX {
        findings.spec("allowed_address_pairs", format!("has {} entries; {PAIRS_MAX} are the most", list.len()));
    }
    let mut pairs: Vec<AddressPair> = Vec::new();
    for (n, pair) in list.iter_mut().enumerate() {
        let field = format!("allowed_address_pairs[{n}]");
        let mac = text::mac(&mut pair.mac_address, &format!("{field}.mac_address"), findings);
        let Some(prefix) = prefix(&mut pair.ip_address, &format!("{field}.ip_address"), findings) else { continue };
        // The port's own MAC is what goes without saying.
        let read = AddressPair { prefix, mac: mac.filter(|mac| Some(*mac) != own) };
        if pairs.contains(&read) {
            findings.spec(&field, format!("is there twice: {}", pair.ip_address));
        } else {
            pairs.push(read);
        }
    }
    pairs
}

/// An address or a prefix; host bits don't matter to what may be sent, and are kept in the text.
fn prefix(text: &mut String, field: &str, findings: &mut Findings) -> Option<IpNet> {
    let net = if text.contains('/') {
        let net = text.parse::<IpNet>().ok();
        *text = net.map_or_else(|| text.clone(), |net| net.to_string());
        net
    } else {
        let address = text.parse::<std::net::IpAddr>().ok();
        *text = address.map_or_else(|| text.clone(), |address| address.to_string());
        address.map(IpNet::from)
    };
    let Some(net) = net else {
        let words = if text.is_empty() { "is needed".to_owned() } else { format!("{text:?} is neither") };
        findings.spec(field, format!("{words}: an address, or a prefix such as 2001:db8:a::900/120"));
        return None;
    };
    let groups: [IpNet; 2] =
        [addr::MULTICAST.into(), IpNet::new_assert(std::net::Ipv4Addr::new(224, 0, 0, 0).into(), 4)];
    if groups.iter().any(|group| group.contains(&net) || net.contains(group)) {
        findings.spec(field, format!("{text} has groups in it, which are nobody's source"));
        return None;
    }
    Some(net.trunc())
}
