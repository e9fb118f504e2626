//! The open connections: how many there may be, in all and of one address, and which are closed for others when there are too many.
//!
//! A connection costs a file descriptor and some memory, and whoever opens a thousand of them and says nothing must not keep others out.
//! At a limit those that wait for a request are closed, the longest idle first; then those that have sent half of one, those whose answer
//! nobody reads, and streams of who is not signed in. Only where each has a request in progress is a further one refused.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::client_address;
use parking_lot::Mutex;

use super::activity::Connection;
use super::clients::Clients;
use super::limits::Limits;

/// How often it is said that connections are closed or refused.
const LOG_INTERVAL: Duration = Duration::from_secs(10);

/// Of the idle connections, how many are closed at once, so that they are not looked through for each new one.
const CLOSED_SHARE: usize = 16;

/// Why there can be no further connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    /// There are too many in all.
    Total,
    /// There are too many of its address.
    Address,
}

/// The open connections of a server.
pub struct Connections {
    limits: Limits,
    clients: Arc<Clients>,
    open: Mutex<Open>,
    told: Mutex<Told>,
}

#[derive(Default)]
struct Open {
    next_id: u64,
    by_id: HashMap<u64, Arc<Connection>>,
    by_address: HashMap<IpAddr, usize>,
}

/// What the log has not been told yet.
#[derive(Default)]
struct Told {
    last: Option<Instant>,
    closed: usize,
    refused: usize,
}

/// A connection that counts as open until this is dropped.
pub struct Admitted {
    connections: Arc<Connections>,
    id: u64,
    /// The connection.
    pub connection: Arc<Connection>,
}

impl Drop for Admitted {
    fn drop(&mut self) {
        self.connections.open.lock().remove(self.id);
    }
}

impl Open {
    fn remove(&mut self, id: u64) {
        let Some(connection) = self.by_id.remove(&id) else { return };
        if let Some(count) = self.by_address.get_mut(&connection.address) {
            *count -= 1;
            if *count == 0 {
                self.by_address.remove(&connection.address);
            }
        }
    }

    /// Closes connections that may be closed for others, the first of the first rank, those of one address alone where it is given. Returns
    /// how many.
    fn close_idle(&mut self, address: Option<IpAddr>) -> usize {
        let of_address = self.by_id.iter().filter(|(_, it)| address.is_none_or(|address| it.address == address));
        let mut idle: Vec<_> = of_address.filter_map(|(id, it)| Some((it.closing_order()?, *id))).collect();
        idle.sort_unstable();
        if let Some(&((first, _), _)) = idle.first() {
            idle.retain(|((rank, _), _)| *rank == first);
        }
        let count = idle.len().div_ceil(CLOSED_SHARE);
        for (_, id) in idle.into_iter().take(count) {
            if let Some(connection) = self.by_id.get(&id) {
                connection.closed.cancel();
            }
            self.remove(id);
        }
        count
    }
}

impl Connections {
    /// None yet.
    pub fn new(limits: Limits, clients: Arc<Clients>) -> Arc<Self> {
        Arc::new(Self { limits, clients, open: Mutex::default(), told: Mutex::default() })
    }

    /// Counts a new connection as open, if need be in the place of idle ones.
    pub fn admit(self: &Arc<Self>, address: IpAddr) -> Result<Admitted, Full> {
        let is_proxy = self.clients.is_proxy(address);
        let address = client_address::one(address);
        let mut open = self.open.lock();
        let mut closed = 0;
        let of_address = open.by_address.get(&address).copied().unwrap_or_default();
        let full = if !is_proxy && of_address >= self.limits.connections_per_address {
            closed += open.close_idle(Some(address));
            (closed == 0).then_some(Full::Address)
        } else if open.by_id.len() >= self.limits.connections {
            closed += open.close_idle(None);
            (closed == 0).then_some(Full::Total)
        } else {
            None
        };
        let admitted = match full {
            Some(full) => Err(full),
            None => {
                let connection = Arc::new(Connection::new(address));
                let id = open.next_id;
                open.next_id += 1;
                open.by_id.insert(id, connection.clone());
                *open.by_address.entry(address).or_default() += 1;
                Ok(Admitted { connections: self.clone(), id, connection })
            }
        };
        let count = open.by_id.len();
        drop(open);
        if closed > 0 || full.is_some() {
            self.tell(closed, usize::from(full.is_some()), address, count);
        }
        admitted
    }

    /// Closes the longest idle connections: there are no file descriptors for others.
    pub fn make_room(&self) {
        let closed = self.open.lock().close_idle(None);
        tracing::warn!(closed, "the file descriptors have run out: idle connections are closed");
    }

