//! What a table can do, item by item (OpenFlow 1.3.5, 7.3.5.5.2).

use bytes::Bytes;

use crate::Bad;
use crate::field::{Field, OxmHeader};
use crate::wire::{Reader, Writer, read_properties, write_property, write_raw_property};

/// One property of [`crate::TableFeatures`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TableProperty {
    /// Types of instructions that a flow may have; `miss`: the table-miss flow.
    Instructions {
        /// Of the table-miss flow, where that differs.
        miss: bool,
        /// Types (OpenFlow 1.3.5, 7.2.4).
        types: Vec<u16>,
    },
    /// Tables that a flow may go on to.
    NextTables {
        /// Of the table-miss flow, where that differs.
        miss: bool,
        /// The tables.
        tables: Vec<u8>,
    },
    /// Types of actions that a flow may have.
    Actions {
        /// In write-actions instructions; else in apply-actions.
        write: bool,
        /// Of the table-miss flow, where that differs.
        miss: bool,
        /// Types (OpenFlow 1.3.5, 7.2.5).
        types: Vec<u16>,
    },
    /// Fields that a flow may match.
    Match(Vec<FieldAbility>),
    /// Fields that a flow need not match.
    Wildcards(Vec<FieldAbility>),
    /// Fields that a flow may set.
    SetFields {
        /// In write-actions instructions; else in apply-actions.
        write: bool,
        /// Of the table-miss flow, where that differs.
        miss: bool,
        /// The fields.
        fields: Vec<FieldAbility>,
    },
    /// Anything else: the whole property as read, without padding.
    Unknown(Bytes),
}

/// A field that a table can match or set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FieldAbility {
    /// The field.
    pub field: Field,
    /// In some of its bits, too.
    pub masked: bool,
}

/// Types of properties; one more, but for the tables' and fields' own: of the table-miss flow.
mod kind {
    pub(super) const INSTRUCTIONS: u16 = 0;
    pub(super) const NEXT_TABLES: u16 = 2;
    pub(super) const WRITE_ACTIONS: u16 = 4;
    pub(super) const APPLY_ACTIONS: u16 = 6;
    pub(super) const MATCH: u16 = 8;
    pub(super) const WILDCARDS: u16 = 10;
    pub(super) const WRITE_SETFIELD: u16 = 12;
    pub(super) const APPLY_SETFIELD: u16 = 14;
}

impl TableProperty {
    pub(crate) fn read_list(r: &mut Reader<'_>) -> Result<Vec<TableProperty>, Bad> {
        let mut properties = Vec::new();
        read_properties(r, |kind, body, raw| {
            // What would not be written again as it was read is kept.
            let known = TableProperty::read(kind, body).filter(|known| known.bytes() == raw);
            properties.push(known.unwrap_or_else(|| TableProperty::Unknown(Bytes::copy_from_slice(raw))));
            Ok(())
        })?;
        Ok(properties)
    }

    fn read(kind: u16, mut body: Reader<'_>) -> Option<TableProperty> {
        let miss = kind & 1 != 0;
        Some(match kind {
            kind::MATCH => TableProperty::Match(read_fields(body)?),
            kind::WILDCARDS => TableProperty::Wildcards(read_fields(body)?),
            _ => match kind & !1 {
                kind::INSTRUCTIONS => TableProperty::Instructions { miss, types: read_types(body)? },
                kind::NEXT_TABLES => TableProperty::NextTables { miss, tables: body.rest().to_vec() },
                kind::WRITE_ACTIONS => TableProperty::Actions { write: true, miss, types: read_types(body)? },
                kind::APPLY_ACTIONS => TableProperty::Actions { write: false, miss, types: read_types(body)? },
                kind::WRITE_SETFIELD => TableProperty::SetFields { write: true, miss, fields: read_fields(body)? },
                kind::APPLY_SETFIELD => TableProperty::SetFields { write: false, miss, fields: read_fields(body)? },
                _ => return None,
            },
        })
    }

    /// As it is on the wire, without padding.
    fn bytes(&self) -> bytes::BytesMut {
        let mut out = bytes::BytesMut::new();
        let length = self.put(&mut Writer::new(&mut out));
        out.truncate(length);
        out
    }

    pub(crate) fn write(&self, w: &mut Writer<'_>) {
        self.put(w);
    }

    /// Writes it; returns its length without padding.
    fn put(&self, w: &mut Writer<'_>) -> usize {
        let miss = |kind: u16, miss: &bool| kind + u16::from(*miss);
        let pick = |write: &bool, yes, no| if *write { yes } else { no };
        let mark = w.open();
        let mut length = 0;
        let mut property = |kind, body: &dyn Fn(&mut Writer<'_>)| {
            write_property(w, kind, |w| {
                body(w);
                length = w.written(&mark);
            });
        };
        match self {
            TableProperty::Instructions { miss: m, types } => {
                property(miss(kind::INSTRUCTIONS, m), &|w| write_types(w, types));
            }
            TableProperty::NextTables { miss: m, tables } => {
                property(miss(kind::NEXT_TABLES, m), &|w| w.bytes(tables));
            }
            TableProperty::Actions { write, miss: m, types } => {
                property(miss(pick(write, kind::WRITE_ACTIONS, kind::APPLY_ACTIONS), m), &|w| write_types(w, types));
            }
            TableProperty::Match(fields) => property(kind::MATCH, &|w| write_fields(w, fields)),
            TableProperty::Wildcards(fields) => property(kind::WILDCARDS, &|w| write_fields(w, fields)),
            TableProperty::SetFields { write, miss: m, fields } => {
                property(miss(pick(write, kind::WRITE_SETFIELD, kind::APPLY_SETFIELD), m), &|w| {
                    write_fields(w, fields)
                });
            }
            TableProperty::Unknown(raw) => {
                length = raw.len();
                write_raw_property(w, raw);
            }
        }
        length
    }
}

/// Types of instructions or actions, each as the beginning of one. An experimenter's are not read.
fn read_types(mut r: Reader<'_>) -> Option<Vec<u16>> {
    let mut types = Vec::new();
    while !r.is_empty() {
        let kind = r.u16().ok()?;
        (r.u16().ok()? == 4).then_some(())?;
        types.push(kind);
    }
    Some(types)
}

fn write_types(w: &mut Writer<'_>, types: &[u16]) {
    for kind in types {
        w.u16(*kind);
        w.u16(4);
    }
}

/// Fields by their headers; none that is not known.
fn read_fields(mut r: Reader<'_>) -> Option<Vec<FieldAbility>> {
    let mut fields = Vec::new();
    while !r.is_empty() {
        let header = OxmHeader::read(&mut r).ok()?;
        fields.push(FieldAbility { field: header.field()?, masked: header.masked });
    }
    Some(fields)
}

fn write_fields(w: &mut Writer<'_>, fields: &[FieldAbility]) {
    for FieldAbility { field, masked } in fields {
        field.write_ability(w, *masked);
    }
}
