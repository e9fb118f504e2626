//! What the double answers.

use std::collections::BTreeMap;
use std::sync::Mutex;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::{Response, StatusCode};
use serde_json::{Value, json};

use super::documents::{Exchange, faults};
use super::state::{Playback, State};
use crate::lock;

type Query = BTreeMap<String, String>;

/// The body of an answer.
pub type Sent = UnsyncBoxBody<Bytes, std::convert::Infallible>;

/// A status, and what is answered with it: JSON, or a file.
struct Answer {
    status: u16,
    kind: &'static str,
    body: Vec<u8>,
}

fn json_answer(status: u16, body: &Value) -> Answer {
    Answer { status, kind: "application/json; charset=utf-8", body: body.to_string().into_bytes() }
}

fn error(status: u16, text: &str) -> Answer {
    json_answer(status, &json!({ "status": "error", "error": text }))
}

fn ok() -> Answer {
    json_answer(200, &json!({ "status": "ok" }))
}

/// What the hook says.
pub async fn asked(http: &reqwest::Client, hook: &str, action: &str, path: &str, user: &str, password: &str) -> u16 {
    let question = json!({
        "ip": "127.0.0.1", "user": user, "password": password, "token": "", "action": action, "path": path, "protocol": "", "id": null, "query": "",
        "userAgent": "",
    });
    http.post(hook).json(&question).send().await.map_or(599, |answer| answer.status().as_u16())
}

/// Answers a request, and holds both against the documents.
pub async fn answer(state: &Mutex<State>, http: &reqwest::Client, request: hyper::Request<Incoming>) -> Response<Sent> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let (method, path) = (parts.method.as_str(), parts.uri.path());
    let query = format!("http://x/?{}", parts.uri.query().unwrap_or_default());
    let query: Query = reqwest::Url::parse(&query).expect("a query").query_pairs().into_owned().collect();
    let (hook, is_away) = {
        let mut state = lock(state);
        state.requests.push(format!("{method} {path}"));
        (state.hook.clone(), state.is_away)
    };
    let basic = parts.headers.get("authorization").and_then(|value| value.to_str().ok()).and_then(|value| value.strip_prefix("Basic "));
    let basic = basic.and_then(|text| STANDARD.decode(text).ok()).and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
    let (user, password) = basic.split_once(':').unwrap_or_default();
    let action = if path.starts_with("/v3/") { "api" } else { "playback" };
    let answer = if is_away {
        error(500, "terminated")
    } else if !(200..300).contains(&asked(http, &hook, action, "", user, password).await) {
        error(401, "authentication error")
    } else {
        let mut state = lock(state);
        match path {
            "/list" => list(&state, &query),
            "/get" => file(&state, &query),
            _ => control(&mut state, method, path, &query, &body),
        }
    };
    let Answer { status, kind, body: answer } = answer;
    let found = faults(&Exchange { method, path, query: &query, body: &body, status, answer: &answer });
    lock(state).faults.extend(found);
    let builder = Response::builder().status(StatusCode::from_u16(status).expect("a status")).header("content-type", kind);
    let builder = if kind == "video/mp4" { builder.header("accept-ranges", "none") } else { builder };
    let playback = if kind == "video/mp4" { lock(state).playback } else { Playback::AtOnce };
    builder.body(sent(answer, playback)).expect("an answer")
}

/// An answer's bytes, as they are to come.
fn sent(answer: Vec<u8>, playback: Playback) -> Sent {
    use futures::StreamExt as _;

    let answer = Bytes::from(answer);
    let half = answer.len() / 2;
    let frame = |bytes: Bytes| Ok::<_, std::convert::Infallible>(Frame::data(bytes));
    match playback {
        Playback::AtOnce => Full::new(answer).boxed_unsync(),
        // As the real one does, which does not know how long a file is when it begins.
        Playback::WithoutLength => StreamBody::new(futures::stream::iter([frame(answer)])).boxed_unsync(),
        Playback::Stalls => {
            let body = futures::stream::iter([frame(answer.slice(..half))]).chain(futures::stream::pending());
            StreamBody::new(body).boxed_unsync()
        }
        Playback::Slowly => {
            let pieces = futures::stream::unfold(0, move |at: usize| {
                let piece = answer.slice(at.min(answer.len())..(at + 1_000).min(answer.len()));
                async move {
                    if piece.is_empty() {
                        return None;
                    }
                    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
                    Some((Ok::<_, std::convert::Infallible>(Frame::data(piece)), at + 1_000))
                }
            });
            StreamBody::new(pieces).boxed_unsync()
        }
    }
}

