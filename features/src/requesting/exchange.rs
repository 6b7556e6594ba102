//! The exchanges of one client for one association, told the time and what came: what it sends, and when it wants to be asked again.

use addr::Ipv6Net;
use bytes::Bytes;
use packet::{Dhcp6Kind, Dhcp6Message, Dhcp6Option, Dhcp6Status, dhcp6_option};

use super::lease::{Association, Lease, failure};
use crate::siphash::siphash;
use crate::time::Millis;

/// The first solicit waits up to this long (RFC 8415, 7.6: SOL_MAX_DELAY).
const FIRST_DELAY_MS: u64 = 1_000;
/// SOL_MAX_RT, where no server says otherwise, and what it may say (RFC 8415, 7.6 and 21.24), seconds.
const SOL_MAX_RT_S: u32 = 3_600;
const SOL_MAX_RT_RANGE_S: std::ops::RangeInclusive<u32> = 60..=86_400;
/// A server that wants nobody else asked says so by this preference (RFC 8415, 18.2.1).
const PREFERENCE_MAX: u8 = 255;

/// How a message is repeated (RFC 8415, 7.6 and 15): milliseconds to the first time and at most, 0: no limit; times, 0: no limit.
struct Timing {
    first_ms: u64,
    most_ms: u64,
    times: u32,
}

/// One client, for one association.
#[derive(Clone, Debug)]
pub struct Client {
    /// The client's DUID.
    duid: Bytes,
    /// The association's identifier.
    iaid: u32,
    /// Which prefix it would like, or one of which length.
    hint: Option<Ipv6Net>,
    /// What its transaction numbers and the spread of its times come from.
    key: [u8; 16],
    exchanges: u32,
    stage: Stage,
    lease: Option<Lease>,
    sol_max_rt_s: u32,
}

#[derive(Clone, Debug)]
enum Stage {
    /// Nothing is asked before the lease's T1.
    Bound,
    Asking(Exchange),
    /// All is given back.
    Done,
}

#[derive(Clone, Debug)]
struct Exchange {
    kind: Dhcp6Kind,
    transaction: u32,
    /// When it was sent first.
    began: Option<Millis>,
    sent: u32,
    /// When it is sent next.
    next: Millis,
    timeout_ms: u64,
    /// The best of the advertisements so far.
    offer: Option<Offer>,
}

#[derive(Clone, Debug)]
struct Offer {
    preference: u8,
    server: Bytes,
    hints: Vec<Ipv6Net>,
}

/// What follows from an event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// To be sent to all DHCPv6 servers.
    pub message: Option<Dhcp6Message>,
    /// The lease is another than before.
    pub changed: bool,
}

impl Client {
    /// A client that has a lease from earlier, or asks for one. `key`: of this process and association, known to nobody else.
    pub fn new(
        duid: Bytes,
        iaid: u32,
        hint: Option<Ipv6Net>,
        lease: Option<Lease>,
        key: [u8; 16],
        now: Millis,
    ) -> Client {
        let stage = Stage::Bound;
        let mut client = Client { duid, iaid, hint, key, exchanges: 0, stage, lease, sol_max_rt_s: SOL_MAX_RT_S };
        if client.lease.is_none() {
            client.solicit(now);
        }
        client
    }

    /// What it has.
    pub fn lease(&self) -> Option<&Lease> {
        self.lease.as_ref()
    }

    /// When [`Client::tick`] is due next.
    pub fn next_due(&self) -> Option<Millis> {
        let end = self.lease.as_ref().and_then(Lease::next_end);
        let next = match &self.stage {
            Stage::Done => return None,
            Stage::Bound => self.lease.as_ref().map(|lease| lease.renew_at),
            Stage::Asking(exchange) => Some(exchange.next),
        };
        // A renewal turns into a rebinding though it is not its time to be repeated.
        let rebind = match &self.stage {
            Stage::Asking(exchange) if exchange.kind == Dhcp6Kind::Renew => self.lease.as_ref().map(|l| l.rebind_at),
            _ => None,
        };
        [end, next, rebind].into_iter().flatten().min()
    }

