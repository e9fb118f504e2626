//! How many people were in a site's zones, from the sums by quarter of an hour.

use domain::analytics::Span;
use kit::db::{Database, Fetch as _};
use kit::input::Timestamp;
use kit::row::FromRow;
use kit::{Answer, params};

use crate::scope::spans_json;

/// People in one stretch of time, of all zones that were counted together.
#[derive(Clone, Debug, FromRow)]
pub struct SpanPeople {
    /// Which of the stretches that were asked for.
    pub span: i64,
    /// Mean of the quarters of an hour that were counted.
    pub mean: f64,
    /// The most in a quarter of an hour.
    pub peak: f64,
    /// When that quarter began.
    pub peak_at: Timestamp,
}

// `peak_at` is of the row that has the maximum: what SQLite gives for a bare column beside one max().
const PEOPLE: &str = "select span, avg(people) as mean, max(people) as peak, start as peak_at from (
         select p.key as span, q.start as start, sum(q.total * 1.0 / q.readings) as people
         from json_each(?1) p cross join zones z cross join crowd_quarters q
         where z.site = ?2 and z.code = coalesce(?3, z.code) and q.site = z.site and q.zone = z.code
             and q.start >= (p.value ->> 0) and q.start < (p.value ->> 1)
         group by p.key, q.start
     ) group by span order by span";

/// The figures of the stretches in which anybody was counted, in their order.
pub fn people(site: &str, zone: Option<&str>, spans: &[Span]) -> Answer<Vec<SpanPeople>> {
    Database.fetch_all(PEOPLE, params![spans_json(spans)?, site, zone])
}
