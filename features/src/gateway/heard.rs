//! What a router on a physical network has said of itself, and for how long it counts (RFC 4861, 6.3.4).

use std::collections::BTreeMap;

use addr::{Ipv6Net, is_link_local};
use packet::{NdOption, Preference, RouterAdvert};
use topology::{RouterPreference, UpstreamRouter};

use crate::time::Millis;

/// Milliseconds for which a router counts that a controller before this one had found.
const RECALLED_MS: u64 = 30_000;
/// Prefixes that one router is believed to advertise, at most.
const PREFIXES_MAX: usize = 16;
/// Less is no link's that carries IPv6 (RFC 8200, 5).
const MTU_MIN: u32 = 1_280;

/// A router that has advertised itself, or was known to a controller before this one.
#[derive(Debug)]
pub(super) struct Heard {
    until: Millis,
    preference: RouterPreference,
    mtu: Option<u32>,
    prefixes: BTreeMap<Ipv6Net, Millis>,
    /// This controller has not heard it: what it says beside is not known.
    pub(super) recalled: bool,
}

impl Heard {
    /// One of which only this is known, that it was there.
    pub(super) fn recalled(now: Millis) -> Heard {
        let until = now.after_ms(RECALLED_MS);
        Heard { until, preference: RouterPreference::Medium, mtu: None, prefixes: BTreeMap::new(), recalled: true }
    }

    /// It advertises itself. What it leaves out stays as it was.
    pub(super) fn says(&mut self, advert: &RouterAdvert, now: Millis) {
        self.recalled = false;
        self.until = now.after_s(advert.router_lifetime_s.into());
        self.preference = match advert.preference {
            Preference::High => RouterPreference::High,
            Preference::Low => RouterPreference::Low,
            _ => RouterPreference::Medium,
        };
        for option in &advert.options {
            match option {
                NdOption::Mtu(mtu) if *mtu >= MTU_MIN => self.mtu = Some(*mtu),
                NdOption::PrefixInformation { prefix, valid_s, .. } => {
                    let prefix = prefix.trunc();
                    if *valid_s == 0 {
                        self.prefixes.remove(&prefix);
                    } else if !is_link_local(prefix.network())
                        && prefix.prefix_len() > 0
                        && (self.prefixes.len() < PREFIXES_MAX || self.prefixes.contains_key(&prefix))
                    {
                        self.prefixes.insert(prefix, now.after_s((*valid_s).into()));
                    }
                }
                _ => {}
            }
        }
    }

    /// What counts no longer is forgotten: whether the router does, and whether anything of it is otherwise.
    pub(super) fn expire(&mut self, now: Millis) -> (bool, bool) {
        let before = self.prefixes.len();
        self.prefixes.retain(|_, until| *until > now);
        (self.until > now, self.prefixes.len() != before)
    }

    /// When something of it counts no longer.
    pub(super) fn until(&self) -> Millis {
        self.prefixes.values().copied().chain([self.until]).min().unwrap_or(self.until)
    }

    /// As a fact.
    pub(super) fn fact(&self) -> UpstreamRouter {
        let prefixes = self.prefixes.keys().copied().collect();
        UpstreamRouter { preference: self.preference, mtu: self.mtu, prefixes }
    }
}
