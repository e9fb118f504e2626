//! How many clients there may be, and how much each may send.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use clap::builder::RangedU64ValueParser;
use clap::{Args, value_parser};
use parking_lot::Mutex;

/// Of options: a number above 0.
pub fn at_least_one() -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(1..)
}

/// What is allowed of the gateway's clients.
#[derive(Args, Clone, Debug)]
pub struct Limits {
    /// The most clients of the gateway, WebSocket and Socket.IO together
    #[arg(long = "gateway-clients", default_value_t = 10_000, value_parser = at_least_one())]
    pub clients: usize,
    /// The most clients of one address; by default, half of all
    #[arg(long = "gateway-clients-per-address", value_parser = at_least_one())]
    pub clients_per_address: Option<usize>,
    /// The most tokens that clients come with: each is followed by a stream of its own
    #[arg(long = "gateway-sessions", default_value_t = 500, value_parser = at_least_one())]
    pub sessions: usize,
    /// The most rooms that a client may be in
    #[arg(long = "gateway-rooms", default_value_t = 64, value_parser = at_least_one())]
    pub rooms: usize,
    /// How many events may wait for a slow client until it is sent away
    #[arg(long = "gateway-queue", default_value_t = 256, value_parser = at_least_one())]
    pub queue: usize,
    /// How many messages a client may send in a second
    #[arg(long = "gateway-messages", default_value_t = 20, value_parser = value_parser!(u32).range(1..))]
    pub messages: u32,
    /// How many messages, connections among them, an address may send in a second
    #[arg(long = "gateway-messages-per-address", default_value_t = 500, value_parser = value_parser!(u32).range(1..))]
    pub messages_per_address: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { clients: 10_000, clients_per_address: None, sessions: 500, rooms: 64, queue: 256, messages: 20, messages_per_address: 500 }
    }
}

/// So many in a second, and twice as many at once.
#[derive(Debug)]
pub struct Rate {
    per_second: f64,
    left: f64,
    at: Instant,
}

impl Rate {
    /// With all of it left.
    pub fn new(per_second: u32) -> Self {
        let per_second = f64::from(per_second);
        Self { per_second, left: 2.0 * per_second, at: Instant::now() }
    }

    /// Takes one, if there is one left.
    pub fn take(&mut self) -> bool {
        let now = Instant::now();
        let more = (now - self.at).as_secs_f64() * self.per_second;
        (self.left, self.at) = ((self.left + more).min(2.0 * self.per_second), now);
        let is_left = self.left >= 1.0;
        if is_left {
            self.left -= 1.0;
        }
        is_left
    }
}

/// Why a client is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    /// There are too many in all.
    Total,
    /// There are too many of its address.
    Address,
}

/// Who is there.
pub struct Admissions {
    limits: Limits,
    there: Mutex<There>,
}

#[derive(Default)]
struct There {
    clients: usize,
    addresses: HashMap<IpAddr, Address>,
}

struct Address {
    clients: usize,
    rate: Rate,
}

/// A client counts as there until the last clone of this is dropped.
#[derive(Clone)]
pub struct Admitted(Arc<Place>);

struct Place {
    admissions: Arc<Admissions>,
    address: IpAddr,
}

impl Admissions {
    /// Nobody yet.
    pub fn new(limits: Limits) -> Arc<Self> {
        Arc::new(Self { limits, there: Mutex::default() })
    }

    /// Lets a client of this address in.
    ///
    /// # Errors
    /// If there are too many.
    pub fn admit(self: &Arc<Self>, address: IpAddr) -> Result<Admitted, Full> {
        let mut there = self.there.lock();
        let per_address = self.limits.clients_per_address.unwrap_or(self.limits.clients.div_ceil(2));
        if there.clients >= self.limits.clients {
            return Err(Full::Total);
        }
        let own = self.address(&mut there, address);
        if own.clients >= per_address {
            return Err(Full::Address);
        }
        own.clients += 1;
        there.clients += 1;
        Ok(Admitted(Arc::new(Place { admissions: self.clone(), address })))
    }

    /// How many there are.
    #[cfg(test)]
    pub fn clients(&self) -> usize {
        self.there.lock().clients
    }

    /// Counts a message of this address; whether it may be sent.
    pub fn may_send(&self, address: IpAddr) -> bool {
        self.address(&mut self.there.lock(), address).rate.take()
    }

    fn address<'a>(&self, there: &'a mut There, address: IpAddr) -> &'a mut Address {
        // Who is gone is forgotten when there are many: what they sent counts no more then.
        if there.addresses.len() > 2 * self.limits.clients && !there.addresses.contains_key(&address) {
            there.addresses.retain(|_, it| it.clients > 0);
        }
        let new = || Address { clients: 0, rate: Rate::new(self.limits.messages_per_address) };
        there.addresses.entry(address).or_insert_with(new)
    }
}

impl Admitted {
    /// Counts a message of the client's address; whether it may be sent.
    pub fn may_send(&self) -> bool {
        self.0.admissions.may_send(self.0.address)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut there = self.admissions.there.lock();
        there.clients -= 1;
        if let Some(own) = there.addresses.get_mut(&self.address) {
            own.clients -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_are_counted_in_all_and_by_address() {
        let limits = Limits { clients: 3, clients_per_address: Some(2), messages_per_address: 1, ..Limits::default() };
        let admissions = Admissions::new(limits);
        let admit = |address: &str| admissions.admit(address.parse().unwrap());
        let held = [admit("192.0.2.1").unwrap(), admit("192.0.2.1").unwrap()];
        assert_eq!(admit("192.0.2.1").err(), Some(Full::Address));
        let other = admit("2001:db8::1").unwrap();
        assert_eq!(admit("192.0.2.3").err(), Some(Full::Total));
        // Twice the rate at once, and they share it.
        assert_eq!([held[0].may_send(), held[1].may_send(), held[0].may_send()], [true, true, false]);
        assert!(other.may_send() && !admissions.may_send("192.0.2.1".parse().unwrap()));
        let clone = other.clone();
        drop((held, other));
        assert_eq!(admissions.clients(), 1);
        drop(clone);
        assert_eq!(admissions.clients(), 0);
    }
}
