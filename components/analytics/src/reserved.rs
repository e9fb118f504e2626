//! Which spots are reserved in the hours ahead, and were in the same hours of the weeks before.

use std::collections::{BTreeMap, HashMap};

use const_format::{concatcp, formatcp};
use domain::analytics::{QUARTER_MS, Reserved, Span, hours_of_stay};
use domain::overview::SpotState;
use domain::reservation::EARLY_ARRIVAL_MS;
use domain::time::{DAY_MS, HOUR_MS};
use kit::db::{Database, Fetch as _};
use kit::row::FromRow;
use kit::{Answer, params};

use crate::scope::spans_json;

/// The hours of a week.
const WEEK: i64 = 7 * 24;
/// How many weeks tell what is usual.
const WEEKS: i64 = 4;

/// When a reservation claims a spot.
#[derive(FromRow)]
struct Claim {
    site: String,
    zone: String,
    spot_id: String,
    starts_at: i64,
    ends_at: i64,
    /// Whether somebody stands there who is taken for its driver.
    is_there: bool,
}

// Claims under way or about to begin are few. Their spots are looked up one by one.
const CLAIMS: &str = concatcp!(
    "select s.site, s.zone, c.spot_id, c.starts_at, c.ends_at, s.state = '",
    SpotState::Occupied.into_str(),
    "' and c.starts_at <= ?1 + ",
    EARLY_ARRIVAL_MS,
    " as is_there
     from spot_claims c cross join spot_states s on s.spot_id = c.spot_id
     where s.site = coalesce(?3, s.site) and ",
    kit::claim_counts!(from: "?1", to: "?2", now: "?1")
);

/// The hours ahead for which spots are reserved, of each site.
pub struct Claims {
    hours: Span,
    by_site: HashMap<String, Vec<Claim>>,
}

impl Claims {
    /// Those of one site, or of all, from the hour after `now` on.
    pub fn read(site: Option<&str>, now: i64, hours: i64) -> Answer<Self> {
        let start = (now.div_euclid(HOUR_MS) + 1) * HOUR_MS;
        let hours = Span { start, end: start + hours * HOUR_MS };
        let mut claims: Vec<Claim> = Database.fetch_all(CLAIMS, params![now, hours.end, site])?;
        claims.sort_by(|a, b| (&a.spot_id, a.starts_at).cmp(&(&b.spot_id, b.starts_at)));
        let mut by_site: HashMap<String, Vec<Claim>> = HashMap::new();
        for claim in claims {
            by_site.entry(claim.site.clone()).or_default().push(claim);
        }
        Ok(Self { hours, by_site })
    }

    /// Those of a site, beside what was reserved before.
    pub fn of_site(&self, site: &str) -> Answer<SiteReservations> {
        let mut reservations = SiteReservations::default();
        // Where nothing is reserved, it does not matter what was.
        let Some(claims) = self.by_site.get(site) else { return Ok(reservations) };
        for claims in claims.chunk_by(|a, b| a.spot_id == b.spot_id) {
            // A stay that is being changed claims its spot twice: no hour counts twice.
            let mut from = self.hours.start;
            for claim in claims {
                let start = claim.starts_at.max(from);
                from = claim.ends_at.min(self.hours.end).max(from);
                for (hour, part) in hours_of_stay(start, from) {
                    reservations.add(&claim.zone, hour, |hour| {
                        hour.known += part;
                        hour.awaited += if claim.is_there { 0.0 } else { part };
                    });
                }
            }
        }
        for stay in stays_before(site, self.hours)? {
            for (hour, part) in hours_of_stay(stay.starts_at, stay.ends_at.min(stay.starts_at + 2 * DAY_MS)) {
                reservations.add(&stay.zone, hour, |hour| hour.before += part * stay.stays);
            }
        }
        Ok(reservations)
    }
}

/// So many stays of a zone, of the same quarters of an hour.
#[derive(FromRow)]
struct Stays {
    zone: String,
    starts_at: i64,
    ends_at: i64,
    stays: f64,
}

