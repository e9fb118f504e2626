//! The event feed over Server-Sent Events.

#[path = "events/feed.rs"]
mod feed;
#[path = "events/schemas.rs"]
mod schemas;
#[path = "events/sessions.rs"]
mod sessions;
#[path = "events/tickets.rs"]
mod tickets;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use feed::{Feed, SOON};
use futures::StreamExt as _;
use gatehouse_tests::{App, Client, unique};
use serde_json::{Value, json};

async fn raise(caller: &Client, message: &str, further: Value) -> Value {
    let mut body = json!({ "severity": "info", "message": message });
    body.as_object_mut().unwrap().extend(further.as_object().unwrap().clone());
    caller.post("/api/alerts/", body).await.expect(201)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_sees_everything_and_the_public_what_is_public() {
    let app = App::start().await;
    let operator = app.operator().await;
    let mut operators = Feed::open(&operator, "?channels=alerts").await;
    let mut publics = Feed::open(&app.anonymous(), "").await;
    let mut visitors = Feed::open(&app.visitor().await, "").await;

    let (secret, open) = (unique("secret"), unique("open"));
    let private = raise(&operator, &secret, json!({ "is_public": false })).await;
    raise(&operator, &open, json!({})).await;

    let seen = operators.message(&secret).await;
    assert_eq!(seen.event.as_deref(), Some("alert"));
    assert_eq!(seen.data, private);
    assert!(operators.message(&open).await.data["created_by"].is_string());
    for feed in [&mut publics, &mut visitors] {
        let first = feed.event(SOON).await.unwrap();
        assert_eq!(first.data["message"], json!(open), "only what is public arrives");
        assert!(first.data.get("created_by").is_none() && first.data.get("source").is_none());
    }

    // A deleted alert says so; each step is an event.
    let path = format!("/api/alerts/{}", private["id"].as_str().unwrap());
    operator.patch(&format!("{path}/acknowledge"), json!({})).await.expect(200);
    assert_eq!(operators.event(SOON).await.unwrap().data["status"], "acknowledged");
    app.admin().await.delete(&path).await.expect(204);
    let gone = operators.event(SOON).await.unwrap();
    assert_eq!((gone.event.as_deref(), &gone.data["id"]), (Some("alert_deleted"), &private["id"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_public_is_told_to_forget_an_alert_that_is_made_private() {
    let app = App::start().await;
    let operator = app.operator().await;
    let (mut public, mut control_room) = (Feed::open(&app.anonymous(), "").await, Feed::open(&operator, "").await);
    let message = unique("shown");
    let alert = raise(&operator, &message, json!({ "is_public": true })).await;
    public.message(&message).await;
    let path = format!("/api/alerts/{}", alert["id"].as_str().expect("an id"));
    operator.patch(&path, json!({ "is_public": false, "message": "for us alone" })).await.expect(200);
    let gone = public.event(SOON).await.expect("an event");
    assert_eq!((gone.event.as_deref(), &gone.data), (Some("alert_deleted"), &json!({ "id": alert["id"] })));
    // Operators see it go and come back.
    assert_eq!(control_room.message("for us alone").await.data["id"], alert["id"]);
    operator.patch(&path, json!({ "is_public": false, "message": "still for us" })).await.expect(200);
    control_room.message("still for us").await;
    let seen = public.event(Duration::from_secs(1)).await;
    assert!(seen.is_none(), "{seen:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sensor_that_reports_turns_its_spot_for_everyone() {
    let app = App::start().await;
    let place = app.place(1).await;
    let code = app.new_device(&place, Some(0)).await;
    let device = app.device(&code).await;
    let mut publics = Feed::open(&app.anonymous(), &format!("?channels=parking&site={}", place.site)).await;
    let mut reading = app.reading(&code, 0);
    reading["occupied"] = json!(true);
    device.post("/api/telemetry/", reading).await.expect(201);
    let turned = publics.event(SOON).await.expect("an event");
    assert_eq!(turned.event.as_deref(), Some("spot"));
    assert_eq!((&turned.data["spot_id"], &turned.data["status"]), (&json!(place.spots[0]), &json!("occupied")));
    // The device's health is not the public's.
    assert!(publics.event(Duration::from_secs(1)).await.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn each_count_of_a_lot_that_differs_is_told_and_the_first_one_too() {
    let app = App::start().await;
    let operator = app.operator().await;
    let mut public = Feed::open(&app.anonymous(), "?channels=parking").await;
    let lot = unique("lot");
    for (minute, free) in [(1, 30), (2, 30), (3, 29)] {
        let body = json!({ "parking_lot": lot, "available_spots": free, "timestamp": format!("2026-02-04T10:0{minute}:00Z") });
        operator.post("/api/parking-data/add/", body).await.expect(201);
    }
    for free in [30, 29] {
        let told = public.event(SOON).await.expect("an event");
        assert_eq!((told.event.as_deref(), &told.data), (Some("lot"), &json!({ "parking_lot": lot, "available_spots": free })));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn channels_and_site_filter() {
    let app = App::start().await;
    let operator = app.operator().await;
    let (here, there) = (app.place(0).await.site, app.place(0).await.site);
    let mut of_site = Feed::open(&operator, &format!("?channels=alerts,crowd&site={here}")).await;
    let mut of_crowd = Feed::open(&operator, "?channels=crowd,transport").await;
    let (one, two, all) = (unique("there"), unique("here"), unique("everywhere"));
    raise(&operator, &one, json!({ "site": there })).await;
    raise(&operator, &two, json!({ "site": here })).await;
    raise(&operator, &all, json!({})).await;
    assert_eq!(of_site.event(SOON).await.unwrap().data["message"], json!(two));
    assert_eq!(of_site.event(SOON).await.unwrap().data["message"], json!(all), "what is for no one site is for each");
    assert!(of_crowd.event(Duration::from_secs(1)).await.is_none());

    let bad = operator.get("/api/events?channels=alerts,news&last_event_id=x&colour=red").await;
    bad.expect_invalid(&["channels", "colour", "last_event_id"]);
    app.with_token("no.such.token").get("/api/events").await.expect_problem(401);
    operator.post("/api/events", json!({})).await.expect_problem(405);
}

/// Reads until it has every id of `wanted`, coming back with the last id whenever the connection has been cut.
async fn collect(operator: &Client, from: i64, cut_every: usize, writing: Arc<AtomicBool>, end: impl Fn() -> i64) -> Vec<i64> {
    let (mut ids, mut last) = (Vec::new(), from);
    loop {
        let mut feed = Feed::resume(operator, "?channels=alerts", last).await;
        for _ in 0..cut_every {
            match feed.event(Duration::from_secs(2)).await {
                Some(event) => {
                    assert_ne!(event.event.as_deref(), Some("reset"));
                    last = event.id.unwrap();
                    ids.push(last);
                }
                None => assert!(!writing.load(Ordering::Acquire) || last >= end(), "nothing came for 2 s while events were written"),
            }
            if !writing.load(Ordering::Acquire) && last >= end() {
                return ids;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resumed_stream_misses_nothing_while_500_events_are_written() {
    let app = App::start().await;
    let operator = app.operator().await;
    let start = Feed::open(&operator, "").await.last_event_id;
    let end = || -> i64 { app.db().query_row("select max(id) from events where channel = 'alerts'", [], |row| row.get(0)).unwrap() };
    // The first hundred are there before anyone reads; the rest come in between and during.
    for number in 0..100 {
        raise(&operator, &format!("before {number}"), json!({})).await;
    }
    let writing = Arc::new(AtomicBool::new(true));
    let writer = async {
        futures::stream::iter(0..400)
            .for_each_concurrent(8, |number| {
                let operator = operator.clone();
                async move { drop(raise(&operator, &format!("during {number}"), json!({})).await) }
            })
            .await;
        writing.store(false, Ordering::Release);
    };
    let (often, seldom, ()) = futures::join!(
        collect(&operator, start, 7, writing.clone(), end),
        collect(&operator, start, usize::MAX, writing.clone(), end),
        writer
    );
    let database = app.db();
    let mut rows = database.prepare("select id from events where channel = 'alerts' and id > ? order by id").unwrap();
    let written: Vec<i64> = rows.query_map([start], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    assert!(written.len() >= 500);
    for read in [often, seldom] {
        assert_eq!(read.iter().copied().collect::<BTreeSet<_>>().len(), read.len(), "an event came twice");
        assert_eq!(read, written);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_query_resumes_where_no_header_can_be_sent() {
    let app = App::start().await;
    let operator = app.operator().await;
    let start = Feed::open(&operator, "").await.last_event_id;
    let message = unique("missed");
    raise(&operator, &message, json!({})).await;
    Feed::open(&operator, &format!("?last_event_id={start}")).await.message(&message).await;
    // The header, which is newer, wins.
    let mut feed = Feed::resume(&operator, "?channels=alerts&last_event_id=0", start).await;
    assert_eq!(feed.event(SOON).await.unwrap().data["message"], json!(message));
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn who_comes_back_too_late_is_told_to_begin_again() {
    let Some(app) = App::embedded(&[]).await else { return };
    let operator = app.operator().await;
    for number in 0..10 {
        raise(&operator, &format!("old {number}"), json!({})).await;
    }
    let oldest: i64 = app.db().query_row("select max(id) - 3 from events", [], |row| row.get(0)).unwrap();
    app.db().execute("delete from events where id < ?", [oldest]).unwrap();

    let mut late = Feed::resume(&operator, "", 1).await;
    let reset = late.event(SOON).await.unwrap();
    assert_eq!(reset.event.as_deref(), Some("reset"));
    let rest: Vec<_> = [late.event(SOON).await, late.event(SOON).await].into_iter().map(|event| event.unwrap().id.unwrap()).collect();
    assert_eq!(rest, [oldest, oldest + 1], "what is kept follows");
    // One that has seen the last event that was removed has missed nothing.
    let mut in_time = Feed::resume(&operator, "", oldest - 1).await;
    assert_eq!(in_time.event(SOON).await.unwrap().id, Some(oldest));
    // An id that was never given: of a database that was put back, say.
    let mut ahead = Feed::resume(&operator, "", 1_000_000).await;
    assert_eq!(ahead.event(SOON).await.unwrap().event.as_deref(), Some("reset"));
    let message = unique("after");
    raise(&operator, &message, json!({})).await;
    ahead.message(&message).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_that_does_not_exist_is_named() {
    let app = App::start().await;
    app.anonymous().get("/api/events?site=somnat").await.expect_invalid(&["site"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_comment_comes_every_15_seconds() {
    let app = App::start().await;
    let site = app.place(0).await.site;
    let mut feed = Feed::open(&app.anonymous(), &format!("?channels=crowd&site={site}")).await;
    let begun = std::time::Instant::now();
    let comment = feed.frame(Duration::from_secs(40)).await.expect("a comment every 15 s");
    assert!(comment.comment.is_some() && comment.event.is_none());
    assert!(comment.id.is_some(), "it carries the place to resume from");
    assert!(begun.elapsed() > Duration::from_secs(10));
}

#[tokio::test(flavor = "multi_thread")]
async fn hundreds_of_streams_are_served_beside_the_rest() {
    let app = App::start().await;
    let operator = app.operator().await;
    let anonymous = app.anonymous();
    let mut feeds = futures::future::join_all((0..300).map(|_| Feed::open(&anonymous, "?channels=alerts"))).await;
    let message = unique("all");
    raise(&operator, &message, json!({})).await;
    futures::future::join_all(feeds.iter_mut().map(|feed| feed.message(&message))).await;
    operator.get("/api/alerts/").await.expect(200);
    // The clients leave; new ones are served.
    drop(feeds);
    let message = unique("again");
    let mut feed = Feed::open(&anonymous, "").await;
    raise(&operator, &message, json!({})).await;
    feed.message(&message).await;
}
