//! Rows of cells, coloured by their values, and what the colours mean.

use crate::axis::{self, middles};
use crate::canvas::{Anchor, Area, Style};
use crate::colour::{Colours, on, viridis};
use crate::look::Look;
use crate::model::{HeatMap, HeatRow, known};
use crate::number::{short, spoken, tick};
use crate::scale::Scale;
use crate::sheet::{NO_DATA, SMALL, Sheet, TEXT};
use crate::text::{fitted, width, wrapped};
use crate::words::Words;

/// The most of the width that names of rows take.
const NAMES: f64 = 0.3;
/// The height of a row, and of one among many: a picture of many rows must stay within the memory of an instance.
const ROW: f64 = 34.0;
const LOW_ROW: f64 = 22.0;
const MANY: usize = 24;
/// The bar of the legend.
const LEGEND: f64 = 400.0;
const NARROWEST_LEGEND: f64 = 280.0;
const LEGEND_HEIGHT: f64 = 14.0;
const LEGEND_STEPS: u32 = 100;
const LINE: f64 = 18.0;

pub fn draw(chart: &HeatMap, look: Look) -> String {
    let mut sheet = Sheet::new(&chart.heading, look);
    let mut words = Words::new("Heat map", &chart.heading.subtitle);
    words.axis("Across", &chart.across);
    words.axis("Colour", &chart.scale.measure);
    let known_values: Vec<_> = chart.rows.iter().flat_map(|row| &row.cells).filter_map(|cell| known(cell.value)).collect();
    let figures = chart.rows.iter().flat_map(|row| &row.cells).filter_map(|cell| known(cell.figure));
    let is_empty = known_values.is_empty() && figures.count() == 0;
    let most = known(chart.scale.most)
        .filter(|most| *most > 0.0)
        .unwrap_or_else(|| Some(Scale::over(known_values, 5.0, false).high).filter(|high| *high > 0.0).unwrap_or(1.0));

    let names: Vec<_> = chart.rows.iter().map(|row| fitted(&row.name, TEXT, sheet.room() * NAMES)).collect();
    let widest = names.iter().map(|name| width(name, TEXT)).fold(0.0, f64::max);
    let left = sheet.margin + widest + if names.is_empty() { 0.0 } else { 10.0 };
    let row_height = if chart.rows.len() > MANY { LOW_ROW } else { ROW };
    #[expect(clippy::cast_precision_loss, reason = "cells of a picture")]
    let (rows, columns) = ((if chart.rows.is_empty() { 4 } else { chart.rows.len() }) as f64, chart.columns.len().max(1) as f64);
    let plot = Area { left, top: sheet.y, width: sheet.width() - sheet.margin - left, height: rows * row_height };
    let cell_width = plot.width / columns;
    let xs = middles(plot.left, cell_width, chart.columns.len());
    for ((row, name), middle) in chart.rows.iter().zip(&names).zip(middles(plot.top, row_height, chart.rows.len())) {
        sheet.canvas.text((plot.left - 10.0, middle), Style::new(TEXT, sheet.colours.ink, Anchor::End), name);
        cells(&mut sheet, chart, row, &xs, (middle, cell_width, row_height), most);
    }
    for row in &chart.rows {
        let values: Vec<_> = row.cells.iter().map(|cell| cell.value).collect();
        words.series(&row.name, &values, &chart.columns, &chart.scale.measure.unit);
    }
    if is_empty {
        sheet.no_data(plot);
        words.say(NO_DATA);
    }
    axis::places(&mut sheet, plot, &chart.columns, &xs, &chart.across);
    legend(&mut sheet, chart, left, most);
    sheet.finish(&words.finish())
}

fn cells(sheet: &mut Sheet, chart: &HeatMap, row: &HeatRow, xs: &[f64], (middle, cell_width, row_height): (f64, f64, f64), most: f64) {
    let gap = if cell_width > 12.0 { 1.0 } else { 0.0 };
    for ((cell, x), column) in row.cells.iter().zip(xs).zip(&chart.columns) {
        let value = known(cell.value);
        let colour = value.map_or(sheet.colours.unknown, |value| viridis(value / most));
        let area = Area { left: x - cell_width / 2.0, top: middle - row_height / 2.0, width: cell_width - gap, height: row_height - 1.0 };
        let said =
            value.map(|value| spoken(value, &chart.scale.measure.unit)).or_else(|| known(cell.figure).map(|figure| short(figure, true)));
        let tip = format!("{}, {}: {}", row.name, column.by_itself(), said.as_deref().unwrap_or(&chart.unknown));
        sheet.canvas.rectangle(area, colour, Some(&tip));
        let Some(text) = known(cell.figure).or(value).map(|figure| short(figure, true)) else { continue };
        if width(&text, SMALL) + 4.0 <= cell_width {
            sheet.canvas.text((*x, middle), Style::new(SMALL, on(colour), Anchor::Middle), &text);
        }
    }
}

