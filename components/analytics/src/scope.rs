//! Of which sites, and of which time.

use std::collections::HashMap;

use domain::analytics::{Edge, Span, range};
use domain::booking_slot::{Date, Zone};
use domain::time::{DAY_MS, parse_rfc3339};
use kit::db::{Database, Fetch as _, Row};
use kit::input::{At, Code, Field, Input, SchemaRef, Schemas, Slug, Timestamp, Value, any_of_schemas};
use kit::row::FromRow;
use kit::{Answer, Problem, params};
use serde::Serialize;
use utoipa::ToSchema;

/// The most sites of one answer.
const MAX_SITES: i64 = 500;
/// The most days of all zones together of what is summed up by hours: each hour of each kind of spots of a zone is looked up.
const MAX_ZONE_DAYS: i64 = 60_000;

/// Of which sites and zones, and from when to when.
#[derive(Clone, Input)]
#[input(check)]
pub struct Scope {
    /// A site's slug; all sites unless it says otherwise.
    #[input(alias("temple_id"))]
    pub site: Option<Slug>,
    /// The code of one of the site's zones, in any case.
    #[input(alias("zone_code"))]
    pub zone: Option<Code>,
    /// The first day by the site's clock, or the first moment.
    #[input(alias("start_date"))]
    pub from: Option<RangeEdge>,
    /// The last day by the site's clock, or the moment before which the range ends; now unless it says otherwise.
    #[input(alias("end_date"))]
    pub to: Option<RangeEdge>,
}

/// One end of a range.
#[derive(Clone, Copy, Debug)]
pub struct RangeEdge(Edge);

impl Field for RangeEdge {
    fn read(value: &Value, at: &mut At<'_>) -> Option<Self> {
        let text = value.as_str().unwrap_or_default().trim();
        // An offset's `+` that was not escaped arrives as a space.
        let moment = || parse_rfc3339(text).or_else(|| parse_rfc3339(&text.replace(' ', "+"))).map(Edge::Moment);
        let edge = if text.len() == 10 { Date::parse(text).map(Edge::Day) } else { moment() };
        if edge.is_none() {
            at.refuse("must be an RFC 3339 timestamp or a date such as 2026-02-04");
        }
        edge.map(Self)
    }

    fn schema(schemas: &mut Schemas) -> SchemaRef {
        any_of_schemas([<Timestamp as Field>::schema(schemas), <Date as Field>::schema(schemas)])
    }
}

/// How long a range is, days.
#[derive(Clone, Copy, Debug)]
pub struct Days {
    /// Where no start is given.
    pub default: i64,
    /// At most.
    pub most: i64,
}

/// A site with its clock.
#[derive(Clone, FromRow)]
pub struct Site {
    pub slug: String,
    #[row(with = clock)]
    pub clock: Zone,
    pub time_zone: String,
}

/// A site whose zone this build does not know has the clock of UTC.
fn clock(row: &Row) -> Answer<Zone> {
    let name: String = row.get("time_zone")?;
    Zone::parse(&name).or_else(|| Zone::parse("UTC")).ok_or_else(|| Problem::internal("UTC is not known"))
}

/// The range of one site.
#[derive(Clone)]
pub struct Ranged {
    pub site: Site,
    pub span: Span,
}

/// From when to when the figures of a site are, in whole quarters of an hour.
#[derive(Serialize, ToSchema)]
pub struct SiteRange {
    /// The site's slug.
    pub site: String,
    /// The site's time zone, by which days and hours are told: an IANA name.
    pub time_zone: String,
    /// Where the range begins.
    pub from: Timestamp,
    /// Where the range ends.
    pub to: Timestamp,
}

impl From<&Ranged> for SiteRange {
    fn from(Ranged { site, span }: &Ranged) -> Self {
        Self { site: site.slug.clone(), time_zone: site.time_zone.clone(), from: Timestamp(span.start), to: Timestamp(span.end) }
    }
}

impl Scope {
    fn check(&self, at: &mut At<'_>) {
        at.check_field(self.zone.is_none() || self.site.is_some(), "zone", "needs a site");
    }

