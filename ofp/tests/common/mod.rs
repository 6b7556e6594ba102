//! What the tests against Open vSwitch share: a switch of their own, and things to send to it.
#![allow(dead_code, unreachable_pub, missing_docs)]

pub mod corpus;
pub mod strategies;
pub mod switch;

/// Whether Open vSwitch is to be used. Without it these tests fail, unless `SEXTANT_NO_OVS` says that it is meant so.
pub fn ovs_wanted() -> bool {
    if std::env::var_os("SEXTANT_NO_OVS").is_some() {
        println!("skipped: SEXTANT_NO_OVS is set");
        return false;
    }
    true
}