/// The bar of colours with its ticks and the names of its parts, and the colour of what is not known.
fn legend(sheet: &mut Sheet, chart: &HeatMap, left: f64, most: f64) {
    let Colours { ink, muted, axis: line, unknown, .. } = *sheet.colours;
    let scale = &chart.scale;
    sheet.y += 10.0;
    let name = fitted(&scale.measure.name, TEXT, sheet.room());
    // Beside the bar where the names of the rows leave room for it, else above.
    let has_room = sheet.width() - sheet.margin - left >= NARROWEST_LEGEND;
    let is_beside = has_room && !name.is_empty() && width(&name, TEXT) + 10.0 <= left - sheet.margin;
    let start = if is_beside { left } else { sheet.margin };
    if !is_beside && !name.is_empty() {
        sheet.canvas.text((start, sheet.y + 8.0), Style::new(TEXT, ink, Anchor::Start), &name);
        sheet.y += 20.0;
    }
    let bar = Area {
        left: start,
        top: sheet.y + if scale.parts.is_empty() { 0.0 } else { 20.0 },
        width: LEGEND.min(sheet.width() - sheet.margin - start - 14.0),
        height: LEGEND_HEIGHT,
    };
    if is_beside {
        sheet.canvas.text((start - 10.0, bar.top + LEGEND_HEIGHT / 2.0), Style::new(TEXT, ink, Anchor::End), &name);
    }
    let step = bar.width / f64::from(LEGEND_STEPS);
    for number in 0..LEGEND_STEPS {
        let area = Area { left: bar.left + f64::from(number) * step, width: step + 0.3, ..bar };
        sheet.canvas.rectangle(area, viridis((f64::from(number) + 0.5) / f64::from(LEGEND_STEPS)), None);
    }
    sheet.canvas.frame(bar, line);
    let x = |value: f64| bar.left + (value / most).clamp(0.0, 1.0) * bar.width;
    // The names of the parts stand together or not at all.
    let begins = [0.0].into_iter().chain(scale.parts.iter().map(|(end, _)| *end));
    let parts: Vec<_> = begins.zip(&scale.parts).map(|(begin, (end, name))| (x(begin), x(*end), name)).collect();
    if parts.iter().all(|(begin, end, name)| width(name, SMALL) <= end - begin) {
        for (begin, end, name) in parts {
            sheet.canvas.text((f64::midpoint(begin, end), bar.top - 11.0), Style::new(SMALL, muted, Anchor::Middle), name);
        }
    }
    let ends = scale.parts.iter().map(|(end, _)| *end);
    let ticks: Vec<_> = if scale.parts.is_empty() {
        Scale::over([most], 4.0, scale.measure.unit.whole).ticks()
    } else {
        [0.0].into_iter().chain(ends).collect()
    };
    let step = ticks.iter().zip(ticks.iter().skip(1)).map(|(one, next)| next - one).fold(most, f64::min);
    for value in ticks.into_iter().filter(|value| *value <= most * 1.000_001) {
        sheet.canvas.rule((x(value), bar.bottom()), (x(value), bar.bottom() + 4.0), line, false);
        let text = tick(value, step, most, &scale.measure.unit);
        sheet.canvas.text((x(value), bar.bottom() + 14.0), Style::new(SMALL, ink, Anchor::Middle), &text);
    }
    sheet.y = bar.bottom() + 26.0;
    if chart.unknown.is_empty() {
        return;
    }
    // Beside the bar where there is room, else below.
    let beside = bar.right() + 40.0;
    let fits = beside + 36.0 + width(&chart.unknown, TEXT) <= sheet.width() - sheet.margin;
    let (left, top) = if fits { (beside, bar.top) } else { (start, sheet.y + 4.0) };
    let lines = wrapped(&chart.unknown, TEXT, sheet.width() - sheet.margin - left - 36.0, 3);
    let area = Area { left, top, width: 26.0, height: LEGEND_HEIGHT };
    sheet.canvas.rectangle(area, unknown, None);
    sheet.canvas.frame(area, line);
    let mut middle = top + LEGEND_HEIGHT / 2.0;
    for line in &lines {
        sheet.canvas.text((left + 36.0, middle), Style::new(TEXT, ink, Anchor::Start), line);
        middle += LINE;
    }
    if !fits {
        sheet.y = middle - LINE / 2.0 + 6.0;
    }
}
