//! The temple that a path names, and its zones.

use domain::crowd::Size;
use kit::db::{Database, Fetch as _, Row};
use kit::input::{Code, Input};
use kit::row::FromRow;
use kit::{Answer, Problem, params};

/// The most zones of one answer.
pub const MAX_ZONES: i64 = 500;

/// One zone, or all.
#[derive(Input)]
pub struct ZoneFilter {
    /// The code of one of the temple's zones, in any case.
    pub zone: Option<Code>,
}

/// A site, as far as crowds are concerned.
#[derive(FromRow)]
pub struct Temple {
    pub slug: String,
    pub name: String,
    pub time_zone: String,
}

/// The refusal where there is no such site.
pub fn not_found() -> Problem {
    Problem::not_found("temple")
}

/// The refusal where the temple has no such zone.
pub fn unknown_zone() -> Problem {
    Problem::invalid_field("zone", UNKNOWN_ZONE)
}

/// Why a count or a filter of another zone is refused.
pub const UNKNOWN_ZONE: &str = "is not a zone of this temple";

impl Temple {
    /// Returns 404 if there is no such site.
    pub fn find(slug: &str) -> Answer<Self> {
        Database.fetch_optional("select slug, name, time_zone from sites where slug = ?", params![slug])?.ok_or_else(not_found)
    }

    /// Its zones in the order of the plan, or the one of this code; returns 422 if it has no such zone.
    pub fn zones(&self, code: Option<&Code>) -> Answer<Vec<Zone>> {
        let zones: Vec<Zone> = Database.fetch_all(
            "select code, name, capacity, area_m2 from zones where site = ?1 and code = coalesce(?2, code) order by position, code limit ?3",
            params![&self.slug, code, MAX_ZONES],
        )?;
        if zones.is_empty() && code.is_some() { Err(unknown_zone()) } else { Ok(zones) }
    }

    /// The capacity of all its zones together, as far as it is known.
    pub fn capacity(&self) -> Answer<i64> {
        let sum = Database.fetch_scalar("select coalesce(sum(capacity), 0) from zones where site = ?", params![&self.slug])?;
        Ok(sum.unwrap_or_default())
    }
}

/// A zone's name and size.
#[derive(FromRow)]
pub struct Zone {
    pub code: String,
    pub name: String,
    #[row(with = read_size)]
    pub size: Size,
}

/// From the columns `capacity` and `area_m2`.
pub fn read_size(row: &Row) -> Answer<Size> {
    Ok(Size { capacity: row.get("capacity")?, area_m2: row.get("area_m2")? })
}
