//! APDS and GeoJSON.

use super::*;

/// Whether an object has what its schema requires.
#[track_caller]
fn has(object: &Value, fields: &[&str]) {
    for field in fields {
        assert!(!object[field].is_null(), "no {field} in {object}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn apds_tells_the_hierarchy_its_occupancy_and_the_rates_that_its_rights_lead_to() {
    let app = App::start().await;
    let (place, _) = car_park(&app).await;
    let get = async |what: &str| app.anonymous().get(&format!("/api/export/apds/{what}?site={}", place.site)).await.expect(200);
    let places = get("places").await;
    has(&places["meta"], &["referenceInstant", "offset", "pageSize", "total"]);
    let data = places["data"].as_array().unwrap();
    assert_eq!(places["meta"]["total"], data.len());
    assert_eq!(data.iter().map(|it| &it["type"]).collect::<Vec<_>>(), ["place", "subplaceElement", "space", "space", "space"]);
    let names: BTreeSet<_> = data.iter().map(|it| (it["id"].as_str().unwrap(), it["version"].as_i64().unwrap())).collect();
    let is_there = |reference: &Value| names.contains(&(reference["id"].as_str().unwrap(), reference["version"].as_i64().unwrap()));
    for element in data {
        has(element, &["id", "version", "type", "name", "layer", "hierarchyElementRecord", "hierarchyElementReference"]);
        assert!(element["version"].as_i64().unwrap() >= 1);
        has(&element["name"][0], &["language", "string"]);
        has(&element["hierarchyElementRecord"], &["creationTime"]);
        let usage = &element["hierarchyElementReference"];
        assert!(is_there(&usage["elementId"]), "{usage}");
        has(&usage["supply"][0], &["supplyQuantity", "supplyViewType"]);
        has(&usage["demandTable"][0]["demandType"][0], &["recordDateTime", "count", "occupancyCalculation"]);
        assert!(element["childIds"].as_array().into_iter().flatten().all(is_there));
        assert!(element.get("parentId").is_none_or(is_there));
    }
    assert_eq!(data[0]["timeZone"], "Asia/Kolkata");
    assert_eq!(data[0]["indicativePlacePointLocation"], json!([{"type": "Point", "coordinates": [70.4, 20.9]}]));
    for element in &data[..2] {
        let usage = &element["hierarchyElementReference"];
        assert_eq!(usage["supply"][0]["supplyQuantity"], 2, "one is closed");
        let demand = &usage["demandTable"][0]["demandType"][0];
        assert_eq!((&demand["count"], &demand["percentage"]), (&json!(1), &json!(50.0)));
    }
    let spaces: Vec<_> = data[2..].iter().map(|it| &it["hierarchyElementReference"]).collect();
    assert_eq!(spaces.iter().map(|it| &it["demandTable"][0]["demandType"][0]["count"]).collect::<Vec<_>>(), [1, 0, 0]);
    assert_eq!(spaces.iter().map(|it| &it["supply"][0]["supplyQuantity"]).collect::<Vec<_>>(), [1, 1, 0]);
    assert_eq!(data[2]["spaceId"], json!({"id": place.spots[0], "className": "Space"}));

    let rates = get("rates").await;
    let tables = rates["data"].as_array().unwrap();
    assert_eq!(tables.len(), 2, "the site's, and those of spaces for electric vehicles");
    for table in tables {
        has(table, &["id", "version", "rateTableName", "availability", "rateLineCollections"]);
        let collection = &table["rateLineCollections"][0];
        let required = ["collectionSequence", "applicableCurrency", "resetTime", "validStart", "rateLines"];
        has(collection, &required);
        assert_eq!((&collection["relativeTimes"], &collection["taxIncluded"]), (&json!(false), &json!(true)));
        for line in collection["rateLines"].as_array().unwrap() {
            has(line, &["id", "version", "sequence", "rateLineType", "value"]);
        }
    }
    let collection = &tables[0]["rateLineCollections"][0];
    assert_eq!(collection["maxValueCollection"], json!({"currencyType": "INR", "currencyValue": 300.0}));
    assert_eq!(collection["rateLines"][0]["durationEnd"], "00:10");
    assert_eq!(tables.iter().map(|it| &it["rateLineCollections"][0]["rateLines"][1]["value"]).collect::<Vec<_>>(), [40.0, 50.0]);

    let rights = get("rights/specs").await;
    let rights = rights["data"].as_array().unwrap();
    let tables: BTreeSet<_> = tables.iter().map(|it| it["id"].as_str().unwrap()).collect();
    for right in rights {
        has(right, &["id", "version", "issuer", "hierarchyElements", "validity"]);
        assert_eq!(right["transferable"], false);
        assert!(right["hierarchyElements"].as_array().unwrap().iter().all(is_there), "{right}");
        assert!(tables.contains(right["rateEligibility"][0]["rateTable"]["id"].as_str().unwrap()));
    }
    let ids: BTreeSet<_> = rights.iter().map(|it| it["id"].as_str().unwrap()).collect();
    let told: BTreeSet<_> = data
        .iter()
        .flat_map(|it| it["rightSpecifications"].as_array().into_iter().flatten())
        .collect::<Vec<_>>()
        .into_iter()
        .map(|it| it["id"].as_str().unwrap())
        .collect();
    assert_eq!(told, ids, "what places name is there");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_without_prices_is_free_and_one_without_spots_is_counted_as_a_whole() {
    let app = App::start().await;
    let admin = app.admin().await;
    let site = unique("lot");
    let body = json!({
        "slug": site, "name": "A field", "kind": "car_park", "latitude": -33.5, "longitude": -70.25, "time_zone": "America/Santiago",
        "capacity": 250,
    });
    admin.post("/api/sites", body).await.expect(201);
    admin.post(&format!("/api/sites/{site}/zones"), json!({"code": "A", "name": "Row A", "capacity": 100})).await.expect(201);
    let get = async |what: &str| app.anonymous().get(&format!("/api/export/apds/{what}?site={site}")).await.expect(200);
    let places = get("places").await;
    let supply = |index: usize| places["data"][index]["hierarchyElementReference"]["supply"][0]["supplyQuantity"].clone();
    assert_eq!((supply(0), supply(1)), (json!(250), json!(100)));
    assert!(places["data"][0]["hierarchyElementReference"].get("demandTable").is_none(), "nobody counts");
    assert_eq!(get("rates").await["data"], json!([]));
    let rights = get("rights/specs").await;
    assert_eq!(rights["data"][0]["rateEligibility"][0]["eligibility"]["qualifications"][0]["freeToPark"], true);
    let datex2 = app.anonymous().get(&format!("/api/export/datex2/parking.json?site={site}")).await.expect(200);
    let state = &datex2["messageContainer"]["payload"][1]["prkParkingStatusPublication"]["parkingStatusInformation"][0]["prkPlaceStatus"];
    assert_eq!(state["status"], json!([{"value": "unknown"}]));
    assert!(state.get("occupancy").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn geojson_puts_sites_zones_and_shuttles_on_the_map() {
    let app = App::start().await;
    let (place, _) = car_park(&app).await;
    let sites = app.anonymous().get(&format!("/api/export/geojson/sites?site={}", place.site)).await.expect(200);
    assert_eq!(sites["type"], "FeatureCollection");
    let site = &sites["features"][0];
    assert_eq!((&site["type"], &site["id"]), (&json!("Feature"), &json!(place.site)));
    assert_eq!(site["geometry"], json!({"type": "Point", "coordinates": [70.4, 20.9]}), "longitude comes first");
    let spots = json!({"total": 3, "free": 1, "occupied": 1, "reserved": 0, "out_of_service": 1});
    assert_eq!(site["properties"]["spots"], spots);
    let zones = app.anonymous().get(&format!("/api/export/geojson/zones?site={}", place.site)).await.expect(200);
    let zone = &zones["features"][0];
    assert_eq!((&zone["id"], &zone["geometry"]), (&json!(format!("{}/{}", place.site, place.zone)), &site["geometry"]));
    assert_eq!(zone["properties"]["spots"], spots);
    let somnath = app.anonymous().get("/api/export/geojson/zones?site=somnath").await.expect(200);
    assert!(somnath["features"].as_array().unwrap().iter().any(|it| it["properties"]["code"] == "mainDarshan"), "{somnath}");

    let operator = app.operator().await;
    let shuttle = unique("S");
    let body = json!({"id": shuttle, "temple_id": place.site, "name": "Shuttle 7", "capacity": 30, "plate": "GJ01XX0007"});
    operator.post("/api/transport/shuttles", body).await.expect(201);
    let path = format!("/api/export/geojson/shuttles?temple_id={}", place.site);
    let first = app.anonymous().get(&path).await;
    let feature = first.expect(200)["features"][0].clone();
    assert_eq!((&feature["id"], &feature["geometry"], &feature["properties"]["stale"]), (&json!(shuttle), &Value::Null, &json!(true)));
    let position = json!({"lat": 20.91, "lng": 70.41, "passengers": 12, "timestamp": app.time(0)});
    operator.post(&format!("/api/transport/shuttles/{shuttle}/location"), position).await.expect(201);
    let moved = app.anonymous().header("if-none-match", &strong_tag(&first)).get(&path).await;
    assert_eq!(moved.header("content-type"), "application/geo+json");
    let feature = moved.expect(200)["features"][0].clone();
    assert_eq!(feature["geometry"]["coordinates"], json!([70.41, 20.91]));
    assert_eq!((&feature["properties"]["passengers"], &feature["properties"]["stale"]), (&json!(12), &json!(false)));
    let again = app.anonymous().header("if-none-match", &strong_tag(&moved)).get(&path).await;
    assert_eq!(again.status, 304);
    assert!(!moved.text().contains("GJ01XX0007"), "a map needs no plates");
}
