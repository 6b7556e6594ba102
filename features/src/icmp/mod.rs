//! ICMP from the router: echo is answered by flows; errors are made by the controller, for flows can't.

mod flows;
pub mod service;

pub use self::flows::Icmp;
