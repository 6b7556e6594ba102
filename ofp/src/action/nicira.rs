//! Nicira's actions on the wire: what Open vSwitch adds to OpenFlow.

use addr::OfPort;
use bytes::Bytes;

use super::{Action, Bundle, Controller, Multipath, Sample, ct, learn};
use crate::Bad;
use crate::field::{Subfield, ones, read_entry, read_field};
use crate::wire::{Reader, Writer, read_properties, write_property, write_raw_property, write_u16_property};

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
const CHECK_PKT_LARGER: u16 = 49;
const DELETE_FIELD: u16 = 50;

/// "As it is", in resubmit's 16-bit port.
const IN_PORT_16: u16 = 0xfff8;

/// Reads what follows the type and length of an experimenter's action.
pub(super) fn read(r: &mut Reader<'_>) -> Result<Action, Bad> {
    let experimenter = r.u32()?;
    if experimenter != NICIRA {
        return Err(Bad::Value { value: experimenter.into(), what: "action experimenter" });
    }
    let subtype = r.u16()?;
    Ok(match subtype {
        RESUBMIT => {
            let port = port_unless_in_port(r.u16()?);
            r.zeros(4)?;
            Action::Resubmit { port, table: None, ct: false }
        }
        RESUBMIT_TABLE | RESUBMIT_TABLE_CT => read_resubmit(r, subtype == RESUBMIT_TABLE_CT)?,
        REG_MOVE => read_move(r)?,
        REG_LOAD => {
            let (offset, bits) = read_range(r)?;
            let dst = subfield(read_field(r)?, offset, bits)?;
            let value = r.u64()?;
            if u128::from(value) & !ones(bits) != 0 {
                return Err(Bad::Value { value, what: "reg_load" });
            }
            Action::RegLoad { dst, value }
        }
        REG_LOAD2 => {
            let (field, value, mask) = read_entry(r)?;
            r.padding()?;
            let mask = mask.unwrap_or(field.full_mask());
            Action::SetField { field, value, mask: Some(mask) }
        }
        STACK_PUSH => Action::StackPush(read_stack(r)?),
        STACK_POP => Action::StackPop(read_stack(r)?),
        OUTPUT_REG => {
            let (offset, bits) = read_range(r)?;
            let src = subfield(read_field(r)?, offset, bits)?;
            let max_len = r.u16()?;
            r.zeros(6)?;
            Action::OutputReg { src, max_len }
        }
        OUTPUT_REG2 => {
            let (offset, bits) = read_range(r)?;
            let max_len = r.u16()?;
            let src = subfield(read_field(r)?, offset, bits)?;
            r.padding()?;
            Action::OutputReg { src, max_len }
        }
        OUTPUT_TRUNC => Action::OutputTrunc { port: port_from_16(r.u16()?), max_len: r.u32()? },
        CONTROLLER => {
            let (max_len, controller_id, reason) = (r.u16()?, r.u16()?, r.u8()?);
            r.zeros(1)?;
            Action::Controller(Controller { max_len, controller_id, reason, ..Controller::default() })
        }
        CONTROLLER2 => read_controller2(r)?,
        CHECK_PKT_LARGER => {
            let (len, offset) = (r.u16()?, r.u16()?);
            let dst = subfield(read_field(r)?, offset, 1)?;
            let padding = r.len();
            r.zeros(padding)?;
            Action::CheckPktLarger { len, dst }
        }
        CT => ct::read(r)?,
        NAT => ct::read_nat(r)?,
        LEARN | LEARN2 => learn::read(r, subtype == LEARN2)?,
        CLONE => {
            r.zeros(6)?;
            let mut inner = r.deeper()?;
            r.rest();
            Action::Clone(Action::read_list(&mut inner)?)
        }
        CONJUNCTION => {
            let (clause, n_clauses) = (r.u8()?, r.u8()?);
            Action::Conjunction { id: r.u32()?, clause, n_clauses }
        }
        MULTIPATH => read_multipath(r)?,
        BUNDLE | BUNDLE_LOAD => read_bundle(r, subtype == BUNDLE_LOAD)?,
        SAMPLE | SAMPLE2 | SAMPLE3 => read_sample(r, subtype)?,
        NOTE => Action::Note(r.rest_bytes()),
        DEC_TTL_CNT_IDS => {
            let count = r.u16()?;
            r.zeros(4)?;
            let ids = (0..count).map(|_| r.u16()).collect::<Result<_, _>>()?;
            r.padding()?;
            Action::DecTtlCntIds(ids)
        }
        FIN_TIMEOUT => {
            let (idle_s, hard_s) = (r.u16()?, r.u16()?);
            r.zeros(2)?;
            Action::FinTimeout { idle_s, hard_s }
        }
        WRITE_METADATA => {
            r.zeros(6)?;
            Action::WriteMetadata { metadata: r.u64()?, mask: r.u64()? }
        }
        DELETE_FIELD => {
            let field = read_field(r)?;
            let padding = r.len();
            r.zeros(padding)?;
            Action::DeleteField(field)
        }
        POP_QUEUE | EXIT | CT_CLEAR => {
            r.zeros(6)?;
            match subtype {
                POP_QUEUE => Action::PopQueue,
                EXIT => Action::Exit,
                _ => Action::CtClear,
            }
        }
        _ => return Err(Bad::Value { value: subtype.into(), what: "Nicira action" }),
    })
}

