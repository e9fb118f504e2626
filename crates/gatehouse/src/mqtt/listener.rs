//! Listening to a broker, from one connection to the next.

use std::pin::pin;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::link::{self, Hearer, Identity, Incoming, Lost, Speaker, Version};
use super::settings::{Settings, Subscription};
use super::work::Work;

/// From the end of a connection to the next attempt: at first, and at most.
const PAUSES: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));

/// How often it is looked whether a message keeps others waiting.
const LOOK: Duration = Duration::from_secs(5);

/// The triggers of one broker.
pub struct Listener {
    identity: Identity,
    version: Option<Version>,
    work: Work,
}

impl Listener {
    /// Of these triggers.
    pub fn new(settings: Settings, subscriptions: Vec<Subscription>) -> Self {
        Self { identity: settings.identity, version: settings.version, work: Work::new(subscriptions) }
    }

    /// Calls the components with every message, until `stop` is cancelled. A broker that is away is waited for.
    pub async fn run(self, stop: CancellationToken) {
        stop.run_until_cancelled(self.listen()).await;
    }

    async fn listen(mut self) {
        let address = format!("{}://{}:{}", self.identity.address.scheme(), self.identity.address.host, self.identity.address.port);
        let mut version = self.version.unwrap_or(Version::V5);
        let mut pause = PAUSES.0;
        // The filters may be others than those of the session that the broker has kept for an earlier run.
        let mut has_subscribed = false;
        let mut was_connected = false;
        loop {
            let (speaker, hearer) = link::connect(&self.identity, version);
            let mut session = Session { work: &mut self.work, speaker, is_connected: false, has_subscribed };
            let lost = session.hold(hearer, &address).await;
            let is_connected = session.is_connected;
            has_subscribed = session.has_subscribed;
            self.work.connection_lost();
            was_connected |= is_connected;
            if lost.is_renewed() {
                tracing::info!(broker = address, "the MQTT broker sends more at once than is kept: it is asked for the rest");
                continue;
            }
            tracing::warn!(broker = address, "the connection to the MQTT broker has ended, or is none: {}", lost.cause);
            if is_connected {
                pause = PAUSES.0;
            }
            if self.version.is_none() && !was_connected && lost.is_of_protocol {
                version = version.other();
            }
            self.rest(pause.mul_f64(0.5 + fastrand::f64() / 2.0)).await;
            pause = (pause * 2).min(PAUSES.1);
        }
    }

    /// Lets what is at work end meanwhile.
    async fn rest(&mut self, pause: Duration) {
        let mut over = pin!(tokio::time::sleep(pause));
        loop {
            tokio::select! {
                biased;
                () = &mut over => return,
                _ = self.work.next_done() => {}
            }
        }
    }
}

/// One connection.
struct Session<'a> {
    work: &'a mut Work,
    speaker: Speaker,
    is_connected: bool,
    has_subscribed: bool,
}

impl Session<'_> {
    /// Takes what comes until the connection ends.
    async fn hold(&mut self, mut hearer: Hearer, address: &str) -> Lost {
        let mut look = tokio::time::interval(LOOK);
        loop {
            let heard = {
                // What the client has begun is not to be broken off: it is one future from each event to the next.
                let mut next = pin!(hearer.next());
                loop {
                    tokio::select! {
                        acks = self.work.next_done() => {
                            if let Some(lost) = self.acknowledge(&acks) {
                                return lost;
                            }
                        }
                        _ = look.tick() => {
                            let acks = self.work.overdue();
                            if let Some(lost) = self.acknowledge(&acks) {
                                return lost;
                            }
                        }
                        heard = &mut next => break heard,
                    }
                }
            };
            match heard {
                Ok(Incoming::Connected { session_present }) => {
                    tracing::info!(broker = address, session_present, "connected to the MQTT broker");
                    self.is_connected = true;
                    let is_subscribed = session_present && self.has_subscribed;
                    if !is_subscribed && !self.speaker.subscribe(self.work.filters()) {
                        return cannot("subscribe");
                    }
                }
                Ok(Incoming::Subscribed { refused }) => {
                    self.has_subscribed = refused == 0;
                    if refused > 0 {
                        tracing::error!(broker = address, "the MQTT broker refuses {refused} of our subscriptions");
                    }
                }
                Ok(Incoming::Message { topic, payload, ack }) => {
                    let acks = self.work.take(topic, payload, ack);
                    if let Some(lost) = self.acknowledge(&acks) {
                        return lost;
                    }
                }
                // Such as an acknowledgement that was sent.
                Ok(Incoming::Other) if self.work.wants_the_rest() => return Lost::renewed(),
                Ok(Incoming::Other) => {}
                Err(lost) => return lost,
            }
        }
    }

    fn acknowledge(&self, acks: &[link::Ack]) -> Option<Lost> {
        // A message that could not be acknowledged would stay open for as long as the connection.
        (!acks.iter().all(|ack| self.speaker.acknowledge(ack))).then(|| cannot("acknowledge"))
    }
}

fn cannot(what: &str) -> Lost {
    Lost::because(format!("it was given up: cannot {what}"), false)
}
