//! The whole controller among simulated switches, from a seed, in virtual time: faults of every kind, and what may never be.
//!
//! A [`scenario::Scenario`] is all that happens, as data. [`run::run`] lets it happen in one thread without a clock: the daemon's own
//! sessions, brain and store, switches that speak OpenFlow over pipes, and packets through the tables as they are at that moment.

pub mod controller;
pub mod digest;
pub mod fabric;
pub mod failure;
pub mod generate;
pub mod host;
pub mod intents;
pub mod judge;
pub mod model;
pub mod reachable;
pub mod rest;
pub mod run;
pub mod scenario;
pub mod switch;
pub mod tamper;
pub mod wire;
pub mod world;