/// Writes an action that is not one of OpenFlow's own.
pub(super) fn write(action: &Action, w: &mut Writer<'_>) {
    let mark = w.open();
    w.u16(0xffff);
    w.u16(0);
    w.u32(NICIRA);
    w.u16(subtype(action));
    write_body(action, w, &mark);
    w.pad_and_close(mark, 2);
}

fn subtype(action: &Action) -> u16 {
    match action {
        Action::Resubmit { table: None, ct: false, .. } => RESUBMIT,
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
        Action::PopQueue => POP_QUEUE,
        Action::Exit => EXIT,
        Action::CtClear => CT_CLEAR,
        Action::Note(_) => NOTE,
        _ => unreachable!("{action:?} is written by its own code"),
    }
}

fn write_body(action: &Action, w: &mut Writer<'_>, mark: &crate::wire::Mark) {
    match action {
        Action::Resubmit { port, table, .. } => {
            w.u16(port.map_or(IN_PORT_16, port_to_16));
            w.u8(table.unwrap_or(if subtype(action) == RESUBMIT { 0 } else { 0xff }));
        }
        Action::RegMove { src, dst } => {
            w.u16(src.bits);
            w.u16(src.offset);
            w.u16(dst.offset);
            src.field.write_name(w);
            dst.field.write_name(w);
        }
        Action::RegLoad { dst, value } if dst.field.has_short_name() => {
            write_range(w, *dst);
            dst.field.write_name(w);
            w.u64(*value);
        }
        Action::RegLoad { dst, value } => write_load2(w, *dst, u128::from(*value) << dst.offset, dst.mask()),
        Action::SetField { field, value, mask } => {
            write_load2(w, Subfield::all(*field), *value, mask.unwrap_or(field.full_mask()));
        }
        Action::StackPush(subfield) | Action::StackPop(subfield) => {
            w.u16(subfield.offset);
            subfield.field.write_name(w);
            w.u16(subfield.bits);
            w.zeros(24 - w.written(mark));
        }
        Action::OutputReg { src, max_len } => {
            write_range(w, *src);
            if src.field.has_short_name() {
                src.field.write_name(w);
                w.u16(*max_len);
                w.zeros(6);
            } else {
                w.u16(*max_len);
                src.field.write_name(w);
            }
        }
        Action::OutputTrunc { port, max_len } => {
            w.u16(port_to_16(*port));
            w.u32(*max_len);
        }
        Action::Controller(controller) => controller.write(w),
        Action::CheckPktLarger { len, dst } => {
            w.u16(*len);
            w.u16(dst.offset);
            dst.field.write_name(w);
            w.zeros(24 - w.written(mark));
        }
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
        Action::DeleteField(field) => {
            field.write_name(w);
            w.zeros(24 - w.written(mark));
        }
        Action::Note(note) => w.bytes(note),
        _ => {}
    }
}

/// A field's part, if it lies inside the field.
pub(super) fn subfield(field: crate::Field, offset: u16, bits: u16) -> Result<Subfield, Bad> {
    let end = u32::from(offset) + u32::from(bits);
    if bits == 0 || end > u32::from(field.bits()) {
        return Err(Bad::Value { value: end.into(), what: "subfield" });
    }
    Ok(Subfield { field, offset, bits })
}

