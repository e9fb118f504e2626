//! GET `/api/crowd/temple/{id}/predictions`: the next hours of each zone, and how good such forecasts have been.

use axum::extract::Path;
use axum::response::IntoResponse;
use domain::crowd::Size;
use domain::forecast::{self, COVERAGE, Context, Forecast, MAX_HORIZON, Series};
use domain::time::{DAY_MS, HOUR_MS, format_rfc3339};
use kit::page::Listing;
use kit::request::{Now, Query};
use kit::{Answer, Problem, db, params};
use serde::Serialize;

use crate::calendar;
use crate::place::{Share, Temple, Zone, level_alone, nearest, people, rounded};

/// Days of history that a forecast is made of.
pub const DAYS: i64 = 42;
/// The most zones of one answer: each is work. A temple with more is asked zone by zone.
const MAX_FORECASTS: usize = 60;
/// Hours ahead, where nothing else is asked for.
const DEFAULT_HOURS: usize = 6;

#[derive(Serialize)]
struct Point {
    /// The hour that is forecast, from here to an hour later.
    timestamp: String,
    /// People expected in its mean.
    count: i64,
    /// An interval meant to hold `interval` of outcomes; null while there is too little history.
    lower: Option<i64>,
    upper: Option<i64>,
    #[serde(flatten)]
    share: Share,
    level: Option<&'static str>,
    /// What it rests on: `special_day`, `week`, `day` or `last_value`.
    basis: &'static str,
    /// People who have booked this hour, in the temple as a whole.
    booked: i64,
    /// How many of `count` are due to bookings beyond the usual; negative when fewer than usual have booked.
    by_bookings: i64,
    /// `closed` or `festival` where the day is not as its weekday.
    special_day: Option<&'static str>,
}

/// The error on held-out hours.
#[derive(Serialize)]
struct Accuracy {
    /// Forecasts that were compared with what came.
    forecasts: usize,
    /// Mean absolute error, people.
    mae: f64,
    /// That of the seasonal-naive forecast of the same hours.
    seasonal_naive_mae: f64,
    /// The part of that error which is avoided; negative when the naive forecast is better.
    skill: Option<f64>,
    /// The part of outcomes within intervals made of older errors.
    interval_coverage: Option<f64>,
}

#[derive(Serialize)]
struct ZoneForecast {
    zone: String,
    name: String,
    capacity: Option<i64>,
    /// The weakest of the hours' bases; null when the zone was never counted.
    basis: Option<&'static str>,
    predictions: Vec<Point>,
    /// Null while there is too little history to hold any out.
    accuracy: Option<Accuracy>,
}

#[derive(Serialize)]
struct Predictions {
    temple_id: String,
    generated_at: String,
    hours: usize,
    /// The part of outcomes that an interval is meant to hold.
    interval: f64,
    zones: Vec<ZoneForecast>,
}

/// Public. Filters `zone`, and `hours` (1 to 24). Of a temple with more than sixty zones the first sixty, unless one is named.
pub async fn predictions(Now(now): Now, Path(site): Path<String>, Query(query): Query) -> Answer<impl IntoResponse> {
    let listing = Listing::parse(&query, &["zone", "hours"])?;
    let hours = match listing.filter("hours").map(str::parse) {
        None => DEFAULT_HOURS,
        Some(Ok(hours)) if (1..=MAX_HORIZON).contains(&hours) => hours,
        Some(_) => return Err(Problem::invalid_field("hours", format!("must be from 1 to {MAX_HORIZON}"))),
    };
    let temple = Temple::find(&site)?;
    let zones = temple.zones(listing.filter("zone"))?;
    let room = temple.room()?;
    let mut context = calendar::context(&temple, now)?;
    let mut forecasts = Vec::with_capacity(zones.len());
    for zone in zones.iter().take(MAX_FORECASTS) {
        context.prior = prior(zone, room);
        let forecast = of_zone(&temple.slug, zone, &context, now, hours)?;
        forecasts.push(answer(zone, &forecast, &context));
    }
    Ok(axum::Json(Predictions { temple_id: temple.slug, generated_at: format_rfc3339(now), hours, interval: COVERAGE, zones: forecasts }))
}

/// How many people more in the zone one more who has booked is taken to make, until the past has shown it: the zone's part of the
/// temple's room, halved, since some would have come without a booking.
#[expect(clippy::cast_precision_loss, reason = "capacities are far below 2^52")]
fn prior(zone: &Zone, room: i64) -> f64 {
    zone.size.capacity.filter(|_| room > 0).map_or(0.0, |capacity| 0.5 * capacity as f64 / room as f64)
}

fn of_zone(site: &str, zone: &Zone, context: &Context, now: i64, hours: usize) -> Answer<Forecast> {
    let rows = db::run(
        "select start / 3600000, sum(total) * 1.0 / sum(readings) from crowd_quarters
         where site = ?1 and zone = ?2 and start >= ?3 and start <= ?4 group by start / 3600000",
        params![site, &zone.code, now - DAYS * DAY_MS, now],
    )?;
    let points = rows.iter().map(|row| Ok((row.int(0)?, row.real(1)?))).collect::<Answer<Vec<_>>>()?;
    let most = usize::try_from(DAYS * 24).unwrap_or_default();
    Ok(forecast::predict(&Series::from_points(&points, most), context, now.div_euclid(HOUR_MS), hours))
}

fn answer(zone: &Zone, forecast: &Forecast, context: &Context) -> ZoneForecast {
    let size: &Size = &zone.size;
    let point = |point: &forecast::Point| {
        let count = people(point.value);
        Point {
            timestamp: format_rfc3339(point.hour.saturating_mul(HOUR_MS)),
            count,
            lower: point.interval.map(|(lower, _)| people(lower.floor())),
            upper: point.interval.map(|(_, upper)| people(upper.ceil())),
            share: Share::of(count, size),
            level: level_alone(count, size),
            basis: point.basis.into_str(),
            booked: people(context.booked.known(point.hour, 0)),
            by_bookings: nearest(point.by_bookings),
            special_day: context.special(point.hour).map(calendar::name),
        }
    };
    ZoneForecast {
        zone: zone.code.clone(),
        name: zone.name.clone(),
        capacity: size.capacity,
        basis: forecast.basis.map(|basis| basis.into_str()),
        predictions: forecast.points.iter().map(point).collect(),
        accuracy: forecast.accuracy.map(|accuracy| Accuracy {
            forecasts: accuracy.forecasts,
            mae: rounded(accuracy.mae, 2),
            seasonal_naive_mae: rounded(accuracy.naive_mae, 2),
            skill: accuracy.skill().map(|skill| rounded(skill, 3)),
            interval_coverage: accuracy.coverage.map(|coverage| rounded(coverage, 3)),
        }),
    }
}
