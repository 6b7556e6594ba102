//! Instructions, flows, groups and meters as `ovs-ofctl` writes them.

use std::fmt::{self, Display, Formatter, Write};

use addr::OfPort;

use crate::action::{Actions, write_metadata};
use crate::match_text::PriorityMatch;
use crate::text::Dotted;
use crate::{
    Bucket, FlowMod, FlowModCommand, FlowStats, GroupDesc, GroupMod, GroupModCommand, GroupType, Instruction,
    MeterBand, MeterConfig, MeterMod, MeterModCommand, flow_flags, meter_flags, meter_id,
};

impl Display for Instruction {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Instruction::GotoTable(table) => write!(f, "goto_table:{table}"),
            Instruction::WriteMetadata { metadata, mask } => write_metadata(f, *metadata, *mask),
            Instruction::WriteActions(actions) => write!(f, "write_actions({})", Actions(actions)),
            Instruction::ApplyActions(actions) => write!(f, "{}", Actions(actions)),
            Instruction::ClearActions => f.write_str("clear_actions"),
            Instruction::Meter(meter) => write!(f, "meter:{meter}"),
            Instruction::Unknown(raw) => write!(f, "unknown_instruction({})", Dotted(raw)),
        }
    }
}

/// Instructions with commas between; none are `drop`.
struct Instructions<'a>(&'a [Instruction]);

impl Display for Instructions<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let nothing = |instruction: &Instruction| matches!(instruction, Instruction::ApplyActions(a) if a.is_empty());
        let mut is_first = true;
        for instruction in self.0.iter().filter(|instruction| !nothing(instruction)) {
            if !is_first {
                f.write_char(',')?;
            }
            is_first = false;
            instruction.fmt(f)?;
        }
        if is_first { f.write_str("drop") } else { Ok(()) }
    }
}

fn write_flow_flags(f: &mut Formatter<'_>, flags: u16) -> fmt::Result {
    let names = [
        (flow_flags::SEND_FLOW_REM, "send_flow_rem "),
        (flow_flags::CHECK_OVERLAP, "check_overlap "),
        (flow_flags::RESET_COUNTS, "reset_counts "),
        (flow_flags::NO_PKT_COUNTS, "no_packet_counts "),
        (flow_flags::NO_BYT_COUNTS, "no_byte_counts "),
    ];
    names.iter().filter(|(flag, _)| flags & flag != 0).try_for_each(|(_, name)| f.write_str(name))
}

impl Display for FlowMod {
    /// As `ovs-ofctl ofp-print` shows it: `ADD table:1 priority=5,ipv6 cookie:0x1 actions=drop`.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let FlowMod { cookie, cookie_mask, table, command, idle_timeout_s, hard_timeout_s, priority, .. } = self;
        let FlowMod { buffer_id, out_port, out_group: _, flags, match_, instructions, .. } = self;
        f.write_str(match command {
            FlowModCommand::Add => "ADD ",
            FlowModCommand::Modify => "MOD ",
            FlowModCommand::ModifyStrict => "MOD_STRICT ",
            FlowModCommand::Delete => "DEL ",
            FlowModCommand::DeleteStrict => "DEL_STRICT ",
        })?;
        if *table != 0 {
            write!(f, "table:{table} ")?;
        }
        let conditions = PriorityMatch(*priority, match_).to_string();
        if !conditions.is_empty() {
            write!(f, "{conditions} ")?;
        }
        // OpenFlow has one field for the cookie to set and the one to look for.
        if *cookie_mask != 0 {
            write!(f, "cookie:{cookie:#x}/{cookie_mask:#x} ")?;
        } else if *cookie != 0 && *cookie != u64::MAX {
            write!(f, "cookie:{cookie:#x} ")?;
        }
        for (name, seconds) in [("idle", idle_timeout_s), ("hard", hard_timeout_s)] {
            if *seconds != 0 {
                write!(f, "{name}:{seconds} ")?;
            }
        }
        if *buffer_id != crate::NO_BUFFER {
            write!(f, "buf:{buffer_id:#x} ")?;
        }
        if *out_port != OfPort::ANY {
            write!(f, "out_port:{out_port} ")?;
        }
        write_flow_flags(f, *flags)?;
        write!(f, "actions={}", Instructions(instructions))
    }
}

