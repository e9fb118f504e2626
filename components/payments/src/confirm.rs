//! Confirming a payment: what the driver's device says has been done, or is to be done here with a payment method that Stripe knows.

use axum::Json;
use kit::caller::{Caller, Principal, SignedIn};
use kit::db;
use kit::fields::Fields;
use kit::request::{JsonBytes, Now};
use kit::{Answer, Problem, host, params};
use serde_json::{Value, json};

use crate::intents::{at_stripe, no_card_data, person, still_wanted};
use crate::settle::{Payment, select, settle_now};
use crate::stripe::{Failure, Intent, Stripe, is_id};

/// POST `/api/payments/confirm`: `{payment_id or payment_intent_id or reservation_id, payment_method?}` → the payment, and its reservation's
/// status. Without `payment_method` the driver's device has paid at Stripe, and this is looked up there; with it (`pm_…`, made by Stripe on
/// that device) the intent is confirmed here. `status` `requires_action` means that the device has a step to take, with `client_secret`. 402
/// when it was declined; 409 with `reason` `lapsed`, `paid`, `changed`; 503 when Stripe does not answer: ask again, nothing is paid twice.
pub async fn confirm(caller: Caller<SignedIn>, Now(now): Now, JsonBytes(body): JsonBytes) -> Answer<Json<Value>> {
    person(&caller.0)?;
    let mut fields = Fields::parse(&body)?;
    no_card_data(&mut fields);
    let named = [("payment_id", "p.id"), ("payment_intent_id", "p.intent"), ("reservation_id", "p.reservation")]
        .map(|(field, column)| (column, fields.opt_text(field, 1..=255)));
    let method = fields.opt_text("payment_method", 1..=255);
    fields.check(
        method.as_deref().is_none_or(|method| is_id(method) && method.starts_with("pm_")),
        "payment_method",
        "must be Stripe's id of one, pm_…",
    );
    let named = named.into_iter().find_map(|(column, value)| value.map(|value| (column, value)));
    if named.is_none() && fields.errors().is_empty() {
        fields.refuse("payment_id", "or payment_intent_id or reservation_id is required");
    }
    fields.finish()?;
    let (column, value) = named.ok_or_else(|| Problem::internal("a name that was checked is none"))?;
    let payment = own(&caller.0, column, &value)?;
    let stripe = Stripe::needed().await?;
    let (payment, mut intent) = at_stripe(&stripe, payment).await?;

    if let Some(method) = method
        && intent.is_open()
    {
        // Nobody pays for what they cannot have any more.
        still_wanted(&caller.0, &payment, now)?;
        intent = pay(&stripe, &payment, &intent, &method).await?;
    }
    settle_now(&payment, &intent, host::now_ms())?;
    answer(&payment, &intent)
}

/// The caller's own payment, the newest of several; 404 for somebody else's.
fn own(caller: &Principal, column: &str, value: &str) -> Result<Payment, Problem> {
    let rows = db::run(&format!(concat!(select!(), " where {} = ? order by p.no desc limit 1"), column), params![value])?;
    let payment = rows.first().map(Payment::of).transpose()?;
    payment.filter(|payment| payment.user_id == caller.id).ok_or_else(|| Problem::not_found("payment"))
}

/// Confirms it at Stripe. Each attempt has a key of its own, since Stripe answers an old key with the old refusal; an intent brings in its
/// money once, however often it is confirmed.
async fn pay(stripe: &Stripe, payment: &Payment, intent: &Intent, method: &str) -> Result<Intent, Problem> {
    let rows = db::run(
        "update payments set confirms = confirms + 1, next_check_at = min(next_check_at, ?2) where id = ?1 returning confirms",
        params![
            &payment.id,
            // The answer may be lost: the scheduled run soon asks how it ended.
            host::now_ms() + 15_000
        ],
    )?;
    let attempt = rows.first().ok_or_else(|| Problem::internal("a payment is gone"))?.int(0)?;
    match stripe.confirm(&intent.id, method, &format!("{}-{attempt}", payment.id)).await {
        // As it is now, by itself: the answer may be one that was kept.
        Ok(_) => stripe.intent(&intent.id).await.map_err(Failure::problem),
        Err(Failure::Refused { status, kind, code, message }) => {
            // Somebody else may have confirmed it meanwhile.
            let now = stripe.intent(&intent.id).await.map_err(Failure::problem)?;
            let refused = Failure::Refused { status, kind, code, message };
            if now.is_open() { Err(refused.problem()) } else { Ok(now) }
        }
        Err(away) => Err(away.problem()),
    }
}

fn answer(payment: &Payment, intent: &Intent) -> Answer<Json<Value>> {
    let rows = db::run(
        "select r.status, (select coalesce(sum(f.amount), 0) from refunds f where f.payment = p.id and f.state <> 'failed'), p.state
         from payments p join reservations r on r.id = p.reservation where p.id = ?",
        params![&payment.id],
    )?;
    let row = rows.first().ok_or_else(|| Problem::internal("a payment is gone"))?;
    let action = intent.status == "requires_action";
    Ok(Json(json!({
        "payment_id": payment.id,
        "payment_intent_id": intent.id,
        "reservation_id": payment.reservation,
        "amount": payment.amount,
        "currency": payment.currency,
        "status": intent.status,
        "client_secret": if action { intent.client_secret.clone() } else { None },
        "reservation_status": row.text(0)?,
        // What goes back by itself: the payment came too late, or was not needed.
        "refunded": row.int(1)?,
    })))
}
