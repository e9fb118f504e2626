//! How many emergencies a temple had, of which kinds, and how soon they were answered.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::Path;
use const_format::concatcp;
use domain::emergency::{Kind, Severity, Status};
use domain::time::DAY_MS;
use kit::caller::{Caller, Operator};
use kit::db::{Database, Fetch as _};
use kit::input::{At, Input, Timestamp};
use kit::request::{Now, Query};
use kit::row::FromRow;
use kit::{Answer, Problem, params, sites};
use serde::Serialize;
use strum::VariantNames;
use utoipa::ToSchema;

/// How far it looks back when nothing is said, days.
const DEFAULT_DAYS: i64 = 30;

/// The longest stretch that is looked at, days.
const MAX_DAYS: i64 = 366;

/// Of which time: the last 30 days when nothing is said, at most 366.
#[derive(Input)]
#[input(check)]
pub struct Period {
    /// Those reported from then on.
    from: Option<Timestamp>,
    /// Those reported before then.
    to: Option<Timestamp>,
}

impl Period {
    fn check(&self, at: &mut At<'_>) {
        let (from, to) = self.bounds(at.now_ms());
        let is_within = from < to && to.0 - from.0 <= MAX_DAYS * DAY_MS;
        at.check_field(is_within, "from", &format!("must lie before to, by at most {MAX_DAYS} days"));
    }

    fn bounds(&self, now: i64) -> (Timestamp, Timestamp) {
        // What was reported in this very millisecond counts.
        let to = self.to.unwrap_or(Timestamp(now + 1));
        (self.from.unwrap_or(Timestamp(to.0 - DEFAULT_DAYS * DAY_MS)), to)
    }
}

/// The emergencies that a temple had reported in a stretch of time.
#[derive(Serialize, ToSchema)]
pub struct EmergencyStats {
    /// The temple's slug.
    temple_id: String,
    /// Where the stretch of time begins.
    from: Timestamp,
    /// Where the stretch of time ends.
    to: Timestamp,
    /// Without those that were cancelled or false alarms, as `by_type`, `by_severity` and the times are.
    total: i64,
    /// Those that are not over.
    active: i64,
    /// Closed as false alarms by operators.
    false_alarms: i64,
    /// Cancelled by their reporters.
    cancelled: i64,
    /// How many of each kind.
    #[schema(value_type = BTreeMap<String, i64>)]
    by_type: Counts,
    /// How many of each severity.
    #[schema(value_type = BTreeMap<String, i64>)]
    by_severity: Counts,
    /// Of all that were reported.
    #[schema(value_type = BTreeMap<String, i64>)]
    by_status: Counts,
    /// How long until somebody took notice.
    time_to_acknowledge: ResponseTime,
    /// How long until it ended.
    time_to_resolve: ResponseTime,
}

/// How many there were of each word, also of those that there were none of.
type Counts = BTreeMap<&'static str, i64>;

/// How long it took from the report, of those that came so far.
#[derive(Serialize, FromRow, ToSchema)]
pub struct ResponseTime {
    /// How many came so far.
    count: i64,
    /// Of an even count, the mean of the two in the middle; null when there was none.
    median_seconds: Option<f64>,
    /// By nearest rank; null when there was none.
    p95_seconds: Option<f64>,
}

#[derive(FromRow)]
struct Group {
    r#type: Kind,
    severity: Severity,
    status: Status,
    count: i64,
}

/// Counts the emergencies of a temple, and measures how soon they were answered.
///
/// What was cancelled or a false alarm is counted apart.
#[utoipa::path(get, path = "/api/emergency/stats/temple/{temple_id}")]
pub async fn of_temple(
    _: Caller<Operator>,
    Now(now): Now,
    Path(temple): Path<String>,
    Query(period): Query<Period>,
) -> Answer<Json<EmergencyStats>> {
    let (from, to) = period.bounds(now);
    sites::require_in_path(&Database, &temple, "temple")?;
    let groups: Vec<Group> = Database.fetch_all(
        "select type, severity, status, count(*) as count from emergencies
         where site = ? and created_at >= ? and created_at < ? group by type, severity, status",
        params![&temple, from, to],
    )?;
    let (mut by_type, mut by_severity, mut by_status) = (zeros::<Kind>(), zeros::<Severity>(), zeros::<Status>());
    let mut total = 0;
    for Group { r#type, severity, status, count } in &groups {
        *by_status.entry(status.into_str()).or_default() += count;
        if !status.is_withdrawn() {
            total += count;
            *by_type.entry(r#type.into_str()).or_default() += count;
            *by_severity.entry(severity.into_str()).or_default() += count;
        }
    }
    Ok(Json(EmergencyStats {
        active: Status::OPEN.iter().map(|status| by_status[status.into_str()]).sum(),
        total,
        false_alarms: by_status[Status::FalseAlarm.into_str()],
        cancelled: by_status[Status::Cancelled.into_str()],
        by_type,
        by_severity,
        by_status,
        time_to_acknowledge: response_time(&temple, from, to, Status::Acknowledged)?,
        time_to_resolve: response_time(&temple, from, to, Status::Resolved)?,
        temple_id: temple,
        from,
        to,
    }))
}

fn zeros<T: VariantNames>() -> Counts {
    T::VARIANTS.iter().map(|word| (*word, 0)).collect()
}

/// Median and 95th percentile by nearest rank, in one pass.
const RESPONSE_TIME: &str = concatcp!(
    "with took as (
         select ms, row_number() over (order by ms) as rank, count(*) over () as total
         from (
             select iif(?4, resolved_at, acknowledged_at) - created_at as ms from emergencies
             where site = ?1 and created_at >= ?2 and created_at < ?3 and status not in ('",
    Status::Cancelled.into_str(),
    "', '",
    Status::FalseAlarm.into_str(),
    "')
         )
         where ms is not null
     )
     select count(*) as count, avg(ms) filter (where rank in ((total + 1) / 2, (total + 2) / 2)) / 1000.0 as median_seconds,
         max(ms) filter (where rank = (total * 95 + 99) / 100) / 1000.0 as p95_seconds
     from took"
);

/// How long it took until they were acknowledged, or resolved.
fn response_time(temple: &str, from: Timestamp, to: Timestamp, until: Status) -> Result<ResponseTime, Problem> {
    let measured = Database.fetch_optional(RESPONSE_TIME, params![temple, from, to, until == Status::Resolved])?;
    measured.ok_or_else(|| Problem::internal("a count gave no row"))
}
