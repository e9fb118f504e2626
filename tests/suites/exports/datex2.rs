//! DATEX II: names, order and types as the schemas of version 3.7 have them.

use super::*;

/// The order in which the schemas want the children of an element, by its type or its name: those that are written.
const ORDER: [(&str, &[&str]); 12] = [
    ("messageContainer", &["payload", "exchangeInformation"]),
    ("ParkingTablePublication", &["publicationTime", "publicationCreator", "parkingTable"]),
    ("ParkingStatusPublication", &["publicationTime", "publicationCreator", "parkingTableReference", "parkingStatusInformation"]),
    ("parkingTable", &["name", "versionTime", "informationManager", "hierarchyElementGeneral"]),
    (
        "Place",
        &[
            "name",
            "externalIdentifier",
            "lastUpdated",
            "locationReference",
            "rates",
            "layer",
            "type",
            "childId",
            "supply",
            "commonComponents",
        ],
    ),
    ("SubplaceElement", &["name", "externalIdentifier", "lastUpdated", "layer", "type", "parentId", "childId", "supply", "subplaceType"]),
    (
        "Space",
        &[
            "name",
            "externalIdentifier",
            "lastUpdated",
            "rates",
            "applicableForVehicles",
            "layer",
            "type",
            "parentId",
            "additionalCharacteristics",
        ],
    ),
    (
        "RateTable",
        &["applicableCurrency", "lastUpdated", "rateTableName", "availability", "rateType", "validityStart", "rateLineCollection"],
    ),
    ("rateLineCollection", &["applicableCurrency", "minValueCollection", "maxValueCollection", "resetTime", "relativeTimes", "rateLine"]),
    ("rateLine", &["rateLineType", "durationStart", "durationEnd", "incrementPeriod", "value"]),
    ("PlaceStatus", &["reference", "lastUpdated", "occupancy", "supply", "status"]),
    ("SpaceStatus", &["reference", "lastUpdated", "openingStatus", "statusDescription", "occupied"]),
];

const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";

fn named<'a>(node: roxmltree::Node<'a, 'a>, name: &'static str) -> Vec<roxmltree::Node<'a, 'a>> {
    node.descendants().filter(|node| node.tag_name().name() == name).collect()
}

fn text(node: roxmltree::Node<'_, '_>, name: &'static str) -> String {
    let found = node.descendants().find(|node| node.tag_name().name() == name);
    found.and_then(|node| node.text()).unwrap_or_default().to_owned()
}

/// The type that stands for an abstract one, without its prefix.
fn class(node: roxmltree::Node<'_, '_>) -> String {
    node.attribute((XSI, "type")).map(|class| class.rsplit(':').next().unwrap().to_owned()).unwrap_or_default()
}

fn check_order(document: &roxmltree::Document<'_>) {
    let mut seen = BTreeSet::new();
    for node in document.descendants().filter(roxmltree::Node::is_element) {
        let class = class(node);
        let Some((known, order)) = ORDER.iter().find(|(known, _)| *known == class || *known == node.tag_name().name()) else { continue };
        seen.insert(*known);
        let children: Vec<_> = node.children().filter(roxmltree::Node::is_element).map(|child| child.tag_name().name()).collect();
        let places: Vec<_> = children
            .iter()
            .map(|child| order.iter().position(|name| name == child).unwrap_or_else(|| panic!("{child} in {known}")))
            .collect();
        assert!(places.is_sorted(), "{known}: {children:?}");
    }
    assert_eq!(seen.len(), ORDER.len(), "{seen:?}");
}

