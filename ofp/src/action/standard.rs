//! OpenFlow's own actions on the wire (OpenFlow 1.3.5, 7.2.5), and lists of actions.

use addr::OfPort;
use bytes::Bytes;

use super::{Action, nicira};
use crate::Bad;
use crate::field::read_entry;
use crate::wire::{Reader, Writer};

const OUTPUT: u16 = 0;
const COPY_TTL_OUT: u16 = 11;
const COPY_TTL_IN: u16 = 12;
const SET_MPLS_TTL: u16 = 15;
const DEC_MPLS_TTL: u16 = 16;
const PUSH_VLAN: u16 = 17;
const POP_VLAN: u16 = 18;
const PUSH_MPLS: u16 = 19;
const POP_MPLS: u16 = 20;
const SET_QUEUE: u16 = 21;
const GROUP: u16 = 22;
const SET_NW_TTL: u16 = 23;
const DEC_NW_TTL: u16 = 24;
const SET_FIELD: u16 = 25;
const EXPERIMENTER: u16 = 0xffff;

impl Action {
    /// Reads actions until the end.
    pub(crate) fn read_list(r: &mut Reader<'_>) -> Result<Vec<Action>, Bad> {
        let mut actions = Vec::new();
        while !r.is_empty() {
            let (mut action, raw) = r.aligned_item("action")?;
            actions.push(match Action::read(&mut action).and_then(|known| action.end().map(|()| known)) {
                Ok(known) => known,
                Err(bad @ Bad::Frame { .. }) => return Err(bad),
                // What can't be read in full is kept as it is.
                Err(_) => Action::Unknown(Bytes::copy_from_slice(raw)),
            });
        }
        Ok(actions)
    }

    /// Writes actions.
    pub(crate) fn write_list(actions: &[Action], w: &mut Writer<'_>) {
        for action in actions {
            action.write(w);
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Action, Bad> {
        let kind = r.u16()?;
        r.skip(2)?;
        let action = match kind {
            OUTPUT => {
                let action = Action::Output { port: OfPort(r.u32()?), max_len: r.u16()? };
                r.zeros(6)?;
                return Ok(action);
            }
            SET_FIELD => match read_entry(r)? {
                (field, value, None) if value & !field.full_mask() == 0 => {
                    r.padding()?;
                    return Ok(Action::SetField { field, value, mask: None });
                }
                _ => return Err(Bad::Value { value: SET_FIELD.into(), what: "set-field" }),
            },
            EXPERIMENTER => return nicira::read(r),
            COPY_TTL_OUT => Action::CopyTtlOut,
            COPY_TTL_IN => Action::CopyTtlIn,
            SET_MPLS_TTL => Action::SetMplsTtl(r.u8()?),
            DEC_MPLS_TTL => Action::DecMplsTtl,
            PUSH_VLAN => Action::PushVlan(r.u16()?),
            POP_VLAN => Action::PopVlan,
            PUSH_MPLS => Action::PushMpls(r.u16()?),
            POP_MPLS => Action::PopMpls(r.u16()?),
            SET_QUEUE => Action::SetQueue(r.u32()?),
            GROUP => Action::Group(r.u32()?),
            SET_NW_TTL => Action::SetNwTtl(r.u8()?),
            DEC_NW_TTL => Action::DecNwTtl,
            _ => return Err(Bad::Value { value: kind.into(), what: "action type" }),
        };
        // All of these have 8 bytes: what is left is padding.
        r.padding()?;
        Ok(action)
    }

    fn write(&self, w: &mut Writer<'_>) {
        let mark = w.open();
        let kind = match self {
            Action::Output { .. } => OUTPUT,
            Action::CopyTtlOut => COPY_TTL_OUT,
            Action::CopyTtlIn => COPY_TTL_IN,
            Action::SetMplsTtl(_) => SET_MPLS_TTL,
            Action::DecMplsTtl => DEC_MPLS_TTL,
            Action::PushVlan(_) => PUSH_VLAN,
            Action::PopVlan => POP_VLAN,
            Action::PushMpls(_) => PUSH_MPLS,
            Action::PopMpls(_) => POP_MPLS,
            Action::SetQueue(_) => SET_QUEUE,
            Action::Group(_) => GROUP,
            Action::SetNwTtl(_) => SET_NW_TTL,
            Action::DecNwTtl => DEC_NW_TTL,
            Action::SetField { mask: None, .. } => SET_FIELD,
            Action::Unknown(raw) => return w.bytes(raw),
            _ => return nicira::write(self, w),
        };
        w.u32(u32::from(kind) << 16);
        match self {
            Action::Output { port, max_len } => {
                w.u32(port.0);
                w.u16(*max_len);
            }
            Action::SetMplsTtl(ttl) | Action::SetNwTtl(ttl) => w.u8(*ttl),
            Action::PushVlan(ethertype) | Action::PushMpls(ethertype) | Action::PopMpls(ethertype) => w.u16(*ethertype),
            Action::SetQueue(number) | Action::Group(number) => w.u32(*number),
            Action::SetField { field, value, .. } => {
                let length = field.wire_bytes(*value, 0);
                field.write_in_match(w, false, length);
                w.number(*value, length);
            }
            _ => w.zeros(4),
        }
        w.pad_and_close(mark, 2);
    }
}
