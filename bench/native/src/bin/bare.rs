//! The limit of the gateway: a bare socketioxide and bare WebSockets, which tell each POST to everybody and know nothing else.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::extract::ws::{Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use axum::routing::{get, post};
use gatehouse_bench::Options;
use serde_json::value::RawValue;
use socketioxide::SocketIo;
use socketioxide::extract::SocketRef;
use tokio::sync::broadcast;

struct Shared {
    io: SocketIo,
    websockets: broadcast::Sender<Utf8Bytes>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let options = Options::parse(0)?;
    let (layer, io) = SocketIo::builder().max_buffer_size(256).build_layer();
    io.ns("/", async |_: SocketRef| ());
    let (websockets, _) = broadcast::channel(256);
    let router = Router::new()
        .route("/health", get(async || "ok"))
        .route("/ws/alerts/", get(open))
        .route("/tell", post(tell))
        .layer(layer)
        .with_state(Arc::new(Shared { io, websockets }));
    let listener = tokio::net::TcpListener::bind(options.text("listen")?).await?;
    let listener = axum::serve::ListenerExt::tap_io(listener, |stream| drop(stream.set_nodelay(true)));
    Ok(axum::serve(listener, router).await?)
}

async fn open(upgrade: WebSocketUpgrade, State(shared): State<Arc<Shared>>) -> Response {
    let events = shared.websockets.subscribe();
    upgrade.read_buffer_size(4096).write_buffer_size(0).on_upgrade(move |socket| follow(socket, events))
}

async fn follow(mut socket: WebSocket, mut events: broadcast::Receiver<Utf8Bytes>) {
    loop {
        tokio::select! {
            event = events.recv() => match event {
                Ok(event) => if socket.send(Message::Text(event)).await.is_err() {
                    return;
                },
                Err(_) => return,
            },
            message = socket.recv() => if !matches!(message, Some(Ok(_))) {
                return;
            },
        }
    }
}

async fn tell(State(shared): State<Arc<Shared>>, body: String) {
    shared.websockets.send(format!(r#"{{"message":{body}}}"#).into()).ok();
    if let Ok(event) = RawValue::from_string(body) {
        shared.io.emit("alert", &event).await.ok();
    }
}
