//! The register map: which bits of which register mean what, and between which tables.

use std::net::IpAddr;

use ofp::{Field, Subfield};

use crate::pipeline::Table;

/// A named run of bits in a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Reg {
    /// The network that the packet is on.
    Net,
    /// 1: it came from another chassis.
    FromFabric,
    /// 1: its port may send only with its own addresses.
    Secured,
    /// 1: a router has forwarded it.
    Routed,
    /// 1: its Ethernet destination is set already: a static route's next hop.
    Nexthop,
    /// 1: it is larger than what the row asked about.
    Larger,
    /// 1: the port may take addresses that it forms itself.
    Forms,
    /// 1: its port's security groups are asked.
    Filtered,
    /// 1: it came from a physical network.
    FromLocalnet,
    /// The network's VNI, GRE key or VLAN.
    Segment,
    /// 1: it goes to a router on a physical network, by whose address it is known: [`Reg::NexthopAddress`].
    ByRouter,
    /// 1: its source may be another outside, and is looked up.
    Maps,
    /// 1: its destination was another outside.
    Mapped,
    /// 1: its source is another outside by itself, and needs no translation that remembers.
    Floats,
    /// 1: conntrack was to give it another source, or has given it the destination that it has.
    Natted,
    /// That router's address.
    NexthopAddress,
    /// The router that forwards it.
    Router,
    /// The MAC of the host that sent it to its router: who an answer goes back to, however many routers later.
    AskerMac,
    /// The chassis that it goes to.
    OutChassis,
    /// Why it is punted: [`crate::PuntOp`].
    PuntOp,
    /// Which of the port's meters it is punted by: [`crate::PuntClass`].
    PuntClass,
    /// The MAC of the host's router, as the host has it: who an answer comes from.
    GatewayMac,
    /// The MAC of the address asked for.
    NdMac,
    /// The address whose place another has taken for a look-up.
    Kept,
    /// Bits 24 to 39 of the address asked for: 0xfffe if it is made of a MAC.
    NdEui,
    /// The universal and the group bit of the address asked for.
    NdBits,
    /// 1: it asks who has the address that stands as its destination.
    NdAsks,
    /// 1: the address asked for is a router's.
    NdRouter,
    /// 1: a solicitation to whoever has the MAC that the address is made of, or else to the group that it was for.
    NdEither,
    /// 1: several answer for the address asked for.
    NdAnycast,
    /// What is being proved of a packet: see [`Claim`].
    Claim,
    /// Why the guard drops it: a [`crate::Drop`].
    Accused,
    /// Why a port's security groups drop it: a [`crate::Drop`].
    Refused,
    /// The OpenFlow port whose security groups are asked, and the zone of its connections.
    Judged,
    /// 1: the packet leaves that port; 0: it is for it.
    Leaves,
    /// What the groups are asked: see [`Asked`].
    Asks,
    /// 1: a rule lets it through.
    Allowed,
    /// 1: the port's groups follow connections.
    Follows,
    /// The security group that is asked.
    Group,
    /// The set of addresses that rules of the group name.
    AddressSet,
    /// It came from a pass-through NIC over a physical network: 1: that this chassis serves; 2: of which another does.
    Nic,
}

/// What a port's security groups are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Asked {
    /// Whether everything may pass between the port and the other end, whoever began; of groups that don't follow connections:
    /// whether the packet may.
    Open = 0,
    /// Whether a connection may that the port began.
    Egress = 1,
    /// Whether one may that the other end began.
    Ingress = 2,
    /// Whether the packet may by itself: of no connection that can be followed.
    Alone = 3,
}

/// What a secured port says of itself beyond Ethernet source and IP source, and which of it is being proved: for that it
/// takes the source's place, and the packet passes the rows that know the port's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Claim {
    /// That a neighbour advertisement's target is an address of the port.
    Target = 1,
    /// That its link-layer option is the port's MAC.
    TargetMac = 2,
    /// That the sender's MAC in an ARP packet is the port's.
    SenderMac = 3,
    /// That a solicitation's link-layer option is the port's MAC.
    SourceMac = 4,
}

/// One row of the register map.
#[derive(Clone, Copy, Debug)]
pub struct RegSpec {
    /// The name.
    pub reg: Reg,
    /// The name as it is written.
    pub name: &'static str,
    /// The register: 0 to 15. A 64-bit one spans this and the next, a 128-bit one this and the next three.
    pub register: u8,
    /// First bit.
    pub offset: u16,
    /// Number of bits.
    pub bits: u16,
    /// The first table that may set it.
    pub from: Table,
    /// The last table that may read it.
    pub to: Table,
    /// What it means.
    pub about: &'static str,
}

