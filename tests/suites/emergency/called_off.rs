//! An emergency that is none: cancelled by its reporter, or closed as a false alarm by an operator.

use std::time::Duration;

use futures::future::{join, join_all};
use gatehouse_tests::{App, Client};
use serde_json::{Value, json};

use super::{emergency_body, id, my_id, path, report, temple};

async fn take(operator: &Client, emergency: &Value, steps: &[&str]) {
    for step in steps {
        operator.patch(&format!("{}/{step}", path(emergency)), json!({})).await.expect(200);
    }
}

fn actions(shown: &Value) -> Vec<&str> {
    shown["history"].as_array().unwrap().iter().map(|step| step["action"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reporter_cancels_their_own_until_somebody_is_on_it() {
    let app = App::start().await;
    let (visitor, other, operator) = (app.visitor().await, app.visitor().await, app.operator().await);
    let temple = temple(&app).await;
    for steps in [&[][..], &["acknowledge"]] {
        let emergency = report(&visitor, &temple).await;
        take(&operator, &emergency, steps).await;
        let cancel = format!("{}/cancel", path(&emergency));
        app.anonymous().patch(&cancel, json!({})).await.expect_problem(401);
        other.patch(&cancel, json!({})).await.expect_problem(404);
        operator.patch(&cancel, json!({})).await.expect_problem(403);
        visitor.patch(&cancel, json!({"reason": 7})).await.expect_invalid(&["reason"]);
        let cancelled = visitor.patch(&cancel, json!({"reason": "He is well"})).await.expect(200);
        assert_eq!(cancelled["status"], "cancelled");
        assert!(cancelled["closed_at"].is_string() && cancelled.get("closed_by").is_none(), "{cancelled}");
        let shown = operator.get(&path(&emergency)).await.expect(200);
        assert_eq!((&shown["closed_by"], &shown["resolution"]), (&my_id(&visitor).await, &json!("He is well")));
        assert_eq!((actions(&shown).last(), &shown["suggested"]), (Some(&"cancelled"), &json!([])));
        // Over is over.
        visitor.patch(&cancel, json!({})).await.expect_problem(409);
        for step in ["acknowledge", "in-progress", "resolve", "false-alarm"] {
            let problem = operator.patch(&format!("{}/{step}", path(&emergency)), json!({})).await.expect_problem(409);
            assert!(problem["detail"].as_str().unwrap().starts_with("the emergency is cancelled"), "{problem}");
        }
    }
    // Who is on the way is not called back by whoever holds the phone.
    let emergency = report(&visitor, &temple).await;
    take(&operator, &emergency, &["acknowledge", "in-progress"]).await;
    visitor.post(&format!("{}/cancel", path(&emergency)), json!({})).await.expect_problem(409);
    visitor.patch("/api/emergency/nobody/cancel", json!({})).await.expect_problem(404);
    assert_eq!(visitor.get(&path(&emergency)).await.expect(200)["status"], "in_progress");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_closes_a_false_alarm_in_one_step_and_frees_who_was_sent() {
    let app = App::start().await;
    let (visitor, operator) = (app.visitor().await, app.operator().await);
    let temple = temple(&app).await;
    let crew = operator.post("/api/resources/", json!({"temple_id": temple, "type": "ambulance", "name": "A1"})).await.expect(201);
    for steps in [&[][..], &["acknowledge"], &["acknowledge", "in-progress"]] {
        let emergency = report(&visitor, &temple).await;
        operator.patch(&format!("{}/assign", path(&emergency)), json!({"resource_id": crew["id"]})).await.expect(200);
        take(&operator, &emergency, steps).await;
        let close = format!("{}/false-alarm", path(&emergency));
        visitor.patch(&close, json!({})).await.expect_problem(403);
        let closed = operator.patch(&close, json!({"reason": "A child played with the phone"})).await.expect(200);
        assert_eq!((&closed["status"], &closed["resolution"]), (&json!("false_alarm"), &json!("A child played with the phone")));
        assert_eq!(closed["closed_by"], my_id(&operator).await);
        assert!(closed["resources"][0]["released_at"].is_string() && closed["resolved_at"].is_null(), "{closed}");
        assert_eq!(operator.get(&format!("/api/resources/{}", id(&crew))).await.expect(200)["status"], "available");
        operator.patch(&close, json!({})).await.expect_problem(409);
        let problem = operator.patch(&format!("{}/assign", path(&emergency)), json!({"resource_id": crew["id"]})).await.expect_problem(409);
        assert_eq!(problem["detail"], "the emergency was called off: nothing can be assigned to it");
        // Its reporter sees it, and the feed tells the bare fact.
        assert_eq!(visitor.get(&path(&emergency)).await.expect(200)["status"], "false_alarm");
        let told = "select public_data from events where channel = 'emergency' and data ->> 'id' = ? order by id desc limit 1";
        let told: String = app.db().query_row(told, [id(&emergency)], |row| row.get(0)).unwrap();
        assert_eq!(serde_json::from_str::<Value>(&told).unwrap()["status"], "false_alarm");
    }
    assert!(super::listed(&operator, &format!("/api/emergency/active?temple_id={temple}")).await.is_empty());
    assert_eq!(super::listed(&operator, &format!("/api/emergency/temple/{temple}?status=false_alarm")).await.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_figures_count_apart_what_was_none() {
    let app = App::start().await;
    let (visitor, operator) = (app.visitor().await, app.operator().await);
    let temple = temple(&app).await;
    let (real, cancelled, false_alarm) =
        (report(&visitor, &temple).await, report(&visitor, &temple).await, report(&visitor, &temple).await);
    report(&visitor, &temple).await;
    take(&operator, &real, &["acknowledge", "in-progress", "resolve"]).await;
    visitor.patch(&format!("{}/cancel", path(&cancelled)), json!({})).await.expect(200);
    take(&operator, &false_alarm, &["acknowledge", "false-alarm"]).await;
    let figures = operator.get(&format!("/api/emergency/stats/temple/{temple}")).await.expect(200);
    let count = |field: &str| figures[field].as_i64().expect("a count");
    assert_eq!((count("total"), count("active"), count("false_alarms"), count("cancelled")), (2, 1, 1, 1));
    assert_eq!((&figures["by_type"]["medical"], &figures["by_severity"]["critical"]), (&json!(2), &json!(2)));
    let by_status = json!({"reported": 1, "acknowledged": 0, "in_progress": 0, "resolved": 1, "cancelled": 1, "false_alarm": 1});
    assert_eq!(figures["by_status"], by_status);
    assert_eq!((&figures["time_to_acknowledge"]["count"], &figures["time_to_resolve"]["count"]), (&json!(1), &json!(1)));
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn what_was_called_off_climbs_no_further() {
    let Some(app) = App::embedded(&[("escalation_minutes", "5"), ("escalation_contacts", "sms:+911111111111")]).await else { return };
    let (visitor, operator) = (app.visitor().await, app.operator().await);
    let temple = temple(&app).await;
    let (cancelled, false_alarm, real) =
        (report(&visitor, &temple).await, report(&visitor, &temple).await, report(&visitor, &temple).await);
    visitor.patch(&format!("{}/cancel", path(&cancelled)), json!({})).await.expect(200);
    operator.patch(&format!("{}/false-alarm", path(&false_alarm)), json!({})).await.expect(200);
    app.advance(Duration::from_secs(301));
    app.tick().await;
    let operator = app.operator().await;
    for (emergency, rungs) in [(&cancelled, 0), (&false_alarm, 0), (&real, 1)] {
        assert_eq!(operator.get(&path(emergency)).await.expect(200)["escalation"], rungs);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_cancellation_and_a_step_at_once_what_comes_first_decides() {
    let app = App::start().await;
    let (visitor, operator) = (app.visitor().await, app.operator().await);
    let temple = temple(&app).await;
    for _ in 0..8 {
        let emergency = visitor.post("/api/emergency/", emergency_body(&temple)).await.expect(201);
        let (cancel, close) = (format!("{}/cancel", path(&emergency)), format!("{}/false-alarm", path(&emergency)));
        let cancels = join_all((0..4).map(|_| visitor.patch(&cancel, json!({}))));
        let closes = join_all((0..4).map(|_| operator.patch(&close, json!({}))));
        let (cancels, closes) = join(cancels, closes).await;
        let mut statuses: Vec<_> = cancels.iter().chain(&closes).map(|answer| answer.status).collect();
        statuses.sort_unstable();
        assert_eq!((statuses[0], &statuses[1..]), (200, &[409; 7][..]));
        let shown = operator.get(&path(&emergency)).await.expect(200);
        assert_eq!(actions(&shown), ["reported", shown["status"].as_str().unwrap()]);
    }
}
