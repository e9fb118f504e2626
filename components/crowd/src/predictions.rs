//! The next hours of each zone, and how good such forecasts have been.

use axum::Json;
use axum::extract::Path;
use domain::crowd::Size;
use domain::forecast::{self, Basis, COVERAGE, Context, Forecast, MAX_HORIZON, Series, Special};
use domain::time::{DAY_MS, HOUR_MS};
use kit::db::{Database, Fetch as _};
use kit::input::{Code, Input, Int, Timestamp};
use kit::request::{Now, Query};
use kit::row::FromRow;
use kit::{Answer, params};
use serde::Serialize;
use utoipa::ToSchema;

use crate::calendar;
use crate::figures::{CrowdFigure, nearest, people, rounded};
use crate::temple::{Temple, Zone};

/// Days of history that a forecast is made of: each is 96 quarters to sum up, for each zone. With a year the error is a
/// twentieth smaller.
const HISTORY_DAYS: i64 = 84;
/// How far ahead of now special days and bookings are looked at.
const AHEAD_MS: i64 = 2 * DAY_MS;
/// The most zones of one answer: each is work. A temple with more is asked zone by zone.
const MAX_FORECASTS: usize = 60;
/// Hours ahead, where nothing else is asked for.
const DEFAULT_HOURS: i64 = 6;
/// The most hours ahead.
const MAX_HOURS: i64 = MAX_HORIZON as i64;

/// Which forecasts.
#[derive(Input)]
pub struct PredictionFilters {
    /// The code of one of the temple's zones, in any case.
    zone: Option<Code>,
    /// How many hours ahead; 6 unless it says otherwise.
    hours: Option<Int<1, MAX_HOURS>>,
}

/// What the next hours bring to a temple.
#[derive(Serialize, ToSchema)]
pub struct CrowdPredictions {
    /// The temple's slug.
    temple_id: String,
    /// When this was worked out.
    generated_at: Timestamp,
    /// How many hours ahead it reaches.
    hours: i64,
    /// The part of outcomes that an interval is meant to hold.
    interval: f64,
    /// Its zones.
    zones: Vec<ZoneForecast>,
}

/// What the next hours bring to a zone.
#[derive(Serialize, ToSchema)]
struct ZoneForecast {
    /// The zone's code.
    zone: String,
    /// The zone's name.
    name: String,
    /// How many people it holds; null when nobody has said.
    capacity: Option<i64>,
    /// The weakest of the hours' bases; null when the zone was never counted.
    basis: Option<Basis>,
    /// The hours ahead, the next first.
    predictions: Vec<ForecastHour>,
    /// Null while there is too little history to hold any out.
    accuracy: Option<ForecastAccuracy>,
}

/// An hour ahead.
#[derive(Serialize, ToSchema)]
struct ForecastHour {
    /// The hour that is forecast, from here to an hour later.
    timestamp: Timestamp,
    /// People expected in its mean.
    count: i64,
    /// An interval meant to hold `interval` of outcomes; null while there is too little history.
    lower: Option<i64>,
    /// The upper end of what is likely, people; null when nothing can be said.
    upper: Option<i64>,
    #[serde(flatten)]
    figure: CrowdFigure,
    /// What it rests on.
    basis: Basis,
    /// People who have booked this hour, in the temple as a whole.
    booked: i64,
    /// How many of `count` are usual in this hour of the week.
    usual: i64,
    /// How many are due to the day's being a festival, a closure or a holiday; negative when it takes some away, as are those below.
    by_calendar: i64,
    /// How many are due to the last hours' departure from the usual.
    by_last_hours: i64,
    /// How many are due to the last days' departure from the usual.
    by_last_days: i64,
    /// How many are due to bookings beyond the usual.
    by_bookings: i64,
    /// Null where the day is as its weekday.
    special_day: Option<Special>,
}

/// The error on held-out hours.
#[derive(Serialize, ToSchema)]
struct ForecastAccuracy {
    /// Forecasts that were compared with what came.
    forecasts: usize,
    /// Mean absolute error, people.
    mae: f64,
    /// That of the seasonal-naive forecast of the same hours.
    seasonal_naive_mae: f64,
    /// The one over the other: the mean absolute scaled error; null when the naive forecast never erred.
    mase: Option<f64>,
    /// The part of that error which is avoided; negative when the naive forecast is better.
    skill: Option<f64>,
    /// The part of outcomes within intervals made of older errors.
    interval_coverage: Option<f64>,
}

