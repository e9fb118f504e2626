//! How many emergencies a temple had, of which kinds, and how soon they were answered.

use axum::Json;
use axum::extract::Path;
use domain::emergency::{Kind, Severity, Status};
use domain::time::DAY_MS;
use kit::caller::{Caller, Operator};
use kit::page::Listing;
use kit::request::{Now, Query};
use kit::{Answer, Problem, db, params};
use serde_json::{Map, Value, json};
use strum::VariantNames as _;

use crate::read;

/// How far it looks back when nothing is said, days.
const DEFAULT_DAYS: i64 = 30;

/// The longest stretch that is looked at, days.
const MAX_DAYS: i64 = 366;

/// Median and 95th percentile by nearest rank (of an even count, the mean of the two in the middle), in one pass.
macro_rules! percentiles {
    ($until:literal) => {
        concat!(
            "with took as (
                 select ms, row_number() over (order by ms) as rank, count(*) over () as total
                 from (
                     select ",
            $until,
            " - created_at as ms from emergencies
                     where site = ?1 and created_at >= ?2 and created_at < ?3 and ",
            $until,
            " is not null
                 )
             )
             select count(*), avg(ms) filter (where rank in ((total + 1) / 2, (total + 2) / 2)), max(ms) filter (where rank = (total * 95 + 99) / 100)
             from took"
        )
    };
}

/// GET `/api/emergency/stats/temple/{temple_id}?from=&to=`: those reported in this stretch (the last 30 days, at most 366): `total`,
/// `active`, `by_type`, `by_severity`, `by_status`, and `time_to_acknowledge` and `time_to_resolve`, each with `count`, `median_seconds`
/// and `p95_seconds`, which are null when there was none.
pub async fn of_temple(_: Caller<Operator>, Now(now): Now, Path(temple): Path<String>, Query(query): Query) -> Answer<Json<Value>> {
    let listing = Listing::parse(&query, &["from", "to"])?;
    // What was reported in this very millisecond counts.
    let to = listing.time("to")?.unwrap_or(now + 1);
    let from = listing.time("from")?.unwrap_or(to - DEFAULT_DAYS * DAY_MS);
    if from >= to || to - from > MAX_DAYS * DAY_MS {
        return Err(Problem::invalid_field("from", format!("must lie before to, by at most {MAX_DAYS} days")));
    }
    read::must_exist(&temple)?;
    let counted = db::run(
        "select type, severity, status, count(*) from emergencies
         where site = ? and created_at >= ? and created_at < ? group by type, severity, status",
        params![&temple, from, to],
    )?;
    let zero = |names: &[&str]| names.iter().map(|name| ((*name).to_owned(), json!(0))).collect::<Map<_, _>>();
    let mut by_type = zero(Kind::VARIANTS);
    let mut by_severity = zero(Severity::VARIANTS);
    let mut by_status = zero(Status::VARIANTS);
    let mut total = 0;
    for row in counted.iter() {
        let count = row.int(3)?;
        total += count;
        for (column, counts) in [(0, &mut by_type), (1, &mut by_severity), (2, &mut by_status)] {
            let entry = counts.entry(row.text(column)?).or_insert(json!(0));
            *entry = (entry.as_i64().unwrap_or_default() + count).into();
        }
    }
    let resolved = by_status.get(Status::Resolved.into_str()).and_then(Value::as_i64).unwrap_or_default();
    Ok(Json(json!({
        "temple_id": temple,
        "from": domain::time::format_rfc3339(from),
        "to": domain::time::format_rfc3339(to),
        "total": total,
        "active": total - resolved,
        "by_type": by_type,
        "by_severity": by_severity,
        "by_status": by_status,
        "time_to_acknowledge": took(percentiles!("acknowledged_at"), &temple, from, to)?,
        "time_to_resolve": took(percentiles!("resolved_at"), &temple, from, to)?,
    })))
}

fn took(sql: &str, temple: &str, from: i64, to: i64) -> Result<Value, Problem> {
    let rows = db::run(sql, params![temple, from, to])?;
    let row = rows.first().ok_or_else(|| Problem::internal("a count gave no row"))?;
    let seconds = |ms: Option<f64>| ms.map(|ms| ms / 1000.0);
    Ok(json!({
        "count": row.int(0)?,
        "median_seconds": seconds(row.opt_real(1)?),
        "p95_seconds": seconds(row.opt_real(2)?),
    }))
}
