//! Lines over time, with bands around them.

use crate::axis::{self, Upward, middles};
use crate::canvas::Stroke;
use crate::look::Look;
use crate::model::{LineSeries, Lines, known};
use crate::number::spoken;
use crate::sheet::{BAND_OPACITY, Entry, Mark, NO_DATA, Sheet};
use crate::words::Words;

/// Where places are further apart, each value has a dot.
const DOTS_FROM: f64 = 16.0;
/// How much of what is below a filled line cannot be seen.
const FILL_OPACITY: f64 = 0.12;

pub fn draw(chart: &Lines, look: Look) -> String {
    let mut sheet = Sheet::new(&chart.heading, look);
    let mut words = Words::new("Line chart", &chart.heading.subtitle);
    words.axis("Across", &chart.across);
    words.axis("Upward", &chart.measure);
    let is_empty = chart.series.iter().all(|series| values(series, chart).flatten().next().is_none());
    if !is_empty {
        sheet.legend(&legend(chart, &sheet));
    }
    let bounds = chart.series.iter().flat_map(|series| bands(series, chart)).flatten().flat_map(|(low, high)| [low, high]);
    let all = chart.series.iter().flat_map(|series| values(series, chart)).flatten().chain(bounds);
    let upward = axis::upward(&mut sheet, &chart.measure, all, &chart.guides);
    let count = chart.places.len();
    #[expect(clippy::cast_precision_loss, reason = "places of a picture")]
    let step = upward.plot.width / count.max(1) as f64;
    let xs = middles(upward.plot.left, step, count);
    for (number, series) in chart.series.iter().enumerate() {
        band(&mut sheet, &upward, series, chart, &xs, number);
    }
    for (number, series) in chart.series.iter().enumerate() {
        line(&mut sheet, &upward, series, chart, &xs, number);
        words.series(&series.name, &series.values, &chart.places, &chart.measure.unit);
    }
    axis::guides(&mut sheet.canvas, sheet.colours, &upward, &chart.guides);
    axis::places(&mut sheet, upward.plot, &chart.places, &xs, &chart.across);
    if is_empty {
        sheet.no_data(upward.plot);
        words.say(NO_DATA);
    }
    sheet.finish(&words.finish())
}

/// One for each place.
fn values<'a>(series: &'a LineSeries, chart: &Lines) -> impl Iterator<Item = Option<f64>> + use<'a> {
    series.values.iter().take(chart.places.len()).map(|value| known(*value))
}

/// One for each place; what is below its own beginning is no interval.
fn bands<'a>(series: &'a LineSeries, chart: &Lines) -> impl Iterator<Item = Option<(f64, f64)>> + use<'a> {
    let is_band = |(low, high): &(f64, f64)| low.is_finite() && high.is_finite() && low <= high;
    series.band.iter().take(chart.places.len()).map(move |band| band.filter(is_band))
}

fn legend(chart: &Lines, sheet: &Sheet) -> Vec<Entry> {
    let mut entries = Vec::new();
    let has_band = |series: &LineSeries| bands(series, chart).flatten().next().is_some();
    let is_needed = chart.series.len() > 1 || chart.series.iter().any(has_band);
    for (number, series) in chart.series.iter().enumerate().filter(|_| is_needed) {
        let colour = sheet.colours.series(number);
        entries.push(Entry { mark: Mark::Line { dashed: series.dashed }, colour, name: series.name.clone() });
        if has_band(series) {
            entries.push(Entry { mark: Mark::Band, colour, name: series.band_name.clone() });
        }
    }
    entries
}

/// The stretches in which all is known.
fn stretches<T: Copy>(values: impl Iterator<Item = Option<T>>, xs: &[f64]) -> Vec<Vec<(f64, T)>> {
    let mut stretches: Vec<Vec<(f64, T)>> = vec![Vec::new()];
    for (value, x) in values.zip(xs) {
        match (value, stretches.last_mut()) {
            (Some(value), Some(stretch)) => stretch.push((*x, value)),
            _ => stretches.push(Vec::new()),
        }
    }
    stretches.retain(|stretch| !stretch.is_empty());
    stretches
}

fn band(sheet: &mut Sheet, upward: &Upward, series: &LineSeries, chart: &Lines, xs: &[f64], number: usize) {
    let colour = sheet.colours.series(number);
    for stretch in stretches(bands(series, chart), xs) {
        let over = stretch.iter().map(|(x, (_, high))| (*x, upward.y(*high)));
        let under = stretch.iter().rev().map(|(x, (low, _))| (*x, upward.y(*low)));
        sheet.canvas.shade(&over.chain(under).collect::<Vec<_>>(), colour, BAND_OPACITY);
    }
    for stretch in stretches(values(series, chart), xs).into_iter().filter(|_| series.filled) {
        let (Some((first, _)), Some((last, _)), base) = (stretch.first().copied(), stretch.last().copied(), upward.y(0.0)) else {
            continue;
        };
        let over = stretch.iter().map(|(x, value)| (*x, upward.y(*value)));
        sheet.canvas.shade(&[(first, base)].into_iter().chain(over).chain([(last, base)]).collect::<Vec<_>>(), colour, FILL_OPACITY);
    }
}

fn line(sheet: &mut Sheet, upward: &Upward, series: &LineSeries, chart: &Lines, xs: &[f64], number: usize) {
    let colour = sheet.colours.series(number);
    let is_wide = xs.first().zip(xs.get(1)).is_none_or(|(first, second)| second - first >= DOTS_FROM);
    for stretch in stretches(values(series, chart), xs) {
        let points: Vec<_> = stretch.iter().map(|(x, value)| (*x, upward.y(*value))).collect();
        if points.len() > 1 {
            sheet.canvas.line(&points, Stroke { colour, width: 2.25, dashed: series.dashed });
        }
    }
    // A value without neighbours is no line.
    let alone = |index: usize| {
        let known_at = |index: Option<usize>| index.and_then(|index| series.values.get(index)).is_some_and(|value| known(*value).is_some());
        !known_at(index.checked_sub(1)) && !known_at(index.checked_add(1))
    };
    for ((index, value), (x, place)) in values(series, chart).enumerate().zip(xs.iter().zip(&chart.places)) {
        let Some(value) = value.filter(|_| is_wide && !series.dashed || alone(index)) else { continue };
        let tip = format!("{}: {}", place.by_itself(), spoken(value, &chart.measure.unit));
        sheet.canvas.dot((*x, upward.y(value)), 3.5, colour, &tip);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_ends_a_stretch() {
        let values = [None, Some(1.0), Some(2.0), None, None, Some(3.0)];
        let found = stretches(values.into_iter(), &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
        assert_eq!(found, [vec![(1.0, 1.0), (2.0, 2.0)], vec![(5.0, 3.0)]]);
    }
}