/// Validates the document where somebody has the schemas: a directory, with `DATEXII_3_MessageContainer.xsd` and all that it leads to.
fn validate(body: &str) {
    let Some(schemas) = std::env::var_os("GATEHOUSE_DATEX2_SCHEMAS") else { return };
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("parking.xml");
    std::fs::write(&file, body).unwrap();
    let schema = std::path::Path::new(&schemas).join("DATEXII_3_MessageContainer.xsd");
    let validated = std::process::Command::new("xmllint").args(["--nonet", "--noout", "--schema"]).arg(schema).arg(file).output();
    let validated = validated.expect("xmllint starts (Debian's package libxml2-utils)");
    assert!(validated.status.success(), "{}", String::from_utf8_lossy(&validated.stderr));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_document_tells_places_zones_spaces_rates_and_occupancy() {
    let app = App::start().await;
    let (place, _) = car_park(&app).await;
    let answer = app.anonymous().get(&format!("/api/export/datex2/parking.xml?site={}", place.site)).await;
    let body = answer.text();
    let document = roxmltree::Document::parse(&body).unwrap();
    let root = document.root_element();
    assert_eq!(root.tag_name(), ("http://datex2.eu/schema/3/messageContainer", "messageContainer").into());
    check_order(&document);
    validate(&body);

    let payloads = named(root, "payload");
    assert_eq!(payloads.iter().map(|it| class(*it)).collect::<Vec<_>>(), ["ParkingTablePublication", "ParkingStatusPublication"]);
    for payload in &payloads {
        assert_eq!((payload.attribute("lang"), payload.attribute("modelBaseVersion")), (Some("en"), Some("3")));
        let time = text(*payload, "publicationTime");
        assert!(chrono::DateTime::parse_from_rfc3339(&time).is_ok(), "{time}");
        assert_eq!((text(*payload, "country"), text(*payload, "nationalIdentifier")), ("IN".to_owned(), "gatehouse".to_owned()));
    }

    let elements = named(root, "hierarchyElementGeneral");
    let classes: Vec<_> = elements.iter().map(|it| class(*it)).collect();
    assert_eq!(classes, ["Place", "SubplaceElement", "Space", "Space", "Space"]);
    let ids: BTreeSet<_> = elements.iter().map(|it| it.attribute("id").unwrap()).collect();
    assert_eq!(ids.len(), 5);
    // Each names those above and below it, and whatever is named is there in that version.
    let versions: std::collections::BTreeMap<_, _> =
        elements.iter().map(|it| (it.attribute("id").unwrap(), it.attribute("version").unwrap())).collect();
    for reference in ["childId", "parentId", "reference"].into_iter().flat_map(|name| named(root, name)) {
        assert_eq!(reference.attribute("targetClass"), Some("fac:FacilityObject"));
        assert_eq!(versions.get(reference.attribute("id").unwrap()).copied(), reference.attribute("version"), "{reference:?}");
    }
    assert_eq!((named(root, "parentId").len(), named(root, "childId").len(), named(root, "reference").len()), (4, 4, 5));
    let table = named(root, "parkingTable")[0];
    let table_reference = named(root, "parkingTableReference")[0];
    assert_eq!(
        (table.attribute("id"), table.attribute("version")),
        (table_reference.attribute("id"), table_reference.attribute("version"))
    );

    assert_eq!(text(elements[0], "value"), "Straße & \"Nord\" <1>", "what people wrote is written as they wrote it");
    assert_eq!((text(elements[0], "latitude"), text(elements[0], "longitude")), ("20.9".to_owned(), "70.4".to_owned()));
    let lines = named(elements[0], "rateLine");
    assert_eq!(lines.iter().map(|line| text(*line, "value")).collect::<Vec<_>>(), ["0.00", "40.00"]);
    assert_eq!((text(lines[0], "durationEnd"), text(lines[1], "incrementPeriod")), ("00:10:00".to_owned(), "PT1H".to_owned()));
    assert_eq!(text(elements[0], "maxValueCollection"), "300.00");
    let own_rates = named(elements[3], "rates");
    assert_eq!((class(own_rates[0]), text(named(own_rates[0], "rateLine")[1], "value")), ("RateTable".to_owned(), "50.00".to_owned()));
    assert_eq!(text(elements[3], "fuelType"), "battery");

    let states = named(root, "parkingStatusInformation");
    let classes: Vec<_> = states.iter().map(|it| class(*it)).collect();
    assert_eq!(classes, ["PlaceStatus", "ParkingStatusInformation", "SpaceStatus", "SpaceStatus", "SpaceStatus"]);
    for state in &states[..2] {
        let counts = ["numberOfVacantSpaces", "numberOfOccupiedSpaces", "occupancy", "quantity"].map(|name| match name {
            // The element of that name around the numbers has no text of its own.
            "occupancy" => named(*state, name)[1].text().unwrap().to_owned(),
            name => text(*state, name),
        });
        assert_eq!(counts, ["1", "1", "50", "2"]);
    }
    assert_eq!(states[2..].iter().map(|it| text(*it, "occupied")).collect::<Vec<_>>(), ["true", "false", "false"]);
    assert_eq!(states[2..].iter().map(|it| text(*it, "openingStatus")).collect::<Vec<_>>(), ["open", "open", "closed"]);
    // Nothing that the public routes do not show.
    for private in ["created_by", "device", "plate", "GJ01"] {
        assert!(!body.contains(private), "{private}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn accept_and_the_name_choose_the_form_and_both_say_the_same() {
    let app = App::start().await;
    let (place, _) = car_park(&app).await;
    let path = format!("/api/export/datex2/parking?site={}", place.site);
    let asked = async |accept: &str| app.anonymous().header("accept", accept).get(&path).await;
    for (accept, media_type) in
        [("application/json", "application/json"), ("text/xml", "application/xml"), ("image/png", "application/xml")]
    {
        let answer = asked(accept).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, media_type), "{accept}");
        assert!(answer.header("vary").contains("accept"), "{}", answer.header("vary"));
    }
    let json = app.anonymous().get(&format!("/api/export/datex2/parking.json?site={}", place.site)).await.expect(200);
    assert_eq!(json, asked("application/json").await.json());
    let payload = &json["messageContainer"]["payload"];
    let elements = payload[0]["prkParkingTablePublication"]["parkingTable"][0]["hierarchyElementGeneral"].as_array().unwrap();
    let ids = |field: &str| -> Vec<&Value> { elements.iter().map(|it| &it.as_object().unwrap().values().next().unwrap()[field]).collect() };
    let xml = asked("application/xml").await.text();
    let document = roxmltree::Document::parse(&xml).unwrap();
    let in_xml: Vec<_> = named(document.root_element(), "hierarchyElementGeneral").iter().map(|it| it.attribute("id").unwrap()).collect();
    assert_eq!(ids("idG"), in_xml);
    let states = &payload[1]["prkParkingStatusPublication"]["parkingStatusInformation"];
    assert_eq!(states[0]["prkPlaceStatus"]["occupancy"]["numberOfVacantSpaces"], 1);
    assert_eq!(states[0]["prkPlaceStatus"]["status"], json!([{"value": "spacesAvailable"}]));

    let status = app.anonymous().get(&format!("{path}&publication=status")).await.text();
    let document = roxmltree::Document::parse(&status).unwrap();
    assert_eq!(document.root_element().tag_name(), ("http://datex2.eu/schema/3/d2Payload", "payload").into());
    assert_eq!(class(document.root_element()), "ParkingStatusPublication");
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn the_publisher_is_who_the_variables_say() {
    let variables = [("export_country", "de"), ("export_publisher", "stadt-bonn"), ("export_language", "de")];
    let Some(app) = App::embedded(&variables).await else { return };
    let place = app.place(1).await;
    let json = app.anonymous().get(&format!("/api/export/datex2/parking.json?site={}&publication=table", place.site)).await.expect(200);
    let publication = &json["payload"]["prkParkingTablePublication"];
    assert_eq!(publication["publicationCreator"], json!({"country": "DE", "nationalIdentifier": "stadt-bonn"}));
    assert_eq!(publication["lang"], "de");
    // Without a car park there is a container with nothing in it.
    let Some(empty) = App::embedded(&[]).await else { return };
    let json = empty.anonymous().get("/api/export/datex2/parking.json").await.expect(200);
    assert!(json["messageContainer"].get("payload").is_none(), "{json}");
    empty.anonymous().get("/api/export/datex2/parking.json?publication=table").await.expect_problem(404);
}
