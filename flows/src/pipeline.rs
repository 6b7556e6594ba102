//! The pipeline: every table, what it is for, who writes it, what it may match and set, where it leads.
//!
//! To add a table: a name in [`Table`], a row in [`PIPELINE`]. Numbers have gaps, and stand nowhere else.

use ofp::Field;

use crate::filter;
use crate::item::Drop;
use crate::many;
use crate::mapping;
use crate::physical;
use crate::registers::Reg;
use crate::router;

/// A table, by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
#[allow(missing_docs)] // PIPELINE says what each is for.
pub enum Table {
    Classify = 0,
    Arrive = 2,
    Restore = 4,
    Border = 6,
    Guard = 10,
    Admit = 20,
    Accused = 24,
    Nd = 30,
    Egress = 40,
    EgressOpen = 42,
    EgressState = 44,
    EgressVerdict = 46,
    EgressKept = 48,
    Gateway = 50,
    RouterIn = 60,
    SnatBack = 62,
    RouterOwn = 64,
    Inward = 66,
    Route = 70,
    Mtu = 80,
    MtuVerdict = 82,
    Outward = 83,
    OutwardSaid = 84,
    Onward = 85,
    Nexthop = 86,
    Neighbor = 90,
    Out = 120,
    Flood = 121,
    NdReply = 122,
    Multicast = 123,
    NdSend = 124,
    Ingress = 125,
    IngressOpen = 126,
    IngressState = 127,
    IngressVerdict = 128,
    IngressKept = 129,
    Fabric = 130,
    Deliver = 134,
    Localnet = 136,
    Reply = 138,
    Hop = 140,
    Groups = 150,
    Group = 152,
    Members = 154,
    Rules = 156,
    Floats = 158,
    Answers = 160,
    Connections = 162,
    Refused = 164,
    Punt = 200,
}

/// What happens to a packet that no row matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Miss {
    /// It is dropped, under this name.
    Drop(Drop),
    /// It goes on.
    Goto(Table),
    /// The feature's own rows cover everything.
    Covered,
    /// Whoever asked goes on with what was found.
    Answer,
}

/// One row of the declaration.
#[derive(Clone, Copy, Debug)]
pub struct TableSpec {
    /// The table.
    pub table: Table,
    /// Its name as it is written.
    pub name: &'static str,
    /// What it is for.
    pub about: &'static str,
    /// The features that may write it.
    pub writers: &'static [&'static str],
    /// Header fields that its rows may match.
    pub matches: &'static [Field],
    /// Registers that its rows may match.
    pub reads: &'static [Reg],
    /// Header fields that its rows may set.
    pub sets: &'static [Field],
    /// Registers that its rows may set.
    pub loads: &'static [Reg],
    /// Where a row may lead: forward only.
    pub next: &'static [Table],
    /// Where a row may start over, by resubmit: one router handing on to another, which the hop limit ends, and beyond 64
    /// routers the switch; or a packet with a claim to prove, which it does once.
    pub reenters: &'static [Table],
    /// Tables that a row may ask: what they find stands in registers, and the row goes on.
    pub asks: &'static [Table],
    /// Where a row may lead by way of conntrack.
    pub tracks: &'static [Table],
    /// Whether a row may send the packet out.
    pub outputs: bool,
    /// What a packet without a row meets.
    pub miss: Miss,
}

/// What a row of the declaration doesn't speak of.
pub(crate) const REST: TableSpec = TableSpec {
    table: Table::Classify,
    name: "",
    about: "",
    writers: &[],
    matches: &[],
    reads: &[],
    sets: &[],
    loads: &[],
    next: &[],
    reenters: &[],
    asks: &[],
    tracks: &[],
    outputs: false,
    miss: Miss::Covered,
};

