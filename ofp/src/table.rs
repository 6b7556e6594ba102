//! Tables: their counters and features.

use crate::wire::{Reader, Writer};
use crate::{Bad, FixedText, TableProperty};

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
    /// What it can do, item by item.
    pub properties: Vec<TableProperty>,
}

impl TableMod {
    pub(crate) fn read(r: &mut Reader<'_>) -> Result<TableMod, Bad> {
        let table = r.u8()?;
        r.skip(3)?;
        Ok(TableMod { table, config: r.u32()? })
    }

    pub(crate) fn write(&self, w: &mut Writer<'_>) {
        w.u8(self.table);
        w.zeros(3);
        w.u32(self.config);
    }
}

impl TableStats {
    pub(crate) fn read(r: &mut Reader<'_>) -> Result<TableStats, Bad> {
        let table = r.u8()?;
        r.skip(3)?;
        Ok(TableStats { table, active: r.u32()?, lookups: r.u64()?, matched: r.u64()? })
    }

    pub(crate) fn write(&self, w: &mut Writer<'_>) {
        w.u8(self.table);
        w.zeros(3);
        w.u32(self.active);
        w.u64(self.lookups);
        w.u64(self.matched);
    }
}

impl TableFeatures {
    pub(crate) fn read(r: &mut Reader<'_>) -> Result<TableFeatures, Bad> {
        let (mut r, _) = r.item(0, 64, "table features")?;
        r.skip(2)?;
        let table = r.u8()?;
        r.skip(5)?;
        Ok(TableFeatures {
            table,
            name: FixedText(r.octets()?),
            metadata_match: r.u64()?,
            metadata_write: r.u64()?,
            config: r.u32()?,
            max_entries: r.u32()?,
            properties: TableProperty::read_list(&mut r)?,
        })
    }

    pub(crate) fn write(&self, w: &mut Writer<'_>) {
        let mark = w.open();
        w.u16(0);
        w.u8(self.table);
        w.zeros(5);
        w.bytes(&self.name.0);
        w.u64(self.metadata_match);
        w.u64(self.metadata_write);
        w.u32(self.config);
        w.u32(self.max_entries);
        self.properties.iter().for_each(|property| property.write(w));
        w.close(mark, 0);
    }
}
