//! How many emergencies there were, of which kinds, when and where, and how soon they were answered.

use std::collections::BTreeMap;

use domain::analytics::{Durations, HourOfWeek, MAX_DAYS, Span};
use domain::booking_slot::{Date, Zone};
use domain::emergency::{Kind, Severity, Status};
use kit::caller::{Caller, Operator};
use kit::db::{Database, Fetch as _};
use kit::input::{Input, Timestamp};
use kit::request::{Now, Query};
use kit::row::FromRow;
use kit::table::{Format, Table, Tabular};
use kit::{Answer, Problem, params, table_row};
use serde::Serialize;
use utoipa::ToSchema;

use crate::scope::{Days, Scope, SiteRange};

/// How many are read at a time.
const PAGE: i64 = 5_000;
/// The most of one answer: how long each took is held, for the median.
const MAX_EMERGENCIES: usize = 50_000;

/// Of which sites.
#[derive(Clone, Input)]
pub struct EmergencyFilters {
    #[input(flatten)]
    pub scope: Scope,
    /// Only emergencies of this type.
    #[input(alias("emergency_type"), rename = "type")]
    pub kind: Option<Kind>,
}

/// By what emergencies are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = EmergencyDimension)]
pub enum Dimension {
    /// All of the site.
    Total,
    /// What they were.
    Type,
    /// How grave they were.
    Severity,
    /// The hour of the day, by the site's clock.
    Hour,
    /// The day, by the site's clock.
    Day,
    /// The zone of the device that reported them.
    Zone,
}

/// How many emergencies there were, and how soon they were answered.
#[derive(Serialize, ToSchema)]
#[schema(as = EmergencyAnalysis)]
pub struct Emergencies {
    /// When this was worked out.
    pub generated_at: Timestamp,
    /// The range of each site.
    pub ranges: Vec<SiteRange>,
    /// The figures of each site, by each dimension.
    pub items: Vec<EmergencyFigure>,
}

/// Emergencies that have something in common.
#[derive(Debug, Serialize, ToSchema)]
pub struct EmergencyFigure {
    /// The site's slug; null for emergencies whose site nobody knows.
    pub site: Option<String>,
    /// By what they are counted.
    pub dimension: Dimension,
    /// What they have in common: a type, a severity, an hour from `00` to `23`, a date, a zone's code; null for all, and for those of which no
    /// zone is known.
    pub value: Option<String>,
    /// Those that were reported, without those that were cancelled or false alarms.
    pub count: i64,
    /// Those of them that are not over.
    pub open: i64,
    /// Closed as false alarms by operators.
    pub false_alarms: i64,
    /// Cancelled by their reporters.
    pub cancelled: i64,
    /// Those of which somebody has taken notice.
    pub acknowledged: i64,
    /// How long until somebody took notice, the median; null when nobody has.
    pub median_acknowledge_seconds: Option<f64>,
    /// The same, the 95th percentile by nearest rank.
    pub p95_acknowledge_seconds: Option<f64>,
    /// Those that were resolved.
    pub resolved: i64,
    /// How long until they ended, the median; null when none has.
    pub median_resolve_seconds: Option<f64>,
    /// The same, the 95th percentile by nearest rank.
    pub p95_resolve_seconds: Option<f64>,
}

table_row!(EmergencyFigure {
    site,
    dimension,
    value,
    count,
    open,
    false_alarms,
    cancelled,
    acknowledged,
    median_acknowledge_seconds,
    p95_acknowledge_seconds,
    resolved,
    median_resolve_seconds,
    p95_resolve_seconds,
});

impl Tabular for Emergencies {
    type Row = EmergencyFigure;
    const NAME: &'static str = "emergencies";

    fn into_rows(self) -> Vec<EmergencyFigure> {
        self.items
    }
}

/// Counts emergencies by type, severity, hour, day and zone, and measures how soon they were answered.
///
/// Of the last 30 days unless a range is given. A zone is known of emergencies that a device reported. Without a site, those whose site nobody
/// knows are counted too, by the clock of UTC.
#[utoipa::path(get, path = "/api/analytics/emergencies")]
pub async fn emergencies(
    _: Caller<Operator>,
    Now(now): Now,
    format: Format,
    Query(filters): Query<EmergencyFilters>,
) -> Answer<Table<Emergencies>> {
    Table::of(format, figures(&filters, now)?)
}

