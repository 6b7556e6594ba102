//! Bundles: messages that take effect together (ONF extension 230 on OpenFlow 1.3).

use bytes::Bytes;

use crate::message::HEADER_LEN;
use crate::wire::{Reader, Writer};
use crate::{Bad, Message};

/// Flags of bundles: all messages of one bundle carry the same.
pub mod bundle_flags {
    /// All or nothing.
    pub const ATOMIC: u16 = 1;
    /// In the order sent.
    pub const ORDERED: u16 = 2;
}

/// What a [`BundleControl`] asks or answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u16)]
#[allow(missing_docs)]
pub enum BundleCtrlType {
    OpenRequest = 0,
    OpenReply = 1,
    CloseRequest = 2,
    CloseReply = 3,
    CommitRequest = 4,
    CommitReply = 5,
    DiscardRequest = 6,
    DiscardReply = 7,
}

/// Opens, closes, commits or discards a bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BundleControl {
    /// The controller's number for the bundle.
    pub bundle_id: u32,
    /// What is asked or answered.
    pub kind: BundleCtrlType,
    /// See [`bundle_flags`]; zero in Open vSwitch's replies.
    pub flags: u16,
    /// Properties, as read; there are none in use.
    pub properties: Bytes,
}

/// Adds a message to a bundle.
///
/// The message within must have the number (xid) of the message around it, see [`Message::in_bundle`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BundleAdd {
    /// The controller's number for the bundle.
    pub bundle_id: u32,
    /// See [`bundle_flags`].
    pub flags: u16,
    /// The message.
    pub message: Box<Message>,
    /// Padding and properties after it, as read; there are none in use.
    pub properties: Bytes,
}

impl BundleCtrlType {
    fn from_number(number: u16) -> Result<BundleCtrlType, Bad> {
        Ok(match number {
            0 => BundleCtrlType::OpenRequest,
            1 => BundleCtrlType::OpenReply,
            2 => BundleCtrlType::CloseRequest,
            3 => BundleCtrlType::CloseReply,
            4 => BundleCtrlType::CommitRequest,
            5 => BundleCtrlType::CommitReply,
            6 => BundleCtrlType::DiscardRequest,
            7 => BundleCtrlType::DiscardReply,
            _ => return Err(Bad::Value { value: number.into(), what: "bundle control type" }),
        })
    }
}

impl BundleControl {
    /// Asks for something to be done with a bundle.
    pub fn new(bundle_id: u32, kind: BundleCtrlType, flags: u16) -> BundleControl {
        BundleControl { bundle_id, kind, flags, properties: Bytes::new() }
    }

    pub(crate) fn read(r: &mut Reader<'_>) -> Result<BundleControl, Bad> {
        let (bundle_id, kind) = (r.u32()?, BundleCtrlType::from_number(r.u16()?)?);
        Ok(BundleControl { bundle_id, kind, flags: r.u16()?, properties: r.rest_bytes() })
    }

    pub(crate) fn write(&self, w: &mut Writer<'_>) {
        w.u32(self.bundle_id);
        w.u16(self.kind as u16);
        w.u16(self.flags);
        w.bytes(&self.properties);
    }
}

impl BundleAdd {
    pub(crate) fn read(r: &mut Reader<'_>) -> Result<BundleAdd, Bad> {
        let bundle_id = r.u32()?;
        r.skip(2)?;
        let flags = r.u16()?;
        let (_, raw) = r.clone().item(2, HEADER_LEN, "message in a bundle")?;
        let message = Message::read(&mut r.deeper()?.within(raw.len(), "message in a bundle")?)?;
        r.skip(raw.len())?;
        Ok(BundleAdd { bundle_id, flags, message: Box::new(message), properties: r.rest_bytes() })
    }

    pub(crate) fn write(&self, w: &mut Writer<'_>) {
        w.u32(self.bundle_id);
        w.zeros(2);
        w.u16(self.flags);
        self.message.write(w);
        w.bytes(&self.properties);
    }
}
