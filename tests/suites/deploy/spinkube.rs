//! SpinKube: standard objects by Kubernetes's own schemas, the `SpinApp` by the fields that its custom resource has, and all of them by what
//! this application needs.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use gatehouse::manifest::Manifest;
use gatehouse_tests::tools::{output, python_program, yaml};
use gatehouse_tests::{App, root};
use serde_json::{Value, json};

use super::{path, text};

/// What a field of a custom resource may be.
enum Field {
    Text,
    Number,
    Flag,
    /// A quantity: a number or a text such as `256Mi`.
    Quantity,
    List(&'static Field),
    /// Texts by any names.
    Texts,
    Quantities,
    /// An object of these fields; those with `true` must be there.
    Object(&'static [(&'static str, bool, Field)]),
}

use Field::{Flag, List, Number, Object, Quantities, Quantity, Text, Texts};

const KEY_REFERENCE: Field = Object(&[("name", true, Text), ("key", true, Text), ("optional", false, Flag)]);
const VALUE_FROM: Field = Object(&[("secretKeyRef", false, KEY_REFERENCE), ("configMapKeyRef", false, KEY_REFERENCE)]);
const BINDING: Field = Object(&[("name", true, Text), ("value", false, Text), ("valueFrom", false, VALUE_FROM)]);
const STORE: Field = Object(&[("name", true, Text), ("type", true, Text), ("options", false, List(&BINDING))]);
const PROBE: Field = Object(&[
    ("httpGet", true, Object(&[("path", true, Text), ("httpHeaders", false, List(&BINDING))])),
    ("initialDelaySeconds", false, Number),
    ("periodSeconds", false, Number),
    ("timeoutSeconds", false, Number),
    ("successThreshold", false, Number),
    ("failureThreshold", false, Number),
]);

/// `spec` of `SpinApp`, `core.spinkube.dev/v1alpha1`, save for its volumes.
const SPIN_APP: Field = Object(&[
    ("image", true, Text),
    ("executor", false, Text),
    ("replicas", false, Number),
    ("enableAutoscaling", false, Flag),
    ("components", false, List(&Text)),
    ("checks", false, Object(&[("liveness", false, PROBE), ("readiness", false, PROBE)])),
    ("resources", false, Object(&[("limits", false, Quantities), ("requests", false, Quantities)])),
    (
        "runtimeConfig",
        false,
        Object(&[("loadFromSecret", false, Text), ("sqliteDatabases", false, List(&STORE)), ("keyValueStores", false, List(&STORE))]),
    ),
    ("variables", false, List(&BINDING)),
    ("imagePullSecrets", false, List(&Object(&[("name", true, Text)]))),
    ("serviceAccountName", false, Text),
    ("invocationLimits", false, Texts),
    ("deploymentAnnotations", false, Texts),
    ("serviceAnnotations", false, Texts),
    ("podAnnotations", false, Texts),
    ("podLabels", false, Texts),
]);

/// What is wrong with a value, by its place.
fn faults(field: &Field, value: &Value, place: &str) -> Vec<String> {
    let check = |right: bool, what: &str| if right { Vec::new() } else { vec![format!("{place}: {value} is not {what}")] };
    let entries = |each: &Field| match value.as_object() {
        Some(entries) => entries.iter().flat_map(|(name, value)| faults(each, value, &format!("{place}.{name}"))).collect(),
        None => check(false, "an object"),
    };
    match field {
        Text => check(value.is_string(), "a text"),
        Number => check(value.is_i64(), "a number"),
        Flag => check(value.is_boolean(), "true or false"),
        Quantity => {
            let is_unit = |unit: &str| ["", "m", "k", "M", "G", "Ki", "Mi", "Gi"].contains(&unit);
            let is_text = |it: &str| is_unit(it.trim_start_matches(|digit: char| digit.is_ascii_digit() || digit == '.'));
            check(value.is_u64() || value.as_str().is_some_and(is_text), "a quantity")
        }
        Texts => entries(&Text),
        Quantities => entries(&Quantity),
        List(each) => match value.as_array() {
            Some(values) => values.iter().enumerate().flat_map(|(n, value)| faults(each, value, &format!("{place}[{n}]"))).collect(),
            None => check(false, "a list"),
        },
        Object(fields) => {
            let Some(object) = value.as_object() else { return check(false, "an object") };
            let unknown = object.keys().filter(|name| !fields.iter().any(|(known, ..)| known == name));
            let missing = fields.iter().filter(|(name, required, _)| *required && !object.contains_key(*name));
            let mut found: Vec<_> = unknown.map(|name| format!("{place}: {name} is unknown")).collect();
            found.extend(missing.map(|(name, ..)| format!("{place}: {name} is missing")));
            for (name, _, field) in *fields {
                found.extend(object.get(*name).map(|value| faults(field, value, &format!("{place}.{name}"))).unwrap_or_default());
            }
            found
        }
    }
}

fn spin_app() -> Value {
    let [document] = &yaml(&path("spinkube/app.yaml"))[..] else { panic!("one document") };
    document.clone()
}

fn manifest() -> Manifest {
    Manifest::load(&root().join("spin.toml")).unwrap()
}

