//! The five routes.

#![expect(clippy::result_large_err, reason = "an answer is what a handler refuses with")]

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::extract::{Query, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::serve::ListenerExt as _;
use bytes::Bytes;
use domain::reading::{RawReading, Reading, check, electrical_state, judge};
use domain::time::{format_rfc3339, parse_rfc3339};
use serde::{Deserialize, Serialize};
use serde_json::json;
use serde_json::value::RawValue;

use crate::store::{self, Refused, Reservation, Writer};
use crate::token::{Keys, Role};

/// A heartbeat this old makes a device healthy still, and one this old not yet offline: milliseconds.
const HEALTHY_MS: i64 = 120_000;
const OFFLINE_MS: i64 = 600_000;

struct App {
    path: String,
    writer: Writer,
    keys: Keys,
}

#[derive(Deserialize)]
struct Incoming<'a> {
    #[serde(borrow)]
    device_code: Option<Cow<'a, str>>,
    voltage: Option<f64>,
    current: Option<f64>,
    power_factor: Option<f64>,
    occupied: Option<bool>,
    battery: Option<f64>,
    #[serde(borrow)]
    timestamp: Option<Cow<'a, str>>,
}

#[derive(Serialize)]
struct Stored<'a> {
    device_code: &'a str,
    timestamp: String,
    voltage: f64,
    current: f64,
    power_factor: f64,
    power_w: f64,
    occupied: Option<bool>,
    battery: Option<f64>,
    received_at: String,
    electrical_state: &'static str,
}

pub async fn serve(listen: &str, path: &str, keys: Keys) -> anyhow::Result<()> {
    let app = Arc::new(App { path: path.to_owned(), writer: Writer::start(path)?, keys });
    let router = Router::new()
        .route("/health", get(async || "ok"))
        .route("/api/telemetry/", post(single))
        .route("/api/telemetry/bulk/", post(bulk))
        .route("/api/dashboard/overview/", get(overview))
        .route("/api/spots/available", get(available))
        .route("/api/reservations", post(reserve))
        .with_state(app);
    let listener = tokio::net::TcpListener::bind(listen).await?.tap_io(|socket| {
        let _ = socket.set_nodelay(true);
    });
    axum::serve(listener, router).await?;
    Ok(())
}

fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as i64
}

fn refuse(status: StatusCode, detail: impl Serialize) -> Response {
    (status, axum::Json(json!({"detail": detail}))).into_response()
}

fn authorised(app: &App, headers: &HeaderMap, wanted: Role, now: i64) -> Result<(), Response> {
    match app.keys.role(headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()), now) {
        Some(role) if role >= wanted => Ok(()),
        Some(_) => Err(refuse(StatusCode::FORBIDDEN, "your role does not allow this")),
        None => Err(refuse(StatusCode::UNAUTHORIZED, "sign in first")),
    }
}

fn judged(bytes: &[u8], now: i64) -> Result<Reading, Response> {
    let incoming: Incoming<'_> = serde_json::from_slice(bytes).map_err(|error| refuse(StatusCode::BAD_REQUEST, error.to_string()))?;
    let raw = RawReading {
        device_code: incoming.device_code.as_deref(),
        voltage: incoming.voltage,
        current: incoming.current,
        power_factor: incoming.power_factor,
        occupied: incoming.occupied,
        battery: incoming.battery,
        timestamp: incoming.timestamp.as_deref(),
    };
    check(&raw, now).map_err(|errors| refuse(StatusCode::UNPROCESSABLE_ENTITY, errors))
}

