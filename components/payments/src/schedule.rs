//! What the scheduled run does with payments: asks how open ones stand, cancels those that nobody waits for, sends refunds, forgets old
//! events. Two at once do each thing once: taking a row is moving its due time.

use std::time::Instant;

use const_format::formatcp;
use domain::reservation::Status;
use domain::time::{AHEAD_TOLERANCE_MS, DAY_MS, HOUR_MS, SECOND_MS};
use kit::db::{self, Database, Fetch as _};
use kit::scheduled::{Step, Work, run_steps};
use kit::{Problem, host, params};
use serde::Serialize;
use utoipa::ToSchema;

use crate::model::{COLUMNS, Payment, UNDERWAY};
use crate::opening::fail;
use crate::refund::{self, TAKES_UP};
use crate::settle::settle;
use crate::standing::Standing;
use crate::stripe::{Failure, Stripe};

/// How long the ids of Stripe's events are kept, milliseconds: it sends one again for three days.
const EVENTS_KEPT_MS: i64 = 60 * DAY_MS;

/// What a run did.
#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(as = PaymentsRun)]
pub struct Summary {
    /// Open payments whose state was fetched.
    checked: usize,
    /// Refunds that were sent, or asked after.
    refunds: usize,
    /// Whether Stripe did not answer, so that the rest waits.
    away: bool,
    /// Stripe's events that were forgotten.
    events: usize,
}

impl Work for Summary {
    const COMPONENT: &'static str = "payments";

    const DUE: &'static [&'static str] = &[TO_CHECK, refund::TO_SEND, FORGET_EVENTS.due];

    /// Without a key there is nothing to do at Stripe.
    async fn run(now: i64) -> Result<Self, Problem> {
        let checked = check_open().await;
        // Whether or not Stripe could be asked.
        let [events] = run_steps([FORGET_EVENTS], now)?;
        Ok(Summary { events, ..checked? })
    }
}

async fn check_open() -> Result<Summary, Problem> {
    let mut summary = Summary::default();
    let Some(stripe) = Stripe::configured().await? else { return Ok(summary) };
    let began = Instant::now();
    while began.elapsed() < TAKES_UP {
        let Some(payment) = take(host::now_ms())? else { break };
        summary.checked += 1;
        if let Err(failure) = check(&stripe, &payment).await? {
            failure.log();
            return Ok(Summary { away: true, ..summary });
        }
    }
    let sent = refund::send_due(&stripe, began).await?;
    Ok(Summary { refunds: sent.count, away: sent.is_away, ..summary })
}

const FORGET_EVENTS: Step = Step {
    change: "delete from stripe_events where id in",
    due: formatcp!("select id from stripe_events where received_at < ?1 - {EVENTS_KEPT_MS} order by received_at limit ?2"),
};

/// How long a payment rests after it was looked at so often as `checks` says, milliseconds, in SQL.
const PAUSE_MS: &str = formatcp!("min({HOUR_MS}, {} << min(checks, 12))", 30 * SECOND_MS);

const TO_CHECK: &str = formatcp!(
    "select no from payments indexed by payments_to_check where state in {UNDERWAY}
         and (next_check_at <= ?1 or next_check_at > ?1 + {PAUSE_MS} + {AHEAD_TOLERANCE_MS})
     order by next_check_at limit 1"
);

/// Until when it is to be paid, if that is still to come: then nobody is to pay it any more.
const DUE_BY: &str = "(select d.due_by from reservation_dues d where d.reservation = payments.reservation and d.due_by > ?1)";

const TAKE: &str = formatcp!(
    "update payments set checks = checks + 1, next_check_at = min(?1 + {PAUSE_MS}, coalesce({DUE_BY}, {}))
     where no = ({TO_CHECK}) returning {COLUMNS}",
    i64::MAX
);

/// Takes the next open payment that is due to be looked at. It is due again after a pause that doubles, from 30 seconds to an
/// hour, and not later than when it is due; one further ahead than that was written before the clock was set back, and is due.
fn take(now: i64) -> Result<Option<Payment>, Problem> {
    Database.fetch_optional(TAKE, params![now])
}

/// Fetches how a payment stands, makes it where that was not written down, and takes over what it says. What its reservation does not wait for
/// any more is cancelled or closed, so that nobody pays in vain. The inner error is that Stripe is away.
async fn check(stripe: &Stripe, payment: &Payment) -> Result<Result<(), Failure>, Problem> {
    let mut standing = match Standing::fetch(stripe, payment).await {
        Ok(standing) => standing,
        Err(failure @ Failure::Refused { .. }) => {
            let fields = serde_json::json!({ "payment_id": payment.id, "error": failure.summary() });
            host::log("error", "a payment cannot be looked up", fields);
            fail(payment, &failure)?;
            return Ok(Ok(()));
        }
        Err(away) => return Ok(Err(away)),
    };
    if standing.is_open() && !is_wanted(payment, host::now_ms())? {
        standing = match standing.close(stripe, payment).await {
            Ok(closed) => closed,
            Err(failure) => return Ok(Err(failure)),
        };
    }
    // A refund that it makes is sent in the same run.
    db::transaction(|tx| settle(tx, payment, &standing, host::now_ms()))?;
    Ok(Ok(()))
}

const IS_WANTED: &str = formatcp!(
    "select 1 from payments p join reservation_dues d on d.reservation = p.reservation
     where p.id = ?1 and p.superseded = 0 and d.amount = p.amount and d.due_by > ?2 and d.status in ('{}', '{}', '{}')",
    Status::LIVE[0].into_str(),
    Status::LIVE[1].into_str(),
    Status::LIVE[2].into_str()
);

/// Whether its reservation still waits for this payment.
fn is_wanted(payment: &Payment, now: i64) -> Result<bool, Problem> {
    Database.exists(IS_WANTED, params![&payment.id, now])
}
