//! What SendGrid reports of mails: its event webhook, signed.

use axum::Json;
use axum::extract::{FromRequest, Request};
use domain::email;
use domain::mail::MailEvent;
use domain::mail_template::one_line;
use domain::webhook::Refusal;
use kit::api::{Describe, Request as Operation};
use kit::db::Database;
use kit::request::{JsonBytes, Now, describe_body_refusals, now};
use kit::{Answer, Problem, config, params};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa::openapi::path::{ParameterBuilder, ParameterIn};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, Type};
use utoipa::openapi::{ContentBuilder, RefOr, Required};

use crate::signature::{key, verify};

const SIGNATURE: &str = "x-twilio-email-event-webhook-signature";
const TIMESTAMP: &str = "x-twilio-email-event-webhook-timestamp";

/// The longest reason that is kept, characters.
const MAX_DETAIL: usize = 500;

/// Events that SendGrid has signed.
pub struct Signed(Vec<Value>);

impl<S: Send + Sync> FromRequest<S> for Signed {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let texts = config::list("sendgrid_webhook_public_key").await?;
        let keys: Vec<_> = texts.iter().filter_map(|text| key(text)).collect();
        if keys.is_empty() {
            return Err(Problem::unavailable("sendgrid_webhook_public_key is not set, or is no key", 3600));
        }
        let (parts, body) = request.into_parts();
        let header = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
        let (signature, timestamp, now_ms) = (header(SIGNATURE), header(TIMESTAMP), now(&parts).0);
        let refused = |refusal: Refusal| Problem::unreadable("this is no report that SendGrid signed").because(refusal.into());
        // Before anything is made of what anybody may send.
        if signature.is_empty() || timestamp.is_empty() {
            return Err(refused(Refusal::Unsigned));
        }
        let JsonBytes(body) = JsonBytes::from_request(Request::from_parts(parts, body), state).await?;
        verify(&signature, &timestamp, &body, &keys, now_ms).map_err(refused)?;
        serde_json::from_slice(&body).map(Self).map_err(|_| Problem::unreadable("this is no list of events"))
    }
}

impl Describe for Signed {
    fn describe(request: &mut Operation<'_>) {
        let text = || ObjectBuilder::new().schema_type(Type::String);
        for (name, what) in [
            ("X-Twilio-Email-Event-Webhook-Signature", "ECDSA (P-256, SHA-256) over timestamp and body, DER in base64."),
            ("X-Twilio-Email-Event-Webhook-Timestamp", "Seconds since 1970, at most 25 hours ago."),
        ] {
            let header = ParameterBuilder::new().name(name).parameter_in(ParameterIn::Header).required(Required::True);
            request.parameter(header.description(Some(what)).schema(Some(text())));
        }
        let event = ["event", "email", "sg_event_id"].into_iter().fold(
            ObjectBuilder::new()
                .schema_type(Type::Object)
                .property("event", text().description(Some("What happened, such as `bounce`.")))
                .property("email", text().description(Some("The recipient.")))
                .property("sg_event_id", text().description(Some("The event's id: one that came before changes nothing.")))
                .property("mail_id", text().description(Some("The mail that it is about.")))
                .property("reason", text().description(Some("What the receiver's server said."))),
            ObjectBuilder::required,
        );
        let example =
            serde_json::json!([{"event": "bounce", "email": "a@example.org", "sg_event_id": "e-1", "reason": "550 no such user"}]);
        let events = ArrayBuilder::new().items(event);
        let content = ContentBuilder::new().schema(Some(events)).example(Some(example)).build();
        let body = RequestBodyBuilder::new().content("application/json", content).required(Some(Required::True)).build();
        request.operation.request_body = Some(RefOr::T(body));
        describe_body_refusals(request);
    }
}

/// An event as SendGrid sends it, as far as it is looked at.
#[derive(Deserialize)]
struct SentEvent {
    event: String,
    email: String,
    sg_event_id: String,
    timestamp: Option<i64>,
    r#type: Option<String>,
    reason: Option<String>,
    response: Option<String>,
    /// Of a mail that an administrator wrote.
    mail_id: Option<String>,
}

