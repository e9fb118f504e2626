//! One client: it opens a connection, and reads what comes with as little as it can of the machine.

use std::rc::Rc;

use anyhow::{Context as _, bail};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::Run;

/// What stands before and after the number of an event in its text.
pub const MARK: u8 = b'~';

/// How a client is connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    WebSocket,
    SocketIo,
    Sse,
}

/// Opens a connection and has it listen. What it returns reads until it is closed.
pub async fn open(run: Rc<Run>, kind: Kind) -> anyhow::Result<impl Future<Output = ()>> {
    let mut stream = TcpStream::connect(&run.target).await?;
    stream.set_nodelay(true)?;
    let (path, headers) = match kind {
        Kind::WebSocket => ("/ws/alerts/", UPGRADE),
        Kind::SocketIo => ("/socket.io/?EIO=4&transport=websocket", UPGRADE),
        Kind::Sse => (run.path.as_str(), ""),
    };
    let request = format!("GET {path} HTTP/1.1\r\nhost: {}\r\n{headers}\r\n", run.target);
    stream.write_all(request.as_bytes()).await?;
    let mut buffer = Vec::with_capacity(512);
    let wanted: &[u8] = if kind == Kind::Sse { b"HTTP/1.1 200" } else { b"HTTP/1.1 101" };
    read_until(&mut stream, &mut buffer, b"\r\n\r\n").await?;
    if !buffer.starts_with(wanted) {
        bail!("{kind:?}: {}", String::from_utf8_lossy(&buffer));
    }
    match kind {
        Kind::WebSocket => {}
        Kind::Sse => read_until(&mut stream, &mut buffer, b"id: ").await?,
        Kind::SocketIo => {
            // Engine.IO's greeting, then the namespace.
            read_until(&mut stream, &mut buffer, b"0{").await?;
            stream.write_all(&frame(0x1, b"40")).await?;
            read_until(&mut stream, &mut buffer, b"40{").await?;
        }
    }
    Ok(listen(run, kind, stream))
}

const UPGRADE: &str =
    "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

async fn read_until(stream: &mut TcpStream, buffer: &mut Vec<u8>, what: &[u8]) -> anyhow::Result<()> {
    while !buffer.windows(what.len()).any(|window| window == what) {
        if stream.read_buf(buffer).await? == 0 {
            bail!("closed: {}", String::from_utf8_lossy(buffer));
        }
    }
    Ok(())
}

/// A client's frame (RFC 6455 §5.2), with a mask of zeroes.
fn frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x80 | opcode, 0x80 | payload.len() as u8, 0, 0, 0, 0];
    frame.extend_from_slice(payload);
    frame
}

async fn listen(run: Rc<Run>, kind: Kind, mut stream: TcpStream) {
    if let Err(error) = read(&run, kind, &mut stream).await
        && run.lost.replace(run.lost.get() + 1) == 0
    {
        eprintln!("a client was lost: {error:#}");
    }
}

async fn read(run: &Run, kind: Kind, stream: &mut TcpStream) -> anyhow::Result<()> {
    let mut pending: Vec<u8> = Vec::new();
    loop {
        let mut piece = [0; 2048];
        let count = stream.read(&mut piece).await?;
        if count == 0 {
            bail!("it was closed");
        }
        pending.extend_from_slice(&piece[..count]);
        let used = if kind == Kind::Sse { lines(run, &pending) } else { frames(run, stream, &pending).await? };
        pending.drain(..used);
        if pending.is_empty() {
            // Most of the time there is nothing: 12,000 clients need not keep a buffer for that.
            pending = Vec::new();
        }
    }
}

/// Hears the events in whole blocks; how many bytes that were.
fn lines(run: &Run, bytes: &[u8]) -> usize {
    let Some(end) = bytes.windows(2).rposition(|window| window == b"\n\n") else { return 0 };
    hear(run, &bytes[..end]);
    end + 2
}

/// Hears the events in whole frames, and answers pings; how many bytes that were.
async fn frames(run: &Run, stream: &mut TcpStream, bytes: &[u8]) -> anyhow::Result<usize> {
    let mut at = 0;
    while let Some([first, second, rest @ ..]) = bytes.get(at..) {
        let (length, head) = match second & 0x7f {
            126 => match rest {
                [high, low, ..] => (usize::from(u16::from_be_bytes([*high, *low])), 4),
                _ => break,
            },
            127 => bail!("a frame is larger than any event"),
            length => (usize::from(length), 2),
        };
        let Some(payload) = bytes.get(at + head..at + head + length) else { break };
        match (first & 0x0f, payload) {
            (0x8, _) => bail!("it was told to go: {:?}", payload.get(..2)),
            (0x9, _) => stream.write_all(&frame(0xa, payload)).await.context("a pong")?,
            // Engine.IO's ping.
            (0x1, b"2") => stream.write_all(&frame(0x1, b"3")).await.context("a pong")?,
            _ => hear(run, payload),
        }
        at += head + length;
    }
    Ok(at)
}

fn hear(run: &Run, text: &[u8]) {
    for part in text.split(|byte| *byte == MARK).skip(1).step_by(2) {
        if let Some(number) = std::str::from_utf8(part).ok().and_then(|text| text.parse().ok()) {
            run.hear(number);
        }
    }
}
