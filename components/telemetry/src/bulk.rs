//! POST `/api/telemetry/bulk/`: up to 5,000 readings at once, each judged alone.

use std::collections::HashMap;

use axum::Extension;
use axum::extract::FromRequestParts;
use axum::response::Response;
use domain::reading::{self, Flags, Reading};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use kit::caller::{Caller, Sender};
use kit::problem::FieldErrors;
use kit::request::{JsonBytes, Now, RequestId};
use kit::{Answer, Problem, db, outbox, params};
use serde::Serialize;

use crate::body::Refused;
use crate::{batch, quiet_json};

const NO_DEVICE: &str = "there is no such active device";

/// The answer: `accepted + duplicate + rejected` is how many readings were sent.
#[derive(Debug, Default, Serialize)]
struct Tally {
    accepted: usize,
    duplicate: usize,
    rejected: usize,
    /// By index, from 0; blank lines of NDJSON have none.
    errors: Vec<Rejection>,
}

#[derive(Debug, Serialize)]
struct Rejection {
    index: usize,
    reason: String,
    #[serde(skip_serializing_if = "FieldErrors::is_empty")]
    errors: FieldErrors,
}

impl Tally {
    fn reject(&mut self, index: usize, reason: impl Into<String>, errors: FieldErrors) {
        self.errors.push(Rejection { index, reason: reason.into(), errors });
    }

    fn refuse(&mut self, index: usize, refused: Refused) {
        match refused {
            Refused::NotJson(error) => self.reject(index, format!("not JSON: {error}"), FieldErrors::new()),
            Refused::NotObject => self.reject(index, "a reading is an object", FieldErrors::new()),
            Refused::Fields(errors) => {
                let names: Vec<_> = errors.keys().map(String::as_str).collect();
                self.reject(index, format!("invalid: {}", names.join(", ")), errors);
            }
        }
    }
}

/// Whether the request says that its body is NDJSON.
pub struct SaysNdjson(bool);

impl<S: Sync> FromRequestParts<S> for SaysNdjson {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let kind = parts.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let essence = kind.split(';').next().unwrap_or_default().trim();
        Ok(Self(["application/x-ndjson", "application/ndjson"].iter().any(|known| essence.eq_ignore_ascii_case(known))))
    }
}

/// 200 with the tally, what was accepted being durable. 400 when the body as a whole cannot be read, 413 for too many readings.
pub async fn send(
    caller: Caller<Sender>,
    Now(now): Now,
    Extension(RequestId(request_id)): Extension<RequestId>,
    SaysNdjson(ndjson): SaysNdjson,
    JsonBytes(bytes): JsonBytes,
) -> Answer<Response> {
    let mut tally = Tally::default();
    let mut readings = Vec::new();
    for (index, judged) in batch::readings(&bytes, ndjson, now)?.into_iter().enumerate() {
        match judged {
            Ok(reading) if caller.0.may_send_for(&reading.device_code) => readings.push((index, reading)),
            Ok(_) => tally.reject(index, "a device sends only its own data", FieldErrors::new()),
            Err(refused) => tally.refuse(index, refused),
        }
    }
    let said = store(&readings, now, &mut tally)?;
    if tally.accepted > 0 && said & reading::VOLTAGE_RAISE != 0 {
        outbox::wake_dispatcher(request_id);
    }
    tally.rejected = tally.errors.len();
    tally.errors.sort_unstable_by_key(|rejection| rejection.index);
    let capacity = 64 + 128 * tally.errors.len();
    quiet_json(StatusCode::OK, &tally, capacity)
}

/// Stores the readings in one statement, and tallies what became of each; the flags of all of them together.
fn store(readings: &[(usize, Reading)], now: i64, tally: &mut Tally) -> Result<Flags, Problem> {
    let ids = device_ids(readings)?;
    let mut said = 0;
    let mut sent = Vec::with_capacity(readings.len());
    let mut rows = Vec::with_capacity(readings.len() * 96 + 2);
    rows.push(b'[');
    for (index, reading) in readings {
        let Some(id) = ids.get(reading.device_code.as_str()) else {
            tally.reject(*index, NO_DEVICE, FieldErrors::new());
            continue;
        };
        if !sent.is_empty() {
            rows.push(b',');
        }
        sent.push(*index);
        let flags = reading::judge(reading);
        said |= flags;
        let row = (
            id,
            reading.at,
            reading.voltage,
            reading.current,
            reading.power_factor,
            reading.power_w(),
            reading.battery,
            reading.occupied.map(u8::from),
            flags,
        );
        serde_json::to_writer(&mut rows, &row).map_err(Problem::internal)?;
    }
    rows.push(b']');
    if sent.is_empty() {
        return Ok(said);
    }
    let rows = String::from_utf8(rows).map_err(Problem::internal)?;
    let inserted = db::run_counted(
        "insert into readings
            (device_id, at, received_at, voltage, current, power_factor, power_w, battery, occupied, flags)
         select r.value ->> 0, r.value ->> 1, ?2, r.value ->> 2, r.value ->> 3, r.value ->> 4, r.value ->> 5, r.value ->> 6,
            r.value ->> 7, r.value ->> 8
         from json_each(?1) r
         where exists (select 1 from devices where id = r.value ->> 0 and is_active = 1)
         on conflict do nothing",
        params![&rows, now],
    )?;
    tally.accepted = usize::try_from(inserted).unwrap_or(usize::MAX);
    if tally.accepted < sent.len() {
        let missing = not_stored(rows)?;
        tally.duplicate = sent.len().saturating_sub(tally.accepted).saturating_sub(missing.len());
        for position in missing {
            if let Some(index) = sent.get(position) {
                tally.reject(*index, NO_DEVICE, FieldErrors::new());
            }
        }
    }
    Ok(said)
}

/// The row ids of the active devices among the readings', by the code as it was sent.
fn device_ids(readings: &[(usize, Reading)]) -> Result<HashMap<String, i64>, Problem> {
    let mut codes: Vec<&str> = Vec::new();
    let mut last = "";
    for (_, reading) in readings {
        // Batches are mostly runs of one device's readings.
        if reading.device_code != last {
            last = &reading.device_code;
            codes.push(last);
        }
    }
    codes.sort_unstable();
    codes.dedup();
    if codes.is_empty() {
        return Ok(HashMap::new());
    }
    let codes = serde_json::to_string(&codes).map_err(Problem::internal)?;
    let rows =
        db::run("select c.value, d.id from json_each(?) c cross join devices d on d.code = c.value where d.is_active = 1", params![codes])?;
    rows.iter().map(|row| Ok((row.text(0)?.to_owned(), row.int(1)?))).collect()
}

/// The positions of those rows that are not in the table after all: a device was switched off between the two statements. They are
/// no duplicates.
fn not_stored(rows: String) -> Result<Vec<usize>, Problem> {
    let missing = db::run(
        "select r.key from json_each(?) r
         where not exists (select 1 from readings where device_id = r.value ->> 0 and at = r.value ->> 1)",
        params![rows],
    )?;
    missing.iter().map(|row| usize::try_from(row.int(0)?).map_err(Problem::internal)).collect()
}
