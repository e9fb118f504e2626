//! The feed as all streams of an instance share it: the newest events in memory, read once for all of them.
//!
//! Ids come from AUTOINCREMENT inside the writers' transactions, and SQLite has one writer at a time: an id becomes visible only
//! after every lower one, so that reading on from the highest id seen misses nothing.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use kit::db::{Database, Fetch as _};
use kit::row::{FromRow, Row};
use kit::{Problem, clock, host, params};

use crate::subscription::{Channel, Subscription};

/// How many events an instance keeps in memory.
const KEPT: usize = 2000;

/// How many events a stream sends in one piece.
const PAGE: usize = 500;

/// The database is asked for new events at most this often, however many streams there are, milliseconds.
const POLL_EVERY_MS: u64 = 200;

const POLL: usize = 1000;

struct Event {
    id: i64,
    channel: Channel,
    site: Option<String>,
    /// As it goes over the wire, for operators.
    full: String,
    /// The same for everyone else; none when it is not for them.
    public: Option<String>,
}

impl FromRow for Event {
    fn from_row(row: &Row) -> Result<Self, Problem> {
        let (id, kind): (i64, String) = (row.get("id")?, row.get("kind")?);
        let (channel, site): (Channel, Option<String>) = (row.get("channel")?, row.get("site")?);
        let (data, public_data): (String, Option<String>) = (row.get("data")?, row.get("public_data")?);
        let frame = |data: String| match (&channel, &site) {
            // A spot and a device are not named after their site, nor is their zone; others say it themselves.
            (Channel::Parking, Some(site)) => frame(id, &kind, &with_site(&data, site)),
            _ => frame(id, &kind, &data),
        };
        let (full, public) = (frame(data), public_data.map(frame));
        Ok(Self { id, channel, site, full, public })
    }
}

impl Event {
    fn write(&self, subscription: &Subscription, out: &mut String) {
        if subscription.takes(self.channel, self.site.as_deref()) {
            let shown = if subscription.everything { Some(&self.full) } else { self.public.as_ref() };
            out.push_str(shown.map_or("", String::as_str));
        }
    }
}

/// An object's text with the site as its first field.
fn with_site(data: &str, site: &str) -> String {
    match data.strip_prefix('{') {
        Some(fields) if fields != "}" => format!("{{\"site\":{},{fields}", serde_json::Value::from(site)),
        _ => data.to_owned(),
    }
}

/// One event in the format of the HTML standard, §9.2.6.
pub fn frame(id: i64, kind: &str, data: &str) -> String {
    let mut text = format!("id: {id}\nevent: {kind}\n");
    // A line break inside the data would end the field.
    for line in data.split(['\n', '\r']) {
        text.push_str("data: ");
        text.push_str(line);
        text.push('\n');
    }
    text.push('\n');
    text
}

/// The events with ids in `(floor, last]`, all of them.
struct Ring {
    events: VecDeque<Rc<Event>>,
    floor: i64,
    last: i64,
    polled_at: u64,
}

impl Ring {
    fn at(last: i64) -> Self {
        Self { events: VecDeque::new(), floor: last, last, polled_at: 0 }
    }

    fn is_stale(&self, end: i64) -> bool {
        end - self.last > KEPT as i64 || end < self.last
    }

    fn add(&mut self, events: Vec<Event>) {
        for event in events {
            self.last = event.id;
            self.events.push_back(Rc::new(event));
        }
        while self.events.len() > KEPT {
            if let Some(dropped) = self.events.pop_front() {
                self.floor = dropped.id;
            }
        }
    }
}

thread_local! {
    static RING: RefCell<Ring> = RefCell::new(Ring::at(-1));
}

/// Where a stream begins.
pub struct Start {
    /// The id that it reads on from.
    pub cursor: i64,
    /// The id of the newest event that was there.
    pub newest: i64,
    /// Whether the client has missed events that are not kept any more, or comes with an id that was never given.
    pub reset: bool,
}

/// The ids of the oldest event that is kept and of the newest that was ever written.
#[derive(FromRow)]
struct FeedEnds {
    oldest: Option<i64>,
    newest: i64,
}

/// Where a stream of a client that has seen `last_event_id` begins; at the end of the feed when it has seen none.
pub fn start(last_event_id: Option<i64>) -> Result<Start, Problem> {
    let ends: Option<FeedEnds> = Database.fetch_optional(
        "select (select min(id) from events) as oldest, coalesce((select seq from sqlite_sequence where name = 'events'), 0) as newest",
        params![],
    )?;
    let FeedEnds { oldest, newest: end } = ends.ok_or_else(|| Problem::internal("no row"))?;
    let before_oldest = oldest.map_or(end, |oldest| oldest - 1);
    RING.with_borrow_mut(|ring| {
        // New, or left alone for long: a stream far behind reads pages of its own, so that nothing is lost by this.
        if ring.is_stale(end) {
            *ring = Ring::at(end);
        }
    });
    Ok(match last_event_id {
        None => Start { cursor: end, newest: end, reset: false },
        Some(seen) if seen > end => Start { cursor: end, newest: end, reset: true },
        Some(seen) if seen < before_oldest => Start { cursor: before_oldest, newest: end, reset: true },
        Some(seen) => Start { cursor: seen, newest: end, reset: false },
    })
}