/// Offset and width in 16 bits.
pub(super) fn read_range(r: &mut Reader<'_>) -> Result<(u16, u16), Bad> {
    let range = r.u16()?;
    Ok((range >> 6, (range & 0x3f) + 1))
}

pub(super) fn write_range(w: &mut Writer<'_>, subfield: Subfield) {
    w.u16(subfield.offset << 6 | (subfield.bits.wrapping_sub(1) & 0x3f));
}

/// A 16-bit port number of Nicira's actions: the reserved ones lie 16 bits higher in OpenFlow 1.3.
fn port_from_16(port: u16) -> OfPort {
    OfPort(if port >= 0xff00 { 0xffff_0000 | u32::from(port) } else { u32::from(port) })
}

fn port_unless_in_port(port: u16) -> Option<OfPort> {
    (port != IN_PORT_16).then(|| port_from_16(port))
}

fn port_to_16(port: OfPort) -> u16 {
    port.0 as u16
}

fn read_resubmit(r: &mut Reader<'_>, ct: bool) -> Result<Action, Bad> {
    let port = r.u16()?;
    let table = r.u8()?;
    r.zeros(3)?;
    Ok(Action::Resubmit { port: port_unless_in_port(port), table: (table != 0xff).then_some(table), ct })
}

fn read_move(r: &mut Reader<'_>) -> Result<Action, Bad> {
    let (bits, src_offset, dst_offset) = (r.u16()?, r.u16()?, r.u16()?);
    let src = subfield(read_field(r)?, src_offset, bits)?;
    let dst = subfield(read_field(r)?, dst_offset, bits)?;
    r.padding()?;
    Ok(Action::RegMove { src, dst })
}

fn read_stack(r: &mut Reader<'_>) -> Result<Subfield, Bad> {
    let offset = r.u16()?;
    let field = read_field(r)?;
    let bits = r.u16()?;
    let padding = r.len();
    r.zeros(padding)?;
    subfield(field, offset, bits)
}

fn write_load2(w: &mut Writer<'_>, dst: Subfield, value: u128, mask: u128) {
    let field = dst.field;
    let length = field.wire_bytes(value, mask);
    let masked = mask != field.full_mask();
    field.write_in_action(w, masked, length);
    w.number(value, length);
    if masked {
        w.number(mask, length);
    }
}

fn read_multipath(r: &mut Reader<'_>) -> Result<Action, Bad> {
    let (fields, basis) = (r.u16()?, r.u16()?);
    r.zeros(2)?;
    let (algorithm, max_link, arg) = (r.u16()?, r.u16()?, r.u32()?);
    r.zeros(2)?;
    let (offset, bits) = read_range(r)?;
    let dst = subfield(read_field(r)?, offset, bits)?;
    Ok(Action::Multipath(Multipath { fields, basis, algorithm, max_link, arg, dst }))
}

impl Multipath {
    fn write(&self, w: &mut Writer<'_>) {
        let Multipath { fields, basis, algorithm, max_link, arg, dst } = self;
        w.u16(*fields);
        w.u16(*basis);
        w.zeros(2);
        w.u16(*algorithm);
        w.u16(*max_link);
        w.u32(*arg);
        w.zeros(2);
        write_range(w, *dst);
        dst.field.write_name(w);
    }
}

fn read_bundle(r: &mut Reader<'_>, load: bool) -> Result<Action, Bad> {
    let (algorithm, fields, basis) = (r.u16()?, r.u16()?, r.u16()?);
    let kind = r.u32()?;
    if kind != BUNDLE_MEMBER {
        return Err(Bad::Value { value: kind.into(), what: "bundle member type" });
    }
    let count = r.u16()?;
    let dst = if load {
        let (offset, bits) = read_range(r)?;
        Some(subfield(read_field(r)?, offset, bits)?)
    } else {
        r.zeros(6)?;
        None
    };
    r.zeros(4)?;
    let members = (0..count).map(|_| r.u16()).collect::<Result<_, _>>()?;
    r.padding()?;
    Ok(Action::Bundle(Bundle { algorithm, fields, basis, members, dst }))
}

/// `NXM_OF_IN_PORT`: a bundle's members are ports.
const BUNDLE_MEMBER: u32 = 2;

