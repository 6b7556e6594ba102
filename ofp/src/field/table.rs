//! The table of fields: names, headers on the wire, sizes, how they print and what they need.
//!
//! Widths, headers and access are those of Open vSwitch 3.1; the order is that in which it writes a match.

use super::{Field, Prerequisite};

/// How `ovs-ofctl` writes a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Decimal,
    /// Decimal; hexadecimal when masked.
    DecimalOrHex,
    Hex,
    Mac,
    Ipv4,
    Ipv6,
    Port,
    Frag,
    TcpFlags,
    TunFlags,
    CtState,
}

/// What names a field on the wire (OpenFlow 1.3.5, 7.2.3.2): class and number, and for class 0xffff the experimenter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) class: u16,
    pub(crate) number: u8,
    pub(crate) experimenter: u32,
}

pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) nxm_name: &'static str,
    pub(super) aliases: &'static [&'static str],
    /// In matches and set-field of OpenFlow 1.3.
    pub(super) in_match: Header,
    /// In Nicira's actions: the older header where there are two.
    pub(super) in_action: Header,
    pub(super) bytes: u8,
    pub(super) bits: u16,
    pub(super) maskable: bool,
    pub(super) writable: bool,
    pub(super) format: Format,
    pub(super) prerequisites: &'static [Prerequisite],
}

const fn class(class: u16, number: u8) -> Header {
    Header { class, number, experimenter: 0 }
}
const fn experimenter(experimenter: u32, number: u8) -> Header {
    Header { class: 0xffff, number, experimenter }
}
const fn nxm(number: u8) -> Header {
    class(0x0000, number)
}
const fn nx(number: u8) -> Header {
    class(0x0001, number)
}
const fn oxm(number: u8) -> Header {
    class(0x8000, number)
}
const fn pkt_reg(number: u8) -> Header {
    class(0x8001, number)
}
const fn ericsson(number: u8) -> Header {
    class(0x1000, number)
}
const fn nicira(number: u8) -> Header {
    experimenter(0x0000_2320, number)
}
const fn onf(number: u8) -> Header {
    experimenter(0x4f4e_4600, number)
}
const fn nsh(number: u8) -> Header {
    experimenter(0x005a_d650, number)
}

const fn needs(field: Field, mask: u128, any_of: &'static [u128]) -> Prerequisite {
    Prerequisite { field, mask, any_of }
}

const ETHERTYPE_IPV4: Prerequisite = needs(Field::ETH_TYPE, 0xffff, &[0x0800]);
const ETHERTYPE_IPV6: Prerequisite = needs(Field::ETH_TYPE, 0xffff, &[0x86dd]);
const ETHERTYPE_IP: Prerequisite = needs(Field::ETH_TYPE, 0xffff, &[0x0800, 0x86dd]);
const PROTO_ICMPV6: Prerequisite = needs(Field::IP_PROTO, 0xff, &[58]);

const NONE: &[Prerequisite] = &[];
const VLAN: &[Prerequisite] = &[needs(Field::VLAN_VID, 0x1000, &[0x1000])];
const MPLS: &[Prerequisite] = &[needs(Field::ETH_TYPE, 0xffff, &[0x8847, 0x8848])];
const IPV4: &[Prerequisite] = &[ETHERTYPE_IPV4];
const IPV6: &[Prerequisite] = &[ETHERTYPE_IPV6];
const IP: &[Prerequisite] = &[ETHERTYPE_IP];
const ARP: &[Prerequisite] = &[needs(Field::ETH_TYPE, 0xffff, &[0x0806, 0x8035])];
const NSH: &[Prerequisite] = &[needs(Field::ETH_TYPE, 0xffff, &[0x894f])];
const TCP: &[Prerequisite] = &[ETHERTYPE_IP, needs(Field::IP_PROTO, 0xff, &[6])];
const UDP: &[Prerequisite] = &[ETHERTYPE_IP, needs(Field::IP_PROTO, 0xff, &[17])];
const SCTP: &[Prerequisite] = &[ETHERTYPE_IP, needs(Field::IP_PROTO, 0xff, &[132])];
const ICMPV4: &[Prerequisite] = &[ETHERTYPE_IPV4, needs(Field::IP_PROTO, 0xff, &[1])];
const ICMPV6: &[Prerequisite] = &[ETHERTYPE_IPV6, PROTO_ICMPV6];
const ND: &[Prerequisite] = &[ETHERTYPE_IPV6, PROTO_ICMPV6, needs(Field::ICMPV6_TYPE, 0xff, &[135, 136])];
const ND_SOLICIT: &[Prerequisite] = &[ETHERTYPE_IPV6, PROTO_ICMPV6, needs(Field::ICMPV6_TYPE, 0xff, &[135])];
const ND_ADVERT: &[Prerequisite] = &[ETHERTYPE_IPV6, PROTO_ICMPV6, needs(Field::ICMPV6_TYPE, 0xff, &[136])];
/// Tracked (`+trk`, 0x20), and one of new, established, related, reply or invalid known.
const CT: &[Prerequisite] = &[needs(Field::CT_STATE, 0x20, &[0x20])];

