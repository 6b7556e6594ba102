//! Bundles: messages that take effect together (ONF extension 230 on OpenFlow 1.3).

use bytes::Bytes;

use crate::Message;

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
    /// See [`bundle_flags`].
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