    /// Whether there are connections that do not stream.
    pub fn are_more_than_streams(&self) -> bool {
        self.open.lock().by_id.values().any(|it| !it.streams())
    }

    /// One line every ten seconds, with how many there were since the last.
    fn tell(&self, closed: usize, refused: usize, address: IpAddr, open: usize) {
        let mut told = self.told.lock();
        told.closed += closed;
        told.refused += refused;
        if told.last.is_some_and(|last| last.elapsed() < LOG_INTERVAL) {
            return;
        }
        let Told { closed, refused, .. } = std::mem::replace(&mut *told, Told { last: Some(Instant::now()), ..Told::default() });
        drop(told);
        let message =
            if refused > 0 { "connections are refused: there are too many" } else { "idle connections are closed: there are too many" };
        tracing::warn!(
            %address,
            open,
            closed,
            refused,
            limit = self.limits.connections,
            limit_of_address = self.limits.connections_per_address,
            "{message}"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::activity::Activity;
    use crate::server::limits::Wanted;

    const ATTACKER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const OTHER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));

    fn connections(total: usize, per_address: usize, proxies: &str) -> Arc<Connections> {
        let wanted = Wanted { connections: total, connections_per_address: Some(per_address), ..Wanted::default() };
        Connections::new(Limits::new(&wanted, total), Arc::new(Clients::new(proxies, "")))
    }

    #[test]
    fn the_longest_idle_gives_way_and_what_is_served_does_not() {
        let connections = connections(3, 3, "");
        let serving = connections.admit(ATTACKER).ok().unwrap();
        serving.connection.set(Activity::Serving);
        let half_sent = connections.admit(ATTACKER).ok().unwrap();
        half_sent.connection.set(Activity::Receiving);
        let idle = connections.admit(ATTACKER).ok().unwrap();
        idle.connection.set(Activity::Idle);
        let first = connections.admit(OTHER).ok().unwrap();
        first.connection.set(Activity::Serving);
        assert!(idle.connection.closed.is_cancelled() && !half_sent.connection.closed.is_cancelled());
        let second = connections.admit(OTHER).ok().unwrap();
        second.connection.set(Activity::Streaming);
        assert!(half_sent.connection.closed.is_cancelled() && !serving.connection.closed.is_cancelled());
        assert_eq!(connections.admit(OTHER).err(), Some(Full::Total));
        // What was closed for others counts no more, and is not counted off twice.
        drop((idle, half_sent));
        assert_eq!(connections.admit(OTHER).err(), Some(Full::Total));
        drop(serving);
        assert!(connections.admit(OTHER).is_ok());
    }

    #[test]
    fn streams_of_nobody_in_particular_give_way_last() {
        let connections = connections(3, 3, "");
        let anonymous = connections.admit(ATTACKER).ok().unwrap();
        anonymous.connection.set(Activity::StreamingAnonymously);
        let known = connections.admit(ATTACKER).ok().unwrap();
        known.connection.set(Activity::Streaming);
        let half_sent = connections.admit(ATTACKER).ok().unwrap();
        half_sent.connection.set(Activity::Receiving);
        let first = connections.admit(OTHER).ok().unwrap();
        first.connection.set(Activity::Serving);
        assert!(half_sent.connection.closed.is_cancelled() && !anonymous.connection.closed.is_cancelled());
        let second = connections.admit(OTHER).ok().unwrap();
        second.connection.set(Activity::Serving);
        assert!(anonymous.connection.closed.is_cancelled() && !known.connection.closed.is_cancelled());
        assert_eq!(connections.admit(OTHER).err(), Some(Full::Total));
    }

    #[test]
    fn one_address_has_its_own_limit_and_proxies_have_none() {
        let connections = connections(10, 2, "198.51.100.0/24");
        let of = |address: &str| {
            let admitted = connections.admit(address.parse().unwrap());
            admitted.inspect(|it| it.connection.set(Activity::Serving))
        };
        let _held = [of("192.0.2.1"), of("192.0.2.1")];
        assert_eq!(of("192.0.2.1").err(), Some(Full::Address));
        assert_eq!(of("::ffff:192.0.2.1").err(), Some(Full::Address), "it is the same address in IPv6");
        let _proxied = [of("198.51.100.7"), of("198.51.100.7"), of("198.51.100.7")];
        assert!(_proxied.iter().all(Result::is_ok));
        let _site = [of("2001:db8::1"), of("2001:db8::2")];
        assert_eq!(of("2001:db8::3").err(), Some(Full::Address), "whoever has an IPv6 address has many");
        assert!(of("2001:db8:0:1::3").is_ok());
    }
}
