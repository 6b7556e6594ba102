//! DNS: the names of ports, answered for their neighbours; what else is asked is put to the resolvers that the daemon knows.
//!
//! Neutron's internal DNS. The router's own addresses answer, or where there is no router an address of the network itself, on
//! networks that have a domain and on those whose subnets name such an address as their DNS server.

mod flows;
pub mod names;
pub mod server;
pub mod service;

pub use self::flows::Dns;
