//! What is kept of readings, of their roll-ups and of occupancy, and for how long (docs/reference/retention.md). Readings are removed only once
//! they are rolled up, in whole days, and what is finer never stays longer than what is wider.

use const_format::{concatcp, formatcp};
use domain::bucket::BucketWidth;
use domain::rollup::FINEST_MS;
use kit::db::{self, Executor as _, Fetch as _, Transaction};
use kit::retention::{self, DUE_OF, Removed, Rule};
use kit::row::FromRow;
use kit::scheduled::BATCH;
use kit::{Problem, params};

/// Whether it is time to look for what is too old.
pub const DUE: &str = concatcp!(DUE_OF, "'telemetry'");

/// The most steps of a run, each of one device.
const STEPS: usize = 16;

const HOUR_MS: i64 = BucketWidth::Hour.ms();
const DAY_MS: i64 = BucketWidth::Day.ms();

/// Of each device the last event before stays: it says how the spot was.
const REMOVE_OCCUPANCY: &str = "delete from occupancy_log where (device_id, at) in (
         select l.device_id, l.at from occupancy_log l indexed by occupancy_log_by_time
         where l.at < ?1 and l.at < (select up_to from rollup_progress where name = 'occupancy')
             and exists (select 1 from occupancy_log n where n.device_id = l.device_id and n.at > l.at and n.at < ?1)
             and not exists (select 1 from occupancy_late o where o.device_id = l.device_id and o.at <= l.at)
         order by l.at limit ?2
     ) returning 1";

const OLD_QUARTERS: &str = "select z.site, z.code, k.value
     from zones z cross join json_each('[\"standard\", \"accessible\", \"ev\", \"two_wheeler\", \"vip\"]') k
     where exists (
         select 1 from occupancy_quarters q where q.site = z.site and q.zone = z.code and q.kind = k.value and q.start < ?1
     ) limit ?2";

const REMOVE_QUARTERS: &str = "delete from occupancy_quarters where site = ?3 and zone = ?4 and kind = ?5 and start < min(?1, coalesce(
         (select start from occupancy_quarters where site = ?3 and zone = ?4 and kind = ?5 order by start limit 1 offset ?2), ?1
     )) returning 1";

const RULES: [Rule; 2] = [
    Rule { variable: "occupancy_days", days: 400, keys: None, remove: REMOVE_OCCUPANCY },
    Rule { variable: "occupancy_rollups_days", days: 1_830, keys: Some(OLD_QUARTERS), remove: REMOVE_QUARTERS },
];

/// Removes what is too old; how many rows.
pub async fn run(now: i64) -> Result<usize, Problem> {
    if !db::Database.exists(DUE, params![now])? {
        return Ok(0);
    }
    let others = retention::follow(&RULES, now).await;
    let days = Days {
        raw: retention::before("readings_days", 90, now).await?,
        five_minutes: retention::before("rollups_5m_days", 730, now).await?,
        hours: retention::before("rollups_1h_days", 1_830, now).await?,
        days: retention::before("rollups_1d_days", 3_660, now).await?,
    };
    let mut removed = Removed { rows: 0, is_more: true };
    for _ in 0..STEPS {
        match db::transaction(|db| remove_some(db, &days))? {
            Some(rows) => removed.rows += rows,
            None => {
                removed.is_more = false;
                break;
            }
        }
    }
    let removed = removed.and(others?);
    if !removed.is_more {
        retention::rest("telemetry", now)?;
    }
    Ok(removed.rows)
}

/// The days before which is removed what there is of each level, milliseconds; 0 of what is kept for ever.
struct Days {
    raw: i64,
    five_minutes: i64,
    hours: i64,
    days: i64,
}

/// A device with something that is too old, and before which days it is that.
#[derive(FromRow)]
struct Old {
    device_id: i64,
    raw_before: i64,
    five_minutes_before: i64,
    hours_before: i64,
    days_before: i64,
}

