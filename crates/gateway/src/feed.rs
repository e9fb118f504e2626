//! A feed: one stream of the application, followed for as long as somebody listens, and told to all who do.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::catch_up::{Missed, catch_up};
use crate::client::{Client, Gone};
use crate::event::{Event, Kind, coalesce};
use crate::follow;
use crate::metrics::Metrics;
use crate::room::Room;
use crate::upstream::{Block, Upstream};

/// How a feed is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It has not been opened yet.
    Starting,
    /// Events are told as they come.
    Live,
    /// The application cannot be reached; it is tried again.
    Down,
    /// Its token is not valid any more.
    Ended,
}

/// A feed. It ends when this is dropped.
pub struct Feed {
    shared: Arc<Shared>,
    _follower: DropGuard,
}

/// What the feed and those who follow the stream and catch up on it share.
pub(crate) struct Shared {
    /// The application.
    pub upstream: Upstream,
    /// The token by which the stream is opened; none is the public's.
    pub token: Option<String>,
    /// How many streams there may be of those who catch up.
    pub replays: Arc<Semaphore>,
    /// The figures.
    pub metrics: Arc<Metrics>,
    /// How it is doing.
    pub state: watch::Sender<State>,
    inner: Mutex<Inner>,
    capacity: usize,
}

/// The events with ids in `(floor, cursor]`, all of them, and who listens.
struct Inner {
    kept: VecDeque<Arc<Event>>,
    floor: i64,
    cursor: i64,
    clients: HashMap<u64, Arc<Client>>,
    rooms: HashMap<Room, HashMap<u64, Arc<Client>>>,
}

impl Inner {
    fn enter(&mut self, client: &Arc<Client>, room: &Room) -> bool {
        let is_new = client.enter(room);
        if is_new {
            self.rooms.entry(room.clone()).or_default().insert(client.id, client.clone());
        }
        is_new
    }

    fn leave(&mut self, client: &Client, room: &Room) {
        client.leave(room);
        if let Some(members) = self.rooms.get_mut(room) {
            members.remove(&client.id);
            if members.is_empty() {
                self.rooms.remove(room);
            }
        }
    }

    fn tell(&self, event: &Arc<Event>) {
        let tell = |members: &HashMap<u64, Arc<Client>>| members.values().for_each(|client| client.deliver(event));
        if event.kind == Kind::Reset {
            return tell(&self.clients);
        }
        match Room::of(event) {
            Some(rooms) => rooms.iter().filter_map(|room| self.rooms.get(room)).for_each(tell),
            None => self.rooms.iter().filter(|(room, _)| room.takes(event)).for_each(|(_, members)| tell(members)),
        }
    }
}

impl Feed {
    /// Begins to follow the stream. It keeps `capacity` events for those who come back, `warm` of them from before now.
    pub fn start(
        upstream: Upstream,
        token: Option<String>,
        (capacity, warm): (usize, i64),
        replays: Arc<Semaphore>,
        metrics: Arc<Metrics>,
    ) -> Self {
        let inner = Inner { kept: VecDeque::new(), floor: 0, cursor: 0, clients: HashMap::new(), rooms: HashMap::new() };
        let state = watch::Sender::new(State::Starting);
        let shared = Arc::new(Shared { upstream, token, replays, metrics, state, inner: Mutex::new(inner), capacity });
        let stop = CancellationToken::new();
        tokio::spawn(stop.clone().run_until_cancelled_owned(follow::follow(shared.clone(), warm)));
        Self { shared, _follower: stop.drop_guard() }
    }

    /// How it is doing, and each change of that.
    pub fn state(&self) -> watch::Receiver<State> {
        self.shared.state.subscribe()
    }

    /// The id of the last event that was told.
    pub fn cursor(&self) -> i64 {
        self.shared.inner.lock().cursor
    }

    /// The turns of those who catch up.
    #[cfg(test)]
    pub fn replays(&self) -> &Semaphore {
        &self.shared.replays
    }

    /// How many rooms somebody is in.
    pub fn rooms(&self) -> usize {
        self.shared.inner.lock().rooms.len()
    }

    /// Lets a client listen to these rooms until the [`Membership`] is dropped, after the event that it has seen last.
    pub fn join(self: &Arc<Self>, client: Arc<Client>, rooms: &[Room], seen: i64) -> Membership {
        let mut inner = self.shared.inner.lock();
        inner.clients.insert(client.id, client.clone());
        for room in rooms {
            inner.enter(&client, room);
        }
        let cursor = inner.cursor;
        let missed = if seen == cursor {
            None
        } else if seen >= inner.floor && seen < cursor {
            let kept = inner.kept.iter().filter(|event| event.id > seen && client.wants(event)).cloned().collect();
            Some(Missed::Kept(kept))
        } else {
            Some(Missed::Upstream { after: seen, until: cursor })
        };
        match missed {
            None => client.start_at(cursor),
            Some(missed) => {
                client.start_behind(seen);
                tokio::spawn(catch_up(self.shared.clone(), client.clone(), missed));
            }
        }
        drop(inner);
        if *self.shared.state.borrow() == State::Ended {
            client.end(Gone::Session);
        }
        Membership { feed: self.clone(), client }
    }
}

/// A client's place in a feed.
pub struct Membership {
    feed: Arc<Feed>,
    /// The client.
    pub client: Arc<Client>,
}

impl Membership {
    /// Lets it listen to a further room, from now on. False if it does already.
    pub fn enter(&self, room: &Room) -> bool {
        self.feed.shared.inner.lock().enter(&self.client, room)
    }

    /// It listens to a room no more.
    pub fn leave(&self, room: &Room) {
        self.feed.shared.inner.lock().leave(&self.client, room);
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        let mut inner = self.feed.shared.inner.lock();
        for room in self.client.rooms() {
            inner.leave(&self.client, &room);
        }
        inner.clients.remove(&self.client.id);
    }
}

impl Shared {
    /// The id up to which the stream has been read.
    pub fn cursor(&self) -> i64 {
        self.inner.lock().cursor
    }

    /// Says how it is doing; of the public's feed to the figures too.
    pub fn set_state(&self, state: State) {
        self.state.send_replace(state);
        if self.token.is_none() {
            self.metrics.connected(state == State::Live);
        }
    }

    /// Begins with the event after this id.
    pub fn begin_at(&self, id: i64) {
        let mut inner = self.inner.lock();
        (inner.floor, inner.cursor) = (id, id);
    }

    /// Keeps what has come, and tells it to all whom it concerns.
    pub fn publish(&self, mut blocks: Vec<Block>) {
        coalesce(&mut blocks, Block::event);
        let mut inner = self.inner.lock();
        for block in blocks {
            let event = match block {
                Block::Mark(id) => {
                    inner.cursor = inner.cursor.max(id);
                    continue;
                }
                Block::Event(event) => Arc::new(event),
            };
            if event.kind == Kind::Reset {
                // Of what was kept nothing fits to what follows; ids may begin anew.
                inner.kept.clear();
                (inner.floor, inner.cursor) = (event.id, event.id);
            } else if event.id <= inner.cursor {
                continue;
            } else {
                inner.cursor = event.id;
                inner.kept.push_back(event.clone());
                if inner.kept.len() > self.capacity
                    && let Some(dropped) = inner.kept.pop_front()
                {
                    inner.floor = dropped.id;
                }
            }
            self.metrics.event(event.kind);
            inner.tell(&event);
        }
    }

    /// Sends everybody away: the token is not valid any more.
    pub fn end(&self) {
        self.set_state(State::Ended);
        self.inner.lock().clients.values().for_each(|client| client.end(Gone::Session));
    }
}
