//! Packets that a bridge's rows punt.

use addr::OfPort;
use brain::{Event, Punt, SwitchEvent};
use flows::{PuntOp, Reg};
use ofp::Match;

use super::Site;

/// A packet-in of a row with this userdata.
pub fn punt(site: &mut Site, bridge: usize, port: u32, userdata: &[u8], metadata: Match, frame: &[u8]) {
    let punt = Punt { in_port: OfPort(port), metadata, userdata: userdata.to_vec(), data: frame.to_vec() };
    let session = site.bridges[bridge].session.unwrap();
    site.event(Event::Switch(session, SwitchEvent::Packet(punt)));
}

/// From a plugged port of network 1. As the switch says it: what the port's key is, is read off its rows.
pub fn from_port(site: &mut Site, bridge: usize, port: u32, op: PuntOp, frame: &[u8]) {
    let key = port_key(site, bridge, port);
    let (value, mask) = Reg::PuntOp.matching(op as u64);
    let metadata = Match::new().masked(Reg::PuntOp.field(), value, mask);
    let (value, mask) = Reg::Net.matching(1u64);
    let metadata = metadata.masked(Reg::Net.field(), value, mask);
    let userdata = [&[1u8][..], &key.to_be_bytes()].concat();
    punt(site, bridge, port, &userdata, metadata, frame);
}

pub fn port_key(site: &Site, bridge: usize, port: u32) -> u32 {
    let rows = site.bridges[bridge].tables.flows.values();
    let userdata = rows.filter(|row| row.table == 200 && row.match_.get(ofp::Field::IN_PORT).unwrap().0 == port.into());
    let of_row = |row: &ofp::FlowStats| {
        row.instructions.iter().find_map(|instruction| match instruction {
            ofp::Instruction::ApplyActions(actions) => actions.iter().find_map(|action| match action {
                ofp::Action::Controller(controller) => Some(controller.userdata.to_vec()),
                _ => None,
            }),
            _ => None,
        })
    };
    let userdata = userdata.filter_map(of_row).next().unwrap();
    u32::from_be_bytes(userdata[1..].try_into().unwrap())
}
