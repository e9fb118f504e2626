//! Occupancy by quarter of an hour: `occupancy_log` summed up into `occupancy_quarters`, and corrected by what comes in late.
//!
//! Each step is one transaction with what it notes of itself, so that a run that was ended halfway is gone on with, and two runs at once do
//! each step once.

use std::collections::HashMap;

use const_format::formatcp;
use domain::occupancy::{self, CORRECTED_MS, GRACE_MS, QUARTER_MS, Quarters, Said, Sums};
use kit::db::{self, Executor as _, Fetch as _, Transaction};
use kit::row::FromRow;
use kit::{Problem, params};

/// Whether a quarter has ended that is not summed up.
pub const DUE: &str =
    formatcp!("select 1 from rollup_progress where name = 'occupancy' and up_to < (?1 - {GRACE_MS}) - (?1 - {GRACE_MS}) % {QUARTER_MS}");

/// Whether something came in late.
pub const LATE: &str = "select 1 from occupancy_late limit 1";

/// The most steps of a run, and the most quarters and events of a step: a backlog takes several runs.
const STEPS: usize = 8;
const QUARTERS: i64 = 96;
const EVENTS: i64 = 5_000;

/// How much after the first one a late event may be to be corrected in the same step, and how many there may be.
const LATE_SPAN_MS: i64 = 7 * domain::time::DAY_MS;
const LATE_EVENTS: i64 = 500;

/// The most devices of which late events are corrected in a run.
const LATE_DEVICES: usize = 40;

/// Sums up the quarters that have ended; how many.
pub fn sum_up(now: i64) -> Result<usize, Problem> {
    let mut quarters = 0;
    for _ in 0..STEPS {
        match db::transaction(|db| step(db, now))? {
            0 => break,
            done => quarters += done,
        }
    }
    Ok(quarters)
}

#[derive(FromRow)]
struct Progress {
    up_to: i64,
    first_at: Option<i64>,
}

const PROGRESS: &str = "select up_to, (select at from occupancy_log where at >= 0 order by at limit 1) as first_at from rollup_progress where name = 'occupancy'";

/// Up to where a step goes that is full of events: the end of the quarter before the one that has too many.
const FULL_AT: &str = "select at from occupancy_log where at >= ?1 and at < ?2 order by at limit 1 offset ?3";

const NOTE: &str = "update rollup_progress set up_to = ?1 where name = 'occupancy'";

fn step(db: &Transaction, now: i64) -> Result<usize, Problem> {
    let target = occupancy::target(now);
    let Some(progress) = db.fetch_optional::<Progress>(PROGRESS, params![])? else { return Ok(0) };
    // Before the first event nothing is known of any spot.
    let from = progress.up_to.max(progress.first_at.map_or(target, occupancy::quarter));
    if progress.up_to >= target {
        return Ok(0);
    }
    if from >= target {
        db.run(NOTE, params![target])?;
        return Ok(0);
    }
    let mut to = target.min(from + QUARTERS * QUARTER_MS);
    if let Some(at) = db.fetch_scalar::<i64>(FULL_AT, params![from, to, EVENTS])? {
        to = to.min(occupancy::quarter(at).max(from + QUARTER_MS));
    }
    let mut sums = PlaceSums::default();
    for place in db.fetch_all::<StatesAtStart>(STATES_AT_START, params![from])? {
        let quarters = (from..to).step_by(QUARTER_MS as usize).map(|start| {
            let sums = Sums { occupied_ms: place.occupied * QUARTER_MS, known_ms: place.known * QUARTER_MS, arrivals: 0, departures: 0 };
            (start, sums)
        });
        sums.add(&place.place, quarters.collect());
    }
    let events: Vec<Event> = db.fetch_all(EVENTS_WITHIN, params![from, to])?;
    for events in events.chunk_by(|a, b| a.device_id == b.device_id) {
        let Some(first) = events.first() else { continue };
        let said = events.iter().map(|event| (Said { at: event.at, is_occupied: event.occupied }, true));
        sums.add(&first.place, occupancy::correction(first.state_before, &said.collect::<Vec<_>>(), from, to));
    }
    sums.write(db)?;
    db.run(NOTE, params![to])?;
    Ok(usize::try_from((to - from) / QUARTER_MS).unwrap_or(usize::MAX))
}

/// Where a spot is, and what.
#[derive(Clone, FromRow)]
struct Place {
    site: String,
    zone: String,
    kind: String,
}