const fn row(
    reg: Reg,
    name: &'static str,
    (register, offset, bits): (u8, u16, u16),
    from: Table,
    to: Table,
    about: &'static str,
) -> RegSpec {
    RegSpec { reg, name, register, offset, bits, from, to, about }
}

/// The register map, in the order of [`Reg`].
pub const REGISTERS: [RegSpec; 41] = [
    row(Reg::Net, "net", (0, 0, 24), Table::Classify, Table::Punt, "network key"),
    row(Reg::FromFabric, "from_fabric", (0, 24, 1), Table::Classify, Table::Fabric, "came from another chassis"),
    row(Reg::Secured, "secured", (0, 25, 1), Table::Classify, Table::Nd, "sends only with its own addresses"),
    row(Reg::Routed, "routed", (0, 26, 1), Table::Route, Table::Localnet, "a router has forwarded it"),
    row(Reg::Nexthop, "nexthop", (0, 27, 1), Table::Route, Table::Onward, "eth_dst is set: skip the neighbour table"),
    row(Reg::Larger, "larger", (0, 28, 1), Table::Mtu, Table::MtuVerdict, "check_pkt_larger's verdict"),
    row(Reg::Forms, "forms", (0, 29, 1), Table::Classify, Table::Admit, "may take addresses that it forms itself"),
    row(Reg::Filtered, "filtered", (0, 30, 1), Table::Classify, Table::Egress, "its port's security groups are asked"),
    row(Reg::FromLocalnet, "from_localnet", (0, 31, 1), Table::Classify, Table::Reply, "came from a physical network"),
    row(Reg::Segment, "segment", (1, 0, 24), Table::Out, Table::Fabric, "VNI, GRE key or VLAN"),
    row(
        Reg::ByRouter,
        "by_router",
        (1, 24, 1),
        Table::Route,
        Table::Nexthop,
        "goes to the router on a physical network whose address is nexthop_address",
    ),
    row(Reg::Maps, "maps", (1, 25, 1), Table::RouterIn, Table::MtuVerdict, "its source may be another outside"),
    row(Reg::Mapped, "mapped", (1, 26, 1), Table::RouterIn, Table::Punt, "its destination was another outside"),
    row(Reg::Floats, "floats", (1, 27, 1), Table::RouterIn, Table::Floats, "its source is another outside by itself"),
    row(
        Reg::Natted,
        "natted",
        (1, 28, 1),
        Table::SnatBack,
        Table::Punt,
        "conntrack was to give it another source, or has given it its destination",
    ),
    row(
        Reg::NexthopAddress,
        "nexthop_address",
        (4, 0, 128),
        Table::Route,
        Table::Nexthop,
        "the next hop on a physical network; of IPv4 the mapped address",
    ),
    row(Reg::Router, "router", (2, 0, 24), Table::Border, Table::Punt, "router key"),
    row(
        Reg::AskerMac,
        "asker_mac",
        (6, 0, 64),
        Table::Border,
        Table::RouterOwn,
        "MAC of the host that sent it, right-aligned",
    ),
    row(Reg::OutChassis, "out_chassis", (3, 0, 16), Table::Out, Table::Fabric, "chassis key of where it goes"),
    row(Reg::PuntOp, "punt_op", (3, 16, 8), Table::Classify, Table::Punt, "why it is punted"),
    row(Reg::PuntClass, "punt_class", (3, 24, 2), Table::Classify, Table::Punt, "by which of the port's meters"),
    row(
        Reg::GatewayMac,
        "gateway_mac",
        (14, 0, 64),
        Table::Border,
        Table::RouterOwn,
        "the router's MAC that it was sent to, right-aligned",
    ),
    row(Reg::NdMac, "nd_mac", (4, 0, 64), Table::NdReply, Table::NdSend, "MAC of the address asked for, right-aligned"),
    row(
        Reg::Kept,
        "kept",
        (8, 0, 128),
        Table::Border,
        Table::NdReply,
        "IPv6 source or destination, while another stands there to be looked up",
    ),
    row(
        Reg::NdEui,
        "nd_eui",
        (12, 0, 16),
        Table::Border,
        Table::Neighbor,
        "bits 24..39 of the address asked for: 0xfffe if it is made of a MAC",
    ),
    row(
        Reg::NdBits,
        "nd_bits",
        (12, 16, 2),
        Table::Border,
        Table::Neighbor,
        "of the address asked for: 2, the universal bit; 1, the group bit",
    ),
    row(Reg::NdAsks, "nd_asks", (12, 18, 1), Table::Border, Table::Out, "asks who has the address at its destination"),
    row(Reg::NdRouter, "nd_router", (12, 19, 1), Table::Neighbor, Table::NdReply, "the address is a router's"),
    row(
        Reg::NdEither,
        "nd_either",
        (12, 23, 1),
        Table::Neighbor,
        Table::Out,
        "asks who has the MAC that the address asked for is made of, or else the group that it was for",
    ),
    row(Reg::NdAnycast, "nd_anycast", (12, 24, 1), Table::Neighbor, Table::NdReply, "several answer for the address"),
    row(
        Reg::Claim,
        "claim",
        (12, 20, 3),
        Table::Classify,
        Table::Nd,
        "proves 1: an advertisement's target, 2: its MAC, 3: an ARP sender's MAC, 4: a solicitation's MAC",
    ),
    row(Reg::Accused, "accused", (13, 0, 8), Table::Classify, Table::Accused, "why the guard drops it"),
    row(Reg::Refused, "refused", (12, 25, 7), Table::Egress, Table::Refused, "why the port's groups drop it"),
    row(
        Reg::Judged,
        "judged",
        (13, 0, 16),
        Table::Nd,
        Table::Refused,
        "OpenFlow port whose security groups are asked; zone of its connections",
    ),
    row(Reg::Leaves, "leaves", (13, 16, 1), Table::Egress, Table::Refused, "it leaves that port; 0: it is for it"),
    row(
        Reg::Asks,
        "asks",
        (13, 17, 2),
        Table::Egress,
        Table::Rules,
        "the groups are asked 0: is all open? 1: may the port begin this? 2: may the other end? 3: may the packet itself?",
    ),
    row(Reg::Allowed, "allowed", (13, 19, 1), Table::Egress, Table::Rules, "a rule lets it through"),
    row(Reg::Follows, "follows", (13, 20, 1), Table::Egress, Table::Rules, "the port's groups follow connections"),
    row(Reg::Group, "group", (4, 0, 24), Table::Groups, Table::Rules, "security group that is asked"),
    row(
        Reg::AddressSet,
        "address_set",
        (5, 0, 24),
        Table::Groups,
        Table::Rules,
        "whose addresses the other end's is looked for among",
    ),
    row(
        Reg::Nic,
        "nic",
        (13, 21, 2),
        Table::Classify,
        Table::Reply,
        "sent by a pass-through NIC, 1: that is served here, 2: that another chassis serves",
    ),
];