/// What follows a cursor.
pub struct Batch {
    /// The events that were asked for, as they go over the wire.
    pub text: String,
    /// The cursor after them, and after those that were not asked for.
    pub cursor: i64,
    /// Whether more is there already.
    pub more: bool,
}

/// What follows `cursor`, at most a page. A database that does not answer gives nothing; the next call tries again.
pub fn after(cursor: i64, subscription: &Subscription) -> Batch {
    let read = poll().and_then(|()| match from_memory(cursor, subscription) {
        Some(batch) => Ok(batch),
        None => from_database(cursor, subscription),
    });
    read.unwrap_or_else(|problem| {
        host::log("error", "the event feed was not read", serde_json::json!({ "cause": problem.cause().unwrap_or(problem.detail()) }));
        Batch { text: String::new(), cursor, more: false }
    })
}

fn poll() -> Result<(), Problem> {
    RING.with_borrow_mut(|ring| {
        let now = clock::now_ms();
        if now.saturating_sub(ring.polled_at) < POLL_EVERY_MS {
            return Ok(());
        }
        ring.polled_at = now;
        let events = read(ring.last, POLL)?;
        if events.len() == POLL {
            ring.polled_at = 0;
        }
        ring.add(events);
        Ok(())
    })
}

fn read(after: i64, limit: usize) -> Result<Vec<Event>, Problem> {
    Database.fetch_all(
        "select id, channel, kind, site, data, public_data from events where id > ? order by id limit ?",
        params![after, i64::try_from(limit).unwrap_or(i64::MAX)],
    )
}

/// None when the cursor is behind what is in memory.
fn from_memory(cursor: i64, subscription: &Subscription) -> Option<Batch> {
    RING.with_borrow(|ring| {
        if cursor < ring.floor {
            return None;
        }
        let begin = ring.events.partition_point(|event| event.id <= cursor);
        let mut batch = Batch { text: String::new(), cursor, more: ring.events.len() - begin > PAGE };
        for event in ring.events.range(begin..).take(PAGE) {
            event.write(subscription, &mut batch.text);
            batch.cursor = event.id;
        }
        Some(batch)
    })
}

fn from_database(cursor: i64, subscription: &Subscription) -> Result<Batch, Problem> {
    let floor = RING.with_borrow(|ring| ring.floor);
    let events = read(cursor, PAGE)?;
    let all = events.len() < PAGE;
    let mut batch = Batch { text: String::new(), cursor, more: true };
    for event in events {
        event.write(subscription, &mut batch.text);
        batch.cursor = event.id;
    }
    if all {
        // All that is there was read, and the floor was there before: what is missing up to it was cleaned up.
        batch.cursor = batch.cursor.max(floor);
    }
    Ok(batch)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_one_event_whatever_its_data() {
        assert_eq!(frame(7, "alert", "{}"), "id: 7\nevent: alert\ndata: {}\n\n");
        assert_eq!(frame(7, "alert", "{\n}"), "id: 7\nevent: alert\ndata: {\ndata: }\n\n");
    }

    #[test]
    fn what_is_of_a_site_says_so() {
        assert_eq!(with_site(r#"{"spot_id":"A-1"}"#, "north"), r#"{"site":"north","spot_id":"A-1"}"#);
        assert_eq!((with_site("{}", "north"), with_site("[]", "north")), ("{}".to_owned(), "[]".to_owned()));
    }

    fn with_ring(ids: std::ops::RangeInclusive<i64>, floor: i64) {
        let event = |id: i64| Event {
            id,
            channel: Channel::Alerts,
            site: None,
            full: format!("full{id};"),
            public: (id % 2 == 0).then(|| format!("public{id};")),
        };
        RING.set(Ring { last: *ids.end(), events: ids.map(event).map(Rc::new).collect(), floor, polled_at: 0 });
    }

    #[test]
    fn memory_serves_only_what_it_has_whole() {
        with_ring(11..=13, 10);
        let mut subscription = Subscription::default();
        assert!(from_memory(9, &subscription).is_none());
        let batch = from_memory(10, &subscription).unwrap();
        assert_eq!((batch.text.as_str(), batch.cursor, batch.more), ("public12;", 13, false));
        subscription.everything = true;
        assert_eq!(from_memory(11, &subscription).unwrap().text, "full12;full13;");
        assert_eq!(from_memory(13, &subscription).unwrap().cursor, 13);
        assert_eq!(from_memory(99, &subscription).unwrap().cursor, 99);
    }

    #[test]
    fn a_long_way_is_gone_in_pages() {
        with_ring(1..=1200, 0);
        let mut subscription = Subscription::default();
        subscription.everything = true;
        let (mut cursor, mut text, mut more) = (0, String::new(), true);
        while more {
            let batch = from_memory(cursor, &subscription).unwrap();
            text.push_str(&batch.text);
            (cursor, more) = (batch.cursor, batch.more);
        }
        assert_eq!(cursor, 1200);
        assert_eq!(text.matches("full").count(), 1200);
    }
}