const W: u8 = 1;
const M: u8 = 2;
const R: u8 = 0;

/// One line per field: constant, text name, NXM/OXM name, header in matches, header in actions, bytes, bits,
/// access (`M`askable, `W`ritable, `R` neither), format, prerequisites, other names.
macro_rules! fields {
    ($($id:ident $name:literal $nxm:literal $in_match:expr, $in_action:expr, $bytes:literal $bits:literal
       $access:expr, $format:ident $needs:ident $($alias:literal)*;)*) => {
        #[allow(non_camel_case_types, clippy::upper_case_acronyms)]
        enum Index { $($id),* }

        impl Field {
            $(
                #[doc = concat!("`", $name, "`, `", $nxm, "`")]
                pub const $id: Field = Field(Index::$id as u8);
            )*
        }

        pub(super) const ROWS: &[Row] = &[$(Row {
            name: $name,
            nxm_name: $nxm,
            aliases: &[$($alias),*],
            in_match: $in_match,
            in_action: $in_action,
            bytes: $bytes,
            bits: $bits,
            maskable: $access & M != 0,
            writable: $access & W != 0,
            format: Format::$format,
            prerequisites: $needs,
        }),*];
    };
}

fields! {
    PACKET_TYPE "packet_type" "OXM_OF_PACKET_TYPE" oxm(44), oxm(44), 4 32 R, Hex NONE;
    DP_HASH "dp_hash" "NXM_NX_DP_HASH" nicira(0), nx(35), 4 32 M, Hex NONE;
    RECIRC_ID "recirc_id" "NXM_NX_RECIRC_ID" nx(36), nx(36), 4 32 R, Hex NONE;
    CONJ_ID "conj_id" "NXM_NX_CONJ_ID" nx(37), nx(37), 4 32 R, Decimal NONE;
    IN_PORT "in_port" "OXM_OF_IN_PORT" oxm(0), oxm(0), 4 32 W, Port NONE "in_port_oxm";
    IN_PORT_NXM "in_port" "NXM_OF_IN_PORT" nxm(0), nxm(0), 2 16 W, Decimal NONE;
    ACTSET_OUTPUT "actset_output" "ONFOXM_ET_ACTSET_OUTPUT" onf(43), onf(43), 4 32 R, Port NONE;
    ETH_SRC "eth_src" "NXM_OF_ETH_SRC" oxm(4), nxm(2), 6 48 M | W, Mac NONE "dl_src";
    ETH_DST "eth_dst" "NXM_OF_ETH_DST" oxm(3), nxm(1), 6 48 M | W, Mac NONE "dl_dst";
    ETH_TYPE "eth_type" "NXM_OF_ETH_TYPE" oxm(5), nxm(3), 2 16 R, Hex NONE "dl_type";
    VLAN_VID "vlan_vid" "OXM_OF_VLAN_VID" oxm(6), oxm(6), 2 12 M | W, Decimal NONE;
    VLAN_PCP "vlan_pcp" "OXM_OF_VLAN_PCP" oxm(7), oxm(7), 1 3 W, Decimal VLAN;
    VLAN_TCI "vlan_tci" "NXM_OF_VLAN_TCI" nxm(4), nxm(4), 2 16 M | W, Hex NONE;
    MPLS_TC "mpls_tc" "OXM_OF_MPLS_TC" oxm(35), oxm(35), 1 3 W, Decimal MPLS;
    MPLS_BOS "mpls_bos" "OXM_OF_MPLS_BOS" oxm(36), oxm(36), 1 1 R, Decimal MPLS;
    MPLS_TTL "mpls_ttl" "NXM_NX_MPLS_TTL" nx(30), nx(30), 1 8 W, Decimal MPLS;
    MPLS_LABEL "mpls_label" "OXM_OF_MPLS_LABEL" oxm(34), oxm(34), 4 20 W, Decimal MPLS;
    IPV4_SRC "ip_src" "NXM_OF_IP_SRC" oxm(11), nxm(7), 4 32 M | W, Ipv4 IPV4 "nw_src" "ipv4_src";
    IPV4_DST "ip_dst" "NXM_OF_IP_DST" oxm(12), nxm(8), 4 32 M | W, Ipv4 IPV4 "nw_dst" "ipv4_dst";
    IPV6_SRC "ipv6_src" "NXM_NX_IPV6_SRC" oxm(26), nx(19), 16 128 M | W, Ipv6 IPV6;
    IPV6_DST "ipv6_dst" "NXM_NX_IPV6_DST" oxm(27), nx(20), 16 128 M | W, Ipv6 IPV6;
    IP_FRAG "ip_frag" "NXM_NX_IP_FRAG" nx(26), nx(26), 1 2 M, Frag IP "nw_frag";
    IP_DSCP "ip_dscp" "OXM_OF_IP_DSCP" oxm(8), oxm(8), 1 6 W, Decimal IP;
    NW_TOS "nw_tos" "NXM_OF_IP_TOS" nxm(5), nxm(5), 1 8 W, Decimal IP;
    IP_ECN "nw_ecn" "NXM_NX_IP_ECN" oxm(9), nx(28), 1 2 W, Decimal IP "ip_ecn";
    NW_TTL "nw_ttl" "NXM_NX_IP_TTL" nx(29), nx(29), 1 8 W, Decimal IP;
    IPV6_LABEL "ipv6_label" "NXM_NX_IPV6_LABEL" oxm(28), nx(27), 4 20 M | W, Hex IPV6;
    IP_PROTO "nw_proto" "NXM_OF_IP_PROTO" oxm(10), nxm(6), 1 8 R, Decimal IP "ip_proto";
    TCP_SRC "tcp_src" "NXM_OF_TCP_SRC" oxm(13), nxm(9), 2 16 M | W, DecimalOrHex TCP "tp_src";
    TCP_DST "tcp_dst" "NXM_OF_TCP_DST" oxm(14), nxm(10), 2 16 M | W, DecimalOrHex TCP "tp_dst";
    TCP_FLAGS "tcp_flags" "NXM_NX_TCP_FLAGS" onf(42), nx(34), 2 12 M, TcpFlags TCP;
    UDP_SRC "udp_src" "NXM_OF_UDP_SRC" oxm(15), nxm(11), 2 16 M | W, DecimalOrHex UDP;
    UDP_DST "udp_dst" "NXM_OF_UDP_DST" oxm(16), nxm(12), 2 16 M | W, DecimalOrHex UDP;
    SCTP_SRC "sctp_src" "OXM_OF_SCTP_SRC" oxm(17), oxm(17), 2 16 M | W, DecimalOrHex SCTP;
    SCTP_DST "sctp_dst" "OXM_OF_SCTP_DST" oxm(18), oxm(18), 2 16 M | W, DecimalOrHex SCTP;
    ICMPV4_TYPE "icmp_type" "NXM_OF_ICMP_TYPE" oxm(19), nxm(13), 1 8 W, Decimal ICMPV4 "icmpv4_type";
    ICMPV4_CODE "icmp_code" "NXM_OF_ICMP_CODE" oxm(20), nxm(14), 1 8 W, Decimal ICMPV4 "icmpv4_code";
    ICMPV6_TYPE "icmpv6_type" "NXM_NX_ICMPV6_TYPE" oxm(29), nx(21), 1 8 W, Decimal ICMPV6;
    ICMPV6_CODE "icmpv6_code" "NXM_NX_ICMPV6_CODE" oxm(30), nx(22), 1 8 W, Decimal ICMPV6;
    ND_RESERVED "nd_reserved" "ERICOXM_OF_ICMPV6_ND_RESERVED" ericsson(1), ericsson(1), 4 32 W, DecimalOrHex ND;
    ND_TARGET "nd_target" "NXM_NX_ND_TARGET" oxm(31), nx(23), 16 128 M | W, Ipv6 ND;
    ND_OPTIONS_TYPE "nd_options_type" "ERICOXM_OF_ICMPV6_ND_OPTIONS_TYPE" ericsson(2), ericsson(2), 1 8 W, Decimal ND;
    ND_SLL "nd_sll" "NXM_NX_ND_SLL" oxm(32), nx(24), 6 48 M | W, Mac ND_SOLICIT;
    ND_TLL "nd_tll" "NXM_NX_ND_TLL" oxm(33), nx(25), 6 48 M | W, Mac ND_ADVERT;
    ARP_OP "arp_op" "NXM_OF_ARP_OP" oxm(21), nxm(15), 2 16 W, Decimal ARP;
    ARP_SPA "arp_spa" "NXM_OF_ARP_SPA" oxm(22), nxm(16), 4 32 M | W, Ipv4 ARP;
    ARP_TPA "arp_tpa" "NXM_OF_ARP_TPA" oxm(23), nxm(17), 4 32 M | W, Ipv4 ARP;
    ARP_SHA "arp_sha" "NXM_NX_ARP_SHA" oxm(24), nx(17), 6 48 M | W, Mac ARP;
    ARP_THA "arp_tha" "NXM_NX_ARP_THA" oxm(25), nx(18), 6 48 M | W, Mac ARP;
    TUN_ID "tun_id" "NXM_NX_TUN_ID" oxm(38), nx(16), 8 64 M | W, Hex NONE "tunnel_id";
    TUN_FLAGS "tun_flags" "NXM_NX_TUN_FLAGS" nx(104), nx(104), 2 1 M | W, TunFlags NONE;
    TUN_IPV4_SRC "tun_src" "NXM_NX_TUN_IPV4_SRC" nx(31), nx(31), 4 32 M | W, Ipv4 NONE;
    TUN_IPV4_DST "tun_dst" "NXM_NX_TUN_IPV4_DST" nx(32), nx(32), 4 32 M | W, Ipv4 NONE;
    TUN_IPV6_SRC "tun_ipv6_src" "NXM_NX_TUN_IPV6_SRC" nx(109), nx(109), 16 128 M | W, Ipv6 NONE;
    TUN_IPV6_DST "tun_ipv6_dst" "NXM_NX_TUN_IPV6_DST" nx(110), nx(110), 16 128 M | W, Ipv6 NONE;
    TUN_GBP_ID "tun_gbp_id" "NXM_NX_TUN_GBP_ID" nx(38), nx(38), 2 16 M | W, DecimalOrHex NONE;
    TUN_GBP_FLAGS "tun_gbp_flags" "NXM_NX_TUN_GBP_FLAGS" nx(39), nx(39), 1 8 M | W, Hex NONE;
    TUN_METADATA0 "tun_metadata0" "NXM_NX_TUN_METADATA0" nx(40), nx(40), 16 128 M | W, Hex NONE;
    TUN_METADATA1 "tun_metadata1" "NXM_NX_TUN_METADATA1" nx(41), nx(41), 16 128 M | W, Hex NONE;
    TUN_METADATA2 "tun_metadata2" "NXM_NX_TUN_METADATA2" nx(42), nx(42), 16 128 M | W, Hex NONE;
    TUN_METADATA3 "tun_metadata3" "NXM_NX_TUN_METADATA3" nx(43), nx(43), 16 128 M | W, Hex NONE;
    TUN_METADATA4 "tun_metadata4" "NXM_NX_TUN_METADATA4" nx(44), nx(44), 16 128 M | W, Hex NONE;
    TUN_METADATA5 "tun_metadata5" "NXM_NX_TUN_METADATA5" nx(45), nx(45), 16 128 M | W, Hex NONE;
    TUN_METADATA6 "tun_metadata6" "NXM_NX_TUN_METADATA6" nx(46), nx(46), 16 128 M | W, Hex NONE;
    TUN_METADATA7 "tun_metadata7" "NXM_NX_TUN_METADATA7" nx(47), nx(47), 16 128 M | W, Hex NONE;
    TUN_METADATA8 "tun_metadata8" "NXM_NX_TUN_METADATA8" nx(48), nx(48), 16 128 M | W, Hex NONE;
    TUN_METADATA9 "tun_metadata9" "NXM_NX_TUN_METADATA9" nx(49), nx(49), 16 128 M | W, Hex NONE;
    TUN_METADATA10 "tun_metadata10" "NXM_NX_TUN_METADATA10" nx(50), nx(50), 16 128 M | W, Hex NONE;
    TUN_METADATA11 "tun_metadata11" "NXM_NX_TUN_METADATA11" nx(51), nx(51), 16 128 M | W, Hex NONE;
    TUN_METADATA12 "tun_metadata12" "NXM_NX_TUN_METADATA12" nx(52), nx(52), 16 128 M | W, Hex NONE;
    TUN_METADATA13 "tun_metadata13" "NXM_NX_TUN_METADATA13" nx(53), nx(53), 16 128 M | W, Hex NONE;
    TUN_METADATA14 "tun_metadata14" "NXM_NX_TUN_METADATA14" nx(54), nx(54), 16 128 M | W, Hex NONE;
    TUN_METADATA15 "tun_metadata15" "NXM_NX_TUN_METADATA15" nx(55), nx(55), 16 128 M | W, Hex NONE;
    TUN_METADATA16 "tun_metadata16" "NXM_NX_TUN_METADATA16" nx(56), nx(56), 16 128 M | W, Hex NONE;
    TUN_METADATA17 "tun_metadata17" "NXM_NX_TUN_METADATA17" nx(57), nx(57), 16 128 M | W, Hex NONE;
    TUN_METADATA18 "tun_metadata18" "NXM_NX_TUN_METADATA18" nx(58), nx(58), 16 128 M | W, Hex NONE;
    TUN_METADATA19 "tun_metadata19" "NXM_NX_TUN_METADATA19" nx(59), nx(59), 16 128 M | W, Hex NONE;
    TUN_METADATA20 "tun_metadata20" "NXM_NX_TUN_METADATA20" nx(60), nx(60), 16 128 M | W, Hex NONE;
    TUN_METADATA21 "tun_metadata21" "NXM_NX_TUN_METADATA21" nx(61), nx(61), 16 128 M | W, Hex NONE;
    TUN_METADATA22 "tun_metadata22" "NXM_NX_TUN_METADATA22" nx(62), nx(62), 16 128 M | W, Hex NONE;
    TUN_METADATA23 "tun_metadata23" "NXM_NX_TUN_METADATA23" nx(63), nx(63), 16 128 M | W, Hex NONE;
    TUN_METADATA24 "tun_metadata24" "NXM_NX_TUN_METADATA24" nx(64), nx(64), 16 128 M | W, Hex NONE;
    TUN_METADATA25 "tun_metadata25" "NXM_NX_TUN_METADATA25" nx(65), nx(65), 16 128 M | W, Hex NONE;
    TUN_METADATA26 "tun_metadata26" "NXM_NX_TUN_METADATA26" nx(66), nx(66), 16 128 M | W, Hex NONE;
    TUN_METADATA27 "tun_metadata27" "NXM_NX_TUN_METADATA27" nx(67), nx(67), 16 128 M | W, Hex NONE;
    TUN_METADATA28 "tun_metadata28" "NXM_NX_TUN_METADATA28" nx(68), nx(68), 16 128 M | W, Hex NONE;
    TUN_METADATA29 "tun_metadata29" "NXM_NX_TUN_METADATA29" nx(69), nx(69), 16 128 M | W, Hex NONE;
    TUN_METADATA30 "tun_metadata30" "NXM_NX_TUN_METADATA30" nx(70), nx(70), 16 128 M | W, Hex NONE;
    TUN_METADATA31 "tun_metadata31" "NXM_NX_TUN_METADATA31" nx(71), nx(71), 16 128 M | W, Hex NONE;
    TUN_METADATA32 "tun_metadata32" "NXM_NX_TUN_METADATA32" nx(72), nx(72), 16 128 M | W, Hex NONE;
    TUN_METADATA33 "tun_metadata33" "NXM_NX_TUN_METADATA33" nx(73), nx(73), 16 128 M | W, Hex NONE;
    TUN_METADATA34 "tun_metadata34" "NXM_NX_TUN_METADATA34" nx(74), nx(74), 16 128 M | W, Hex NONE;
    TUN_METADATA35 "tun_metadata35" "NXM_NX_TUN_METADATA35" nx(75), nx(75), 16 128 M | W, Hex NONE;
    TUN_METADATA36 "tun_metadata36" "NXM_NX_TUN_METADATA36" nx(76), nx(76), 16 128 M | W, Hex NONE;
    TUN_METADATA37 "tun_metadata37" "NXM_NX_TUN_METADATA37" nx(77), nx(77), 16 128 M | W, Hex NONE;
    TUN_METADATA38 "tun_metadata38" "NXM_NX_TUN_METADATA38" nx(78), nx(78), 16 128 M | W, Hex NONE;
    TUN_METADATA39 "tun_metadata39" "NXM_NX_TUN_METADATA39" nx(79), nx(79), 16 128 M | W, Hex NONE;
    TUN_METADATA40 "tun_metadata40" "NXM_NX_TUN_METADATA40" nx(80), nx(80), 16 128 M | W, Hex NONE;
    TUN_METADATA41 "tun_metadata41" "NXM_NX_TUN_METADATA41" nx(81), nx(81), 16 128 M | W, Hex NONE;
    TUN_METADATA42 "tun_metadata42" "NXM_NX_TUN_METADATA42" nx(82), nx(82), 16 128 M | W, Hex NONE;
    TUN_METADATA43 "tun_metadata43" "NXM_NX_TUN_METADATA43" nx(83), nx(83), 16 128 M | W, Hex NONE;
    TUN_METADATA44 "tun_metadata44" "NXM_NX_TUN_METADATA44" nx(84), nx(84), 16 128 M | W, Hex NONE;
    TUN_METADATA45 "tun_metadata45" "NXM_NX_TUN_METADATA45" nx(85), nx(85), 16 128 M | W, Hex NONE;
    TUN_METADATA46 "tun_metadata46" "NXM_NX_TUN_METADATA46" nx(86), nx(86), 16 128 M | W, Hex NONE;
    TUN_METADATA47 "tun_metadata47" "NXM_NX_TUN_METADATA47" nx(87), nx(87), 16 128 M | W, Hex NONE;
    TUN_METADATA48 "tun_metadata48" "NXM_NX_TUN_METADATA48" nx(88), nx(88), 16 128 M | W, Hex NONE;
    TUN_METADATA49 "tun_metadata49" "NXM_NX_TUN_METADATA49" nx(89), nx(89), 16 128 M | W, Hex NONE;
    TUN_METADATA50 "tun_metadata50" "NXM_NX_TUN_METADATA50" nx(90), nx(90), 16 128 M | W, Hex NONE;
    TUN_METADATA51 "tun_metadata51" "NXM_NX_TUN_METADATA51" nx(91), nx(91), 16 128 M | W, Hex NONE;
    TUN_METADATA52 "tun_metadata52" "NXM_NX_TUN_METADATA52" nx(92), nx(92), 16 128 M | W, Hex NONE;
    TUN_METADATA53 "tun_metadata53" "NXM_NX_TUN_METADATA53" nx(93), nx(93), 16 128 M | W, Hex NONE;
    TUN_METADATA54 "tun_metadata54" "NXM_NX_TUN_METADATA54" nx(94), nx(94), 16 128 M | W, Hex NONE;
    TUN_METADATA55 "tun_metadata55" "NXM_NX_TUN_METADATA55" nx(95), nx(95), 16 128 M | W, Hex NONE;
    TUN_METADATA56 "tun_metadata56" "NXM_NX_TUN_METADATA56" nx(96), nx(96), 16 128 M | W, Hex NONE;
    TUN_METADATA57 "tun_metadata57" "NXM_NX_TUN_METADATA57" nx(97), nx(97), 16 128 M | W, Hex NONE;
    TUN_METADATA58 "tun_metadata58" "NXM_NX_TUN_METADATA58" nx(98), nx(98), 16 128 M | W, Hex NONE;
    TUN_METADATA59 "tun_metadata59" "NXM_NX_TUN_METADATA59" nx(99), nx(99), 16 128 M | W, Hex NONE;
    TUN_METADATA60 "tun_metadata60" "NXM_NX_TUN_METADATA60" nx(100), nx(100), 16 128 M | W, Hex NONE;
    TUN_METADATA61 "tun_metadata61" "NXM_NX_TUN_METADATA61" nx(101), nx(101), 16 128 M | W, Hex NONE;
    TUN_METADATA62 "tun_metadata62" "NXM_NX_TUN_METADATA62" nx(102), nx(102), 16 128 M | W, Hex NONE;
    TUN_METADATA63 "tun_metadata63" "NXM_NX_TUN_METADATA63" nx(103), nx(103), 16 128 M | W, Hex NONE;
    TUN_ERSPAN_IDX "tun_erspan_idx" "NXOXM_ET_ERSPAN_IDX" nicira(11), nicira(11), 4 20 M | W, Hex NONE;
    TUN_ERSPAN_VER "tun_erspan_ver" "NXOXM_ET_ERSPAN_VER" nicira(12), nicira(12), 1 4 M | W, Decimal NONE;
    TUN_ERSPAN_DIR "tun_erspan_dir" "NXOXM_ET_ERSPAN_DIR" nicira(13), nicira(13), 1 1 M | W, Decimal NONE;
    TUN_ERSPAN_HWID "tun_erspan_hwid" "NXOXM_ET_ERSPAN_HWID" nicira(14), nicira(14), 1 6 M | W, Hex NONE;
    TUN_GTPU_FLAGS "tun_gtpu_flags" "NXOXM_ET_GTPU_FLAGS" nicira(15), nicira(15), 1 8 M, Hex NONE;
    TUN_GTPU_MSGTYPE "tun_gtpu_msgtype" "NXOXM_ET_GTPU_MSGTYPE" nicira(16), nicira(16), 1 8 M, Decimal NONE;
    NSH_FLAGS "nsh_flags" "NXOXM_NSH_FLAGS" nsh(1), nsh(1), 1 8 M | W, Decimal NSH;
    NSH_TTL "nsh_ttl" "NXOXM_NSH_TTL" nsh(10), nsh(10), 1 8 W, Decimal NSH;
    NSH_MDTYPE "nsh_mdtype" "NXOXM_NSH_MDTYPE" nsh(2), nsh(2), 1 8 R, Decimal NSH;
    NSH_NP "nsh_np" "NXOXM_NSH_NP" nsh(3), nsh(3), 1 8 R, Decimal NSH;
    NSH_SPI "nsh_spi" "NXOXM_NSH_SPI" nsh(4), nsh(4), 4 24 W, Hex NSH;
    NSH_SI "nsh_si" "NXOXM_NSH_SI" nsh(5), nsh(5), 1 8 W, Decimal NSH;
    NSH_C1 "nsh_c1" "NXOXM_NSH_C1" nsh(6), nsh(6), 4 32 M | W, Hex NSH;
    NSH_C2 "nsh_c2" "NXOXM_NSH_C2" nsh(7), nsh(7), 4 32 M | W, Hex NSH;
    NSH_C3 "nsh_c3" "NXOXM_NSH_C3" nsh(8), nsh(8), 4 32 M | W, Hex NSH;
    NSH_C4 "nsh_c4" "NXOXM_NSH_C4" nsh(9), nsh(9), 4 32 M | W, Hex NSH;
    REG0 "reg0" "NXM_NX_REG0" nx(0), nx(0), 4 32 M | W, Hex NONE;
    REG1 "reg1" "NXM_NX_REG1" nx(1), nx(1), 4 32 M | W, Hex NONE;
    REG2 "reg2" "NXM_NX_REG2" nx(2), nx(2), 4 32 M | W, Hex NONE;
    REG3 "reg3" "NXM_NX_REG3" nx(3), nx(3), 4 32 M | W, Hex NONE;
    REG4 "reg4" "NXM_NX_REG4" nx(4), nx(4), 4 32 M | W, Hex NONE;
    REG5 "reg5" "NXM_NX_REG5" nx(5), nx(5), 4 32 M | W, Hex NONE;
    REG6 "reg6" "NXM_NX_REG6" nx(6), nx(6), 4 32 M | W, Hex NONE;
    REG7 "reg7" "NXM_NX_REG7" nx(7), nx(7), 4 32 M | W, Hex NONE;
    REG8 "reg8" "NXM_NX_REG8" nx(8), nx(8), 4 32 M | W, Hex NONE;
    REG9 "reg9" "NXM_NX_REG9" nx(9), nx(9), 4 32 M | W, Hex NONE;
    REG10 "reg10" "NXM_NX_REG10" nx(10), nx(10), 4 32 M | W, Hex NONE;
    REG11 "reg11" "NXM_NX_REG11" nx(11), nx(11), 4 32 M | W, Hex NONE;
    REG12 "reg12" "NXM_NX_REG12" nx(12), nx(12), 4 32 M | W, Hex NONE;
    REG13 "reg13" "NXM_NX_REG13" nx(13), nx(13), 4 32 M | W, Hex NONE;
    REG14 "reg14" "NXM_NX_REG14" nx(14), nx(14), 4 32 M | W, Hex NONE;
    REG15 "reg15" "NXM_NX_REG15" nx(15), nx(15), 4 32 M | W, Hex NONE;
    XREG0 "xreg0" "OXM_OF_PKT_REG0" pkt_reg(0), pkt_reg(0), 8 64 M | W, Hex NONE;
    XREG1 "xreg1" "OXM_OF_PKT_REG1" pkt_reg(1), pkt_reg(1), 8 64 M | W, Hex NONE;
    XREG2 "xreg2" "OXM_OF_PKT_REG2" pkt_reg(2), pkt_reg(2), 8 64 M | W, Hex NONE;
    XREG3 "xreg3" "OXM_OF_PKT_REG3" pkt_reg(3), pkt_reg(3), 8 64 M | W, Hex NONE;
    XREG4 "xreg4" "OXM_OF_PKT_REG4" pkt_reg(4), pkt_reg(4), 8 64 M | W, Hex NONE;
    XREG5 "xreg5" "OXM_OF_PKT_REG5" pkt_reg(5), pkt_reg(5), 8 64 M | W, Hex NONE;
    XREG6 "xreg6" "OXM_OF_PKT_REG6" pkt_reg(6), pkt_reg(6), 8 64 M | W, Hex NONE;
    XREG7 "xreg7" "OXM_OF_PKT_REG7" pkt_reg(7), pkt_reg(7), 8 64 M | W, Hex NONE;
    XXREG0 "xxreg0" "NXM_NX_XXREG0" nx(111), nx(111), 16 128 M | W, Hex NONE;
    XXREG1 "xxreg1" "NXM_NX_XXREG1" nx(112), nx(112), 16 128 M | W, Hex NONE;
    XXREG2 "xxreg2" "NXM_NX_XXREG2" nx(113), nx(113), 16 128 M | W, Hex NONE;
    XXREG3 "xxreg3" "NXM_NX_XXREG3" nx(114), nx(114), 16 128 M | W, Hex NONE;
    PKT_MARK "pkt_mark" "NXM_NX_PKT_MARK" nx(33), nx(33), 4 32 M | W, Hex NONE;
    CT_STATE "ct_state" "NXM_NX_CT_STATE" nx(105), nx(105), 4 32 M, CtState NONE;
    CT_ZONE "ct_zone" "NXM_NX_CT_ZONE" nx(106), nx(106), 2 16 R, Hex NONE;
    CT_MARK "ct_mark" "NXM_NX_CT_MARK" nx(107), nx(107), 4 32 M | W, Hex NONE;
    CT_LABEL "ct_label" "NXM_NX_CT_LABEL" nx(108), nx(108), 16 128 M | W, Hex NONE;
    CT_NW_SRC "ct_nw_src" "NXM_NX_CT_NW_SRC" nx(120), nx(120), 4 32 M, Ipv4 CT;
    CT_IPV6_SRC "ct_ipv6_src" "NXM_NX_CT_IPV6_SRC" nx(122), nx(122), 16 128 M, Ipv6 CT;
    CT_NW_DST "ct_nw_dst" "NXM_NX_CT_NW_DST" nx(121), nx(121), 4 32 M, Ipv4 CT;
    CT_IPV6_DST "ct_ipv6_dst" "NXM_NX_CT_IPV6_DST" nx(123), nx(123), 16 128 M, Ipv6 CT;
    CT_NW_PROTO "ct_nw_proto" "NXM_NX_CT_NW_PROTO" nx(119), nx(119), 1 8 R, Decimal CT;
    CT_TP_SRC "ct_tp_src" "NXM_NX_CT_TP_SRC" nx(124), nx(124), 2 16 M, DecimalOrHex CT;
    CT_TP_DST "ct_tp_dst" "NXM_NX_CT_TP_DST" nx(125), nx(125), 2 16 M, DecimalOrHex CT;
    METADATA "metadata" "OXM_OF_METADATA" oxm(2), oxm(2), 8 64 M | W, Hex NONE;
}
