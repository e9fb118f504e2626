//! What is kept of an answer, with the versions of what it was made from.
//!
//! Triggers draw a [`Topic`]'s version anew in the transaction of every change (migrations/0035_versions.sql). What an instance makes is kept
//! with the versions that it read *before* it read the data. As long as the same are read again, nothing has changed since, so that what was
//! kept is what would be made now: a read after an acknowledged write sees it, whichever instance wrote. What changes by the clock alone is
//! kept until the moment at which it does ([`Made::until`]). A request that looks up its caller has the versions from there ([`noted`]).
//!
//! An instance keeps at most a mebibyte ([`store`]); what was asked for least recently goes first, and all may vanish at any moment.

mod document;
mod noted;
mod store;

use std::borrow::Cow;
use std::rc::Rc;

use strum::VariantArray;

use crate::Answer;
use crate::db::{Database, Fetch as _, Value};

pub use document::{AsOf, Kept, Publication};
pub(crate) use noted::{ALL as ALL_VERSIONS, forget, note};
use store::{Entry, STORE};

/// What the versions are of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, VariantArray)]
pub enum Topic {
    /// Alerts.
    Alerts,
    /// How many people each zone holds.
    Crowd,
    /// Devices, and their health as far as heartbeats change it.
    Devices,
    /// Sites, zones, and which spots there are.
    Places,
    /// Reservations, and so what claims a spot.
    Reservations,
    /// The slots of temples, and how full they are.
    Slots,
    /// What administrators and sensors say of spots.
    Spots,
}

impl Topic {
    /// As it stands in the table.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Alerts => "alerts",
            Self::Crowd => "crowd",
            Self::Devices => "devices",
            Self::Places => "places",
            Self::Reservations => "reservations",
            Self::Slots => "slots",
            Self::Spots => "spots",
        }
    }
}

/// An expression of SQL: the versions of these topics as one text.
#[macro_export]
macro_rules! versions {
    ($first:ident $(, $more:ident)*) => {
        $crate::__private::concatcp!($crate::versions!(@one $first) $(, " || ' ' || ", $crate::versions!(@one $more))*)
    };
    (@one $topic:ident) => {
        $crate::__private::concatcp!("(select version || '' from versions where topic = '", $crate::kept::Topic::$topic.name(), "')")
    };
}

/// Topics, and the statement that gives their versions: see [`topics!`](crate::topics).
#[derive(Clone, Copy, Debug)]
pub struct Topics {
    #[doc(hidden)]
    pub topics: &'static [Topic],
    #[doc(hidden)]
    pub sql: &'static str,
}

/// These topics: `const TOPICS: Topics = kit::topics!(Alerts, Places);`.
#[macro_export]
macro_rules! topics {
    ($($topic:ident),+) => {
        $crate::kept::Topics {
            topics: &[$($crate::kept::Topic::$topic),+],
            sql: $crate::__private::concatcp!("select ", $crate::versions!($($topic),+)),
        }
    };
}

/// What something is made from: a statement that gives one text, which differs when something else would be made.
pub struct Sources {
    sql: Cow<'static, str>,
    params: Vec<Value>,
    /// Where these topics are all that is looked at.
    topics: Option<&'static [Topic]>,
}

impl Sources {
    /// Of a statement: `select` and [`versions!`](crate::versions), with whatever else is looked at.
    pub fn new(sql: impl Into<Cow<'static, str>>, params: Vec<Value>) -> Self {
        Self { sql: sql.into(), params, topics: None }
    }

    /// Of topics alone.
    pub fn of(topics: Topics) -> Self {
        Self { topics: Some(topics.topics), ..Self::new(topics.sql, Vec::new()) }
    }

    /// Without a version, as of a topic that this schema does not know, nothing says when it changes.
    fn versions(self) -> Answer<Option<String>> {
        if let Some(noted) = self.topics.and_then(noted::of) {
            return Ok(Some(noted));
        }
        // What this is made of may itself be kept, and must not be taken for as new as these on the word of older ones.
        noted::forget();
        let versions: Option<Option<String>> = Database.fetch_scalar(&self.sql, self.params)?;
        Ok(versions.flatten())
    }
}

/// What was made.
pub struct Made<T> {
    /// It.
    pub value: T,
    /// Until when the clock alone changes nothing of it, milliseconds.
    pub until: i64,
}

impl<T> Made<T> {
    /// What only a change of its sources changes.
    pub const fn from_sources(value: T) -> Self {
        Self { value, until: i64::MAX }
    }

    /// What the clock changes at the earliest of these moments; none of them for never.
    pub fn until(value: T, moments: impl IntoIterator<Item = Option<i64>>) -> Self {
        Self { value, until: moments.into_iter().flatten().min().unwrap_or(i64::MAX) }
    }
}

/// Something that is kept.
pub trait Keep: 'static {
    /// About how many bytes it takes.
    fn bytes(&self) -> usize;
}

/// Each is at least so large: what is around it takes room, too.
impl<T: 'static> Keep for Vec<T> {
    fn bytes(&self) -> usize {
        const STRINGS: usize = 64;
        self.len() * (size_of::<T>() + STRINGS)
    }
}

/// What is kept under this key, or is made now. The key names what is made and everything that it is made for: the filters, the page, and the
/// caller where not all are answered the same.
pub fn value<T: Keep>(key: &str, sources: Sources, now: i64, make: impl FnOnce() -> Answer<Made<T>>) -> Answer<Rc<Made<T>>> {
    // First the versions: what is read after them is at least as new.
    let Some(versions) = sources.versions()? else { return make().map(Rc::new) };
    if let Some(kept) = STORE.with_borrow_mut(|store| store.get(key, &versions, now)).and_then(|kept| kept.downcast().ok()) {
        return Ok(kept);
    }
    let made = Rc::new(make()?);
    let entry = Entry {
        versions,
        made_at: now,
        until: made.until,
        bytes: key.len() + made.value.bytes(),
        value: Rc::<Made<T>>::clone(&made),
        asked: 0,
    };
    STORE.with_borrow_mut(|store| store.put(key, entry));
    Ok(made)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_topic_has_its_version_in_the_schema() {
        let schema = include_str!("../../../migrations/0035_versions.sql");
        let names: Vec<_> = Topic::VARIANTS.iter().map(|topic| format!("('{}', random())", topic.name())).collect();
        let (_, inserted) = schema.split_once("insert into versions (topic, version)\nvalues ").unwrap();
        let (inserted, _) = inserted.split_once(';').unwrap();
        assert_eq!(inserted.split_whitespace().collect::<Vec<_>>().join(" "), names.join(", "));
        assert_eq!(
            crate::versions!(Crowd, Places),
            "(select version || '' from versions where topic = 'crowd') || ' ' || (select version || '' from versions where topic = 'places')"
        );
    }

    #[test]
    fn the_schema_takes_a_heartbeat_for_awaited_before_it_is_late() {
        let schema = include_str!("../../../migrations/0035_versions.sql");
        let expected = domain::health::HEALTHY_MS - 30 * domain::time::SECOND_MS;
        assert!(schema.contains(&format!("between old.last_seen_at and old.last_seen_at + {expected} or")));
    }
}
