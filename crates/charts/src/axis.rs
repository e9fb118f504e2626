//! Axes: which names have room, ticks and lines across.

use std::collections::HashMap;

use crate::canvas::{Anchor, Area, Canvas, Style};
use crate::colour::Colours;
use crate::model::{Axis, Guide, Label, known};
use crate::number::tick;
use crate::scale::Scale;
use crate::sheet::{SMALL, Sheet};
use crate::text::{fitted, width};

/// Between the names of two places.
const GAP: f64 = 10.0;
/// Between tick and name.
const OFFSET: f64 = 8.0;
/// A name of a place is not wider.
const WIDEST: f64 = 160.0;
/// The height of a line of names.
const LINE: f64 = 18.0;

/// An axis upwards.
pub struct Upward {
    pub plot: Area,
    pub scale: Scale,
}

impl Upward {
    /// The height of a value.
    pub fn y(&self, value: f64) -> f64 {
        self.plot.bottom() - self.scale.part(value) * self.plot.height
    }
}

/// Draws the axis of what is measured, upwards, with lines across; moves the sheet below the plot.
pub fn upward(sheet: &mut Sheet, axis: &Axis, values: impl Iterator<Item = f64>, guides: &[Guide]) -> Upward {
    let height = sheet.plot_height();
    let guided = guides.iter().filter_map(|guide| known(Some(guide.value)));
    let scale = Scale::over(values.chain(guided), (height / 52.0).floor(), axis.unit.whole);
    let most = scale.high.abs().max(scale.low.abs());
    let ticks: Vec<_> = scale.ticks().into_iter().map(|value| (value, tick(value, scale.step, most, &axis.unit))).collect();
    let widest = ticks.iter().map(|(_, text)| width(text, SMALL)).fold(0.0, f64::max);
    axis_name(sheet, &axis.name);
    let left = sheet.margin + widest + OFFSET;
    let plot = Area { left, top: sheet.y + 14.0, width: sheet.width() - sheet.margin - left, height };
    let upward = Upward { plot, scale };
    let Colours { grid, axis: line, muted, .. } = *sheet.colours;
    for (value, text) in ticks {
        let y = upward.y(value);
        sheet.canvas.rule((plot.left, y), (plot.right(), y), if value == 0.0 { line } else { grid }, false);
        sheet.canvas.text((plot.left - OFFSET, y), Style::new(SMALL, muted, Anchor::End), &text);
    }
    sheet.y = plot.bottom();
    upward
}

/// What an upward axis measures, above it.
fn axis_name(sheet: &mut Sheet, name: &str) {
    if name.is_empty() {
        return;
    }
    let name = fitted(name, SMALL, sheet.room());
    sheet.canvas.text((sheet.margin, sheet.y + 8.0), Style::new(SMALL, sheet.colours.muted, Anchor::Start), &name);
    sheet.y += LINE + 2.0;
}

/// The places of an axis across: the middle of each.
pub fn middles(left: f64, step: f64, count: usize) -> Vec<f64> {
    let mut middles = Vec::new();
    let mut x = left + step / 2.0;
    for _ in 0..count {
        middles.push(x);
        x += step;
    }
    middles
}

/// Names the places below the plot, as many as have room, and the axis below them.
pub fn places(sheet: &mut Sheet, plot: Area, labels: &[Label], middles: &[f64], axis: &Axis) {
    let ink = sheet.colours.ink;
    for placed in placed(labels, middles, sheet.width()) {
        sheet.canvas.rule((placed.place, plot.bottom() + 1.0), (placed.place, plot.bottom() + 5.0), sheet.colours.axis, false);
        sheet.canvas.text((placed.middle, plot.bottom() + 15.0), Style::new(SMALL, ink, Anchor::Middle), &placed.text);
    }
    sheet.y = plot.bottom() + 26.0;
    if !axis.name.is_empty() {
        let name = fitted(&axis.name, SMALL, sheet.room());
        let half = width(&name, SMALL) / 2.0;
        let middle = (plot.left + plot.width / 2.0).min(sheet.width() - sheet.margin - half).max(sheet.margin + half);
        sheet.canvas.text((middle, sheet.y + 8.0), Style::new(SMALL, sheet.colours.muted, Anchor::Middle), &name);
        sheet.y += LINE;
    }
}

/// A name that has room.
#[derive(Debug, PartialEq)]
struct Placed {
    text: String,
    /// The middle of the place.
    place: f64,
    /// The middle of the text, which the edge of the picture may hold off from the place.
    middle: f64,
    width: f64,
}

