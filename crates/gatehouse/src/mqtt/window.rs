//! The messages of one connection that are not acknowledged yet.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How long what is done waits for what came before it. One message that cannot be stored must not keep the broker from sending others: it sends so
/// many before the first is acknowledged, and no more.
const PATIENCE: Duration = Duration::from_secs(30);

/// The open messages in the order of their arrival, in which they are to be acknowledged (MQTT 5.0 §4.6): one that is done waits for those before
/// it, though not for ever ([`Window::overdue`]).
///
/// Numbers are never given twice, so that who is done with a message of a connection that has ended acknowledges nothing of the next one.
pub struct Window<Ack> {
    first: u64,
    open: VecDeque<Open<Ack>>,
}

struct Open<Ack> {
    /// None once it is acknowledged.
    ack: Option<Ack>,
    is_done: bool,
    since: Instant,
}

impl<Ack> Default for Window<Ack> {
    fn default() -> Self {
        Self { first: 0, open: VecDeque::new() }
    }
}

impl<Ack> Window<Ack> {
    /// Adds a message that is to be acknowledged; its number.
    pub fn open(&mut self, ack: Ack) -> u64 {
        self.open.push_back(Open { ack: Some(ack), is_done: false, since: Instant::now() });
        self.first + self.open.len() as u64 - 1
    }

    /// Notes that a message is done; what is to be acknowledged now.
    pub fn close(&mut self, number: u64) -> Vec<Ack> {
        let at = number.checked_sub(self.first).and_then(|at| usize::try_from(at).ok());
        if let Some(open) = at.and_then(|at| self.open.get_mut(at)) {
            open.is_done = true;
        }
        let mut due = Vec::new();
        while let Some(done) = self.open.pop_front_if(|open| open.is_done) {
            self.first += 1;
            due.extend(done.ack);
        }
        due
    }

    /// What is done, and has waited for long enough for the first message that is not.
    pub fn overdue(&mut self) -> Vec<Ack> {
        self.overdue_after(PATIENCE)
    }

    fn overdue_after(&mut self, patience: Duration) -> Vec<Ack> {
        if self.open.front().is_none_or(|first| first.since.elapsed() < patience) {
            return Vec::new();
        }
        self.open.iter_mut().filter(|open| open.is_done).filter_map(|done| done.ack.take()).collect()
    }

    /// Whether all are acknowledged.
    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// Forgets all of them: the connection has ended, and the broker sends them once more on the next one.
    pub fn forget(&mut self) {
        self.first += self.open.len() as u64;
        self.open.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn acknowledgements_go_out_in_the_order_of_arrival() {
        let mut window = Window::default();
        let numbers = ["a", "b", "c"].map(|ack| window.open(ack));
        assert!(window.close(numbers[2]).is_empty());
        assert_eq!(window.close(numbers[0]), ["a"]);
        assert!(window.close(numbers[0]).is_empty(), "it is told once");
        assert_eq!(window.close(numbers[1]), ["b", "c"]);
    }

    #[test]
    fn one_message_does_not_hold_up_the_others_for_ever() {
        let mut window = Window::default();
        let numbers = ["stuck", "b", "c"].map(|ack| window.open(ack));
        assert!(window.close(numbers[1]).is_empty() && window.overdue().is_empty());
        assert_eq!(window.overdue_after(Duration::ZERO), ["b"]);
        assert!(window.overdue_after(Duration::ZERO).is_empty(), "it is told once");
        assert!(window.close(numbers[2]).is_empty());
        assert_eq!(window.close(numbers[0]), ["stuck", "c"]);
        assert_eq!(window.open("d"), 3);
    }

    #[test]
    fn what_an_earlier_connection_brought_acknowledges_nothing() {
        let mut window = Window::default();
        let old = window.open("old");
        window.forget();
        let new = window.open("new");
        assert!(window.close(old).is_empty());
        assert_eq!(window.close(new), ["new"]);
        assert!(window.close(99).is_empty());
    }
}
