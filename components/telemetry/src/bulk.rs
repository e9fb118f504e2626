//! Readings in bulk.

use std::collections::HashMap;

use axum::extract::{FromRequest, Request};
use const_format::concatcp;
use domain::reading::{self, Flags, Reading};
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use kit::api::{Describe, Request as Operation};
use kit::caller::{Caller, Principal, ReadingSender, SESSION_LIVES};
use kit::db::{Database, Fetch as _};
use kit::input::{self, Input as _, Value};
use kit::request::{JsonBytes, Now, RequestId, describe_body_refusals};
use kit::row::FromRow;
use kit::tally::Tally;
use kit::{Answer, Problem, outbox, params};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{ContentBuilder, RefOr, Required};

use crate::batch;
use crate::body::{NewReading, Refused};
use crate::quiet::QuietJson;

const NO_DEVICE: &str = "there is no such active device";

/// A bulk body: an array of readings, or one a line.
pub struct Readings(Vec<batch::Parsed>);

impl<S: Send + Sync> FromRequest<S> for Readings {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let Now(now) = request.extensions().get::<Now>().copied().unwrap_or_else(|| Now(kit::host::now_ms()));
        let ndjson = says_ndjson(request.headers());
        let JsonBytes(bytes) = JsonBytes::from_request(request, state).await?;
        batch::readings(&bytes, ndjson, now).map(Self)
    }
}

fn says_ndjson(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim();
    ["application/x-ndjson", "application/ndjson"].iter().any(|known| essence.eq_ignore_ascii_case(known))
}

impl Describe for Readings {
    fn describe(request: &mut Operation<'_>) {
        let reading = input::reference::<NewReading>(request.schemas);
        let example: Option<Value> = NewReading::example().and_then(|example| serde_json::from_str(example).ok());
        let array = input::array_of(reading.clone(), 0, batch::MAX_READINGS);
        let array = ContentBuilder::new().schema(Some(array)).example(example.clone().map(|example| Value::Array(vec![example])));
        let line = example.map(|example| Value::String(format!("{example}\n")));
        let lines = ContentBuilder::new().schema(Some(ObjectBuilder::new().schema_type(Type::String))).example(line);
        let body = RequestBodyBuilder::new()
            .description(Some("An array of readings, or one a line. What is wrong with one of them is told in the answer."))
            .content("application/json", array.build())
            .content("application/x-ndjson", lines.build())
            .required(Some(Required::True));
        request.operation.request_body = Some(RefOr::T(body.build()));
        describe_body_refusals(request);
    }
}

/// Stores up to 5,000 readings, each judged by itself.
///
/// What was accepted is durable. The answer counts `accepted`, `duplicate` and `rejected`, and names each rejected index and why. More than
/// 5,000 readings are a 413, and a body of which nothing is JSON is a 400.
#[utoipa::path(post, path = "/api/telemetry/bulk")]
pub async fn create(
    caller: Caller<ReadingSender>,
    Now(now): Now,
    RequestId(request_id): RequestId,
    Readings(parsed): Readings,
) -> Answer<QuietJson<200, Tally>> {
    let mut tally = Tally::default();
    let mut readings = Vec::with_capacity(parsed.len());
    for (index, parsed) in parsed.into_iter().enumerate() {
        match parsed {
            Ok(reading) if caller.0.may_send_for(&reading.device_code) => readings.push((index, reading)),
            Ok(_) => tally.reject(index, "a device sends only its own data"),
            Err(Refused::NotJson(error)) => tally.reject(index, format!("not JSON: {error}")),
            Err(Refused::NotObject) => tally.reject(index, "a reading is an object"),
            Err(Refused::Fields(errors)) => tally.reject_fields(index, errors),
        }
    }
    let flags = insert(&readings, &caller.0, now, &mut tally)?;
    if tally.accepted > 0 && flags & reading::VOLTAGE_RAISE != 0 {
        outbox::wake_dispatcher(request_id);
    }
    Ok(QuietJson(tally))
}

/// Stores the readings in one statement, and tallies what became of each; the flags of all of them together.
fn insert(readings: &[(usize, Reading)], caller: &Principal, now: i64, tally: &mut Tally) -> Result<Flags, Problem> {
    let ids = device_ids(readings, caller)?;
    let mut all_flags = 0;
    let mut sent = Vec::with_capacity(readings.len());
    let mut rows = Vec::with_capacity(readings.len() * 96 + 2);
    rows.push(b'[');
    for (index, reading) in readings {
        let Some(id) = ids.get(reading.device_code.as_str()) else {
            tally.reject(*index, NO_DEVICE);
            continue;
        };
        if !sent.is_empty() {
            rows.push(b',');
        }
        sent.push(*index);
        let flags = reading::judge(reading);
        all_flags |= flags;
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
        return Ok(all_flags);
    }
    let rows = String::from_utf8(rows).map_err(Problem::internal)?;
    let inserted = Database.run_counted(
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
                tally.reject(*index, NO_DEVICE);
            }
        }
    }
    Ok(all_flags)
}

/// An active device among those of the readings.
#[derive(FromRow)]
struct ActiveDevice {
    sent_code: String,
    id: i64,
}

/// The row ids of the active devices among the readings', by the code as it was sent. 401 when the caller's session has ended.
fn device_ids(readings: &[(usize, Reading)], caller: &Principal) -> Result<HashMap<String, i64>, Problem> {
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
    let devices: Vec<ActiveDevice> = Database.fetch_all(
        concatcp!(
            "select c.value as sent_code, d.id from json_each(?) c cross join devices d on d.code = c.value where d.is_active = 1 and ",
            SESSION_LIVES
        ),
        params![codes, caller.session.as_deref()],
    )?;
    if devices.is_empty() {
        caller.current()?;
    }
    Ok(devices.into_iter().map(|device| (device.sent_code, device.id)).collect())
}

/// A row that is not in the table.
#[derive(FromRow)]
struct NotStored {
    position: i64,
}

/// The positions of those rows that are not in the table after all: a device was switched off between the two statements. They are
/// no duplicates.
fn not_stored(rows: String) -> Result<Vec<usize>, Problem> {
    let missing: Vec<NotStored> = Database.fetch_all(
        "select r.key as position from json_each(?) r
         where not exists (select 1 from readings where device_id = r.value ->> 0 and at = r.value ->> 1)",
        params![rows],
    )?;
    missing.into_iter().map(|row| usize::try_from(row.position).map_err(Problem::internal)).collect()
}
