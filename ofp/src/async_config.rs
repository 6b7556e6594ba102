//! Controllers among themselves: roles, and which of them hears what.

use crate::Bad;
use crate::wire::{Reader, Writer, read_properties, write_property};

/// A controller's role (OpenFlow 1.3.5, 6.3.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u32)]
pub enum Role {
    /// Don't change it: a question.
    NoChange = 0,
    /// As all others.
    Equal = 1,
    /// The one that may write.
    Master = 2,
    /// One that may only read.
    Slave = 3,
}

/// A role and the generation that fences it: body of role requests and replies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ControllerRole {
    /// The role.
    pub role: Role,
    /// Grows with every change of master; all ones in replies from a switch that knows none.
    pub generation_id: u64,
}

/// A switch tells a controller that its role changed (ONF 1911 on OpenFlow 1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoleStatus {
    /// The new role.
    pub role: Role,
    /// 0 another became master, 1 the configuration changed, 2 an experimenter's.
    pub reason: u8,
    /// The generation that did it.
    pub generation_id: u64,
}

/// Which asynchronous messages a controller gets: masks of reasons, `[as master or equal, as slave]`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AsyncConfig {
    /// Bits are [`crate::packet_in_reason`]s.
    pub packet_in: [u32; 2],
    /// Bits are [`crate::PortReason`]s.
    pub port_status: [u32; 2],
    /// Bits are [`crate::removed_reason`]s.
    pub flow_removed: [u32; 2],
}

/// One mask of [`crate::Body::SetAsyncConfig2`], which is OpenFlow 1.4's way: what is not said stays as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AsyncMask {
    /// See [`async_kind`]. As slave; one more: as master or equal.
    pub kind: u16,
    /// Bits are reasons.
    pub reasons: u32,
}

/// Kinds of an [`AsyncMask`]; each is the number for slaves.
pub mod async_kind {
    /// Packets, by [`crate::packet_in_reason`].
    pub const PACKET_IN: u16 = 0;
    /// Ports, by [`crate::PortReason`].
    pub const PORT_STATUS: u16 = 2;
    /// Flows that went, by [`crate::removed_reason`].
    pub const FLOW_REMOVED: u16 = 4;
    /// Roles that changed.
    pub const ROLE_STATUS: u16 = 6;
    /// Tables that fill up.
    pub const TABLE_STATUS: u16 = 8;
    /// Groups and meters that another controller changed.
    pub const REQUEST_FORWARD: u16 = 10;
}

impl AsyncMask {
    pub(crate) fn read_list(r: &mut Reader<'_>) -> Result<Vec<AsyncMask>, Bad> {
        let mut masks = Vec::new();
        read_properties(r, |kind, mut body, raw| {
            if raw.len() != 8 {
                return Err(Bad::Value { value: kind.into(), what: "async property" });
            }
            masks.push(AsyncMask { kind, reasons: body.u32()? });
            Ok(())
        })?;
        Ok(masks)
    }

    pub(crate) fn write(self, w: &mut Writer<'_>) {
        write_property(w, self.kind, |w| w.u32(self.reasons));
    }
}

impl Role {
    fn from_number(number: u32) -> Result<Role, Bad> {
        Ok(match number {
            0 => Role::NoChange,
            1 => Role::Equal,
            2 => Role::Master,
            3 => Role::Slave,
            _ => return Err(Bad::Value { value: number.into(), what: "role" }),
        })
    }
}

impl ControllerRole {
    pub(crate) fn read(r: &mut Reader<'_>) -> Result<ControllerRole, Bad> {
        let role = Role::from_number(r.u32()?)?;
        r.skip(4)?;
        Ok(ControllerRole { role, generation_id: r.u64()? })
    }

    pub(crate) fn write(&self, w: &mut Writer<'_>) {
        w.u32(self.role as u32);
        w.zeros(4);
        w.u64(self.generation_id);
    }
}

impl RoleStatus {
    pub(crate) fn read(r: &mut Reader<'_>) -> Result<RoleStatus, Bad> {
        let (role, reason) = (Role::from_number(r.u32()?)?, r.u8()?);
        r.skip(3)?;
        Ok(RoleStatus { role, reason, generation_id: r.u64()? })
    }

    pub(crate) fn write(&self, w: &mut Writer<'_>) {
        w.u32(self.role as u32);
        w.u8(self.reason);
        w.zeros(3);
        w.u64(self.generation_id);
    }
}

impl AsyncConfig {
    pub(crate) fn read(r: &mut Reader<'_>) -> Result<AsyncConfig, Bad> {
        let mut pair = || Ok::<_, Bad>([r.u32()?, r.u32()?]);
        Ok(AsyncConfig { packet_in: pair()?, port_status: pair()?, flow_removed: pair()? })
    }

    pub(crate) fn write(&self, w: &mut Writer<'_>) {
        let AsyncConfig { packet_in, port_status, flow_removed } = self;
        packet_in.iter().chain(port_status).chain(flow_removed).for_each(|mask| w.u32(*mask));
    }
}
