//! Nicira's actions on the wire: what Open vSwitch adds to OpenFlow.

use addr::OfPort;

use super::{Action, Bundle, Sample, controller, ct, encap, hashing, learn, registers};
use crate::Bad;
use crate::wire::{Reader, Writer};

/// Nicira's experimenter number.
pub(crate) const NICIRA: u32 = 0x0000_2320;

const RESUBMIT: u16 = 1;
const POP_QUEUE: u16 = 5;
const REG_MOVE: u16 = 6;
const REG_LOAD: u16 = 7;
const NOTE: u16 = 8;
const MULTIPATH: u16 = 10;
const BUNDLE: u16 = 12;
const BUNDLE_LOAD: u16 = 13;
const RESUBMIT_TABLE: u16 = 14;
const OUTPUT_REG: u16 = 15;
const LEARN: u16 = 16;
const EXIT: u16 = 17;
const FIN_TIMEOUT: u16 = 19;
const CONTROLLER: u16 = 20;
const DEC_TTL_CNT_IDS: u16 = 21;
const WRITE_METADATA: u16 = 22;
const STACK_PUSH: u16 = 27;
const STACK_POP: u16 = 28;
const SAMPLE: u16 = 29;
const OUTPUT_REG2: u16 = 32;
const REG_LOAD2: u16 = 33;
const CONJUNCTION: u16 = 34;
const CT: u16 = 35;
const NAT: u16 = 36;
const CONTROLLER2: u16 = 37;
const SAMPLE2: u16 = 38;
const OUTPUT_TRUNC: u16 = 39;
const SAMPLE3: u16 = 41;
const CLONE: u16 = 42;
const CT_CLEAR: u16 = 43;
const RESUBMIT_TABLE_CT: u16 = 44;
const LEARN2: u16 = 45;
const ENCAP: u16 = 46;
const DECAP: u16 = 47;
const DEC_NSH_TTL: u16 = 48;
const CHECK_PKT_LARGER: u16 = 49;
const DELETE_FIELD: u16 = 50;

/// "As it is", in resubmit's 16-bit port.
const IN_PORT_16: u16 = 0xfff8;

/// "The table that this flow is in", in resubmit. (The form without a table says the same; Open vSwitch itself writes this one.)
const SAME_TABLE: u8 = 0xff;

/// Reads what follows the type and length of an experimenter's action.
pub(super) fn read(r: &mut Reader<'_>) -> Result<Action, Bad> {
    let experimenter = r.u32()?;
    if experimenter != NICIRA {
        return Err(Bad::Value { value: experimenter.into(), what: "action experimenter" });
    }
    let subtype = r.u16()?;
    Ok(match subtype {
        RESUBMIT | RESUBMIT_TABLE | RESUBMIT_TABLE_CT => read_resubmit(r, subtype)?,
        REG_MOVE => registers::read_move(r)?,
        REG_LOAD => registers::read_load(r)?,
        REG_LOAD2 => registers::read_load2(r)?,
        STACK_PUSH => Action::StackPush(registers::read_stack(r)?),
        STACK_POP => Action::StackPop(registers::read_stack(r)?),
        OUTPUT_REG => registers::read_output(r)?,
        OUTPUT_REG2 => registers::read_output2(r)?,
        OUTPUT_TRUNC => Action::OutputTrunc { port: port_from_16(r.u16()?), max_len: r.u32()? },
        CONTROLLER => controller::read(r)?,
        CONTROLLER2 => controller::read2(r)?,
        CHECK_PKT_LARGER => registers::read_check_pkt_larger(r)?,
        DELETE_FIELD => registers::read_delete(r)?,
        CT => ct::read(r)?,
        NAT => ct::read_nat(r)?,
        LEARN | LEARN2 => learn::read(r, subtype == LEARN2)?,
        CLONE => read_clone(r)?,
        CONJUNCTION => read_conjunction(r)?,
        MULTIPATH => hashing::read_multipath(r)?,
        BUNDLE | BUNDLE_LOAD => hashing::read_bundle(r, subtype == BUNDLE_LOAD)?,
        SAMPLE => hashing::read_sample(r, 1)?,
        SAMPLE2 => hashing::read_sample(r, 2)?,
        SAMPLE3 => hashing::read_sample(r, 3)?,
        NOTE => Action::Note(r.rest_bytes()),
        DEC_TTL_CNT_IDS => read_cnt_ids(r)?,
        FIN_TIMEOUT => read_fin_timeout(r)?,
        WRITE_METADATA => {
            r.zeros(6)?;
            Action::WriteMetadata { metadata: r.u64()?, mask: r.u64()? }
        }
        ENCAP => encap::read(r)?,
        DECAP => encap::read_decap(r)?,
        DEC_NSH_TTL => bare(r, Action::DecNshTtl)?,
        POP_QUEUE => bare(r, Action::PopQueue)?,
        EXIT => bare(r, Action::Exit)?,
        CT_CLEAR => bare(r, Action::CtClear)?,
        _ => return Err(Bad::Value { value: subtype.into(), what: "Nicira action" }),
    })
}

