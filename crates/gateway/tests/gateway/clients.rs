//! A gateway that is served, and its clients.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::{SinkExt as _, StreamExt as _};
use gatehouse_gateway::{Gateway, Limits, Settings};
use http::Response;
use http_body_util::Full;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// How long what is due may take.
pub const SOON: Duration = Duration::from_secs(5);

pub struct Running {
    pub gateway: Arc<Gateway>,
    pub address: SocketAddr,
}

/// A gateway before this base URL.
pub async fn gateway(upstream: &str, limits: Limits) -> Running {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let settings =
        Settings { upstream: upstream.to_owned(), allowed_origins: "https://app.example.com".to_owned(), limits, is_alone: true };
    let gateway = Arc::new(Gateway::new(settings).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = Arc::downgrade(&gateway);
    tokio::spawn(async move {
        while let Ok((stream, client)) = listener.accept().await {
            let Some(gateway) = serving.upgrade() else { return };
            stream.set_nodelay(true).unwrap();
            tokio::spawn(async move {
                let service = service_fn(|request| async {
                    let answer = gateway.serve(request, client.ip()).await;
                    let response = answer.unwrap_or_else(|refusal| {
                        let mut response = Response::new(Bytes::from(refusal.detail));
                        *response.status_mut() = refusal.status;
                        response
                    });
                    Ok::<_, Infallible>(response.map(Full::new))
                });
                let connection = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                connection.with_upgrades().await.ok();
            });
        }
    });
    Running { gateway, address }
}

impl Running {
    /// A figure, as the line that begins with its name says.
    pub fn figure(&self, name: &str) -> String {
        let text = self.gateway.metrics();
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no {name} in {text}")).to_owned()
    }

    /// The status of a WebSocket that is refused.
    pub async fn refusal(&self, path: &str, headers: &[(&'static str, &str)]) -> u16 {
        match Client::try_open(self.address, path, headers).await {
            Err(Error::Http(response)) => response.status().as_u16(),
            other => panic!("{path} is not refused: {:?}", other.map(drop)),
        }
    }
}

pub struct Client(pub WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Client {
    pub async fn try_open(address: SocketAddr, path: &str, headers: &[(&'static str, &str)]) -> Result<Self, Error> {
        let mut request = format!("ws://{address}{path}").into_client_request()?;
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        let (socket, _) = connect_async(request).await?;
        Ok(Self(socket))
    }

    pub async fn open(running: &Running, path: &str) -> Self {
        Self::try_open(running.address, path, &[]).await.unwrap()
    }

    /// A Socket.IO client by WebSocket, with this `auth`. What the server says to it: `40…` or `44…`.
    pub async fn socket_io(running: &Running, auth: &Value) -> (Self, String) {
        let mut client = Self::open(running, "/socket.io/?EIO=4&transport=websocket").await;
        assert!(client.text().await.starts_with('0'));
        client.say(&format!("40{auth}")).await;
        let answer = client.text().await;
        (client, answer)
    }

    pub async fn say(&mut self, text: &str) {
        self.0.send(Message::text(text)).await.unwrap();
    }

    /// Subscribes as Socket.IO clients do; what is acknowledged.
    pub async fn subscribe(&mut self, wish: Value) -> Value {
        self.say(&format!("421{}", json!(["subscribe", wish]))).await;
        loop {
            let text = self.text().await;
            if let Some(ack) = text.strip_prefix("431") {
                return serde_json::from_str::<Value>(ack).unwrap()[0].take();
            }
        }
    }

    /// The next text.
    pub async fn text(&mut self) -> String {
        loop {
            let message = tokio::time::timeout(SOON, self.0.next()).await.expect("something comes").expect("it is open");
            match message.expect("it is open") {
                // Engine.IO's ping.
                Message::Text(text) if text.as_str() == "2" => {}
                Message::Text(text) => return text.to_string(),
                Message::Close(frame) => panic!("closed: {frame:?}"),
                _ => {}
            }
        }
    }

    /// The next message as JSON.
    pub async fn json(&mut self) -> Value {
        serde_json::from_str(&self.text().await).unwrap()
    }

    /// The next Socket.IO event: its name and its argument.
    pub async fn event(&mut self) -> (String, Value) {
        loop {
            if let Some(event) = self.text().await.strip_prefix("42") {
                let mut event: Value = serde_json::from_str(event).unwrap();
                return (event[0].as_str().unwrap().to_owned(), event[1].take());
            }
        }
    }

    /// The ids of the next so many events, whichever the transport.
    pub async fn ids(&mut self, count: usize) -> Vec<i64> {
        let mut ids = Vec::new();
        while ids.len() < count {
            let text = self.text().await;
            let (message, at) = match text.strip_prefix("42") {
                Some(event) => (serde_json::from_str::<Value>(event).unwrap()[1].take(), "event_id"),
                None if text.starts_with('{') => (serde_json::from_str(&text).unwrap(), "event_id"),
                None => continue,
            };
            if message["event"] != "ready" {
                ids.push(message[at].as_i64().unwrap_or_else(|| panic!("no id in {text}")));
            }
        }
        ids
    }

    /// The code with which it is closed.
    pub async fn close_code(&mut self, within: Duration) -> u16 {
        let end = async {
            loop {
                match self.0.next().await {
                    Some(Ok(Message::Close(Some(frame)))) => return u16::from(frame.code),
                    Some(Ok(_)) => {}
                    other => panic!("it ended without a code: {other:?}"),
                }
            }
        };
        tokio::time::timeout(within, end).await.expect("it is closed in time")
    }

    /// Whether nothing comes for a moment.
    pub async fn is_quiet(&mut self) -> bool {
        tokio::time::timeout(Duration::from_millis(300), self.0.next()).await.is_err()
    }
}
