//! Stripe's webhook.

use axum::Json;
use axum::extract::{FromRequest, Request};
use kit::api::{Describe, Request as Operation};
use kit::db::{self, Database, Fetch as _};
use kit::request::{JsonBytes, describe_body_refusals, now};
use kit::{Answer, Problem, config, host, params};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::path::{ParameterBuilder, ParameterIn};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{ContentBuilder, RefOr, Required};

use crate::model::Payment;
use crate::refund;
use crate::settle::settle;
use crate::signature::verify;
use crate::standing::Standing;
use crate::stripe::{Event, Failure, Stripe};
use crate::taken_over::{Found, disputes};

/// An event that Stripe has signed over the raw body.
pub struct Signed(Event);

impl<S: Send + Sync> FromRequest<S> for Signed {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let now_s = now(&parts).0 / 1000;
        let signature = parts.headers.get("stripe-signature").and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
        let JsonBytes(body) = JsonBytes::from_request(Request::from_parts(parts, body), state).await?;
        let secrets = config::list("stripe_webhook_secret").await?;
        if secrets.is_empty() {
            return Err(Problem::unavailable("stripe_webhook_secret is not set", 3600));
        }
        verify(&signature, &body, &secrets, now_s)
            .map_err(|refusal| Problem::unreadable("this is not a message that Stripe sent just now").because(refusal.into()))?;
        serde_json::from_slice(&body).map(Self).map_err(|_| Problem::unreadable("this is not an event of Stripe's"))
    }
}

impl Describe for Signed {
    fn describe(request: &mut Operation<'_>) {
        let text = || ObjectBuilder::new().schema_type(Type::String);
        let signature = ParameterBuilder::new().name("Stripe-Signature").parameter_in(ParameterIn::Header).required(Required::True);
        let signature = signature.description(Some("`t=…,v1=…`: HMAC-SHA-256 over `t.body`, at most 300 s old."));
        request.parameter(signature.schema(Some(text())));
        let object =
            ObjectBuilder::new().description(Some("The payment intent, the session of the checkout page, the charge or the refund."));
        let data = ObjectBuilder::new().schema_type(Type::Object).description(Some("What it is about."));
        let data = data.property("object", object).required("object");
        let id = text().description(Some("The event's id, `evt_…`: one that came before changes nothing."));
        let kind = text().description(Some("What happened, such as `payment_intent.succeeded`."));
        let event = ObjectBuilder::new().schema_type(Type::Object).property("id", id).property("type", kind).property("data", data);
        let event = ["id", "type", "data"].into_iter().fold(event, ObjectBuilder::required);
        let example = serde_json::json!({"id": "evt_1", "type": "payment_intent.succeeded", "data": {"object": {"id": "pi_1"}}});
        let content = ContentBuilder::new().schema(Some(event)).example(Some(example)).build();
        let body = RequestBodyBuilder::new().content("application/json", content).required(Some(Required::True)).build();
        request.operation.request_body = Some(RefOr::T(body));
        describe_body_refusals(request);
    }
}

/// What Stripe is answered.
#[derive(Serialize, ToSchema)]
pub struct WebhookReceipt {
    /// True: Stripe need not send it again.
    received: bool,
    /// Whether the event had come before.
    duplicate: bool,
}

impl WebhookReceipt {
    const NEW: Self = Self { received: true, duplicate: false };
    const DUPLICATE: Self = Self { received: true, duplicate: true };
}

/// What Stripe has of the payment that an event is about.
struct News {
    standing: Standing,
    found: Found,
}