    /// The one site, or all; 422 for a site or a zone that there is not.
    pub fn sites(&self) -> Answer<Vec<Site>> {
        let Some(slug) = &self.site else {
            return Database.fetch_all("select slug, time_zone from sites order by slug limit ?", params![MAX_SITES]);
        };
        let site: Vec<Site> = Database.fetch_all("select slug, time_zone from sites where slug = ?", params![slug])?;
        if site.is_empty() {
            return Err(Problem::invalid_field("site", "there is no such site"));
        }
        if let Some(zone) = &self.zone
            && !Database.exists("select 1 from zones where site = ? and code = ?", params![slug, zone])?
        {
            return Err(Problem::invalid_field("zone", "is not a zone of this site"));
        }
        Ok(site)
    }

    /// The sites with their ranges; 422 for a range that runs backward or is too long.
    pub fn ranges(&self, now: i64, days: Days) -> Answer<Vec<Ranged>> {
        let ranged = |site: Site| {
            let [from, to] = [self.from, self.to].map(|edge| edge.map(|RangeEdge(edge)| edge));
            let span = range(from, to, site.clock, now, days.default, days.most);
            let field = if self.to.is_some() { "to" } else { "from" };
            let reason = |bad: domain::analytics::BadRange| match bad {
                domain::analytics::BadRange::TooLong(most) if self.to.is_none() => format!("must lie at most {most} days back"),
                bad => bad.to_string(),
            };
            Ok(Ranged { span: span.map_err(|bad| Problem::invalid_field(field, reason(bad)))?, site })
        };
        self.sites()?.into_iter().map(ranged).collect()
    }

    /// The same, of what is summed up zone by zone; 422 for more than one answer may take.
    pub fn ranges_of_zones(&self, now: i64, days: Days) -> Answer<Vec<Ranged>> {
        let ranges = self.ranges(now, days)?;
        if self.zone.is_none() {
            let slugs: Vec<_> = ranges.iter().map(|ranged| &ranged.site.slug).collect();
            let slugs = serde_json::to_string(&slugs).map_err(Problem::internal)?;
            let zones: Vec<Zones> = Database.fetch_all(ZONES, params![slugs])?;
            let zones: HashMap<_, _> = zones.into_iter().map(|zones| (zones.site, zones.zones)).collect();
            let days = |Ranged { site, span }: &Ranged| {
                let days = (span.end - span.start).div_euclid(DAY_MS) + 1;
                zones.get(&site.slug).copied().unwrap_or_default().saturating_mul(days)
            };
            if ranges.iter().map(days).fold(0, i64::saturating_add) > MAX_ZONE_DAYS {
                let (field, what) = if self.site.is_none() { ("site", "one site") } else { ("zone", "one zone") };
                return Err(Problem::invalid_field(
                    field,
                    format!("has too many zones for so many days: ask for less time, or for {what}"),
                ));
            }
        }
        Ok(ranges)
    }
}

/// How many zones a site has.
#[derive(FromRow)]
struct Zones {
    site: String,
    zones: i64,
}

const ZONES: &str = "select z.site, count(*) as zones from json_each(?1) j cross join zones z where z.site = j.value group by z.site";

/// Spans as a statement takes them: `[[start, end], …]`.
pub fn spans_json(spans: &[Span]) -> Answer<String> {
    let pairs: Vec<_> = spans.iter().map(|span| (span.start, span.end)).collect();
    serde_json::to_string(&pairs).map_err(Problem::internal)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(query: &str) -> Vec<String> {
        kit::input::parse_query::<Scope>(query, 0).err().unwrap().errors().keys().cloned().collect()
    }

    #[test]
    fn older_names_are_read_and_an_end_is_a_day_or_a_moment() {
        let scope = kit::input::parse_query::<Scope>("temple_id=somnath&zone_code=A&start_date=2026-02-04&to=2026-02-05T00:00:00+05:30", 0);
        let scope = scope.ok().unwrap();
        assert_eq!((scope.site.as_deref(), scope.zone.as_deref()), (Some("somnath"), Some("A")));
        assert!(matches!(scope.from, Some(RangeEdge(Edge::Day(date))) if date.to_string() == "2026-02-04"));
        assert!(matches!(scope.to, Some(RangeEdge(Edge::Moment(1_770_229_800_000)))));
    }

    #[test]
    fn what_is_wrong_is_named_together() {
        assert_eq!(refused("from=today&to=2026-02-30&colour=red"), ["colour", "from", "to"]);
        assert_eq!(refused("zone=A"), ["zone"]);
    }
}
