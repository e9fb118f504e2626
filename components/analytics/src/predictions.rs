//! How many spots are likely to be free in the next hours, and how good such forecasts have been.

use std::collections::BTreeMap;

use const_format::concatcp;
use domain::analytics::{FreeSpots, Reserved, percent, rounded};
use domain::forecast::{self, Basis, COVERAGE, Context, Forecast, MAX_HORIZON, Series, Special};
use domain::time::{DAY_MS, HOUR_MS};
use kit::caller::{Caller, Operator};
use kit::db::{Database, Fetch as _};
use kit::input::{Code, Input, Int, Slug, Timestamp};
use kit::request::{Now, Query};
use kit::row::FromRow;
use kit::table::{Format, Table, Tabular};
use kit::{Answer, params, table_row};
use serde::Serialize;
use utoipa::ToSchema;

use crate::calendar;
use crate::present;
use crate::reserved::{Claims, SiteReservations};
use crate::scope::{Scope, Site};
use crate::sums::{By, kinds_json};

/// Days of history that a forecast is made of: with a year the error is a twentieth smaller.
const HISTORY_DAYS: i64 = 84;
/// How far ahead of now special days are looked at.
const AHEAD_MS: i64 = 2 * DAY_MS;
/// The most forecasts of one answer: each is work. Who has more asks for one site, or one zone.
const MAX_FORECASTS: usize = 60;
/// The most hours ahead.
const MAX_HOURS: i64 = MAX_HORIZON as i64;

/// Which forecasts.
#[derive(Clone, Input)]
#[input(check)]
pub struct PredictionFilters {
    /// A site's slug; all sites unless it says otherwise.
    #[input(alias("temple_id"))]
    pub site: Option<Slug>,
    /// The code of one of the site's zones, in any case.
    #[input(alias("zone_code"))]
    pub zone: Option<Code>,
    /// How many hours ahead; 24 unless it says otherwise.
    pub hours: Option<Int<1, MAX_HOURS>>,
}

impl PredictionFilters {
    fn check(&self, at: &mut kit::input::At<'_>) {
        at.check_field(self.zone.is_none() || self.site.is_some(), "zone", "needs a site");
    }
}

/// How many spots are likely to be free.
#[derive(Serialize, ToSchema)]
pub struct Predictions {
    /// When this was worked out.
    pub generated_at: Timestamp,
    /// How many hours ahead it reaches.
    pub hours: i64,
    /// The part of outcomes that an interval is meant to hold.
    pub interval: f64,
    /// What each forecast rests on, and how good such forecasts have been.
    pub forecasts: Vec<FreeSpotsForecast>,
    /// The hours ahead of each forecast. One of which nothing is known has none.
    pub items: Vec<FreeSpotsHour>,
}

/// What a forecast rests on, and how good such forecasts have been on held-out hours.
#[derive(Debug, Serialize, ToSchema)]
pub struct FreeSpotsForecast {
    /// The site's slug.
    pub site: String,
    /// The zone's code; null for the site as a whole.
    pub zone: Option<String>,
    /// Spots in service.
    pub spots: i64,
    /// The weakest of the hours' bases; null when nothing is known.
    pub basis: Option<Basis>,
    /// Forecasts that were compared with what came; null while there is too little history to hold any out, as are those below.
    pub compared: Option<i64>,
    /// Mean absolute error, spots.
    pub mae: Option<f64>,
    /// That of the seasonal-naive forecast of the same hours.
    pub seasonal_naive_mae: Option<f64>,
    /// The one over the other: the mean absolute scaled error; null also when the naive forecast never erred.
    pub mase: Option<f64>,
    /// The part of outcomes within intervals made of older errors.
    pub interval_coverage: Option<f64>,
}

