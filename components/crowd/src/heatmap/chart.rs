//! The heat map as a picture: zones down, hours across, and what the colours mean.

use domain::crowd::{Level, SHARE_BOUNDS_PERCENT};
use domain::time::format_rfc3339;
use domain::transit_clock::offset_ms;
use strum::VariantArray as _;

use super::canvas::{Anchor, Area, Canvas, frame};
use super::model::{HOURS, HeatMap};
use super::palette::{INK, MUTED, UNKNOWN, on, viridis};

const LEFT: i32 = 206;
const TOP: i32 = 96;
const CELL_WIDTH: i32 = 38;
const CELL_HEIGHT: i32 = 34;
const RIGHT: i32 = 28;
/// Below the cells: the hours, their name, and the legend.
const BOTTOM: i32 = 134;
/// Steps of the legend's bar, four pixels each.
const STEPS: i32 = 100;
const STEP: i32 = 4;
/// The most characters of a zone's name.
const LABEL: usize = 20;
/// The most characters of the lines at the top.
const TITLE: usize = 100;

fn cells() -> i32 {
    i32::try_from(HOURS).unwrap_or(24) * CELL_WIDTH
}

fn rows(map: &HeatMap) -> i32 {
    i32::try_from(map.zones.len()).unwrap_or(i32::MAX).clamp(1, 1000) * CELL_HEIGHT
}

/// Width and height.
pub fn size(map: &HeatMap) -> (u32, u32) {
    let (width, height) = (LEFT + cells() + RIGHT, TOP + rows(map) + BOTTOM);
    (width.unsigned_abs(), height.unsigned_abs())
}

fn area(x: i32, y: i32, width: i32, height: i32) -> Area {
    (x, y, width.unsigned_abs(), height.unsigned_abs())
}

/// At most so many characters, the last being an ellipsis when some were left out.
fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most.saturating_sub(2)).chain("..".chars()).collect()
}

/// A figure that fits into a cell: `87`, `1.2k`, `12k`.
fn short(value: f64) -> String {
    match value {
        it if it < 999.5 => format!("{it:.0}"),
        it if it < 9_950.0 => format!("{:.1}k", it / 1000.0),
        it => format!("{:.0}k", it / 1000.0),
    }
}

/// A moment by the site's clock, `2026-02-04 16:00`.
fn moment(map: &HeatMap, at: i64) -> String {
    let local = format_rfc3339(at.saturating_add(offset_ms(&map.time_zone, at)));
    local.chars().take(16).map(|c| if c == 'T' { ' ' } else { c }).collect()
}

pub fn draw(map: &HeatMap, canvas: &mut Canvas) {
    let title = format!("{}: how full its zones are through the day", map.name);
    canvas.text((24, 28), Anchor::Start, true, INK, &shortened(&title, TITLE));
    let span = format!("Mean of the counts from {} to {} ({})", moment(map, map.from.0), moment(map, map.to.0), map.time_zone);
    canvas.text((24, 56), Anchor::Start, false, MUTED, &shortened(&span, TITLE));

    let mut y = TOP;
    for zone in &map.zones {
        let middle = y + CELL_HEIGHT / 2;
        canvas.text((LEFT - 12, middle), Anchor::End, false, INK, &shortened(&zone.name, LABEL));
        let mut x = LEFT;
        for cell in &zone.hours {
            let part = cell.part();
            let colour = part.map_or(UNKNOWN, viridis);
            canvas.rectangle(area(x, y, CELL_WIDTH - 1, CELL_HEIGHT - 1), colour);
            // Of a zone without a capacity it is known how many there were, and not how full it was.
            let text = part.map(|part| part * 100.0).or(cell.mean).map(short);
            if let Some(text) = text {
                canvas.text((x + CELL_WIDTH / 2, middle), Anchor::Middle, false, on(colour), &text);
            }
            x += CELL_WIDTH;
        }
        y += CELL_HEIGHT;
    }
    if map.zones.is_empty() {
        canvas.text((LEFT + cells() / 2, TOP + CELL_HEIGHT / 2), Anchor::Middle, false, MUTED, "This temple has no zones");
    }
    let foot = TOP + rows(map);
    let mut x = LEFT + CELL_WIDTH / 2;
    for hour in 0..HOURS {
        canvas.text((x, foot + 14), Anchor::Middle, false, INK, &format!("{hour:02}"));
        x += CELL_WIDTH;
    }
    let axis = format!("Hour of the day ({})", map.time_zone);
    canvas.text((LEFT + cells() / 2, foot + 38), Anchor::Middle, false, MUTED, &axis);
    legend(map, canvas, foot + 74);
}

/// Where the levels begin and end, per cent of the capacity.
#[expect(clippy::cast_possible_truncation, reason = "0 to 100")]
fn level_bounds() -> [i32; 5] {
    let [moderate, high, critical] = SHARE_BOUNDS_PERCENT.map(|bound| bound as i32);
    [0, moderate, high, critical, 100]
}

/// The bar from 0 to 100 %, with the bounds of the levels, and the grey of what is not known.
fn legend(map: &HeatMap, canvas: &mut Canvas, y: i32) {
    const HEIGHT: i32 = 16;
    canvas.text((LEFT - 12, y + HEIGHT / 2), Anchor::End, false, INK, "% of capacity");
    for step in 0..STEPS {
        let part = (f64::from(step) + 0.5) / f64::from(STEPS);
        canvas.rectangle(area(LEFT + step * STEP, y, STEP, HEIGHT), viridis(part));
    }
    frame(canvas, area(LEFT, y, STEPS * STEP, HEIGHT));
    for percent in level_bounds() {
        let x = LEFT + percent * STEP;
        canvas.rectangle(area(x, y + HEIGHT, 1, 5), INK);
        canvas.text((x, y + HEIGHT + 15), Anchor::Middle, false, INK, &percent.to_string());
    }
    for (level, (from, to)) in Level::VARIANTS.iter().zip(level_bounds().iter().zip(level_bounds().iter().skip(1))) {
        canvas.text((LEFT + (from + to) * STEP / 2, y - 11), Anchor::Middle, false, MUTED, level.into_str());
    }
    let x = LEFT + STEPS * STEP + 48;
    frame(canvas, area(x, y, 28, HEIGHT));
    canvas.rectangle(area(x, y, 28, HEIGHT), UNKNOWN);
    let unsized_zone = map.zones.iter().any(|zone| zone.capacity.is_none());
    let words = if unsized_zone { "not counted; people where no capacity is known" } else { "not counted" };
    canvas.text((x + 40, y + HEIGHT / 2), Anchor::Start, false, INK, words);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_fit_into_cells() {
        let texts = [0.4, 87.0, 999.4, 999.6, 1_240.0, 9_960.0, 1_000_000.0].map(short);
        assert_eq!(texts, ["0", "87", "999", "1.0k", "1.2k", "10k", "1000k"]);
    }
}
