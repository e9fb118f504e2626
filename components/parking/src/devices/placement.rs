//! Where a device stands: on a spot, or in a zone at large.

use kit::db::{Executor, Fetch as _};
use kit::input::{At, Code, Input, Object, Property, Schemas, Slug};
use kit::row::FromRow;
use kit::{Answer, Problem, params};

use crate::zones;

/// Where a device stands.
#[derive(FromRow)]
pub struct Placement {
    pub site: String,
    pub zone: String,
    pub spot_id: Option<String>,
}

impl Placement {
    /// On a spot, whose site and zone must be those that were named, if any.
    pub fn on_spot(db: &dyn Executor, spot_id: &str, site: Option<&str>, zone: Option<&str>) -> Answer<Self> {
        let spot: Option<Self> = db.fetch_optional("select site, zone, spot_id from spots where spot_id = ?", params![spot_id])?;
        let spot = spot.ok_or_else(|| Problem::invalid_field("spot_id", "is not a spot"))?;
        let agrees = site.is_none_or(|site| site == spot.site) && zone.is_none_or(|zone| zone.eq_ignore_ascii_case(&spot.zone));
        if agrees { Ok(spot) } else { Err(Problem::invalid_field("spot_id", "is in another zone")) }
    }

    /// In a zone, on no spot.
    pub fn in_zone(db: &dyn Executor, site: &str, zone: &str) -> Answer<Self> {
        let find = "select site, code as zone, null as spot_id from zones where site = ? and code = ?";
        match db.fetch_optional(find, params![site, zone])? {
            Some(placement) => Ok(placement),
            None => Err(zones::unknown(db, site)?),
        }
    }
}

/// Where a new device is to stand. With a spot the rest follows, and must agree with it where it is sent.
pub enum NewPlacement {
    /// On a spot.
    OnSpot { spot_id: Code, site: Option<Slug>, zone: Option<Code> },
    /// In a zone.
    InZone { site: Slug, zone: Code },
}

impl NewPlacement {
    /// Returns 422 if there is no such place.
    pub fn find(&self, db: &dyn Executor) -> Answer<Placement> {
        match self {
            Self::OnSpot { spot_id, site, zone } => Placement::on_spot(db, spot_id, site.as_deref(), zone.as_deref()),
            Self::InZone { site, zone } => Placement::in_zone(db, site, zone),
        }
    }
}

impl Input for NewPlacement {
    const NAME: &'static str = "NewPlacement";
    const DESCRIPTION: &'static str = "";

    fn read(object: &Object, at: &mut At<'_>) -> Option<Self> {
        if object.get("spot_id").is_some_and(|spot_id| !spot_id.is_null()) {
            let (spot_id, site, zone) = (at.field(object, "spot_id", &[]), at.field(object, "site", &[]), at.field(object, "zone", &[]));
            Some(Self::OnSpot { spot_id: spot_id?, site: site?, zone: zone? })
        } else {
            let (site, zone) = (at.field(object, "site", &[]), at.field(object, "zone", &[]));
            Some(Self::InZone { site: site?, zone: zone? })
        }
    }

    fn knows(name: &str) -> bool {
        ["spot_id", "site", "zone"].contains(&name)
    }

    fn properties(schemas: &mut Schemas) -> Vec<Property> {
        vec![
            Property::new::<Option<Code>>("spot_id", &[], "The spot that it stands on.", false, schemas),
            Property::new::<Option<Slug>>("site", &[], "Must be sent without a `spot_id`.", false, schemas),
            Property::new::<Option<Code>>("zone", &[], "Must be sent without a `spot_id`.", false, schemas),
        ]
    }
}
