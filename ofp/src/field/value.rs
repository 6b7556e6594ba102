//! Values of fields: a number, right-aligned in 128 bits.

use std::net::{Ipv4Addr, Ipv6Addr};

use addr::{MacAddr, OfPort};

/// A field's value: its bytes as a big-endian number.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default)]
pub struct Value(pub u128);

macro_rules! from_numbers {
    ($($number:ty)*) => { $(
        impl From<$number> for Value {
            fn from(number: $number) -> Value {
                Value(u128::from(number))
            }
        }
    )* };
}

from_numbers!(bool u8 u16 u32 u64 u128);

impl From<MacAddr> for Value {
    fn from(mac: MacAddr) -> Value {
        Value(u128::from(mac.to_u64()))
    }
}

impl From<Ipv4Addr> for Value {
    fn from(address: Ipv4Addr) -> Value {
        Value(u128::from(u32::from(address)))
    }
}

impl From<Ipv6Addr> for Value {
    fn from(address: Ipv6Addr) -> Value {
        Value(u128::from(address))
    }
}

impl From<OfPort> for Value {
    fn from(port: OfPort) -> Value {
        Value(u128::from(port.0))
    }
}
