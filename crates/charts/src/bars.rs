//! Bars, upright or lying, of one or several parts.

use crate::axis::{self, Upward, middles};
use crate::canvas::{Anchor, Area, Style};
use crate::colour::Colours;
use crate::look::Look;
use crate::model::{Bars, Label, Orientation, known};
use crate::number::{short_with_unit, spoken, tick};
use crate::scale::Scale;
use crate::sheet::{Entry, Mark, NO_DATA, SMALL, Sheet, TEXT};
use crate::text::{fitted, width};
use crate::words::Words;

/// How much of a place its bar takes.
const BAR: f64 = 0.74;
const WIDEST_BAR: f64 = 64.0;
/// Of a lying bar with the gap to the next.
const ROW: f64 = 34.0;
/// The most of the width that names of lying bars take.
const NAMES: f64 = 0.36;

pub fn draw(chart: &Bars, look: Look) -> String {
    let mut sheet = Sheet::new(&chart.heading, look);
    let mut words = Words::new("Bar chart", &chart.heading.subtitle);
    words.axis("Places", &chart.across);
    words.axis("Bars", &chart.measure);
    let is_empty = (0..chart.places.len()).all(|place| parts(chart, place).next().is_none());
    if chart.series.len() > 1 && !is_empty {
        let entry =
            |(number, name): (usize, &str)| Entry { mark: Mark::Block, colour: sheet.colours.series(number), name: name.to_owned() };
        let entries: Vec<_> = chart.series.iter().map(|series| series.name.as_str()).enumerate().map(entry).collect();
        sheet.legend(&entries);
    }
    let plot = match chart.orientation {
        Orientation::Upright => upright(&mut sheet, chart),
        Orientation::Lying => lying(&mut sheet, chart),
    };
    for series in &chart.series {
        words.series(&series.name, &series.values, &chart.places, &chart.measure.unit);
    }
    if is_empty {
        sheet.no_data(plot);
        words.say(NO_DATA);
    }
    sheet.finish(&words.finish())
}

/// The parts of the bar at this place that are known: the number of the series and the value.
fn parts(chart: &Bars, place: usize) -> impl Iterator<Item = (usize, f64)> + use<'_> {
    let value = move |values: &[Option<f64>]| values.get(place).and_then(|value| known(*value));
    chart.series.iter().enumerate().filter_map(move |(number, series)| Some((number, value(&series.values)?)))
}

/// What lies above nought, and what lies below.
fn ends(chart: &Bars, place: usize) -> (f64, f64) {
    parts(chart, place).fold((0.0, 0.0), |(low, high), (_, value)| (low + value.min(0.0), high + value.max(0.0)))
}

/// The parts stacked: the series, and from where to where.
fn stacked(chart: &Bars, place: usize) -> Vec<(usize, f64, f64)> {
    let (mut low, mut high) = (0.0, 0.0);
    let mut stacked = Vec::new();
    for (number, value) in parts(chart, place).filter(|(_, value)| *value != 0.0) {
        let end = if value < 0.0 { &mut low } else { &mut high };
        stacked.push((number, *end, *end + value));
        *end += value;
    }
    stacked
}

fn tip(chart: &Bars, place: usize, number: usize, value: f64) -> String {
    let name = chart.series.get(number).map(|series| series.name.as_str()).filter(|name| !name.is_empty() && chart.series.len() > 1);
    let place = chart.places.get(place).map_or("", Label::by_itself);
    let value = spoken(value, &chart.measure.unit);
    name.map_or_else(|| format!("{place}: {value}"), |name| format!("{place}, {name}: {value}"))
}

fn upright(sheet: &mut Sheet, chart: &Bars) -> Area {
    let count = chart.places.len();
    let all = (0..count).map(|place| ends(chart, place)).flat_map(|(low, high)| [low, high]);
    let upward = axis::upward(sheet, &chart.measure, all, &chart.guides);
    let plot = upward.plot;
    #[expect(clippy::cast_precision_loss, reason = "places of a picture")]
    let step = plot.width / count.max(1) as f64;
    let thickness = (step * BAR).clamp(0.5, WIDEST_BAR);
    let xs = middles(plot.left, step, count);
    for (place, x) in xs.iter().enumerate() {
        for (number, from, to) in stacked(chart, place) {
            let (top, bottom) = (upward.y(from.max(to)), upward.y(from.min(to)));
            let area = Area { left: x - thickness / 2.0, top, width: thickness, height: apart(bottom - top, from != 0.0) };
            sheet.canvas.rectangle(area, sheet.colours.series(number), Some(&tip(chart, place, number, to - from)));
        }
    }
    figures(sheet, chart, &upward, &xs, step);
    let zero = upward.y(0.0);
    sheet.canvas.rule((plot.left, zero), (plot.right(), zero), sheet.colours.axis, false);
    axis::guides(&mut sheet.canvas, sheet.colours, &upward, &chart.guides);
    axis::places(sheet, plot, &chart.places, &xs, &chart.across);
    plot
}

/// A part upon another is set off by a line of paper.
fn apart(length: f64, is_upon_another: bool) -> f64 {
    if is_upon_another && length > 3.0 { length - 1.0 } else { length }
}

