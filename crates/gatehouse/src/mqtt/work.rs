//! What becomes of messages: components take them, once more after a while where they cannot yet, and then they are acknowledged.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tokio::task::{Id, JoinSet};
use tokio_util::sync::CancellationToken;

use super::inbox::{Inbox, Message};
use super::link::Ack;
use super::settings::Subscription;
use super::topic::matches;
use super::window::Window;
use crate::component::{Component, one_line};

/// The most messages that are worked at, at once.
const MAX_AT_WORK: usize = 32;

/// From one attempt to the next: at first, and at most.
const PAUSES: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(15));

/// A component that fails at a message so often, which is no refusal but a trap or no end, will fail again: the message is given up, as it would
/// keep its device's others waiting for ever.
const MAX_FAILURES: u32 = 5;

/// How often a message that nobody acknowledges is tried.
const MAX_ATTEMPTS_UNACKNOWLEDGED: u32 = 5;

/// From one line of the log about the same trouble to the next.
const QUIET: Duration = Duration::from_secs(60);

/// The messages of one broker.
pub struct Work {
    subscriptions: Vec<Subscription>,
    inbox: Inbox,
    window: Window<Ack>,
    tasks: JoinSet<()>,
    /// What each task works at: the topic, the size, and the number.
    at_work: HashMap<Id, (String, usize, Option<u64>)>,
    turns: Arc<Semaphore>,
    troubles: Arc<Troubles>,
    /// Whether more came over this connection than could be kept. What comes after that is not kept either, so that nothing overtakes it.
    is_overfull: bool,
    /// Ends with the connection: what it has brought comes once more on the next one.
    connection: CancellationToken,
}

/// When the log last told of a trouble.
#[derive(Default)]
struct Troubles {
    refused: Mutex<Option<Instant>>,
    dropped: Mutex<Option<Instant>>,
}

fn is_due(last: &Mutex<Option<Instant>>) -> bool {
    let mut last = last.lock();
    let is_due = last.is_none_or(|at| at.elapsed() >= QUIET);
    if is_due {
        *last = Some(Instant::now());
    }
    is_due
}

impl Work {
    /// Without any messages yet.
    pub fn new(subscriptions: Vec<Subscription>) -> Self {
        Self {
            subscriptions,
            inbox: Inbox::default(),
            window: Window::default(),
            tasks: JoinSet::new(),
            at_work: HashMap::new(),
            turns: Arc::new(Semaphore::new(MAX_AT_WORK)),
            troubles: Arc::default(),
            is_overfull: false,
            connection: CancellationToken::new(),
        }
    }

    /// The topic filters, each with whether its messages are acknowledged.
    pub fn filters(&self) -> impl Iterator<Item = (&str, bool)> {
        self.subscriptions.iter().map(|it| (it.filter.as_str(), it.at_least_once))
    }

    /// Takes a message; what is to be acknowledged now. One for which there is no room is lost with QoS 0; the broker sends others once more, on the
    /// next connection.
    pub fn take(&mut self, topic: String, payload: Bytes, ack: Option<Ack>) -> Vec<Ack> {
        let has_room = self.inbox.has_room(&payload);
        if ack.is_some() && (self.is_overfull || !has_room) {
            self.is_overfull = true;
            return Vec::new();
        }
        if !has_room {
            if is_due(&self.troubles.dropped) {
                tracing::warn!("messages of MQTT with QoS 0 are dropped: more arrive than can be taken");
            }
            return Vec::new();
        }
        let number = ack.map(|ack| self.window.open(ack));
        if !self.subscriptions.iter().any(|it| matches(&it.filter, &topic)) {
            // Of a subscription that an earlier build has left in the broker's session.
            return number.map(|number| self.window.close(number)).unwrap_or_default();
        }
        if let Some(message) = self.inbox.take(Message { topic, payload, number }) {
            self.start(message);
        }
        Vec::new()
    }

    /// Whether all that was kept is done, and the broker is to send what was not.
    pub fn wants_the_rest(&self) -> bool {
        self.is_overfull && self.window.is_empty()
    }

    /// Waits for the next message to be done; what is to be acknowledged now. For ever while there is none.
    pub async fn next_done(&mut self) -> Vec<Ack> {
        let id = match self.tasks.join_next_with_id().await {
            Some(Ok((id, ()))) => id,
            Some(Err(error)) => {
                tracing::error!("a message of MQTT was not taken: {error}");
                error.id()
            }
            None => std::future::pending().await,
        };
        let Some((topic, bytes, number)) = self.at_work.remove(&id) else { return Vec::new() };
        if let Some(next) = self.inbox.done(&topic, bytes) {
            self.start(next);
        }
        number.map(|number| self.window.close(number)).unwrap_or_default()
    }

    /// What has waited for long enough for an earlier message, and is to be acknowledged now.
    pub fn overdue(&mut self) -> Vec<Ack> {
        self.window.overdue()
    }

    /// Forgets what the broker sends once more on the next connection. What is at work ends by itself.
    pub fn connection_lost(&mut self) {
        std::mem::take(&mut self.connection).cancel();
        self.is_overfull = false;
        self.window.forget();
        self.inbox.forget_unacknowledged();
    }

    fn start(&mut self, message: Message) {
        let components = self.subscriptions.iter().filter(|it| matches(&it.filter, &message.topic)).map(|it| it.component.clone());
        let components: Vec<_> = components.collect();
        let kept = (message.topic.clone(), message.payload.len(), message.number);
        let (turns, troubles, connection) = (self.turns.clone(), self.troubles.clone(), self.connection.clone());
        let task = self.tasks.spawn(async move {
            for component in components {
                deliver(&component, &message, &turns, &troubles, &connection).await;
            }
        });
        self.at_work.insert(task.id(), kept);
    }
}

/// Returns when the component has dealt with the message, or when there is no use in giving it once more.
async fn deliver(component: &Arc<Component>, message: &Message, turns: &Semaphore, troubles: &Troubles, connection: &CancellationToken) {
    let name = &component.context.name;
    let (mut pause, mut attempts, mut failures) = (PAUSES.0, 0, 0);
    loop {
        let taken = {
            let Ok(_turn) = turns.acquire().await else { return };
            component.handle_message(&message.topic, &message.payload).await
        };
        attempts += 1;
        match taken {
            Ok(Ok(())) => return,
            Ok(Err(reason)) => {
                if is_due(&troubles.refused) {
                    tracing::warn!(component = name, "messages of MQTT cannot be taken at present, and are tried again: {reason}");
                }
            }
            Err(error) => {
                failures += 1;
                tracing::error!(component = name, topic = message.topic, "failed at a message of MQTT: {}", one_line(&error));
            }
        }
        if failures >= MAX_FAILURES || (message.number.is_none() && attempts >= MAX_ATTEMPTS_UNACKNOWLEDGED) {
            tracing::error!(component = name, topic = message.topic, "a message of MQTT is given up after {attempts} attempts");
            return;
        }
        let jitter = pause.mul_f64(0.5 + fastrand::f64() / 2.0);
        if message.number.is_some() {
            if connection.run_until_cancelled(tokio::time::sleep(jitter)).await.is_none() {
                return;
            }
        } else {
            tokio::time::sleep(jitter).await;
        }
        pause = (pause * 2).min(PAUSES.1);
    }
}
