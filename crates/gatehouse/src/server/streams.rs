//! The open streams of events: how many there may be, in all and of one address, and which are closed for others.
//!
//! A stream holds its connection for minutes, and whoever opens one after another must not keep others from asking. So they are at most a
//! part of all connections. At a limit a further one of nobody in particular is refused, and one of somebody who is signed in takes the
//! place of the oldest of those.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use super::limits::Limits;

/// Whose stream it is.
#[derive(Clone, Copy, Debug)]
pub struct Opener {
    /// The client's address; none where that is a proxy's own, which is many clients'.
    pub address: Option<IpAddr>,
    /// Whether nobody is signed in.
    pub is_anonymous: bool,
}

/// Why there can be no further stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TooMany {
    /// There are too many in all.
    InAll,
    /// There are too many of its address.
    OfAddress,
}

/// The open streams of a server.
pub struct Streams {
    limits: Limits,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    next_id: u64,
    /// By age.
    by_id: BTreeMap<u64, Stream>,
    by_address: HashMap<IpAddr, usize>,
}

struct Stream {
    opener: Opener,
    connection: CancellationToken,
}

impl Open {
    fn remove(&mut self, id: u64) -> Option<Stream> {
        let stream = self.by_id.remove(&id)?;
        if let Some(address) = stream.opener.address
            && let Some(count) = self.by_address.get_mut(&address)
        {
            *count -= 1;
            if *count == 0 {
                self.by_address.remove(&address);
            }
        }
        Some(stream)
    }

    /// Closes the oldest one of nobody in particular, of this address if there is one. Returns whether there was one.
    fn close_anonymous(&mut self, address: Option<IpAddr>) -> bool {
        let gives_way = |stream: &Stream| stream.opener.is_anonymous && (address.is_none() || stream.opener.address == address);
        let oldest = self.by_id.iter().find(|(_, stream)| gives_way(stream)).map(|(id, _)| *id);
        let closed = oldest.and_then(|id| self.remove(id));
        closed.inspect(|stream| stream.connection.cancel()).is_some()
    }
}

/// A stream that counts as open until this is dropped.
pub struct OpenStream {
    streams: Arc<Streams>,
    id: u64,
    is_anonymous: bool,
}

impl OpenStream {
    /// Whether nobody is signed in.
    pub fn is_anonymous(&self) -> bool {
        self.is_anonymous
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        self.streams.open.lock().remove(self.id);
    }
}

impl Streams {
    /// None yet.
    pub fn new(limits: Limits) -> Arc<Self> {
        Arc::new(Self { limits, open: Mutex::default() })
    }

    /// Counts a new stream as open, if need be in the place of another, whose connection is closed.
    pub fn open(self: &Arc<Self>, opener: Opener, connection: CancellationToken) -> Result<OpenStream, TooMany> {
        let mut open = self.open.lock();
        let of_address = opener.address.and_then(|address| open.by_address.get(&address)).copied().unwrap_or_default();
        if of_address >= self.limits.streams_per_address && (opener.is_anonymous || !open.close_anonymous(opener.address)) {
            return Err(TooMany::OfAddress);
        }
        if open.by_id.len() >= self.limits.streams && (opener.is_anonymous || !open.close_anonymous(None)) {
            return Err(TooMany::InAll);
        }
        let id = open.next_id;
        open.next_id += 1;
        open.by_id.insert(id, Stream { opener, connection });
        if let Some(address) = opener.address {
            *open.by_address.entry(address).or_default() += 1;
        }
        Ok(OpenStream { streams: self.clone(), id, is_anonymous: opener.is_anonymous })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::limits::Wanted;

    const ONE: Option<IpAddr> = Some(IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1)));
    const OTHER: Option<IpAddr> = Some(IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2)));

    fn streams(total: usize, per_address: usize) -> Arc<Streams> {
        let wanted = Wanted { streams: Some(total), streams_per_address: Some(per_address), ..Wanted::default() };
        Streams::new(Limits::new(&wanted, usize::MAX))
    }

    fn open(streams: &Arc<Streams>, address: Option<IpAddr>, is_anonymous: bool) -> Result<(OpenStream, CancellationToken), TooMany> {
        let connection = CancellationToken::new();
        Ok((streams.open(Opener { address, is_anonymous }, connection.clone())?, connection))
    }

    #[test]
    fn who_is_signed_in_takes_the_place_of_the_oldest_who_is_not() {
        let streams = streams(3, 2);
        let (oldest, of_oldest) = open(&streams, ONE, true).ok().unwrap();
        let (_second, of_second) = open(&streams, ONE, true).ok().unwrap();
        assert_eq!(open(&streams, ONE, true).err(), Some(TooMany::OfAddress));
        let (_third, of_third) = open(&streams, OTHER, true).ok().unwrap();
        assert_eq!(open(&streams, OTHER, true).err(), Some(TooMany::InAll));
        let _operator = open(&streams, ONE, false).ok().unwrap();
        assert!(of_oldest.is_cancelled() && !of_second.is_cancelled() && !of_third.is_cancelled());
        // What was closed for another does not count, and is not counted off twice.
        drop(oldest);
        let _of_other = open(&streams, OTHER, false).ok().unwrap();
        assert!(of_second.is_cancelled() && !of_third.is_cancelled());
        assert_eq!(open(&streams, None, true).err(), Some(TooMany::InAll));
        let _proxied = open(&streams, None, false).ok().unwrap();
        assert!(of_third.is_cancelled());
        assert_eq!(open(&streams, None, false).err(), Some(TooMany::InAll), "nobody who is signed in gives way");
    }

    #[test]
    fn what_has_ended_makes_room() {
        let streams = streams(1, 1);
        let first = open(&streams, ONE, true).ok().unwrap();
        assert!(open(&streams, ONE, true).is_err());
        drop(first);
        assert!(open(&streams, ONE, true).is_ok());
        assert!(streams.open.lock().by_address.is_empty());
    }
}