/// The pipeline, in the order of table numbers.
pub const PIPELINE: [TableSpec; 50] = [
    TableSpec {
        table: Table::Classify,
        name: "classify",
        about: "Which network a packet is on, by the port or segment that it came in by. Every port has a row: what has none came \
                from another MAC than its port's.",
        writers: &["port", "overlay", "learn", "links", "provider"],
        matches: &[Field::IN_PORT, Field::ETH_SRC, Field::ETH_DST, Field::ETH_TYPE, Field::TUN_ID, Field::VLAN_VID],
        reads: &[Reg::Claim],
        sets: &[Field::IN_PORT_NXM],
        loads: &[
            Reg::Net,
            Reg::FromFabric,
            Reg::FromLocalnet,
            Reg::Secured,
            Reg::Forms,
            Reg::Filtered,
            Reg::PuntOp,
            Reg::PuntClass,
        ],
        next: &[Table::Arrive, Table::Restore, Table::Border, Table::Guard, Table::Nd, Table::Out, Table::Punt],
        reenters: &[Table::Classify],
        miss: Miss::Drop(Drop::ForeignMac),
        ..REST
    },
    TableSpec {
        table: Table::Arrive,
        name: "arrive",
        about: "Where bridges are wired to each other: what the chassis before has freed of its label is for a network here.",
        writers: &["links"],
        matches: &[Field::VLAN_VID, Field::VLAN_PCP],
        loads: &[Reg::Net, Reg::FromFabric],
        next: &[Table::Out, Table::Hop],
        miss: Miss::Goto(Table::Hop),
        ..REST
    },
    physical::RESTORE,
    physical::BORDER,
    TableSpec {
        table: Table::Guard,
        name: "guard",
        about: "What no secured port may send, whoever it is. What it says of itself beyond the source is put to the proof.",
        writers: &["port"],
        matches: &[
            Field::IN_PORT,
            Field::ETH_TYPE,
            Field::VLAN_VID,
            Field::IP_PROTO,
            Field::IP_FRAG,
            Field::NW_TTL,
            Field::IPV6_SRC,
            Field::IPV6_DST,
            Field::IPV4_DST,
            Field::ICMPV6_TYPE,
            Field::ICMPV6_CODE,
            Field::ND_TARGET,
            Field::ND_SLL,
            Field::ND_TLL,
            Field::TCP_SRC,
            Field::TCP_DST,
            Field::UDP_SRC,
            Field::UDP_DST,
        ],
        reads: &[Reg::Claim],
        sets: &[Field::ETH_SRC, Field::IPV6_SRC],
        loads: &[Reg::Kept, Reg::Claim],
        next: &[Table::Admit, Table::Nd],
        reenters: &[Table::Classify],
        miss: Miss::Drop(Drop::EtherType),
        ..REST
    },
    TableSpec {
        table: Table::Admit,
        name: "admit",
        about: "A secured port's own addresses as source; nothing else passes.",
        writers: &["port", "learn", "dhcp4", "anycast", "metadata"],
        matches: &[
            Field::IN_PORT,
            Field::ETH_SRC,
            Field::ETH_TYPE,
            Field::IP_PROTO,
            Field::IPV6_SRC,
            Field::IPV4_SRC,
            Field::ARP_SPA,
            Field::UDP_DST,
            Field::ICMPV6_TYPE,
            Field::ICMPV6_CODE,
        ],
        reads: &[Reg::Net, Reg::Forms, Reg::Claim],
        sets: &[Field::IPV6_SRC],
        loads: &[Reg::PuntOp, Reg::PuntClass],
        next: &[Table::Nd, Table::Punt],
        miss: Miss::Drop(Drop::SpoofedSource),
        ..REST
    },
    TableSpec {
        table: Table::Accused,
        name: "accused",
        about: "Counts what the guard drops, by port and name. The switch makes its rows itself, when there is something to count, and \
                takes them away an hour after the last; the rows that drop send packets by here.",
        matches: &[Field::IN_PORT],
        reads: &[Reg::Net, Reg::Accused],
        miss: Miss::Covered,
        ..REST
    },
    TableSpec {
        table: Table::Nd,
        name: "nd",
        about: "Questions for an address: ARP requests are answered here, neighbour solicitations lead to the address' row, router \
                solicitations, DHCP, what is said of multicast groups, metadata and, where no router is, DNS are punted.",
        writers: &[
            "nd",
            "arp",
            "ra",
            "learn",
            "dhcp6",
            "dhcp4",
            "dns",
            "multicast",
            "provider",
            "anycast",
            "metadata",
            "direct",
        ],
        matches: &[
            Field::IN_PORT,
            Field::ETH_DST,
            Field::ETH_TYPE,
            Field::IP_PROTO,
            Field::NW_TTL,
            Field::IPV6_SRC,
            Field::IPV6_DST,
            Field::IPV4_DST,
            Field::ICMPV6_TYPE,
            Field::ICMPV6_CODE,
            Field::ARP_OP,
            Field::ARP_SPA,
            Field::ARP_TPA,
            Field::TCP_DST,
            Field::UDP_DST,
        ],
        reads: &[Reg::Net, Reg::Secured, Reg::Claim, Reg::Nic],
        sets: &[
            Field::ETH_SRC,
            Field::ETH_DST,
            Field::IPV6_SRC,
            Field::IPV6_DST,
            Field::ARP_OP,
            Field::ARP_SPA,
            Field::ARP_TPA,
            Field::ARP_SHA,
            Field::ARP_THA,
        ],
        loads: &[Reg::Kept, Reg::NdEui, Reg::NdBits, Reg::NdAsks, Reg::Claim, Reg::Judged, Reg::PuntOp, Reg::PuntClass],
        next: &[Table::Egress, Table::Neighbor, Table::Localnet, Table::Reply, Table::Punt],
        reenters: &[Table::Classify],
        asks: &[Table::Answers],
        outputs: true,
        miss: Miss::Goto(Table::Egress),
        ..REST
    },
    filter::EGRESS[0],
    filter::EGRESS[1],
    filter::EGRESS[2],
    filter::EGRESS[3],
    filter::EGRESS[4],
    TableSpec {
        table: Table::Gateway,
        name: "gateway",
        about: "Is the frame for a router? By its MAC, the same on every chassis.",
        writers: &["routing", "gateway", "direct"],
        matches: &[Field::ETH_DST],
        reads: &[Reg::Net],
        loads: &[Reg::FromLocalnet, Reg::Router, Reg::AskerMac, Reg::GatewayMac],
        next: &[Table::RouterIn, Table::Out],
        miss: Miss::Goto(Table::Out),
        ..REST
    },
    router::ROUTER_IN,
    mapping::SNAT_BACK,
    router::ROUTER_OWN,
    mapping::INWARD,
    router::ROUTE,
    TableSpec {
        table: Table::Mtu,
        name: "mtu",
        about: "Measures what goes to a network whose MTU is below the fabric's.",
        writers: &["icmp"],
        reads: &[Reg::Net],
        loads: &[Reg::Larger],
        next: &[Table::MtuVerdict],
        miss: Miss::Goto(Table::MtuVerdict),
        ..REST
    },
    TableSpec {
        table: Table::MtuVerdict,
        name: "mtu_verdict",
        about: "Punts what was too big; what has its next hop skips the neighbour table.",
        writers: &["icmp", "routing", "gateway", "mapping"],
        reads: &[Reg::Larger, Reg::Nexthop, Reg::ByRouter, Reg::Maps],
        loads: &[Reg::PuntOp, Reg::PuntClass],
        next: &[Table::Outward, Table::Nexthop, Table::Neighbor, Table::Out, Table::Punt],
        miss: Miss::Goto(Table::Neighbor),
        ..REST
    },
    mapping::OUTWARD[0],
    mapping::OUTWARD[1],
    mapping::OUTWARD[2],
    physical::NEXTHOP,
    TableSpec {
        table: Table::Neighbor,
        name: "neighbor",
        about: "The MAC of an address on a connected network: for packets, and for solicitations that ask for it. Solicitations for a \
                link-local address made of a MAC go to that MAC.",
        writers: &[
            "routing", "icmp", "nd", "learn", "dns", "provider", "anycast", "metadata", "gateway", "mapping", "direct",
        ],
        matches: &[Field::ETH_TYPE, Field::IPV6_DST, Field::IPV4_DST],
        reads: &[Reg::Net, Reg::FromLocalnet, Reg::Nic, Reg::NdAsks, Reg::NdEui, Reg::NdBits],
        sets: &[Field::ETH_DST, Field::IPV6_DST],
        loads: &[Reg::NdRouter, Reg::NdAnycast, Reg::NdAsks, Reg::NdEither, Reg::PuntOp, Reg::PuntClass],
        next: &[Table::Out, Table::Localnet, Table::Punt],
        miss: Miss::Covered,
        ..REST
    },
    TableSpec {
        table: Table::Out,
        name: "out",
        about: "Where a MAC lives: a port here, a chassis, or beyond on the physical network. What is for groups of the link, and \
                broadcasts, everybody gets; what is for other groups, those who listen. What is for an anycast \
                service's MAC gets that of an instance, and looks for it.",
        writers: &["l2", "routing", "nd", "learn", "multicast", "provider", "anycast", "gateway"],
        matches: &[
            Field::ETH_DST,
            Field::ETH_TYPE,
            Field::IP_PROTO,
            Field::ICMPV6_TYPE,
            Field::IPV6_DST,
            Field::IPV4_DST,
        ],
        reads: &[Reg::Net, Reg::FromFabric, Reg::FromLocalnet, Reg::Routed, Reg::NdAsks, Reg::NdRouter, Reg::NdEither],
        sets: &[Field::ETH_DST, Field::IPV6_DST],
        loads: &[Reg::Segment, Reg::OutChassis, Reg::Router, Reg::Judged, Reg::NdAsks, Reg::PuntOp, Reg::PuntClass],
        next: &[
            Table::Flood,
            Table::NdReply,
            Table::Multicast,
            Table::Ingress,
            Table::Fabric,
            Table::Deliver,
            Table::Localnet,
            Table::Punt,
        ],
        reenters: &[Table::RouterIn, Table::Out],
        outputs: true,
        miss: Miss::Drop(Drop::UnknownMac),
        ..REST
    },
    many::FLOOD,
    TableSpec {
        table: Table::NdReply,
        name: "nd_reply",
        about: "Turns a solicitation with a known target into an advertisement, all but the link-layer option. Only where there \
                is an option to fill in: the first, with the sender's MAC. All others are punted.",
        writers: &["nd"],
        matches: &[Field::ETH_TYPE, Field::IP_PROTO, Field::ICMPV6_TYPE, Field::ICMPV6_CODE, Field::ND_OPTIONS_TYPE],
        reads: &[Reg::NdRouter, Reg::NdAnycast],
        sets: &[Field::ICMPV6_TYPE, Field::ND_RESERVED, Field::ND_OPTIONS_TYPE, Field::ETH_DST, Field::IPV6_DST],
        loads: &[Reg::NdMac, Reg::PuntOp, Reg::PuntClass],
        next: &[Table::NdSend, Table::Punt],
        miss: Miss::Covered,
        ..REST
    },
    many::MULTICAST,
    TableSpec {
        table: Table::NdSend,
        name: "nd_send",
        about: "Fills in the link-layer option of the advertisement and sends it back.",
        writers: &["nd"],
        matches: &[Field::ETH_TYPE, Field::IP_PROTO, Field::ICMPV6_TYPE, Field::ICMPV6_CODE],
        sets: &[Field::ND_TLL, Field::ETH_SRC, Field::IPV6_SRC],
        loads: &[Reg::Judged],
        asks: &[Table::Answers],
        next: &[Table::Reply],
        miss: Miss::Covered,
        ..REST
    },
    filter::INGRESS[0],
    filter::INGRESS[1],
    filter::INGRESS[2],
    filter::INGRESS[3],
    filter::INGRESS[4],
    TableSpec {
        table: Table::Fabric,
        name: "fabric",
        about: "Encapsulates for another chassis. What came from the fabric never returns to it.",
        writers: &["overlay", "links"],
        matches: &[Field::ETH_DST, Field::VLAN_VID],
        reads: &[Reg::FromFabric, Reg::OutChassis, Reg::Routed],
        sets: &[
            Field::TUN_ID,
            Field::TUN_IPV6_DST,
            Field::TUN_IPV4_DST,
            Field::ETH_SRC,
            Field::VLAN_VID,
            Field::VLAN_PCP,
        ],
        outputs: true,
        miss: Miss::Drop(Drop::NoTunnel),
        ..REST
    },
    filter::DELIVER,
    physical::LOCALNET,
    physical::REPLY,
    TableSpec {
        table: Table::Hop,
        name: "hop",
        about: "Where bridges are wired to each other: where a labelled frame goes on. The chassis before the last takes the label off.",
        writers: &["links"],
        matches: &[Field::VLAN_VID, Field::VLAN_PCP],
        outputs: true,
        miss: Miss::Drop(Drop::NoPath),
        ..REST
    },
    filter::ASKED[0],
    filter::ASKED[1],
    filter::ASKED[2],
    filter::ASKED[3],
    mapping::FLOATS,
    filter::METERED[0],
    filter::METERED[1],
    filter::REFUSED,
    TableSpec {
        table: Table::Punt,
        name: "punt",
        about: "To the controller, by the meter of port and class.",
        writers: &["port", "learn", "links", "anycast", "provider"],
        matches: &[Field::IN_PORT],
        reads: &[Reg::PuntClass],
        outputs: true,
        miss: Miss::Covered,
        ..REST
    },
];

