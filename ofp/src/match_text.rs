//! Matches as `ovs-ofctl` writes them: `ipv6,in_port=3,ipv6_dst=fd00::/8`.

use std::fmt::{self, Write};

use crate::field::{TUN_FLAGS, ValueText, implied_mask, write_flags};
use crate::text::Hex;
use crate::{Field, Match};

/// A flow's priority and match: the priority is not said when it is 32768.
pub(crate) struct PriorityMatch<'a>(pub(crate) u16, pub(crate) &'a Match);

impl fmt::Display for PriorityMatch<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let PriorityMatch(priority, match_) = *self;
        let mut text = Text { f, match_, is_first: true };
        if priority != 0x8000 {
            text.item(format_args!("priority={priority}"))?;
        }
        text.write()
    }
}

impl fmt::Display for Match {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        PriorityMatch(0x8000, self).fmt(f)
    }
}

/// Writes items with commas between.
struct Text<'a, 'f> {
    f: &'a mut fmt::Formatter<'f>,
    match_: &'a Match,
    is_first: bool,
}

const NUMBERS_BEFORE: &[Field] = &[Field::PKT_MARK, Field::RECIRC_ID, Field::DP_HASH];

impl Text<'_, '_> {
    fn write(&mut self) -> fmt::Result {
        self.metadata()?;
        let ethertype = self.match_.get(Field::ETH_TYPE).map(|(value, _)| value as u16);
        let proto = self.match_.get(Field::IP_PROTO).map(|(value, _)| value as u8);
        let (word, type_said, proto_said) = shorthand(ethertype, proto);
        if type_said {
            self.item(format_args!("{word}"))?;
        }
        for n in 0..16 {
            self.number(Field::reg(n))?;
        }
        self.tunnel()?;
        self.number(Field::METADATA)?;
        self.value(Field::IN_PORT, "in_port")?;
        self.vlan()?;
        self.value(Field::ETH_SRC, "dl_src")?;
        self.value(Field::ETH_DST, "dl_dst")?;
        if let (Some(ethertype), false) = (ethertype, type_said) {
            self.item(format_args!("dl_type=0x{ethertype:04x}"))?;
        }
        self.network(proto_said)?;
        self.transport()?;
        let match_ = self.match_;
        for oxm in match_.unknown() {
            self.item(format_args!("unknown({})", crate::text::Dotted(oxm)))?;
        }
        Ok(())
    }

    fn item(&mut self, text: fmt::Arguments<'_>) -> fmt::Result {
        if !self.is_first {
            self.f.write_char(',')?;
        }
        self.is_first = false;
        self.f.write_fmt(text)
    }

    /// A field in its own format.
    fn value(&mut self, field: Field, name: &str) -> fmt::Result {
        let Some((value, mask)) = self.match_.get(field) else { return Ok(()) };
        let mask = (mask != field.full_mask()).then_some(mask);
        self.item(format_args!("{name}={}", ValueText { field, value, mask }))
    }

    /// A number in hexadecimal, where zero is just `0`.
    fn number(&mut self, field: Field) -> fmt::Result {
        let Some((value, mask)) = self.match_.get(field) else { return Ok(()) };
        if mask == field.full_mask() {
            self.item(format_args!("{field}={}", Hex(value)))
        } else {
            self.item(format_args!("{field}={}/{}", Hex(value), Hex(mask)))
        }
    }

    /// A number in decimal, or in hexadecimal if it is masked.
    fn decimal(&mut self, field: Field, name: &str) -> fmt::Result {
        let Some((value, mask)) = self.match_.get(field) else { return Ok(()) };
        if mask == field.full_mask() {
            self.item(format_args!("{name}={value}"))
        } else {
            self.item(format_args!("{name}={value:#x}/{mask:#x}"))
        }
    }

    fn metadata(&mut self) -> fmt::Result {
        for field in NUMBERS_BEFORE {
            self.number(*field)?;
        }
        self.decimal(Field::CONJ_ID, "conj_id")?;
        self.value(Field::ACTSET_OUTPUT, "actset_output")?;
        self.value(Field::CT_STATE, "ct_state")?;
        self.decimal(Field::CT_ZONE, "ct_zone")?;
        self.number(Field::CT_MARK)?;
        self.value(Field::CT_LABEL, "ct_label")?;
        for field in [Field::CT_NW_SRC, Field::CT_IPV6_SRC, Field::CT_NW_DST, Field::CT_IPV6_DST] {
            self.value(field, field.name())?;
        }
        for field in [Field::CT_NW_PROTO, Field::CT_TP_SRC, Field::CT_TP_DST] {
            self.decimal(field, field.name())?;
        }
        if let Some((packet_type, _)) = self.match_.get(Field::PACKET_TYPE) {
            self.item(format_args!("packet_type=({},0x{:x})", packet_type >> 16, packet_type & 0xffff))?;
        }
        Ok(())
    }

