//! Temples, as far as bookings ask.

use const_format::formatcp;
use domain::booking_slot::{Date, Zone};
use domain::site::Kind;
use kit::db::{Executor, Fetch as _};
use kit::row::FromRow;
use kit::{Problem, params};

/// What the API document says of the 409 that any route of a temple may answer.
pub const UNKNOWN_TIME_ZONE: &str = "The temple's time zone is not known: an administrator must correct it.";

/// A site of kind `temple`.
pub struct Temple {
    /// Its slug.
    pub site: String,
    /// Its time zone.
    pub zone: Zone,
    /// The name of its time zone, as it is stored.
    pub zone_name: String,
}

#[derive(FromRow)]
struct StoredTemple {
    slug: String,
    time_zone: String,
}

const TEMPLE: &str = formatcp!("select slug, time_zone from sites where slug = ? and kind = '{}'", Kind::Temple.into_str());

impl Temple {
    /// None when there is no such temple.
    fn find(db: &dyn Executor, site: &str) -> Result<Option<Self>, Problem> {
        let stored = db.fetch_optional(TEMPLE, params![site])?;
        stored.map(|StoredTemple { slug, time_zone }| Self::stored(slug, time_zone)).transpose()
    }

    /// As its row has it; 409 when its time zone is not known.
    pub fn stored(site: String, zone_name: String) -> Result<Self, Problem> {
        let unknown = || Problem::conflict(format!("the temple's time zone {zone_name} is not known: an administrator must correct it"));
        let zone = Zone::parse(&zone_name).ok_or_else(unknown)?;
        Ok(Self { site, zone, zone_name })
    }

    /// 422 for `temple_id`: there is no such temple.
    pub fn not_in_body() -> Problem {
        Problem::invalid_field("temple_id", "is not a temple")
    }

    /// The temple that a path names; 404 when there is no such temple.
    pub fn at_path(db: &dyn Executor, site: &str) -> Result<Self, Problem> {
        Self::find(db, site)?.ok_or_else(|| Problem::not_found("temple"))
    }

    /// The temple that a body names; 422 for `temple_id` when there is no such temple.
    pub fn in_body(db: &dyn Executor, site: &str) -> Result<Self, Problem> {
        Self::find(db, site)?.ok_or_else(Self::not_in_body)
    }

    /// The date there now.
    pub fn today(&self, now: i64) -> Date {
        Date::at(now, self.zone)
    }
}

/// The date that a path names; 404 when it is no date.
pub fn date_at_path(text: &str) -> Result<Date, Problem> {
    Date::parse(text).ok_or_else(|| Problem::not_found("date"))
}