// What is not rolled up, or came in late and is not corrected, is not too old.
const OLD: &str = formatcp!(
    "select o.device_id, o.raw_before, o.five_minutes_before, o.hours_before, o.days_before
     from (
         select d.device_id, d.raw_before, min(d.raw_before, ?2) as five_minutes_before, min(d.raw_before, ?2, ?3) as hours_before,
             min(d.raw_before, ?2, ?3, ?4) as days_before
         from (
             select t.device_id, min(?1, t.rolled_up_to - t.rolled_up_to % {DAY_MS}, coalesce(
                 (select l.start - l.start % {DAY_MS} from reading_late l where l.device_id = t.device_id order by l.start limit 1), ?1
             )) as raw_before
             from device_state t where t.device_id > 0
         ) d
     ) o
     where exists (select 1 from readings r where r.device_id = o.device_id and r.at < o.raw_before order by r.at limit 1 offset 1)
         or exists (select 1 from reading_rollups r
             where r.device_id = o.device_id and r.span_ms = {FINEST_MS} and r.start < o.five_minutes_before)
         or exists (select 1 from reading_rollups r
             where r.device_id = o.device_id and r.span_ms = {HOUR_MS} and r.start < o.hours_before)
         or exists (select 1 from reading_rollups r
             where r.device_id = o.device_id and r.span_ms = {DAY_MS} and r.start < o.days_before)
     limit 1"
);

/// Noted before anything is removed, and in the same transaction: answers are made from what is wider from then on.
const NOTE: &str = "insert into reading_kept (device_id, raw_from, five_minutes_from, hours_from, days_from) values (?1, ?2, ?3, ?4, ?5)
     on conflict (device_id) do update set raw_from = max(raw_from, excluded.raw_from),
         five_minutes_from = max(five_minutes_from, excluded.five_minutes_from), hours_from = max(hours_from, excluded.hours_from),
         days_from = max(days_from, excluded.days_from)";

/// The last one before stays: the energy of the first one after is counted from it.
const REMOVE_READINGS: &str = "delete from readings where device_id = ?1 and at < min(
         (select at from readings where device_id = ?1 and at < ?2 order by at desc limit 1),
         coalesce((select at from readings where device_id = ?1 order by at limit 1 offset ?3), ?2)
     ) returning 1";

const REMOVE_ROLLUPS: &str = "delete from reading_rollups where device_id = ?1 and span_ms = ?4 and start < min(?2,
         coalesce((select start from reading_rollups where device_id = ?1 and span_ms = ?4 order by start limit 1 offset ?3), ?2)
     ) returning 1";

/// Removes up to [`BATCH`] rows of each level of one device; how many, none when there is no such device.
fn remove_some(db: &Transaction, days: &Days) -> Result<Option<usize>, Problem> {
    let old: Option<Old> = db.fetch_optional(OLD, params![days.raw, days.five_minutes, days.hours, days.days])?;
    let Some(old) = old else { return Ok(None) };
    let id = old.device_id;
    db.run(NOTE, params![id, old.raw_before, old.five_minutes_before, old.hours_before, old.days_before])?;
    let mut rows = db.run(REMOVE_READINGS, params![id, old.raw_before, BATCH])?.len();
    for (span_ms, before) in [(FINEST_MS, old.five_minutes_before), (HOUR_MS, old.hours_before), (DAY_MS, old.days_before)] {
        rows += db.run(REMOVE_ROLLUPS, params![id, before, BATCH, span_ms])?.len();
    }
    Ok(Some(rows))
}

#[cfg(test)]
mod tests {
    use domain::spot::Kind;
    use strum::VariantNames as _;

    use super::*;

    #[test]
    fn every_kind_of_spot_is_looked_for() {
        let kinds = format!("'{}'", serde_json::to_string(Kind::VARIANTS).unwrap().replace(',', ", "));
        assert!(OLD_QUARTERS.contains(&kinds), "{kinds}");
    }
}
