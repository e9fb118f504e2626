//! The dispatcher: drains the outbox over every configured channel (docs/reference/dispatch.md).
//!
//! Any number of runs may be at work at once, in one process or in many: what keeps them apart is the lease of each message.

use std::future::poll_fn;
use std::task::Poll;
use std::time::{Duration, Instant};

use domain::dispatch::Outcome;
use futures::future::{Either, select};
use futures::stream::{FuturesUnordered, StreamExt as _};
use kit::{Problem, host};
use serde::Serialize;
use utoipa::ToSchema;

use crate::delivery::{self, Attempt};
use crate::drain_lease::DrainLease;
use crate::intake::{Intake, MOST};
use crate::queue::{self, Leased, Waiting};
use crate::settings::Settings;

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
    /// Messages not sent because what they tell is no longer true, or a later one tells of more.
    pub dropped: usize,
}

/// Sends what is due, until nothing is or the run has lasted long enough. While receivers keep it waiting it looks out for what comes
/// in ([`crate::drain_lease`]). When the database fails, what is on its way is still written down as far as that goes, and the first failure
/// is the answer. `seen` is what was found waiting just before, if somebody has looked.
pub async fn drain(settings: &Settings, seen: Option<Waiting>) -> Result<Summary, Problem> {
    let began = Instant::now();
    let mut summary = Summary::default();
    let mut failure = None;
    let mut flying = FuturesUnordered::new();
    let mut lease = DrainLease::new(host::now_ms())?;
    let mut intake = Intake::from(seen);
    let mut look = true;
    loop {
        let late = began.elapsed() >= INTAKE;
        if failure.is_none() && (late || flying.len() >= MOST) {
            // Others must not rely on this run any more; what came until now is still its own.
            match lease.release() {
                Ok(ended) => look |= ended,
                Err(problem) => failure = Some(problem),
            }
        }
        let mut idle = true;
        if std::mem::take(&mut look) && failure.is_none() {
            match intake.take(settings, &mut summary) {
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
        let full = flying.len() >= MOST;
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
                intake.landed(&leased);
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
