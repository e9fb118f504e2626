//! The gateway in front of a double of the application.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "gateway/application.rs"]
mod application;
#[path = "gateway/clients.rs"]
mod clients;

use std::time::Duration;

use application::Application;
use clients::{Client, SOON, gateway};
use gatehouse_gateway::Limits;
use serde_json::json;

const ALERT: &str = r#"{"site":null,"zones":[],"message":"mind the step"}"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_client_of_old_gets_alerts_and_its_own_words() {
    let application = Application::start().await;
    let running = gateway(&application.base_url(), Limits::default()).await;
    let mut plain = Client::open(&running, "/ws/alerts/").await;
    let mut at_site = Client::open(&running, "/ws/alerts?channels=crowd,alerts&site=Somnath").await;
    assert_eq!(at_site.json().await, json!({ "event": "ready", "event_id": 0 }));
    application.write("crowd", r#"{"temple_id":"somnath","zone":"museum","count":3}"#, true);
    application.write("crowd", r#"{"temple_id":"dwarka","zone":"museum","count":4}"#, true);
    application.write("alert", ALERT, false);
    let id = application.write("alert", ALERT, true);
    assert_eq!(
        plain.json().await,
        json!({ "message": { "site": null, "zones": [], "message": "mind the step" }, "event": "alert", "event_id": id })
    );
    plain.say(r#"{"message": "hello"}"#).await;
    assert_eq!(plain.json().await, json!({ "message": "hello" }));
    plain.say("hello").await;
    assert!(plain.json().await["error"].is_string());
    assert_eq!(at_site.ids(2).await, [1, id]);
    assert_eq!(running.figure("gatehouse_gateway_clients{transport=\"websocket\"}"), "2");
    assert_eq!(running.figure("gatehouse_gateway_last_event_id"), id.to_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_and_nothing_comes_twice_through_restarts_of_either_side() {
    let application = Application::start().await;
    let first = gateway(&application.base_url(), Limits::default()).await;
    let mut watcher = Client::open(&first, "/ws/alerts/").await;
    let (mut socket_io, _) = Client::socket_io(&first, &json!({})).await;
    let writer = tokio::spawn({
        let application = application.clone();
        async move {
            for number in 0..400 {
                application.alert();
                tokio::time::sleep(Duration::from_millis(1)).await;
                if number % 97 == 50 {
                    application.cut();
                }
                application.set_down((200..230).contains(&number));
            }
        }
    });
    let all: Vec<i64> = (1..=400).collect();
    // One that stays, and one that leaves twice and comes back, at last to another gateway.
    assert_eq!(socket_io.ids(400).await, all);
    let mut seen = watcher.ids(100).await;
    drop(watcher);
    let path = |seen: &[i64]| format!("/ws/alerts/?last_event_id={}", seen.last().unwrap());
    let mut watcher = Client::open(&first, &path(&seen)).await;
    seen.extend(watcher.ids(150).await);
    drop((watcher, first));
    writer.await.unwrap();
    let second = gateway(&application.base_url(), Limits::default()).await;
    let mut watcher = Client::open(&second, &path(&seen)).await;
    seen.extend(watcher.ids(150).await);
    assert_eq!(seen, all);
    let auth = json!({ "last_event_id": 390 });
    let (mut socket_io, _) = Client::socket_io(&second, &auth).await;
    assert_eq!(socket_io.ids(10).await, all[390..]);
    assert!(watcher.is_quiet().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_that_does_not_say_when_it_has_caught_up_is_taken_to_have_after_a_while() {
    let application = Application::start().await;
    application.leave_out_marks();
    let id = application.alert();
    application.write("alert", ALERT, false);
    let running = gateway(&application.base_url(), Limits::default()).await;
    let mut client = Client::open(&running, "/ws/alerts/?last_event_id=0").await;
    assert_eq!(client.json().await["event"], "ready");
    assert_eq!(client.ids(1).await, [id]);
    assert_eq!(running.figure("gatehouse_gateway_upstream_connected"), "1");
}

/// In a process of its own, as the environment is the whole process's.
#[test]
fn what_is_on_this_machine_is_asked_for_without_a_proxy() {
    let test = "a_client_of_old_gets_alerts_and_its_own_words";
    let mut program = std::process::Command::new(std::env::current_exe().unwrap());
    // Nobody listens there.
    let run = program.args(["--exact", test]).env("http_proxy", "http://127.0.0.1:9").output().unwrap();
    let said = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success() && said.contains("1 passed"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_kept_here_comes_from_the_application_and_what_nobody_has_is_said() {
    let application = Application::start().await;
    for _ in 0..3000 {
        application.alert();
    }
    application.write("alert", ALERT, false);
    let running = gateway(&application.base_url(), Limits::default()).await;
    let mut recent = Client::open(&running, "/ws/alerts/?last_event_id=2500").await;
    assert_eq!(recent.ids(500).await, (2501..=3000).collect::<Vec<_>>());
    assert_eq!(application.opened(), 2, "of the newest thousand the application is not asked again");
    let mut late = Client::open(&running, "/ws/alerts/?last_event_id=10").await;
    assert_eq!(late.ids(2990).await, (11..=3000).collect::<Vec<_>>());
    let id = application.alert();
    assert_eq!((recent.ids(1).await, late.ids(1).await), (vec![id], vec![id]));
    assert_eq!(running.figure("gatehouse_gateway_replays_total"), "1");

    application.forget_before(2900);
    let mut too_late = Client::open(&running, "/ws/alerts/?channels=alerts&last_event_id=20").await;
    assert_eq!(too_late.json().await["event"], "ready");
    let reset = too_late.json().await;
    assert_eq!((&reset["event"], &reset["event_id"]), (&json!("reset"), &json!(2899)));
    assert_eq!(too_late.ids(2).await, [2900, 2901]);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_counts_that_were_missed_the_newest_is_told() {
    let application = Application::start().await;
    let crowd = |zone: &str, count: i64| {
        application.write("crowd", &json!({ "temple_id": "somnath", "zone": zone, "count": count }).to_string(), true)
    };
    application.alert();
    for count in 0..50 {
        crowd("museum", count);
        crowd("mainDarshan", count);
    }
    let alert = application.alert();
    let running = gateway(&application.base_url(), Limits::default()).await;
    let auth = json!({ "last_event_id": 1, "subscriptions": [{ "channel": "crowd", "temple_id": "somnath", "zone": "museum" }] });
    let (mut client, _) = Client::socket_io(&running, &auth).await;
    let (name, count) = client.event().await;
    assert_eq!((name.as_str(), &count["zone"], &count["count"]), ("crowd_update", &json!("museum"), &json!(49)));
    assert_eq!(client.ids(1).await, [alert]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_client_is_sent_away_and_no_other_waits_for_it() {
    let application = Application::start().await;
    let running = gateway(&application.base_url(), Limits { queue: 50, ..Limits::default() }).await;
    let slow = [Client::open(&running, "/ws/alerts/").await, Client::socket_io(&running, &json!({})).await.0];
    let mut others = [Client::open(&running, "/ws/alerts/").await, Client::socket_io(&running, &json!({})).await.0];
    let long = json!({ "site": null, "zones": [], "message": "x".repeat(64 << 10) }).to_string();
    for _ in 0..40 {
        let ids: Vec<i64> = (0..5).map(|_| application.write("alert", &long, true)).collect();
        for other in &mut others {
            assert_eq!(other.ids(5).await, ids);
        }
    }
    let dropped = "gatehouse_gateway_dropped_total{reason=\"slow\"}";
    for _ in 0..50 {
        if running.figure(dropped) == "2" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(running.figure(dropped), "2");
    // What was put on its way before fits into no socket: it is cut off.
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(running.figure("gatehouse_gateway_clients{transport=\"websocket\"}"), "1");
    drop(slow);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_opens_what_the_application_shows_it_until_it_ends() {
    let application = Application::start().await;
    application.allow("leaver");
    application.allow("stayer");
    let running = gateway(&application.base_url(), Limits { sessions: 2, ..Limits::default() }).await;
    let mut public = Client::open(&running, "/ws/alerts/").await;
    let protocols = [("sec-websocket-protocol", "bearer, leaver")];
    let mut leaver = Client::try_open(running.address, "/ws/alerts/", &protocols).await.unwrap();
    let (mut leaver_too, _) = Client::socket_io(&running, &json!({ "token": "leaver" })).await;
    let mut stayer = Client::open(&running, "/ws/alerts/?token=stayer").await;
    assert_eq!(application.opened(), 3, "one stream for each token");
    let secret = application.write("alert", ALERT, false);
    let shown = application.write("alert", ALERT, true);
    assert_eq!(public.ids(1).await, [shown]);
    for client in [&mut leaver, &mut leaver_too, &mut stayer] {
        assert_eq!(client.ids(2).await, [secret, shown]);
    }
    // The application ends the stream of a session that has ended.
    application.forbid("leaver");
    application.cut();
    assert_eq!(leaver.close_code(SOON).await, 4401);
    assert_eq!(leaver_too.event().await.0, "session_ended");
    assert_eq!(leaver_too.text().await, "41");
    let further = application.write("alert", ALERT, false);
    assert_eq!(stayer.ids(1).await, [further]);
    assert!(public.is_quiet().await);

    assert_eq!(running.refusal("/ws/alerts/?token=leaver", &[]).await, 401);
    let (_client, answer) = Client::socket_io(&running, &json!({ "token": "leaver" })).await;
    assert!(answer.starts_with("44") && answer.contains("not valid"), "{answer}");
    application.allow("third");
    application.allow("fourth");
    let _third = Client::open(&running, "/ws/alerts/?token=third").await;
    assert_eq!(running.refusal("/ws/alerts/?token=fourth", &[]).await, 503, "there are too many tokens");
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_messages_rooms_and_origins_have_limits() {
    let application = Application::start().await;
    let limits = Limits { clients: 4, clients_per_address: Some(3), rooms: 3, messages: 5, ..Limits::default() };
    let running = gateway(&application.base_url(), limits).await;
    for (origin, status) in [("https://evil.example", 403), ("null", 403)] {
        assert_eq!(running.refusal("/ws/alerts/", &[("origin", origin)]).await, status);
    }
    let allowed = Client::try_open(running.address, "/ws/alerts/", &[("origin", "https://app.example.com")]).await.unwrap();
    let own = format!("http://{}", running.address);
    drop((allowed, Client::try_open(running.address, "/ws/alerts/", &[("origin", &own)]).await.unwrap()));
    for bad in ["channels=news", "last_event_id=x", "channels=crowd,alerts,transport,parking"] {
        assert_eq!(running.refusal(&format!("/ws/alerts/?{bad}"), &[]).await, 400, "{bad}");
    }
    while running.figure("gatehouse_gateway_clients{transport=\"websocket\"}") != "0" {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }

    let (mut rooms, _) = Client::socket_io(&running, &json!({})).await;
    let joined = rooms.subscribe(json!({ "channel": "crowd", "temple_id": "somnath" })).await;
    let expected =
        json!({ "rooms": [{ "channel": "alerts" }, { "channel": "emergency" }, { "channel": "crowd", "temple_id": "somnath" }] });
    assert_eq!(joined, expected);
    assert!(rooms.subscribe(json!({ "channel": "transport" })).await["error"].is_string());
    assert!(rooms.subscribe(json!({ "channel": "news" })).await["error"].is_string());
    let mut talkative = Client::open(&running, "/ws/alerts/").await;
    let _third = Client::open(&running, "/ws/alerts/").await;
    assert_eq!(running.refusal("/ws/alerts/", &[]).await, 503);
    for _ in 0..11 {
        talkative.say(r#"{"message":1}"#).await;
    }
    assert_eq!(talkative.close_code(SOON).await, 1008);
    drop(talkative);
    while running.figure("gatehouse_gateway_clients{transport=\"websocket\"}") != "1" {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let mut large = Client::open(&running, "/ws/alerts/").await;
    large.say(&"x".repeat(20 << 10)).await;
    assert_eq!(large.close_code(SOON).await, 1009);
    assert_eq!(running.figure("gatehouse_gateway_refused_total{reason=\"origin\"}"), "2");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_connects_a_session_over_and_over_sends_too_much() {
    let application = Application::start().await;
    let running = gateway(&application.base_url(), Limits { messages_per_address: 3, ..Limits::default() }).await;
    let (mut client, _) = Client::socket_io(&running, &json!({ "token": "guess" })).await;
    let mut answers = Vec::new();
    for guess in 0..10 {
        client.say(&format!("40{}", json!({ "token": format!("guess{guess}") }))).await;
        answers.push(client.text().await);
    }
    assert!(answers[0].contains("not valid") && answers[9].contains("too much"), "{answers:?}");
    assert_ne!(running.figure("gatehouse_gateway_refused_total{reason=\"rate\"}"), "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_stops_says_so_and_one_without_an_application_waits_for_it() {
    let application = Application::start().await;
    application.set_down(true);
    let running = gateway(&application.base_url(), Limits::default()).await;
    let opening = tokio::spawn({
        let address = running.address;
        async move { Client::try_open(address, "/ws/alerts/", &[]).await }
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    application.set_down(false);
    let mut client = opening.await.unwrap().unwrap();
    let (mut socket_io, _) = Client::socket_io(&running, &json!({})).await;
    let id = application.alert();
    assert_eq!((client.ids(1).await, socket_io.ids(1).await), (vec![id], vec![id]));
    let closing = tokio::spawn({
        let gateway = running.gateway.clone();
        async move { gateway.close().await }
    });
    assert_eq!(client.close_code(SOON).await, 1012);
    // Engine.IO's close: clients come back by themselves.
    assert_eq!(socket_io.text().await, "1");
    drop((client, socket_io));
    tokio::time::timeout(SOON, closing).await.unwrap().unwrap();
    assert_eq!(running.refusal("/ws/alerts/", &[]).await, 503);
}
