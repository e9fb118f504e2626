//! The dispatcher: drains the outbox over every configured channel (docs/reference/dispatch.md).
//!
//! Any number of runs may be at work at once, in one process or in many: what keeps them apart is the lease of each message.

use std::collections::HashMap;
use std::future::poll_fn;
use std::task::Poll;
use std::time::{Duration, Instant};

use domain::dispatch::{Outcome, throttle};
use futures::future::{Either, select};
use futures::stream::{FuturesUnordered, StreamExt as _};
use kit::{Problem, host};
use serde::Serialize;
use utoipa::ToSchema;

use crate::delivery::{self, Attempt};
use crate::drain_lease::DrainLease;
use crate::queue::{self, Leased};
use crate::settings::Settings;

/// Attempts that one run makes at a time.
const CONCURRENT_ATTEMPTS: usize = 8;

/// The same, of what is urgent and was never tried: behind receivers that stall it would come too late.
const CONCURRENT_FIRST_ATTEMPTS: usize = 64;

/// How often a run whose receivers keep it waiting looks for more, milliseconds: a part of the second in which what is urgent is tried.
const POLL_MS: u64 = 50;

/// How long a run takes up new messages. With the last attempt's time it stays below the lease of the scheduled run.
const INTAKE: Duration = Duration::from_secs(20);

/// What a run did.
#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(as = DispatchRun)]
pub struct Summary {
    /// Messages made from the outbox.
    pub queued: usize,
    /// Attempts after which the receiver has it.
    pub sent: usize,
    /// Attempts to be repeated later.
    pub retried: usize,
    /// Messages given up.
    pub dead: usize,
    /// Messages that wait because their contact has had enough for now.
    pub throttled: usize,
}

/// Sends what is due, until nothing is or the run has lasted long enough. While receivers keep it waiting it looks out for what comes
/// in ([`crate::drain_lease`]). When the database fails, what is on its way is still written down as far as that goes, and the first failure
/// is the answer.
pub async fn drain(settings: &Settings) -> Result<Summary, Problem> {
    let began = Instant::now();
    let mut summary = Summary::default();
    let mut failure = None;
    let mut flying = FuturesUnordered::new();
    let mut lease = DrainLease::new(host::now_ms())?;
    let mut look = true;
    loop {
        let late = began.elapsed() >= INTAKE;
        if failure.is_none() && (late || flying.len() >= CONCURRENT_FIRST_ATTEMPTS) {
            // Others must not rely on this run any more; what came until now is still its own.
            match lease.release() {
                Ok(ended) => look |= ended,
                Err(problem) => failure = Some(problem),
            }
        }
        let mut idle = true;
        if std::mem::take(&mut look) && failure.is_none() {
            match take(settings, flying.len(), &mut summary) {
                Ok((took, admitted)) => {
                    idle = took == 0;
                    flying.extend(admitted.into_iter().map(|leased| attempt(leased, settings)));
                }
                Err(problem) => failure = Some(problem),
            }
        }
        if flying.is_empty() {
            look = !idle && !late && failure.is_none();
            if !look {
                match lease.release() {
                    Ok(true) if failure.is_none() => look = true,
                    Ok(_) => return failure.map_or(Ok(summary), Err),
                    Err(problem) => return Err(failure.unwrap_or(problem)),
                }
            }
            continue;
        }
        let full = flying.len() >= CONCURRENT_FIRST_ATTEMPTS;
        let mut finished = None;
        if !lease.is_own() && !late && !full && failure.is_none() {
            // Polled once, attempts are on their way: those who are woken from here on need no run of their own. Whoever was woken before
            // has seen no lease, and works by itself.
            match poll_fn(|cx| Poll::Ready(flying.poll_next_unpin(cx))).await {
                Poll::Ready(done) => finished = done,
                Poll::Pending => {
                    if let Err(problem) = lease.take(host::now_ms()) {
                        failure = Some(problem);
                    }
                }
            }
        }
        let happened = match finished {
            Some(done) => Either::Left(Some(done)),
            None => match select(flying.next(), std::pin::pin!(delivery::pause(POLL_MS))).await {
                Either::Left((done, _)) => Either::Left(done),
                Either::Right(_) => Either::Right(()),
            },
        };
        match happened {
            Either::Left(Some((leased, attempt, duration))) => {
                look = !late;
                if let Err(problem) = conclude(&leased, &attempt, duration, &mut summary) {
                    failure.get_or_insert(problem);
                }
            }
            Either::Left(None) => {}
            Either::Right(()) if late || full || failure.is_some() => {}
            Either::Right(()) => match lease.take(host::now_ms()) {
                Ok(kept) => look = kept,
                Err(problem) => failure = Some(problem),
            },
        }
    }
}

