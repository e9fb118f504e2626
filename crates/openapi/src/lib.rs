//! The API document (OpenAPI 3.1), merged from what each component declares at its handlers, the page of routes made from it, and the document of the
//! event feed (AsyncAPI 3).
//!
//! Nothing of this runs in a component: `docs/reference/openapi.json` is committed, and a test fails when it and the routes differ.

pub mod asyncapi;
pub mod markdown;

use std::collections::BTreeSet;

use kit::api::{Api, Document, problem_schema};
use serde_json::{Map, Value, json};

/// A component's id in the manifest and its routes.
pub type Component = (&'static str, fn() -> Api);

/// The components that answer API requests, in the order of the document.
pub const COMPONENTS: [Component; 20] = [
    ("auth", auth::api),
    ("parking", parking::api),
    ("plans", plans::api),
    ("telemetry", telemetry::api),
    ("alerts", alerts::api),
    ("cameras", cameras::api),
    ("booking", booking::api),
    ("crowd", crowd::api),
    ("transport", transport::api),
    ("emergency", emergency::api),
    ("resources", resources::api),
    ("reservations", reservations::api),
    ("payments", payments::api),
    ("mail", mail::api),
    ("analytics", analytics::api),
    ("exports", exports::api),
    ("search", search::api),
    ("events", events::api),
    ("ops", ops::api),
    ("heartbeat", heartbeat::api),
];

const DESCRIPTION: &str = "The edge backend for places where vehicles and people arrive: car parks, temples, campuses.\n\n\
    Every path works with and without a trailing slash. Times are RFC 3339 in UTC. Lists are pages: `items`, and `next_cursor` to be sent as \
    `cursor` for the next one. Refusals are problem documents (RFC 9457). Every answer carries `X-Request-Id`. Roles, each with the rights of \
    those before: `visitor`, `operator`, `developer`, `admin`, `super_admin`; a `device` may only send its own data.";

/// The whole document. The error names everything that two components declare differently under one name.
pub fn document() -> Result<Value, String> {
    let mut faults = Vec::new();
    let mut paths = Map::new();
    let mut schemas = Map::from_iter([("Problem".to_owned(), to_value(&problem_schema())?)]);
    let mut tags = Vec::new();
    for (name, api) in COMPONENTS {
        let document = api().into_document();
        if document.tag != name {
            faults.push(format!("the component {name} calls itself {}", document.tag));
        }
        tags.push(json!({ "name": name, "description": document.description }));
        merge(&mut paths, &mut schemas, document, &mut faults)?;
    }
    paths.sort_keys();
    schemas.sort_keys();
    check_references(&paths, &schemas, &mut faults)?;
    if !faults.is_empty() {
        return Err(faults.join("\n"));
    }
    Ok(json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Gatehouse",
            "description": DESCRIPTION,
            "version": env!("CARGO_PKG_VERSION"),
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "tags": tags,
        "paths": paths,
        "components": { "schemas": schemas, "securitySchemes": security_schemes() },
    }))
}

fn merge(
    paths: &mut Map<String, Value>,
    schemas: &mut Map<String, Value>,
    document: Document,
    faults: &mut Vec<String>,
) -> Result<(), String> {
    for (name, schema) in document.schemas {
        let schema = to_value(&schema)?;
        if schemas.get(&name).is_some_and(|other| *other != schema) {
            faults.push(format!("two different schemas are named {name}, the second in {}: rename one", document.tag));
        }
        schemas.insert(name, schema);
    }
    for (path, item) in document.paths.paths {
        let Value::Object(item) = to_value(&item)? else { continue };
        let operations = paths.entry(path.clone()).or_insert_with(|| json!({})).as_object_mut();
        let operations = operations.ok_or("a path is no object")?;
        for (method, operation) in item {
            if operations.insert(method.clone(), operation).is_some() {
                faults.push(format!("{method} {path} is declared twice"));
            }
        }
    }
    Ok(())
}

fn to_value(part: &impl serde::Serialize) -> Result<Value, String> {
    serde_json::to_value(part).map_err(|error| error.to_string())
}

fn security_schemes() -> Value {
    json!({
        "bearer": {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "An access token from `/api/auth/login`, or a device's key (`ghd_…`).",
        },
        "deviceKey": { "type": "apiKey", "in": "header", "name": "X-Device-Key", "description": "A device's key (`ghd_…`)." },
        "signedAddress": {
            "type": "apiKey", "in": "query", "name": "signature",
            "description": "With `expires`: an address from an answer, good for a while and for one thing.",
        },
        "tickSecret": {
            "type": "apiKey", "in": "header", "name": "X-Tick-Secret",
            "description": "The variable `tick_secret`, for schedulers. Also taken as a bearer token.",
        },
    })
}

/// Every reference points to a schema that is there, and every schema is referred to.
fn check_references(paths: &Map<String, Value>, schemas: &Map<String, Value>, faults: &mut Vec<String>) -> Result<(), String> {
    let text = serde_json::to_string(&(paths, schemas)).map_err(|error| error.to_string())?;
    let prefix = "\"#/components/schemas/";
    let names: BTreeSet<_> = text.split(prefix).skip(1).filter_map(|rest| rest.split('"').next()).collect();
    let missing = names.iter().filter(|name| !schemas.contains_key(**name));
    faults.extend(missing.map(|name| format!("a reference points to the schema {name}, which is not there")));
    let unused = schemas.keys().filter(|name| !names.contains(name.as_str()));
    faults.extend(unused.map(|name| format!("nothing refers to the schema {name}")));
    Ok(())
}
