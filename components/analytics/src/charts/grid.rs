//! Figures by series and place.

use std::collections::BTreeMap;

use super::places::Wall;

/// The most series of a chart: so many colours are told apart.
pub const MOST_SERIES: usize = 6;

/// Figures by series and place.
#[derive(Default)]
pub struct Grid(BTreeMap<String, BTreeMap<Wall, f64>>);

/// A series with a figure for each place.
#[derive(Debug, PartialEq)]
pub struct Row {
    pub name: String,
    pub values: Vec<Option<f64>>,
}

impl Grid {
    pub fn insert(&mut self, series: &str, place: Wall, value: f64) {
        self.0.entry(series.to_owned()).or_default().insert(place, value);
    }

    /// The largest series in the order of their names, and a note where some were left out.
    pub fn largest(self, places: &[Wall]) -> (Vec<Row>, Option<String>) {
        let all = self.0.len();
        let mut rows: Vec<_> = self.0.into_iter().collect();
        let size = |values: &BTreeMap<Wall, f64>| values.values().sum::<f64>();
        rows.sort_by(|a, b| size(&b.1).total_cmp(&size(&a.1)));
        rows.truncate(MOST_SERIES);
        rows.sort_by(|a, b| a.0.cmp(&b.0));
        let note = (all > rows.len()).then(|| format!("the {} largest of {all}", rows.len()));
        let row = |(name, values): (String, BTreeMap<Wall, f64>)| Row {
            name,
            values: places.iter().map(|place| values.get(place).copied()).collect(),
        };
        (rows.into_iter().map(row).collect(), note)
    }
}

#[cfg(test)]
mod tests {
    use domain::booking_slot::Date;

    use super::*;

    #[test]
    fn the_largest_series_stay_and_places_without_a_figure_are_gaps() {
        let places: Vec<_> = (0..2).filter_map(Date::from_epoch_days).map(Wall::of).collect();
        let mut grid = Grid::default();
        for (number, name) in ["a", "b", "c", "d", "e", "f", "g"].into_iter().enumerate() {
            grid.insert(name, places[0], f64::from(u32::try_from(number).unwrap()));
        }
        grid.insert("b", places[1], 7.0);
        let (rows, note) = grid.largest(&places);
        assert_eq!(rows.iter().map(|row| row.name.as_str()).collect::<String>(), "bcdefg");
        assert_eq!(rows[0].values, [Some(1.0), Some(7.0)]);
        assert_eq!(rows[1].values, [Some(2.0), None]);
        assert_eq!(note.as_deref(), Some("the 6 largest of 7"));
        assert_eq!(Grid::default().largest(&places), (vec![], None));
    }
}