/// The emergencies of a range.
pub(crate) fn figures(filters: &EmergencyFilters, now: i64) -> Answer<Emergencies> {
    let ranges = filters.scope.ranges(now, Days { default: 30, most: MAX_DAYS })?;
    let mut sites: Vec<(Option<&str>, Zone, Span)> =
        ranges.iter().map(|ranged| (Some(ranged.site.slug.as_str()), ranged.site.clock, ranged.span)).collect();
    if filters.scope.site.is_none()
        && let (Some(utc), Some(span)) = (Zone::parse("UTC"), whole(ranges.iter().map(|ranged| ranged.span)))
    {
        sites.push((None, utc, span));
    }
    let (mut items, mut read) = (Vec::new(), 0);
    for (site, clock, span) in sites {
        // What was reported in this quarter of an hour counts.
        let groups = Groups::read(site, clock, span, filters, &mut read)?;
        items.extend(groups.into_figures(site));
    }
    Ok(Emergencies { generated_at: Timestamp(now), ranges: ranges.iter().map(SiteRange::from).collect(), items })
}

/// From the first start to the last end.
fn whole(spans: impl Iterator<Item = Span>) -> Option<Span> {
    spans.reduce(|whole, span| Span { start: whole.start.min(span.start), end: whole.end.max(span.end) })
}

#[derive(FromRow)]
struct Reported {
    id: String,
    zone: Option<String>,
    r#type: Kind,
    severity: Severity,
    status: Status,
    created_at: i64,
    acknowledged_at: Option<i64>,
    resolved_at: Option<i64>,
}

const REPORTED: &str = "select id, zone, type, severity, status, created_at, acknowledged_at, resolved_at from emergency_times
     where site is ?1 and created_at >= ?2 and created_at < ?3 and (created_at, id) > (?4, ?5) order by created_at, id limit ?6";

#[derive(Default)]
struct Group {
    count: i64,
    open: i64,
    false_alarms: i64,
    cancelled: i64,
    acknowledge: Durations,
    resolve: Durations,
}

impl Group {
    fn add(&mut self, one: &Reported) {
        match one.status {
            Status::Cancelled => self.cancelled += 1,
            Status::FalseAlarm => self.false_alarms += 1,
            status => {
                self.count += 1;
                self.open += i64::from(status.is_open());
                one.acknowledged_at.iter().for_each(|at| self.acknowledge.add(at - one.created_at));
                one.resolved_at.iter().for_each(|at| self.resolve.add(at - one.created_at));
            }
        }
    }
}

#[derive(Default)]
struct Groups(BTreeMap<(Dimension, Option<String>), Group>);

impl Groups {
    fn read(site: Option<&str>, clock: Zone, span: Span, filters: &EmergencyFilters, read: &mut usize) -> Answer<Self> {
        let mut groups = Self::default();
        let mut after = (span.start - 1, String::new());
        loop {
            let page: Vec<Reported> = Database.fetch_all(REPORTED, params![site, span.start, span.end, after.0, &after.1, PAGE])?;
            *read += page.len();
            if *read > MAX_EMERGENCIES {
                return Err(Problem::invalid_field(
                    "from",
                    format!("there are more than {MAX_EMERGENCIES}: ask for less time, or for one site"),
                ));
            }
            page.iter().for_each(|one| groups.add(one, clock, filters));
            match page.into_iter().last() {
                Some(last) => after = (last.created_at, last.id),
                None => return Ok(groups),
            }
        }
    }

    fn add(&mut self, one: &Reported, clock: Zone, filters: &EmergencyFilters) {
        let is_of_zone =
            filters.scope.zone.as_deref().is_none_or(|wanted| one.zone.as_deref().is_some_and(|zone| zone.eq_ignore_ascii_case(wanted)));
        if !is_of_zone || filters.kind.is_some_and(|kind| kind != one.r#type) {
            return;
        }
        let HourOfWeek { hour, .. } = HourOfWeek::of(one.created_at, clock);
        for key in [
            (Dimension::Total, None),
            (Dimension::Type, Some(one.r#type.into_str().to_owned())),
            (Dimension::Severity, Some(one.severity.into_str().to_owned())),
            (Dimension::Hour, Some(format!("{hour:02}"))),
            (Dimension::Day, Some(Date::at(one.created_at, clock).to_string())),
            (Dimension::Zone, one.zone.clone()),
        ] {
            self.0.entry(key).or_default().add(one);
        }
    }

    fn into_figures(self, site: Option<&str>) -> impl Iterator<Item = EmergencyFigure> {
        self.0.into_iter().map(move |((dimension, value), group)| {
            let (acknowledged, resolved) = (group.acknowledge.count(), group.resolve.count());
            let (median_acknowledge_seconds, p95_acknowledge_seconds) = group.acknowledge.median_and_p95_seconds().unzip();
            let (median_resolve_seconds, p95_resolve_seconds) = group.resolve.median_and_p95_seconds().unzip();
            EmergencyFigure {
                site: site.map(str::to_owned),
                dimension,
                value,
                count: group.count,
                open: group.open,
                false_alarms: group.false_alarms,
                cancelled: group.cancelled,
                acknowledged,
                median_acknowledge_seconds,
                p95_acknowledge_seconds,
                resolved,
                median_resolve_seconds,
                p95_resolve_seconds,
            }
        })
    }
}
