//! The heat map as a chart: zones down, hours across, and what the colours mean.

use charts::{Axis, Cell, Chart, ColourScale, Heading, HeatRow, Label};
use domain::crowd::{Level, SHARE_BOUNDS_PERCENT};
use domain::time::format_rfc3339;
use domain::transit_clock::offset_ms;
use strum::VariantArray as _;

use super::model::{HOURS, HeatMap, HeatMapHour};

/// A moment by the site's clock, `2026-02-04 16:00`.
fn moment(map: &HeatMap, at: i64) -> String {
    let local = format_rfc3339(at.saturating_add(offset_ms(&map.time_zone, at)));
    local.chars().take(16).map(|c| if c == 'T' { ' ' } else { c }).collect()
}

/// The chart of this heat map.
pub fn chart(map: &HeatMap) -> Chart {
    let row = |zone: &super::model::HeatMapZone| HeatRow { name: zone.name.clone(), cells: zone.hours.iter().map(cell).collect() };
    let has_unsized_zone = map.zones.iter().any(|zone| zone.capacity.is_none());
    let unknown = if has_unsized_zone { "not counted; people where no capacity is known" } else { "not counted" };
    Chart::HeatMap(charts::HeatMap {
        heading: Heading {
            title: format!("{}: how full its zones are through the day", map.name),
            subtitle: format!("Mean of the counts from {} to {} ({})", moment(map, map.from.0), moment(map, map.to.0), map.time_zone),
        },
        across: Axis::new(format!("Hour of the day ({})", map.time_zone)),
        columns: (0..HOURS).map(|hour| Label::new(format!("{hour:02}")).rank(u8::from(hour % 6 == 0))).collect(),
        rows: map.zones.iter().map(row).collect(),
        scale: ColourScale { measure: Axis::new("% of capacity"), most: Some(100.0), parts: levels() },
        unknown: unknown.to_owned(),
    })
}

/// Of a zone without a capacity it is known how many there were, and not how full it was.
fn cell(hour: &HeatMapHour) -> Cell {
    let value = hour.percent_of_capacity();
    Cell { value, figure: hour.mean.filter(|_| value.is_none()) }
}

/// The levels, and where each ends, per cent of the capacity.
#[expect(clippy::cast_precision_loss, reason = "0 to 100")]
fn levels() -> Vec<(f64, String)> {
    let [moderate, high, critical] = SHARE_BOUNDS_PERCENT.map(|bound| bound as f64);
    let ends = [moderate, high, critical, 100.0];
    Level::VARIANTS.iter().zip(ends).map(|(level, end)| (end, level.into_str().to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_level_has_its_part_of_the_colours() {
        let levels = levels();
        let names: Vec<_> = levels.iter().map(|(end, name)| format!("{name} {end}")).collect();
        assert_eq!(names, ["low 30", "moderate 60", "high 80", "critical 100"]);
    }
}
