//! The committed API document and page of routes against what the components declare, and both against the manifest.
//!
//! `UPDATE_API_DOCUMENT=1 cargo test --release --workspace --test api_document` writes them anew.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use gatehouse_openapi::{COMPONENTS, document, markdown};
use serde_json::Value;

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
fn the_committed_page_of_routes_is_made_from_the_document() {
    compare("docs/reference/routes.md", &markdown::routes(&document().unwrap_or_else(|faults| panic!("{faults}"))));
}

/// The routes of the manifest with their components.
fn manifest() -> (Vec<(String, String)>, toml::Table) {
    let manifest: toml::Table = std::fs::read_to_string(root().join("spin.toml")).unwrap().parse().unwrap();
    let routes = manifest["trigger"]["http"].as_array().unwrap().iter();
    let routes = routes.filter_map(|trigger| Some((trigger["route"].as_str()?.to_owned(), trigger["component"].as_str()?.to_owned())));
    (routes.collect(), manifest)
}

/// Whether the manifest's route takes the path; the more exact the greater. `/a/:b/...` takes `/a/x` and all below.
fn takes(route: &str, path: &str) -> Option<usize> {
    let segments = |text: &str| text.split('/').filter(|segment| !segment.is_empty()).map(str::to_owned).collect::<Vec<_>>();
    let (wildcard, route) = match route.strip_suffix("/...") {
        Some(prefix) => (true, segments(prefix)),
        None => (false, segments(route)),
    };
    let path = segments(path);
    let fits = if wildcard { path.len() >= route.len() } else { path.len() == route.len() };
    let same = |(route, path): (&String, &String)| route == path || (route.starts_with(':') && path.starts_with('{'));
    (fits && route.iter().zip(&path).all(same)).then_some(2 * route.len() + usize::from(!wildcard))
}

fn operations(document: &Value) -> impl Iterator<Item = (&str, &str, &Value)> {
    let paths = document["paths"].as_object().unwrap();
    paths.iter().flat_map(|(path, item)| {
        item.as_object().unwrap().iter().map(move |(method, operation)| (path.as_str(), method.as_str(), operation))
    })
}

/// What is served and no part of the API, with the reason.
const NOT_IN_THE_DOCUMENT: [(&str, &str); 5] = [
    ("console", "pages and their assets"),
    ("api-docs", "the document itself and its pages"),
    ("/", "sends people to the console"),
    ("/...", "answers what no route takes with a problem document"),
    ("/console/...", "pages and their assets"),
];

#[test]
fn each_path_of_the_document_reaches_its_component_and_each_route_of_the_manifest_is_in_the_document() {
    let document = document().unwrap_or_else(|faults| panic!("{faults}"));
    let (routes, _) = manifest();
    let mut used = BTreeSet::new();
    for (path, method, operation) in operations(&document) {
        let best = routes.iter().filter_map(|(route, component)| Some((takes(route, path)?, route, component))).max();
        let (_, route, component) = best.unwrap_or_else(|| panic!("no route of spin.toml takes {path}"));
        assert_eq!(operation["tags"][0].as_str(), Some(component.as_str()), "{method} {path} goes to another component by {route}");
        used.insert(route.clone());
    }
    for (route, component) in &routes {
        let excused = NOT_IN_THE_DOCUMENT.iter().any(|(name, _)| name == route || name == component);
        assert!(excused || used.contains(route), "nothing in the document is below {route} of {component}");
    }
}

#[test]
fn each_component_of_the_manifest_is_in_the_document() {
    let (routes, _) = manifest();
    let known: BTreeSet<_> = COMPONENTS.iter().map(|(name, _)| *name).collect();
    for (_, component) in routes {
        let excused = NOT_IN_THE_DOCUMENT.iter().any(|(name, _)| *name == component);
        assert!(excused || known.contains(component.as_str()), "add the component {component} to crates/openapi");
    }
}

