//! Actions as `ovs-ofctl` writes them.

use std::fmt::{self, Display, Formatter, Write};
use std::net::IpAddr;

use addr::OfPort;

use super::encap::PacketType;
use super::{Action, Bundle, Controller, Ct, Learn, LearnDst, LearnSpec, LearnSrc, Multipath, Nat, Sample, ZoneSrc};
use super::{ct_flags, learn_flags, nat_flags};
use crate::field::{Ipv6Text, ValueText};
use crate::packet_in_reason;
use crate::text::{Dotted, Hex};

/// Actions with commas between; none are `drop`.
pub(crate) struct Actions<'a>(pub(crate) &'a [Action]);

impl Display for Actions<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("drop");
        }
        for (i, action) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_char(',')?;
            }
            action.fmt(f)?;
        }
        Ok(())
    }
}

impl Display for Action {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Action::Output { port: OfPort::CONTROLLER, max_len } => write!(f, "CONTROLLER:{max_len}"),
            Action::Output { port, .. } if port.0 <= OfPort::MAX.0 => write!(f, "output:{port}"),
            Action::Output { port, .. } => write!(f, "{port}"),
            Action::OutputTrunc { port, max_len } => write!(f, "output(port={port},max_len={max_len})"),
            Action::OutputReg { src, .. } => write!(f, "output:{src}"),
            Action::Group(group) => write!(f, "group:{group}"),
            Action::SetQueue(queue) => write!(f, "set_queue:{queue}"),
            Action::PopQueue => f.write_str("pop_queue"),
            Action::PushVlan(ethertype) => write!(f, "push_vlan:{}", Hex((*ethertype).into())),
            Action::PopVlan => f.write_str("pop_vlan"),
            Action::PushMpls(ethertype) => write!(f, "push_mpls:0x{ethertype:04x}"),
            Action::PopMpls(ethertype) => write!(f, "pop_mpls:0x{ethertype:04x}"),
            Action::SetMplsTtl(ttl) => write!(f, "set_mpls_ttl({ttl})"),
            Action::DecMplsTtl => f.write_str("dec_mpls_ttl"),
            Action::SetNwTtl(ttl) => write!(f, "mod_nw_ttl:{ttl}"),
            Action::DecNwTtl => f.write_str("dec_ttl"),
            Action::DecTtlCntIds(ids) => write_call(f, "dec_ttl", ids.iter().map(u16::to_string)),
            Action::CopyTtlOut => f.write_str("copy_ttl_out"),
            Action::CopyTtlIn => f.write_str("copy_ttl_in"),
            Action::SetField { field, value, mask } => {
                let text = ValueText { field: *field, value: *value, mask: *mask };
                write!(f, "set_field:{text}->{field}")
            }
            Action::RegMove { src, dst } => write!(f, "move:{src}->{dst}"),
            Action::RegLoad { dst, value } => write!(f, "load:{}->{dst}", Hex((*value).into())),
            Action::StackPush(subfield) => write!(f, "push:{subfield}"),
            Action::StackPop(subfield) => write!(f, "pop:{subfield}"),
            Action::Resubmit { port, table, ct } => write_resubmit(f, *port, *table, *ct),
            Action::Controller(controller) => controller.fmt(f),
            Action::CheckPktLarger { len, dst } => write!(f, "check_pkt_larger({len})->{dst}"),
            Action::Ct(ct) => ct.fmt(f),
            Action::Nat(nat) => nat.fmt(f),
            Action::CtClear => f.write_str("ct_clear"),
            Action::Learn(learn) => learn.fmt(f),
            Action::Conjunction { id, clause, n_clauses } => {
                write!(f, "conjunction({id},{}/{n_clauses})", u32::from(*clause) + 1)
            }
            Action::Multipath(multipath) => multipath.fmt(f),
            Action::Bundle(bundle) => bundle.fmt(f),
            Action::Note(note) => write!(f, "note:{}", Dotted(note)),
            Action::Clone(actions) => write!(f, "clone({})", Actions(actions)),
            Action::FinTimeout { idle_s, hard_s } => {
                let parts = [("idle_timeout", idle_s), ("hard_timeout", hard_s)].into_iter();
                let said = parts.filter(|(_, seconds)| **seconds != 0);
                write_call(f, "fin_timeout", said.map(|(name, seconds)| format!("{name}={seconds}")))
            }
            Action::Sample(sample) => sample.fmt(f),
            Action::WriteMetadata { metadata, mask } => write_metadata(f, *metadata, *mask),
            Action::DeleteField(field) => write!(f, "delete_field:{field}"),
            Action::Encap(encap) => encap.fmt(f),
            Action::Decap { packet_type } => {
                write_call(f, "decap", packet_type.iter().map(|under| PacketType(*under).to_string()))
            }
            Action::DecNshTtl => f.write_str("dec_nsh_ttl"),
            Action::Exit => f.write_str("exit"),
            Action::Unknown(raw) => write!(f, "unknown({})", Dotted(raw)),
        }
    }
}