/// An action with nothing to say.
fn bare(r: &mut Reader<'_>, action: Action) -> Result<Action, Bad> {
    r.zeros(6)?;
    Ok(action)
}

fn read_resubmit(r: &mut Reader<'_>, subtype: u16) -> Result<Action, Bad> {
    let (port, table) = (r.u16()?, r.u8()?);
    r.zeros(3)?;
    let port = (port != IN_PORT_16).then(|| port_from_16(port));
    let table = match (subtype, table) {
        (RESUBMIT, 0) | (RESUBMIT_TABLE | RESUBMIT_TABLE_CT, SAME_TABLE) => None,
        (RESUBMIT, _) => return Err(Bad::Value { value: table.into(), what: "resubmit" }),
        _ => Some(table),
    };
    Ok(Action::Resubmit { port, table, ct: subtype == RESUBMIT_TABLE_CT })
}

fn read_clone(r: &mut Reader<'_>) -> Result<Action, Bad> {
    r.zeros(6)?;
    let mut inner = r.deeper()?;
    r.rest();
    Ok(Action::Clone(Action::read_list(&mut inner)?))
}

fn read_conjunction(r: &mut Reader<'_>) -> Result<Action, Bad> {
    let (clause, n_clauses) = (r.u8()?, r.u8()?);
    Ok(Action::Conjunction { id: r.u32()?, clause, n_clauses })
}

fn read_cnt_ids(r: &mut Reader<'_>) -> Result<Action, Bad> {
    let count = r.u16()?;
    r.zeros(4)?;
    let ids = (0..count).map(|_| r.u16()).collect::<Result<_, _>>()?;
    r.padding()?;
    Ok(Action::DecTtlCntIds(ids))
}

fn read_fin_timeout(r: &mut Reader<'_>) -> Result<Action, Bad> {
    let (idle_s, hard_s) = (r.u16()?, r.u16()?);
    r.zeros(2)?;
    Ok(Action::FinTimeout { idle_s, hard_s })
}

/// Writes an action that is not one of OpenFlow's own.
pub(super) fn write(action: &Action, w: &mut Writer<'_>) {
    let mark = w.open();
    let [high, low] = subtype(action).to_be_bytes();
    let [_, _, n2, n3] = NICIRA.to_be_bytes();
    w.bytes(&[0xff, 0xff, 0, 0, 0, 0, n2, n3, high, low]);
    write_body(action, w);
    w.pad_and_close(mark, 2);
}

