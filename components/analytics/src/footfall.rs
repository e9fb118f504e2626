//! How many people came to temples.

use std::collections::BTreeMap;

use const_format::concatcp;
use domain::analytics::{MAX_DAYS, Period, Span, rounded};
use domain::booking::Status;
use domain::booking_slot::Date;
use kit::caller::{Caller, Operator};
use kit::db::{Database, Fetch as _};
use kit::input::{Input, Timestamp};
use kit::request::{Now, Query};
use kit::row::FromRow;
use kit::table::{Format, Table, Tabular};
use kit::{Answer, params, table_row};
use serde::Serialize;
use strum::{EnumString, IntoStaticStr};
use utoipa::ToSchema;

use crate::people::people;
use crate::scope::{Days, Ranged, Scope, SiteRange};

/// By what the range is divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[derive(EnumString, IntoStaticStr, strum::VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum FootfallPeriod {
    /// Days.
    Daily,
    /// Weeks from Monday.
    Weekly,
    /// Calendar months.
    Monthly,
}

kit::text_enum!(FootfallPeriod);

impl FootfallPeriod {
    pub(crate) const fn period(self) -> Period {
        match self {
            Self::Daily => Period::Day,
            Self::Weekly => Period::Week,
            Self::Monthly => Period::Month,
        }
    }

    const fn days(self) -> Days {
        let default = match self {
            Self::Daily => 30,
            Self::Weekly => 84,
            Self::Monthly => 365,
        };
        Days { default, most: MAX_DAYS }
    }
}

/// Of which temples, and how.
#[derive(Clone, Input)]
pub struct FootfallFilters {
    #[input(flatten)]
    pub scope: Scope,
    /// By what the range is divided; `daily` unless it says otherwise.
    pub period: Option<FootfallPeriod>,
}

/// How many people came.
#[derive(Serialize, ToSchema)]
pub struct Footfall {
    /// When this was worked out.
    pub generated_at: Timestamp,
    /// The range of each site.
    pub ranges: Vec<SiteRange>,
    /// How many people came, site by site in the order of time. Periods of which nothing is known are left out.
    pub items: Vec<FootfallFigure>,
}

/// How many people came in a day, a week or a month.
#[derive(Debug, Serialize, ToSchema)]
pub struct FootfallFigure {
    /// The site's slug.
    pub site: String,
    /// The first day of it in the range.
    pub date: Date,
    /// The last day of it in the range.
    pub last_date: Date,
    /// People who were let in at a gate.
    pub footfall: i64,
    /// People who had booked, those who did not come among them.
    pub booked: i64,
    /// Bookings that were not cancelled.
    pub bookings: i64,
    /// People whose booking was missed.
    pub no_shows: i64,
    /// Mean people in the zones that were counted; null when none was.
    pub mean_people: Option<f64>,
    /// The most people in a quarter of an hour; null when nobody was counted.
    pub peak_people: Option<f64>,
    /// When that quarter began; null when nobody was counted.
    pub peak_at: Option<Timestamp>,
}

table_row!(FootfallFigure { site, date, last_date, footfall, booked, bookings, no_shows, mean_people, peak_people, peak_at });

impl Tabular for Footfall {
    type Row = FootfallFigure;
    const NAME: &'static str = "footfall";

    fn into_rows(self) -> Vec<FootfallFigure> {
        self.items
    }
}

/// Counts the people who came to temples, by day, week or month.
///
/// Those who were let in at a gate, by the day of their slot; and how many people there were in the zones that are counted. With a zone, the
/// people in it: bookings are of a temple as a whole, and are left out.
#[utoipa::path(get, path = "/api/analytics/footfall")]
pub async fn footfall(
    _: Caller<Operator>,
    Now(now): Now,
    format: Format,
    Query(filters): Query<FootfallFilters>,
) -> Answer<Table<Footfall>> {
    Table::of(format, figures(&filters, now)?)
}

/// The footfall of a range.
pub(crate) fn figures(filters: &FootfallFilters, now: i64) -> Answer<Footfall> {
    let by = filters.period.unwrap_or(FootfallPeriod::Daily);
    let ranges = filters.scope.ranges_of_zones(now, by.days())?;
    let mut items = Vec::new();
    for ranged in &ranges {
        items.extend(of_site(ranged, filters.scope.zone.as_deref(), by.period())?);
    }
    Ok(Footfall { generated_at: Timestamp(now), ranges: ranges.iter().map(SiteRange::from).collect(), items })
}

#[derive(FromRow)]
struct BookedDay {
    date: Date,
    came: i64,
    booked: i64,
    bookings: i64,
    no_shows: i64,
}

const BOOKED_DAYS: &str = concatcp!(
    "select date, coalesce(sum(party_size) filter (where status in ('",
    Status::CheckedIn.into_str(),
    "', '",
    Status::Exited.into_str(),
    "')), 0) as came, sum(party_size) as booked, count(*) as bookings, coalesce(sum(party_size) filter (where status = '",
    Status::NoShow.into_str(),
    "'), 0) as no_shows from booked_days where site = ?1 and date >= ?2 and date <= ?3 and status in ('",
    Status::Confirmed.into_str(),
    "', '",
    Status::CheckedIn.into_str(),
    "', '",
    Status::Exited.into_str(),
    "', '",
    Status::NoShow.into_str(),
    "') group by date order by date"
);

fn of_site(Ranged { site, span }: &Ranged, zone: Option<&str>, period: Period) -> Answer<Vec<FootfallFigure>> {
    let spans: Vec<Span> = period.spans(*span, site.clock).collect();
    let date = |at: i64| Date::at(at, site.clock);
    let mut figures: BTreeMap<i64, FootfallFigure> = BTreeMap::new();
    let mut figure_of = |span: &Span, add: &dyn Fn(&mut FootfallFigure)| {
        add(figures.entry(span.start).or_insert_with(|| FootfallFigure {
            site: site.slug.clone(),
            date: date(span.start),
            last_date: date(span.end - 1),
            footfall: 0,
            booked: 0,
            bookings: 0,
            no_shows: 0,
            mean_people: None,
            peak_people: None,
            peak_at: None,
        }));
    };
    for found in people(&site.slug, zone, &spans)? {
        if let Some(span) = usize::try_from(found.span).ok().and_then(|index| spans.get(index)) {
            figure_of(span, &|figure| {
                figure.mean_people = Some(rounded(found.mean, 1));
                figure.peak_people = Some(rounded(found.peak, 1));
                figure.peak_at = Some(found.peak_at);
            });
        }
    }
    let (Some(first), Some(last)) = (spans.first(), spans.last()) else { return Ok(Vec::new()) };
    let days: Vec<BookedDay> = match zone {
        Some(_) => Vec::new(),
        None => Database.fetch_all(BOOKED_DAYS, params![&site.slug, date(first.start), date(last.end - 1)])?,
    };
    for day in days {
        // The period that has the day's last moment in the range.
        let next = site.clock.moment(day.date.plus_days(1), 0);
        let index = spans.partition_point(|span| span.start < next).checked_sub(1);
        if let Some(span) = index.and_then(|index| spans.get(index)) {
            figure_of(span, &|figure| {
                figure.footfall += day.came;
                figure.booked += day.booked;
                figure.bookings += day.bookings;
                figure.no_shows += day.no_shows;
            });
        }
    }
    Ok(figures.into_values().collect())
}