    /// It is that time.
    pub fn tick(&mut self, now: Millis) -> Step {
        let changed = self.lease.as_mut().is_some_and(|lease| lease.expire(now));
        if self.lease.as_ref().is_some_and(|lease| lease.prefixes.is_empty()) {
            self.lease = None;
            if !self.releases() {
                self.solicit(now);
            }
        }
        let (renew, rebind) = self.lease.as_ref().map_or((false, false), |l| (l.renew_at <= now, l.rebind_at <= now));
        let renews = matches!(&self.stage, Stage::Asking(exchange) if exchange.kind == Dhcp6Kind::Renew);
        match &self.stage {
            Stage::Bound if rebind => self.begin(Dhcp6Kind::Rebind, now),
            Stage::Bound if renew => self.begin(Dhcp6Kind::Renew, now),
            Stage::Asking(_) if renews && rebind => self.begin(Dhcp6Kind::Rebind, now),
            _ => {}
        }
        Step { message: self.repeat(now), changed }
    }

    /// A message came for it.
    ///
    /// # Errors
    /// The name of why it changes nothing.
    pub fn hear(&mut self, message: &Dhcp6Message, now: Millis) -> Result<Step, &'static str> {
        let Stage::Asking(exchange) = &self.stage else { return Err("asked_nothing") };
        if message.transaction != exchange.transaction {
            return Err("other_transaction");
        }
        let asked = exchange.kind;
        let ours = message.options.iter().any(|o| matches!(o, Dhcp6Option::ClientId(duid) if *duid == self.duid));
        let server = message.options.iter().find_map(|option| match option {
            Dhcp6Option::ServerId(duid) => Some(duid.clone()),
            _ => None,
        });
        let Some(server) = server.filter(|_| ours) else { return Err("not_for_us") };
        self.heed_limit(message);
        match message.kind {
            Dhcp6Kind::Advertise if asked == Dhcp6Kind::Solicit => self.advertised(message, server, now),
            Dhcp6Kind::Reply if asked == Dhcp6Kind::Release => {
                self.stage = Stage::Done;
                Ok(Step::default())
            }
            // Two messages instead of four were not asked for.
            Dhcp6Kind::Reply if asked != Dhcp6Kind::Solicit => self.replied(message, asked, server, now),
            _ => Err("unexpected_kind"),
        }
    }

    /// Gives all back: what is sent from now on is that.
    pub fn release(&mut self, now: Millis) {
        match &self.lease {
            Some(_) => self.begin(Dhcp6Kind::Release, now),
            None => self.stage = Stage::Done,
        }
    }

    /// Whether there is nothing more to do.
    pub fn is_done(&self) -> bool {
        matches!(self.stage, Stage::Done)
    }

    fn releases(&self) -> bool {
        matches!(&self.stage, Stage::Asking(exchange) if exchange.kind == Dhcp6Kind::Release) || self.is_done()
    }

    fn advertised(&mut self, message: &Dhcp6Message, server: Bytes, now: Millis) -> Result<Step, &'static str> {
        let association = Association::of(message, self.iaid).ok_or("no_association")?;
        let hints: Vec<Ipv6Net> = association.prefixes().map(|(prefix, ..)| prefix).collect();
        if hints.is_empty() || association.failure().or(failure(&message.options)).is_some() {
            return Err("no_prefix");
        }
        let told = message.options.iter().find_map(|option| match option {
            Dhcp6Option::Preference(preference) => Some(*preference),
            _ => None,
        });
        let offer = Offer { preference: told.unwrap_or(0), server, hints };
        let Stage::Asking(exchange) = &mut self.stage else { return Err("asked_nothing") };
        // After the first time has run out, the first offer is taken (RFC 8415, 18.2.1).
        let at_once = offer.preference == PREFERENCE_MAX || exchange.sent > 1;
        if exchange.offer.as_ref().is_none_or(|best| offer.preference > best.preference) {
            exchange.offer = Some(offer);
        }
        Ok(Step { message: if at_once { self.take_offer(now) } else { None }, changed: false })
    }

    /// Asks for what was offered best.
    fn take_offer(&mut self, now: Millis) -> Option<Dhcp6Message> {
        let Stage::Asking(exchange) = &mut self.stage else { return None };
        let offer = exchange.offer.take()?;
        self.begin(Dhcp6Kind::Request, now);
        if let Stage::Asking(exchange) = &mut self.stage {
            exchange.offer = Some(offer);
        }
        self.repeat(now)
    }

    fn replied(
        &mut self,
        message: &Dhcp6Message,
        asked: Dhcp6Kind,
        server: Bytes,
        now: Millis,
    ) -> Result<Step, &'static str> {
        let association = Association::of(message, self.iaid);
        let failed = failure(&message.options).or(association.as_ref().and_then(Association::failure));
        match failed {
            // It has forgotten us, but may give us the same again (RFC 8415, 18.2.10.1).
            Some(Dhcp6Status::NoBinding) if asked != Dhcp6Kind::Request => {
                let hints = self.lease.iter().flat_map(|lease| &lease.prefixes).map(|granted| granted.prefix).collect();
                self.begin(Dhcp6Kind::Request, now);
                if let Stage::Asking(exchange) = &mut self.stage {
                    exchange.offer = Some(Offer { preference: 0, server, hints });
                }
                return Ok(Step { message: self.repeat(now), changed: false });
            }
            Some(Dhcp6Status::NoPrefixAvail | Dhcp6Status::NoBinding) if asked == Dhcp6Kind::Request => {
                self.solicit(now);
                return Err("no_prefix");
            }
            Some(_) => return Err("refused"),
            None => {}
        }
        let association = association.ok_or("no_association")?;
        if association.t1_s > association.t2_s && association.t2_s > 0 {
            return Err("timers");
        }
        let lease = association.lease(&server, self.lease.as_ref(), now);
        if lease.prefixes.is_empty() {
            let had = self.lease.take().is_some();
            self.solicit(now);
            return if had { Ok(Step { message: None, changed: true }) } else { Err("no_prefix") };
        }
        self.lease = Some(lease);
        self.stage = Stage::Bound;
        Ok(Step { message: None, changed: true })
    }

    /// A server says how seldom to ask.
    fn heed_limit(&mut self, message: &Dhcp6Message) {
        let told = message.options.iter().find_map(|option| match option {
            Dhcp6Option::SolMaxRt(seconds) if SOL_MAX_RT_RANGE_S.contains(seconds) => Some(*seconds),
            _ => None,
        });
        self.sol_max_rt_s = told.unwrap_or(self.sol_max_rt_s);
    }

    fn solicit(&mut self, now: Millis) {
        let delay = self.random(0) % FIRST_DELAY_MS;
        self.begin(Dhcp6Kind::Solicit, now.after_ms(delay));
    }

    fn begin(&mut self, kind: Dhcp6Kind, at: Millis) {
        self.exchanges = self.exchanges.wrapping_add(1);
        let transaction = (self.random(1) & 0xff_ffff) as u32;
        let exchange = Exchange { kind, transaction, began: None, sent: 0, next: at, timeout_ms: 0, offer: None };
        self.stage = Stage::Asking(exchange);
    }

    /// Sends the message of the exchange if it is time; what there are offers for is asked for instead.
    fn repeat(&mut self, now: Millis) -> Option<Dhcp6Message> {
        let Stage::Asking(exchange) = &self.stage else { return None };
        if now < exchange.next {
            return None;
        }
        if exchange.kind == Dhcp6Kind::Solicit && exchange.offer.is_some() {
            return self.take_offer(now);
        }
        let Timing { first_ms, most_ms, times } = self.timing(exchange.kind);
        if times > 0 && exchange.sent >= times {
            match exchange.kind {
                Dhcp6Kind::Release => self.stage = Stage::Done,
                _ => self.solicit(now),
            }
            return None;
        }
        let message = self.message(exchange, now);
        let (sent, before_ms, soliciting) = (exchange.sent, exchange.timeout_ms, exchange.kind == Dhcp6Kind::Solicit);
        // The first solicit is waited for longer than the time alone, never shorter (RFC 8415, 18.2.1).
        let spread = |client: &Client, ms: u64| {
            let tenth = ms / 10;
            let random = client.random(2 + u64::from(sent));
            if soliciting && sent == 0 {
                ms + 1 + random % tenth.max(1)
            } else {
                ms - tenth + random % (2 * tenth).max(1)
            }
        };
        let timeout_ms = match sent {
            0 => spread(self, first_ms),
            _ => before_ms + spread(self, before_ms),
        };
        let timeout_ms = if most_ms > 0 && timeout_ms > most_ms { spread(self, most_ms) } else { timeout_ms };
        if let Stage::Asking(exchange) = &mut self.stage {
            exchange.began.get_or_insert(now);
            exchange.sent += 1;
            (exchange.timeout_ms, exchange.next) = (timeout_ms, now.after_ms(timeout_ms));
        }
        Some(message)
    }

    fn timing(&self, kind: Dhcp6Kind) -> Timing {
        let (first_ms, most_ms, times) = match kind {
            Dhcp6Kind::Solicit => (1_000, u64::from(self.sol_max_rt_s) * 1_000, 0),
            Dhcp6Kind::Request => (1_000, 30_000, 10),
            Dhcp6Kind::Release => (1_000, 0, 4),
            _ => (10_000, 600_000, 0),
        };
        Timing { first_ms, most_ms, times }
    }

    fn message(&self, exchange: &Exchange, now: Millis) -> Dhcp6Message {
        let elapsed_ms = exchange.began.map_or(0, |began| now.0.saturating_sub(began.0));
        let elapsed = u16::try_from(elapsed_ms / 10).unwrap_or(u16::MAX);
        let offer = exchange.offer.as_ref();
        let server = match exchange.kind {
            Dhcp6Kind::Request => offer.map(|offer| offer.server.clone()),
            Dhcp6Kind::Renew | Dhcp6Kind::Release => self.lease.as_ref().map(|lease| lease.server.clone()),
            _ => None,
        };
        let wanted: Vec<Ipv6Net> = match (offer, &self.lease) {
            (Some(offer), _) => offer.hints.clone(),
            (None, Some(lease)) => lease.prefixes.iter().map(|granted| granted.prefix).collect(),
            (None, None) => self.hint.into_iter().collect(),
        };
        let prefix = |prefix| Dhcp6Option::IaPrefix { prefix, preferred_s: 0, valid_s: 0, options: Vec::new() };
        let wanted = wanted.into_iter().map(prefix).collect();
        let mut options = vec![Dhcp6Option::ClientId(self.duid.clone())];
        options.extend(server.map(Dhcp6Option::ServerId));
        options.push(Dhcp6Option::ElapsedTime(elapsed));
        if exchange.kind != Dhcp6Kind::Release {
            options.push(Dhcp6Option::OptionRequest(vec![dhcp6_option::SOL_MAX_RT]));
        }
        options.push(Dhcp6Option::IaPd { iaid: self.iaid, t1_s: 0, t2_s: 0, options: wanted });
        Dhcp6Message { kind: exchange.kind, transaction: exchange.transaction, options }
    }

    /// A number that others can't foretell, the same for the same exchange and purpose.
    fn random(&self, purpose: u64) -> u64 {
        let mut message = [0; 16];
        message[..4].copy_from_slice(&self.exchanges.to_be_bytes());
        message[4..8].copy_from_slice(&self.iaid.to_be_bytes());
        message[8..].copy_from_slice(&purpose.to_be_bytes());
        siphash(self.key, &message)
    }
}

#[cfg(test)]
#[path = "exchange_tests.rs"]
mod tests;
