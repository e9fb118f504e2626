//! What there is to park on: sites, their zones, and their spaces, as a hierarchy in which each names those above and below it.

use domain::site;
use domain::spot::Kind;

use super::publication::{TABLE, identifier, reference, speech, table_version, time};
use super::rates;
use super::tree::{Content, Node};
use crate::prices;
use crate::publisher::Publisher;
use crate::scope::{Scope, Site, Space, Zone, usable, version};

/// Adds the table to the head of its publication.
pub fn publication(head: Node, scope: &Scope, publisher: &Publisher) -> Node {
    let version = table_version(scope);
    let table = Node::default()
        .identified(TABLE, version)
        .with("prk", "name", speech("Parking places", publisher))
        .with("prk", "versionTime", time(version))
        .with("prk", "informationManager", Content::Node(identifier(publisher)));
    let places = scope.sites.iter().flat_map(|site| places(site, publisher));
    head.with_item("prk", "parkingTable", Content::Node(table.with_items("prk", "hierarchyElementGeneral", places)))
}

/// A site, then its zones, each followed by its spaces.
fn places(site: &Site, publisher: &Publisher) -> Vec<Node> {
    let mut places = vec![place(site, publisher)];
    for zone in &site.zones {
        places.push(part(site, zone, publisher));
        places.extend(zone.spaces.iter().map(|one| space(site, zone, one, publisher)));
    }
    places
}

fn place(site: &Site, publisher: &Publisher) -> Node {
    let (class, word) = match site.kind {
        site::Kind::Campus => ("Campus", "campus"),
        site::Kind::CarPark | site::Kind::Temple => ("Place", "place"),
    };
    let rates = prices::of_site(&site.tariff).first().map(|prices| Content::Node(rates::table(site, prices, publisher)));
    let coordinates =
        Node::default().with("loc", "latitude", Content::Number(site.latitude)).with("loc", "longitude", Content::Number(site.longitude));
    let point = Node::default().with("loc", "pointCoordinates", Content::Node(coordinates));
    let location = Node::of_class("loc", "PointLocation").with("loc", "pointByCoordinates", Content::Node(point));
    let counts = site.counts();
    // A car park that is counted as a whole has no spots of its own.
    let total = if counts.total > 0 { counts.total } else { site.capacity };
    let quantity = if counts.total > 0 { usable(&counts) } else { site.capacity };
    let characteristics =
        Node::default().with("prk", "structureType", Content::Word("offStreetSurface")).with("prk", "spacesTotal", Content::Count(total));
    let components = Node::default().with_item("prk", "characteristics", Content::Node(characteristics));
    Node::of_class("prk", class)
        .identified(site.id(), version(site.updated_at))
        .with("fac", "name", speech(&site.name, publisher))
        .with("fac", "externalIdentifier", Content::Text(site.slug.clone()))
        .with("fac", "lastUpdated", time(site.updated_at.0))
        .with("fac", "locationReference", Content::Node(location))
        .with_if("fac", "rates", rates)
        .with("prk", "layer", Content::Count(0))
        .with("prk", "type", Content::Word(word))
        .with_items("prk", "childId", site.zones.iter().map(|zone| reference(zone.id(), version(zone.updated_at))))
        .with("prk", "supply", supply(quantity))
        .with("prk", "commonComponents", Content::Node(components))
}

fn part(site: &Site, zone: &Zone, publisher: &Publisher) -> Node {
    let quantity = if zone.counts.total > 0 { usable(&zone.counts) } else { zone.capacity.unwrap_or(0) };
    Node::of_class("prk", "SubplaceElement")
        .identified(zone.id(), version(zone.updated_at))
        .with("fac", "name", speech(&zone.name, publisher))
        .with("fac", "externalIdentifier", Content::Text(zone.code.clone()))
        .with("fac", "lastUpdated", time(zone.updated_at.0))
        .with("prk", "layer", Content::Count(1))
        .with("prk", "type", Content::Word("subplaceElement"))
        .with("prk", "parentId", Content::Node(reference(site.id(), version(site.updated_at))))
        .with_items("prk", "childId", zone.spaces.iter().map(|space| reference(space.id(), version(space.updated_at))))
        .with("prk", "supply", supply(quantity))
        // A level or a row: nobody has said which.
        .with("prk", "subplaceType", Content::Word("logicalStructure"))
}

fn space(site: &Site, zone: &Zone, space: &Space, publisher: &Publisher) -> Node {
    let prices = prices::of_site(&site.tariff);
    let own = prices.iter().find(|prices| prices.kind == Some(space.kind));
    let rates = own.map(|prices| Content::Node(rates::table(site, prices, publisher)));
    Node::of_class("prk", "Space")
        .identified(space.id(), version(space.updated_at))
        .with("fac", "name", speech(&space.spot_id, publisher))
        .with("fac", "externalIdentifier", Content::Text(space.spot_id.clone()))
        .with("fac", "lastUpdated", time(space.updated_at.0))
        .with_if("fac", "rates", rates)
        .with_items("fac", "applicableForVehicles", vehicles(space.kind))
        .with("prk", "layer", Content::Count(2))
        .with("prk", "type", Content::Word("space"))
        .with("prk", "parentId", Content::Node(reference(zone.id(), version(zone.updated_at))))
        .with_if("prk", "additionalCharacteristics", assigned(space.kind))
}

/// Which vehicles a space is for, where not every one may park there.
fn vehicles(kind: Kind) -> Option<Node> {
    let only = |name, word| Some(Node::default().with_item("com", name, Content::Word(word)));
    match kind {
        Kind::Ev => only("fuelType", "battery"),
        Kind::TwoWheeler => only("vehicleType", "twoWheeledVehicle"),
        Kind::Standard | Kind::Accessible | Kind::Vip => None,
    }
}

/// Whom a space is kept for.
fn assigned(kind: Kind) -> Option<Content> {
    let group = match kind {
        Kind::Accessible => "personsWithDisabilities",
        Kind::Vip => "visitors",
        Kind::Standard | Kind::Ev | Kind::TwoWheeler => return None,
    };
    let user = Node::default().with("fac", "userGroup", Content::Word(group));
    let qualification = Node::default().with_item("fac", "userQualification", Content::Node(user));
    let eligibility = Node::default().with_item("fac", "qualification", Content::Node(qualification));
    let assignment = Node::default().with("prk", "exclusivelyAssignedFor", Content::Node(eligibility));
    Some(Content::Node(Node::default().with_item("prk", "assignment", Content::Node(assignment))))
}

/// How many spaces can be used.
pub fn supply(quantity: i64) -> Content {
    Content::Node(Node::default().with("prk", "quantity", Content::Count(quantity)).with("prk", "viewType", Content::Word("spaceView")))
}
