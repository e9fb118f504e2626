//! What charts are drawn from.

/// A chart.
#[derive(Clone, Debug)]
pub enum Chart {
    /// Lines over time.
    Lines(Lines),
    /// Bars, each of one or several parts.
    Bars(Bars),
    /// Coloured cells.
    HeatMap(HeatMap),
}

/// What stands above a chart.
#[derive(Clone, Debug, Default)]
pub struct Heading {
    /// What it shows; also the picture's `<title>`.
    pub title: String,
    /// Of what, from when to when, by which clock.
    pub subtitle: String,
}

/// Lines over one axis. Places at which a series knows nothing are gaps in its line.
#[derive(Clone, Debug, Default)]
pub struct Lines {
    /// What stands above.
    pub heading: Heading,
    /// What is across.
    pub across: Axis,
    /// Its places, evenly spaced.
    pub places: Vec<Label>,
    /// What is measured.
    pub measure: Axis,
    /// The lines.
    pub series: Vec<LineSeries>,
    /// Values that others are compared with.
    pub guides: Vec<Guide>,
}

/// A line.
#[derive(Clone, Debug, Default)]
pub struct LineSeries {
    /// Its name, for the legend.
    pub name: String,
    /// A value for each place.
    pub values: Vec<Option<f64>>,
    /// An interval for each place, drawn as a band; empty for none.
    pub band: Vec<Option<(f64, f64)>>,
    /// What the band is, for the legend: `80 % interval`.
    pub band_name: String,
    /// Whether what is below it is filled.
    pub filled: bool,
    /// Whether it is dashed, as what is expected rather than measured.
    pub dashed: bool,
}

/// A value that others are compared with, drawn across the chart.
#[derive(Clone, Debug)]
pub struct Guide {
    /// The value.
    pub value: f64,
    /// What it is.
    pub name: String,
}

/// Bars, of which each place has one; several series are stacked.
#[derive(Clone, Debug, Default)]
pub struct Bars {
    /// What stands above.
    pub heading: Heading,
    /// What is compared.
    pub across: Axis,
    /// Its places.
    pub places: Vec<Label>,
    /// What is measured.
    pub measure: Axis,
    /// The parts of the bars, the lowest first.
    pub series: Vec<BarSeries>,
    /// How the bars lie.
    pub orientation: Orientation,
    /// Values that others are compared with; of upright bars only.
    pub guides: Vec<Guide>,
}

/// A part of each bar.
#[derive(Clone, Debug, Default)]
pub struct BarSeries {
    /// Its name, for the legend.
    pub name: String,
    /// A value for each place.
    pub values: Vec<Option<f64>>,
}

/// How bars lie.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Orientation {
    /// Upwards: for what follows one another in time.
    #[default]
    Upright,
    /// To the right: for what has long names.
    Lying,
}

/// Rows of cells, each coloured by its value.
#[derive(Clone, Debug, Default)]
pub struct HeatMap {
    /// What stands above.
    pub heading: Heading,
    /// What is across.
    pub across: Axis,
    /// Its columns.
    pub columns: Vec<Label>,
    /// The rows, the upper first.
    pub rows: Vec<HeatRow>,
    /// What the colours mean.
    pub scale: ColourScale,
    /// What a cell without a value means.
    pub unknown: String,
}

/// A row of cells.
#[derive(Clone, Debug, Default)]
pub struct HeatRow {
    /// Its name.
    pub name: String,
    /// One for each column.
    pub cells: Vec<Cell>,
}

/// A cell.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cell {
    /// What colours it.
    pub value: Option<f64>,
    /// What is written in it where that is not the value.
    pub figure: Option<f64>,
}

/// From which value to which the colours run: from nothing to `most`.
#[derive(Clone, Debug, Default)]
pub struct ColourScale {
    /// What is measured, with its unit.
    pub measure: Axis,
    /// The value of the last colour; none for the largest value, rounded up.
    pub most: Option<f64>,
    /// Names of its parts, each with where it ends.
    pub parts: Vec<(f64, String)>,
}

/// What an axis measures.
#[derive(Clone, Debug, Default)]
pub struct Axis {
    /// Its name, with the unit where the figures do not carry it: `People per day`.
    pub name: String,
    /// The unit of the figures.
    pub unit: Unit,
}

/// How a figure is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unit {
    /// Before it: `₹`.
    pub before: String,
    /// After it: ` %`.
    pub after: String,
    /// Whether parts of one make no sense, as of people.
    pub whole: bool,
}

/// A place on an axis.
#[derive(Clone, Debug, Default)]
pub struct Label {
    /// Its name.
    pub text: String,
    /// Its name by itself, away from its neighbours, such as `1 Nov 06:00` for `06:00`; empty for the same.
    pub full: String,
    /// How much it matters: where not all names have room, those that matter more stay, such as midnights among hours.
    pub rank: u8,
}

impl Axis {
    /// Of this name, with figures without a unit.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), unit: Unit::default() }
    }

    /// With figures of this unit.
    #[must_use]
    pub fn unit(self, unit: Unit) -> Self {
        Self { unit, ..self }
    }
}

impl Unit {
    /// Of what is counted one by one.
    pub fn whole() -> Self {
        Self { whole: true, ..Self::default() }
    }

    /// After the figure.
    pub fn after(text: impl Into<String>) -> Self {
        Self { after: text.into(), ..Self::default() }
    }

    /// Before the figure.
    pub fn before(text: impl Into<String>) -> Self {
        Self { before: text.into(), ..Self::default() }
    }
}

impl Label {
    /// One among equals.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    /// With this name away from its neighbours.
    #[must_use]
    pub fn full(self, full: impl Into<String>) -> Self {
        Self { full: full.into(), ..self }
    }

    /// How it is called away from its neighbours.
    pub(crate) fn by_itself(&self) -> &str {
        if self.full.is_empty() { &self.text } else { &self.full }
    }

    /// Of this rank.
    #[must_use]
    pub fn rank(self, rank: u8) -> Self {
        Self { rank, ..self }
    }
}

/// What is no number is not known.
pub(crate) fn known(value: Option<f64>) -> Option<f64> {
    value.filter(|value| value.is_finite())
}
