//! Emergencies that could not be stored: told at once over every channel of the control room, by one attempt each, without the database.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

use axum::{Extension, Json};
use domain::dispatch::{EMERGENCY_TOPICS, Outcome, URGENT_PER_MINUTE};
use futures::future::join_all;
use kit::input::{Input, JsonObject, Text};
use kit::request::{Body, Now};
use kit::serve::Quiet;
use kit::trusted::Trusted;
use kit::{Answer, Problem, host};
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::channels::{Content, Message, is_read_by_people};
use crate::delivery;
use crate::settings::{Contact, Settings};

/// How long one attempt may last, milliseconds: its reporter waits for the answer.
const ATTEMPT_MS: u64 = 6_000;

/// What people read before what was said: they alone have it now.
const NOT_STORED: &str = "NOT STORED, write it down. ";

/// An emergency that could not be stored.
#[derive(Input)]
#[input(example = r#"{"id": "unstored-7c9e6679", "emergency": {"type": "fire", "temple_id": "somnath", "stored": false}}"#)]
pub struct UnstoredEmergency {
    /// The message's id: that of a report that is sent again is the same.
    id: Text<1, 64>,
    /// As operators see it, as far as it is known, with `stored: false`.
    emergency: JsonObject,
}

/// Who was told.
#[derive(Default, Serialize, ToSchema)]
pub struct UnstoredTold {
    /// Contacts of the control room that have it.
    told: usize,
    /// Contacts that could not be told.
    failed: usize,
}

/// Tells the control room now of an emergency that could not be stored, without the database.
#[utoipa::path(post, path = "/internal/dispatch/unstored")]
pub async fn unstored(_: Trusted, Now(now): Now, Body(body): Body<UnstoredEmergency>) -> Answer<(Extension<Quiet>, Json<UnstoredTold>)> {
    let settings = Settings::load().await?;
    let attempts = settings.control_room(0).into_iter().filter(has_room_for).map(|contact| tell(&settings, &body, contact, now));
    let mut summary = UnstoredTold::default();
    for is_told in join_all(attempts).await {
        *if is_told? { &mut summary.told } else { &mut summary.failed } += 1;
    }
    Ok((Extension(Quiet), Json(summary)))
}

async fn tell(settings: &Settings, body: &UnstoredEmergency, contact: Contact, now: i64) -> Result<bool, Problem> {
    let payload = RawValue::from_string(body.emergency.to_string()).map_err(Problem::internal)?;
    let content =
        Content { topic: EMERGENCY_TOPICS[0].to_owned(), level: 0, created_at: now, told: for_people(&payload), payload, group: None };
    let Contact { channel, address } = contact;
    let message = Message { id: body.id.to_string(), channel: channel.to_owned(), contact: address, urgent: true, content };
    let request = settings.channel(channel).map_or_else(|| Err(String::new()), |channel| channel.request(&message, now));
    let attempt = match request {
        Ok(request) => delivery::deliver_within(request, ATTEMPT_MS).await,
        Err(lacking) => delivery::Attempt::unsendable(lacking),
    };
    let is_told = attempt.outcome == Outcome::Delivered;
    let level = if is_told { "warn" } else { "error" };
    let fields = json!({ "message_id": message.id, "channel": channel, "status": attempt.status, "error": attempt.error });
    host::log(level, if is_told { "unstored emergency told" } else { "unstored emergency not told" }, fields);
    Ok(is_told)
}

fn for_people(payload: &RawValue) -> Option<Box<RawValue>> {
    let mut document: Value = serde_json::from_str(payload.get()).ok()?;
    let said = document.get("description").and_then(Value::as_str).unwrap_or_default();
    let words = format!("{NOT_STORED}{said}");
    document.as_object_mut()?.insert("description".to_owned(), words.trim_end().into());
    serde_json::value::to_raw_value(&document).ok()
}

thread_local! {
    static SENT: RefCell<VecDeque<Instant>> = const { RefCell::new(VecDeque::new()) };
}

/// Whether a contact may have one more: people, as many a minute as of emergencies that are stored, as far as this instance knows; programs
/// any number.
fn has_room_for(contact: &Contact) -> bool {
    if !is_read_by_people(contact.channel) {
        return true;
    }
    SENT.with_borrow_mut(|sent| {
        let now = Instant::now();
        while sent.front().is_some_and(|at| now.saturating_duration_since(*at) >= Duration::from_secs(60)) {
            sent.pop_front();
        }
        let is_below = u32::try_from(sent.len()).is_ok_and(|sent| sent < URGENT_PER_MINUTE);
        if is_below {
            sent.push_back(now);
        }
        is_below
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_read_first_that_it_is_not_stored() {
        let payload = |json: &str| RawValue::from_string(json.to_owned()).unwrap();
        let told = |json: &str| for_people(&payload(json)).unwrap().get().to_owned();
        assert!(told(r#"{"type":"fire","description":"in the kitchen"}"#).contains("NOT STORED, write it down. in the kitchen"));
        assert!(told(r#"{"type":"fire","description":null}"#).contains(r#""NOT STORED, write it down.""#));
    }

    #[test]
    fn people_get_no_more_than_they_can_take_in_and_programs_all() {
        let contact = |channel| Contact { channel, address: "x".to_owned() };
        let sent = (0..200).filter(|_| has_room_for(&contact("sms"))).count();
        assert_eq!(sent, URGENT_PER_MINUTE as usize);
        assert!((0..200).all(|_| has_room_for(&contact("webhook"))));
    }
}
