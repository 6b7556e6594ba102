//! Rows that lead through conntrack.
//!
//! Nothing follows in the same row: with any packet conntrack lets go of fragments whose others have not come in time, anybody's,
//! and they would have that done to them, too.

use std::net::{IpAddr, Ipv4Addr};

use ofp::{Action, Ct, Nat, ZoneSrc, ct_flags, nat_flags};

use super::Row;
use crate::pipeline::Table;
use crate::registers::Reg;

impl Row<'_> {
    /// On to a later table, once its connection is looked up among those of the port that is judged. It must be known to be IPv4
    /// or IPv6.
    pub fn track(self, table: Table) {
        self.through(Ct { zone: ZoneSrc::Field(Reg::Judged.subfield()), ..Ct::default() }, table);
    }

    /// The same, once its connection is kept among those.
    pub fn commit(self, table: Table) {
        let zone = ZoneSrc::Field(Reg::Judged.subfield());
        self.through(Ct { flags: ct_flags::COMMIT, zone, ..Ct::default() }, table);
    }

    /// On to a later table from another address, and maybe another port: its connection is kept in a zone of its own. It must be known to be
    /// IPv4. What can't be translated goes on as it is.
    pub fn translate_source(self, zone: u16, address: Ipv4Addr, table: Table) {
        let address = Some(IpAddr::V4(address));
        let nat = Nat { flags: nat_flags::SRC, min: address, ..Nat::default() };
        let exec = vec![Action::Nat(nat)];
        self.through(Ct { flags: ct_flags::COMMIT, zone: ZoneSrc::Imm(zone), exec, ..Ct::default() }, table);
    }

    /// On to a later table, to the address and port that stand in the zone for those that it is for, if any do.
    pub fn translate_back(self, zone: u16, table: Table) {
        let exec = vec![Action::Nat(Nat::default())];
        self.through(Ct { zone: ZoneSrc::Imm(zone), exec, ..Ct::default() }, table);
    }

    fn through(mut self, ct: Ct, table: Table) {
        self.check(self.spec.tracks.contains(&table), || format!("may not track to {}", table.spec().name));
        self.emit.draft.actions.push(Action::Ct(Ct { table: Some(table.id()), ..ct }));
        self.emit(None, None);
    }
}
