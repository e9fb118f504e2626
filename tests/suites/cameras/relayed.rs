//! Live pictures through the media relay, which asks whom it may let in: against its double.

use std::time::Duration;

use gatehouse_tests::Client;
use serde_json::{Value, json};

use super::studio::Studio;
use super::support::{allow, path, user};

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn the_relay_lets_in_whom_we_say() {
    let Some(studio) = Studio::start().await else { return };
    let (app, admin) = (&studio.app, studio.admin().await);
    let (viewer, viewer_id, _) = user(app, "visitor").await;
    let rule = allow(&admin, &studio.camera, &viewer_id, json!({})).await;
    let addresses = async |caller: &Client, quality: &str| {
        let answer = caller.header("accept", "application/json").get(&format!("{}/stream/?quality={quality}", path(&studio.camera))).await;
        assert!(!answer.text().contains("a%20secret") && !answer.text().contains("192.168.1.9"));
        answer.expect(200)["relay"].clone()
    };
    let given = addresses(&viewer, "main").await;
    let (token, name) = (given["token"].as_str().unwrap(), studio.stream());
    // Who asks again has the same, before it is used and after, and no second session; somebody else has another.
    for _ in 0..3 {
        assert_eq!(addresses(&viewer, "main").await["token"], token);
    }
    assert_ne!(addresses(&admin, "main").await["token"], token);
    assert_ne!(addresses(&viewer, "sub").await["token"], token);
    let sessions = admin.get(&format!("/v0/api/cctv/streams/?user_id={viewer_id}")).await.expect(200);
    assert_eq!(sessions["items"].as_array().map(Vec::len), Some(2), "{sessions}");
    assert_eq!(given["hls"], format!("https://gate.example.com/hls/{name}/index.m3u8?token={token}"));
    assert_eq!((&given["rtsp"], &given["webrtc"]), (&json!(format!("rtsp://gate.example.com:8554/{name}?token={token}")), &Value::Null));
    assert_eq!(studio.relay.path(&name).unwrap()["sourceOnDemand"], true);
    assert!(studio.relay.lets_read(&name, "", token).await);
    assert_eq!(addresses(&viewer, "main").await["token"], token, "while it is used");
    assert!(studio.relay.lets_read(&name, &format!("token={token}"), "").await, "HLS players show it in the query, again and again");
    assert!(!studio.relay.lets_read(&name.replace("main", "sub"), "", token).await);
    assert!(!studio.relay.lets_read("cam/other/main", "", token).await);
    assert!(!studio.relay.lets_read(&name, "", "nonsense").await);
    // It holds for as long as it is used.
    for _ in 0..4 {
        studio.advance(Duration::from_secs(45));
        assert!(studio.relay.lets_read(&name, "", token).await);
    }
    studio.advance(Duration::from_secs(61));
    assert!(!studio.relay.lets_read(&name, "", token).await);
    // An administrator ends it; another rule ends it.
    let given = addresses(&viewer, "main").await;
    let token = given["token"].as_str().unwrap();
    assert!(studio.relay.lets_read(&name, "", token).await);
    let active = admin.get("/v0/api/cctv/streams/active/").await.expect(200);
    assert_eq!((active["items"].as_array().map(Vec::len), &active["items"][0]["protocol"]), (Some(1), &json!("relay")));
    admin.delete(&format!("/v0/api/cctv/streams/{}", active["items"][0]["id"].as_str().unwrap())).await.expect(204);
    assert!(!studio.relay.lets_read(&name, "", token).await);
    let given = addresses(&viewer, "sub").await;
    let (token, sub) = (given["token"].as_str().unwrap(), name.replace("main", "sub"));
    assert!(studio.relay.lets_read(&sub, "", token).await);
    admin.delete(&format!("/v0/api/cctv/camera-access/{rule}")).await.expect(204);
    assert!(!studio.relay.lets_read(&sub, "", token).await);
    // What is not reading is for who knows the secret.
    let secret = app.variable("relay_secret");
    for action in ["api", "playback", "publish", "metrics", "read"] {
        assert_eq!(studio.relay.hook_says(action, "gatehouse", secret).await, 204, "{action}");
        for (user, password) in [("", ""), ("gatehouse", "wrong"), ("admin", secret), ("gatehouse", "")] {
            assert_eq!(studio.relay.hook_says(action, user, password).await, 401, "{action}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_connection_that_asks_once_is_looked_after() {
    let Some(studio) = Studio::start().await else { return };
    let (app, admin) = (&studio.app, studio.admin().await);
    let (viewer, viewer_id, _) = user(app, "visitor").await;
    let rule = allow(&admin, &studio.camera, &viewer_id, json!({})).await;
    let token = async || {
        let answer = viewer.header("accept", "application/json").get(&format!("{}/stream/", path(&studio.camera))).await.expect(200);
        answer["relay"]["token"].as_str().unwrap().to_owned()
    };
    let connect = async |protocol: &str| {
        let token = token().await;
        assert!(studio.relay.connects(protocol, &studio.stream(), &token).await, "{protocol}");
        token
    };
    let ends = async || {
        let listed = studio.admin().await.get(&format!("/v0/api/cctv/streams/?camera_id={}", studio.camera)).await.expect(200);
        listed["items"].as_array().unwrap().iter().map(|it| it["ended_because"].as_str().map(str::to_owned)).collect::<Vec<_>>()
    };
    // Who has a token may ask in the relay's place. What is no connection of its is not asked after, and what looks like one keeps no other waiting.
    let (shown, anonymous, stream) = (token().await, app.anonymous(), studio.stream());
    let ask = async |protocol: Option<&str>, id: &str| {
        let question = json!({ "action": "read", "path": stream, "protocol": protocol, "token": shown, "id": id });
        anonymous.post("/internal/relay/auth", question).await.status
    };
    for id in ["nonsense", "../kick/0", "019c2a5e-4b00-7000-8000-0123456789?b"] {
        assert_eq!(ask(Some("rtsp"), id).await, 401, "{id}");
    }
    for protocol in [None, Some(""), Some("rtmp")] {
        assert_eq!(ask(protocol, "019c2a5e-4b00-7000-8000-0123456789ab").await, 401, "{protocol:?}");
    }
    assert_eq!(ask(Some("rtsp"), &"-".repeat(36)).await, 204);
    for protocol in ["rtsp", "webrtc", "hls"] {
        connect(protocol).await;
        for _ in 0..5 {
            studio.advance(Duration::from_secs(40));
            studio.tick().await;
        }
        assert_eq!(ends().await[0], None, "{protocol}: it goes on, though it does not ask");
        studio.relay.all_leave();
        studio.advance(Duration::from_secs(30));
        studio.tick().await;
        assert_eq!(ends().await[0].as_deref(), Some("left"), "{protocol}");
    }
    let active = async || {
        let active = studio.admin().await.get("/v0/api/cctv/streams/active/").await.expect(200);
        active["items"][0]["id"].as_str().map(str::to_owned)
    };
    // A token that is shown again opens another connection: all of them end with it, and there are not many.
    let shown = connect("rtsp").await;
    assert!(studio.relay.connects("hls", &studio.stream(), &shown).await);
    let mut count = 2;
    while studio.relay.connects("webrtc", &studio.stream(), &shown).await {
        count += 1;
        assert!(count < 10, "a token opens any number of connections");
    }
    let session = active().await.unwrap();
    studio.admin().await.delete(&format!("/v0/api/cctv/streams/{session}")).await.expect(204);
    assert_eq!(studio.relay.connections(), 0, "an administrator ends them at the relay");
    // While the relay is away it cannot be told: the next run tells it.
    connect("hls").await;
    let session = active().await.unwrap();
    studio.relay.go_away(true);
    studio.admin().await.delete(&format!("/v0/api/cctv/streams/{session}")).await.expect(204);
    assert_eq!(studio.relay.connections(), 1);
    studio.relay.go_away(false);
    studio.tick().await;
    assert_eq!(studio.relay.connections(), 0, "it is told when it is back");
    connect("hls").await;
    studio.admin().await.delete(&format!("/v0/api/cctv/camera-access/{rule}")).await.expect(204);
    studio.tick().await;
    assert_eq!(studio.relay.connections(), 0, "who may not look any more is sent away");
    assert_eq!(ends().await[0].as_deref(), Some("not_allowed"));
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn nothing_is_left_at_the_relay_that_nobody_asks_for() {
    let Some(studio) = Studio::start().await else { return };
    let (admin, name) = (studio.admin().await, studio.stream());
    // What a run that was cut short has left behind: recorded, and not noted.
    studio.relay.record(&name);
    studio.relay.record("cam/no-such-camera/main");
    assert_eq!(studio.tick().await["strays"], 2);
    assert_eq!(studio.relay.path(&name).unwrap()["record"], false);
    assert!(studio.relay.path("cam/no-such-camera/main").is_none());
    assert_eq!(studio.tick().await["strays"], 0);
    // One that is noted goes on.
    admin.post(&format!("{}/start_recording/", path(&studio.camera)), json!({})).await.expect(200);
    assert_eq!(studio.tick().await["strays"], 0);
    assert_eq!(studio.relay.path(&name).unwrap()["record"], true);
    assert_eq!(admin.delete(&path(&studio.camera)).await.expect_problem(409)["reason"], "recordings");
    let operator = studio.app.operator().await;
    assert_eq!(operator.delete(&format!("/api/cameras/{}", studio.camera)).await.expect_problem(409)["reason"], "recordings");
    admin.get(&path(&studio.camera)).await.expect(200);

    // A camera that goes takes its streams along, and who looks at them is sent away.
    let other = super::support::register(&admin, json!({ "rtsp_url": "rtsp://192.168.1.9/other" })).await;
    let shown = admin.header("accept", "application/json").get(&format!("{}/stream/", path(&other))).await.expect(200);
    let stream = format!("cam/{}/main", other.to_lowercase());
    assert!(studio.relay.connects("webrtc", &stream, shown["relay"]["token"].as_str().unwrap()).await);
    admin.delete(&path(&other)).await.expect(204);
    assert!(studio.relay.path(&stream).is_none());
    assert_eq!(studio.relay.connections(), 0);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_stream_that_the_relay_refuses_to_end_keeps_no_other_waiting() {
    let Some(studio) = Studio::start().await else { return };
    studio.relay.refuse_to_forget();
    for name in ["cam/a-refused/main", "cam/gone/main"] {
        studio.relay.record(name);
    }
    assert_eq!(studio.tick().await["strays"], 1);
    assert!(studio.relay.path("cam/gone/main").is_none() && studio.relay.path("cam/a-refused/main").is_some());
}