fn is_path_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with('/')
        && !name.ends_with('/')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.~/-".contains(&byte))
        && !name.split('/').any(|segment| matches!(segment, "." | ".."))
}

/// Whether a path has a configuration: its own, or one of those for all cameras.
fn is_configured(state: &State, name: &str) -> bool {
    let mut parts = name.split('/');
    let is_of_camera = (parts.next(), parts.next().is_some(), parts.next(), parts.next());
    matches!(is_of_camera, (Some("cam"), true, Some("main" | "sub"), None)) || state.paths.contains_key(name)
}

/// A configuration as it is sent; or what is wrong with it.
fn configuration(body: &[u8]) -> Result<Value, String> {
    let value: Value = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let source = value["source"].as_str().unwrap_or("publisher");
    if source != "publisher" {
        let url = reqwest::Url::parse(source).map_err(|_| format!("'{source}' is not a valid URL"))?;
        if !["rtsp", "rtsps"].contains(&url.scheme()) || url.host().is_none() {
            return Err(format!("invalid source: '{source}'"));
        }
        if url.username().is_empty() != url.password().is_none() {
            return Err("username and password must be both provided".to_owned());
        }
    }
    Ok(value)
}

fn control(state: &mut State, method: &str, path: &str, query: &Query, body: &[u8]) -> Answer {
    let rest = path.strip_prefix("/v3/").unwrap_or_default();
    if let Some(request) = rest.strip_prefix("config/paths/") {
        return match (method, request.split_once('/')) {
            ("GET", None) if request == "list" => listed(state, query),
            (_, Some((what, name))) => configure(state, method, what, name, body),
            _ => unknown(),
        };
    }
    match (method, rest.split_once('/'), rest) {
        ("GET", Some(("paths", name)), _) => match name.strip_prefix("get/") {
            Some(name) if state.paths.contains_key(name) => {
                let online = state.is_online();
                let about =
                    json!({ "name": name, "confName": name, "online": online, "available": online, "ready": online, "readers": [] });
                json_answer(200, &about)
            }
            Some(_) => error(404, "path not found"),
            None => unknown(),
        },
        ("GET", Some(("recordings", name)), _) => match name.strip_prefix("get/") {
            Some(name) if is_configured(state, name) => {
                let segments = state.segments.get(name).into_iter().flatten();
                let segments: Vec<Value> = segments.map(|(from, _)| json!({ "start": time(*from) })).collect();
                json_answer(200, &json!({ "name": name, "segments": segments }))
            }
            Some(name) => error(400, &format!("path '{name}' is not configured")),
            None => unknown(),
        },
        ("DELETE", _, "recordings/deletesegment") => delete_segment(state, query),
        (_, Some((sessions, request)), _) => session(state, method, sessions, request),
        _ => unknown(),
    }
}

/// As its router says of what it does not know.
fn unknown() -> Answer {
    Answer { status: 404, kind: "text/plain", body: b"404 page not found".to_vec() }
}

fn configure(state: &mut State, method: &str, what: &str, name: &str, body: &[u8]) -> Answer {
    let is_there = state.paths.contains_key(name);
    match (method, what) {
        ("POST", "add") => match configuration(body) {
            _ if !is_path_name(name) => error(400, "invalid name"),
            Err(reason) => error(400, &reason),
            Ok(_) if is_there => error(400, "path already exists"),
            Ok(change) => {
                state.set(name, &change);
                ok()
            }
        },
        ("PATCH", "patch") => match configuration(body) {
            Err(reason) => error(400, &reason),
            Ok(_) if !is_there => error(404, "path not found"),
            Ok(change) => {
                state.set(name, &change);
                ok()
            }
        },
        ("DELETE", "delete") if state.refuses_to_stop && name.contains("refused") => error(400, "it is in use"),
        ("DELETE", "delete") if !is_there => error(404, "path not found"),
        ("DELETE", "delete") => {
            state.remove(name);
            ok()
        }
        _ => unknown(),
    }
}

/// Its own paths, and those of `mediamtx.yml`.
fn listed(state: &State, query: &Query) -> Answer {
    let number = |name: &str, default: usize| query.get(name).map_or(Ok(default), |text| text.parse::<usize>());
    let (Ok(per_page), Ok(page)) = (number("itemsPerPage", 100), number("page", 0)) else { return error(400, "invalid syntax") };
    if per_page == 0 {
        return error(400, "invalid items per page");
    }
    let of_file = ["~^cam/([^/]+)/main$", "~^cam/([^/]+)/sub$"];
    let of_file = of_file.map(|name| json!({ "name": name, "source": "publisher", "record": false }));
    let all: Vec<&Value> = state.paths.values().chain(&of_file).collect();
    let items: Vec<&Value> = all.iter().skip(page * per_page).take(per_page).copied().collect();
    json_answer(200, &json!({ "itemCount": all.len(), "pageCount": all.len().div_ceil(per_page), "items": items }))
}