/// How many spots there are whose state is known, and how many of them are taken.
#[derive(FromRow)]
struct StatesAtStart {
    #[row(flatten)]
    place: Place,
    known: i64,
    occupied: i64,
}

/// The last that a device said of the place where it is now, before `?1`. What came in late and is not corrected yet is left out: its correction
/// takes the sums as made without it.
const STATE_BEFORE: &str = "(select b.occupied from occupancy_log b
         where b.device_id = v.id and b.at < ?1 and b.at >= coalesce(t.placed_at, 0)
             and not exists (select 1 from occupancy_late o where o.device_id = b.device_id and o.at = b.at)
         order by b.at desc limit 1)";

const SENSORS: &str = "devices v indexed by devices_one_a_spot cross join spots s on s.spot_id = v.spot_id
         cross join device_state t on t.device_id = v.id";

const STATES_AT_START: &str = formatcp!(
    "select site, zone, kind, count(occupied) as known, coalesce(sum(occupied), 0) as occupied
     from (select s.site, s.zone, s.kind, {STATE_BEFORE} as occupied from {SENSORS} where v.spot_id is not null and v.is_active = 1)
     where occupied is not null group by site, zone, kind"
);

/// What a sensor said of its spot within the step.
#[derive(FromRow)]
struct Event {
    #[row(flatten)]
    place: Place,
    device_id: i64,
    state_before: Option<bool>,
    at: i64,
    occupied: bool,
}

const EVENTS_WITHIN: &str = formatcp!(
    "select l.device_id, l.at, l.occupied, s.site, s.zone, s.kind, {STATE_BEFORE} as state_before
     from occupancy_log l indexed by occupancy_log_by_time
         cross join devices v on v.id = l.device_id and v.is_active = 1
         cross join spots s on s.spot_id = v.spot_id
         cross join device_state t on t.device_id = v.id
     where l.at >= ?1 and l.at < ?2 and l.at >= coalesce(t.placed_at, 0)
     order by l.device_id, l.at"
);

/// Sums by place and quarter. Zones are the same in either case.
#[derive(Default)]
struct PlaceSums(HashMap<(String, String, String), (Place, Quarters)>);

impl PlaceSums {
    fn add(&mut self, place: &Place, quarters: Quarters) {
        let key = (place.site.clone(), place.zone.to_ascii_lowercase(), place.kind.clone());
        let (_, all) = self.0.entry(key).or_insert_with(|| (place.clone(), Quarters::new()));
        for (start, sums) in quarters {
            let entry = all.entry(start).or_default();
            *entry = *entry + sums;
        }
    }

    /// Adds them to what is there.
    fn write(self, db: &Transaction) -> Result<(), Problem> {
        let mut rows = Vec::new();
        for (place, quarters) in self.0.into_values() {
            for (start, sums) in quarters.into_iter().filter(|(_, sums)| *sums != Sums::default()) {
                let Place { site, zone, kind } = &place;
                rows.push((
                    site.clone(),
                    zone.clone(),
                    kind.clone(),
                    start,
                    sums.occupied_ms,
                    sums.known_ms,
                    sums.arrivals,
                    sums.departures,
                ));
            }
        }
        if rows.is_empty() {
            return Ok(());
        }
        let rows = serde_json::to_string(&rows).map_err(Problem::internal)?;
        db.run(OPEN, params![&rows])?;
        db.run(ADD, params![rows])?;
        Ok(())
    }
}

const OPEN: &str = "insert into occupancy_quarters (site, zone, kind, start, occupied_ms, known_ms, arrivals, departures)
     select r.value ->> 0, r.value ->> 1, r.value ->> 2, r.value ->> 3, 0, 0, 0, 0 from json_each(?1) r where true
     on conflict do nothing";

/// What is taken away by a correction was added before, unless the sensor was out of use or elsewhere then: nothing falls below nothing.
const ADD: &str = "update occupancy_quarters as q
     set known_ms = max(0, q.known_ms + d.known_ms), occupied_ms = max(0, q.occupied_ms + d.occupied_ms),
         arrivals = max(0, q.arrivals + d.arrivals), departures = max(0, q.departures + d.departures)
     from (
         select r.value ->> 0 as site, r.value ->> 1 as zone, r.value ->> 2 as kind, r.value ->> 3 as start, r.value ->> 4 as occupied_ms,
             r.value ->> 5 as known_ms, r.value ->> 6 as arrivals, r.value ->> 7 as departures
         from json_each(?1) r
     ) d
     where q.site = d.site and q.zone = d.zone and q.kind = d.kind and q.start = d.start";