impl Display for FlowStats {
    /// As `ovs-ofctl dump-flows` shows it.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let FlowStats { table, duration_s, duration_ns, priority, idle_timeout_s, hard_timeout_s, .. } = self;
        let FlowStats { flags, cookie, packets, bytes, match_, instructions, .. } = self;
        write!(f, "cookie={cookie:#x}, duration={duration_s}")?;
        if *duration_ns != 0 {
            let fraction = format!("{duration_ns:09}");
            write!(f, ".{}", fraction.trim_end_matches('0'))?;
        }
        write!(f, "s, table={table}, n_packets={packets}, n_bytes={bytes}, ")?;
        for (name, seconds) in [("idle_timeout", idle_timeout_s), ("hard_timeout", hard_timeout_s)] {
            if *seconds != 0 {
                write!(f, "{name}={seconds}, ")?;
            }
        }
        write_flow_flags(f, *flags)?;
        let conditions = PriorityMatch(*priority, match_).to_string();
        if !conditions.is_empty() {
            write!(f, "{conditions} ")?;
        }
        write!(f, "actions={}", Instructions(instructions))
    }
}

impl Display for GroupType {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            GroupType::All => "all",
            GroupType::Select => "select",
            GroupType::Indirect => "indirect",
            GroupType::FastFailover => "ff",
        })
    }
}

impl Display for GroupMod {
    /// As `ovs-ofctl ofp-print` shows it, on one line.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self.command {
            GroupModCommand::Add => "ADD ",
            GroupModCommand::Modify => "MOD ",
            GroupModCommand::AddOrModify => "ADD_OR_MOD ",
            GroupModCommand::Delete => "DEL ",
        })?;
        write_group(f, self.group_id, self.kind, &self.buckets)
    }
}

impl Display for GroupDesc {
    /// As `ovs-ofctl dump-groups` shows it.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write_group(f, self.group_id, self.kind, &self.buckets)
    }
}

fn write_group(f: &mut Formatter<'_>, group_id: u32, kind: GroupType, buckets: &[Bucket]) -> fmt::Result {
    write!(f, "group_id={group_id},type={kind}")?;
    for Bucket { weight, watch_port, watch_group, actions } in buckets {
        f.write_str(",bucket=")?;
        if *weight != u16::from(kind == GroupType::Select) {
            write!(f, "weight:{weight},")?;
        }
        if *watch_port != OfPort::ANY {
            write!(f, "watch_port:{watch_port},")?;
        }
        if *watch_group != crate::GROUP_ANY {
            write!(f, "watch_group:{watch_group},")?;
        }
        write!(f, "actions={}", Actions(actions))?;
    }
    Ok(())
}

impl Display for MeterMod {
    /// As `ovs-ofctl ofp-print` shows it, on one line.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self.command {
            MeterModCommand::Add => "ADD ",
            MeterModCommand::Modify => "MOD ",
            MeterModCommand::Delete => "DEL ",
        })?;
        write_meter(f, self.meter_id, self.flags, &self.bands)
    }
}

impl Display for MeterConfig {
    /// As `ovs-ofctl dump-meters` shows it, on one line.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write_meter(f, self.meter_id, self.flags, &self.bands)
    }
}

fn write_meter(f: &mut Formatter<'_>, meter: u32, flags: u16, bands: &[MeterBand]) -> fmt::Result {
    match meter {
        meter_id::SLOWPATH => f.write_str("meter=slowpath ")?,
        meter_id::CONTROLLER => f.write_str("meter=controller ")?,
        meter_id::ALL => f.write_str("meter=all ")?,
        number => write!(f, "meter={number} ")?,
    }
    let names = [
        (meter_flags::KBPS, "kbps "),
        (meter_flags::PKTPS, "pktps "),
        (meter_flags::BURST, "burst "),
        (meter_flags::STATS, "stats "),
    ];
    for (_, name) in names.iter().filter(|(flag, _)| flags & flag != 0) {
        f.write_str(name)?;
    }
    f.write_str("bands=")?;
    let has_burst = flags & meter_flags::BURST != 0;
    for band in bands {
        let (name, rate, burst) = match band {
            MeterBand::Drop { rate, burst } => ("drop", rate, burst),
            MeterBand::DscpRemark { rate, burst, .. } => ("dscp_remark", rate, burst),
            MeterBand::Unknown(raw) => {
                write!(f, " unknown({})", Dotted(raw))?;
                continue;
            }
        };
        write!(f, " type={name} rate={rate}")?;
        if has_burst {
            write!(f, " burst_size={burst}")?;
        }
        if let MeterBand::DscpRemark { precedence, .. } = band {
            write!(f, " prec_level={precedence}")?;
        }
    }
    Ok(())
}
