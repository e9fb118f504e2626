//! Where an instance keeps things: the most useful of them, in bounded room.

use std::any::Any;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

/// The most that an instance keeps.
const MAX_BYTES: usize = 1024 * 1024;

/// What is larger is made each time: it would drive out too much.
const MAX_ENTRY: usize = 192 * 1024;

/// The most things that it keeps.
const MAX_ENTRIES: usize = 64;

thread_local! {
    /// What this instance keeps.
    pub static STORE: RefCell<Store> = RefCell::default();
}

/// Things by their keys.
#[derive(Default)]
pub struct Store {
    entries: HashMap<String, Entry>,
    bytes: usize,
    asked: u64,
}

/// Something that is kept, and how long it holds.
pub struct Entry {
    pub value: Rc<dyn Any>,
    pub versions: String,
    pub made_at: i64,
    pub until: i64,
    pub bytes: usize,
    /// By the store's count, when it was last asked for.
    pub asked: u64,
}

impl Store {
    /// What was made from these versions and holds now. A clock that was set back is one of which nothing is known.
    pub fn get(&mut self, key: &str, versions: &str, now: i64) -> Option<Rc<dyn Any>> {
        self.asked += 1;
        let entry = self.entries.get_mut(key)?;
        entry.asked = self.asked;
        (entry.versions == versions && entry.made_at <= now && now < entry.until).then(|| Rc::clone(&entry.value))
    }

    /// Keeps it, in place of what was asked for least recently where there is no room.
    pub fn put(&mut self, key: &str, entry: Entry) {
        self.remove(key);
        if entry.bytes > MAX_ENTRY || entry.until <= entry.made_at {
            return;
        }
        while self.entries.len() >= MAX_ENTRIES || self.bytes + entry.bytes > MAX_BYTES {
            let oldest = self.entries.iter().min_by_key(|(_, entry)| entry.asked).map(|(key, _)| key.clone());
            let Some(oldest) = oldest else { break };
            self.remove(&oldest);
        }
        self.asked += 1;
        self.bytes += entry.bytes;
        self.entries.insert(key.to_owned(), Entry { asked: self.asked, ..entry });
    }

    fn remove(&mut self, key: &str) {
        if let Some(removed) = self.entries.remove(key) {
            self.bytes -= removed.bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(versions: &str, made_at: i64, until: i64, bytes: usize) -> Entry {
        Entry { value: Rc::new(()), versions: versions.to_owned(), made_at, until, bytes, asked: 0 }
    }

    #[test]
    fn what_is_kept_holds_for_its_versions_and_its_time() {
        let mut store = Store::default();
        store.put("a", entry("1 2", 100, 200, 10));
        assert!(store.get("a", "1 2", 100).is_some() && store.get("a", "1 2", 199).is_some());
        assert!(store.get("a", "1 2", 200).is_none(), "its time is over");
        assert!(store.get("a", "1 2", 99).is_none(), "the clock was set back");
        assert!(store.get("a", "1 3", 150).is_none() && store.get("b", "1 2", 150).is_none());
        store.put("b", entry("1", 100, 100, 10));
        assert!(store.get("b", "1", 100).is_none(), "what holds for no time is not kept");
    }

    #[test]
    fn what_was_asked_for_least_recently_goes_first() {
        let mut store = Store::default();
        for number in 0..MAX_ENTRIES {
            store.put(&number.to_string(), entry("1", 0, 9, 10));
        }
        assert!(store.get("0", "1", 0).is_some());
        store.put("more", entry("1", 0, 9, 10));
        assert!(store.get("0", "1", 0).is_some() && store.get("1", "1", 0).is_none() && store.get("more", "1", 0).is_some());
        assert_eq!((store.entries.len(), store.bytes), (MAX_ENTRIES, MAX_ENTRIES * 10));
    }

    #[test]
    fn no_more_is_kept_than_there_is_room_for() {
        let mut store = Store::default();
        for number in 0..20 {
            store.put(&number.to_string(), entry("1", 0, 9, MAX_ENTRY));
            assert!(store.bytes <= MAX_BYTES);
        }
        assert!(store.get("19", "1", 0).is_some() && store.get("0", "1", 0).is_none());
        store.put("19", entry("2", 0, 9, MAX_ENTRY + 1));
        assert!(store.get("19", "2", 0).is_none());
        assert_eq!(store.bytes, store.entries.values().map(|entry| entry.bytes).sum::<usize>());
    }
}