/// An event that something follows from, as it is kept.
#[derive(Serialize)]
struct Kept {
    id: String,
    mail: Option<String>,
    address: String,
    event: MailEvent,
    detail: Option<String>,
    at: i64,
}

impl Kept {
    /// None of one that nothing follows from, or that cannot be read: the others count all the same.
    fn of(event: Value, now: i64) -> Option<Self> {
        let event: SentEvent = serde_json::from_value(event).ok()?;
        let kind = MailEvent::of_sendgrid(&event.event, event.r#type.as_deref())?;
        let said = event.reason.or(event.response).map(|said| one_line(&said)).filter(|said| !said.is_empty());
        Some(Self {
            id: short(event.sg_event_id),
            mail: event.mail_id.map(short),
            address: email::normalise(&event.email).ok()?,
            event: kind,
            detail: said.map(|said| said.chars().take(MAX_DETAIL).collect()),
            at: event.timestamp.map_or(now, |at| at.saturating_mul(1000).clamp(0, now)),
        })
    }
}

/// An id of theirs is a hundred characters at most.
fn short(id: String) -> String {
    id.chars().take(128).collect()
}

/// What SendGrid is answered.
#[derive(Serialize, ToSchema)]
pub struct MailReport {
    /// How many events came.
    received: usize,
    /// How many of them were new, and something followed from them.
    recorded: u64,
}

const INSERT: &str = "insert into mail_events (id, message_id, address, event, detail, at, received_at)
     select value ->> 'id', value ->> 'mail', value ->> 'address', value ->> 'event', value ->> 'detail', value ->> 'at', ?2
     from json_each(?1) where true on conflict do nothing";

/// Receives what SendGrid reports: deliveries, bounces, complaints.
///
/// Each event is taken once, in whatever order they come. A bounce for good, a complaint and an unsubscription put the address on the
/// suppression list.
#[utoipa::path(post, path = "/api/webhooks/sendgrid", responses(
    (status = 400, description = "`reason` is `unsigned`, `bad_signature` or `too_late`; none when the body is no list of events."),
    (status = 503, description = "The variable `sendgrid_webhook_public_key` is not set, or the database cannot be reached: SendGrid sends it again.")
))]
pub async fn receive(Now(now): Now, Signed(events): Signed) -> Answer<Json<MailReport>> {
    let received = events.len();
    let kept: Vec<Kept> = events.into_iter().filter_map(|event| Kept::of(event, now)).collect();
    if kept.is_empty() {
        return Ok(Json(MailReport { received, recorded: 0 }));
    }
    let kept = serde_json::to_string(&kept).map_err(Problem::internal)?;
    let recorded = Database.run_counted(INSERT, params![kept, now])?;
    Ok(Json(MailReport { received, recorded }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_cannot_be_read_or_means_nothing_is_left_out() {
        let event = |change: Value| {
            let mut event = json!({"event": "bounce", "email": "A@Example.org", "sg_event_id": "e", "timestamp": 5, "mail_id": "m"});
            event.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
            Kept::of(event, 9_000)
        };
        let kept = event(json!({"reason": "550\r\nno such  user"})).unwrap();
        assert_eq!((&*kept.address, kept.event, kept.at), ("a@example.org", MailEvent::Bounced, 5_000));
        assert_eq!((kept.detail.as_deref(), kept.mail.as_deref()), (Some("550 no such user"), Some("m")));
        assert_eq!(event(json!({"timestamp": i64::MAX})).unwrap().at, 9_000, "nothing was reported of a time to come");
        assert_eq!(event(json!({"reason": "x".repeat(9_999)})).unwrap().detail.unwrap().len(), MAX_DETAIL);
        for change in [json!({"event": "open"}), json!({"email": "nobody"}), json!({"sg_event_id": 7}), json!({"event": null})] {
            assert!(event(change.clone()).is_none(), "{change}");
        }
        assert!(Kept::of(json!([]), 0).is_none());
    }
}
