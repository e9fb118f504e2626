//! The heat map as a picture: zones down, hours across, and what the colours mean.

use super::canvas::{Anchor, Area, Canvas, frame};
use super::palette::{INK, UNKNOWN, on, viridis};
use super::{HOURS, HeatMap};

const LEFT: i32 = 170;
const TOP: i32 = 92;
const CELL_WIDTH: i32 = 38;
const CELL_HEIGHT: i32 = 30;
const LEGEND: i32 = 130;
const BOTTOM: i32 = 64;
/// Steps of the legend's bar.
const STEPS: i32 = 20;
/// The most characters of a zone's name.
const LABEL: usize = 17;

fn cells() -> i32 {
    i32::try_from(HOURS).unwrap_or(24) * CELL_WIDTH
}

fn rows(map: &HeatMap) -> i32 {
    // A bar of five rows is the least that its labels fit beside.
    i32::try_from(map.zones.len()).unwrap_or(i32::MAX).clamp(5, 1000)
}

/// Width and height.
pub fn size(map: &HeatMap) -> (u32, u32) {
    let (width, height) = (LEFT + cells() + LEGEND, TOP + rows(map) * CELL_HEIGHT + BOTTOM);
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

pub fn draw(map: &HeatMap, canvas: &mut impl Canvas) {
    let days = |time: &str| time.chars().take(16).map(|c| if c == 'T' { ' ' } else { c }).collect::<String>();
    canvas.text((16, 24), Anchor::Start, true, INK, &shortened(&format!("{}: share of capacity by hour of the day", map.name), 100));
    let span = format!("Mean of the counts from {} to {} UTC; per cent of each zone's capacity", days(&map.from), days(&map.to));
    canvas.text((16, 50), Anchor::Start, false, INK, &span);
    canvas.text((LEFT - 12, TOP - 14), Anchor::End, false, INK, "Zone");

    let height = i32::try_from(map.zones.len()).unwrap_or(0).min(rows(map)) * CELL_HEIGHT;
    let mut y = TOP;
    for zone in &map.zones {
        canvas.text((LEFT - 12, y + CELL_HEIGHT / 2), Anchor::End, false, INK, &shortened(&zone.zone, LABEL));
        let mut x = LEFT;
        for cell in &zone.hours {
            let part = cell.part();
            let colour = part.map_or(UNKNOWN, viridis);
            canvas.rectangle(area(x, y, CELL_WIDTH - 1, CELL_HEIGHT - 1), colour);
            if let Some(part) = part {
                let percent = format!("{:.0}", (part * 100.0).min(999.0));
                canvas.text((x + CELL_WIDTH / 2, y + CELL_HEIGHT / 2), Anchor::Middle, false, on(colour), &percent);
            }
            x += CELL_WIDTH;
        }
        y += CELL_HEIGHT;
    }
    let mut x = LEFT + CELL_WIDTH / 2;
    for hour in 0..HOURS {
        canvas.text((x, TOP + height + 14), Anchor::Middle, false, INK, &format!("{hour:02}"));
        x += CELL_WIDTH;
    }
    let axis = format!("Hour of the day ({})", map.time_zone);
    canvas.text((LEFT + cells() / 2, TOP + height + 40), Anchor::Middle, false, INK, &axis);
    legend(map, canvas);
}

/// The bar from 100 % at its top to 0 % at its foot, and the grey of what is not known.
fn legend(map: &HeatMap, canvas: &mut impl Canvas) {
    let (x, height) = (LEFT + cells() + 24, rows(map).min(10) * CELL_HEIGHT);
    for step in 0..STEPS {
        let (top, foot) = (height * step / STEPS, height * (step + 1) / STEPS);
        let part = 1.0 - (f64::from(step) + 0.5) / f64::from(STEPS);
        canvas.rectangle(area(x, TOP + top, 20, foot - top), viridis(part));
    }
    frame(canvas, area(x, TOP, 20, height));
    for percent in [100, 80, 60, 30, 0] {
        canvas.text((x + 28, TOP + height * (100 - percent) / 100), Anchor::Start, false, INK, &format!("{percent} %"));
    }
    let y = TOP + height + 20;
    canvas.rectangle(area(x, y, 20, 16), UNKNOWN);
    canvas.text((x + 28, y + 8), Anchor::Start, false, INK, "not known");
}