/// Forecasts the next hours of each zone.
///
/// Of a temple with more than sixty zones, the first sixty, unless one is named.
#[utoipa::path(get, path = "/api/crowd/temple/{id}/predictions")]
pub async fn predictions(
    Now(now): Now,
    Path(site): Path<String>,
    Query(filters): Query<PredictionFilters>,
) -> Answer<Json<CrowdPredictions>> {
    let hours = filters.hours.map_or(DEFAULT_HOURS, |hours| *hours);
    let temple = Temple::find(&site)?;
    let zones = temple.zones(filters.zone.as_ref())?;
    let capacity = temple.capacity()?;
    let history_from = now - HISTORY_DAYS * DAY_MS;
    let mut context = calendar::context(&temple, history_from, now + AHEAD_MS)?;
    let mut forecasts = Vec::with_capacity(zones.len());
    for zone in zones.into_iter().take(MAX_FORECASTS) {
        context.prior = booking_prior(&zone, capacity);
        let series = series(&temple.slug, &zone.code, history_from, now)?;
        let horizon = usize::try_from(hours).unwrap_or(MAX_HORIZON);
        let forecast = forecast::predict(&series, &context, now.div_euclid(HOUR_MS), horizon);
        forecasts.push(ZoneForecast::new(zone, &forecast, &context));
    }
    Ok(Json(CrowdPredictions { temple_id: temple.slug, generated_at: Timestamp(now), hours, interval: COVERAGE, zones: forecasts }))
}

/// How many people more in the zone one more who has booked is taken to make, until the past has shown it: the zone's part of the
/// temple's capacity, halved, since some would have come without a booking.
#[expect(clippy::cast_precision_loss, reason = "capacities are far below 2^52")]
fn booking_prior(zone: &Zone, all: i64) -> f64 {
    zone.size.capacity.filter(|_| all > 0).map_or(0.0, |capacity| 0.5 * capacity as f64 / all as f64)
}

#[derive(FromRow)]
struct HourRow {
    hour: i64,
    mean: f64,
}

/// The zone's hourly means.
fn series(site: &str, zone: &str, from: i64, to: i64) -> Answer<Series> {
    let hours: Vec<HourRow> = Database.fetch_all(
        "select start / 3600000 as hour, sum(total) * 1.0 / sum(readings) as mean from crowd_quarters
         where site = ?1 and zone = ?2 and start >= ?3 and start <= ?4 group by start / 3600000",
        params![site, zone, from, to],
    )?;
    let points: Vec<_> = hours.into_iter().map(|row| (row.hour, row.mean)).collect();
    Ok(Series::from_points(&points, usize::try_from(HISTORY_DAYS * 24).unwrap_or_default()))
}

impl ZoneForecast {
    fn new(zone: Zone, forecast: &Forecast, context: &Context) -> Self {
        Self {
            predictions: forecast.points.iter().map(|point| ForecastHour::new(point, &zone.size, context)).collect(),
            zone: zone.code,
            name: zone.name,
            capacity: zone.size.capacity,
            basis: forecast.basis,
            accuracy: forecast.accuracy.as_ref().map(ForecastAccuracy::new),
        }
    }
}

impl ForecastHour {
    fn new(point: &forecast::Point, size: &Size, context: &Context) -> Self {
        let count = people(point.value);
        Self {
            timestamp: Timestamp(point.hour.saturating_mul(HOUR_MS)),
            count,
            lower: point.interval.map(|(lower, _)| people(lower.floor())),
            upper: point.interval.map(|(_, upper)| people(upper.ceil())),
            figure: CrowdFigure::new(count, size),
            basis: point.basis,
            booked: people(context.booked.known(point.hour, 0)),
            usual: people(point.parts.usual),
            by_calendar: nearest(point.parts.by_calendar),
            by_last_hours: nearest(point.parts.by_last_hours),
            by_last_days: nearest(point.parts.by_last_days),
            by_bookings: nearest(point.parts.by_bookings),
            special_day: context.special(point.hour),
        }
    }
}

impl ForecastAccuracy {
    fn new(accuracy: &forecast::Accuracy) -> Self {
        Self {
            forecasts: accuracy.forecasts,
            mae: rounded(accuracy.mae, 2),
            seasonal_naive_mae: rounded(accuracy.naive_mae, 2),
            mase: accuracy.mase().map(|mase| rounded(mase, 3)),
            skill: accuracy.skill().map(|skill| rounded(skill, 3)),
            interval_coverage: accuracy.coverage.map(|coverage| rounded(coverage, 3)),
        }
    }
}
