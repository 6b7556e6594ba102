//! What a port may send from beside its own, by its intent (Neutron's allowed address pairs).
//!
//! Several ports may have the same pair: whoever announces an address of one last, has it, and is answered for. So what announces one
//! that is not the port's by now is punted, and learned. Whatever else comes from such an address passes.

use std::collections::BTreeSet;

use ::flows::{Claim, On, PuntOp, Reg, Row, Table};
use addr::{IpNet, MacAddr, link_local};
use ofp::Field;
use topology::{AddressPair, Place, Port};

/// Rows for a port's pairs; `forms`: it may learn.
pub(super) fn admit(on: &mut On<'_>, port: &Port, place: Place, forms: bool) {
    let macs: BTreeSet<MacAddr> =
        port.pairs.iter().filter_map(|pair| pair.mac).filter(|mac| *mac != port.mac).collect();
    for mac in macs {
        on.row(Table::Classify, 100, "a frame from a MAC of an address pair")
            .when(Field::IN_PORT, place.ofport)
            .when(Field::ETH_SRC, mac)
            .load(Reg::Net, port.network.0)
            .load(Reg::Secured, 1u64)
            .load(Reg::Forms, u64::from(forms))
            .goto(Table::Guard);
        on.row(Table::Admit, 100, "the link-local address of a pair's MAC")
            .ipv6()
            .when(Field::IN_PORT, place.ofport)
            .when(Field::ETH_SRC, mac)
            .when(Field::IPV6_SRC, link_local(mac))
            .goto(Table::Nd);
    }
    for pair in &port.pairs {
        let (announces, sends) = ("it announces an address of a pair: it has it from now on", "an address of a pair");
        match pair.prefix {
            IpNet::V6(net) => {
                from(on.row(Table::Admit, 96, announces), port, place, pair)
                    .ipv6()
                    .when_masked(Field::IPV6_SRC, net.network(), net.netmask())
                    .when_reg(Reg::Claim, Claim::Target as u64)
                    .restore(Reg::Kept, Field::IPV6_SRC)
                    .punt(PuntOp::Learn);
                from(on.row(Table::Admit, 95, sends), port, place, pair)
                    .ipv6()
                    .when_masked(Field::IPV6_SRC, net.network(), net.netmask())
                    .goto(Table::Nd);
            }
            IpNet::V4(net) => {
                from(on.row(Table::Admit, 96, announces), port, place, pair)
                    .arp()
                    .when_masked(Field::ARP_SPA, net.network(), net.netmask())
                    .punt(PuntOp::Learn);
                from(on.row(Table::Admit, 95, sends), port, place, pair)
                    .ipv4()
                    .when_masked(Field::IPV4_SRC, net.network(), net.netmask())
                    .goto(Table::Nd);
            }
        }
    }
}

fn from<'r>(row: Row<'r>, port: &Port, place: Place, pair: &AddressPair) -> Row<'r> {
    row.when(Field::IN_PORT, place.ofport).when(Field::ETH_SRC, pair.mac.unwrap_or(port.mac))
}
