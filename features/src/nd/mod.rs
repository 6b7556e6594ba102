//! Neighbour discovery: solicitations for known addresses are answered by flows; those without options, by the controller.

pub(crate) mod flows;
pub mod service;

pub use self::flows::Nd;
