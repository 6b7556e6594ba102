//! Router advertisements: who gets one, when, and with what in it.

pub mod advert;
mod flows;
pub mod service;

pub use self::flows::Ra;