#[test]
fn the_scheduled_components_are_those_with_a_cron_trigger() {
    let (_, manifest) = manifest();
    let triggers = manifest["trigger"]["cron"].as_array().unwrap().iter();
    let mut components: BTreeSet<_> = triggers.filter_map(|trigger| trigger["component"].as_str()).collect();
    assert!(components.remove("heartbeat"));
    assert_eq!(components, kit::scheduled::COMPONENTS.into_iter().collect());
}

/// `domain::schedule` says who is late by this period.
#[test]
fn each_cron_trigger_comes_every_thirty_seconds() {
    let (_, manifest) = manifest();
    for trigger in manifest["trigger"]["cron"].as_array().unwrap() {
        let expression = trigger["cron_expression"].as_str().unwrap();
        if trigger["component"].as_str() == Some("heartbeat") {
            // It takes the events of seconds 25 and 55 as its runs, and at the others only looks for what cannot wait.
            assert_eq!(expression, "*/5 * * * * *");
            continue;
        }
        let seconds = expression.strip_suffix(" * * * * *").unwrap_or_else(|| panic!("{expression}: not every minute"));
        let pair = seconds.split_once(',').and_then(|(first, second)| Some((first.parse::<i64>().ok()?, second.parse::<i64>().ok()?)));
        assert!(seconds == "*/30" || pair.is_some_and(|(first, second)| second - first == 30), "{expression}");
    }
}

#[test]
fn each_scheduled_component_has_its_route() {
    let document = document().unwrap_or_else(|faults| panic!("{faults}"));
    let tags: BTreeMap<_, _> = operations(&document).map(|(path, _, operation)| (path.to_owned(), operation["tags"][0].clone())).collect();
    for name in kit::scheduled::COMPONENTS {
        assert_eq!(tags.get(&kit::scheduled::path(name)), Some(&Value::from(name)), "{name} names another component in its Work");
    }
}

/// Spin's manifest has no way to say common variables once, so that a test looks after them.
#[test]
fn each_component_has_the_variables_that_all_need() {
    let (_, manifest) = manifest();
    for (name, component) in manifest["component"].as_table().unwrap().iter().filter(|(name, _)| name.as_str() != "console") {
        let variables = component.get("variables").and_then(toml::Value::as_table).cloned().unwrap_or_default();
        for variable in ["allowed_origins", "log_level"] {
            let expected = format!("{{{{ {variable} }}}}");
            assert_eq!(variables.get(variable).and_then(toml::Value::as_str), Some(expected.as_str()), "{variable} of {name}");
        }
    }
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
            let inner = object.iter().filter(|(key, _)| !key.starts_with("example"));
            inner.for_each(|(key, inner)| undescribed(document, inner, &format!("{path}/{key}"), found));
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

/// A list that is not granted `plain_lists` would answer pages whatever the variable says.
#[test]
fn each_component_with_a_list_is_granted_plain_lists() {
    let document = document().unwrap_or_else(|faults| panic!("{faults}"));
    let (_, manifest) = manifest();
    let mut lists = 0;
    for (path, method, operation) in operations(&document) {
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        if parameters.into_iter().any(|parameter| parameter["name"] == "cursor") {
            let component = operation["tags"][0].as_str().unwrap();
            let granted = manifest["component"][component]["variables"].get("plain_lists").and_then(toml::Value::as_str);
            assert_eq!(granted, Some("{{ plain_lists }}"), "{method} {path} of {component}");
            lists += 1;
        }
    }
    assert!(lists > 20, "{lists}");
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
const CHOSEN: [(&str, &[&str]); 2] =
    [("/api/spots/{spot_id}", &domain::spot::RESERVED_IDS), ("/api/transport/{id}", &domain::transit::RESERVED_IDS)];

/// The same for ids that Gatehouse makes, UUIDs, or codes that look like no word: nothing can be named like the segment.
const MADE: [&str; 7] = [
    "/api/alerts/{id}",
    "/api/bookings/{id}",
    "/api/emergency/{id}",
    "/api/payments/{id}",
    "/api/reservations/{id}",
    "/api/resources/{id}",
    "/api/sites/{site}/slots/{id}",
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
