//! How full the places are.

use domain::overview::{Counts, SpotState};
use domain::site;

use super::publication::{TABLE, reference, speech, table_version, time};
use super::table::supply;
use super::tree::{Content, Node};
use crate::publisher::Publisher;
use crate::scope::{Scope, Site, Space, Zone, percent_taken, usable, version};

/// Adds the states to the head of their publication.
pub fn publication(head: Node, scope: &Scope, publisher: &Publisher) -> Node {
    let table = Node::default().attribute("targetClass", "prk:ParkingTable").identified(TABLE, table_version(scope));
    let states = scope.sites.iter().flat_map(|site| states(site, scope.changed_at, publisher));
    head.with_item("prk", "parkingTableReference", Content::Node(table)).with_items("prk", "parkingStatusInformation", states)
}

fn states(site: &Site, at: i64, publisher: &Publisher) -> Vec<Node> {
    let mut states = vec![of_site(site, at)];
    for zone in &site.zones {
        states.push(of_zone(zone, at));
        states.extend(zone.spaces.iter().map(|space| of_space(space, at, publisher)));
    }
    states
}

/// Nothing is known of one that has no spots.
fn occupancy(counts: &Counts) -> Option<Content> {
    let known = counts.total > 0;
    known.then(|| {
        let occupancy = Node::default()
            .with("prk", "numberOfVacantSpaces", Content::Count(counts.free))
            .with("prk", "numberOfOccupiedSpaces", Content::Count(counts.occupied))
            .with_if("prk", "occupancy", percent_taken(counts).map(Content::Number));
        Content::Node(occupancy)
    })
}

fn word(counts: &Counts) -> &'static str {
    match counts {
        Counts { total: 0, .. } => "unknown",
        Counts { free: 0, .. } => "full",
        _ => "spacesAvailable",
    }
}

fn of_site(site: &Site, at: i64) -> Node {
    let counts = site.counts();
    let quantity = (counts.total > 0).then(|| supply(usable(&counts)));
    let is_campus = site.kind == site::Kind::Campus;
    let state = Node::of_class("prk", if is_campus { "CampusStatus" } else { "PlaceStatus" })
        .with("fac", "reference", Content::Node(reference(site.id(), version(site.updated_at))))
        .with("fac", "lastUpdated", time(at))
        .with_if("prk", "occupancy", occupancy(&counts))
        .with_if("prk", "supply", quantity);
    if is_campus { state } else { state.with_item("prk", "status", Content::Word(word(&counts))) }
}

fn of_zone(zone: &Zone, at: i64) -> Node {
    let quantity = (zone.counts.total > 0).then(|| supply(usable(&zone.counts)));
    Node::of_class("prk", "ParkingStatusInformation")
        .with("fac", "reference", Content::Node(reference(zone.id(), version(zone.updated_at))))
        .with("fac", "lastUpdated", time(at))
        .with_if("prk", "occupancy", occupancy(&zone.counts))
        .with_if("prk", "supply", quantity)
}

/// Whether somebody stands on it; what else it is where nobody may park there.
fn of_space(space: &Space, at: i64, publisher: &Publisher) -> Node {
    let opening = match space.status {
        SpotState::OutOfService => "closed",
        SpotState::Free | SpotState::Occupied | SpotState::Reserved => "open",
    };
    let reserved = (space.status == SpotState::Reserved).then(|| speech("reserved", publisher));
    Node::of_class("prk", "SpaceStatus")
        .with("fac", "reference", Content::Node(reference(space.id(), version(space.updated_at))))
        .with("fac", "lastUpdated", time(at))
        .with("fac", "openingStatus", Content::Word(opening))
        .with_if("fac", "statusDescription", reserved)
        .with("prk", "occupied", Content::Flag(space.status == SpotState::Occupied))
}
