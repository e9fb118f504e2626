//! The page of routes, `docs/reference/routes.md`, made from the document.

use std::fmt::Write as _;

use serde_json::Value;

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// The page.
pub fn routes(document: &Value) -> String {
    let mut page = String::from(
        "# Routes\n\nMade from [openapi.json](openapi.json) by a test; what each takes, answers and refuses stands there, and on the running server \
         under `/api/docs` and `/api/redoc`. Conventions and rules: [rules](rules.md). A role holds the rights of those before it: visitor, operator, \
         developer, admin, super_admin.\n",
    );
    for tag in items(&document["tags"]) {
        let name = text(&tag["name"]);
        let _ = write!(page, "\n## {name}\n\n{}\n\n| | who | |\n|---|---|---|\n", text(&tag["description"]));
        for (path, item) in document["paths"].as_object().into_iter().flatten() {
            for method in METHODS {
                let operation = &item[method];
                if items(&operation["tags"]).any(|tag| text(tag) == name) {
                    let summary = operation["summary"].as_str().or(operation["description"].as_str()).unwrap_or_default();
                    let _ = writeln!(page, "| `{} {path}` | {} | {} |", method.to_uppercase(), who(operation), summary.replace('|', "\\|"));
                }
            }
        }
    }
    page
}

fn who(operation: &Value) -> String {
    let ways: Vec<_> = items(&operation["security"]).collect();
    if ways.iter().any(|way| way.get("tickSecret").is_some()) {
        return "the scheduler".to_owned();
    }
    let who = match ways.iter().find_map(|way| way.get("bearer").and_then(|roles| roles[0].as_str())) {
        Some("visitor") if !ways.iter().any(|way| way.get("deviceKey").is_some()) => "signed in, no device".to_owned(),
        Some("visitor") => "signed in".to_owned(),
        Some("device") => "device, operator".to_owned(),
        Some(role) => role.to_owned(),
        None => "anyone".to_owned(),
    };
    if ways.iter().any(|way| way.get("signedAddress").is_some()) { format!("{who}, or a signed address") } else { who }
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
