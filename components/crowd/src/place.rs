//! The temple that a path names, and how its zones' figures are given.

use domain::crowd::{Size, judge};
use kit::db::Row;
use kit::page::Listing;
use kit::problem::FieldErrors;
use kit::{Answer, Problem, db, params};
use serde::Serialize;

/// The most zones of one answer.
pub const MAX_ZONES: i64 = 500;

/// A site, as far as crowds are concerned.
pub struct Temple {
    pub slug: String,
    pub name: String,
    pub time_zone: String,
}

impl Temple {
    /// 404 when there is no such site.
    pub fn find(slug: &str) -> Answer<Self> {
        let rows = db::run("select slug, name, time_zone from sites where slug = ?", params![slug])?;
        let row = rows.first().ok_or_else(|| Problem::not_found("temple"))?;
        Ok(Self { slug: row.text(0)?.to_owned(), name: row.text(1)?.to_owned(), time_zone: row.text(2)?.to_owned() })
    }

    /// Its zones in the order of a plan, or the one of this code: 422 when it has no such zone.
    pub fn zones(&self, code: Option<&str>) -> Answer<Vec<Zone>> {
        let rows = db::run(
            "select code, name, capacity, area_m2 from zones where site = ?1 and code = coalesce(?2, code) order by position, code limit ?3",
            params![&self.slug, code, MAX_ZONES],
        )?;
        if rows.is_empty() && code.is_some() {
            return Err(Problem::invalid_field("zone", "is not a zone of this temple"));
        }
        rows.iter().map(Zone::of).collect()
    }

    /// What all its zones hold together, as far as that is known.
    pub fn room(&self) -> Answer<i64> {
        let rows = db::run("select coalesce(sum(capacity), 0) from zones where site = ?", params![&self.slug])?;
        rows.first().map_or(Ok(0), |row| row.int(0))
    }
}

/// A zone's name and size.
pub struct Zone {
    pub code: String,
    pub name: String,
    pub size: Size,
}

impl Zone {
    fn of(row: &Row) -> Answer<Self> {
        let size = Size { capacity: row.opt_int(2)?, area_m2: row.opt_real(3)? };
        Ok(Self { code: row.text(0)?.to_owned(), name: row.text(1)?.to_owned(), size })
    }
}

/// What a count means in a zone of this size.
#[derive(Debug, Serialize)]
pub struct Share {
    /// Per cent, one decimal; null when the capacity is not known.
    pub percent_of_capacity: Option<f64>,
    /// Persons per square metre; null when the area is not known.
    pub density: Option<f64>,
}

impl Share {
    pub fn of(count: i64, size: &Size) -> Self {
        Self {
            percent_of_capacity: size.share(count).map(|share| rounded(share * 100.0, 1)),
            density: size.density(count).map(|density| rounded(density, 2)),
        }
    }
}

/// The level that a count has by itself, by name.
pub fn level_alone(count: i64, size: &Size) -> Option<&'static str> {
    judge(count, size).map(|level| level.into_str())
}

/// With so many decimals.
pub fn rounded(value: f64, decimals: i32) -> f64 {
    let shift = 10_f64.powi(decimals);
    (value * shift).round() / shift
}

/// The nearest whole number.
#[expect(clippy::cast_possible_truncation, reason = "counts are far below the limit, and `as` holds to it")]
pub fn nearest(value: f64) -> i64 {
    value.round() as i64
}

/// The nearest whole number of people.
pub fn people(value: f64) -> i64 {
    nearest(value).max(0)
}

/// The filters `from` and `to`, milliseconds, both included; 422 naming each that is bad. None where it was not given.
pub fn span(listing: &Listing) -> Result<(Option<i64>, Option<i64>), Problem> {
    let mut errors = FieldErrors::new();
    let mut end = |name: &str| {
        let text = listing.filter(name)?;
        // An offset's `+` that was not escaped arrives as a space.
        let time = domain::time::parse_rfc3339(&text.replace(' ', "+"));
        if time.is_none() {
            errors.entry(name.to_owned()).or_default().push("must be an RFC 3339 timestamp".to_owned());
        }
        time
    };
    let (from, to) = (end("from"), end("to"));
    if from.zip(to).is_some_and(|(from, to)| from > to) {
        errors.entry("to".to_owned()).or_default().push("is before the span's start".to_owned());
    }
    if errors.is_empty() { Ok((from, to)) } else { Err(Problem::invalid(errors)) }
}
