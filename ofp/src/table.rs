//! Tables: their counters and features.

use bytes::Bytes;

use crate::FixedText;

/// A change of a table's configuration (of no effect in OpenFlow 1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableMod {
    /// The table; [`crate::TABLE_ALL`]: all.
    pub table: u8,
    /// Bits, deprecated.
    pub config: u32,
}

/// A table's counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TableStats {
    /// The table.
    pub table: u8,
    /// Flows in it.
    pub active: u32,
    /// Packets looked up.
    pub lookups: u64,
    /// Packets that a flow matched.
    pub matched: u64,
}

/// What a table can do (OpenFlow 1.3.5, 7.3.5.5).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TableFeatures {
    /// The table.
    pub table: u8,
    /// Its name.
    pub name: FixedText<32>,
    /// Bits of metadata that can be matched.
    pub metadata_match: u64,
    /// Bits of metadata that can be written.
    pub metadata_write: u64,
    /// Bits, deprecated.
    pub config: u32,
    /// The most flows.
    pub max_entries: u32,
    /// The properties, as read.
    pub properties: Bytes,
}
