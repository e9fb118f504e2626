//! An array at POST `/api/crowd/temple/{id}/update`: up to 5,000 counts at once, each judged alone.
//!
//! For a counter that was cut off, and for histories of other systems. A zone's state goes through its new counts in the order of their
//! time and ends at the newest: what lies between raises no alert and no event, since it is over.

use std::collections::{BTreeMap, HashSet};

use domain::crowd::{Size, State};
use kit::caller::Principal;
use kit::db::Transaction;
use kit::fields::Fields;
use kit::problem::FieldErrors;
use kit::{Answer, Problem, params};
use serde::Serialize;
use serde_json::Value;

use crate::place::MAX_ZONES;
use crate::update::{Counter, NOT_ITS_ZONE, Sent, state, turns_critical, write_state};

/// The most counts of one request.
pub const MAX_UPDATES: usize = 5_000;

/// The answer: `accepted + duplicate + rejected` is how many counts were sent.
#[derive(Debug, Default, Serialize)]
pub struct Tally {
    accepted: usize,
    duplicate: usize,
    rejected: usize,
    errors: Vec<Rejection>,
}

#[derive(Debug, Serialize)]
struct Rejection {
    /// From 0.
    index: usize,
    reason: String,
    #[serde(skip_serializing_if = "FieldErrors::is_empty")]
    errors: FieldErrors,
}

impl Tally {
    fn reject(&mut self, index: usize, reason: impl Into<String>, errors: FieldErrors) {
        self.errors.push(Rejection { index, reason: reason.into(), errors });
    }

    fn invalid(&mut self, index: usize, errors: FieldErrors) {
        let names: Vec<_> = errors.keys().map(String::as_str).collect();
        self.reject(index, format!("invalid: {}", names.join(", ")), errors);
    }
}

/// A body as it was read: each count, or what is wrong with it.
pub type Judged = Result<Sent, FieldErrors>;

/// 400 when the array cannot be read, 413 for more than [`MAX_UPDATES`].
pub fn parse(body: &[u8], now: i64) -> Answer<Vec<Judged>> {
    let values: Vec<Value> = serde_json::from_slice(body).map_err(|error| Problem::unreadable(format!("not JSON: {error}")))?;
    if values.len() > MAX_UPDATES {
        return Err(Problem::too_large(format!("at most {MAX_UPDATES} counts in one request")));
    }
    let judge = |value| match Fields::of(value) {
        Ok(mut fields) => {
            let sent = Sent::read(&mut fields, now);
            if fields.errors().is_empty() { Ok(sent) } else { Err(fields.errors().clone()) }
        }
        Err(problem) => Err(problem.errors().clone()),
    };
    Ok(values.into_iter().map(judge).collect())
}

struct Zone {
    code: String,
    size: Size,
    newest: Option<i64>,
    before: State,
    /// New counts, by time.
    new: BTreeMap<i64, i64>,
}

/// Stores them with the new state of each zone. 404 for an unknown temple, or an inactive device. Also tells whether a zone has turned
/// critical.
pub fn store(transaction: &Transaction, caller: &Principal, site: &str, sent: Vec<Judged>, now: i64) -> Answer<(Tally, bool)> {
    let mut zones = zones(transaction, site)?;
    let counter = Counter::find(transaction, caller)?;
    let mut tally = Tally::default();
    let mut rows: Vec<(String, i64, i64)> = Vec::with_capacity(sent.len());
    for (index, judged) in sent.into_iter().enumerate() {
        match judged {
            Err(errors) => tally.invalid(index, errors),
            Ok(sent) => match zones.get(&sent.zone.to_ascii_lowercase()) {
                None => {
                    let reason = vec!["is not a zone of this temple".to_owned()];
                    tally.invalid(index, FieldErrors::from([("zone".to_owned(), reason)]));
                }
                Some(zone) if !counter.counts(site, &zone.code) => tally.reject(index, NOT_ITS_ZONE, FieldErrors::new()),
                Some(zone) => rows.push((zone.code.clone(), sent.at, sent.count)),
            },
        }
    }
    tally.rejected = tally.errors.len();
    let inserted = transaction.run(
        "insert into crowd_readings (site, zone, at, received_at, count, device_id, sent_by)
         select ?1, r.value ->> 0, r.value ->> 1, ?3, r.value ->> 2, ?4, ?5 from json_each(?2) r where true order by r.key
         on conflict do nothing returning zone, at",
        params![site, serde_json::to_string(&rows).map_err(Problem::internal)?, now, counter.id(), &caller.id],
    )?;
    let mut stored: HashSet<(&str, i64)> = HashSet::with_capacity(inserted.len());
    for row in inserted.iter() {
        stored.insert((row.text(0)?, row.int(1)?));
    }
    for (code, at, count) in &rows {
        // Of counts of the same zone and time the first was stored.
        if !stored.remove(&(code.as_str(), *at)) {
            tally.duplicate += 1;
            continue;
        }
        tally.accepted += 1;
        if let Some(zone) = zones.get_mut(&code.to_ascii_lowercase())
            && zone.newest.is_none_or(|newest| *at > newest)
        {
            zone.new.insert(*at, *count);
        }
    }
    let mut alarming = false;
    for zone in zones.values() {
        let after = zone.new.values().fold(zone.before, |state, count| state.after(*count, &zone.size));
        if let Some((at, count)) = zone.new.last_key_value() {
            let newest = Sent { zone: zone.code.clone(), count: *count, at: *at };
            write_state(transaction, site, &zone.code, &newest, &after, now)?;
            alarming |= turns_critical(&zone.before, &after);
        }
    }
    Ok((tally, alarming))
}

/// The temple's zones by their codes in lower case.
fn zones(transaction: &Transaction, site: &str) -> Answer<BTreeMap<String, Zone>> {
    let rows = transaction.run(
        "select z.code, z.capacity, z.area_m2, c.at, c.share_level, c.share_alone, c.density_level, c.density_alone
         from sites s left join zones z on z.site = s.slug left join crowd_state c on c.site = z.site and c.zone = z.code
         where s.slug = ?1 limit ?2",
        params![site, MAX_ZONES],
    )?;
    if rows.is_empty() {
        return Err(Problem::not_found("temple"));
    }
    let mut zones = BTreeMap::new();
    for row in rows.iter() {
        let Some(code) = row.opt_text(0)? else { continue };
        let zone = Zone {
            code: code.to_owned(),
            size: Size { capacity: row.opt_int(1)?, area_m2: row.opt_real(2)? },
            newest: row.opt_int(3)?,
            before: state(row)?,
            new: BTreeMap::new(),
        };
        zones.insert(code.to_ascii_lowercase(), zone);
    }
    Ok(zones)
}