impl News {
    /// Fetches it; none when the event is about nothing that is looked at.
    async fn of(stripe: &Stripe, event: &Event) -> Result<Option<Self>, Failure> {
        if let Some(session) = event.session() {
            let standing = Standing::of_session(stripe, stripe.session(session).await?).await?;
            return Ok(Some(Self { standing, found: Found { refunds: Vec::new(), disputes: Vec::new() } }));
        }
        let named = match (event.intent(), event.refund()) {
            (Some(intent), _) => Some(intent.to_owned()),
            (None, Some(refund)) => stripe.refund_state(refund).await?.payment_intent,
            (None, None) => None,
        };
        let Some(intent) = named else { return Ok(None) };
        let intent = stripe.intent(&intent).await?;
        let refunds = if event.is_about_refunds() || event.dispute().is_some() { stripe.refunds(&intent.id).await? } else { Vec::new() };
        let mut disputes = Vec::new();
        if let Some(id) = event.dispute() {
            let dispute = stripe.dispute(id).await?;
            // An event names them together; what Stripe has says whether they belong together.
            disputes.extend(Some(dispute).filter(|dispute| dispute.payment_intent.as_ref() == Some(&intent.id)));
        }
        Ok(Some(Self { standing: intent.into(), found: Found { refunds, disputes } }))
    }

    /// The payment of ours that it is about.
    fn payment(&self) -> Result<Option<Payment>, Problem> {
        match (&self.standing.session, &self.standing.intent) {
            (Some(session), _) => Payment::find_by_session(session),
            (None, Some(intent)) => Payment::find_by_intent(intent),
            (None, None) => Ok(None),
        }
    }

    /// With how the disputes stand that we know of: a refund may be made of what a bank has given up, before we hear of that.
    async fn with_disputes(mut self, stripe: &Stripe, payment: &Payment) -> Result<Self, Problem> {
        for id in disputes::undecided(payment)? {
            match stripe.dispute(&id).await {
                Ok(dispute) => self.found.disputes.push(dispute),
                Err(Failure::Refused { .. }) => {}
                Err(away) => return Err(away.problem()),
            }
        }
        Ok(self)
    }
}

/// Receives an event of Stripe's.
///
/// Each is taken once; what it is about is fetched from Stripe, so that their order does not matter.
#[utoipa::path(post, path = "/api/webhooks/stripe", responses(
    (status = 400, description = "`reason` is `unsigned`, `bad_signature` or `too_late`; none when the body is no event."),
    (status = 503, description = "Stripe does not answer, or payments are not set up: it sends the event again.")
))]
pub async fn receive(Signed(event): Signed) -> Answer<Json<WebhookReceipt>> {
    if Database.exists("select 1 from stripe_events where id = ?", params![&event.id])? {
        return Ok(Json(WebhookReceipt::DUPLICATE));
    }
    let Some(stripe) = Stripe::configured().await? else {
        return Err(Problem::unavailable("stripe_api_key is not set", 3600));
    };
    let news = match News::of(&stripe, &event).await {
        Ok(news) => news,
        // Not one of this key's account: nothing of ours.
        Err(Failure::Refused { .. }) => None,
        Err(away) => return Err(away.problem()),
    };
    let payment = news.as_ref().map(News::payment).transpose()?.flatten();
    let news = match (news, &payment) {
        (Some(news), Some(payment)) if event.is_about_refunds() => Some(news.with_disputes(&stripe, payment).await?),
        (news, _) => news,
    };
    let now = host::now_ms();
    let (is_new, refunds) = db::transaction(|tx| -> Answer<_> {
        let is_new = tx.exists(
            "insert into stripe_events (id, type, received_at) values (?, ?, ?) on conflict do nothing returning id",
            params![&event.id, &event.r#type, now],
        )?;
        let (Some(payment), Some(news)) = (&payment, &news) else { return Ok((is_new, false)) };
        if !is_new {
            return Ok((false, false));
        }
        let refunds = settle(tx, payment, &news.standing, now)?;
        let made = news.found.take_over(tx, payment, now)?;
        Ok((true, refunds || made))
    })?;
    if refunds {
        refund::spawn();
    }
    Ok(Json(if is_new { WebhookReceipt::NEW } else { WebhookReceipt::DUPLICATE }))
}