/// The names that have room beside each other: those that matter most, and of each lower rank those that stand free of them, if all of these
/// have room. Where that makes too few, every second, third, … of the first rank that has no room.
fn placed(labels: &[Label], middles: &[f64], room: f64) -> Vec<Placed> {
    let mut widths: HashMap<String, f64> = HashMap::new();
    let mut place = |(label, place): (&Label, &f64)| {
        let text = fitted(&label.text, SMALL, WIDEST);
        let width = *widths.entry(text.clone()).or_insert_with(|| width(&text, SMALL));
        let middle = place.min(room - width / 2.0 - 2.0).max(width / 2.0 + 2.0);
        Placed { text, place: *place, middle, width }
    };
    let highest = labels.iter().map(|label| label.rank).max().unwrap_or(0);
    let mut placed: Vec<Placed> = Vec::new();
    for rank in (0..=highest).rev() {
        let of_rank: Vec<_> = labels.iter().zip(middles).filter(|(label, _)| label.rank == rank).collect();
        // What cannot have room is not measured.
        let least = of_rank.len().div_ceil(MOST_NAMES).max(1);
        for stride in least..=of_rank.len() {
            let mut chosen: Vec<_> = of_rank.iter().step_by(stride).copied().map(&mut place).collect();
            chosen.retain(|name| placed.iter().all(|other| is_beside(name, other)));
            if have_room(&chosen) {
                placed.extend(chosen);
                placed.sort_by(|one, other| one.middle.total_cmp(&other.middle));
                if stride > 1 {
                    return placed;
                }
                break;
            }
            if placed.len() >= ENOUGH {
                return placed;
            }
        }
    }
    placed
}

/// No axis has room for more.
const MOST_NAMES: usize = 120;
/// So many names tell the others.
const ENOUGH: usize = 3;

fn is_beside(one: &Placed, other: &Placed) -> bool {
    (one.middle - other.middle).abs() >= f64::midpoint(one.width, other.width) + GAP
}

fn have_room(placed: &[Placed]) -> bool {
    placed.iter().zip(placed.iter().skip(1)).all(|(one, next)| is_beside(one, next))
}

/// Draws what values are compared with, over the bars and lines.
pub fn guides(canvas: &mut Canvas, colours: &Colours, upward: &Upward, guides: &[Guide]) {
    let mut taken: Vec<f64> = Vec::new();
    for guide in guides.iter().filter(|guide| guide.value.is_finite()) {
        let (y, plot) = (upward.y(guide.value), upward.plot);
        canvas.rule((plot.left, y), (plot.right(), y), colours.ink, true);
        // Above its line, or below it where the name of another stands.
        let heights = [y - 10.0, y + 11.0];
        let is_free = |height: &&f64| taken.iter().all(|other| (*height - other).abs() >= LINE - 3.0) && **height > plot.top - 4.0;
        let Some(height) = heights.iter().find(is_free).copied() else { continue };
        let style = Style { halo: Some(colours.paper), ..Style::new(SMALL, colours.ink, Anchor::End) };
        canvas.text((plot.right() - 2.0, height), style, &fitted(&guide.name, SMALL, plot.width - 4.0));
        taken.push(height);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn texts(labels: &[Label], room: f64) -> Vec<String> {
        let step = room / f64::from(u32::try_from(labels.len()).unwrap());
        placed(labels, &middles(0.0, step, labels.len()), room).into_iter().map(|placed| placed.text).collect()
    }

    #[test]
    fn names_that_matter_more_stay() {
        let hour = |index: u8| {
            if index.is_multiple_of(24) {
                Label::new(format!("{} Nov", 1 + index / 24)).rank(1)
            } else {
                Label::new(format!("{:02}", index % 24))
            }
        };
        let hours: Vec<_> = (0..96).map(hour).collect();
        assert_eq!(texts(&hours, 400.0), ["1 Nov", "2 Nov", "3 Nov", "4 Nov"]);
        assert_eq!(texts(&hours, 100.0), ["1 Nov", "4 Nov"]);
        // The Monday after the first has no room beside it.
        let days: Vec<_> =
            (1..31).map(|day| Label::new(format!("{day} Nov")).rank(if day == 1 { 2 } else { u8::from(day % 7 == 2) })).collect();
        assert_eq!(texts(&days, 800.0), ["1 Nov", "9 Nov", "16 Nov", "23 Nov", "30 Nov"]);
        assert_eq!(texts(&hours[..24], 1000.0).len(), 24);
    }

    #[test]
    fn a_name_that_is_too_long_is_cut() {
        let names = texts(&[Label::new("श्री सोमनाथ ज्योतिर्लिंग मंदिर मुख्य दर्शन मंडप"), Label::new("Yard")], 700.0);
        assert!(names[0].ends_with('…') && names[1] == "Yard", "{names:?}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn names_never_lie_on_each_other(lengths in prop::collection::vec(0..12_usize, 1..200), ranks: u64, room in 290.0..1200.0) {
            let label = |(index, length): (usize, &usize)| Label::new("m".repeat(*length)).rank(u8::from(ranks >> (index % 64) & 1 == 1));
            let labels: Vec<_> = lengths.iter().enumerate().map(label).collect();
            let step = room / f64::from(u32::try_from(labels.len()).unwrap());
            let placed = placed(&labels, &middles(0.0, step, labels.len()), room);
            prop_assert!(have_room(&placed));
            prop_assert!(placed.iter().all(|it| it.middle - it.width / 2.0 >= 0.0 && it.middle + it.width / 2.0 <= room));
        }
    }
}
