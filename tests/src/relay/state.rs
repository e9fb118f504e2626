//! What the double has: paths, segments, connections.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// How files come that are played back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Playback {
    /// At once, and with their length.
    AtOnce,
    /// At once, and nobody says how long they are: as the real one does it.
    WithoutLength,
    /// Half of it, and then nothing more.
    Stalls,
    /// 5,000 bytes a second, without a length.
    Slowly,
}

pub struct State {
    pub clock: gatehouse::Clock,
    /// Bytes of a file for each second.
    pub bytes_per_second: i64,
    pub playback: Playback,
    /// Whether it refuses to end streams.
    pub refuses_to_stop: bool,
    pub hook: String,
    pub paths: BTreeMap<String, Value>,
    /// Segments of each path, closed and open: from, to.
    pub segments: BTreeMap<String, Vec<(i64, Option<i64>)>>,
    sources_down: bool,
    pub is_away: bool,
    pub requests: Vec<String>,
    /// Connections that go on: what its API calls them (`rtspsessions`), id, path.
    pub connections: Vec<(String, String, String)>,
    /// What was not as the documents have it.
    pub faults: Vec<String>,
}

impl State {
    pub fn new() -> Self {
        Self {
            clock: gatehouse::Clock::new(),
            bytes_per_second: 1000,
            playback: Playback::AtOnce,
            refuses_to_stop: false,
            hook: String::new(),
            paths: BTreeMap::new(),
            segments: BTreeMap::new(),
            sources_down: false,
            is_away: false,
            requests: Vec::new(),
            connections: Vec::new(),
            faults: Vec::new(),
        }
    }

    pub fn now(&self) -> i64 {
        i64::try_from(self.clock.since_epoch().as_millis()).expect("a time in this era")
    }

    /// Whether pictures arrive on a path that is fetched.
    pub fn is_online(&self) -> bool {
        !self.sources_down
    }

    fn is_recorded(&self, name: &str) -> bool {
        self.is_online() && self.paths.get(name).is_some_and(|path| path["record"] == true)
    }

    /// Ends every segment that grows and is not to.
    fn close(&mut self) {
        let now = self.now();
        let names: Vec<String> = self.segments.keys().cloned().collect();
        for name in names {
            if !self.is_recorded(&name) {
                self.segments.entry(name).or_default().iter_mut().filter(|(_, to)| to.is_none()).for_each(|(_, to)| *to = Some(now));
            }
        }
        self.segments.values_mut().for_each(|segments| segments.retain(|(from, to)| to.is_none_or(|to| to > *from)));
    }

    /// Begins a segment of every path that is to have one and has none.
    fn open(&mut self) {
        let now = self.now();
        let names: Vec<String> = self.paths.keys().filter(|name| self.is_recorded(name)).cloned().collect();
        for name in names {
            let segments = self.segments.entry(name).or_default();
            if segments.iter().all(|(_, to)| to.is_some()) {
                segments.push((now, None));
            }
        }
    }

    pub fn set(&mut self, name: &str, change: &Value) {
        let path = self
            .paths
            .entry(name.to_owned())
            .or_insert_with(|| json!({ "name": name, "source": "publisher", "sourceOnDemand": false, "record": false }));
        if let (Value::Object(path), Value::Object(change)) = (path, change) {
            path.extend(change.clone());
        }
        self.close();
        self.open();
    }

    pub fn remove(&mut self, name: &str) {
        self.paths.remove(name);
        self.connections.retain(|(_, _, path)| path != name);
        self.close();
    }

    pub fn start_anew(&mut self) {
        self.paths.clear();
        self.connections.clear();
        self.close();
    }

    pub fn sources_are_down(&mut self, are_down: bool) {
        self.sources_down = are_down;
        self.close();
        self.open();
    }
}
