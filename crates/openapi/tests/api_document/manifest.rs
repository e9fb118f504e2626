//! What the components declare against the manifest, and what the manifest grants them.

use gatehouse_openapi::COMPONENTS;

use super::*;

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

/// The routes with which anybody can make `auth` hash a password, which the host gives it few of at once.
const SIGN_IN: &str = "sign-in";

/// What is served and no part of the API, with the reason.
const NOT_IN_THE_DOCUMENT: [(&str, &str); 6] = [
    ("console", "pages and their assets"),
    ("api-docs", "the document itself and its pages"),
    ("/internal/passwords", "what `auth` has `sign-in` hash"),
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
        let declared_by = if component == SIGN_IN { "auth" } else { component };
        assert_eq!(operation["tags"][0].as_str(), Some(declared_by), "{method} {path} goes to another component by {route}");
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
        let excused = component == SIGN_IN || NOT_IN_THE_DOCUMENT.iter().any(|(name, _)| *name == component);
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
    // The console's pages are for its own origin, and nothing of them is logged.
    let not_of_console = ["allowed_origins", "log_level"];
    for (name, component) in manifest["component"].as_table().unwrap() {
        let variables = component.get("variables").and_then(toml::Value::as_table).cloned().unwrap_or_default();
        let needed = ["allowed_origins", "log_level", "trusted_proxies", "proxy_header", "hsts"];
        for variable in needed.into_iter().filter(|variable| name != "console" || !not_of_console.contains(variable)) {
            let expected = format!("{{{{ {variable} }}}}");
            assert_eq!(variables.get(variable).and_then(toml::Value::as_str), Some(expected.as_str()), "{variable} of {name}");
        }
    }
}

/// Who needs which secret. `tick_secret`, by which components wake each other, is shown to all who do.
const SECRETS: [(&str, &[&str]); 16] = [
    ("admin_password", &["sign-in"]),
    ("camera_key", &["cameras"]),
    ("camera_old_keys", &["cameras"]),
    ("chat_webhook_path", &["heartbeat"]),
    ("dead_mans_switch_path", &["heartbeat"]),
    ("gcs_service_account", &["cameras"]),
    ("jwt_signing_key", &["auth", "sign-in"]),
    ("mail_link_key", &["mail"]),
    ("ntfy_token", &["heartbeat"]),
    ("relay_secret", &["cameras"]),
    ("sendgrid_api_key", &["heartbeat"]),
    ("stripe_api_key", &["payments"]),
    ("stripe_webhook_secret", &["payments"]),
    ("ticket_signing_key", &["booking"]),
    ("twilio_auth_token", &["heartbeat"]),
    ("webhook_secret", &["heartbeat"]),
];

/// A flaw in any other component gives none away.
#[test]
fn each_secret_is_granted_to_those_who_need_it_alone() {
    let (_, manifest) = manifest();
    let mut granted = BTreeMap::new();
    for (name, variable) in manifest["variables"].as_table().unwrap() {
        if variable.get("secret").is_none() || name == "tick_secret" {
            continue;
        }
        let template = format!("{{{{ {name} }}}}");
        let components = manifest["component"].as_table().unwrap().iter();
        let holders = components.filter(|(_, component)| {
            let variables = component.get("variables").and_then(toml::Value::as_table);
            variables.is_some_and(|variables| variables.values().any(|value| value.as_str() == Some(&*template)))
        });
        granted.insert(name.as_str(), holders.map(|(component, _)| component.as_str()).collect::<Vec<_>>());
    }
    let expected: BTreeMap<_, _> = SECRETS.iter().map(|(secret, holders)| (*secret, holders.to_vec())).collect();
    assert_eq!(granted, expected);
}

/// Of accounts 16 KiB, of bulk routes 10 MiB, of others 256 KiB: on Spin nothing but these variables bounds what a component reads.
#[test]
fn each_component_bounds_its_bodies_and_bulk_routes_have_a_trigger_of_their_own() {
    let (routes, manifest) = manifest();
    let default = |name: &str| manifest["variables"][name]["default"].as_str().unwrap().to_owned();
    assert_eq!(
        (default("max_account_body_kib"), default("max_body_kib"), default("max_bulk_body_kib")),
        ("16".into(), "256".into(), "10240".into())
    );
    let mut bulk = BTreeSet::new();
    for (name, component) in manifest["component"].as_table().unwrap().iter().filter(|(name, _)| name.as_str() != "console") {
        let variable = |variable: &str| component["variables"].get(variable).and_then(toml::Value::as_str);
        let expected = if ["auth", "sign-in"].contains(&name.as_str()) { "{{ max_account_body_kib }}" } else { "{{ max_body_kib }}" };
        assert_eq!(variable("max_body_kib"), Some(expected), "{name}");
        assert_eq!(variable("max_bulk_body_kib"), variable("bulk_routes").map(|_| "{{ max_bulk_body_kib }}"), "{name}");
        for route in variable("bulk_routes").into_iter().flat_map(|routes| routes.split(", ")) {
            assert!(routes.contains(&(route.to_owned(), name.clone())), "{route} of {name} is no route of the manifest");
            bulk.insert(route.to_owned());
        }
    }
    let expected = [
        "/api/bookings/checkin/batch",
        "/api/crowd/temple/:id/update",
        "/api/sites/:site/plan/...",
        "/api/telemetry/bulk",
        "/api/webhooks/sendgrid",
        "/v0/api/mail/auth/send-bulk-email",
    ];
    assert_eq!(bulk, expected.map(str::to_owned).into());
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
