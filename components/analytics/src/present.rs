//! What spots are at this moment.

use std::collections::BTreeMap;

use const_format::concatcp;
use domain::analytics::percent;
use domain::overview::SpotState;
use domain::spot::Kind;
use kit::db::{Database, Fetch as _};
use kit::row::FromRow;
use kit::spots::{SPOTS_WITH_STATE, STATE, ZONE_COUNTS};
use kit::{Answer, params};
use serde::Serialize;
use utoipa::ToSchema;

use crate::scope::Scope;
use crate::sums::By;

/// What spots are at this moment.
#[derive(Debug, Serialize, ToSchema)]
pub struct PresentSpots {
    /// The site's slug.
    pub site: String,
    /// The zone's code; null where zones are not told apart.
    pub zone: Option<String>,
    /// The kind of the spots; null where kinds are not told apart.
    pub kind: Option<Kind>,
    /// All spots, those out of service among them.
    pub total: i64,
    /// Spots where anyone may park.
    pub available: i64,
    /// Spots that are taken.
    pub occupied: i64,
    /// Spots that are kept and still empty.
    pub reserved: i64,
    /// Spots that are closed.
    pub out_of_service: i64,
    /// Those taken of those in service, per cent; null when none is.
    pub occupancy_rate: Option<f64>,
}

/// So many spots of a zone, of a kind where that is asked for, in a state.
#[derive(FromRow)]
struct Counted {
    zone: String,
    kind: Option<Kind>,
    free: i64,
    occupied: i64,
    reserved: i64,
    out_of_service: i64,
}

const BY_ZONE: &str = concatcp!(
    "select c.zone, null as kind, c.free, c.occupied, c.reserved, c.out_of_service from ",
    ZONE_COUNTS,
    " c where c.site = ?2 and c.zone = coalesce(?3, c.zone) order by c.zone"
);

macro_rules! in_state {
    ($state:ident) => {
        concatcp!("count(*) filter (where ", STATE, " = '", SpotState::$state.into_str(), "')")
    };
}

const BY_KIND: &str = concatcp!(
    "select s.zone, s.kind, ",
    in_state!(Free),
    " as free, ",
    in_state!(Occupied),
    " as occupied, ",
    in_state!(Reserved),
    " as reserved, ",
    in_state!(OutOfService),
    " as out_of_service from ",
    SPOTS_WITH_STATE,
    " where s.site = ?2 and s.zone = coalesce(?3, s.zone) and s.kind = coalesce(?4, s.kind) group by s.zone, s.kind order by s.zone, s.kind"
);

/// What the spots of a site are now, by zone or kind or both.
pub fn spots(site: &str, scope: &Scope, kind: Option<Kind>, by: By, now: i64) -> Answer<Vec<PresentSpots>> {
    let zone = scope.zone.as_deref();
    // Spots are gone through only where their kinds are asked for; else the counts are there.
    let counted: Vec<Counted> = if by.has_kind() || kind.is_some() {
        Database.fetch_all(BY_KIND, params![now, site, zone, kind])?
    } else {
        Database.fetch_all(BY_ZONE, params![now, site, zone])?
    };
    let mut groups: BTreeMap<(Option<String>, Option<&'static str>), PresentSpots> = BTreeMap::new();
    for Counted { zone, kind, free, occupied, reserved, out_of_service } in counted {
        let (zone, kind) = (Some(zone).filter(|_| by.has_zone()), kind.filter(|_| by.has_kind()));
        let group = groups.entry((zone.clone(), kind.map(|kind| kind.into_str()))).or_insert_with(|| PresentSpots {
            site: site.to_owned(),
            zone,
            kind,
            total: 0,
            available: 0,
            occupied: 0,
            reserved: 0,
            out_of_service: 0,
            occupancy_rate: None,
        });
        group.total += free + occupied + reserved + out_of_service;
        group.available += free;
        group.occupied += occupied;
        group.reserved += reserved;
        group.out_of_service += out_of_service;
    }
    Ok(groups.into_values().map(PresentSpots::with_rate).collect())
}

impl PresentSpots {
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
    fn with_rate(self) -> Self {
        let in_service = self.total - self.out_of_service;
        Self { occupancy_rate: percent(self.occupied as f64, in_service as f64), ..self }
    }

    /// Spots in service.
    pub fn in_service(&self) -> i64 {
        self.total - self.out_of_service
    }
}