/// Header fields for which Open vSwitch can keep prefix tries (`ovs-vswitchd.conf.db`, `Flow_Table`, `prefixes`).
const TRIES: [Field; 4] = [Field::IPV6_DST, Field::IPV6_SRC, Field::IPV4_DST, Field::IPV4_SRC];
/// As many as one table can have.
const TRIES_MAX: usize = 3;

impl TableSpec {
    /// The fields by whose prefixes Open vSwitch should look rows up in this table. Where it isn't told, a packet's whole
    /// address goes into its datapath flow, and every address that is tried costs one.
    pub fn prefixes(&self) -> impl Iterator<Item = Field> {
        TRIES.into_iter().filter(|field| self.matches.contains(field)).take(TRIES_MAX)
    }
}

impl Table {
    /// The declaration's row.
    pub fn spec(self) -> &'static TableSpec {
        // UNWRAP: the const block below holds every table against the declaration.
        PIPELINE.iter().find(|spec| spec.table == self).unwrap_or(&PIPELINE[0])
    }

    /// The number on the switch.
    pub const fn id(self) -> u8 {
        self as u8
    }

    /// The table of a number on the switch.
    pub fn from_id(id: u8) -> Option<Table> {
        PIPELINE.iter().map(|spec| spec.table).find(|table| table.id() == id)
    }
}

