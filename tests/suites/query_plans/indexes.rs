//! Searches that are no scans, and yet may go through all rows by their key.

use gatehouse_tests::{App, Place};
use serde_json::json;

/// A piece of a statement, and the index that finds those rows that are wanted.
const FOUND_BY: [(&str, &str); 5] = [
    (" and m.topic = ?", "messages_by_topic"),
    ("reserved_stays r", "reservations_arriving"),
    ("from spot_claims c where c.spot_id = s.spot_id", "reservations_live_by_spot (spot_id=? AND starts_at<"),
    ("from spot_claims c where c.spot_id = s.spot_id", "reservations_extended (spot_id=? AND starts_at<"),
    ("select s.spot_id, c.ends_at from spot_claims c", "reservations_live_by_spot (spot_id=? AND starts_at>"),
];

/// Asks for what is found by them.
pub async fn ask(app: &App, place: &Place) {
    let admin = app.admin().await;
    for filter in ["", "&state=sent&channel=webhook&order=asc", "&state=dead"] {
        admin.get(&format!("/api/dispatch/messages?topic=emergency.reported{filter}")).await.expect(200);
    }
    // What was reserved is looked for where something is.
    let free_of_charge = json!({"tariff": {"currency": "INR", "per_hour": 0}});
    admin.patch(&format!("/api/sites/{}", place.site), free_of_charge).await.expect(200);
    let body = json!({"spot_id": place.spots[1], "start": app.time(180_000), "end": app.time(183_600), "vehicle_plate": "GJ01AB1234"});
    let visitor = app.visitor().await;
    visitor.post("/api/reservations", body.clone()).await.expect(201);
    // When one as long could begin.
    visitor.post("/api/reservations", body.clone()).await.expect_problem(409);
    let mut any = body;
    any["site"] = json!(place.site);
    any.as_object_mut().expect("an object").remove("spot_id");
    visitor.post("/api/reservations", any.clone()).await.expect(201);
    visitor.post("/api/reservations", any).await.expect_problem(409);
}

/// Checks that each statement with such a piece is run by the index.
pub fn check(db: &rusqlite::Connection, statements: &[String]) {
    for (piece, index) in FOUND_BY {
        let with_piece: Vec<_> = statements.iter().filter(|sql| sql.contains(piece)).collect();
        assert!(!with_piece.is_empty(), "no statement with {piece:?} was seen");
        for sql in with_piece {
            assert!(plan(db, sql).contains(index), "not by {index}: {sql}");
        }
    }
}

/// How a statement is run, in SQLite's words.
fn plan(db: &rusqlite::Connection, sql: &str) -> String {
    let mut statement = db.prepare(&format!("explain query plan {sql}")).unwrap_or_else(|error| panic!("{error}: {sql}"));
    let mut rows = statement.raw_query();
    let mut plan = String::new();
    while let Some(row) = rows.next().expect("a plan") {
        plan.push_str(&row.get::<_, String>(3).expect("its words"));
        plan.push('\n');
    }
    plan
}
