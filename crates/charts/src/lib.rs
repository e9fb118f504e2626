//! Charts as pictures: figures in, SVG out, and PNG from the SVG. Nothing here reads a clock or a store.
//!
//! A chart is a plain description ([`Lines`], [`Bars`], [`HeatMap`]); [`Chart::svg`] lays it out with the widths that its fonts give, so that no
//! label lies on another, and [`png`] renders that very drawing. A chart says in words what it shows (`<title>`, `<desc>`), for those who
//! hear it read.

mod axis;
mod bars;
mod canvas;
mod colour;
pub mod fonts;
mod heat_map;
mod lines;
mod look;
mod model;
mod number;
mod raster;
mod scale;
mod sheet;
mod text;
mod words;

pub use look::{DEFAULT_WIDTH, Look, Theme, WIDTHS};
pub use model::{
    Axis, BarSeries, Bars, Cell, Chart, ColourScale, Guide, Heading, HeatMap, HeatRow, Label, LineSeries, Lines, Orientation, Unit,
};
pub use raster::{DrawError, png};

impl Chart {
    /// Draws the chart.
    pub fn svg(&self, look: Look) -> String {
        match self {
            Self::Lines(chart) => lines::draw(chart, look),
            Self::Bars(chart) => bars::draw(chart, look),
            Self::HeatMap(chart) => heat_map::draw(chart, look),
        }
    }
}
