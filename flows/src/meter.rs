//! The meters of ports, and their numbers.

use addr::OfPort;

use crate::item::PuntClass;

/// What one of a port's meters is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Metered {
    /// What it asks of the controller: each port has a meter for each class.
    Punts(PuntClass),
    /// What it asks of the switch, that the switch answers itself.
    Answers,
    /// The new connections that its security groups follow.
    Connections,
}

/// Meters for answers on one switch, and as many for connections: a port has that of its number modulo this. So those of up to so many
/// ports in a row are its own, and a port more costs no row.
pub const SHARES: u32 = 64;
/// The bits of a port's number that tell which.
pub(crate) const SHARE_BITS: u16 = 6;
const CLASSES: [PuntClass; 4] = [PuntClass::Address, PuntClass::Service, PuntClass::Link, PuntClass::Health];
/// Numbers of meters for one port's punts.
const PLACES: u32 = 4;
/// Behind those of the greatest port, 0xfeff: within OVS's 262,144.
const SHARED: u32 = 0xff00 * PLACES;

impl Metered {
    /// The name under which what is above the rate is dropped.
    pub const fn name(self) -> &'static str {
        match self {
            Metered::Punts(PuntClass::Address) => "rate_address",
            Metered::Punts(PuntClass::Service) => "rate_service",
            Metered::Punts(PuntClass::Link) => "rate_link",
            Metered::Punts(PuntClass::Health) => "rate_health",
            Metered::Answers => "rate_answers",
            Metered::Connections => "rate_connections",
        }
    }
}

/// A meter of a port. Its number is a function of the OpenFlow port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortMeter {
    /// The port; of one that others share, the least.
    pub port: OfPort,
    /// What for.
    pub metered: Metered,
}

impl PortMeter {
    /// The meter's number; never 0.
    pub const fn id(self) -> u32 {
        match self.metered {
            Metered::Punts(class) => self.port.0.wrapping_mul(PLACES).wrapping_add(class as u32),
            Metered::Answers => SHARED + self.port.0 % SHARES,
            Metered::Connections => SHARED + SHARES + self.port.0 % SHARES,
        }
    }

    /// The meter of a number.
    pub fn from_id(id: u32) -> Option<PortMeter> {
        let meter = |port, metered| Some(PortMeter { port: OfPort(port), metered });
        match id.checked_sub(SHARED) {
            Some(share) if share < SHARES => meter(share, Metered::Answers),
            Some(share) if share < 2 * SHARES => meter(share - SHARES, Metered::Connections),
            Some(_) => None,
            None => {
                let class = CLASSES.into_iter().find(|class| *class as u32 == id % PLACES)?;
                meter(id / PLACES, Metered::Punts(class))
            }
        }
    }

    /// Whether it is a port's.
    pub fn is_of(self, port: OfPort) -> bool {
        PortMeter { port, metered: self.metered }.id() == self.id()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_within_the_switchs_and_read_back() {
        assert_eq!(1 << SHARE_BITS, SHARES);
        let punts = CLASSES.map(Metered::Punts);
        // The last is OFPP_MAX of Open vSwitch.
        for port in [1, 63, 64, 0xfeff].map(OfPort) {
            for metered in punts.into_iter().chain([Metered::Answers, Metered::Connections]) {
                let meter = PortMeter { port, metered };
                assert!((1..=262_144).contains(&meter.id()), "{meter:?}");
                let read = PortMeter::from_id(meter.id()).unwrap();
                assert!(read.is_of(port) && read.metered == metered, "{meter:?} is read as {read:?}");
                assert_eq!(read.is_of(OfPort(port.0 + SHARES)), !matches!(metered, Metered::Punts(_)));
            }
        }
        assert_eq!(PortMeter::from_id(0xff00 * 4 + 2 * SHARES), None);
    }
}