async fn single(State(app): State<Arc<App>>, headers: HeaderMap, body: Bytes) -> Result<Response, Response> {
    let now = now_ms();
    authorised(&app, &headers, Role::Operator, now)?;
    let reading = judged(&body, now)?;
    let stored = Stored {
        device_code: &reading.device_code,
        timestamp: format_rfc3339(reading.at),
        voltage: reading.voltage,
        current: reading.current,
        power_factor: reading.power_factor,
        power_w: reading.power_w(),
        occupied: reading.occupied,
        battery: reading.battery,
        received_at: format_rfc3339(now),
        electrical_state: electrical_state(judge(&reading)).into_str(),
    };
    let answer = serde_json::to_vec(&stored).map_err(|error| refuse(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?;
    match app.writer.single(reading, now).await {
        Ok(()) => Ok((StatusCode::CREATED, [(CONTENT_TYPE, "application/json")], answer).into_response()),
        Err(Refused::Unknown) => Err(refuse(StatusCode::NOT_FOUND, "no such active device")),
        Err(Refused::Repeat) => Err(refuse(StatusCode::CONFLICT, "stored already")),
        Err(Refused::Failed) => Err(refuse(StatusCode::SERVICE_UNAVAILABLE, "the database does not answer")),
    }
}

async fn bulk(State(app): State<Arc<App>>, headers: HeaderMap, body: Bytes) -> Result<Response, Response> {
    let now = now_ms();
    authorised(&app, &headers, Role::Operator, now)?;
    let raw: Vec<&RawValue> = serde_json::from_slice(&body).map_err(|error| refuse(StatusCode::BAD_REQUEST, error.to_string()))?;
    let readings: Vec<Reading> = raw.iter().filter_map(|raw| judged(raw.get().as_bytes(), now).ok()).collect();
    let (sent, good) = (raw.len(), readings.len());
    match app.writer.bulk(readings, now).await {
        Ok(accepted) => {
            Ok(axum::Json(json!({"accepted": accepted, "duplicate": good - accepted, "rejected": sent - good})).into_response())
        }
        Err(_) => Err(refuse(StatusCode::SERVICE_UNAVAILABLE, "the database does not answer")),
    }
}

/// The statement of the product's overview (components/parking).
const OVERVIEW: &str = "
    select p.total, p.occupied, p.reserved, p.out_of_service, p.by_zone, v.healthy, v.warning, v.offline, v.unknown
    from (
        select coalesce(sum(n.total), 0) as total, coalesce(sum(n.occupied), 0) as occupied,
            coalesce(sum(n.reserved), 0) as reserved, coalesce(sum(n.out_of_service), 0) as out_of_service,
            json_group_array(json_object('site', n.site, 'zone', n.zone, 'name', z.name, 'total', n.total,
                'free', n.total - n.occupied - n.reserved - n.out_of_service, 'occupied', n.occupied,
                'reserved', n.reserved, 'out_of_service', n.out_of_service) order by n.site, z.position, n.zone) as by_zone
        from (
            select s.site, s.zone, count(*) as total, sum(s.status = 'out_of_service') as out_of_service,
                sum(s.status <> 'out_of_service' and t.occupied is 1) as occupied,
                sum(s.status = 'reserved' and t.occupied is not 1) as reserved
            from spots s
                left join devices d on d.spot_id = s.spot_id and d.is_active = 1
                left join device_state t on t.device_id = d.id
            group by s.site, s.zone
        ) n join zones z on z.site = n.site and z.code = n.zone
    ) p,
    (
        select coalesce(sum(t.last_seen_at >= ?1), 0) as healthy,
            coalesce(sum(t.last_seen_at < ?1 and t.last_seen_at >= ?2), 0) as warning,
            coalesce(sum(t.last_seen_at < ?2), 0) as offline, coalesce(sum(t.last_seen_at is null), 0) as unknown
        from devices d join device_state t on t.device_id = d.id where d.is_active = 1
    ) v";

#[derive(Serialize)]
struct Devices {
    healthy: i64,
    warning: i64,
    offline: i64,
    unknown: i64,
}

#[derive(Serialize)]
struct Overview {
    total: i64,
    free: i64,
    occupied: i64,
    reserved: i64,
    out_of_service: i64,
    by_zone: Box<RawValue>,
    devices: Devices,
    as_of: String,
}

async fn overview(State(app): State<Arc<App>>, headers: HeaderMap) -> Result<Response, Response> {
    let now = now_ms();
    authorised(&app, &headers, Role::Visitor, now)?;
    let overview = store::read(&app.path, |connection| {
        connection.prepare_cached(OVERVIEW)?.query_row([now - HEALTHY_MS, now - OFFLINE_MS], |row| {
            let (total, occupied, reserved, out_of_service): (i64, i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
            let by_zone = RawValue::from_string(row.get(4)?).map_err(|_| rusqlite::Error::InvalidQuery)?;
            Ok(Overview {
                total,
                free: total - occupied - reserved - out_of_service,
                occupied,
                reserved,
                out_of_service,
                by_zone,
                devices: Devices { healthy: row.get(5)?, warning: row.get(6)?, offline: row.get(7)?, unknown: row.get(8)? },
                as_of: format_rfc3339(now),
            })
        })
    });
    match overview {
        Ok(overview) => Ok(axum::Json(overview).into_response()),
        Err(error) => Err(refuse(StatusCode::SERVICE_UNAVAILABLE, error.to_string())),
    }
}

#[derive(Deserialize)]
struct Wish<'a> {
    spot_id: &'a str,
    start: &'a str,
    end: &'a str,
    vehicle_plate: &'a str,
}

/// What the fixture's site charges, from its own row.
fn priced(app: &App, site: &str, start: i64, end: i64) -> rusqlite::Result<i64> {
    store::read(&app.path, |connection| {
        let terms: (String, String) = connection
            .prepare_cached("select tariff, time_zone from sites where slug = ?")?
            .query_row([site], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let tariff: domain::tariff::Tariff = serde_json::from_str(&terms.0).map_err(|_| rusqlite::Error::InvalidQuery)?;
        let zone = domain::booking_slot::Zone::parse(&terms.1).ok_or(rusqlite::Error::InvalidQuery)?;
        Ok(tariff.rates("standard").price(zone, start, end))
    })
}

async fn reserve(State(app): State<Arc<App>>, headers: HeaderMap, body: Bytes) -> Result<Response, Response> {
    let now = now_ms();
    authorised(&app, &headers, Role::Visitor, now)?;
    let wish: Wish<'_> = serde_json::from_slice(&body).map_err(|error| refuse(StatusCode::BAD_REQUEST, error.to_string()))?;
    let invalid = |field: &str| refuse(StatusCode::UNPROCESSABLE_ENTITY, field);
    let (Some(start), Some(end)) = (parse_rfc3339(wish.start), parse_rfc3339(wish.end)) else { return Err(invalid("start")) };
    let plate = domain::reservation::plate(wish.vehicle_plate).ok_or_else(|| invalid("vehicle_plate"))?;
    if start < now || end - start < domain::reservation::MIN_STAY_MS || end - start > domain::reservation::MAX_STAY_MS {
        return Err(invalid("end"));
    }
    let failed = |error: String| refuse(StatusCode::SERVICE_UNAVAILABLE, error);
    let price = priced(&app, "bench", start, end).map_err(|error| failed(error.to_string()))?;
    let id = format!("{:012x}-{:016x}", now, fastrand());
    let answer = json!({
        "id": id, "spot_id": wish.spot_id, "site": "bench", "start": format_rfc3339(start), "end": format_rfc3339(end),
        "vehicle_plate": plate, "status": "pending_payment", "price": price, "currency": "INR",
        "hold_expires_at": format_rfc3339(now + domain::reservation::HOLD_MS), "created_at": format_rfc3339(now),
    });
    let reservation = Reservation { id, spot_id: wish.spot_id.to_owned(), start, end, plate, price };
    match app.writer.reserve(reservation, now).await {
        Ok(()) => Ok((StatusCode::CREATED, axum::Json(answer)).into_response()),
        Err(Refused::Repeat | Refused::Unknown) => Err(refuse(StatusCode::CONFLICT, "taken")),
        Err(Refused::Failed) => Err(failed("the database does not answer".to_owned())),
    }
}

/// Sixty-four bits that do not repeat: enough for an id here.
fn fastrand() -> u64 {
    use std::hash::{BuildHasher as _, Hasher as _, RandomState};

    RandomState::new().build_hasher().finish()
}

#[derive(Deserialize)]
struct Period {
    from: String,
    to: String,
    site: String,
    limit: u32,
}

#[derive(Serialize)]
struct Offer {
    spot_id: String,
    site: String,
    zone: String,
    kind: String,
    from: String,
    to: String,
    price: i64,
    currency: &'static str,
}

async fn available(State(app): State<Arc<App>>, Query(period): Query<Period>) -> Result<Response, Response> {
    let now = now_ms();
    let (Some(from), Some(to)) = (parse_rfc3339(&period.from), parse_rfc3339(&period.to)) else {
        return Err(refuse(StatusCode::UNPROCESSABLE_ENTITY, "from"));
    };
    let failed = |error: rusqlite::Error| refuse(StatusCode::SERVICE_UNAVAILABLE, error.to_string());
    let price = priced(&app, &period.site, from, to).map_err(failed)?;
    let offers = store::read(&app.path, |connection| {
        let mut statement = connection.prepare_cached(store::AVAILABLE)?;
        let rows = statement.query_map(rusqlite::params![from, to, now, period.site, period.limit], |row| {
            Ok(Offer {
                spot_id: row.get(0)?,
                site: period.site.clone(),
                zone: row.get(1)?,
                kind: row.get(2)?,
                from: period.from.clone(),
                to: period.to.clone(),
                price,
                currency: "INR",
            })
        })?;
        rows.collect::<rusqlite::Result<Vec<_>>>()
    });
    Ok(axum::Json(json!({"items": offers.map_err(failed)?, "next_cursor": null})).into_response())
}
