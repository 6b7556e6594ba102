//! The action that sends a packet to the controller.

use bytes::Bytes;

use super::Action;
use crate::Bad;
use crate::wire::{Reader, Writer, read_distinct_properties, write_property, write_raw_property, write_u16_property};

/// To the controller, with particulars. Travels as `NXAST_CONTROLLER` when that suffices, else as
/// `NXAST_CONTROLLER2`, as Open vSwitch itself picks.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Controller {
    /// Bytes of the packet to send.
    pub max_len: u16,
    /// Which controller connections; 0 is those that didn't choose a number.
    pub controller_id: u16,
    /// The reason to state, see [`crate::packet_in_reason`].
    pub reason: u8,
    /// Bytes that come back in the packet-in.
    pub userdata: Bytes,
    /// Stop the packet here until [`crate::Body::Resume`].
    pub pause: bool,
    /// The meter for these packet-ins.
    pub meter_id: Option<u32>,
    /// Properties of `NXAST_CONTROLLER2` that are not known here, each as read.
    pub unknown: Vec<Bytes>,
}

impl Default for Controller {
    fn default() -> Controller {
        Controller {
            max_len: crate::NO_TRUNCATION,
            controller_id: 0,
            reason: crate::packet_in_reason::ACTION,
            userdata: Bytes::new(),
            pause: false,
            meter_id: None,
            unknown: Vec::new(),
        }
    }
}

pub(super) fn read(r: &mut Reader<'_>) -> Result<Action, Bad> {
    let (max_len, controller_id, reason) = (r.u16()?, r.u16()?, r.u8()?);
    r.zeros(1)?;
    Ok(Action::Controller(Controller { max_len, controller_id, reason, ..Controller::default() }))
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

pub(super) fn read2(r: &mut Reader<'_>) -> Result<Action, Bad> {
    r.zeros(6)?;
    let mut controller = Controller::default();
    read_distinct_properties(r, |kind, mut body, raw| {
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
    pub(super) fn is_plain(&self) -> bool {
        let Controller { max_len: _, controller_id: _, reason: _, userdata, pause, meter_id, unknown } = self;
        userdata.is_empty() && !pause && meter_id.is_none() && unknown.is_empty()
    }

    pub(super) fn write(&self, w: &mut Writer<'_>) {
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