impl Reg {
    /// The map's row.
    pub const fn spec(self) -> &'static RegSpec {
        &REGISTERS[self as usize]
    }

    /// The whole register that holds it: 32 bits, or 64 or 128 where it spans several.
    pub fn field(self) -> Field {
        let spec = self.spec();
        match spec.bits {
            0..=32 => Field::reg(spec.register),
            33..=64 => Field::xreg(spec.register / 2),
            _ => Field::xxreg(spec.register / 4),
        }
    }

    /// Its bits.
    pub fn subfield(self) -> Subfield {
        self.field().sub(self.spec().offset, self.spec().bits)
    }

    /// A value and mask for matching it in its register.
    pub fn matching(self, value: u64) -> (u128, u128) {
        (u128::from(value) << self.spec().offset, self.subfield().mask())
    }

    /// An address as a register of 128 bits keeps it: of IPv4 the mapped one (RFC 4291, 2.5.5.2).
    pub fn address(address: IpAddr) -> u128 {
        match address {
            IpAddr::V6(address) => address.into(),
            IpAddr::V4(address) => address.to_ipv6_mapped().into(),
        }
    }
}

// Two names may share bits only where no table can see both; and no name runs past its register.
const _: () = {
    let mut i = 0;
    while i < REGISTERS.len() {
        let a = &REGISTERS[i];
        assert!(a.reg as usize == i, "REGISTERS is in the order of Reg");
        assert!(a.register < 16);
        assert!((a.from as u8) <= (a.to as u8), "a register lives forward");
        if a.bits > 32 {
            let registers = a.bits as u8 / 32;
            assert!(a.bits == 64 || a.bits == 128, "one register, two or four");
            assert!(a.offset == 0 && a.register.is_multiple_of(registers), "a wide register is a whole one");
        } else {
            assert!(a.bits > 0 && a.offset + a.bits <= 32, "a 33rd bit");
        }
        let mut j = 0;
        while j < i {
            let b = &REGISTERS[j];
            let alive_together = (a.from as u8) <= (b.to as u8) && (b.from as u8) <= (a.to as u8);
            assert!(!(alive_together && overlap(a, b)), "two live registers share a bit");
            j += 1;
        }
        i += 1;
    }
};

const fn overlap(a: &RegSpec, b: &RegSpec) -> bool {
    let (a_start, b_start) = (a.register as u16 * 32 + a.offset, b.register as u16 * 32 + b.offset);
    a_start < b_start + b.bits && b_start < a_start + a.bits
}
