//! The clients of the replaced systems, unmodified.

use std::time::Duration;

use gatehouse_tests::clients::{Language, Program};
use gatehouse_tests::{App, Client, unique};
use serde_json::{Value, json};

use super::ways::{Way, raise};

const JS: &str = include_str!("old_socket_io.js");
const PYTHON: &str = include_str!("old_socket_io.py");
const WEBSOCKET: &str = include_str!("old_websocket.js");

/// Node.js and Python take their time to start on a busy machine.
const STARTED: Duration = Duration::from_secs(60);
const SOON: Duration = Duration::from_secs(20);

/// A shuttle of the temple; its id.
async fn new_shuttle(operator: &Client) -> String {
    let shuttle = unique("S").to_uppercase();
    let body = json!({ "id": shuttle, "temple_id": "somnath", "name": "Shuttle", "capacity": 20 });
    operator.post("/api/transport/shuttles", body).await.expect(201);
    shuttle
}

/// Has one event of each kind happen; what tells each from others: the alert's message, the emergency's id, the shuttle's, the count.
async fn happen(app: &App, operator: &Client) -> [(&'static str, &'static str, Value); 4] {
    let message = unique("mind the step");
    raise(operator, &message, json!({ "site": "somnath" })).await;
    let emergency = json!({ "temple_id": "somnath", "type": "medical", "description": "somebody has fallen" });
    let emergency = operator.post("/api/emergency/", emergency).await.expect(201);
    let shuttle = new_shuttle(operator).await;
    let position = json!({ "lat": 20.888, "lng": 70.401, "passengers": 12, "timestamp": app.time(0) });
    operator.post(&format!("/api/transport/shuttles/{shuttle}/location"), position).await.expect(201);
    // A zone of its own, so that no count of before holds it back.
    let zone = unique("Z").to_uppercase();
    let zone_body = json!({ "code": zone, "name": "A yard", "capacity": 1000 });
    app.admin().await.post("/api/sites/somnath/zones", zone_body).await.expect(201);
    let count = json!({ "zone": zone, "count": 450, "timestamp": app.time(0) });
    operator.post("/api/crowd/temple/somnath/update", count).await.expect(201);
    [
        ("alert", "message", json!(message)),
        ("emergency", "id", emergency["id"].clone()),
        ("transport_update", "shuttle_id", json!(shuttle)),
        ("crowd_update", "zone", json!(zone)),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn socket_io_clients_get_what_they_listen_for() {
    let app = App::start().await;
    let operator = app.operator().await;
    for way in Way::all(&app).await {
        let mut clients = Vec::new();
        for (language, text) in [(Language::JavaScript, JS), (Language::Python, PYTHON)] {
            for transports in [None, Some("polling"), Some("websocket")] {
                let name = format!("{language:?} {} {}", transports.unwrap_or("both"), way.name);
                let arguments: Vec<&str> = [Some(way.base_url.as_str()), transports].into_iter().flatten().collect();
                clients.push((Program::start(language, &name, text, &arguments, &[]).await, name, transports));
            }
        }
        let mut upgraded = Vec::new();
        for (client, name, transports) in &mut clients {
            let transport = client.next("subscribed", STARTED).await;
            assert!(transports.is_none_or(|only| transport == only), "{name}: {transport}");
            upgraded.push(transports.is_some() || transport == "websocket");
        }
        let told = happen(&app, &operator).await;
        for ((client, name, _), mut upgraded) in clients.iter_mut().zip(upgraded) {
            let mut left: Vec<_> = told.iter().collect();
            while !left.is_empty() || !upgraded {
                let line = client.line(SOON).await.unwrap_or_else(|| panic!("{name} lacks {left:?}, upgraded: {upgraded}"));
                let said: Value = serde_json::from_str(&line).expect("a line of JSON");
                upgraded |= said == json!(["upgrade", "websocket"]);
                let before = left.len();
                left.retain(|(event, field, value)| !(said[0] == *event && said[1][field] == *value));
                if left.len() < before {
                    assert!(said[1]["event_id"].is_i64(), "{name}: {said}");
                    let is_private = ["description", "reported_by", "created_by"].iter().any(|field| said[1].get(field).is_some());
                    assert!(!is_private, "{name} has no token, and sees {said}");
                }
            }
        }
        drop(clients);
        way.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_websocket_of_alerts_echoes_and_tells() {
    let app = App::start().await;
    let operator = app.operator().await;
    for way in Way::all(&app).await {
        let mut client = Program::start(Language::JavaScript, way.name, WEBSOCKET, &[&way.base_url], &[]).await;
        assert_eq!(client.next("echo", STARTED).await, "hello");
        let message = unique("mind the step");
        raise(&operator, &unique("secret"), json!({ "is_public": false })).await;
        let alert = raise(&operator, &message, json!({})).await;
        let told = client.next("message", SOON).await;
        assert_eq!((&told["message"], &told["id"]), (&json!(message), &alert["id"]), "{}", way.name);
        assert!(told.get("created_by").is_none());
        if way.name == "in front" {
            way.stop().await;
            assert_eq!(client.next("closed", SOON).await, 1012);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sites_and_zones_are_rooms() {
    let app = App::start().await;
    let place = app.place(2).await;
    for way in Way::all(&app).await {
        let script = r#"
            const { io } = require("socket.io-client");
            const [url, site, zone] = process.argv.slice(1).filter((it) => it !== "--");
            const say = (...words) => console.log(JSON.stringify(words));
            const socket = io(url);
            socket.on("connect", async () => {
              const bad = await socket.emitWithAck("subscribe", { channel: "news" });
              socket.emit("unsubscribe", { channel: "emergency" });
              say("rooms", [bad, await socket.emitWithAck("subscribe", { channel: "parking", site, zone })]);
            });
            socket.on("parking_update", (data) => say("parking_update", data));
        "#;
        let arguments = [way.base_url.as_str(), &place.site, "b1"];
        let mut client = Program::start(Language::JavaScript, way.name, script, &arguments, &[]).await;
        let rooms = client.next("rooms", STARTED).await;
        assert!(rooms[0]["error"].is_string(), "{rooms}");
        let wanted = json!({ "rooms": [{ "channel": "alerts" }, { "channel": "parking", "temple_id": place.site, "zone": "b1" }] });
        assert_eq!(rooms[1], wanted);
        let other = app.place(1).await;
        let admin = app.admin().await;
        let status = async |spot: &str, status: &str| {
            drop(admin.patch(&format!("/api/spots/{spot}"), json!({ "status": status })).await.expect(200))
        };
        status(&other.spots[0], "out_of_service").await;
        status(&place.spots[0], "out_of_service").await;
        let told = client.next("parking_update", SOON).await;
        assert_eq!((&told["spot_id"], &told["site"]), (&json!(place.spots[0]), &json!(place.site)), "{}", way.name);
        status(&place.spots[0], "in_service").await;
        way.stop().await;
    }
}
