//! Between chassis: encapsulation out, classification in; one tunnel hop, never two.

mod flows;
pub mod warm;

pub use self::flows::Overlay;
pub(crate) use self::flows::copy_to;