    fn tunnel(&mut self) -> fmt::Result {
        self.number(Field::TUN_ID)?;
        for field in [Field::TUN_IPV4_SRC, Field::TUN_IPV4_DST, Field::TUN_IPV6_SRC, Field::TUN_IPV6_DST] {
            self.value(field, field.name())?;
        }
        self.decimal(Field::TUN_GBP_ID, "tun_gbp_id")?;
        self.number(Field::TUN_GBP_FLAGS)?;
        // Of these Open vSwitch doesn't say the masks.
        let value = |field| self.match_.get(field).map(|(value, _)| value);
        let [version, index] = [Field::TUN_ERSPAN_VER, Field::TUN_ERSPAN_IDX].map(value);
        let [direction, hardware] = [Field::TUN_ERSPAN_DIR, Field::TUN_ERSPAN_HWID].map(value);
        let [flags, kind] = [Field::TUN_GTPU_FLAGS, Field::TUN_GTPU_MSGTYPE].map(value);
        version.map_or(Ok(()), |n| self.item(format_args!("tun_erspan_ver={n}")))?;
        index.map_or(Ok(()), |n| self.item(format_args!("tun_erspan_idx={}", Hex(n))))?;
        direction.map_or(Ok(()), |n| self.item(format_args!("tun_erspan_dir={n}")))?;
        hardware.map_or(Ok(()), |n| self.item(format_args!("tun_erspan_hwid={}", Hex(n))))?;
        flags.map_or(Ok(()), |n| self.item(format_args!("gtpu_flags={}", Hex(n))))?;
        kind.map_or(Ok(()), |n| self.item(format_args!("gtpu_msgtype={n}")))?;
        if let Some((value, mask)) = self.match_.get(Field::TUN_FLAGS) {
            let flags = Flags { names: TUN_FLAGS, value, mask };
            self.item(format_args!("tun_flags={flags}"))?;
        }
        (0..64).try_for_each(|n| self.option(Field::tun_metadata(n)))
    }

    /// A tunnel option, whose mask is said if it leaves out bits of the bytes that it is about.
    fn option(&mut self, field: Field) -> fmt::Result {
        let Some((value, mask)) = self.match_.get(field) else { return Ok(()) };
        let mask = (mask != implied_mask(field, field.wire_bytes(value, mask))).then_some(mask);
        self.item(format_args!("{field}={}", ValueText { field, value, mask }))
    }

    /// The VLAN header as one 16-bit number, where `dl_vlan` and `dl_vlan_pcp` can't say it.
    fn vlan(&mut self) -> fmt::Result {
        let (vid, vid_mask) = self.match_.get(Field::VLAN_VID).unwrap_or((0, 0));
        let (pcp, pcp_mask) = self.match_.get(Field::VLAN_PCP).unwrap_or((0, 0));
        if vid_mask == 0 && pcp_mask == 0 {
            return Ok(());
        }
        let present = vid & vid_mask & 0x1000 != 0;
        let (vid_bits, pcp_bits) = (vid_mask & 0xfff, pcp_mask & 7);
        let whole = (vid_bits == 0 || vid_bits == 0xfff) && (pcp_bits == 0 || pcp_bits == 7);
        if present && whole && (vid_bits | pcp_bits) != 0 {
            if vid_bits != 0 {
                self.item(format_args!("dl_vlan={}", vid & 0xfff))?;
            }
            if pcp_bits != 0 {
                self.item(format_args!("dl_vlan_pcp={pcp}"))?;
            }
            return Ok(());
        }
        let (tci, mask) = (vid | pcp << 13, vid_mask | pcp_mask << 13);
        if mask == 0xffff {
            self.item(format_args!("vlan_tci=0x{tci:04x}"))
        } else {
            self.item(format_args!("vlan_tci=0x{tci:04x}/0x{mask:04x}"))
        }
    }