// From week to week by a look into the index. Of a stay that began more than a day before, the rest is left out.
const STAYS: &str = formatcp!(
    "select r.zone, r.starts_at / {QUARTER_MS} * {QUARTER_MS} as starts_at, (r.ends_at + {QUARTER_MS} - 1) / {QUARTER_MS} * {QUARTER_MS} as ends_at,
         count(*) * 1.0 as stays
     from json_each(?1) p cross join reserved_stays r
     where r.site = ?2 and r.starts_at > (p.value ->> 0) - {DAY_MS} and r.starts_at < (p.value ->> 1) and r.ends_at > (p.value ->> 0)
     group by 1, 2, 3"
);

/// The stays in the same hours of the weeks before.
fn stays_before(site: &str, Span { start, end }: Span) -> Answer<Vec<Stays>> {
    let before = |weeks: i64| Span { start: start - weeks * WEEK * HOUR_MS, end: end - weeks * WEEK * HOUR_MS };
    let spans: Vec<Span> = (1..=WEEKS).map(before).collect();
    Database.fetch_all(STAYS, params![spans_json(&spans)?, site])
}

/// Spots that are or were reserved in an hour, in its mean.
#[derive(Clone, Copy, Default)]
struct Hour {
    known: f64,
    awaited: f64,
    before: f64,
}

/// Which spots of a site are reserved in the hours ahead, and were before.
#[derive(Default)]
pub struct SiteReservations {
    whole: BTreeMap<i64, Hour>,
    by_zone: HashMap<String, BTreeMap<i64, Hour>>,
}

impl SiteReservations {
    /// Zones are the same in either case.
    fn add(&mut self, zone: &str, hour: i64, add: impl Fn(&mut Hour)) {
        add(self.whole.entry(hour).or_default());
        add(self.by_zone.entry(zone.to_ascii_lowercase()).or_default().entry(hour).or_default());
    }

    /// What is reserved in an hour, of a zone or of the whole site; usual is the mean of those weeks of which it `is_known` how full that hour
    /// was.
    pub fn at(&self, zone: Option<&str>, hour: i64, is_known: impl Fn(i64) -> bool) -> Reserved {
        let hours = zone.map_or(Some(&self.whole), |zone| self.by_zone.get(&zone.to_ascii_lowercase()));
        let at = |hour: i64| hours.and_then(|hours| hours.get(&hour)).copied().unwrap_or_default();
        let (mut weeks, mut before) = (0.0, 0.0);
        for hour in (1..=WEEKS).map(|weeks| hour - weeks * WEEK).filter(|hour| is_known(*hour)) {
            weeks += 1.0;
            before += at(hour).before;
        }
        let Hour { known, awaited, .. } = at(hour);
        Reserved { known, awaited, usual: (weeks > 0.0 && known > 0.0).then(|| before / weeks) }
    }
}

#[cfg(test)]
mod tests {
    use domain::reservation::Status;
    use strum::VariantArray as _;

    use super::*;

    #[test]
    fn the_view_has_the_stays_for_which_a_spot_was_kept() {
        let is_kept = |status: &&Status| !matches!(status, Status::PendingPayment | Status::Cancelled | Status::Expired);
        let kept: Vec<_> = Status::VARIANTS.iter().filter(is_kept).map(|status| format!("'{}'", status.into_str())).collect();
        let view = include_str!("../../../migrations/0058_reserved_stays.sql");
        assert!(view.contains(&format!("r.status in ({})", kept.join(", "))), "{kept:?}");
    }

    #[test]
    fn usual_is_the_mean_of_the_weeks_that_are_known() {
        let mut site = SiteReservations::default();
        let hour = 500_000;
        site.add("B1", hour, |hour| hour.known += 2.0);
        for (weeks, stays) in [(1, 3.0), (2, 1.0), (3, 8.0)] {
            site.add("b1", hour - weeks * WEEK, |hour| hour.before += stays);
        }
        site.add("B2", hour - WEEK, |hour| hour.before += 5.0);
        let last_two = |known: i64| known >= hour - 2 * WEEK;
        assert_eq!(site.at(Some("B1"), hour, last_two), Reserved { known: 2.0, awaited: 0.0, usual: Some(2.0) });
        assert_eq!(site.at(None, hour, last_two).usual, Some(4.5));
        assert_eq!(site.at(Some("B1"), hour, |_| false).usual, None, "of no week before it is known how full it was");
        assert_eq!(site.at(Some("B2"), hour, |_| true), Reserved::default(), "nothing is reserved");
    }
}