/// What bars are in all, above them, where all of them have room for it.
fn figures(sheet: &mut Sheet, chart: &Bars, upward: &Upward, xs: &[f64], step: f64) {
    let total = |place: usize| {
        let (low, high) = ends(chart, place);
        parts(chart, place).next().map(|_| (if low < 0.0 && high == 0.0 { low } else { high }, low + high))
    };
    let figures: Vec<_> =
        (0..xs.len()).map(|place| total(place).map(|(end, sum)| (end, short_with_unit(sum, &chart.measure.unit)))).collect();
    // A bar that goes both ways has no end for its sum.
    let both_ways = (0..xs.len()).map(|place| ends(chart, place)).any(|(low, high)| low < 0.0 && high > 0.0);
    let fits = |(_, text): &(f64, String)| width(text, SMALL) + 6.0 <= step;
    if both_ways || !chart.guides.is_empty() || !figures.iter().flatten().all(fits) {
        return;
    }
    let style = Style { halo: Some(sheet.colours.paper), ..Style::new(SMALL, sheet.colours.ink, Anchor::Middle) };
    for ((end, text), x) in figures.into_iter().zip(xs).filter_map(|(figure, x)| Some((figure?, x))) {
        let offset = if end < 0.0 { 10.0 } else { -9.0 };
        sheet.canvas.text((*x, upward.y(end) + offset), style, &text);
    }
}

fn lying(sheet: &mut Sheet, chart: &Bars) -> Area {
    let count = chart.places.len();
    let Colours { ink, muted, grid, axis: line, .. } = *sheet.colours;
    let room = sheet.room() * NAMES;
    let names: Vec<_> = chart.places.iter().map(|place| fitted(&place.text, TEXT, room)).collect();
    let widest = names.iter().map(|name| width(name, TEXT)).fold(0.0, f64::max);
    let ends: Vec<_> = (0..count).map(|place| ends(chart, place)).collect();
    let figure = |place: usize| parts(chart, place).next().map(|_| parts(chart, place).map(|(_, value)| value).sum::<f64>());
    let figures: Vec<_> = (0..count).map(|place| figure(place).map(|sum| short_with_unit(sum, &chart.measure.unit))).collect();
    let widest_figure = figures.iter().flatten().map(|text| width(text, SMALL)).fold(0.0, f64::max);
    let left = sheet.margin + widest + 10.0;
    #[expect(clippy::cast_precision_loss, reason = "places of a picture")]
    let height = (count as f64 * ROW).max(4.0 * ROW);
    let plot = Area { left, top: sheet.y + 2.0, width: (sheet.width() - sheet.margin - left - widest_figure - 8.0).max(40.0), height };
    let scale = Scale::over(ends.iter().flat_map(|(low, high)| [*low, *high]), (plot.width / 90.0).floor(), chart.measure.unit.whole);
    let x = |value: f64| plot.left + scale.part(value) * plot.width;
    let most = scale.high.abs().max(scale.low.abs());
    for value in scale.ticks() {
        sheet.canvas.rule((x(value), plot.top), (x(value), plot.bottom()), grid, false);
        let text = tick(value, scale.step, most, &chart.measure.unit);
        sheet.canvas.text((x(value), plot.bottom() + 13.0), Style::new(SMALL, muted, Anchor::Middle), &text);
    }
    let middles = middles(plot.top, ROW, count);
    for (place, middle) in middles.iter().enumerate() {
        sheet.canvas.text((plot.left - 10.0, *middle), Style::new(TEXT, ink, Anchor::End), names.get(place).map_or("", String::as_str));
        for (number, from, to) in stacked(chart, place) {
            let (start, end) = (x(from.min(to)), x(from.max(to)));
            let left = start + (end - start) - apart(end - start, from != 0.0);
            let area = Area { left, top: middle - ROW * 0.36, width: end - left, height: ROW * 0.72 };
            sheet.canvas.rectangle(area, sheet.colours.series(number), Some(&tip(chart, place, number, to - from)));
        }
        if let (Some(text), Some((_, high))) = (figures.get(place).and_then(Option::as_ref), ends.get(place)) {
            let style = Style { halo: Some(sheet.colours.paper), ..Style::new(SMALL, ink, Anchor::Start) };
            sheet.canvas.text((x(*high) + 6.0, *middle), style, text);
        }
    }
    sheet.canvas.rule((x(0.0), plot.top), (x(0.0), plot.bottom()), line, false);
    sheet.y = plot.bottom() + 24.0;
    if !chart.measure.name.is_empty() {
        let name = fitted(&chart.measure.name, SMALL, plot.width);
        sheet.canvas.text((plot.left + plot.width / 2.0, sheet.y + 8.0), Style::new(SMALL, muted, Anchor::Middle), &name);
        sheet.y += 18.0;
    }
    plot
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::BarSeries;

    #[test]
    fn parts_are_stacked_away_from_nought() {
        let series = |values: [Option<f64>; 1]| BarSeries { name: String::new(), values: values.to_vec() };
        let series = [Some(3.0), Some(-1.0), None, Some(f64::NAN), Some(0.0), Some(2.0), Some(-4.0)].map(|value| series([value]));
        let chart = Bars { places: vec![Label::new("a")], series: series.to_vec(), ..Bars::default() };
        assert_eq!(stacked(&chart, 0), [(0, 0.0, 3.0), (1, 0.0, -1.0), (5, 3.0, 5.0), (6, -1.0, -5.0)]);
        assert_eq!(ends(&chart, 0), (-5.0, 5.0));
        assert_eq!(stacked(&chart, 7), []);
    }
}
