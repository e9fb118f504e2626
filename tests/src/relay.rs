//! A double of the media relay, MediaMTX 1.20: as much of its control API and its playback API as is used. It refuses what the real one refuses
//! (unknown fields, bad names, paths that are not there or there already), and asks its HTTP authentication hook before it does anything, as
//! `authMethod: http` makes the real one do. Each exchange is held against [`documents`]; one that does not fit fails the test when it ends.
//!
//! It keeps the application's time. A path that is to be recorded and whose source is up has a segment that grows; each stretch begins a new one.
//! As `deploy/mediamtx/mediamtx.yml` has it, every path of a camera has a configuration, so that what was recorded is found when its own is gone.

mod api;
mod documents;
mod state;

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use uuid::Uuid;

pub use self::state::Playback;
use self::state::State;
use crate::lock;

/// The double. It ends with its test.
pub struct Relay {
    origin: String,
    state: Arc<Mutex<State>>,
    server: tokio::task::JoinHandle<()>,
    http: reqwest::Client,
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.server.abort();
        let faults = std::mem::take(&mut lock(&self.state).faults);
        assert!(faults.is_empty() || std::thread::panicking(), "not as MediaMTX's documents have it: {faults:#?}");
    }
}

impl Relay {
    /// Starts one on a free port of this machine; both of its APIs are there.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let origin = format!("http://{}", listener.local_addr().expect("its address"));
        let state = Arc::new(Mutex::new(State::new()));
        let http = crate::http_client();
        let (shared, client) = (Arc::clone(&state), http.clone());
        let server = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (state, http) = (Arc::clone(&shared), client.clone());
                let service = service_fn(move |request| {
                    let (state, http) = (Arc::clone(&state), http.clone());
                    async move { Ok::<_, Infallible>(api::answer(&state, &http, request).await) }
                });
                tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        Self { origin, state, server, http }
    }

    /// Scheme, host and port.
    pub fn origin(&self) -> String {
        self.origin.clone()
    }

    /// Asks the application at this base URL whom it may let in, from now on, and keeps the time of its clock.
    pub fn ask(&self, base: &str, clock: gatehouse::Clock) {
        let mut state = lock(&self.state);
        state.hook = format!("{base}/internal/relay/auth");
        state.clock = clock;
    }

    /// Plays back so many bytes for each second, from now on.
    pub fn play_back(&self, bytes_per_second: i64) {
        lock(&self.state).bytes_per_second = bytes_per_second;
    }

    /// Plays back so, from now on.
    pub fn play(&self, playback: Playback) {
        lock(&self.state).playback = playback;
    }

    /// Refuses to forget streams with `refused` in their name.
    pub fn refuse_to_forget(&self) {
        lock(&self.state).refuses_to_stop = true;
    }

    /// A file that begins at this moment, as it is played back.
    pub fn file(&self, start: i64, duration_ms: i64) -> Vec<u8> {
        api::content(start, duration_ms, lock(&self.state).bytes_per_second)
    }

    /// Is away: answers nothing but 500, until it is back.
    pub fn go_away(&self, is_away: bool) {
        lock(&self.state).is_away = is_away;
    }

    /// Is started anew: paths that were made through the API are gone, and so are connections; files are not.
    pub fn start_anew(&self) {
        lock(&self.state).start_anew();
    }

    /// Has no pictures of any source, or has them again.
    pub fn sources_are_down(&self, are_down: bool) {
        lock(&self.state).sources_are_down(are_down);
    }

    /// Records a path, though nobody has asked for it: what is left of a run that was cut short.
    pub fn record(&self, name: &str) {
        lock(&self.state).set(name, &json!({ "source": "rtsp://192.168.1.9/stray", "record": true }));
    }

    /// The configuration of a path.
    pub fn path(&self, name: &str) -> Option<Value> {
        lock(&self.state).paths.get(name).cloned()
    }

    /// How many files there are of a path.
    pub fn files(&self, name: &str) -> usize {
        lock(&self.state).segments.get(name).map_or(0, Vec::len)
    }

    /// Method and path of every request so far.
    pub fn requests(&self) -> Vec<String> {
        lock(&self.state).requests.clone()
    }

    /// Whether somebody with this token gets a connection, which then goes on. By RTSP the client asks for a description first, on a connection of
    /// another id, and by HLS for the playlist, which is the last time that this one asks.
    pub async fn connects(&self, protocol: &str, name: &str, token: &str) -> bool {
        let (first, id) = (Uuid::new_v4().to_string(), Uuid::new_v4().to_string());
        if protocol == "rtsp" && !self.question(protocol, name, Some(&first), "", token).await {
            return false;
        }
        let is_let_in = self.question(protocol, name, Some(&id), "", token).await;
        if is_let_in {
            lock(&self.state).connections.push((format!("{protocol}sessions"), id, name.to_owned()));
        }
        is_let_in
    }

    /// How many connections go on.
    pub fn connections(&self) -> usize {
        lock(&self.state).connections.len()
    }

    /// The client of every connection leaves.
    pub fn all_leave(&self) {
        lock(&self.state).connections.clear();
    }

    /// Whether somebody with this token may read a path, as its hook says. The real one asks without credentials first, and is to be told 401.
    pub async fn lets_read(&self, name: &str, query: &str, token: &str) -> bool {
        assert!(!self.question("hls", name, None, "", "").await, "who shows nothing is asked again");
        self.question("hls", name, None, query, token).await
    }

    /// What the hook says to a reader.
    async fn question(&self, protocol: &str, name: &str, id: Option<&str>, query: &str, token: &str) -> bool {
        let hook = lock(&self.state).hook.clone();
        let question = json!({
            "ip": "192.0.2.7", "user": "", "password": "", "token": token, "action": "read", "path": name, "protocol": protocol, "id": id,
            "query": query, "userAgent": "a player",
        });
        let status = self.http.post(&hook).json(&question).send().await.expect("the hook answers").status();
        assert!(status == 401 || status.is_success(), "{status}");
        status.is_success()
    }

    /// What the hook says to somebody who wants to do this with this name and password.
    pub async fn hook_says(&self, action: &str, user: &str, password: &str) -> u16 {
        let hook = lock(&self.state).hook.clone();
        api::asked(&self.http, &hook, action, "", user, password).await
    }
}
