//! The server: streams over HTTP, each a connection to the SQLite file.

use std::collections::HashMap;
use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Response, StatusCode};
use hyper_util::rt::TokioIo;
use rusqlite::types::Value as Plain;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::values;
use crate::lock;

/// How long a stream may be idle.
const IDLE: Duration = Duration::from_secs(10);

/// How long a statement waits for the writers' lock.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

pub struct State {
    file: PathBuf,
    pub latency: Mutex<Duration>,
    streams: Mutex<Streams>,
}

#[derive(Default)]
struct Streams {
    /// By the number that their batons begin with.
    live: HashMap<u64, Arc<Mutex<Stream>>>,
    opened: u64,
    /// Those up to this number were of a server that was started before: their batons say nothing to this one.
    forgotten: u64,
}

struct Stream {
    connection: rusqlite::Connection,
    /// How many requests it has served: a baton is good for one.
    served: u64,
    used_at: Instant,
}

/// A refusal of the request itself.
struct Refusal(&'static str, &'static str);

const BATON_INVALID: Refusal = Refusal("Received an invalid baton", "");
const EXPIRED: Refusal = Refusal("The stream has expired due to inactivity", "STREAM_EXPIRED");

impl State {
    pub fn new(file: PathBuf) -> Self {
        Self { file, latency: Mutex::default(), streams: Mutex::default() }
    }

    pub fn expire_streams(&self) {
        lock(&self.streams).live.clear();
    }

    pub fn forget_streams(&self) {
        let mut streams = lock(&self.streams);
        streams.live.clear();
        streams.forgotten = streams.opened;
    }

    /// The stream of a baton, or a new one. It is whoever's holds it until it is released.
    fn acquire(&self, baton: Option<&str>) -> Result<(u64, Arc<Mutex<Stream>>), Refusal> {
        let mut streams = lock(&self.streams);
        let Some(baton) = baton else {
            let connection = rusqlite::Connection::open(&self.file).expect("the database opens");
            connection.busy_timeout(BUSY_TIMEOUT).expect("a timeout can be set");
            connection.execute_batch("pragma journal_mode = wal; pragma foreign_keys = on").expect("the database takes pragmas");
            streams.opened += 1;
            let (id, stream) = (streams.opened, Arc::new(Mutex::new(Stream { connection, served: 0, used_at: Instant::now() })));
            streams.live.insert(id, stream.clone());
            return Ok((id, stream));
        };
        let numbers = baton.split_once('.').and_then(|(id, served)| Some((id.parse::<u64>().ok()?, served.parse::<u64>().ok()?)));
        let (id, served) = numbers.filter(|(id, _)| *id > streams.forgotten).ok_or(BATON_INVALID)?;
        let stream = streams.live.get(&id).cloned().ok_or(EXPIRED)?;
        let (used_at, expected) = {
            let stream = lock(&stream);
            (stream.used_at, stream.served)
        };
        if used_at.elapsed() > IDLE {
            streams.live.remove(&id);
            return Err(EXPIRED);
        }
        if served == expected { Ok((id, stream)) } else { Err(BATON_INVALID) }
    }

    fn close(&self, baton: &str) {
        if let Some(id) = baton.split_once('.').and_then(|(id, _)| id.parse::<u64>().ok()) {
            lock(&self.streams).live.remove(&id);
        }
    }
}

pub async fn serve(listener: TcpListener, state: Arc<State>) {
    // They end with this task.
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let _ = stream.set_nodelay(true);
        let state = state.clone();
        let service = service_fn(move |request| respond(state.clone(), request));
        connections.spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        while connections.try_join_next().is_some() {}
    }
}

async fn respond(state: Arc<State>, request: hyper::Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let latency = *lock(&state.latency);
    tokio::time::sleep(latency).await;
    let path = parts.uri.path().to_owned();
    // SQLite may wait for its lock.
    let answer = tokio::task::spawn_blocking(move || match path.as_str() {
        "/v3/cursor" => cursor(&state, &body),
        "/v3/pipeline" => pipeline(&state, &body),
        _ => Err(Refusal("there is nothing at this path", "")),
    });
    let answer = answer.await.unwrap_or(Err(Refusal("the server failed", "")));
    Ok(match answer {
        Ok(text) => Response::new(Full::from(text)),
        Err(Refusal(message, code)) => {
            let mut response = Response::new(Full::from(json!({ "message": message, "code": code }).to_string()));
            *response.status_mut() = StatusCode::BAD_REQUEST;
            response
        }
    })
}

/// Runs a batch and writes down what comes of it, one entry a line.
fn cursor(state: &State, body: &Value) -> Result<String, Refusal> {
    let (id, stream) = state.acquire(body["baton"].as_str())?;
    let mut stream = lock(&stream);
    let mut entries = Vec::new();
    for (number, step) in body["batch"]["steps"].as_array().into_iter().flatten().enumerate() {
        match run(&stream.connection, &step["stmt"]) {
            Ok(of_step) => entries.extend(of_step),
            Err(error) => {
                let (code, message) = worded(&error);
                entries.push(json!({ "type": "step_error", "step": number, "error": { "message": message, "code": code } }));
                break;
            }
        }
    }
    stream.served += 1;
    stream.used_at = Instant::now();
    let head = json!({ "baton": format!("{id}.{}", stream.served), "base_url": null });
    let lines = std::iter::once(head).chain(entries);
    Ok(lines.map(|entry| format!("{entry}\n")).collect())
}

fn run(connection: &rusqlite::Connection, statement: &Value) -> rusqlite::Result<Vec<Value>> {
    let args = statement["args"].as_array().into_iter().flatten().map(|value| values::from_json(value).expect("a value"));
    let mut statement = connection.prepare(statement["sql"].as_str().unwrap_or_default())?;
    let columns: Vec<_> = statement.column_names().map(|name| json!({ "name": name, "decltype": null })).collect();
    let width = columns.len();
    let mut entries = vec![json!({ "type": "step_begin", "step": 0, "cols": columns })];
    let mut rows = statement.query(rusqlite::params_from_iter(args))?;
    while let Some(row) = rows.next()? {
        let values = (0..width).map(|at| row.get::<_, Plain>(at).map(|value| values::to_json(&value)));
        entries.push(json!({ "type": "row", "row": values.collect::<rusqlite::Result<Vec<_>>>()? }));
    }
    drop(rows);
    let rowid = connection.last_insert_rowid().to_string();
    entries.push(json!({ "type": "step_end", "affected_row_count": connection.changes(), "last_insert_rowid": rowid }));
    Ok(entries)
}

/// As sqld words it.
fn worded(error: &rusqlite::Error) -> (String, String) {
    let code = match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::ConstraintViolation) => "SQLITE_CONSTRAINT",
        Some(rusqlite::ErrorCode::DatabaseBusy) => "SQLITE_BUSY",
        _ => "SQLITE_ERROR",
    };
    (code.to_owned(), format!("SQLite error: {error}"))
}

/// Only what the client sends besides cursors: that a stream is over.
fn pipeline(state: &State, body: &Value) -> Result<String, Refusal> {
    let requests = body["requests"].as_array().map(Vec::as_slice).unwrap_or_default();
    if !requests.iter().all(|request| request["type"] == "close") {
        return Err(Refusal("only streams are closed here", ""));
    }
    state.close(body["baton"].as_str().unwrap_or_default());
    let results: Vec<_> = requests.iter().map(|_| json!({ "type": "ok", "response": { "type": "close" } })).collect();
    Ok(json!({ "baton": null, "base_url": null, "results": results }).to_string())
}
