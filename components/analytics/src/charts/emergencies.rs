//! How many emergencies there were.

use std::collections::BTreeMap;

use charts::{Axis, BarSeries, Bars, Chart, Label, Orientation, Unit};
use domain::analytics::Period;
use domain::booking_slot::Date;
use http::HeaderMap;
use kit::Answer;
use kit::caller::{Caller, Operator};
use kit::input::Input;
use kit::request::{Now, Query};
use pictures::{Look, Picture, Png, Svg};
use strum::{EnumString, IntoStaticStr};

use super::named::Names;
use super::places::{self, Wall};
use crate::emergencies::{Dimension, Emergencies, EmergencyFigure, EmergencyFilters, figures};

/// By what emergencies are counted in a picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[derive(EnumString, IntoStaticStr, strum::VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum EmergencyBars {
    /// The days of the range.
    #[default]
    Day,
    /// The hours of the day.
    Hour,
    /// What they were.
    Type,
    /// How grave they were.
    Severity,
    /// The zone of the device that reported them.
    Zone,
}

kit::text_enum!(EmergencyBars);

impl EmergencyBars {
    const fn dimension(self) -> Dimension {
        match self {
            Self::Day => Dimension::Day,
            Self::Hour => Dimension::Hour,
            Self::Type => Dimension::Type,
            Self::Severity => Dimension::Severity,
            Self::Zone => Dimension::Zone,
        }
    }
}

/// Of which sites, and how the picture is to look.
#[derive(Input)]
pub struct EmergenciesPicture {
    #[input(flatten)]
    filters: EmergencyFilters,
    /// By what they are counted; `day` unless it says otherwise.
    by: Option<EmergencyBars>,
    #[input(flatten)]
    look: Look,
}

/// Draws how many emergencies there were as SVG.
#[utoipa::path(get, path = "/api/analytics/charts/emergencies.svg")]
pub async fn svg(_: Caller<Operator>, Now(now): Now, headers: HeaderMap, Query(asked): Query<EmergenciesPicture>) -> Answer<Picture<Svg>> {
    Picture::of(&chart(&asked, now)?, &asked.look, &headers)
}

/// Draws how many emergencies there were as PNG.
#[utoipa::path(get, path = "/api/analytics/charts/emergencies.png")]
pub async fn png(_: Caller<Operator>, Now(now): Now, headers: HeaderMap, Query(asked): Query<EmergenciesPicture>) -> Answer<Picture<Png>> {
    Picture::of(&chart(&asked, now)?, &asked.look, &headers)
}

/// What became of those that have something in common.
#[derive(Clone, Copy, Default)]
struct Counts {
    over: i64,
    open: i64,
    false_alarms: i64,
    cancelled: i64,
}

impl Counts {
    fn add(&mut self, figure: &EmergencyFigure) {
        self.over += figure.count - figure.open;
        self.open += figure.open;
        self.false_alarms += figure.false_alarms;
        self.cancelled += figure.cancelled;
    }

    fn total(&self) -> i64 {
        self.over + self.open + self.false_alarms + self.cancelled
    }
}

