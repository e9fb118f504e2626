//! How well devices worked: how long they were silent, and their batteries.

use const_format::concatcp;
use domain::analytics::{QUARTER_MS, Span, percent, rounded};
use domain::health::{Health, OFFLINE_MS};
use domain::time::DAY_MS;
use kit::caller::{Caller, Operator};
use kit::db::{Database, Fetch as _};
use kit::input::{Input, Timestamp};
use kit::request::{Now, Query};
use kit::row::FromRow;
use kit::select::Select;
use kit::table::{Format, Table, Tabular};
use kit::{Answer, Problem, params, table_row};
use serde::Serialize;
use utoipa::ToSchema;

use crate::scope::{Days, Ranged, Scope, SiteRange};

/// How many devices are looked at, at a time.
const PAGE: i64 = 20;
/// The most days of all devices of a JSON document together: each device's readings are gone through.
const MAX_DEVICE_DAYS: i64 = 1_000;

/// Of which devices.
#[derive(Clone, Input)]
pub struct DeviceFilters {
    #[input(flatten)]
    pub scope: Scope,
}

/// How well devices worked.
#[derive(Serialize, ToSchema)]
#[schema(as = DeviceAnalysis)]
pub struct Devices {
    /// When this was worked out.
    pub generated_at: Timestamp,
    /// The range of each site.
    pub ranges: Vec<SiteRange>,
    /// The devices in use, site by site in the order of their codes.
    pub items: Vec<DeviceFigure>,
}

/// How well a device worked.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DeviceUptime)]
pub struct DeviceFigure {
    /// The device's code.
    pub device_code: String,
    /// The site's slug.
    pub site: String,
    /// The zone's code.
    pub zone: String,
    /// What it is now, by the age of the last heartbeat.
    pub health: Health,
    /// When the server last received something from it; null when it never did.
    pub last_seen_at: Option<Timestamp>,
    /// The part of the range in which it was not silent, per cent; null for a device that was not there yet, and where readings are not kept any
    /// more.
    pub uptime: Option<f64>,
    /// How often it was silent for more than ten minutes.
    pub gaps: i64,
    /// How long it was silent in these gaps, all together.
    pub silent_seconds: f64,
    /// The longest of them; null when there was none.
    pub longest_gap_seconds: Option<f64>,
    /// How many readings it took.
    pub readings: i64,
    /// What is left of its battery, from 0 to 1, as it last said; null when it never did.
    pub battery: Option<f64>,
    /// The least that it said in the range; null when it said nothing.
    pub battery_lowest: Option<f64>,
    /// How much more it had at its first reading of the range that tells of it than at its last; negative when it was charged.
    pub battery_used: Option<f64>,
}

table_row!(DeviceFigure {
    device_code,
    site,
    zone,
    health,
    last_seen_at,
    uptime,
    gaps,
    silent_seconds,
    longest_gap_seconds,
    readings,
    battery,
    battery_lowest,
    battery_used,
});

impl Tabular for Devices {
    type Row = DeviceFigure;
    const NAME: &'static str = "devices";

    fn into_rows(self) -> Vec<DeviceFigure> {
        self.items
    }
}

/// Measures how long devices were silent, and what is left of their batteries.
///
/// Of the last day unless a range is given, at most 31 days, by the times of what devices measured. A gap is a silence of more than ten minutes.
#[utoipa::path(get, path = "/api/analytics/devices")]
pub async fn devices(_: Caller<Operator>, Now(now): Now, format: Format, Query(filters): Query<DeviceFilters>) -> Answer<Table<Devices>> {
    if format == Format::Json {
        return Table::of(format, figures(&filters, now)?);
    }
    let mut pages = Pages::new(ranges(&filters, now)?, filters, now);
    Table::stream(format, move || pages.next())
}

fn ranges(filters: &DeviceFilters, now: i64) -> Answer<Vec<Ranged>> {
    filters.scope.ranges(now, Days { default: 1, most: 31 })
}

/// The devices of a range.
pub(crate) fn figures(filters: &DeviceFilters, now: i64) -> Answer<Devices> {
    let ranges = ranges(filters, now)?;
    let longest = ranges.iter().map(|Ranged { span, .. }| (span.end - span.start) / DAY_MS).max().unwrap_or_default().max(1);
    let most = MAX_DEVICE_DAYS.checked_div(longest).unwrap_or(MAX_DEVICE_DAYS);
    let site_ranges = ranges.iter().map(SiteRange::from).collect();
    let mut pages = Pages::new(ranges, filters.clone(), now);
    let mut items = Vec::new();
    while let Some(page) = pages.next()? {
        items.extend(page);
        if i64::try_from(items.len()).unwrap_or(i64::MAX) > most {
            let reason = format!("has more than {most} devices for so many days: ask for less time, for one zone, or for CSV or NDJSON");
            return Err(Problem::invalid_field("site", reason));
        }
    }
    Ok(Devices { generated_at: Timestamp(now), ranges: site_ranges, items })
}

#[derive(FromRow)]
struct Device {
    id: i64,
    code: String,
    zone: String,
    last_seen_at: Option<i64>,
    battery: Option<f64>,
    /// Since when it is there, and its readings are kept.
    told_from: i64,
}