fn delete_segment(state: &mut State, query: &Query) -> Answer {
    let (Some(name), Some(start)) = (query.get("path"), query.get("start").and_then(|text| moment(text))) else {
        return error(400, "invalid 'start' parameter");
    };
    let segments = state.segments.entry(name.clone()).or_default();
    let before = segments.len();
    segments.retain(|(from, _)| *from != start);
    // Its document says 404; it says 400.
    if segments.len() < before { ok() } else { error(400, "no such file or directory") }
}

fn session(state: &mut State, method: &str, sessions: &str, request: &str) -> Answer {
    let Some((what, id)) = request.split_once('/') else { return unknown() };
    if uuid::Uuid::try_parse(id).is_err() {
        return error(400, "invalid UUID length");
    }
    let at = state.connections.iter().position(|(kind, known, _)| kind == sessions && known == id);
    match (method, what, at) {
        ("GET", "get", Some(at)) => {
            let (_, id, path) = &state.connections[at];
            json_answer(200, &json!({ "id": id, "created": time(0), "remoteAddr": "192.0.2.7:1", "path": path }))
        }
        ("POST", "kick", Some(at)) => {
            state.connections.remove(at);
            ok()
        }
        ("GET", "get", None) | ("POST", "kick", None) => error(404, "session not found"),
        _ => unknown(),
    }
}

fn time(ms: i64) -> String {
    chrono::DateTime::from_timestamp_millis(ms).expect("a time in this era").to_rfc3339_opts(chrono::SecondsFormat::Micros, true)
}

fn moment(text: &str) -> Option<i64> {
    chrono::DateTime::parse_from_rfc3339(text).ok().map(|at| at.timestamp_millis())
}

fn list(state: &State, query: &Query) -> Answer {
    let Some(name) = query.get("path").filter(|name| is_path_name(name)) else { return error(400, "invalid path name") };
    if !is_configured(state, name) {
        return error(400, &format!("path '{name}' is not configured"));
    }
    let mut bounds = [i64::MIN, i64::MAX];
    for (bound, parameter) in bounds.iter_mut().zip(["start", "end"]) {
        match query.get(parameter).map(|text| moment(text)) {
            Some(None) => return error(400, &format!("invalid {parameter}")),
            Some(Some(at)) => *bound = at,
            None => {}
        }
    }
    let now = state.now();
    let entries: Vec<Value> = state
        .segments
        .get(name)
        .into_iter()
        .flatten()
        .map(|(from, to)| (*from, to.unwrap_or(now)))
        .filter(|(from, to)| from < to && *to > bounds[0] && *from < bounds[1])
        .map(|(from, to)| (from.max(bounds[0]), to.min(bounds[1])))
        .map(|(from, to)| json!({ "start": time(from), "duration": (to - from) as f64 / 1000.0, "url": format!("http://relay/get?path={name}") }))
        .collect();
    if entries.is_empty() { error(404, "no recording segments found") } else { json_answer(200, &json!(entries)) }
}

/// The bytes of a file that begins at this moment: another moment has others.
pub fn content(start: i64, duration_ms: i64, bytes_per_second: i64) -> Vec<u8> {
    let length = duration_ms * bytes_per_second / 1000;
    (0..length).map(|at| u8::try_from((start / 1000 + at * 31 + at / 251) % 256).expect("a byte")).collect()
}

fn file(state: &State, query: &Query) -> Answer {
    let (Some(name), Some(start)) = (query.get("path"), query.get("start").and_then(|text| moment(text))) else {
        return error(400, "invalid start");
    };
    let Some(duration) = query.get("duration").and_then(|text| text.parse::<f64>().ok()) else { return error(400, "invalid duration") };
    let now = state.now();
    let has = state.segments.get(name).into_iter().flatten().any(|(from, to)| *from <= start && to.unwrap_or(now) > start);
    if !has {
        return error(404, "no recording segments found");
    }
    #[expect(clippy::cast_possible_truncation, reason = "a test's durations are small")]
    let body = content(start, (duration * 1000.0).round() as i64, state.bytes_per_second);
    Answer { status: 200, kind: "video/mp4", body }
}
