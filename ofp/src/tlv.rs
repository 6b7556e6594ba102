//! Geneve options as fields: a bridge's map from options to `tun_metadata0` to `63` (Nicira).

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