/// Takes what is due beside so many attempts that are under way: how many messages, and those of them to be sent now.
fn take(settings: &Settings, flying: usize, summary: &mut Summary) -> Result<(usize, Vec<Leased>), Problem> {
    let now = host::now_ms();
    summary.queued += queue::expand(settings, now)?;
    let mut leased = queue::lease_first(now, CONCURRENT_FIRST_ATTEMPTS.saturating_sub(flying))?;
    let room = CONCURRENT_ATTEMPTS.saturating_sub(flying + leased.len());
    if room > 0 {
        leased.extend(queue::lease(now, room)?);
    }
    let took = leased.len();
    let (admitted, spared) = admit(leased, now)?;
    summary.throttled += spared;
    Ok((took, admitted))
}

/// Sorts out whose contact must be spared for now, and gives those back; how many that were.
fn admit(leased: Vec<Leased>, now: i64) -> Result<(Vec<Leased>, usize), Problem> {
    let mut of_contact: HashMap<(String, String), Vec<Leased>> = HashMap::new();
    for leased in leased {
        of_contact.entry((leased.message.channel.clone(), leased.message.contact.clone())).or_default().push(leased);
    }
    let (mut admitted, mut spared) = (Vec::new(), 0);
    for group in of_contact.into_values() {
        let Some(first) = group.first() else { continue };
        let load = queue::load(&first.message, now)?;
        let own = u32::try_from(group.len()).unwrap_or(u32::MAX);
        let mut load_now = load.sent.saturating_add(load.in_flight.saturating_sub(own));
        let mut rest_deferred = [false; 2];
        for leased in group {
            if leased.message.bypasses_throttle() || !throttle(load_now, leased.message.urgent) {
                load_now = load_now.saturating_add(1);
                admitted.push(leased);
                continue;
            }
            queue::defer(&leased, load.free_at)?;
            spared += 1;
            let [rest, urgent_rest] = &mut rest_deferred;
            let deferred = if leased.message.urgent { urgent_rest } else { rest };
            if !std::mem::replace(deferred, true) {
                spared += queue::defer_the_rest(&leased.message, now, load.free_at)?;
            }
        }
    }
    Ok((admitted, spared))
}

async fn attempt(leased: Leased, settings: &Settings) -> (Leased, Attempt, Duration) {
    let began = Instant::now();
    let request = match settings.channel(&leased.message.channel) {
        Some(channel) => channel.request(&leased.message, host::now_ms()),
        None => Err(format!("there is no channel {}", leased.message.channel)),
    };
    let attempt = match request {
        Ok(request) => delivery::deliver(request).await,
        Err(lacking) => Attempt::unsendable(lacking),
    };
    (leased, attempt, began.elapsed())
}

fn conclude(leased: &Leased, attempt: &Attempt, duration: Duration, summary: &mut Summary) -> Result<(), Problem> {
    let duration_ms = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
    let record = || queue::record(leased, attempt, host::now_ms(), duration_ms);
    // A second chance on a busy database: what is not written down is sent once more.
    let outcome = record().or_else(|_| record())?;
    let (level, count, message) = match outcome {
        Outcome::Delivered => ("info", &mut summary.sent, "message sent"),
        Outcome::Retry => ("warn", &mut summary.retried, "message not sent, to be repeated"),
        Outcome::Refused => ("error", &mut summary.dead, "message given up"),
    };
    *count += 1;
    host::log(
        level,
        message,
        serde_json::json!({
            "message_id": leased.message.id,
            "channel": leased.message.channel,
            "status": attempt.status,
            "error": attempt.error,
            "duration_ms": duration_ms,
        }),
    );
    Ok(())
}