fn subtype(action: &Action) -> u16 {
    match action {
        Action::Resubmit { ct: false, .. } => RESUBMIT_TABLE,
        Action::Resubmit { .. } => RESUBMIT_TABLE_CT,
        Action::RegMove { .. } => REG_MOVE,
        Action::RegLoad { dst, .. } if dst.field.has_short_name() => REG_LOAD,
        Action::RegLoad { .. } | Action::SetField { .. } => REG_LOAD2,
        Action::StackPush(_) => STACK_PUSH,
        Action::StackPop(_) => STACK_POP,
        Action::OutputReg { src, .. } if src.field.has_short_name() => OUTPUT_REG,
        Action::OutputReg { .. } => OUTPUT_REG2,
        Action::OutputTrunc { .. } => OUTPUT_TRUNC,
        Action::Controller(controller) if controller.is_plain() => CONTROLLER,
        Action::Controller(_) => CONTROLLER2,
        Action::CheckPktLarger { .. } => CHECK_PKT_LARGER,
        Action::Ct(_) => CT,
        Action::Nat(_) => NAT,
        Action::Learn(learn) if learn.limit.is_none() => LEARN,
        Action::Learn(_) => LEARN2,
        Action::Clone(_) => CLONE,
        Action::Conjunction { .. } => CONJUNCTION,
        Action::Multipath(_) => MULTIPATH,
        Action::Bundle(Bundle { dst: None, .. }) => BUNDLE,
        Action::Bundle(_) => BUNDLE_LOAD,
        Action::Sample(Sample { version: 1, .. }) => SAMPLE,
        Action::Sample(Sample { version: 2, .. }) => SAMPLE2,
        Action::Sample(_) => SAMPLE3,
        Action::DecTtlCntIds(_) => DEC_TTL_CNT_IDS,
        Action::FinTimeout { .. } => FIN_TIMEOUT,
        Action::WriteMetadata { .. } => WRITE_METADATA,
        Action::DeleteField(_) => DELETE_FIELD,
        Action::Encap(_) => ENCAP,
        Action::Decap { .. } => DECAP,
        Action::DecNshTtl => DEC_NSH_TTL,
        Action::PopQueue => POP_QUEUE,
        Action::Exit => EXIT,
        Action::CtClear => CT_CLEAR,
        Action::Note(_) => NOTE,
        _ => unreachable!("{action:?} is written by its own code"),
    }
}

fn write_body(action: &Action, w: &mut Writer<'_>) {
    match action {
        Action::Resubmit { port, table, .. } => {
            w.u16(port.map_or(IN_PORT_16, port_to_16));
            w.u8(table.unwrap_or(SAME_TABLE));
        }
        Action::RegMove { src, dst } => registers::write_move(w, *src, *dst),
        Action::RegLoad { dst, value } => registers::write_load(w, *dst, *value),
        Action::SetField { field, value, mask } => registers::write_load2(w, *field, *value, *mask),
        Action::StackPush(subfield) | Action::StackPop(subfield) => registers::write_stack(w, *subfield),
        Action::OutputReg { src, max_len } => registers::write_output(w, *src, *max_len),
        Action::CheckPktLarger { len, dst } => registers::write_check_pkt_larger(w, *len, *dst),
        Action::DeleteField(field) => registers::write_delete(w, *field),
        Action::Encap(encap) => encap.write(w),
        Action::Decap { packet_type } => encap::write_decap(w, *packet_type),
        Action::OutputTrunc { port, max_len } => {
            w.u16(port_to_16(*port));
            w.u32(*max_len);
        }
        Action::Controller(controller) => controller.write(w),
        Action::Ct(ct) => ct.write(w),
        Action::Nat(nat) => nat.write(w),
        Action::Learn(learn) => learn.write(w),
        Action::Clone(actions) => {
            w.zeros(6);
            Action::write_list(actions, w);
        }
        Action::Conjunction { id, clause, n_clauses } => {
            w.u8(*clause);
            w.u8(*n_clauses);
            w.u32(*id);
        }
        Action::Multipath(multipath) => multipath.write(w),
        Action::Bundle(bundle) => bundle.write(w),
        Action::Sample(sample) => sample.write(w),
        Action::DecTtlCntIds(ids) => {
            w.u16(ids.len() as u16);
            w.zeros(4);
            ids.iter().for_each(|id| w.u16(*id));
        }
        Action::FinTimeout { idle_s, hard_s } => {
            w.u16(*idle_s);
            w.u16(*hard_s);
        }
        Action::WriteMetadata { metadata, mask } => {
            w.zeros(6);
            w.u64(*metadata);
            w.u64(*mask);
        }
        Action::Note(note) => w.bytes(note),
        _ => {}
    }
}

/// A 16-bit port number of Nicira's actions: the reserved ones lie 16 bits higher in OpenFlow 1.3.
fn port_from_16(port: u16) -> OfPort {
    OfPort(if port >= 0xff00 { 0xffff_0000 | u32::from(port) } else { u32::from(port) })
}

fn port_to_16(port: OfPort) -> u16 {
    port.0 as u16
}