#[test]
fn the_spin_app_has_the_fields_of_its_custom_resource() {
    let app = spin_app();
    assert_eq!((&app["apiVersion"], &app["kind"]), (&json!("core.spinkube.dev/v1alpha1"), &json!("SpinApp")));
    assert_eq!(faults(&SPIN_APP, &app["spec"], "spec"), Vec::<String>::new());
    // Replicas are somebody's alone.
    assert!(app["spec"]["enableAutoscaling"] == json!(true) && app["spec"]["replicas"].is_null());
    // The check itself: it knows a slip when there is one.
    let mut wrong = app["spec"].clone();
    wrong["checks"]["liveness"]["httpGet"]["port"] = json!(80);
    wrong["resources"]["limits"]["memory"] = json!("1 GB");
    wrong.as_object_mut().unwrap().remove("image");
    assert_eq!(faults(&SPIN_APP, &wrong, "spec").len(), 3);
}

#[test]
fn kubernetes_takes_the_other_objects() {
    let mut validate = Command::new(python_program("kubernetes-validate"));
    output(validate.arg("--strict").args(["tick.yaml", "autoscaler.yaml"].map(|file| path("spinkube").join(file))));

    let name = spin_app()["metadata"]["name"].as_str().unwrap().to_owned();
    let [tick] = &yaml(&path("spinkube/tick.yaml"))[..] else { panic!("one document") };
    let container = &tick["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0];
    // The operator names the Service after the app.
    assert!(container["args"][0].as_str().unwrap().contains(&format!("http://{name}/internal/tick")));
    output(Command::new("sh").args(["-n", "-c"]).arg(container["args"][0].as_str().unwrap()));
    let [scaler, budget] = &yaml(&path("spinkube/autoscaler.yaml"))[..] else { panic!("two documents") };
    assert_eq!(scaler["spec"]["scaleTargetRef"], json!({ "apiVersion": "apps/v1", "kind": "Deployment", "name": name }));
    assert_eq!(budget["spec"]["selector"]["matchLabels"], json!({ "core.spinkube.dev/app-name": name }));
}

#[test]
fn every_required_variable_is_bound_and_no_secret_stands_in_a_manifest() {
    let manifest = manifest();
    let directory = tempfile::tempdir().unwrap();
    let generated = gatehouse::secrets::load(directory.path(), &manifest, &BTreeMap::new()).unwrap();
    let app = spin_app();
    let mut bound = BTreeSet::new();
    for binding in app["spec"]["variables"].as_array().unwrap() {
        let name = binding["name"].as_str().unwrap();
        let variable = manifest.variables.get(name).unwrap_or_else(|| panic!("there is no variable {name}"));
        assert!(!variable.secret || binding["value"].is_null(), "{name} is secret");
        if let Some(key) = binding["valueFrom"]["secretKeyRef"]["key"].as_str() {
            assert_eq!(key, format!("SPIN_VARIABLE_{}", name.to_uppercase()));
            assert!(generated.contains_key(name), "`gatehouse secrets` does not print {name}");
        }
        bound.insert(name);
    }
    let required: BTreeSet<_> = manifest.variables.iter().filter(|(_, it)| it.required).map(|(name, _)| name.as_str()).collect();
    assert!(required.is_subset(&bound), "{:?} is missing", required.difference(&bound));
    // The scheduled call brings the same secret.
    let [tick] = &yaml(&path("spinkube/tick.yaml"))[..] else { panic!("one document") };
    let brought = &tick["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]["env"][0]["valueFrom"];
    let variables = app["spec"]["variables"].as_array().unwrap();
    let expected = variables.iter().find(|it| it["name"] == "tick_secret").unwrap();
    assert_eq!(*brought, expected["valueFrom"]);
}

#[test]
fn the_runtime_configuration_names_every_store_that_components_open() {
    let configuration: toml::Table = toml::from_str(&text("spinkube/runtime-config.toml")).unwrap();
    let names = |table: &str| configuration[table].as_table().unwrap().keys().cloned().collect::<BTreeSet<_>>();
    let manifest = manifest();
    let databases = manifest.component.values().flat_map(|it| it.sqlite_databases.clone()).collect();
    let stores = manifest.component.values().flat_map(|it| it.key_value_stores.clone()).collect();
    assert_eq!((names("sqlite_database"), names("key_value_store")), (databases, stores));
    assert_eq!(configuration.len(), 2, "Spin refuses what it does not know");
    assert_eq!(spin_app()["spec"]["runtimeConfig"]["loadFromSecret"], "gatehouse-runtime-config");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_probes_ask_what_answers() {
    let app = App::start().await;
    for check in ["liveness", "readiness"] {
        let checked = spin_app()["spec"]["checks"][check]["httpGet"]["path"].as_str().unwrap().to_owned();
        app.anonymous().get(&checked).await.expect(200);
    }
}

#[test]
fn what_is_pushed_without_cron_triggers_is_else_the_same() {
    // The command of docs/guide/deploy.md.
    let guide = std::fs::read_to_string(root().join("docs/guide/deploy.md")).unwrap();
    let script = guide.split("sed '").nth(1).expect("a sed command").split('\'').next().unwrap();
    let without = output(Command::new("sed").arg(script).arg(root().join("spin.toml")));
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("spin-http.toml");
    std::fs::write(&file, without).unwrap();
    // Not beside what is for MQTT, which Spin runs as a process of its own.
    let alone = directory.path().join("spin.toml");
    std::fs::copy(root().join("spin.toml"), &alone).unwrap();
    let [pushed, whole] = [file, alone].map(|it| Manifest::load(&it).unwrap());
    assert!(pushed.trigger.cron.is_empty() && !whole.trigger.cron.is_empty());
    assert_eq!(pushed.trigger.http.len(), whole.trigger.http.len());
    assert_eq!(format!("{:?}{:?}", pushed.component, pushed.variables), format!("{:?}{:?}", whole.component, whole.variables));
}
