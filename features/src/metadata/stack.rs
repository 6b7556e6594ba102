//! smoltcp among packets that lie in memory: what came goes in, what is to be sent comes out, at a time that is told.

use smoltcp::iface::{Config, Interface, SocketSet};
use smoltcp::phy::{Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::time::Instant;
use smoltcp::wire::{HardwareAddress, IpCidr, Ipv4Address, Ipv6Address};

use super::{EC2, IPV4, OPENSTACK};
use crate::time::Millis;

/// Puts a packet, if one came, to the sockets of a port, and has them do what is due: the packets that they send. `seed` is what their
/// sequence numbers begin from; only the port itself could make use of guessing them.
pub(super) fn poll(
    sockets: &mut SocketSet<'_>,
    came: Option<Vec<u8>>,
    mtu: usize,
    seed: u64,
    now: Millis,
) -> Vec<Vec<u8>> {
    let mut wire = Wire { mtu, came, sent: Vec::new() };
    interface(&mut wire, seed, now).poll(instant(now), &mut wire, sockets);
    wire.sent
}

/// When the sockets have something to do by themselves.
pub(super) fn due(sockets: &SocketSet<'_>, mtu: usize, now: Millis) -> Option<Millis> {
    let mut wire = Wire { mtu, came: None, sent: Vec::new() };
    let at = interface(&mut wire, 0, now).poll_at(instant(now), sockets)?;
    // Not at once again: whatever could be done now, is done.
    Some(Millis(u64::try_from(at.total_millis()).unwrap_or(0)).max(now.after_ms(1)))
}

/// It holds nothing that lasts, so that one is as good as another.
fn interface(wire: &mut Wire, seed: u64, now: Millis) -> Interface {
    let mut config = Config::new(HardwareAddress::Ip);
    config.random_seed = seed;
    let mut interface = Interface::new(config, wire, instant(now));
    interface.update_ip_addrs(|addresses| {
        // Four fit.
        for own in [IpCidr::new(OPENSTACK.into(), 64), IpCidr::new(EC2.into(), 128), IpCidr::new(IPV4.into(), 32)] {
            addresses.push(own).ok();
        }
    });
    // Everybody is next door. Two fit.
    interface.routes_mut().add_default_ipv6_route(Ipv6Address::LOCALHOST).ok();
    interface.routes_mut().add_default_ipv4_route(Ipv4Address::LOCALHOST).ok();
    interface
}

fn instant(now: Millis) -> Instant {
    Instant::from_millis(i64::try_from(now.0).unwrap_or(i64::MAX))
}

struct Wire {
    mtu: usize,
    came: Option<Vec<u8>>,
    sent: Vec<Vec<u8>>,
}

struct Came(Vec<u8>);

struct Sent<'w>(&'w mut Vec<Vec<u8>>);

impl Device for Wire {
    type RxToken<'a> = Came;
    type TxToken<'a> = Sent<'a>;

    fn receive(&mut self, _: Instant) -> Option<(Came, Sent<'_>)> {
        Some((Came(self.came.take()?), Sent(&mut self.sent)))
    }

    fn transmit(&mut self, _: Instant) -> Option<Sent<'_>> {
        Some(Sent(&mut self.sent))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ip;
        capabilities.max_transmission_unit = self.mtu;
        capabilities
    }
}

impl RxToken for Came {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, read: F) -> R {
        read(&self.0)
    }
}

impl TxToken for Sent<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, write: F) -> R {
        let mut packet = vec![0; length];
        let result = write(&mut packet);
        self.0.push(packet);
        result
    }
}
