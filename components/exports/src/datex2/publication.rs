//! The publications, and the container of both.

use kit::{Answer, Problem};

use super::tree::{Content, Node};
use super::{Which, status, table};
use crate::publisher::Publisher;
use crate::scope::Scope;

/// The version of the standard's model: all of 3.x.
const MODEL: &str = "3";

/// The specification of exchange that the container is of.
const EXCHANGE: &str = "2020";

/// What names the table of parking places.
pub const TABLE: &str = "gatehouse-parking";

/// A document: a node with its root.
pub fn root(scope: &Scope, publisher: &Publisher, which: Option<Which>) -> Answer<Node> {
    // The schema wants a place in each publication.
    let has_places = !scope.sites.is_empty();
    let payload = |which| match which {
        Which::Table => table::publication(head("ParkingTablePublication", scope, publisher), scope, publisher),
        Which::Status => status::publication(head("ParkingStatusPublication", scope, publisher), scope, publisher),
    };
    let root = Node::default();
    match which {
        Some(_) if !has_places => Err(Problem::not_found("car park")),
        Some(which) => Ok(root.with("d2", "payload", Content::Node(payload(which)))),
        None => {
            let payloads = [Which::Table, Which::Status].map(payload).into_iter().filter(|_| has_places);
            let container = Node::default().attribute("modelBaseVersion", MODEL).with_items("con", "payload", payloads);
            Ok(root.with(
                "con",
                "messageContainer",
                Content::Node(container.with("con", "exchangeInformation", exchange(scope, publisher))),
            ))
        }
    }
}

/// A publication of this type, up to what is its own.
fn head(class: &'static str, scope: &Scope, publisher: &Publisher) -> Node {
    Node::of_class("prk", class)
        .attribute("lang", publisher.language.as_str())
        .attribute("modelBaseVersion", MODEL)
        .with("com", "publicationTime", time(scope.changed_at))
        .with("com", "publicationCreator", Content::Node(identifier(publisher)))
}

/// That it is a snapshot, fetched by who reads it.
fn exchange(scope: &Scope, publisher: &Publisher) -> Content {
    let supplier = Node::default().with("ex", "internationalIdentifier", Content::Node(identifier(publisher)));
    let context = Node::default()
        .with("ex", "codedExchangeProtocol", Content::Word("snapshotPull"))
        .with("ex", "exchangeSpecificationVersion", Content::Text(EXCHANGE.to_owned()))
        .with("ex", "supplierOrCisRequester", Content::Node(supplier));
    let information = Node::default().with("ex", "exchangeStatus", Content::Word("online")).with(
        "ex",
        "messageGenerationTimestamp",
        time(scope.changed_at),
    );
    let exchange = Node::default().attribute("modelBaseVersion", MODEL);
    Content::Node(exchange.with("ex", "exchangeContext", Content::Node(context)).with(
        "ex",
        "dynamicInformation",
        Content::Node(information),
    ))
}

/// A publisher.
pub fn identifier(publisher: &Publisher) -> Node {
    Node::default().with("com", "country", Content::Text(publisher.country.clone())).with(
        "com",
        "nationalIdentifier",
        Content::Text(publisher.identifier.clone()),
    )
}

/// A moment.
pub fn time(ms: i64) -> Content {
    Content::Text(domain::time::format_rfc3339_millis(ms))
}

/// A text in the publisher's language.
pub fn speech(text: impl Into<String>, publisher: &Publisher) -> Content {
    Content::Speech { language: publisher.language.clone(), text: text.into() }
}

/// A reference to a place, a zone or a space.
pub fn reference(id: String, version: i64) -> Node {
    Node::default().attribute("targetClass", "fac:FacilityObject").identified(id, version)
}

/// The version of the table: that of what changed last in it.
pub fn table_version(scope: &Scope) -> i64 {
    let spaces = scope.zones().flat_map(|zone| &zone.spaces).map(|space| space.updated_at.0);
    let zones = scope.zones().map(|zone| zone.updated_at.0);
    scope.sites.iter().map(|site| site.updated_at.0).chain(zones).chain(spaces).max().unwrap_or(1).max(1)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::datex2::xml;
    use crate::scope::fixture;

    fn published(scope: &Scope, which: Option<Which>) -> (String, serde_json::Value) {
        let root = root(scope, &Publisher::new("IN", "gate", "en"), which).unwrap();
        (String::from_utf8(xml::write(&root).unwrap()).unwrap(), root.json())
    }

    #[test]
    fn both_publications_are_in_one_container() {
        let (text, json) = published(&fixture::car_park(), None);
        assert_eq!(text.matches("<con:payload xsi:type=\"prk:Parking").count(), 2, "{text}");
        let payload = &json["messageContainer"]["payload"];
        let table = &payload[0]["prkParkingTablePublication"]["parkingTable"][0];
        assert_eq!(table["versionG"], "1770000000300", "of what changed last");
        let [place, zone, space] = [0, 1, 2].map(|index| &table["hierarchyElementGeneral"][index]);
        assert_eq!(place["prkPlace"]["rates"]["facRateTable"]["rateLineCollection"][0]["rateLine"][1]["value"], 40.0);
        assert_eq!(place["prkPlace"]["childId"][0]["idG"], zone["prkSubplaceElement"]["idG"]);
        assert_eq!(space["prkSpace"]["parentId"]["idG"], "zone:north:B1");
        let states = &payload[1]["prkParkingStatusPublication"]["parkingStatusInformation"];
        assert_eq!(
            states[0]["prkPlaceStatus"]["occupancy"],
            json!({"numberOfVacantSpaces": 1, "numberOfOccupiedSpaces": 1, "occupancy": 50.0})
        );
        assert_eq!(states[3]["prkSpaceStatus"]["occupied"], true);
        assert!(json["messageContainer"].get("modelBaseVersion").is_none() && payload[0]["modelBaseVersionG"] == "3");
    }

    #[test]
    fn one_publication_is_a_payload_and_none_has_no_place_in_it() {
        let (text, json) = published(&fixture::car_park(), Some(Which::Status));
        assert!(text.contains("<d2:payload ") && json["payload"].get("prkParkingStatusPublication").is_some(), "{text}");
        let nothing = Scope { sites: Vec::new(), changed_at: 1 };
        let (text, json) = published(&nothing, None);
        assert!(!text.contains("payload xsi") && json["messageContainer"].get("payload").is_none(), "{text}");
        assert!(root(&nothing, &Publisher::new("IN", "gate", "en"), Some(Which::Table)).is_err());
    }
}