/// Corrects the sums by what came in late; how many events.
pub fn correct(now: i64) -> Result<usize, Problem> {
    let mut events = 0;
    for _ in 0..LATE_DEVICES {
        match db::transaction(|db| correct_one(db, now))? {
            0 => break,
            done => events += done,
        }
    }
    Ok(events)
}

#[derive(FromRow)]
struct Late {
    device_id: i64,
    at: i64,
}

const FIRST_LATE: &str = "select device_id, at from occupancy_late order by device_id, at limit 1";

const LAST_LATE: &str = "select max(at) from (
         select at from occupancy_late where device_id = ?1 and at >= ?2 and at < ?2 + ?3 order by at limit ?4
     )";

/// What is known of the device's spot at the first late event, and what comes after the last one.
#[derive(FromRow)]
struct Around {
    #[row(flatten)]
    place: Place,
    placed_at: i64,
    up_to: i64,
    state_before: Option<bool>,
    next_at: Option<i64>,
}

const AROUND: &str = formatcp!(
    "select s.site, s.zone, s.kind, coalesce(t.placed_at, 0) as placed_at,
         (select up_to from rollup_progress where name = 'occupancy') as up_to, {STATE_BEFORE} as state_before,
         (select l.at from occupancy_log l where l.device_id = v.id and l.at > ?3
             and not exists (select 1 from occupancy_late o where o.device_id = l.device_id and o.at = l.at) order by l.at limit 1) as next_at
     from devices v cross join spots s on s.spot_id = v.spot_id cross join device_state t on t.device_id = v.id
     where v.id = ?2 and v.is_active = 1"
);

#[derive(FromRow)]
struct LogRow {
    at: i64,
    occupied: bool,
    is_late: bool,
}

const LOG: &str = "select l.at, l.occupied,
         exists (select 1 from occupancy_late o where o.device_id = l.device_id and o.at = l.at) as is_late
     from occupancy_log l where l.device_id = ?1 and l.at >= ?2 and l.at <= ?3 order by l.at";

const CORRECTED: &str = "delete from occupancy_late where device_id = ?1 and at <= ?2 returning 1";

/// Corrects what some late events of one device have changed; how many. The sums were made without them, and are so of those that are left.
fn correct_one(db: &Transaction, now: i64) -> Result<usize, Problem> {
    let Some(late) = db.fetch_optional::<Late>(FIRST_LATE, params![])? else { return Ok(0) };
    let last = db.fetch_scalar::<Option<i64>>(LAST_LATE, params![late.device_id, late.at, LATE_SPAN_MS, LATE_EVENTS])?.flatten();
    let last = last.unwrap_or(late.at);
    // Of a device that is out of use or on no spot, and of where it was before, nothing is counted.
    if let Some(around) = db.fetch_optional::<Around>(AROUND, params![late.at, late.device_id, last])?
        && late.at >= now - CORRECTED_MS
    {
        let end = around.next_at.unwrap_or(last);
        let log: Vec<LogRow> = db.fetch_all(LOG, params![late.device_id, late.at.max(around.placed_at), end])?;
        let counted = log.iter().filter(|row| row.at <= last || !row.is_late);
        let said: Vec<_> = counted.map(|row| (Said { at: row.at, is_occupied: row.occupied }, row.is_late)).collect();
        // What follows may have become an arrival or a departure, or be none any more.
        let to = around.next_at.map_or(around.up_to, |after| around.up_to.min(after + 1));
        let mut sums = PlaceSums::default();
        sums.add(&around.place, occupancy::correction(around.state_before, &said, late.at, to));
        sums.write(db)?;
    }
    Ok(db.run(CORRECTED, params![late.device_id, last])?.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_the_domains_quarters() {
        assert!(include_str!("../../../migrations/0047_occupancy_quarters.sql").contains(&format!("check (start % {QUARTER_MS} = 0)")));
    }

    #[test]
    fn zones_are_the_same_in_either_case() {
        let place = |zone: &str| Place { site: "a".to_owned(), zone: zone.to_owned(), kind: "ev".to_owned() };
        let one = || Quarters::from([(0, Sums { known_ms: 1, ..Sums::default() })]);
        let mut sums = PlaceSums::default();
        sums.add(&place("B1"), one());
        sums.add(&place("b1"), one());
        let all: Vec<_> = sums.0.into_values().map(|(_, quarters)| quarters[&0].known_ms).collect();
        assert_eq!(all, [2]);
    }
}