/// The parts of the bars, each with its name.
type Part = (&'static str, fn(&Counts) -> i64);
const PARTS: [Part; 4] = [
    ("Over", |counts| counts.over),
    ("Open", |counts| counts.open),
    ("False alarms", |counts| counts.false_alarms),
    ("Cancelled", |counts| counts.cancelled),
];

/// The most lying bars.
const MOST_BARS: usize = 30;

fn chart(asked: &EmergenciesPicture, now: i64) -> Answer<Chart> {
    let by = asked.by.unwrap_or_default();
    let emergencies = figures(&asked.filters, now)?;
    let names = Names::load(&asked.filters.scope)?;
    let mut counts: BTreeMap<Option<String>, Counts> = BTreeMap::new();
    for figure in emergencies.items.iter().filter(|figure| figure.dimension == by.dimension()) {
        counts.entry(figure.value.clone()).or_default().add(figure);
    }
    let bars = bars(by, counts, &emergencies)?;
    let known = bars.iter().any(|(_, counts)| counts.total() > 0);
    let word = match by {
        EmergencyBars::Day => "day",
        EmergencyBars::Hour => "hour of the day",
        EmergencyBars::Type => "type",
        EmergencyBars::Severity => "severity",
        EmergencyBars::Zone => "zone",
    };
    let is_lying = matches!(by, EmergencyBars::Type | EmergencyBars::Severity | EmergencyBars::Zone);
    Ok(Chart::Bars(Bars {
        heading: names.heading(&format!("emergencies by {word}"), &emergencies.ranges, &[]),
        across: if by == EmergencyBars::Hour { Axis::new("Hour of the day") } else { Axis::default() },
        measure: Axis::new("Emergencies").unit(Unit::whole()),
        series: if known { PARTS.iter().map(|part| series(*part, &bars)).collect() } else { Vec::new() },
        places: bars.into_iter().map(|(label, _)| label).collect(),
        orientation: if is_lying { Orientation::Lying } else { Orientation::Upright },
        ..Bars::default()
    }))
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
fn series((name, part): Part, bars: &[(Label, Counts)]) -> BarSeries {
    BarSeries { name: name.to_owned(), values: bars.iter().map(|(_, counts)| Some(part(counts) as f64)).collect() }
}

/// All days and hours, also those without any; of the rest those that there were, the most first.
fn bars(by: EmergencyBars, counts: BTreeMap<Option<String>, Counts>, emergencies: &Emergencies) -> Answer<Vec<(Label, Counts)>> {
    match by {
        EmergencyBars::Day => {
            let days: BTreeMap<Wall, Counts> =
                counts.into_iter().filter_map(|(day, counts)| Some((Wall::of(Date::parse(&day?)?), counts))).collect();
            let places = places::of_ranges(&emergencies.ranges, Period::Day)?;
            Ok(places.into_iter().map(|day| (day.label(Period::Day), days.get(&day).copied().unwrap_or_default())).collect())
        }
        EmergencyBars::Hour => {
            let hour = |hour: i64| {
                let name = format!("{hour:02}");
                let found = counts.get(&Some(name.clone())).copied().unwrap_or_default();
                (Label::new(name).rank(u8::from(hour % 6 == 0)), found)
            };
            Ok((0..24).map(hour).collect())
        }
        EmergencyBars::Type | EmergencyBars::Severity | EmergencyBars::Zone => {
            let mut bars: Vec<_> = counts.into_iter().collect();
            bars.sort_by_key(|(_, counts)| std::cmp::Reverse(counts.total()));
            bars.truncate(MOST_BARS);
            let is_code = by == EmergencyBars::Zone;
            let label = |value: Option<String>| match value {
                Some(code) if is_code => Label::new(code),
                Some(word) => Label::new(in_words(&word)),
                None => Label::new("zone not known"),
            };
            Ok(bars.into_iter().map(|(value, counts)| (label(value), counts)).collect())
        }
    }
}

/// `missing_person` as `Missing person`.
fn in_words(word: &str) -> String {
    let spaced = word.replace('_', " ");
    let mut letters = spaced.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use kit::input::Timestamp;

    use super::*;

    fn none() -> Emergencies {
        Emergencies { generated_at: Timestamp(0), ranges: Vec::new(), items: Vec::new() }
    }

    #[test]
    fn kinds_are_in_words_and_the_most_come_first() {
        let of = |open: i64| Counts { open, ..Counts::default() };
        let counts = BTreeMap::from([(Some("fire".to_owned()), of(1)), (Some("missing_person".to_owned()), of(3))]);
        let found = bars(EmergencyBars::Type, counts, &none()).unwrap();
        let names: Vec<_> = found.iter().map(|(label, _)| label.text.as_str()).collect();
        assert_eq!(names, ["Missing person", "Fire"]);
        assert_eq!(series(PARTS[1], &found).values, [Some(3.0), Some(1.0)]);
    }

    #[test]
    fn a_day_has_all_its_hours() {
        let counts = BTreeMap::from([(Some("07".to_owned()), Counts { over: 2, ..Counts::default() })]);
        let found = bars(EmergencyBars::Hour, counts, &none()).unwrap();
        assert_eq!((found.len(), found[7].1.total(), found[8].1.total()), (24, 2, 0));
    }
}