impl Bundle {
    fn write(&self, w: &mut Writer<'_>) {
        let Bundle { algorithm, fields, basis, members, dst } = self;
        w.u16(*algorithm);
        w.u16(*fields);
        w.u16(*basis);
        w.u32(BUNDLE_MEMBER);
        w.u16(members.len() as u16);
        match dst {
            Some(dst) => {
                write_range(w, *dst);
                dst.field.write_name(w);
            }
            None => w.zeros(6),
        }
        w.zeros(4);
        members.iter().for_each(|member| w.u16(*member));
    }
}

fn read_sample(r: &mut Reader<'_>, subtype: u16) -> Result<Action, Bad> {
    let mut sample = Sample {
        version: match subtype {
            SAMPLE => 1,
            SAMPLE2 => 2,
            _ => 3,
        },
        probability: r.u16()?,
        collector_set_id: r.u32()?,
        obs_domain_id: r.u32()?,
        obs_point_id: r.u32()?,
        sampling_port: 0xffff,
        direction: 0,
    };
    if sample.version > 1 {
        sample.sampling_port = r.u16()?;
        sample.direction = r.u8()?;
        r.zeros(5)?;
    }
    if sample.version == 2 && sample.direction != 0 {
        return Err(Bad::Value { value: sample.direction.into(), what: "sample" });
    }
    Ok(Action::Sample(sample))
}

impl Sample {
    fn write(&self, w: &mut Writer<'_>) {
        let Sample { version, probability, collector_set_id, obs_domain_id, obs_point_id, sampling_port, direction } =
            self;
        w.u16(*probability);
        w.u32(*collector_set_id);
        w.u32(*obs_domain_id);
        w.u32(*obs_point_id);
        if *version != 1 {
            w.u16(*sampling_port);
            w.u8(*direction);
        }
    }
}

/// Properties of `NXAST_CONTROLLER2`.
mod property {
    pub(super) const MAX_LEN: u16 = 0;
    pub(super) const CONTROLLER_ID: u16 = 1;
    pub(super) const REASON: u16 = 2;
    pub(super) const USERDATA: u16 = 3;
    pub(super) const PAUSE: u16 = 4;
    pub(super) const METER_ID: u16 = 5;
}

fn read_controller2(r: &mut Reader<'_>) -> Result<Action, Bad> {
    r.zeros(6)?;
    let mut controller = Controller::default();
    read_properties(r, |kind, mut body, raw| {
        match kind {
            property::MAX_LEN => controller.max_len = body.u16()?,
            property::CONTROLLER_ID => controller.controller_id = body.u16()?,
            property::REASON => controller.reason = body.u8()?,
            property::USERDATA => controller.userdata = body.rest_bytes(),
            property::PAUSE => controller.pause = true,
            property::METER_ID => controller.meter_id = Some(body.u32()?),
            _ => {
                controller.unknown.push(Bytes::copy_from_slice(raw));
                body.rest();
            }
        }
        body.padding()
    })?;
    Ok(Action::Controller(controller))
}

impl Controller {
    /// Whether `NXAST_CONTROLLER` can say it.
    fn is_plain(&self) -> bool {
        let Controller { max_len: _, controller_id: _, reason: _, userdata, pause, meter_id, unknown } = self;
        userdata.is_empty() && !pause && meter_id.is_none() && unknown.is_empty()
    }

    fn write(&self, w: &mut Writer<'_>) {
        let Controller { max_len, controller_id, reason, userdata, pause, meter_id, unknown } = self;
        if self.is_plain() {
            w.u16(*max_len);
            w.u16(*controller_id);
            w.u8(*reason);
            return;
        }
        let standard = Controller::default();
        w.zeros(6);
        if *max_len != standard.max_len {
            write_u16_property(w, property::MAX_LEN, *max_len);
        }
        if *controller_id != standard.controller_id {
            write_u16_property(w, property::CONTROLLER_ID, *controller_id);
        }
        if *reason != standard.reason {
            write_property(w, property::REASON, |w| w.u8(*reason));
        }
        if !userdata.is_empty() {
            write_property(w, property::USERDATA, |w| w.bytes(userdata));
        }
        if *pause {
            write_property(w, property::PAUSE, |_| {});
        }
        if let Some(meter) = meter_id {
            write_property(w, property::METER_ID, |w| w.u32(*meter));
        }
        unknown.iter().for_each(|raw| write_raw_property(w, raw));
    }
}