    fn network(&mut self, proto_said: bool) -> fmt::Result {
        self.value(Field::IPV6_SRC, "ipv6_src")?;
        self.value(Field::IPV6_DST, "ipv6_dst")?;
        if let Some((value, mask)) = self.match_.get(Field::IPV6_LABEL) {
            if mask == Field::IPV6_LABEL.full_mask() {
                self.item(format_args!("ipv6_label=0x{value:05x}"))?;
            } else {
                self.item(format_args!("ipv6_label=0x{value:05x}/0x{mask:05x}"))?;
            }
        }
        self.value(Field::ARP_SPA, "arp_spa")?;
        self.value(Field::ARP_TPA, "arp_tpa")?;
        for n in Field::NSH_FLAGS.0..=Field::NSH_C4.0 {
            let field = Field(n);
            self.value(field, field.name())?;
        }
        self.value(Field::IPV4_SRC, "nw_src")?;
        self.value(Field::IPV4_DST, "nw_dst")?;
        if !proto_said {
            self.decimal(Field::IP_PROTO, "nw_proto")?;
        }
        self.decimal(Field::ARP_OP, "arp_op")?;
        self.value(Field::ARP_SHA, "arp_sha")?;
        self.value(Field::ARP_THA, "arp_tha")?;
        if let Some((dscp, _)) = self.match_.get(Field::IP_DSCP) {
            self.item(format_args!("nw_tos={}", dscp << 2))?;
        }
        self.decimal(Field::IP_ECN, "nw_ecn")?;
        self.decimal(Field::NW_TTL, "nw_ttl")?;
        for field in [Field::MPLS_LABEL, Field::MPLS_TC, Field::MPLS_TTL, Field::MPLS_BOS] {
            self.decimal(field, field.name())?;
        }
        self.value(Field::IP_FRAG, "nw_frag")
    }

    fn transport(&mut self) -> fmt::Result {
        for (field, name) in [
            (Field::ICMPV4_TYPE, "icmp_type"),
            (Field::ICMPV4_CODE, "icmp_code"),
            (Field::ICMPV6_TYPE, "icmp_type"),
            (Field::ICMPV6_CODE, "icmp_code"),
        ] {
            self.decimal(field, name)?;
        }
        self.value(Field::ND_TARGET, "nd_target")?;
        self.value(Field::ND_SLL, "nd_sll")?;
        self.value(Field::ND_TLL, "nd_tll")?;
        self.decimal(Field::ND_RESERVED, "nd_reserved")?;
        self.decimal(Field::ND_OPTIONS_TYPE, "nd_options_type")?;
        for (field, name) in [
            (Field::TCP_SRC, "tp_src"),
            (Field::UDP_SRC, "tp_src"),
            (Field::SCTP_SRC, "tp_src"),
            (Field::TCP_DST, "tp_dst"),
            (Field::UDP_DST, "tp_dst"),
            (Field::SCTP_DST, "tp_dst"),
        ] {
            self.decimal(field, name)?;
        }
        self.value(Field::TCP_FLAGS, "tcp_flags")
    }
}

struct Flags {
    names: &'static [&'static str],
    value: u128,
    mask: u128,
}

impl fmt::Display for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Open vSwitch knows more tunnel flags than it shows: never all are matched.
        write_flags(f, self.names, self.value, self.mask, u128::MAX)
    }
}

/// One word for ethertype and protocol, and whether it says the ethertype and the protocol.
fn shorthand(ethertype: Option<u16>, proto: Option<u8>) -> (&'static str, bool, bool) {
    match (ethertype, proto) {
        (Some(0x0800), Some(1)) => ("icmp", true, true),
        (Some(0x0800), Some(6)) => ("tcp", true, true),
        (Some(0x0800), Some(17)) => ("udp", true, true),
        (Some(0x0800), Some(132)) => ("sctp", true, true),
        (Some(0x0800), _) => ("ip", true, false),
        (Some(0x86dd), Some(58)) => ("icmp6", true, true),
        (Some(0x86dd), Some(6)) => ("tcp6", true, true),
        (Some(0x86dd), Some(17)) => ("udp6", true, true),
        (Some(0x86dd), Some(132)) => ("sctp6", true, true),
        (Some(0x86dd), _) => ("ipv6", true, false),
        (Some(0x0806), _) => ("arp", true, false),
        (Some(0x8035), _) => ("rarp", true, false),
        (Some(0x8847), _) => ("mpls", true, false),
        (Some(0x8848), _) => ("mplsm", true, false),
        _ => ("", false, false),
    }
}
