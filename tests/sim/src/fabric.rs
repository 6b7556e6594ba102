//! The wires: what leaves a switch by its fabric port arrives at others, and what becomes of a frame from end to end.

use std::collections::VecDeque;

use addr::OfPort;
use flows::eval::{Fate, Problem, Trace, Tunnel};
use ofp::{Action, PacketIn2, PacketOut};

use crate::world::{UPLINK, World};

/// A frame that reached an interface.
#[derive(Clone, Debug, PartialEq)]
pub struct Delivery {
    /// The switch.
    pub switch: usize,
    /// The interface's name.
    pub interface: String,
    /// The frame.
    pub frame: Vec<u8>,
}

/// What became of one frame.
#[derive(Debug, Default)]
pub struct Walk {
    /// Where it arrived, perhaps changed.
    pub deliveries: Vec<Delivery>,
    /// What should not be on a switch, and on which.
    pub problems: Vec<(usize, Problem)>,
    /// It went through the fabric more often than any frame should.
    pub looped: bool,
}

/// A frame at a switch.
struct Arrival {
    switch: usize,
    in_port: OfPort,
    tunnel: Option<Tunnel>,
    frame: Vec<u8>,
    /// How often it has gone through the fabric.
    carried: usize,
}

impl World {
    /// A host sends a frame.
    pub fn inject(&mut self, switch: usize, in_port: u32, frame: Vec<u8>) -> Walk {
        self.totals.add("packets walked", 1);
        let arrival = Arrival { switch, in_port: OfPort(in_port), tunnel: None, frame, carried: 0 };
        self.follow([arrival].into(), Walk::default())
    }

    /// The controller sends a frame.
    pub fn packet_out(&mut self, switch: usize, packet: &PacketOut) -> Walk {
        self.totals.add("packets from the controller", 1);
        let missing = |action: &Action| matches!(action, Action::Group(id) if !self.switches[switch].tables.groups.contains_key(id));
        if packet.actions.iter().any(missing) {
            // The switch refuses it. An advertisement that comes before its network is heard again.
            self.totals.add("packets refused: no group", 1);
            return Walk::default();
        }
        if let [Action::Output { port: OfPort::TABLE, .. }] = packet.actions[..] {
            // A host's frame that waited: as if it came in now.
            let frame = packet.data.to_vec();
            let arrival = Arrival { switch, in_port: packet.in_port, tunnel: None, frame, carried: 0 };
            return self.follow([arrival].into(), Walk::default());
        }
        let evaluator = self.switches[switch].evaluator();
        let trace = evaluator.send(&packet.data, packet.in_port, &packet.actions);
        let (mut walk, mut arrivals) = (Walk::default(), VecDeque::new());
        self.leave(switch, 0, trace, &mut walk, &mut arrivals);
        self.follow(arrivals, walk)
    }

    /// The number of an interface on a switch; 0: it is not plugged.
    pub fn number(&self, switch: usize, interface: &str) -> u32 {
        self.switches[switch].number_of(interface).unwrap_or(0)
    }

    /// The rows that a host's frame meets on its own switch.
    pub fn explain(&mut self, switch: usize, in_port: u32, frame: &[u8]) -> String {
        let trace = self.switches[switch].evaluator().run(frame, OfPort(in_port), None);
        let fates = trace.outputs.iter().map(|output| format!("{} {:?}", output.fate, output.tunnel));
        let steps = trace.steps.iter().map(ToString::to_string);
        steps.chain(fates).map(|line| format!("\n    {line}")).collect()
    }

    fn follow(&mut self, mut arrivals: VecDeque<Arrival>, mut walk: Walk) -> Walk {
        while let Some(Arrival { switch, in_port, tunnel, frame, carried }) = arrivals.pop_front() {
            let trace = self.switches[switch].forward(&frame, in_port, tunnel);
            self.leave(switch, carried, trace, &mut walk, &mut arrivals);
        }
        walk
    }

    fn leave(
        &mut self,
        switch: usize,
        carried: usize,
        trace: Trace,
        walk: &mut Walk,
        arrivals: &mut VecDeque<Arrival>,
    ) {
        walk.problems.extend(trace.problems.into_iter().map(|problem| (switch, problem)));
        for output in trace.outputs {
            match output.fate {
                Fate::Dropped(_) => {}
                Fate::Controller { userdata, metadata, reason, .. } => {
                    self.totals.add("packets to the controller", 1);
                    let packet = PacketIn2 {
                        total_len: u32::try_from(output.frame.len()).unwrap_or(u32::MAX),
                        packet: output.frame.into(),
                        reason,
                        metadata,
                        userdata: userdata.into(),
                        ..PacketIn2::default()
                    };
                    self.switches[switch].punt(packet);
                }
                Fate::Port(port) => match self.switches[switch].ports.get(&port.0) {
                    Some(name) if name == UPLINK => {
                        // Nothing that came through the fabric goes back to it.
                        walk.looped |= carried > 0;
                        if carried <= self.switches.len() {
                            let arriving = self.carried(switch, output.tunnel, &output.frame);
                            arrivals.extend(arriving.into_iter().map(|a| Arrival { carried: carried + 1, ..a }));
                        }
                    }
                    Some(name) => {
                        let delivery = Delivery { switch, interface: name.clone(), frame: output.frame };
                        walk.deliveries.push(delivery);
                    }
                    None => {}
                },
            }
        }
    }

    /// Who receives what leaves a switch by the fabric: the tunnel's end, or everybody on the trunk.
    fn carried(&self, from: usize, tunnel: Option<Tunnel>, frame: &[u8]) -> Vec<Arrival> {
        let sender = self.switches[from].endpoint;
        let receivers = self.switches.iter().enumerate().filter(|(at, switch)| {
            let addressed = tunnel.is_none_or(|tunnel| tunnel.dst == Some(switch.endpoint));
            *at != from && switch.alive && addressed
        });
        let arrivals = receivers.filter_map(|(at, switch)| {
            let in_port = OfPort(switch.number_of(UPLINK)?);
            let tunnel = tunnel.map(|tunnel| Tunnel { src: Some(sender), ..tunnel });
            Some(Arrival { switch: at, in_port, tunnel, frame: frame.to_vec(), carried: 0 })
        });
        arrivals.collect()
    }
}
