//! The counts of a zone or of all, as they came or in buckets.

use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use domain::bucket::BucketWidth;
use domain::time::MAX_MS;
use kit::api::{Request, Respond, answers_schema};
use kit::db::{Database, Fetch as _};
use kit::input::{Code, Input, Timestamp};
use kit::page::{Listing, Page};
use kit::row::{FromRow, Json};
use kit::{Answer, params};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::schema::AnyOfBuilder;

use crate::figures::{CrowdFigure, people, rounded};
use crate::span::Span;
use crate::temple::{Temple, Zone};

/// Which counts, and how.
#[derive(Input)]
pub struct HistoryFilters {
    /// The code of one of the temple's zones, in any case.
    zone: Option<Code>,
    #[input(flatten)]
    span: Span,
    /// Min, mean, max and number of the counts by so much time.
    bucket: Option<BucketWidth>,
}

/// A count as it came.
#[derive(Serialize, ToSchema)]
pub struct CrowdCount {
    /// The zone's code.
    zone: String,
    /// When it was counted.
    timestamp: Timestamp,
    /// How many people there were.
    count: i64,
    #[serde(flatten)]
    figure: CrowdFigure,
    /// When it came in.
    received_at: Timestamp,
}

/// A bucket of time. Those without counts are left out.
#[derive(Serialize, ToSchema)]
pub struct CrowdBucket {
    /// The zone's code.
    zone: String,
    /// Its start. Buckets begin at whole multiples of their width in UTC.
    from: Timestamp,
    /// Its end, which belongs to the next.
    to: Timestamp,
    /// How many counts it has.
    readings: i64,
    /// The smallest count.
    min: i64,
    /// The mean of the counts.
    mean: f64,
    /// The largest count.
    max: i64,
    /// Of the mean.
    #[serde(flatten)]
    figure: CrowdFigure,
}

/// A page of counts, or of buckets.
pub enum History {
    Counts(Page<CrowdCount>),
    Buckets(Page<CrowdBucket>),
}

impl IntoResponse for History {
    fn into_response(self) -> Response {
        match self {
            Self::Counts(page) => page.into_response(),
            Self::Buckets(page) => page.into_response(),
        }
    }
}

impl Respond for History {
    fn describe(request: &mut Request<'_>) {
        // A page without items is one of either.
        let pages =
            AnyOfBuilder::new().item(Page::<CrowdCount>::schema(request.schemas)).item(Page::<CrowdBucket>::schema(request.schemas));
        answers_schema(request, 200, "A page of counts, or of buckets when `bucket` was given.", pages.into());
    }
}

/// Lists a temple's counts, one zone after the other, each in the order of time.
#[utoipa::path(get, path = "/api/crowd/temple/{id}/history")]
pub async fn history(Path(site): Path<String>, listing: Listing<HistoryFilters>) -> Answer<History> {
    let temple = Temple::find(&site)?;
    let mut zones = temple.zones(listing.filters.zone.as_ref())?;
    zones.sort_by_key(|zone| zone.code.to_ascii_lowercase());
    match listing.filters.bucket {
        Some(width) => buckets(&listing, &temple.slug, &zones, width.ms()).map(History::Buckets),
        None => counts(&listing, &temple.slug, &zones).map(History::Counts),
    }
}

/// Runs `query` for each zone from the cursor's on, until the page is full. Zones are few; each costs one look into the key.
fn each_zone<T>(
    listing: &Listing<HistoryFilters>,
    zones: &[Zone],
    query: impl Fn(&Zone, Option<i64>, i64) -> Answer<Vec<T>>,
) -> Answer<Vec<T>> {
    let after = listing.after_text(0).map(str::to_ascii_lowercase).zip(listing.after_int(1));
    let mut found = Vec::new();
    for zone in zones {
        let code = zone.code.to_ascii_lowercase();
        let left = listing.fetch() - i64::try_from(found.len()).unwrap_or(i64::MAX);
        if left <= 0 {
            break;
        }
        match &after {
            Some((after, _)) if code < *after => {}
            Some((after, at)) if code == *after => found.extend(query(zone, Some(*at), left)?),
            _ => found.extend(query(zone, None, left)?),
        }
    }
    Ok(found)
}

/// The first and the last moment that are asked for, milliseconds.
fn bounds(filters: &HistoryFilters) -> (i64, i64) {
    (filters.span.from.map_or(0, |from| from.0), filters.span.to.map_or(MAX_MS, |to| to.0))
}

#[derive(FromRow)]
struct CountRow {
    at: Timestamp,
    received_at: Timestamp,
    count: i64,
}

const COUNTS: &str =
    "select at, received_at, count from crowd_readings where site = ?1 and zone = ?2 and at >= ?3 and at <= ?4 order by at limit ?5";

fn counts(listing: &Listing<HistoryFilters>, site: &str, zones: &[Zone]) -> Answer<Page<CrowdCount>> {
    let (from, to) = bounds(&listing.filters);
    let counts = each_zone(listing, zones, |zone, after, left| {
        let from = after.map_or(from, |after| from.max(after.saturating_add(1)));
        let rows: Vec<CountRow> = Database.fetch_all(COUNTS, params![site, &zone.code, from, to, left])?;
        let count = |row: CountRow| CrowdCount {
            zone: zone.code.clone(),
            timestamp: row.at,
            count: row.count,
            figure: CrowdFigure::new(row.count, &zone.size),
            received_at: row.received_at,
        };
        Ok(rows.into_iter().map(count).collect())
    })?;
    Ok(listing.page(counts, |count| (count.zone.clone(), count.timestamp.0)))
}

#[derive(FromRow)]
struct BucketRow {
    start: i64,
    /// Number, min, mean and max.
    packed: Json<(i64, i64, f64, i64)>,
}

// From one bucket that has counts to the next by a look into the key, and one pass over each. As a join with `group by`, which would give
// four columns, days of counts by the minute take 2.4 times as long: SQLite sorts them.
const BUCKETS: &str = "with recursive bucket (start) as (
         select (select at from crowd_readings where site = ?1 and zone = ?2 and at >= ?3 and at <= ?4 order by at limit 1) / ?5 * ?5
         union all
         select (select at from crowd_readings where site = ?1 and zone = ?2 and at >= start + ?5 and at <= ?4 order by at limit 1) / ?5 * ?5
         from bucket where start is not null
         limit ?6
     )
     select start, (
         select json_array(count(*), min(count), avg(count), max(count)) from crowd_readings
         where site = ?1 and zone = ?2 and at >= max(start, ?3) and at < min(start + ?5, ?4 + 1)
     ) as packed
     from bucket where start is not null";

fn buckets(listing: &Listing<HistoryFilters>, site: &str, zones: &[Zone], width: i64) -> Answer<Page<CrowdBucket>> {
    let (from, to) = bounds(&listing.filters);
    let buckets = each_zone(listing, zones, |zone, after, left| {
        let from = after.map_or(from, |start| from.max(start.saturating_add(width)));
        let rows: Vec<BucketRow> = Database.fetch_all(BUCKETS, params![site, &zone.code, from, to, width, left])?;
        let bucket = |BucketRow { start, packed: Json((readings, min, mean, max)) }: BucketRow| CrowdBucket {
            zone: zone.code.clone(),
            from: Timestamp(start),
            to: Timestamp(start.saturating_add(width)),
            readings,
            min,
            mean: rounded(mean, 2),
            max,
            figure: CrowdFigure::new(people(mean), &zone.size),
        };
        Ok(rows.into_iter().map(bucket).collect())
    })?;
    Ok(listing.page(buckets, |bucket| (bucket.zone.clone(), bucket.from.0)))
}
