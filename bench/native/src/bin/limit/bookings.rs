//! Booking a slot, with a signed ticket.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse as _;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use domain::booking::code;
use domain::booking_offer::{Times, last_date, may_claim};
use domain::booking_slot::{Date, Slot};
use domain::booking_ticket::{PREFIX, Ticket};
use domain::time::{MINUTE_MS, format_rfc3339};
use ed25519_compact::{KeyPair, Seed};
use hmac::{Hmac, Mac as _};
use rusqlite::OptionalExtension as _;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::Sha256;

use crate::server::{Answer, App, failed, invalid, now_ms, refuse};
use crate::store::{self, Booking, Refused};
use crate::temples::temple;
use crate::token::Role;

const BOOK_SLOT: &str = include_str!("../../../../statements/book_slot.sql");
/// An address of a picture is good for one to two of these, milliseconds.
const PERIOD_MS: i64 = 15 * MINUTE_MS;

/// Signs tickets, and the addresses of their pictures.
pub struct Tickets {
    pair: KeyPair,
    picture_key: [u8; 32],
}

impl Tickets {
    /// With keys of this run.
    pub fn new() -> Self {
        Self { pair: KeyPair::from_seed(Seed::default()), picture_key: [7; 32] }
    }

    fn sign(&self, ticket: &Ticket) -> String {
        let signed = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(ticket.to_bytes()));
        let signature = self.pair.sk.sign(&signed, None);
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
    }

    fn picture_query(&self, id: &str, expires_s: i64) -> String {
        let mac = Hmac::<Sha256>::new_from_slice(&self.picture_key).map(|mac| mac.chain_update(format!("{id} 1 {expires_s}")));
        let signature = mac.map(|mac| const_hex::encode(mac.finalize().into_bytes())).unwrap_or_default();
        format!("expires={expires_s}&signature={signature}")
    }
}

#[derive(Deserialize)]
struct Wish<'a> {
    temple_id: &'a str,
    date: &'a str,
    slot: &'a str,
    party_size: i64,
    #[serde(default)]
    visitors: Vec<Value>,
}

pub async fn book(State(app): State<Arc<App>>, headers: HeaderMap, body: Bytes) -> Answer {
    let now = now_ms();
    app.authorise(&headers, Role::Visitor, now)?;
    let wish: Wish<'_> = serde_json::from_slice(&body).map_err(|error| refuse(StatusCode::BAD_REQUEST, error.to_string()))?;
    let visitors = visitors(&wish.visitors).ok_or_else(|| invalid("visitors"))?;
    if !(1..=10).contains(&wish.party_size) || visitors.len() as i64 > wish.party_size {
        return Err(invalid("party_size"));
    }
    let (_, zone) = temple(&app, wish.temple_id)?;
    let date = Date::parse(wish.date).ok_or_else(|| invalid("date"))?;
    let today = Date::at(now, zone);
    if date < today || date > last_date(today) {
        return Err(invalid("date"));
    }
    let offered = store::read(&app.path, |connection| {
        connection
            .prepare_cached(BOOK_SLOT)?
            .query_row(rusqlite::params![wish.temple_id, wish.date, date.weekday(), wish.slot], |row| {
                Ok((row.get::<_, u16>(0)?, row.get::<_, u16>(1)?, row.get::<_, Option<i64>>(2)?))
            })
            .optional()
    });
    let (starts, ends, closes) = offered.map_err(failed)?.ok_or_else(|| invalid("slot"))?;
    let slot = Slot::new(starts, ends).ok_or_else(|| invalid("slot"))?;
    let (starts_at, ends_at) = slot.moments(date, zone).ok_or_else(|| invalid("slot"))?;
    may_claim(date, today, Times::new(starts_at, ends_at, closes), now, false)
        .map_err(|shut| refuse(StatusCode::CONFLICT, format!("{shut:?}")))?;
    let id = store::new_id(now);
    let code = code(store::random().to_le_bytes());
    let booking = Booking {
        id: id.clone(),
        code: code.clone(),
        temple: wish.temple_id.to_owned(),
        date: wish.date.to_owned(),
        weekday: date.weekday(),
        slot: slot.to_string(),
        starts_at,
        ends_at,
        party_size: wish.party_size,
        visitors: serde_json::to_string(&visitors).map_err(failed)?,
    };
    match app.writer.book(booking, now).await {
        Ok(()) => {}
        Err(Refused::Repeat | Refused::Unknown) => return Err(refuse(StatusCode::CONFLICT, "full")),
        Err(Refused::Failed) => return Err(failed("the database does not answer")),
    }
    let ticket = Ticket {
        key: [1; 4],
        booking: store::id_bytes(&id),
        starts_s: u32::try_from(starts_at / 1000).unwrap_or_default(),
        minutes: u16::try_from((ends_at - starts_at) / MINUTE_MS).unwrap_or_default(),
        party: wish.party_size as u8,
        number: 1,
        site: wish.temple_id.to_owned(),
    };
    let expires_s = (now / PERIOD_MS + 2) * PERIOD_MS / 1000;
    let query = app.tickets.picture_query(&id, expires_s);
    let (svg, png) = (format!("/api/bookings/{id}/qr.svg"), format!("/api/bookings/{id}/qr.png"));
    let answer = json!({
        "id": id, "booking_code": code, "user_id": "bench", "temple_id": wish.temple_id, "date": wish.date, "slot": slot.to_string(),
        "starts_at": format_rfc3339(starts_at), "ends_at": format_rfc3339(ends_at), "party_size": wish.party_size, "visitors": visitors,
        "status": "confirmed", "waitlist_position": null, "reason": null, "promoted_at": null, "checked_in_at": null, "gate": null,
        "exited_at": null, "ended_at": null, "created_at": format_rfc3339(now), "updated_at": format_rfc3339(now),
        "ticket": app.tickets.sign(&ticket), "qr_svg": svg, "qr_png": png, "qr_svg_url": format!("{svg}?{query}"),
        "qr_png_url": format!("{png}?{query}"), "qr_urls_expire_at": format_rfc3339(expires_s * 1000),
    });
    Ok((StatusCode::CREATED, axum::Json(answer)).into_response())
}

/// Names, or objects with a name and perhaps an age; each as an object.
fn visitors(sent: &[Value]) -> Option<Vec<Value>> {
    let is_name = |name: &str| (1..=100).contains(&name.chars().count()) && !name.chars().any(char::is_control);
    let one = |visitor: &Value| match visitor {
        Value::String(name) if is_name(name) => Some(json!({ "name": name })),
        Value::Object(fields) => {
            let name = fields.get("name")?.as_str().filter(|name| is_name(name))?;
            match fields.get("age") {
                None => Some(json!({ "name": name })),
                Some(age) => age.as_i64().filter(|age| (0..=150).contains(age)).map(|age| json!({ "name": name, "age": age })),
            }
        }
        _ => None,
    };
    sent.iter().map(one).collect()
}
