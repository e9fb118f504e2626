//! A client, as the feed sees it: what it listens to, and how far it has got.

use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use crate::event::{Event, Kind};
use crate::room::{Channel, Room};

/// How long a client that is catching up may take nothing.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long to wait before something more is offered to a client that is catching up and has its hands full.
const PAUSE: Duration = Duration::from_millis(10);

/// A client has more waiting than it may.
#[derive(Clone, Copy, Debug)]
pub struct Full;

/// The way to a client. Nothing here waits.
pub trait Sink: Send + Sync {
    /// Puts an event on its way; fails when too many are there already.
    fn try_send(&self, event: &Arc<Event>) -> Result<(), Full>;
}

/// Why a client is sent away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gone {
    /// It does not take what it is sent.
    Slow,
    /// Its token is not valid any more.
    Session,
    /// It sends too much.
    Talkative,
    /// It does not answer to pings.
    Silent,
}

/// A client.
pub struct Client {
    /// Its number in this process.
    pub id: u64,
    sink: Box<dyn Sink>,
    /// Whether it is to get alerts alone, as clients that know nothing else expect.
    is_plain: bool,
    queue: usize,
    rooms: Mutex<Vec<Room>>,
    delivery: Mutex<Delivery>,
    /// Cancelled when it is sent away.
    pub gone: CancellationToken,
    reason: OnceLock<Gone>,
}

struct Delivery {
    /// The id of the last event that was put on its way.
    last: i64,
    /// While it is catching up: what has come meanwhile.
    waiting: Option<VecDeque<Arc<Event>>>,
}

impl Client {
    /// One that is reached by `sink`, and may have `queue` events waiting while it is catching up.
    pub fn new(id: u64, sink: Box<dyn Sink>, is_plain: bool, queue: usize) -> Arc<Self> {
        Arc::new(Self {
            id,
            sink,
            is_plain,
            queue,
            rooms: Mutex::default(),
            delivery: Mutex::new(Delivery { last: 0, waiting: None }),
            gone: CancellationToken::new(),
            reason: OnceLock::new(),
        })
    }

    /// Sends it away.
    pub fn end(&self, reason: Gone) {
        self.reason.get_or_init(|| reason);
        self.gone.cancel();
    }

    /// Why it was sent away.
    pub fn reason(&self) -> Option<Gone> {
        self.reason.get().copied()
    }

    /// What it listens to.
    pub fn rooms(&self) -> Vec<Room> {
        self.rooms.lock().clone()
    }

    /// The channels that it listens to.
    pub fn channels(&self) -> Vec<Channel> {
        let mut channels: Vec<_> = self.rooms.lock().iter().map(|room| room.channel).collect();
        channels.sort_unstable();
        channels.dedup();
        channels
    }

    /// Notes that it listens to a room; whether that is new.
    pub(crate) fn enter(&self, room: &Room) -> bool {
        let mut rooms = self.rooms.lock();
        let is_new = !rooms.contains(room);
        if is_new {
            rooms.push(room.clone());
        }
        is_new
    }

    /// Notes that it listens to a room no more.
    pub(crate) fn leave(&self, room: &Room) {
        self.rooms.lock().retain(|own| own != room);
    }

    /// Whether an event is for it, wherever it comes from.
    pub fn wants(&self, event: &Event) -> bool {
        self.understands(event) && (event.kind == Kind::Reset || self.rooms.lock().iter().any(|room| room.takes(event)))
    }

    fn understands(&self, event: &Event) -> bool {
        !self.is_plain || event.kind == Kind::Alert
    }

    /// It has seen everything up to this id, and gets what follows as it comes.
    pub fn start_at(&self, id: i64) {
        *self.delivery.lock() = Delivery { last: id, waiting: None };
    }

    /// It has seen everything up to this id, and first gets what it has missed since. What comes meanwhile waits.
    pub fn start_behind(&self, id: i64) {
        *self.delivery.lock() = Delivery { last: id, waiting: Some(VecDeque::new()) };
    }

    /// Puts an event of one of its rooms on its way, unless it has it. One who is too slow for that is sent away.
    pub fn deliver(&self, event: &Arc<Event>) {
        if !self.understands(event) {
            return;
        }
        let mut delivery = self.delivery.lock();
        let is_reset = event.kind == Kind::Reset;
        if let Some(waiting) = &mut delivery.waiting {
            if waiting.len() >= self.queue {
                return self.end(Gone::Slow);
            }
            if is_reset || waiting.back().is_none_or(|last| last.id < event.id) {
                waiting.push_back(event.clone());
            }
            return;
        }
        if event.id <= delivery.last && !is_reset {
            return;
        }
        match self.sink.try_send(event) {
            Ok(()) => delivery.last = event.id,
            Err(Full) => self.end(Gone::Slow),
        }
    }

    /// Gives it one event that it has missed, when it has room for it. False when it is gone.
    pub async fn send(&self, event: &Arc<Event>) -> bool {
        self.send_within(event, PATIENCE).await
    }

