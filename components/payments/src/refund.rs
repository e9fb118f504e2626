//! Refunds: rows that wait, sent to Stripe by whoever comes first, each with its own id as the idempotency key.

use axum::extract::Path;
use axum::response::Response;
use domain::time::{HOUR_MS, SECOND_MS};
use http::StatusCode;
use kit::caller::{Caller, Operator};
use kit::db::{self, Row};
use kit::fields::Fields;
use kit::idempotency::IdempotencyKey;
use kit::request::{JsonBytes, Now};
use kit::{Answer, Problem, host, params};

use crate::lists;
use crate::stripe::{Failure, Refund, Stripe};

/// POST `/api/payments/{id}/refund`: `{amount?}`, minor units, all that is left without it → 201 with the payment. For staff. Honours
/// `Idempotency-Key`. 409 when the payment has brought in nothing, or less than that is left of it.
pub async fn create(
    caller: Caller<Operator>,
    Now(now): Now,
    key: IdempotencyKey,
    Path(id): Path<String>,
    JsonBytes(body): JsonBytes,
) -> Answer<Response> {
    let (response, fresh) = key.once(&caller.0, &body, |tx| {
        let mut fields = Fields::parse(if body.is_empty() { b"{}" } else { &body })?;
        let amount = fields.opt_int("amount", 1..=i64::from(u32::MAX));
        fields.finish()?;
        let rows = tx.run(
            "select p.state, p.received - (select coalesce(sum(f.amount), 0) from refunds f where f.payment = p.id and f.state <> 'failed'),
                p.reservation
             from payments p where p.id = ?",
            params![&id],
        )?;
        let row = rows.first().ok_or_else(|| Problem::not_found("payment"))?;
        let left = row.int(1)?;
        if row.text(0)? != "succeeded" || left <= 0 {
            return Err(Problem::conflict("nothing of this payment is left to give back").because("nothing_left"));
        }
        let amount = amount.unwrap_or(left);
        if amount > left {
            return Err(Problem::conflict(format!("{left} is left of this payment, in minor units"))
                .because("nothing_left")
                .with("left", left));
        }
        tx.run(
            "insert into refunds (id, payment, amount, reason, next_attempt_at, created_at, updated_at, updated_by)
             values (?1, ?2, ?3, 'operator', ?4, ?4, ?4, ?5)",
            params![host::new_id(now)?, &id, amount, now, &caller.0.id],
        )?;
        tx.run(
            "update reservations set paid = max(0, paid - ?2), updated_at = ?3, updated_by = ?4 where id = ?1",
            params![row.text(2)?, amount, now, &caller.0.id],
        )?;
        Ok((StatusCode::CREATED, lists::shown(|sql, params| tx.run(sql, params), &id)?))
    })?;
    if fresh {
        crate::run::soon();
    }
    Ok(response)
}

/// One that this run alone sends for now.
pub struct Waiting {
    id: String,
    amount: i64,
    refund: Option<String>,
    intent: String,
}

impl Waiting {
    fn of(row: &Row) -> Result<Self, Problem> {
        Ok(Self {
            id: row.text(0)?.to_owned(),
            amount: row.int(1)?,
            refund: row.opt_text(2)?.map(str::to_owned),
            intent: row.text(3)?.to_owned(),
        })
    }
}

/// Takes the next one that is due. It is due again after a pause that doubles, from 30 seconds to an hour, should this run die.
pub fn take(now: i64) -> Result<Option<Waiting>, Problem> {
    let rows = db::run(
        "update refunds set attempts = attempts + 1, next_attempt_at = ?1 + min(?3, ?2 << min(attempts, 12))
         where no = (select no from refunds where state in ('pending', 'submitted') and next_attempt_at <= ?1 order by next_attempt_at limit 1)
         returning id, amount, refund, (select intent from payments p where p.id = payment)",
        params![now, 30 * SECOND_MS, HOUR_MS],
    )?;
    rows.first().map(Waiting::of).transpose()
}

/// Sends it, or asks how it stands. The error is that Stripe is away; the refund waits.
pub async fn send(stripe: &Stripe, waiting: &Waiting) -> Result<Result<(), Failure>, Problem> {
    let answered = match &waiting.refund {
        None => stripe.refund(&waiting.id, &waiting.intent, waiting.amount).await,
        Some(refund) => stripe.refund_state(refund).await,
    };
    match answered {
        Ok(refund) => note(&waiting.id, &refund).map(Ok),
        Err(failure @ Failure::Refused { .. }) => {
            host::log("error", "a refund was refused", serde_json::json!({ "refund_id": waiting.id, "error": failure.summary() }));
            db::run(
                "update refunds set state = 'failed', last_error = ?2, updated_at = ?3, updated_by = 'stripe'
                 where id = ?1 and state in ('pending', 'submitted')",
                params![&waiting.id, failure.summary(), host::now_ms()],
            )?;
            Ok(Ok(()))
        }
        Err(away) => {
            db::run("update refunds set last_error = ?2 where id = ?1", params![&waiting.id, away.summary()])?;
            Ok(Err(away))
        }
    }
}

/// Writes down what Stripe says of a refund.
fn note(id: &str, refund: &Refund) -> Result<(), Problem> {
    let state = match refund.status.as_deref() {
        Some("succeeded") => "succeeded",
        Some("failed" | "canceled") => "failed",
        _ => "submitted",
    };
    let error = (state == "failed").then(|| format!("Stripe says that it {}", refund.status.as_deref().unwrap_or_default()));
    db::run(
        "update refunds set state = ?2, refund = ?3, last_error = ?4, updated_at = ?5, updated_by = 'stripe'
         where id = ?1 and (state in ('pending', 'submitted') or (state = 'succeeded' and ?2 = 'failed'))",
        params![id, state, &refund.id, error, host::now_ms()],
    )?;
    Ok(())
}

/// Fetches one that an event is about, if it is ours.
pub async fn look_up(stripe: &Stripe, refund: &str) -> Result<(), Problem> {
    let rows = db::run("select id from refunds where refund = ?", params![refund])?;
    let Some(row) = rows.first() else { return Ok(()) };
    match stripe.refund_state(refund).await {
        Ok(refund) => note(row.text(0)?, &refund),
        Err(failure) => Err(failure.problem()),
    }
}
