//! Punted packets and packets sent: what services take and give.

use crate::mapping;
use crate::time::Millis;
use addr::{MacAddr, OfPort};
use flows::{PuntOp, Reg};
use ofp::{Action, Match};
use topology::{ChassisKey, NetworkKey, Place, PortKey, RouterKey, Shared, View};

use crate::router::CHASSIS_MAC_PREFIX;
use crate::{direct, l2, provider};

/// A packet that a row punted, with what the registers said there.
#[derive(Clone, Debug)]
pub struct Punted {
    /// What is asked.
    pub op: PuntOp,
    /// The port that it came from.
    pub port: PortKey,
    /// Where that port is plugged.
    pub place: Place,
    /// The network that the packet was on when it was punted: for a routed one, the one that it was going to.
    pub network: NetworkKey,
    /// The router that had it; meaningless before one did.
    pub router: RouterKey,
    /// The frame.
    pub frame: Vec<u8>,
    /// When it came.
    pub at: Millis,
}

/// A frame to be sent by a chassis.
#[derive(Clone, Debug, PartialEq)]
pub struct PacketOut {
    /// By which chassis.
    pub chassis: ChassisKey,
    /// As if it came in by this port: no output and no group sends it back there.
    pub in_port: OfPort,
    /// What to do with it there.
    pub actions: Vec<Action>,
    /// The frame.
    pub frame: Vec<u8>,
}

impl PacketOut {
    /// From the controller, wherever the actions lead.
    pub fn by(chassis: ChassisKey, actions: Vec<Action>, frame: impl Into<Vec<u8>>) -> PacketOut {
        PacketOut { chassis, in_port: OfPort::CONTROLLER, actions, frame: frame.into() }
    }

    /// To one port. To a pass-through NIC it goes over the physical network, from a MAC of the chassis.
    pub fn to(place: Place, frame: impl Into<Vec<u8>>) -> PacketOut {
        let mut frame = frame.into();
        let Some(Shared { port, vlan, .. }) = place.beyond() else {
            return PacketOut::by(place.chassis, l2::to_port(place.ofport), frame);
        };
        if let Some(source) = frame.get_mut(6..12)
            && source.first() != Some(&CHASSIS_MAC_PREFIX)
        {
            source.copy_from_slice(&direct::speaks_from(place.chassis).0);
        }
        PacketOut::by(place.chassis, provider::copy_to(vlan, port), frame)
    }
}

/// Why a punted packet gets no answer: a name for counters.
pub type Unanswered = &'static str;

impl Punted {
    /// Reads a packet-in; refused if it is not from a port of that chassis (an old packet of a port that has moved).
    pub fn read(
        view: &View<'_>,
        chassis: ChassisKey,
        in_port: OfPort,
        userdata: &[u8],
        metadata: &Match,
        mut frame: Vec<u8>,
        at: Millis,
    ) -> Result<Punted, Unanswered> {
        let port = crate::port::punting_port(userdata).ok_or("foreign_userdata")?;
        let place = view.place(port).filter(|p| p.chassis == chassis && p.ofport == in_port).ok_or("port_moved")?;
        let op = op_of(metadata).ok_or("unknown_operation")?;
        if is_owed_an_error(op) {
            mapping::service::as_sent(view, metadata, &mut frame);
        }
        Ok(Punted {
            op,
            port,
            place,
            network: NetworkKey(register(metadata, Reg::Net) as u32),
            router: RouterKey(register(metadata, Reg::Router) as u32),
            frame,
            at,
        })
    }

    /// The frame's source MAC.
    pub fn source_mac(&self) -> Option<MacAddr> {
        Some(MacAddr(self.frame.get(6..12)?.try_into().ok()?))
    }
}

/// Whether a packet is punted for an error, which quotes it.
pub fn is_owed_an_error(op: PuntOp) -> bool {
    use PuntOp::{HopLimit, NoRoute, PortUnreachable, TooBig, Unreachable};
    matches!(op, HopLimit | NoRoute | Unreachable | PortUnreachable | TooBig)
}

/// What the punting row asks for.
pub fn op_of(metadata: &Match) -> Option<PuntOp> {
    PuntOp::from_number(register(metadata, Reg::PuntOp))
}

/// A register's value in a packet-in; a register that is zero is left out of it.
pub fn register(metadata: &Match, reg: Reg) -> u64 {
    let spec = reg.spec();
    let (value, _) = metadata.get(reg.field()).unwrap_or((0, 0));
    ((value >> spec.offset) & ((1u128 << spec.bits) - 1)) as u64
}
