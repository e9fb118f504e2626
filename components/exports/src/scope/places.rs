//! Sites, zones and spaces as exports tell of them.

use domain::overview::{Counts, SpotState};
use domain::site;
use domain::spot::Kind;
use domain::tariff::Tariff;
use kit::Problem;
use kit::db::Row;
use kit::input::Timestamp;
use kit::row::FromRow;

/// A site.
#[derive(FromRow)]
pub struct Site {
    pub slug: String,
    pub name: String,
    pub kind: site::Kind,
    pub latitude: f64,
    pub longitude: f64,
    pub time_zone: String,
    pub capacity: i64,
    #[row(with = read_tariff)]
    pub tariff: Tariff,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    #[row(with = no_zones)]
    pub zones: Vec<Zone>,
}

/// A zone, in the order of its site's plan.
#[derive(FromRow)]
pub struct Zone {
    pub site: String,
    pub code: String,
    pub name: String,
    pub area_m2: Option<f64>,
    pub capacity: Option<i64>,
    pub position: i64,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    #[row(with = no_counts)]
    pub counts: Counts,
    /// None where there are too many in the document.
    #[row(with = no_spaces)]
    pub spaces: Vec<Space>,
}

/// A space for one vehicle.
#[derive(FromRow)]
pub struct Space {
    pub spot_id: String,
    pub site: String,
    pub zone: String,
    pub kind: Kind,
    pub status: SpotState,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// As where prices are calculated, a tariff that cannot be read is none.
fn read_tariff(row: &Row) -> Result<Tariff, Problem> {
    Ok(serde_json::from_str(&row.get::<String>("tariff")?).unwrap_or_default())
}

fn no_zones(_: &Row) -> Result<Vec<Zone>, Problem> {
    Ok(Vec::new())
}

fn no_counts(_: &Row) -> Result<Counts, Problem> {
    Ok(Counts::default())
}

fn no_spaces(_: &Row) -> Result<Vec<Space>, Problem> {
    Ok(Vec::new())
}

impl Site {
    /// How many of its spaces are what.
    pub fn counts(&self) -> Counts {
        self.zones.iter().map(|zone| zone.counts).sum()
    }

    /// What names it in a document of several kinds of things.
    pub fn id(&self) -> String {
        format!("site:{}", self.slug)
    }
}

impl Zone {
    /// What names it in a document of several kinds of things.
    pub fn id(&self) -> String {
        format!("zone:{}:{}", self.site, self.code)
    }
}

impl Space {
    /// What names it in a document of several kinds of things.
    pub fn id(&self) -> String {
        format!("space:{}", self.spot_id)
    }
}

/// The version of something that last changed then: it rises with each change, and is the same for whoever asks.
pub fn version(updated_at: Timestamp) -> i64 {
    updated_at.0.max(1)
}

/// How many of these spaces can be used.
pub const fn usable(counts: &Counts) -> i64 {
    counts.total - counts.out_of_service
}

/// The share of the usable spaces that nobody else can have, percent; none where there are none.
#[expect(clippy::cast_precision_loss, reason = "spaces of a site")]
pub fn percent_taken(counts: &Counts) -> Option<f64> {
    let usable = usable(counts);
    (usable > 0).then(|| ((counts.occupied + counts.reserved) as f64 * 1000.0 / usable as f64).round() / 10.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closed_spaces_are_neither_free_nor_taken() {
        let counts = Counts { total: 10, free: 5, occupied: 2, reserved: 1, out_of_service: 2 };
        assert_eq!((usable(&counts), percent_taken(&counts)), (8, Some(37.5)));
        let closed = Counts { total: 2, out_of_service: 2, ..Counts::default() };
        assert_eq!((usable(&closed), percent_taken(&closed)), (0, None));
    }
}
