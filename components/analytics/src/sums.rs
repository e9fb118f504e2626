//! How full spots were in stretches of time, from the sums by quarter of an hour.
//!
//! A spot whose state nobody knew counts neither as free nor as occupied. The mean of a zone and kind is that of its quarters that are known; those
//! of several are added up.

use const_format::concatcp;
use domain::analytics::{QUARTER_MS, Span};
use domain::spot::Kind;
use kit::db::{Database, Fetch as _};
use kit::row::FromRow;
use kit::{Answer, Problem, params};
use serde::Serialize;
use strum::{EnumString, IntoStaticStr, VariantArray as _};
use utoipa::ToSchema;

use crate::scope::spans_json;

/// By what figures of spots are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[derive(EnumString, IntoStaticStr, strum::VariantNames, ToSchema)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum By {
    /// Each site as a whole.
    Site,
    /// Each zone.
    Zone,
    /// Each kind of spots.
    Kind,
    /// Each kind of spots of each zone.
    ZoneKind,
}

kit::text_enum!(By);

impl By {
    pub const fn has_zone(self) -> bool {
        matches!(self, Self::Zone | Self::ZoneKind)
    }

    pub const fn has_kind(self) -> bool {
        matches!(self, Self::Kind | Self::ZoneKind)
    }
}

/// Figures of one stretch of time.
#[derive(Clone, Debug, PartialEq, FromRow)]
pub struct SpanSum {
    /// Which of the stretches that were asked for.
    pub span: i64,
    /// None where zones are not told apart.
    pub zone: Option<String>,
    /// None where kinds are not told apart.
    pub kind: Option<Kind>,
    /// Mean occupied spots.
    pub occupied: f64,
    /// Mean spots whose state was known.
    pub known: f64,
    pub arrivals: i64,
    pub departures: i64,
}

/// Each zone and kind by itself. From one stretch to the next by a look into the key.
const EACH: &str = "select p.key as span, z.code as zone, k.value as kind, sum(q.occupied_ms) * 1.0 / count(*) as occupied_ms,
         sum(q.known_ms) * 1.0 / count(*) as known_ms, sum(q.arrivals) as arrivals, sum(q.departures) as departures
     from json_each(?1) p cross join zones z cross join json_each(?2) k cross join occupancy_quarters q
     where z.site = ?3 and z.code = coalesce(?4, z.code) and q.site = z.site and q.zone = z.code and q.kind = k.value
         and q.start >= (p.value ->> 0) and q.start < (p.value ->> 1)
     group by p.key, z.code, k.value";

macro_rules! sums_by {
    ($zone:literal, $kind:literal) => {
        concatcp!(
            "select span, ",
            $zone,
            " as zone, ",
            $kind,
            " as kind, sum(occupied_ms) / ",
            QUARTER_MS,
            " as occupied, sum(known_ms) / ",
            QUARTER_MS,
            " as known, sum(arrivals) as arrivals, sum(departures) as departures from (",
            EACH,
            ") group by 1, 2, 3 order by 1, 2, 3"
        )
    };
}

const BY_SITE: &str = sums_by!("null", "null");
const BY_ZONE: &str = sums_by!("zone", "null");
const BY_KIND: &str = sums_by!("null", "kind");
const BY_ZONE_KIND: &str = sums_by!("zone", "kind");

/// The figures of the stretches of which anything is known, in their order.
pub fn sums(site: &str, zone: Option<&str>, kind: Option<Kind>, by: By, spans: &[Span]) -> Answer<Vec<SpanSum>> {
    let sql = match by {
        By::Site => BY_SITE,
        By::Zone => BY_ZONE,
        By::Kind => BY_KIND,
        By::ZoneKind => BY_ZONE_KIND,
    };
    Database.fetch_all(sql, params![spans_json(spans)?, kinds_json(kind)?, site, zone])
}

/// The kinds that are asked for, as a statement takes them.
pub fn kinds_json(kind: Option<Kind>) -> Answer<String> {
    let kinds: Vec<&str> = Kind::VARIANTS.iter().filter(|one| kind.is_none_or(|kind| kind == **one)).map(|kind| kind.into_str()).collect();
    serde_json::to_string(&kinds).map_err(Problem::internal)
}
