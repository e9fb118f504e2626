//! The committed API document and page of routes against what the components declare, and both against the manifest.
//!
//! `UPDATE_API_DOCUMENT=1 cargo test --release --workspace --test api_document` writes them anew.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use gatehouse_openapi::{asyncapi, document, markdown};
use serde_json::Value;

#[path = "api_document/manifest.rs"]
mod manifest;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn compare(path: &str, now: &str) {
    let path = root().join(path);
    if std::env::var_os("UPDATE_API_DOCUMENT").is_some() {
        std::fs::write(&path, now).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    let line = committed.lines().zip(now.lines()).position(|(committed, now)| committed != now);
    let line = line.unwrap_or_else(|| committed.lines().count().min(now.lines().count())) + 1;
    assert!(
        committed == now,
        "{} differs from what the components declare, from line {line} on: run UPDATE_API_DOCUMENT=1 cargo test --release --workspace --test api_document",
        path.display()
    );
}

#[test]
fn the_committed_document_is_what_the_components_declare() {
    let document = document().unwrap_or_else(|faults| panic!("{faults}"));
    let mut text = serde_json::to_string_pretty(&document).unwrap();
    text.push('\n');
    compare("docs/reference/openapi.json", &text);
}

#[test]
fn the_committed_document_of_events_is_what_the_types_declare() {
    let document = asyncapi::asyncapi().unwrap_or_else(|faults| panic!("{faults}"));
    let mut text = serde_json::to_string_pretty(&document).unwrap();
    text.push('\n');
    compare("docs/reference/asyncapi.json", &text);
}

#[test]
fn the_committed_page_of_routes_is_made_from_the_document() {
    compare("docs/reference/routes.md", &markdown::routes(&document().unwrap_or_else(|faults| panic!("{faults}"))));
}

fn operations(document: &Value) -> impl Iterator<Item = (&str, &str, &Value)> {
    let paths = document["paths"].as_object().unwrap();
    paths.iter().flat_map(|(path, item)| {
        item.as_object().unwrap().iter().map(move |(method, operation)| (path.as_str(), method.as_str(), operation))
    })
}

/// Whether the schema describes itself, or is one that does, or null.
fn is_described(document: &Value, schema: &Value) -> bool {
    let named = schema["$ref"].as_str().and_then(|reference| document.pointer(reference.trim_start_matches('#')));
    let shapes = schema["oneOf"].as_array().into_iter().flatten();
    schema["description"].as_str().is_some_and(|text| !text.is_empty())
        || named.is_some_and(|named| is_described(document, named))
        || shapes.into_iter().any(|shape| is_described(document, shape))
}

/// The properties below this part that nothing describes.
fn undescribed(document: &Value, part: &Value, path: &str, found: &mut Vec<String>) {
    match part {
        Value::Object(object) => {
            for (name, property) in object.get("properties").and_then(Value::as_object).into_iter().flatten() {
                if !is_described(document, property) {
                    found.push(format!("{path}: {name}"));
                }
            }
            for (key, inner) in object.iter().filter(|(key, _)| !key.starts_with("example")) {
                match inner.as_object().filter(|_| key == "properties") {
                    // Names of properties, one of which may be `properties` itself.
                    Some(names) => names.iter().for_each(|(name, inner)| undescribed(document, inner, &format!("{path}/{name}"), found)),
                    None => undescribed(document, inner, &format!("{path}/{key}"), found),
                }
            }
        }
        Value::Array(array) => array.iter().for_each(|inner| undescribed(document, inner, path, found)),
        _ => {}
    }
}

#[test]
fn every_property_and_parameter_is_described() {
    let document = document().unwrap_or_else(|faults| panic!("{faults}"));
    let mut found = Vec::new();
    undescribed(&document, &document["components"]["schemas"], "", &mut found);
    undescribed(&document, &document["paths"], "", &mut found);
    for (path, method, operation) in operations(&document) {
        let parameters = operation["parameters"].as_array().into_iter().flatten().filter(|parameter| parameter["in"] != "path");
        let bare = parameters.filter(|parameter| !is_described(&document, parameter) && !is_described(&document, &parameter["schema"]));
        found.extend(bare.map(|parameter| format!("{method} {path}: the parameter {}", parameter["name"])));
    }
    assert!(found.is_empty(), "write a doc comment on what says nothing of itself:\n{}", found.join("\n"));
}

#[test]
fn every_operation_says_what_people_need() {
    let document = document().unwrap_or_else(|faults| panic!("{faults}"));
    let mut ids = BTreeMap::new();
    for (path, method, operation) in operations(&document) {
        let name = format!("{method} {path}");
        let summary = operation["summary"].as_str().unwrap_or_default();
        assert!(summary.ends_with('.'), "{name} has no summary of one sentence on one line: {summary:?}");
        let id = operation["operationId"].as_str().unwrap_or_default().to_owned();
        assert_eq!(ids.insert(id, name.clone()), None, "{name} has the id of another operation");
        let answers = operation["responses"].as_object().unwrap();
        assert!(answers.keys().any(|status| status.starts_with(['2', '3'])), "{name} never succeeds");
        if let Some(body) = operation.get("requestBody") {
            for (kind, content) in body["content"].as_object().unwrap() {
                assert!(content.get("example").is_some(), "{name} has no example of its {kind} body");
            }
        }
    }
}

/// Ids that people choose, where a fixed segment of another path stands beside them: the words that no new one may be.
const CHOSEN: [(&str, &[&str]); 3] = [
    ("/api/spots/{spot_id}", &domain::spot::RESERVED_IDS),
    ("/api/transport/{id}", &domain::transit::RESERVED_IDS),
    ("/v0/api/cctv/cameras/{id}", &domain::camera::RESERVED_IDS),
];

/// The same for ids that Gatehouse makes, UUIDs, or codes that look like no word: nothing can be named like the segment.
const MADE: [&str; 11] = [
    "/api/alerts/{id}",
    "/api/bookings/{id}",
    "/api/dispatch/messages/{id}",
    "/api/emergency/{id}",
    "/api/event-logs/{id}",
    "/api/payments/{id}",
    "/api/reservations/{id}",
    "/api/resources/{id}",
    "/api/sites/{site}/slots/{id}",
    "/v0/api/cctv/recordings/{id}",
    "/v0/api/cctv/streams/{id}",
];

#[test]
fn nothing_can_be_named_like_a_segment_of_a_path() {
    let document = document().unwrap_or_else(|faults| panic!("{faults}"));
    let paths: Vec<Vec<&str>> = document["paths"].as_object().unwrap().keys().map(|path| path.split('/').collect()).collect();
    // By the path of an id, the fixed segments that stand where the id may stand.
    let mut beside: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for (id, other) in paths.iter().flat_map(|id| paths.iter().map(move |other| (id, other))) {
        for at in 0..id.len().min(other.len()) {
            if id[..at] == other[..at] && id[at].starts_with('{') && !other[at].starts_with('{') {
                beside.entry(id[..=at].join("/")).or_default().insert(other[at]);
            }
        }
    }
    let known: BTreeSet<_> = CHOSEN.iter().map(|(path, _)| *path).chain(MADE).collect();
    assert_eq!(beside.keys().map(String::as_str).collect::<BTreeSet<_>>(), known, "{beside:?}");
    for (path, words) in CHOSEN {
        assert_eq!(beside[path], words.iter().copied().collect(), "{path}");
    }
}
