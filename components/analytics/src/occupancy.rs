//! How full spots are now, and were.

use domain::analytics::{MAX_DAYS, Period, Span, local_time, percent, rounded};
use domain::spot::Kind;
use kit::caller::{Caller, Operator};
use kit::input::{Input, Timestamp};
use kit::request::{Now, Query};
use kit::table::{Format, Table, Tabular};
use kit::{Answer, Problem, table_row};
use serde::Serialize;
use utoipa::ToSchema;

use crate::present::{self, PresentSpots};
use crate::scope::{Days, Ranged, Scope, SiteRange};
use crate::sums::{By, sums};

/// How many stretches of time are summed up by one statement.
const CHUNK: usize = 192;
/// The most rows of a JSON document. Those of CSV and NDJSON are not held in memory.
const MAX_ROWS: usize = 20_000;

/// Of which spots, and how.
#[derive(Clone, Input)]
pub struct OccupancyFilters {
    #[input(flatten)]
    pub scope: Scope,
    /// Only spots of this kind.
    pub kind: Option<Kind>,
    /// By what the range is divided; `hour` unless it says otherwise.
    pub period: Option<Period>,
    /// By what spots are told apart; `zone` unless it says otherwise.
    pub by: Option<By>,
}

/// How full spots are now, and were.
#[derive(Serialize, ToSchema)]
pub struct Occupancy {
    /// When this was worked out.
    pub generated_at: Timestamp,
    /// The range of each site.
    pub ranges: Vec<SiteRange>,
    /// What spots are at this moment.
    pub now: Vec<PresentSpots>,
    /// How full they were, site by site in the order of time. Stretches of which nothing is known are left out.
    pub items: Vec<OccupancyFigure>,
}

/// How full spots were in a stretch of time.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct OccupancyFigure {
    /// The site's slug.
    pub site: String,
    /// The zone's code; null where zones are not told apart.
    pub zone: Option<String>,
    /// The kind of the spots; null where kinds are not told apart.
    pub kind: Option<Kind>,
    /// Where the stretch begins.
    pub start: Timestamp,
    /// Where the stretch ends.
    pub end: Timestamp,
    /// Its beginning by the site's clock.
    #[schema(example = "2026-02-04T06:00:00+05:30")]
    pub local_start: String,
    /// Mean occupied spots.
    pub occupied: f64,
    /// Mean spots whose state was known.
    pub known: f64,
    /// The one of the other, per cent; null when nothing was known.
    pub occupancy_rate: Option<f64>,
    /// Vehicles that came.
    pub arrivals: i64,
    /// Vehicles that left.
    pub departures: i64,
}

table_row!(OccupancyFigure { site, zone, kind, start, end, local_start, occupied, known, occupancy_rate, arrivals, departures });

impl Tabular for Occupancy {
    type Row = OccupancyFigure;
    const NAME: &'static str = "occupancy";

    fn into_rows(self) -> Vec<OccupancyFigure> {
        self.items
    }
}

impl OccupancyFilters {
    fn period(&self) -> Period {
        self.period.unwrap_or(Period::Hour)
    }

    fn by(&self) -> By {
        self.by.unwrap_or(By::Zone)
    }

    fn ranges(&self, now: i64) -> Answer<Vec<Ranged>> {
        let days = match self.period() {
            Period::Quarter => Days { default: 1, most: 31 },
            Period::Hour => Days { default: 7, most: MAX_DAYS },
            Period::Day => Days { default: 30, most: MAX_DAYS },
            Period::Week => Days { default: 84, most: MAX_DAYS },
            Period::Month => Days { default: 365, most: MAX_DAYS },
        };
        self.scope.ranges_of_zones(now, days)
    }
}

/// How full spots are and were.
///
/// With the figures of now; CSV and NDJSON have those of the range alone.
#[utoipa::path(get, path = "/api/analytics/occupancy")]
pub async fn occupancy(
    _: Caller<Operator>,
    Now(now): Now,
    format: Format,
    Query(filters): Query<OccupancyFilters>,
) -> Answer<Table<Occupancy>> {
    if format == Format::Json {
        return Table::of(format, figures(&filters, now)?);
    }
    let mut pages = Pages::new(filters.ranges(now)?, filters);
    Table::stream(format, move || pages.next())
}

/// The figures of a range.
pub(crate) fn figures(filters: &OccupancyFilters, now: i64) -> Answer<Occupancy> {
    let ranges = filters.ranges(now)?;
    let present = ranges.iter().map(|ranged| present::spots(&ranged.site.slug, &filters.scope, filters.kind, filters.by(), now));
    let present = present.collect::<Answer<Vec<_>>>()?.into_iter().flatten().collect();
    let site_ranges = ranges.iter().map(SiteRange::from).collect();
    let mut pages = Pages::new(ranges, filters.clone());
    let mut items = Vec::new();
    while let Some(page) = pages.next()? {
        items.extend(page);
        if items.len() > MAX_ROWS {
            let reason = format!("makes more than {MAX_ROWS} rows: ask for a longer one, for one zone, or for CSV or NDJSON");
            return Err(Problem::invalid_field("period", reason));
        }
    }
    Ok(Occupancy { generated_at: Timestamp(now), ranges: site_ranges, now: present, items })
}

/// The figures, some stretches of time at once.
struct Pages {
    filters: OccupancyFilters,
    ranges: std::vec::IntoIter<Ranged>,
    current: Option<Ranged>,
}

impl Pages {
    fn new(ranges: Vec<Ranged>, filters: OccupancyFilters) -> Self {
        Self { filters, ranges: ranges.into_iter(), current: None }
    }

    fn next(&mut self) -> Answer<Option<Vec<OccupancyFigure>>> {
        let Some(Ranged { site, span }) = self.current.take().or_else(|| self.ranges.next()) else { return Ok(None) };
        let spans: Vec<Span> = self.filters.period().spans(span, site.clock).take(CHUNK).collect();
        let Some(last) = spans.last() else { return Ok(Some(Vec::new())) };
        let rest = Span { start: last.end, end: span.end };
        let found = sums(&site.slug, self.filters.scope.zone.as_deref(), self.filters.kind, self.filters.by(), &spans)?;
        let figure = |sum: crate::sums::SpanSum| {
            let span = usize::try_from(sum.span).ok().and_then(|index| spans.get(index))?;
            Some(OccupancyFigure {
                site: site.slug.clone(),
                zone: sum.zone,
                kind: sum.kind,
                start: Timestamp(span.start),
                end: Timestamp(span.end),
                local_start: local_time(span.start, site.clock),
                occupied: rounded(sum.occupied, 2),
                known: rounded(sum.known, 2),
                occupancy_rate: percent(sum.occupied, sum.known),
                arrivals: sum.arrivals,
                departures: sum.departures,
            })
        };
        let figures = found.into_iter().filter_map(figure).collect();
        self.current = (rest.start < rest.end).then_some(Ranged { site, span: rest });
        Ok(Some(figures))
    }
}
