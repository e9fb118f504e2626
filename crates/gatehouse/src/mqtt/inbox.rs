//! The messages that are at work or wait for their turn: one at a time of each lane, and a bounded number in all.

use std::collections::{HashMap, VecDeque};

use bytes::Bytes;

use super::topic::lane;

/// The most messages that are kept.
pub const MAX_MESSAGES: usize = 4_096;

/// The most bytes that they may have together; a single message may have more.
const MAX_BYTES: usize = 64 << 20;

/// A message.
#[derive(Clone, Debug)]
pub struct Message {
    /// Where it was published.
    pub topic: String,
    /// What it holds.
    pub payload: Bytes,
    /// Its number in the [`Window`](super::window::Window); none where it needs no acknowledgement.
    pub number: Option<u64>,
}

/// The messages, by lane. A lane that is here has one at work; the others of the lane wait.
#[derive(Default)]
pub struct Inbox {
    lanes: HashMap<String, VecDeque<Message>>,
    messages: usize,
    bytes: usize,
}

impl Inbox {
    /// Whether one more is kept.
    pub fn has_room(&self, payload: &Bytes) -> bool {
        self.messages < MAX_MESSAGES && (self.messages == 0 || self.bytes + payload.len() <= MAX_BYTES)
    }

    /// Keeps a message; gives it back when it is to be worked at now.
    pub fn take(&mut self, message: Message) -> Option<Message> {
        self.messages += 1;
        self.bytes += message.payload.len();
        if let Some(waiting) = self.lanes.get_mut(lane(&message.topic)) {
            waiting.push_back(message);
            return None;
        }
        self.lanes.insert(lane(&message.topic).to_owned(), VecDeque::new());
        Some(message)
    }

    /// Notes that a message is done; the next of its lane, which is to be worked at now.
    pub fn done(&mut self, topic: &str, bytes: usize) -> Option<Message> {
        self.messages = self.messages.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(bytes);
        let next = self.lanes.get_mut(lane(topic)).and_then(VecDeque::pop_front);
        if next.is_none() {
            self.lanes.remove(lane(topic));
        }
        next
    }

    /// Forgets those that wait and that the broker sends once more.
    pub fn forget_unacknowledged(&mut self) {
        for waiting in self.lanes.values_mut() {
            waiting.retain(|message| {
                let is_kept = message.number.is_none();
                if !is_kept {
                    self.messages = self.messages.saturating_sub(1);
                    self.bytes = self.bytes.saturating_sub(message.payload.len());
                }
                is_kept
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(topic: &str, number: Option<u64>) -> Message {
        Message { topic: topic.to_owned(), payload: Bytes::from_static(b"four"), number }
    }

    #[test]
    fn a_lane_has_one_message_at_work() {
        let mut inbox = Inbox::default();
        assert!(inbox.take(message("g/a/telemetry", Some(0))).is_some());
        assert!(inbox.take(message("g/a/status", Some(1))).is_none());
        assert!(inbox.take(message("g/b/telemetry", Some(2))).is_some());
        let next = inbox.done("g/a/telemetry", 4).unwrap();
        assert_eq!(next.topic, "g/a/status");
        assert!(inbox.done("g/a/status", 4).is_none() && inbox.done("g/b/telemetry", 4).is_none());
        assert_eq!((inbox.messages, inbox.bytes, inbox.lanes.len()), (0, 0, 0));
    }

    #[test]
    fn what_the_broker_sends_once_more_is_forgotten() {
        let mut inbox = Inbox::default();
        for number in [Some(0), Some(1), None] {
            inbox.take(message("g/a/telemetry", number));
        }
        inbox.forget_unacknowledged();
        assert_eq!((inbox.messages, inbox.bytes), (2, 8));
        assert_eq!(inbox.done("g/a/telemetry", 4).map(|next| next.number), Some(None));
    }

    #[test]
    fn it_is_bounded_and_takes_a_large_message_alone() {
        let mut inbox = Inbox::default();
        let large = Bytes::from(vec![0; MAX_BYTES + 1]);
        assert!(inbox.has_room(&large));
        inbox.take(message("a", None));
        assert!(!inbox.has_room(&large) && inbox.has_room(&Bytes::from_static(b"x")));
        (1..MAX_MESSAGES).for_each(|_| drop(inbox.take(message("a", None))));
        assert!(!inbox.has_room(&Bytes::new()));
    }
}
