//! The shapes of MediaMTX's OpenAPI documents as of 1.20 (`api/openapi.yaml`, `api/playback.openapi.yaml`), of the operations that are used, in words of
//! our own: every exchange with the double is held against them, in both directions.

use std::collections::BTreeMap;

use serde_json::Value;

/// What a value may be.
pub enum Shape {
    Text,
    /// RFC 3339.
    Moment,
    Uuid,
    Flag,
    Whole,
    Number,
    OneOf(&'static [&'static str]),
    Nullable(&'static Self),
    List(&'static Self),
    /// Fields, each of which may be left out. There are no others.
    Fields(&'static [(&'static str, Self)]),
}

use Shape::{Fields, Flag, List, Moment, Nullable, Number, OneOf, Text, Uuid, Whole};

/// An operation: its method and path, where `{}` is a name or an id; its query, with whether each part is required; what is sent; and what is
/// answered, by status.
struct Operation {
    method: &'static str,
    path: &'static str,
    query: &'static [(&'static str, Shape, bool)],
    body: Option<Shape>,
    answer: Option<Shape>,
    refusals: &'static [u16],
}

const OK: Shape = Fields(&[("status", OneOf(&["ok"]))]);
const ERROR: Shape = Fields(&[("status", OneOf(&["error"])), ("error", Text)]);

/// Of `PathConf`, what is general, of RTSP sources, of recording, and hooks.
const PATH_CONF: Shape = Fields(&[
    ("name", Text),
    ("source", Text),
    ("sourceFingerprint", Text),
    ("sourceOnDemand", Flag),
    ("sourceOnDemandStartTimeout", Text),
    ("sourceOnDemandCloseAfter", Text),
    ("maxReaders", Whole),
    ("overridePublisher", Flag),
    ("rtspTransport", Text),
    ("record", Flag),
    ("recordPath", Text),
    ("recordFormat", OneOf(&["fmp4", "mpegts"])),
    ("recordPartDuration", Text),
    ("recordMaxPartSize", Text),
    ("recordSegmentDuration", Text),
    ("recordDeleteAfter", Text),
    ("runOnDemand", Text),
    ("runOnDemandRestart", Flag),
    ("runOnDemandCloseAfter", Text),
    ("runOnRecordSegmentComplete", Text),
]);

const PATH: Shape = Fields(&[
    ("name", Text),
    ("confName", Text),
    ("available", Flag),
    ("availableTime", Nullable(&Text)),
    ("online", Flag),
    ("onlineTime", Nullable(&Text)),
    ("ready", Flag),
    ("readyTime", Nullable(&Text)),
    ("inboundBytes", Whole),
    ("outboundBytes", Whole),
    ("readers", List(&Fields(&[("type", Text), ("id", Text)]))),
]);

/// What RTSP, WebRTC and HLS sessions have in common.
const SESSION: Shape = Fields(&[
    ("id", Uuid),
    ("created", Text),
    ("remoteAddr", Text),
    ("path", Text),
    ("query", Text),
    ("user", Text),
    ("userAgent", Text),
    ("outboundBytes", Whole),
]);

const USUAL: &[u16] = &[400, 401, 404, 500];

const fn operation(method: &'static str, path: &'static str, body: Option<Shape>, answer: Option<Shape>) -> Operation {
    Operation { method, path, query: &[], body, answer, refusals: USUAL }
}

const OPERATIONS: [Operation; 15] = [
    Operation {
        query: &[("page", Whole, false), ("itemsPerPage", Whole, false)],
        ..operation(
            "GET",
            "/v3/config/paths/list",
            None,
            Some(Fields(&[("itemCount", Whole), ("pageCount", Whole), ("items", List(&PATH_CONF))])),
        )
    },
    operation("POST", "/v3/config/paths/add/{}", Some(PATH_CONF), Some(OK)),
    operation("PATCH", "/v3/config/paths/patch/{}", Some(PATH_CONF), Some(OK)),
    operation("DELETE", "/v3/config/paths/delete/{}", None, Some(OK)),
    operation("GET", "/v3/paths/get/{}", None, Some(PATH)),
    operation("GET", "/v3/recordings/get/{}", None, Some(Fields(&[("name", Text), ("segments", List(&Fields(&[("start", Text)])))]))),
    Operation {
        query: &[("path", Text, true), ("start", Text, true)],
        ..operation("DELETE", "/v3/recordings/deletesegment", None, Some(OK))
    },
    operation("GET", "/v3/rtspsessions/get/{}", None, Some(SESSION)),
    operation("POST", "/v3/rtspsessions/kick/{}", None, Some(OK)),
    operation("GET", "/v3/webrtcsessions/get/{}", None, Some(SESSION)),
    operation("POST", "/v3/webrtcsessions/kick/{}", None, Some(OK)),
    operation("GET", "/v3/hlssessions/get/{}", None, Some(SESSION)),
    operation("POST", "/v3/hlssessions/kick/{}", None, Some(OK)),
    Operation {
        query: &[("path", Text, true), ("start", Moment, false), ("end", Moment, false)],
        ..operation("GET", "/list", None, Some(List(&Fields(&[("start", Moment), ("duration", Number), ("url", Text)]))))
    },
    Operation {
        query: &[("path", Text, true), ("start", Moment, true), ("duration", Text, true), ("format", OneOf(&["fmp4", "mp4"]), false)],
        ..operation("GET", "/get", None, None)
    },
];