/// `name(a,b,c)`
fn write_call(f: &mut Formatter<'_>, name: &str, parts: impl Iterator<Item = String>) -> fmt::Result {
    write!(f, "{name}({})", parts.collect::<Vec<_>>().join(","))
}

pub(crate) fn write_metadata(f: &mut Formatter<'_>, metadata: u64, mask: u64) -> fmt::Result {
    write!(f, "write_metadata:{}", Hex(metadata.into()))?;
    if mask == u64::MAX { Ok(()) } else { write!(f, "/{}", Hex(mask.into())) }
}

fn write_resubmit(f: &mut Formatter<'_>, port: Option<OfPort>, table: Option<u8>, ct: bool) -> fmt::Result {
    match (port, table) {
        (Some(port), None) => return write!(f, "resubmit:{port}"),
        (Some(port), Some(table)) => write!(f, "resubmit({port},{table}")?,
        (None, Some(table)) => write!(f, "resubmit(,{table}")?,
        (None, None) => f.write_str("resubmit(,")?,
    }
    f.write_str(if ct { ",ct)" } else { ")" })
}

impl Display for Controller {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let standard = Controller { max_len: self.max_len, ..Controller::default() };
        if *self == standard {
            return write!(f, "CONTROLLER:{}", self.max_len);
        }
        let Controller { max_len, controller_id, reason, userdata, pause, meter_id, unknown } = self;
        let mut parts = Vec::new();
        if *reason != packet_in_reason::ACTION {
            parts.push(format!("reason={}", reason_name(*reason)));
        }
        if *max_len != crate::NO_TRUNCATION {
            parts.push(format!("max_len={max_len}"));
        }
        if *controller_id != 0 {
            parts.push(format!("id={controller_id}"));
        }
        if !userdata.is_empty() {
            parts.push(format!("userdata={}", Dotted(userdata)));
        }
        if *pause {
            parts.push("pause".to_owned());
        }
        parts.extend(meter_id.map(|meter| format!("meter_id={meter}")));
        parts.extend(unknown.iter().map(|raw| format!("unknown({})", Dotted(raw))));
        write_call(f, "controller", parts.into_iter())
    }
}

fn reason_name(reason: u8) -> String {
    let names = ["no_match", "action", "invalid_ttl", "action_set", "group", "packet_out"];
    names.get(usize::from(reason)).map_or_else(|| reason.to_string(), |name| (*name).to_owned())
}

impl Display for Ct {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Ct { flags, zone, table, alg, exec } = self;
        let mut parts = Vec::new();
        if flags & ct_flags::COMMIT != 0 {
            parts.push("commit".to_owned());
        }
        if flags & ct_flags::FORCE != 0 {
            parts.push("force".to_owned());
        }
        parts.extend(table.map(|table| format!("table={table}")));
        match zone {
            ZoneSrc::Imm(0) => {}
            ZoneSrc::Imm(zone) => parts.push(format!("zone={zone}")),
            ZoneSrc::Field(subfield) => parts.push(format!("zone={subfield}")),
        }
        let rest = match &exec[..] {
            [Action::Nat(nat), rest @ ..] => {
                parts.push(nat.to_string());
                rest
            }
            all => all,
        };
        if !rest.is_empty() {
            parts.push(format!("exec({})", Actions(rest)));
        }
        match alg {
            0 => {}
            21 => parts.push("alg=ftp".to_owned()),
            69 => parts.push("alg=tftp".to_owned()),
            other => parts.push(format!("alg={other}")),
        }
        write_call(f, "ct", parts.into_iter())
    }
}

impl Display for Nat {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Nat { flags, min, max, port_min, port_max } = self;
        let direction = match flags {
            flags if flags & nat_flags::SRC != 0 => "src",
            flags if flags & nat_flags::DST != 0 => "dst",
            _ => return f.write_str("nat"),
        };
        let Some(min) = min else { return write!(f, "nat({direction})") };
        let brackets = port_min.is_some();
        write!(f, "nat({direction}={}", Bracketed(*min, brackets))?;
        if let Some(max) = max.filter(|max| max != min) {
            write!(f, "-{}", Bracketed(max, brackets))?;
        }
        if let Some(port) = port_min {
            write!(f, ":{port}")?;
            if let Some(last) = port_max.filter(|last| last != port) {
                write!(f, "-{last}")?;
            }
        }
        let named = [
            (nat_flags::PERSISTENT, ",persistent"),
            (nat_flags::PROTO_HASH, ",hash"),
            (nat_flags::PROTO_RANDOM, ",random"),
        ];
        for (_, name) in named.into_iter().filter(|(flag, _)| flags & flag != 0) {
            f.write_str(name)?;
        }
        f.write_char(')')
    }
}

