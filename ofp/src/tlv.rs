//! Geneve options as fields: a bridge's map from options to `tun_metadata0` to `63` (Nicira).

use crate::Bad;
use crate::wire::{Reader, Writer};

/// What a [`TlvTableMod`] does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u16)]
pub enum TlvTableModCommand {
    /// Add maps.
    Add = 0,
    /// Delete maps.
    Delete = 1,
    /// Delete all maps.
    Clear = 2,
}

/// A change of the map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlvTableMod {
    /// What to do.
    pub command: TlvTableModCommand,
    /// With which maps.
    pub maps: Vec<TlvMap>,
}

/// One option's field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TlvMap {
    /// The option's class.
    pub option_class: u16,
    /// The option's type.
    pub option_type: u8,
    /// Bytes of the option's body: a multiple of 4, at most 124.
    pub option_length: u8,
    /// The field, [`crate::Field::tun_metadata`].
    pub index: u16,
}

/// The map as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlvTableReply {
    /// Bytes for all options together.
    pub max_option_space: u32,
    /// The most fields.
    pub max_fields: u16,
    /// The maps.
    pub maps: Vec<TlvMap>,
}

impl TlvMap {
    fn read_list(r: &mut Reader<'_>) -> Result<Vec<TlvMap>, Bad> {
        let mut maps = Vec::new();
        while !r.is_empty() {
            let (option_class, option_type, option_length) = (r.u16()?, r.u8()?, r.u8()?);
            maps.push(TlvMap { option_class, option_type, option_length, index: r.u16()? });
            r.skip(2)?;
        }
        Ok(maps)
    }

    fn write(&self, w: &mut Writer<'_>) {
        w.u16(self.option_class);
        w.u8(self.option_type);
        w.u8(self.option_length);
        w.u16(self.index);
        w.zeros(2);
    }
}

impl TlvTableMod {
    pub(crate) fn read(r: &mut Reader<'_>) -> Result<TlvTableMod, Bad> {
        let command = match r.u16()? {
            0 => TlvTableModCommand::Add,
            1 => TlvTableModCommand::Delete,
            2 => TlvTableModCommand::Clear,
            number => return Err(Bad::Value { value: number.into(), what: "TLV table command" }),
        };
        r.skip(6)?;
        Ok(TlvTableMod { command, maps: TlvMap::read_list(r)? })
    }

    pub(crate) fn write(&self, w: &mut Writer<'_>) {
        w.u16(self.command as u16);
        w.zeros(6);
        self.maps.iter().for_each(|map| map.write(w));
    }
}

impl TlvTableReply {
    pub(crate) fn read(r: &mut Reader<'_>) -> Result<TlvTableReply, Bad> {
        let (max_option_space, max_fields) = (r.u32()?, r.u16()?);
        r.skip(10)?;
        Ok(TlvTableReply { max_option_space, max_fields, maps: TlvMap::read_list(r)? })
    }

    pub(crate) fn write(&self, w: &mut Writer<'_>) {
        w.u32(self.max_option_space);
        w.u16(self.max_fields);
        w.zeros(10);
        self.maps.iter().for_each(|map| map.write(w));
    }
}
