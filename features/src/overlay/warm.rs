//! Warms tunnels: the first packet towards an endpoint whose MAC Open vSwitch does not know is lost, so the controller
//! sends one that nobody misses, before any host does and again before the entry ages (900 s).

use addr::{MacAddr, OfPort};
use ofp::Action;
use packet::Ethernet;
use topology::{ChassisKey, Encap, View};

use super::flows::copy_to;

/// Seconds between two warming packets to one endpoint.
pub const WARM_INTERVAL_S: u64 = 300;

/// No network has this segment, so the receiver drops the packet.
const NO_SEGMENT: u32 = 0;

/// The packet-outs that warm the way from one chassis to others: actions and frame.
pub fn packets(view: &View<'_>, from: ChassisKey, to: &[ChassisKey]) -> Vec<(Vec<Action>, Vec<u8>)> {
    let (Some(fabric), Some(port)) = (view.fabric(), view.uplink(from)) else { return Vec::new() };
    if fabric.encap == Encap::Vlan {
        return Vec::new();
    }
    to.iter().filter_map(|to| Some((actions(view, *to, port)?, frame(NOBODY)))).collect()
}

fn actions(view: &View<'_>, to: ChassisKey, port: OfPort) -> Option<Vec<Action>> {
    let endpoint = view.chassis(to)?.tunnel_ip?;
    Some(copy_to(NO_SEGMENT, Some(endpoint), port))
}

/// A MAC that nobody has.
const NOBODY: MacAddr = MacAddr([0x02, 0x53, 0x02, 0, 0, 0]);

/// A local experimental ethertype (IEEE 802).
pub(crate) const ETHERTYPE: u16 = 0x88b5;

/// A frame of that, to nobody.
pub(crate) fn frame(from: MacAddr) -> Vec<u8> {
    Ethernet::untagged(from, NOBODY, ETHERTYPE).emit(&[0; 46]).to_vec()
}
