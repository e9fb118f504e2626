//! Operators see everything, until their session ends.

use std::time::Duration;

use gatehouse_tests::clients::{Language, Program};
use gatehouse_tests::{App, unique};
use serde_json::json;

use super::ways::{Way, raise};

const STARTED: Duration = Duration::from_secs(60);
const SOON: Duration = Duration::from_secs(20);

/// A comment's interval, and time to come back.
const ENDED: Duration = Duration::from_secs(25);

const SOCKET_IO: &str = r#"
const { io } = require("socket.io-client");
const [url, token] = process.argv.slice(1).filter((it) => it !== "--");
const say = (...words) => console.log(JSON.stringify(words));
const socket = io(url, { auth: { token } });
socket.on("connect", () => say("connected", null));
socket.on("connect_error", (error) => say("refused", error.message));
socket.on("alert", (alert) => say("alert", alert));
socket.on("session_ended", (why) => say("session_ended", why));
socket.on("disconnect", (reason) => say("disconnected", reason));
"#;

const WEBSOCKET: &str = r#"
const [url, token] = process.argv.slice(1).filter((it) => it !== "--");
const say = (...words) => console.log(JSON.stringify(words));
const socket = new WebSocket(url.replace("http", "ws") + "/ws/alerts/", ["bearer", token]);
socket.onopen = () => say("connected", socket.protocol);
socket.onmessage = (event) => say("alert", JSON.parse(event.data).message);
socket.onclose = (event) => say("closed", event.code);
socket.onerror = () => say("refused", null);
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_deactivated_operators_sockets_end() {
    let app = App::start().await;
    let (admin, stayer) = (app.admin().await, app.operator().await);
    for way in Way::all(&app).await {
        let (email, password) = app.new_user("operator", json!({})).await;
        let session = app.anonymous().post("/api/auth/login", json!({ "email": email, "password": password })).await.expect(200);
        let token = session["access"].as_str().expect("a token");
        let open = async |text, token: &str| Program::start(Language::JavaScript, way.name, text, &[&way.base_url, token], &[]).await;
        let mut leaving = [open(SOCKET_IO, token).await, open(WEBSOCKET, token).await];
        let mut staying = open(WEBSOCKET, stayer.token()).await;
        for client in leaving.iter_mut().chain([&mut staying]) {
            client.next("connected", STARTED).await;
        }
        let secret = unique("secret");
        raise(&stayer, &secret, json!({ "is_public": false })).await;
        for client in leaving.iter_mut().chain([&mut staying]) {
            let alert = client.next("alert", SOON).await;
            assert_eq!((&alert["message"], alert["created_by"].is_string()), (&json!(secret), true), "{}", way.name);
        }
        admin.delete(&format!("/v0/api/users/users/{}/", session["user"]["id"].as_str().expect("an id"))).await.expect(204);
        let [socket_io, websocket] = &mut leaving;
        let (why, code) = tokio::join!(socket_io.next("session_ended", ENDED), websocket.next("closed", ENDED));
        assert!(why["error"].is_string());
        assert_eq!(code, 4401, "{}", way.name);
        assert_eq!(socket_io.next("disconnected", SOON).await, "io server disconnect", "it does not come back by itself");
        let further = unique("further");
        raise(&stayer, &further, json!({ "is_public": false })).await;
        assert_eq!(staying.next("alert", SOON).await["message"], json!(further));

        let (mut refused, mut refused_too) = (open(SOCKET_IO, token).await, open(WEBSOCKET, token).await);
        let why = refused.next("refused", STARTED).await;
        assert!(why.as_str().expect("text").contains("not valid"), "{why}");
        refused_too.next("refused", STARTED).await;
        drop((leaving, staying, refused, refused_too));
        way.stop().await;
    }
}
