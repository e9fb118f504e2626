//! Cameras for tests: a double that fails in every way that a camera can, and [real ones](real).

pub mod real;

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::lock;

/// The name that both know.
pub const USERNAME: &str = "viewer";
/// Its password.
pub const PASSWORD: &str = "a camera's pass: word";

/// The smallest thing that begins as a JPEG does.
const PICTURE: [u8; 16] = [0xff, 0xd8, 0xff, 0xe0, 0, 16, b'J', b'F', b'I', b'F', 0, 1, 1, 0, 0xff, 0xd9];

#[derive(Default)]
struct State {
    requests: Mutex<Vec<String>>,
    sent: AtomicU64,
    open: AtomicUsize,
    is_dark: AtomicBool,
}

/// The double. It ends with its test. What it does is in the path: `/snapshot`, `/video` (ten pictures a second), `/flood` (as many as are taken),
/// `/large` (7 MiB), `/basic`, `/html`, `/error`, `/redirect?to=…`, `/slow`, `/silent` (a picture, and then nothing),
/// `/trickle` (a byte now and then, and no picture), `/close`.
pub struct Camera {
    port: u16,
    state: Arc<State>,
    server: tokio::task::JoinHandle<()>,
}

impl Drop for Camera {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Camera {
    /// Starts one on a free port of this machine.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("its address").port();
        let state = Arc::new(State::default());
        let shared = Arc::clone(&state);
        let server = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, Arc::clone(&shared)));
            }
        });
        Self { port, state, server }
    }

    /// The address of something that it does.
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Closes every connection without a word, or answers again.
    pub fn go_dark(&self, is_dark: bool) {
        self.state.is_dark.store(is_dark, Ordering::SeqCst);
    }

    /// The heads of all requests so far.
    pub fn requests(&self) -> Vec<String> {
        lock(&self.state.requests).clone()
    }

    /// How many bytes of live pictures went out.
    pub fn sent(&self) -> u64 {
        self.state.sent.load(Ordering::SeqCst)
    }

    /// How many streams are open.
    pub fn open(&self) -> usize {
        self.state.open.load(Ordering::SeqCst)
    }
}

async fn answer(mut stream: TcpStream, state: Arc<State>) -> Option<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    lock(&state.requests).push(head.clone());
    if state.is_dark.load(Ordering::SeqCst) {
        return None;
    }
    let path = head.split(' ').nth(1)?.to_owned();
    let wanted = format!("authorization: basic {}", STANDARD.encode(format!("{USERNAME}:{PASSWORD}")).to_ascii_lowercase());
    let plain = |status: &str, further: &str, kind: &str, body: &[u8]| {
        let head =
            format!("HTTP/1.1 {status}\r\ncontent-type: {kind}\r\n{further}content-length: {}\r\nconnection: close\r\n\r\n", body.len());
        [head.as_bytes(), body].concat()
    };
    let whole = match path.split('?').next()? {
        "/snapshot" => plain("200 OK", "", "image/jpeg", &PICTURE),
        "/large" => plain("200 OK", "", "image/jpeg", &[&PICTURE[..], &vec![0_u8; 7 << 20]].concat()),
        "/basic" if head.to_ascii_lowercase().contains(&wanted) => plain("200 OK", "", "image/jpeg", &PICTURE),
        "/basic" => plain("401 Unauthorized", "www-authenticate: Basic realm=\"cam\"\r\n", "text/plain", b"who are you"),
        "/html" => plain("200 OK", "", "image/jpeg", b"<html>sign in</html>"),
        "/error" => plain("404 Not Found", "", "text/plain", b"no"),
        "/redirect" => {
            let location = format!("location: {}\r\n", path.split_once("to=")?.1);
            plain("302 Found", &location, "text/plain", b"")
        }
        "/slow" => {
            tokio::time::sleep(Duration::from_secs(60)).await;
            return None;
        }
        "/close" => return None,
        stream_path => {
            state.open.fetch_add(1, Ordering::SeqCst);
            let _ = live(&mut stream, stream_path, &state).await;
            state.open.fetch_sub(1, Ordering::SeqCst);
            return None;
        }
    };
    stream.write_all(&whole).await.ok()
}

async fn live(stream: &mut TcpStream, path: &str, state: &State) -> std::io::Result<()> {
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: multipart/x-mixed-replace; boundary=cut here\r\n\r\n").await?;
    if path == "/trickle" {
        loop {
            stream.write_all(b"x").await?;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    let large = [&PICTURE[..], &[0; 60_000]].concat();
    let picture = if path == "/flood" { &large[..] } else { &PICTURE[..] };
    let part = format!("--cut here\r\nContent-Type: image/jpeg\r\nContent-Length: {}\r\n\r\n", picture.len());
    let part = [part.as_bytes(), picture, b"\r\n"].concat();
    loop {
        stream.write_all(&part).await?;
        state.sent.fetch_add(part.len() as u64, Ordering::SeqCst);
        match path {
            "/flood" => {}
            "/silent" => {
                // Until the other side is gone.
                let _ = stream.read_u8().await;
                return Ok(());
            }
            _ => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}
