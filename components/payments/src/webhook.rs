//! Stripe's webhook.

use axum::Json;
use axum::extract::FromRequestParts;
use http::request::Parts;
use kit::request::{JsonBytes, Now};
use kit::{Answer, Problem, config, db, host, params};
use serde_json::{Value, json};

use crate::settle::{Payment, settle};
use crate::signature::verify;
use crate::stripe::{Event, Failure, Stripe};
use crate::{refund, run};

/// `Stripe-Signature`, empty when there is none.
pub struct Signature(String);

impl<S: Sync> FromRequestParts<S> for Signature {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self(parts.headers.get("stripe-signature").and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()))
    }
}

/// POST `/api/webhooks/stripe`: signed by Stripe over the raw body → `{received: true}`. Each event once; what it is about is fetched from
/// Stripe, so that their order does not matter. 400 with `reason` `unsigned`, `bad_signature`, `too_late`; 503 when Stripe does not answer or
/// payments are not set up: it sends the event again.
pub async fn receive(Signature(signature): Signature, Now(now): Now, JsonBytes(body): JsonBytes) -> Answer<Json<Value>> {
    let secrets = config::list("stripe_webhook_secret").await?;
    if secrets.is_empty() {
        return Err(Problem::unavailable("stripe_webhook_secret is not set", 3600));
    }
    verify(&signature, &body, &secrets, now / 1000)
        .map_err(|refusal| Problem::unreadable("this is not a message that Stripe sent just now").because(refusal.as_str()))?;
    let event: Event = serde_json::from_slice(&body).map_err(|_| Problem::unreadable("this is not an event of Stripe's"))?;
    if !db::run("select 1 from stripe_events where id = ?", params![&event.id])?.is_empty() {
        return Ok(received(true));
    }
    let Some(stripe) = Stripe::configured().await? else {
        return Err(Problem::unavailable("stripe_api_key is not set", 3600));
    };

    let mut news = None;
    if let Some(id) = event.intent() {
        match stripe.intent(id).await {
            Ok(intent) => news = Payment::of_intent(&intent)?.map(|payment| (payment, intent)),
            // Not one of this key's account: nothing of ours.
            Err(Failure::Refused { .. }) => {}
            Err(away) => return Err(away.problem()),
        }
    }
    if let Some(id) = event.refund() {
        refund::look_up(&stripe, id).await?;
    }
    let now = host::now_ms();
    let (fresh, refunds) = db::transaction(|tx| {
        let fresh = tx.run(
            "insert into stripe_events (id, type, received_at) values (?, ?, ?) on conflict do nothing returning id",
            params![&event.id, &event.r#type, now],
        )?;
        let refunds = match &news {
            Some((payment, intent)) if !fresh.is_empty() => settle(tx, payment, intent, now)?,
            _ => false,
        };
        Ok((!fresh.is_empty(), refunds))
    })?;
    if refunds {
        run::soon();
    }
    Ok(received(!fresh))
}

fn received(again: bool) -> Json<Value> {
    Json(json!({ "received": true, "duplicate": again }))
}