#[derive(FromRow)]
struct Silence {
    gaps: i64,
    silent_ms: i64,
    longest_ms: Option<i64>,
    readings: i64,
    battery_lowest: Option<f64>,
    battery_first: Option<f64>,
    battery_last: Option<f64>,
}

/// What device ?1 measured from ?2 to before ?3: the stretches between one thing and the next, the range's ends counted as such.
const SILENCE: &str = concatcp!(
    "select count(*) filter (where gap > ",
    OFFLINE_MS,
    ") as gaps, coalesce(sum(gap) filter (where gap > ",
    OFFLINE_MS,
    "), 0) as silent_ms, max(gap) filter (where gap > ",
    OFFLINE_MS,
    ") as longest_ms,
        (select count(*) from readings r where r.device_id = ?1 and r.at >= ?2 and r.at < ?3) as readings,
        (select min(r.battery) from readings r where r.device_id = ?1 and r.at >= ?2 and r.at < ?3) as battery_lowest,
        (select r.battery from readings r where r.device_id = ?1 and r.at >= ?2 and r.at < ?3 and r.battery is not null order by r.at limit 1)
            as battery_first,
        (select r.battery from readings r where r.device_id = ?1 and r.at >= ?2 and r.at < ?3 and r.battery is not null order by r.at desc limit 1)
            as battery_last
     from (
        select at - lag(at) over (order by at) as gap from (
            select ?2 as at
            union all select r.at from readings r where r.device_id = ?1 and r.at >= ?2 and r.at < ?3
            union all select l.at from occupancy_log l where l.device_id = ?1 and l.at >= ?2 and l.at < ?3
            union all select ?3
        )
     )"
);

/// The devices, some at once.
struct Pages {
    filters: DeviceFilters,
    now: i64,
    ranges: std::vec::IntoIter<Ranged>,
    /// The site that is being gone through, and the device after which it goes on.
    current: Option<(Ranged, String)>,
}

impl Pages {
    fn new(ranges: Vec<Ranged>, filters: DeviceFilters, now: i64) -> Self {
        Self { filters, now, ranges: ranges.into_iter(), current: None }
    }

    fn next(&mut self) -> Answer<Option<Vec<DeviceFigure>>> {
        let next = self.current.take().or_else(|| self.ranges.next().map(|ranged| (ranged, String::new())));
        let Some((ranged, after)) = next else { return Ok(None) };
        let devices: Vec<Device> = Select::new(
            "select v.id, v.code, v.zone, t.last_seen_at, t.battery,
                 max(v.created_at, coalesce((select k.raw_from from reading_kept k where k.device_id = v.id), 0)) as told_from
             from devices v join device_state t on t.device_id = v.id
             where v.site = ? and v.code > ? and v.is_active = 1",
            params![&ranged.site.slug, after],
        )
        .and_if("v.zone = ?", self.filters.scope.zone.as_ref())
        .fetch(&Database, "v.code", PAGE)?;
        let is_full = i64::try_from(devices.len()).unwrap_or_default() == PAGE;
        let last = devices.last().filter(|_| is_full).map(|device| device.code.clone());
        let figures = devices.into_iter().map(|device| self.figure(&ranged, device)).collect::<Answer<Vec<_>>>()?;
        self.current = last.map(|last| (ranged, last));
        Ok(Some(figures))
    }

    #[expect(clippy::cast_precision_loss, reason = "durations are far below 2^53 milliseconds")]
    fn figure(&self, Ranged { site, span }: &Ranged, device: Device) -> Answer<DeviceFigure> {
        // Nobody is silent before they are there, nor where their readings were removed, nor after now.
        let start = span.start.max(device.told_from);
        let Span { start, end } = Span { start, end: span.end.min(self.now.max(start)) };
        let silence: Option<Silence> = if start < end { Database.fetch_optional(SILENCE, params![device.id, start, end])? } else { None };
        let (gaps, silent_ms) = silence.as_ref().map_or((0, 0), |silence| (silence.gaps, silence.silent_ms));
        let seconds = |ms: i64| ms as f64 / 1000.0;
        let used = silence.as_ref().and_then(|silence| Some(silence.battery_first? - silence.battery_last?));
        Ok(DeviceFigure {
            device_code: device.code,
            site: site.slug.clone(),
            zone: device.zone,
            health: Health::at(device.last_seen_at, self.now),
            last_seen_at: device.last_seen_at.map(Timestamp),
            uptime: silence.as_ref().and_then(|_| percent((end - start - silent_ms) as f64, (end - start) as f64)),
            gaps,
            silent_seconds: seconds(silent_ms),
            longest_gap_seconds: silence.as_ref().and_then(|silence| silence.longest_ms).map(seconds),
            readings: silence.as_ref().map_or(0, |silence| silence.readings),
            battery: device.battery,
            battery_lowest: silence.as_ref().and_then(|silence| silence.battery_lowest),
            battery_used: used.map(|used| rounded(used, 4)),
        })
    }
}

// Ranges are whole quarters of an hour: a device that fell silent at the start of one is seen.
const _: () = assert!(OFFLINE_MS < QUARTER_MS);
