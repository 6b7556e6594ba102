//! What a provider's router has delegated, and until when.

use addr::Ipv6Net;
use bytes::Bytes;
use packet::{Dhcp6Message, Dhcp6Option, Dhcp6Status};

use crate::time::Millis;

/// A lifetime or timer of so many seconds never ends (RFC 8415, 7.7).
const FOR_EVER_S: u32 = u32::MAX;
/// The longest prefix that anything can be carved from.
const LENGTH_MAX: u8 = 64;

/// Prefixes, and who gave them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The server's DUID.
    pub server: Bytes,
    /// In the server's order.
    pub prefixes: Vec<Granted>,
    /// When the server is asked to prolong them (T1).
    pub renew_at: Millis,
    /// When any server is (T2).
    pub rebind_at: Millis,
}

/// A delegated prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Granted {
    /// The prefix, 64 bits at most.
    pub prefix: Ipv6Net,
    /// New connections begin from it until then.
    pub preferred_until: Millis,
    /// It is ours until then.
    pub valid_until: Millis,
}

impl Lease {
    /// Takes away what has run out; whether there was such.
    pub(super) fn expire(&mut self, now: Millis) -> bool {
        let before = self.prefixes.len();
        self.prefixes.retain(|granted| granted.valid_until > now);
        self.prefixes.len() != before
    }

    /// When the next prefix runs out.
    pub(super) fn next_end(&self) -> Option<Millis> {
        self.prefixes.iter().map(|granted| granted.valid_until).min()
    }
}

/// The association with prefixes of a message, as its server fills it.
pub(super) struct Association<'m> {
    pub(super) t1_s: u32,
    pub(super) t2_s: u32,
    pub(super) options: &'m [Dhcp6Option],
}

impl<'m> Association<'m> {
    /// That of an identifier.
    pub(super) fn of(message: &'m Dhcp6Message, ours: u32) -> Option<Association<'m>> {
        message.options.iter().find_map(|option| match option {
            Dhcp6Option::IaPd { iaid, t1_s, t2_s, options } if *iaid == ours => {
                Some(Association { t1_s: *t1_s, t2_s: *t2_s, options })
            }
            _ => None,
        })
    }

    /// What the server says of it, where that is no success.
    pub(super) fn failure(&self) -> Option<Dhcp6Status> {
        failure(self.options)
    }

    /// The prefixes with their lifetimes, preferred and valid, seconds. Those that break the rules are left out (RFC 8415, 21.22).
    pub(super) fn prefixes(&self) -> impl Iterator<Item = (Ipv6Net, u32, u32)> + 'm {
        self.options.iter().filter_map(|option| match option {
            Dhcp6Option::IaPrefix { prefix, preferred_s, valid_s, options } => {
                let sound = preferred_s <= valid_s && prefix.prefix_len() <= LENGTH_MAX && failure(options).is_none();
                sound.then(|| (prefix.trunc(), *preferred_s, *valid_s))
            }
            _ => None,
        })
    }

    /// The lease that it makes of the one before (RFC 8415, 18.2.10.1): what it does not name stays as it was.
    pub(super) fn lease(&self, server: &Bytes, before: Option<&Lease>, now: Millis) -> Lease {
        let mut prefixes = before.map(|lease| lease.prefixes.clone()).unwrap_or_default();
        let mut shortest_s = FOR_EVER_S;
        for (prefix, preferred_s, valid_s) in self.prefixes() {
            let granted = Granted { prefix, preferred_until: end(now, preferred_s), valid_until: end(now, valid_s) };
            match prefixes.iter_mut().find(|known| known.prefix == prefix) {
                Some(known) => *known = granted,
                None => prefixes.push(granted),
            }
            if preferred_s > 0 {
                shortest_s = shortest_s.min(preferred_s);
            }
        }
        prefixes.retain(|granted| granted.valid_until > now);
        // RFC 8415, 21.21: where the server leaves it to us, half and four fifths of the shortest preferred lifetime (14.2).
        let or = |told_s: u32, tenths: u32| match told_s {
            0 if shortest_s == FOR_EVER_S => FOR_EVER_S,
            0 => shortest_s / 10 * tenths,
            told_s => told_s,
        };
        let renew_at = end(now, or(self.t1_s, 5));
        let rebind_at = end(now, or(self.t2_s, 8)).max(renew_at);
        Lease { server: server.clone(), prefixes, renew_at, rebind_at }
    }
}

/// A status that is no success.
pub(super) fn failure(options: &[Dhcp6Option]) -> Option<Dhcp6Status> {
    options.iter().find_map(|option| match option {
        Dhcp6Option::Status { code, .. } if *code != Dhcp6Status::Success => Some(*code),
        _ => None,
    })
}

fn end(now: Millis, seconds: u32) -> Millis {
    if seconds == FOR_EVER_S { Millis(u64::MAX) } else { now.after_s(seconds.into()) }
}