    async fn send_within(&self, event: &Arc<Event>, patience: Duration) -> bool {
        let offered = async {
            while self.sink.try_send(event).is_err() {
                tokio::time::sleep(PAUSE).await;
            }
        };
        tokio::select! {
            () = self.gone.cancelled() => return false,
            sent = tokio::time::timeout(patience, offered) => if sent.is_err() {
                self.end(Gone::Slow);
                return false;
            }
        }
        self.delivery.lock().last = event.id;
        true
    }

    /// It has what it had missed: gives it what has come meanwhile, and then each event as it comes.
    pub async fn settle(&self) {
        loop {
            let (mut last, batch) = {
                let mut delivery = self.delivery.lock();
                match &mut delivery.waiting {
                    Some(waiting) if !waiting.is_empty() => {
                        let batch = std::mem::take(waiting);
                        (delivery.last, batch)
                    }
                    _ => {
                        delivery.waiting = None;
                        return;
                    }
                }
            };
            for event in batch {
                // After a reset ids may begin anew.
                if event.id <= last && event.kind != Kind::Reset {
                    continue;
                }
                if !self.send(&event).await {
                    return;
                }
                last = event.id;
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A client's queue that a test looks into.
    #[derive(Clone, Default)]
    pub struct Queue(pub Arc<Mutex<Vec<i64>>>, pub Arc<Mutex<Option<usize>>>);

    impl Sink for Queue {
        fn try_send(&self, event: &Arc<Event>) -> Result<(), Full> {
            let mut ids = self.0.lock();
            if self.1.lock().is_some_and(|most| ids.len() >= most) {
                return Err(Full);
            }
            ids.push(event.id);
            Ok(())
        }
    }

    pub fn event(id: i64, kind: Kind) -> Arc<Event> {
        Arc::new(Event::new(id, kind, r#"{"site":"somnath"}"#).unwrap())
    }

    fn client(queue: &Queue, is_plain: bool) -> Arc<Client> {
        let client = Client::new(1, Box::new(queue.clone()), is_plain, 3);
        client.enter(&Room::all_of(Channel::Alerts));
        client
    }

    #[tokio::test]
    async fn what_comes_while_it_catches_up_waits_its_turn_and_nothing_comes_twice() {
        let queue = Queue::default();
        let client = client(&queue, false);
        client.start_behind(10);
        client.deliver(&event(12, Kind::Alert));
        client.deliver(&event(13, Kind::Alert));
        for id in [11, 12] {
            assert!(client.send(&event(id, Kind::Alert)).await);
        }
        client.settle().await;
        client.deliver(&event(13, Kind::Alert));
        client.deliver(&event(14, Kind::Alert));
        assert_eq!(*queue.0.lock(), [11, 12, 13, 14]);
        // After a reset ids may begin anew.
        client.deliver(&event(5, Kind::Reset));
        client.deliver(&event(6, Kind::Alert));
        assert_eq!(queue.0.lock()[4..], [5, 6]);
    }

    #[tokio::test]
    async fn what_comes_after_a_reset_while_it_catches_up_is_not_taken_for_old() {
        let queue = Queue::default();
        let client = client(&queue, false);
        client.start_behind(10);
        for (id, kind) in [(12, Kind::Alert), (5, Kind::Reset), (6, Kind::Alert)] {
            client.deliver(&event(id, kind));
        }
        assert!(client.send(&event(11, Kind::Alert)).await);
        client.settle().await;
        client.deliver(&event(7, Kind::Alert));
        assert_eq!(*queue.0.lock(), [11, 12, 5, 6, 7]);
    }

    #[tokio::test]
    async fn one_that_takes_nothing_is_sent_away() {
        let queue = Queue::default();
        *queue.1.lock() = Some(2);
        let live = client(&queue, false);
        live.start_at(0);
        (1..=3).for_each(|id| live.deliver(&event(id, Kind::Alert)));
        assert_eq!(live.reason(), Some(Gone::Slow));

        let catching_up = client(&queue, false);
        catching_up.start_behind(0);
        assert!(!catching_up.send_within(&event(1, Kind::Alert), 2 * PAUSE).await, "after its time it is given up");
        let waiting = client(&queue, false);
        waiting.start_behind(0);
        (1..=4).for_each(|id| waiting.deliver(&event(id, Kind::Alert)));
        assert_eq!((catching_up.reason(), waiting.reason()), (Some(Gone::Slow), Some(Gone::Slow)));
    }

    #[test]
    fn a_client_of_old_gets_alerts_alone() {
        let queue = Queue::default();
        let plain = client(&queue, true);
        plain.start_at(0);
        for (id, kind) in [(1, Kind::AlertDeleted), (2, Kind::Alert), (3, Kind::Reset)] {
            plain.deliver(&event(id, kind));
        }
        assert_eq!(*queue.0.lock(), [2]);
        assert!(!plain.wants(&event(1, Kind::Emergency)) && plain.wants(&event(1, Kind::Alert)));
    }
}