/// An address; an IPv6 one in brackets if a port follows.
struct Bracketed(IpAddr, bool);

impl Display for Bracketed {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match (self.0, self.1) {
            (IpAddr::V4(address), _) => write!(f, "{address}"),
            (IpAddr::V6(address), true) => write!(f, "[{}]", Ipv6Text(address)),
            (IpAddr::V6(address), false) => write!(f, "{}", Ipv6Text(address)),
        }
    }
}

impl Display for Learn {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Learn { idle_timeout_s, hard_timeout_s, priority, cookie, flags, table, specs, limit, .. } = self;
        write!(f, "learn(table={table}")?;
        for (name, seconds) in [
            ("idle_timeout", idle_timeout_s),
            ("hard_timeout", hard_timeout_s),
            ("fin_idle_timeout", &self.fin_idle_timeout_s),
            ("fin_hard_timeout", &self.fin_hard_timeout_s),
        ] {
            if *seconds != 0 {
                write!(f, ",{name}={seconds}")?;
            }
        }
        if *priority != 0x8000 {
            write!(f, ",priority={priority}")?;
        }
        if flags & learn_flags::SEND_FLOW_REM != 0 {
            f.write_str(",send_flow_rem")?;
        }
        if flags & learn_flags::DELETE_LEARNED != 0 {
            f.write_str(",delete_learned")?;
        }
        if *cookie != 0 {
            write!(f, ",cookie={cookie:#x}")?;
        }
        if let Some(limit) = limit {
            if limit.flows != 0 {
                write!(f, ",limit={}", limit.flows)?;
            }
            if let Some(result) = limit.result {
                write!(f, ",result_dst={result}")?;
            }
        }
        specs.iter().try_for_each(|spec| write!(f, ",{spec}"))?;
        f.write_char(')')
    }
}

impl Display for LearnSpec {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match (&self.src, &self.dst) {
            (LearnSrc::Imm(value), LearnDst::Match(dst)) if dst.offset == 0 && dst.bits == dst.field.bits() => {
                write!(f, "{}={}", dst.field, ValueText { field: dst.field, value: *value, mask: None })
            }
            (LearnSrc::Imm(value), LearnDst::Match(dst)) => write!(f, "{dst}={value:#x}"),
            (LearnSrc::Imm(value), LearnDst::Load(dst)) => write!(f, "load:{value:#x}->{dst}"),
            (LearnSrc::Imm(value), LearnDst::Output) => write!(f, "output:{value:#x}"),
            (LearnSrc::Field(src), LearnDst::Match(dst)) if src == dst => write!(f, "{dst}"),
            (LearnSrc::Field(src), LearnDst::Match(dst)) => write!(f, "{dst}={src}"),
            (LearnSrc::Field(src), LearnDst::Load(dst)) => write!(f, "load:{src}->{dst}"),
            (LearnSrc::Field(src), LearnDst::Output) => write!(f, "output:{src}"),
        }
    }
}

fn hash_fields(fields: u16) -> &'static str {
    let names = ["eth_src", "symmetric_l4", "symmetric_l3l4", "symmetric_l3l4+udp", "nw_src", "nw_dst", "symmetric_l3"];
    names.get(usize::from(fields)).copied().unwrap_or("<unknown>")
}

impl Display for Multipath {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Multipath { fields, basis, algorithm, max_link, arg, dst } = self;
        let names = ["modulo_n", "hash_threshold", "hrw", "iter_hash"];
        let algorithm = names.get(usize::from(*algorithm)).unwrap_or(&"<unknown>");
        let links = u32::from(*max_link) + 1;
        write!(f, "multipath({},{basis},{algorithm},{links},{arg},{dst})", hash_fields(*fields))
    }
}

impl Display for Bundle {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Bundle { algorithm, fields, basis, members, dst } = self;
        let algorithm = ["active_backup", "hrw"].get(usize::from(*algorithm)).unwrap_or(&"<unknown>");
        let name = if dst.is_some() { "bundle_load" } else { "bundle" };
        write!(f, "{name}({},{basis},{algorithm},ofport,", hash_fields(*fields))?;
        if let Some(dst) = dst {
            write!(f, "{dst},")?;
        }
        let members: Vec<_> = members.iter().map(u16::to_string).collect();
        write!(f, "members:{})", members.join(","))
    }
}

impl Display for Sample {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Sample { probability, collector_set_id, obs_domain_id, obs_point_id, sampling_port, direction, .. } = self;
        write!(
            f,
            "sample(probability={probability},collector_set_id={collector_set_id},obs_domain_id={obs_domain_id},\
             obs_point_id={obs_point_id}"
        )?;
        if *sampling_port != 0xffff {
            write!(f, ",sampling_port={sampling_port}")?;
        }
        f.write_str(match direction {
            1 => ",ingress)",
            2 => ",egress)",
            _ => ")",
        })
    }
}
