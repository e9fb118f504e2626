//! Where events come from: this program as the application's feed, or a POST to who tells them.

use anyhow::{Context as _, bail};
use gatehouse_bench::Options;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::broadcast;

/// Where events come from.
pub enum Source {
    /// Streams of Server-Sent Events, open to whoever asks.
    Feed(broadcast::Sender<String>),
    /// A POST of JSON: an address, a path, a token.
    Tell { address: String, path: String, token: String },
}

/// The fields of an alert, as the application tells everybody of one.
fn alert(number: u64) -> String {
    format!(
        r#"{{"id":"0198f0a0-7d4e-7c3b-9a51-{number:012}","alert_type":"broadcast","severity":"info","message":"~{number}~ mind the step at the north gate","site":null,"zones":[],"status":"active","timestamp":"2026-02-04T10:30:00.000Z","expires_at":null}}"#
    )
}

impl Source {
    /// From the command line: `--feed` is an address to listen on; otherwise `--tell`, `--tell-path` and `--token`.
    pub async fn new(options: &Options) -> anyhow::Result<Self> {
        if let Ok(address) = options.text("feed") {
            let (sender, _) = broadcast::channel(64);
            let listener = TcpListener::bind(address).await?;
            let events = sender.clone();
            tokio::task::spawn_local(async move {
                while let Ok((stream, _)) = listener.accept().await {
                    tokio::task::spawn_local(feed(stream, events.subscribe()));
                }
            });
            return Ok(Self::Feed(sender));
        }
        Ok(Self::Tell {
            address: options.text("tell")?.to_owned(),
            path: options.text("tell-path")?.to_owned(),
            token: options.text("token").unwrap_or_default().to_owned(),
        })
    }

    /// Tells an event.
    pub async fn tell(&self, number: u64) -> anyhow::Result<()> {
        match self {
            Self::Feed(events) => {
                events.send(format!("id: {number}\nevent: alert\ndata: {}\n\n", alert(number))).context("nobody follows the feed")?;
                Ok(())
            }
            Self::Tell { address, path, token } => {
                let body = if token.is_empty() {
                    alert(number)
                } else {
                    format!(r#"{{"severity":"info","message":"~{number}~ mind the step at the north gate"}}"#)
                };
                let request = format!(
                    "POST {path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                    body.len()
                );
                let mut stream = TcpStream::connect(address).await?;
                stream.write_all(request.as_bytes()).await?;
                let mut answer = Vec::new();
                stream.read_to_end(&mut answer).await?;
                if !answer.starts_with(b"HTTP/1.1 20") {
                    bail!("{}", String::from_utf8_lossy(&answer));
                }
                Ok(())
            }
        }
    }
}

async fn feed(mut stream: TcpStream, mut events: broadcast::Receiver<String>) -> anyhow::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read_buf(&mut head).await? == 0 {
            return Ok(());
        }
    }
    stream.set_nodelay(true)?;
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n: connected\nid: 0\n\n").await?;
    while let Ok(event) = events.recv().await {
        stream.write_all(event.as_bytes()).await?;
    }
    Ok(())
}
