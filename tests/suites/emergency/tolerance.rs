//! What a person in trouble can send is taken: a type alone is enough, and what is missing or not understood is noted.

use std::collections::BTreeSet;

use gatehouse_tests::{App, Client};
use serde_json::{Value, json};

use super::{emergency_body, id, listed, path, temple};

async fn sos(caller: &Client, body: Value) -> Value {
    caller.post("/api/emergency/", body).await.expect(201)
}

fn noted(emergency: &Value) -> BTreeSet<&str> {
    emergency["notes"].as_object().expect("notes by field").keys().map(String::as_str).collect()
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_type_alone_is_taken_and_told() {
    let Some(app) = App::embedded(&[]).await else { return };
    let (visitor, operator) = (app.visitor().await, app.operator().await);
    let emergency = sos(&visitor, json!({"type": "medical"})).await;
    assert_eq!(
        (&emergency["type"], &emergency["severity"], &emergency["status"]),
        (&json!("medical"), &json!("critical"), &json!("reported"))
    );
    for field in ["temple_id", "description", "location", "accuracy_m", "place"] {
        assert!(emergency.get(field).is_some_and(Value::is_null), "{field} in {emergency}");
    }
    assert_eq!(emergency["location_approximate"], true);
    assert_eq!(noted(&emergency), BTreeSet::from(["description", "location", "temple_id"]));
    assert_eq!(emergency["notes"]["location"], json!(["was not sent"]));
    let told: i64 = app.db().query_row("select count(*) from outbox where topic = 'emergency.reported'", [], |row| row.get(0)).unwrap();
    assert_eq!(told, 1);

    // It is seen, followed and answered like any other.
    assert_eq!(visitor.get(&path(&emergency)).await.expect(200), emergency);
    assert_eq!(listed(&operator, "/api/emergency/active").await, [id(&emergency)]);
    let shown = operator.get(&path(&emergency)).await.expect(200);
    assert_eq!((&shown["suggested"], &shown["notes"]), (&json!([]), &emergency["notes"]));
    operator.patch(&format!("{}/acknowledge", path(&emergency)), json!({})).await.expect(200);
    let events = "select count(*) from events where channel = 'emergency' and site is null and public_data ->> 'temple_id' is null";
    assert_eq!(app.db().query_row(events, [], |row| row.get::<_, i64>(0)).unwrap(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_understood_is_noted_and_never_refused() {
    let app = App::start().await;
    let (visitor, operator) = (app.visitor().await, app.operator().await);
    let temple = temple(&app).await;
    let with = |field: &str, value: Value| {
        let mut body = emergency_body(&temple);
        body[field] = value;
        body
    };
    let good = sos(&visitor, emergency_body(&temple)).await;
    assert_eq!(good["notes"], json!({}));
    for (field, value, note) in [
        ("severity", json!("purple"), "\"purple\" was sent: must be one of low, medium, high, critical; taken as critical"),
        ("severity", json!(3), "\"3\" was sent: must be one of low, medium, high, critical; taken as critical"),
        ("location", json!("behind the east gate"), "\"behind the east gate\" was sent: must be an object with lat and lng"),
        ("location", json!({"lat": 91, "lng": 70.4}), "\"{\"lat\":91,\"lng\":70.4}\" was sent: its lat must be a number from -90 to 90"),
        ("location", json!(null), "was not sent"),
        ("accuracy_m", json!("near"), "\"near\" was sent: must be a number"),
        ("description", json!("  "), "was not sent"),
        ("description", json!("x".repeat(2001)), "was longer: its first 2000 characters are kept"),
        ("type", json!("An elephant"), "\"An elephant\" is none that is known: filed as other"),
        ("type", json!({"is": "fire"}), "\"{\"is\":\"fire\"}\" is none that is known: filed as other"),
    ] {
        let emergency = sos(&visitor, with(field, value.clone())).await;
        assert_eq!(emergency["notes"], json!({ field: [note] }), "{field} {value}");
        assert_eq!(emergency["temple_id"], json!(temple));
        assert_eq!(operator.get(&path(&emergency)).await.expect(200)["notes"], emergency["notes"]);
    }
    // A place in words is kept as one, and so is what was said without being a text.
    let worded = sos(&visitor, with("location", json!("behind the east gate"))).await;
    assert_eq!((&worded["location"], &worded["place"]), (&Value::Null, &json!("behind the east gate")));
    let cut = sos(&visitor, with("description", json!("x".repeat(2001)))).await;
    assert_eq!(cut["description"], "x".repeat(2000));
    assert_eq!(sos(&visitor, with("description", json!(["he", "fell"]))).await["description"], r#"["he","fell"]"#);
    let control = sos(&visitor, with("description", json!("a\u{0}b"))).await;
    assert_eq!((&control["description"], &control["notes"]), (&json!("a b"), &json!({})));
    // All of it at once.
    let wrong = json!({"temple_id": 7, "type": "", "description": [], "location": [20, 70], "severity": {}, "accuracy_m": -1});
    let wrong = sos(&visitor, wrong).await;
    assert_eq!((&wrong["type"], &wrong["severity"], &wrong["temple_id"]), (&json!("other"), &json!("high"), &Value::Null));
    assert_eq!(noted(&wrong), BTreeSet::from(["accuracy_m", "location", "severity", "temple_id"]));
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_temple_that_is_not_named_or_not_known_is_taken_from_the_position() {
    let Some(app) = App::embedded(&[]).await else { return };
    let visitor = app.visitor().await;
    // In every installation, and the nearest to the position of `emergency_body`.
    let temple = "somnath".to_owned();
    for (named, why) in [(json!(null), "was not sent"), (json!("atlantis"), "\"atlantis\" was sent: there is no such temple")] {
        let mut body = emergency_body(&temple);
        body["temple_id"] = named.clone();
        let emergency = sos(&visitor, body.clone()).await;
        assert_eq!(emergency["temple_id"], json!(temple));
        assert_eq!(emergency["notes"], json!({"temple_id": [format!("{why}; {temple} is the nearest to the position")]}));
        // Far from all of them it is nobody's, and told all the same.
        body["location"] = json!({"lat": 22.0, "lng": 70.4});
        let emergency = sos(&visitor, body.clone()).await;
        assert_eq!(emergency["temple_id"], Value::Null);
        assert_eq!(emergency["notes"], json!({"temple_id": [format!("{why}; none lies within 5 km of the position")]}));
        body["location"] = json!(null);
        assert_eq!(sos(&visitor, body).await["temple_id"], Value::Null);
    }
    // As older clients name it.
    let named = sos(&visitor, json!({"type": "fire", "site": temple})).await;
    assert_eq!(named["temple_id"], json!(temple));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_position_is_approximate_unless_it_says_that_it_is_not_and_so_is_what_is_measured_from_it() {
    let app = App::start().await;
    let (visitor, operator) = (app.visitor().await, app.operator().await);
    let temple = temple(&app).await;
    let crew = json!({"temple_id": temple, "type": "ambulance", "name": "A1", "location": {"lat": 20.889, "lng": 70.4014}});
    operator.post("/api/resources/", crew).await.expect(201);
    let beside = |metres: Value| {
        let mut body = emergency_body(&temple);
        body["accuracy_m"] = metres;
        body
    };
    let mut within = emergency_body(&temple);
    within["location"]["accuracy"] = json!(12.5);
    for (body, accuracy, is_approximate) in [
        (emergency_body(&temple), json!(null), true),
        (beside(json!(8)), json!(8.0), false),
        (beside(json!(50)), json!(50.0), false),
        (beside(json!(2500)), json!(2500.0), true),
        (within, json!(12.5), false),
    ] {
        let emergency = sos(&visitor, body).await;
        assert_eq!((&emergency["accuracy_m"], &emergency["location_approximate"]), (&accuracy, &json!(is_approximate)), "{emergency}");
        assert_eq!(emergency["location"], emergency_body(&temple)["location"]);
        let suggested = operator.get(&path(&emergency)).await.expect(200)["suggested"][0].clone();
        assert_eq!((&suggested["distance_m"], &suggested["distance_approximate"]), (&json!(100.0), &json!(is_approximate)));
    }
    // Who helps is suggested without a position too, with no distance that nobody knows.
    let lost = sos(&visitor, json!({"type": "medical", "temple_id": temple})).await;
    let suggested = operator.get(&format!("{}/suggestions", path(&lost))).await.expect(200)["items"][0].clone();
    assert_eq!((&suggested["name"], &suggested["distance_m"]), (&json!("A1"), &Value::Null));
}
