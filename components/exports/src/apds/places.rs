//! Sites, zones and spots as a hierarchy of APDS.

use domain::overview::{Counts, SpotState};
use domain::site;
use kit::input::Timestamp;

use super::model::{
    Characteristics, Demand, DemandTable, HierarchyElement, HierarchyElementList, Meta, Point, Record, Reference, Supply, Text, Usage,
    VersionedReference,
};
use super::rights;
use crate::publisher::Publisher;
use crate::scope::{Scope, Site, Space, Zone, percent_taken, usable, version};

/// All of it, one after the other.
pub fn list(scope: &Scope, publisher: &Publisher) -> HierarchyElementList {
    let mut data = Vec::new();
    for site in &scope.sites {
        data.push(place(site, scope.changed_at, publisher));
        for zone in &site.zones {
            data.push(part(site, zone, scope.changed_at, publisher));
            data.extend(zone.spaces.iter().map(|one| space(site, zone, one, scope.changed_at, publisher)));
        }
    }
    HierarchyElementList { meta: Meta::new(scope.changed_at, data.len()), data }
}

pub fn text(string: &str, publisher: &Publisher) -> Vec<Text> {
    vec![Text { language: publisher.language.clone(), string: string.to_owned() }]
}

pub fn site_reference(site: &Site) -> VersionedReference {
    let class_name = if site.kind == site::Kind::Campus { "Campus" } else { "Place" };
    VersionedReference { id: site.id(), version: version(site.updated_at), class_name }
}

fn zone_reference(zone: &Zone) -> VersionedReference {
    VersionedReference { id: zone.id(), version: version(zone.updated_at), class_name: "SubPlace" }
}

pub fn space_reference(space: &Space) -> VersionedReference {
    VersionedReference { id: space.id(), version: version(space.updated_at), class_name: "Space" }
}

fn usage(element_id: VersionedReference, counts: &Counts, capacity: i64, changed_at: i64) -> Usage {
    let is_counted = counts.total > 0;
    let at = Timestamp(changed_at);
    let demand = || Demand {
        count: counts.occupied + counts.reserved,
        occupancy_calculation: "counted",
        percentage: percent_taken(counts),
        record_date_time: at,
    };
    let supply_quantity = if is_counted { usable(counts) } else { capacity };
    Usage {
        element_id,
        demand_table: if is_counted { vec![DemandTable { timestamp: at, demand_type: vec![demand()] }] } else { Vec::new() },
        supply: vec![Supply { supply_view_type: "spaceView", supply_quantity }],
    }
}

/// What is told of all of them alike.
struct Element<'a> {
    own: VersionedReference,
    kind: &'static str,
    layer: u8,
    name: &'a str,
    /// What it is called in Gatehouse.
    alias: &'a str,
    created_at: Timestamp,
    counts: Counts,
    /// How many spaces it has where none is counted.
    capacity: i64,
}

impl Element<'_> {
    /// It, with nothing besides.
    fn tell(self, changed_at: i64, publisher: &Publisher) -> HierarchyElement {
        HierarchyElement {
            id: self.own.id.clone(),
            version: self.own.version,
            kind: self.kind,
            name: text(self.name, publisher),
            aliases: vec![text(self.alias, publisher)],
            layer: self.layer,
            parent_id: None,
            child_ids: Vec::new(),
            right_specifications: Vec::new(),
            hierarchy_element_record: Record { creation_time: self.created_at },
            hierarchy_element_reference: usage(self.own, &self.counts, self.capacity, changed_at),
            time_zone: None,
            indicative_place_point_location: Vec::new(),
            characteristics: None,
            space_id: None,
        }
    }
}

fn place(site: &Site, changed_at: i64, publisher: &Publisher) -> HierarchyElement {
    let counts = site.counts();
    let element = Element {
        own: site_reference(site),
        kind: if site.kind == site::Kind::Campus { "campus" } else { "place" },
        layer: 0,
        name: &site.name,
        alias: &site.slug,
        created_at: site.created_at,
        counts,
        capacity: site.capacity,
    };
    HierarchyElement {
        child_ids: site.zones.iter().map(zone_reference).collect(),
        right_specifications: vec![rights::reference(site, None)],
        time_zone: Some(site.time_zone.clone()),
        indicative_place_point_location: vec![Point { kind: "Point", coordinates: [site.longitude, site.latitude] }],
        characteristics: Some(Characteristics { spaces_total: if counts.total > 0 { counts.total } else { site.capacity } }),
        ..element.tell(changed_at, publisher)
    }
}

fn part(site: &Site, zone: &Zone, changed_at: i64, publisher: &Publisher) -> HierarchyElement {
    let element = Element {
        own: zone_reference(zone),
        kind: "subplaceElement",
        layer: 1,
        name: &zone.name,
        alias: &zone.code,
        created_at: zone.created_at,
        counts: zone.counts,
        capacity: zone.capacity.unwrap_or(0),
    };
    HierarchyElement {
        parent_id: Some(site_reference(site)),
        child_ids: zone.spaces.iter().map(space_reference).collect(),
        ..element.tell(changed_at, publisher)
    }
}

fn space(site: &Site, zone: &Zone, space: &Space, changed_at: i64, publisher: &Publisher) -> HierarchyElement {
    let is = |status| i64::from(space.status == status);
    let element = Element {
        own: space_reference(space),
        kind: "space",
        layer: 2,
        name: &space.spot_id,
        alias: &space.spot_id,
        created_at: space.created_at,
        counts: Counts {
            total: 1,
            free: is(SpotState::Free),
            occupied: is(SpotState::Occupied),
            reserved: is(SpotState::Reserved),
            out_of_service: is(SpotState::OutOfService),
        },
        capacity: 1,
    };
    let has_own_rates = site.tariff.kinds.contains_key(space.kind.into_str());
    HierarchyElement {
        parent_id: Some(zone_reference(zone)),
        right_specifications: if has_own_rates { vec![rights::reference(site, Some(space.kind))] } else { Vec::new() },
        space_id: Some(Reference { id: space.spot_id.clone(), class_name: "Space" }),
        ..element.tell(changed_at, publisher)
    }
}