/// An hour ahead.
#[derive(Debug, Serialize, ToSchema)]
pub struct FreeSpotsHour {
    /// The site's slug.
    pub site: String,
    /// The zone's code; null for the site as a whole.
    pub zone: Option<String>,
    /// The hour that is forecast, from here to an hour later.
    pub timestamp: Timestamp,
    /// Spots expected to be free in its mean.
    pub free: i64,
    /// An interval meant to hold `interval` of outcomes; null while there is too little history.
    pub lower: Option<i64>,
    /// The upper end of it.
    pub upper: Option<i64>,
    /// Spots in service.
    pub spots: i64,
    /// Spots expected to be taken or reserved of those in service, per cent.
    pub predicted_occupancy: Option<f64>,
    /// Spots that are reserved in its mean, as far as is known now; unpaid holds among them.
    pub reserved: f64,
    /// Those of the same hour in the mean of the four weeks before, which the history knows of; null where nothing is reserved, or no such week is
    /// known.
    pub usual_reserved: Option<f64>,
    /// By how many fewer are free than history alone expects: spots that are reserved beyond the usual, and all that are reserved where it
    /// expects fewer cars than that.
    pub by_reservations: i64,
    /// What it rests on.
    pub basis: Basis,
    /// Null where the day is as its weekday.
    pub special_day: Option<Special>,
}

table_row!(FreeSpotsHour {
    site,
    zone,
    timestamp,
    free,
    lower,
    upper,
    spots,
    predicted_occupancy,
    reserved,
    usual_reserved,
    by_reservations,
    basis,
    special_day
});

impl Tabular for Predictions {
    type Row = FreeSpotsHour;
    const NAME: &'static str = "predictions";

    fn into_rows(self) -> Vec<FreeSpotsHour> {
        self.items
    }
}

/// Forecasts how many spots are free in the next hours, of each site and zone.
///
/// With an interval, and the error measured on held-out days against the seasonal-naive forecast; that is the error of what history expects. What
/// is reserved for an hour beyond the usual is not free in it. Of more than sixty sites and zones, the first sixty. CSV and NDJSON have the hours.
#[utoipa::path(get, path = "/api/analytics/predictions")]
pub async fn predictions(
    _: Caller<Operator>,
    Now(now): Now,
    format: Format,
    Query(filters): Query<PredictionFilters>,
) -> Answer<Table<Predictions>> {
    Table::of(format, figures(&filters, now)?)
}

/// The forecasts of sites and zones.
pub(crate) fn figures(filters: &PredictionFilters, now: i64) -> Answer<Predictions> {
    let scope = Scope { site: filters.site.clone(), zone: filters.zone.clone(), from: None, to: None };
    let hours = filters.hours.map_or(MAX_HOURS, |hours| *hours);
    let mut answer = Predictions { generated_at: Timestamp(now), hours, interval: COVERAGE, forecasts: Vec::new(), items: Vec::new() };
    // One zone that was asked for is not the site.
    let has_whole = filters.zone.is_none();
    let claims = Claims::read(filters.site.as_deref(), now, hours)?;
    for site in scope.sites()? {
        let room = MAX_FORECASTS.saturating_sub(answer.forecasts.len());
        if room == 0 {
            break;
        }
        let zones = present::spots(&site.slug, &scope, None, By::Zone, now)?;
        let zones: Vec<_> = zones.into_iter().filter_map(|zone| Some((zone.zone.clone()?, zone.in_service()))).collect();
        if zones.is_empty() {
            continue;
        }
        let from = now - HISTORY_DAYS * DAY_MS;
        let context = calendar::context(&site, from, now + AHEAD_MS)?;
        let reservations = claims.of_site(&site.slug)?;
        let all: i64 = zones.iter().map(|(_, spots)| spots).sum();
        let mut whole = Known::default();
        let mut of_zones = Vec::with_capacity(zones.len());
        // The site as a whole is all of its zones, those among them that have no forecast of their own.
        for (zone, spots) in zones {
            let known = Known::read(&site, &zone, from, now)?;
            whole.add(&known);
            if of_zones.len() + usize::from(has_whole) < room {
                of_zones.push((Some(zone), spots, known));
            }
        }
        let whole = has_whole.then_some((None, all, whole));
        for (zone, spots, known) in whole.into_iter().chain(of_zones) {
            answer.add(&site, zone, spots, &known, &reservations, &context);
        }
    }
    Ok(answer)
}

/// What is known of hours: how long spots were occupied, and how long it was known of them, both milliseconds.
#[derive(Default)]
struct Known(BTreeMap<i64, (f64, f64)>);

#[derive(FromRow)]
struct Hour {
    hour: i64,
    occupied_ms: f64,
    known_ms: f64,
}