/// An exchange.
pub struct Exchange<'a> {
    pub method: &'a str,
    pub path: &'a str,
    pub query: &'a BTreeMap<String, String>,
    pub body: &'a [u8],
    pub status: u16,
    pub answer: &'a [u8],
}

/// What of an exchange is not as the documents have it.
pub fn faults(exchange: &Exchange<'_>) -> Vec<String> {
    let Exchange { method, path, query, body, status, answer } = exchange;
    let is_it = |operation: &&Operation| match operation.path.split_once("{}") {
        Some((prefix, _)) => operation.method == *method && path.strip_prefix(prefix).is_some_and(|name| !name.is_empty()),
        None => operation.method == *method && operation.path == *path,
    };
    let Some(operation) = OPERATIONS.iter().find(is_it) else { return vec![format!("{method} {path} is no operation that is known")] };
    let mut faults = Vec::new();
    for (name, value) in query.iter() {
        match operation.query.iter().find(|(known, ..)| known == name) {
            Some((_, shape, _)) => check_text(shape, value, &format!("?{name}"), &mut faults),
            None => faults.push(format!("?{name} is no parameter")),
        }
    }
    faults.extend(
        operation
            .query
            .iter()
            .filter(|(name, _, required)| *required && !query.contains_key(*name))
            .map(|(name, ..)| format!("?{name} is missing")),
    );
    match (&operation.body, serde_json::from_slice::<Value>(body)) {
        (Some(shape), Ok(value)) => check(shape, &value, "the request", &mut faults),
        (Some(_), Err(_)) => faults.push("the request is no JSON".to_owned()),
        (None, _) if !body.is_empty() => faults.push("the request has a body".to_owned()),
        (None, _) => {}
    }
    let shape = match status {
        200 => operation.answer.as_ref(),
        status if operation.refusals.contains(status) => Some(&ERROR),
        _ => {
            faults.push(format!("{status} is no answer"));
            None
        }
    };
    if let Some(shape) = shape {
        match serde_json::from_slice(answer) {
            Ok(value) => check(shape, &value, "the answer", &mut faults),
            Err(_) => faults.push("the answer is no JSON".to_owned()),
        }
    }
    faults.into_iter().map(|fault| format!("{method} {path}: {fault}")).collect()
}

/// A text of a query.
fn check_text(shape: &Shape, text: &str, at: &str, faults: &mut Vec<String>) {
    let value = match shape {
        Whole => text.parse::<u64>().map_or(Value::Null, Value::from),
        _ => Value::from(text),
    };
    check(shape, &value, at, faults);
}

fn check(shape: &Shape, value: &Value, at: &str, faults: &mut Vec<String>) {
    let fits = match (shape, value) {
        (Nullable(_), Value::Null) => true,
        (Nullable(shape), value) => {
            check(shape, value, at, faults);
            true
        }
        (List(shape), Value::Array(items)) => {
            items.iter().for_each(|item| check(shape, item, at, faults));
            true
        }
        (Fields(fields), Value::Object(object)) => {
            for (name, value) in object {
                match fields.iter().find(|(known, _)| known == name) {
                    Some((_, shape)) => check(shape, value, &format!("{at}, {name}"), faults),
                    None => faults.push(format!("{at} has {name}, which is no field")),
                }
            }
            true
        }
        (Text, Value::String(_)) | (Flag, Value::Bool(_)) | (Number, Value::Number(_)) => true,
        (Moment, Value::String(text)) => chrono::DateTime::parse_from_rfc3339(text).is_ok(),
        (Uuid, Value::String(text)) => uuid::Uuid::try_parse(text).is_ok(),
        (OneOf(known), Value::String(text)) => known.contains(&text.as_str()),
        (Whole, value) => value.is_u64(),
        _ => false,
    };
    if !fits {
        faults.push(format!("{at} is {value}"));
    }
}
