//! Many counts at once, each judged by itself: of a counter that was cut off, and histories of other systems.
//!
//! A zone's state goes through its new counts in the order of their time and ends at the newest: what lies between raises no alert and no
//! event, since it is over.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use const_format::concatcp;
use domain::time::is_newer;
use kit::caller::Principal;
use kit::db::{Executor, Fetch as _};
use kit::input::{self, Value};
use kit::problem::FieldErrors;
use kit::row::FromRow;
use kit::tally::Tally;
use kit::{Answer, Problem, params};

use crate::single::COUNTED;
use crate::temple::{MAX_ZONES, UNKNOWN_ZONE, not_found};
use crate::zone_state::{Counter, NOT_ITS_ZONE, NewCrowdCount, ZONES, ZoneState, turns_critical, write_state};

/// The most counts of one request.
pub const MAX_COUNTS: usize = 5_000;

/// A count, or what is wrong with it.
pub type Parsed = Result<NewCrowdCount, FieldErrors>;

/// Returns 400 if the array cannot be read, 413 for more than [`MAX_COUNTS`].
pub fn parse(body: &[u8], now: i64) -> Answer<Vec<Parsed>> {
    let values: Vec<Value> = serde_json::from_slice(body).map_err(|error| Problem::unreadable(format!("not JSON: {error}")))?;
    if values.len() > MAX_COUNTS {
        return Err(Problem::too_large(format!("at most {MAX_COUNTS} counts in one request")));
    }
    Ok(values.iter().map(|value| input::parse_value(value, now)).collect())
}

/// A zone with its new counts, by time.
struct Zone {
    code: String,
    before: ZoneState,
    new: BTreeMap<i64, i64>,
}

#[derive(FromRow)]
struct Inserted {
    zone: String,
    at: i64,
}

const INSERT: &str = "insert into crowd_readings (site, zone, at, received_at, count, device_id, sent_by)
     select ?1, r.value ->> 0, r.value ->> 1, ?3, r.value ->> 2, ?4, ?5 from json_each(?2) r where true order by r.key
     on conflict do nothing returning zone, at";

/// Stores them with the new state of each zone. Returns 404 for an unknown temple, or an inactive device. Also tells whether a zone has
/// turned critical.
pub fn store(db: &dyn Executor, caller: &Principal, site: &str, counts: Vec<Parsed>, now: i64) -> Answer<(Tally, bool)> {
    let mut zones = zones(db, site)?;
    let counter = Counter::find(db, caller)?;
    let mut tally = Tally::default();
    let mut rows: Vec<(String, i64, i64)> = Vec::with_capacity(counts.len());
    for (index, parsed) in counts.into_iter().enumerate() {
        match parsed {
            Err(errors) => tally.reject_fields(index, errors),
            Ok(new) => match zones.get(&new.zone.to_ascii_lowercase()) {
                None => tally.reject_fields(index, FieldErrors::from([("zone".to_owned(), vec![UNKNOWN_ZONE.to_owned()])])),
                Some(zone) if !counter.may_count(site, &zone.code) => tally.reject(index, NOT_ITS_ZONE),
                Some(zone) => rows.push((zone.code.clone(), new.timestamp.0, *new.count)),
            },
        }
    }
    let json = serde_json::to_string(&rows).map_err(Problem::internal)?;
    let inserted: Vec<Inserted> = db.fetch_all(INSERT, params![site, json, now, counter.device_id(), &caller.id])?;
    let mut stored: HashSet<(&str, i64)> = inserted.iter().map(|row| (row.zone.as_str(), row.at)).collect();
    for (code, at, count) in &rows {
        // Of counts of the same zone and time the first was stored.
        if !stored.remove(&(code.as_str(), *at)) {
            tally.duplicate += 1;
            continue;
        }
        tally.accepted += 1;
        if let Some(zone) = zones.get_mut(&code.to_ascii_lowercase())
            && is_newer(*at, zone.before.at, now)
        {
            zone.new.insert(*at, *count);
        }
    }
    if counter.device_id().is_none() && tally.accepted > 0 {
        let zones: BTreeSet<&str> = inserted.iter().map(|row| row.zone.as_str()).collect();
        let zones = serde_json::to_string(&zones).map_err(Problem::internal)?;
        let accepted = i64::try_from(tally.accepted).unwrap_or(i64::MAX);
        db.run(concatcp!(COUNTED, "json_object('accepted', ?4, 'zones', json(?5)))"), params![now, &caller.id, site, accepted, zones])?;
    }
    let mut is_alarming = false;
    for Zone { code, before, new } in zones.values() {
        if let Some((at, count)) = new.last_key_value() {
            let after = new.values().fold(before.state, |state, count| state.after(*count, &before.size));
            write_state(db, site, code, (*at, *count), &after, now)?;
            is_alarming |= turns_critical(&before.state, &after);
        }
    }
    Ok((tally, is_alarming))
}

/// The temple's zones by their codes in lower case.
fn zones(db: &dyn Executor, site: &str) -> Answer<BTreeMap<String, Zone>> {
    let rows: Vec<ZoneState> = db.fetch_all(ZONES, params![site, MAX_ZONES])?;
    if rows.is_empty() {
        return Err(not_found());
    }
    let zone = |mut before: ZoneState| {
        let code = before.code.take()?;
        Some((code.to_ascii_lowercase(), Zone { code, before, new: BTreeMap::new() }))
    };
    Ok(rows.into_iter().filter_map(zone).collect())
}