const HOURS: &str = concatcp!(
    "select q.start / ",
    HOUR_MS,
    " as hour, sum(q.occupied_ms) as occupied_ms, sum(q.known_ms) as known_ms from json_each(?1) k cross join occupancy_quarters q
     where q.site = ?2 and q.zone = ?3 and q.kind = k.value and q.start >= ?4 and q.start < ?5 group by 1"
);

impl Known {
    fn read(site: &Site, zone: &str, from: i64, to: i64) -> Answer<Self> {
        let hours: Vec<Hour> = Database.fetch_all(HOURS, params![kinds_json(None)?, &site.slug, zone, from, to])?;
        Ok(Self(hours.into_iter().map(|hour| (hour.hour, (hour.occupied_ms, hour.known_ms))).collect()))
    }

    fn add(&mut self, other: &Self) {
        for (hour, (occupied, known)) in &other.0 {
            let sum = self.0.entry(*hour).or_default();
            *sum = (sum.0 + occupied, sum.1 + known);
        }
    }

    /// The occupied of so many spots: those whose state was not known are taken to be as the others.
    #[expect(clippy::cast_precision_loss, reason = "a count of spots")]
    fn series(&self, spots: i64) -> Series {
        let points = self.0.iter().filter(|(_, (_, known))| *known > 0.0);
        let points: Vec<_> = points.map(|(hour, (occupied, known))| (*hour, occupied / known * spots as f64)).collect();
        Series::from_points(&points, usize::try_from(HISTORY_DAYS * 24).unwrap_or_default())
    }
}

impl Predictions {
    fn add(&mut self, site: &Site, zone: Option<String>, spots: i64, known: &Known, reservations: &SiteReservations, context: &Context) {
        let now_hour = self.generated_at.0.div_euclid(HOUR_MS);
        let horizon = usize::try_from(self.hours).unwrap_or(MAX_HORIZON);
        let forecast = forecast::predict(&known.series(spots), context, now_hour, horizon);
        for point in &forecast.points {
            let reserved = reservations.at(zone.as_deref(), point.hour, |hour| known.0.contains_key(&hour));
            self.items.push(FreeSpotsHour::new(site, zone.clone(), spots, point, reserved, context));
        }
        self.forecasts.push(FreeSpotsForecast::new(site, zone, spots, &forecast));
    }
}

impl FreeSpotsForecast {
    fn new(site: &Site, zone: Option<String>, spots: i64, forecast: &Forecast) -> Self {
        let accuracy = forecast.accuracy.as_ref();
        Self {
            site: site.slug.clone(),
            zone,
            spots,
            basis: forecast.basis,
            compared: accuracy.map(|accuracy| i64::try_from(accuracy.forecasts).unwrap_or(i64::MAX)),
            mae: accuracy.map(|accuracy| rounded(accuracy.mae, 2)),
            seasonal_naive_mae: accuracy.map(|accuracy| rounded(accuracy.naive_mae, 2)),
            mase: accuracy.and_then(forecast::Accuracy::mase).map(|mase| rounded(mase, 3)),
            interval_coverage: accuracy.and_then(|accuracy| accuracy.coverage).map(|coverage| rounded(coverage, 3)),
        }
    }
}

impl FreeSpotsHour {
    #[expect(clippy::cast_precision_loss, reason = "a count of spots")]
    fn new(site: &Site, zone: Option<String>, spots: i64, point: &forecast::Point, reserved: Reserved, context: &Context) -> Self {
        let taken = |occupied| reserved.taken(spots, occupied);
        let by_history = FreeSpots::new(spots, point.value, None).free;
        let FreeSpots { free, interval } =
            FreeSpots::new(spots, taken(point.value), point.interval.map(|(low, high)| (taken(low), taken(high))));
        Self {
            site: site.slug.clone(),
            zone,
            timestamp: Timestamp(point.hour.saturating_mul(HOUR_MS)),
            free,
            lower: interval.map(|(lower, _)| lower),
            upper: interval.map(|(_, upper)| upper),
            spots,
            predicted_occupancy: percent((spots - free) as f64, spots as f64),
            reserved: rounded(reserved.known, 2),
            usual_reserved: reserved.usual.map(|usual| rounded(usual, 2)),
            by_reservations: by_history - free,
            basis: point.basis,
            special_day: context.special(point.hour),
        }
    }
}