// Tables in order, jumps forward, registers alive where they are used.
const _: () = {
    let mut i = 0;
    while i < PIPELINE.len() {
        let spec = &PIPELINE[i];
        assert!(i == 0 || (PIPELINE[i - 1].table as u8) < (spec.table as u8), "PIPELINE is in the order of numbers");
        let mut n = 0;
        while n < spec.next.len() {
            assert!((spec.next[n] as u8) > (spec.table as u8), "a jump backwards");
            n += 1;
        }
        if let Miss::Goto(next) = spec.miss {
            assert!((next as u8) > (spec.table as u8), "a miss leads backwards");
        }
        let mut a = 0;
        while a < spec.asks.len() {
            assert!((spec.asks[a] as u8) > (spec.table as u8), "asks backwards");
            a += 1;
        }
        let mut t = 0;
        while t < spec.tracks.len() {
            assert!((spec.tracks[t] as u8) > (spec.table as u8), "conntrack leads backwards");
            t += 1;
        }
        let mut r = 0;
        while r < spec.reads.len() {
            let reg = spec.reads[r].spec();
            assert!(
                (reg.from as u8) <= (spec.table as u8) && (spec.table as u8) <= (reg.to as u8),
                "reads a dead register"
            );
            r += 1;
        }
        let mut l = 0;
        while l < spec.loads.len() {
            let reg = spec.loads[l].spec();
            let router_again = !spec.reenters.is_empty();
            assert!(
                ((reg.from as u8) <= (spec.table as u8) || router_again) && (spec.table as u8) <= (reg.to as u8),
                "sets a dead register"
            );
            l += 1;
        }
        i += 1;
    }
};
