//! Prometheus's alert rules and Grafana's dashboard: they ask for what there is.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use gatehouse_tests::App;
use gatehouse_tests::tools::{debian_program, output, yaml};
use serde_json::Value;

use super::{path, text};

/// The labels of every metric, each with the values that it has.
type Metrics = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;

/// What Prometheus adds by itself.
const OF_PROMETHEUS: [&str; 2] = ["instance", "job"];

async fn metrics() -> Metrics {
    let app = App::start().await;
    // Before the first run some have no sample.
    app.tick().await;
    let mut metrics = Metrics::new();
    for line in app.anonymous().get("/metrics").await.text().lines().filter(|line| !line.starts_with('#')) {
        let (series, _) = line.rsplit_once(' ').expect("a value");
        let (name, labels) = series.split_once('{').unwrap_or((series, ""));
        let known = metrics.entry(name.to_owned()).or_default();
        for label in labels.trim_end_matches('}').split(',').filter(|label| !label.is_empty()) {
            let (label, value) = label.split_once('=').expect("a label has a value");
            known.entry(label.to_owned()).or_default().insert(value.trim_matches('"').to_owned());
        }
    }
    metrics
}

/// The metrics that an expression names, each with what stands in its braces.
fn selectors(expression: &str) -> Vec<(String, String)> {
    let starts = expression.match_indices("gatehouse_").map(|(start, _)| start);
    let is_name = |it: char| it.is_ascii_alphanumeric() || it == '_';
    let selector = |start: usize| {
        let rest = &expression[start..];
        let (name, rest) = rest.split_at(rest.find(|it| !is_name(it)).unwrap_or(rest.len()));
        let labels = rest.strip_prefix('{').and_then(|rest| rest.split_once('}')).map_or("", |it| it.0);
        (name.to_owned(), labels.to_owned())
    };
    starts.map(selector).collect()
}

/// The labels by which an expression groups.
fn groups(expression: &str) -> Vec<&str> {
    let after = ["by (", "on (", "without ("].iter().flat_map(|word| expression.split(word).skip(1));
    after.flat_map(|rest| rest.split(')').next().unwrap_or_default().split(',')).map(str::trim).collect()
}

/// Checks that all of which an expression speaks is there.
fn assert_known(metrics: &Metrics, expression: &str) -> usize {
    let selectors = selectors(expression);
    for (name, labels) in &selectors {
        let known = metrics.get(name).unwrap_or_else(|| panic!("there is no metric {name}: {expression}"));
        for matcher in labels.split(',').map(str::trim).filter(|it| !it.is_empty()) {
            let end = matcher.find(['=', '!']).unwrap_or_else(|| panic!("{matcher} in {expression}"));
            let (label, value) = (&matcher[..end], matcher[end..].trim_start_matches(['=', '!', '~']).trim_matches('"'));
            if OF_PROMETHEUS.contains(&label) {
                continue;
            }
            let values = known.get(label).unwrap_or_else(|| panic!("{name} has no label {label}: {expression}"));
            assert!(values.contains(value), "{name} has never {label}={value}: {expression}");
        }
    }
    for label in groups(expression) {
        let has_it = |(name, _): &(String, String)| metrics[name].contains_key(label);
        assert!(OF_PROMETHEUS.contains(&label) || selectors.iter().any(has_it), "nothing has a label {label}: {expression}");
    }
    selectors.len()
}

fn rules() -> Vec<Value> {
    let [document] = &yaml(&path("prometheus/gatehouse.rules.yml"))[..] else { panic!("one document") };
    document["groups"].as_array().unwrap().iter().flat_map(|group| group["rules"].as_array().unwrap().clone()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_alert_rule_asks_for_metrics_that_there_are() {
    let metrics = metrics().await;
    let rules = rules();
    assert!(rules.len() >= 10);
    for rule in &rules {
        let expression = rule["expr"].as_str().unwrap();
        assert!(assert_known(&metrics, expression) > 0 || expression.starts_with("up{job=\"gatehouse\"}"), "{expression}");
        assert!(["warning", "critical"].contains(&rule["labels"]["severity"].as_str().unwrap()), "{rule}");
        for annotation in ["summary", "description"] {
            assert!(rule["annotations"][annotation].as_str().is_some_and(|it| !it.is_empty()), "{rule}");
        }
    }
    // The job's name that the rules look for is that of the example.
    let [configuration] = &yaml(&path("prometheus/prometheus.yml"))[..] else { panic!("one document") };
    assert_eq!(configuration["scrape_configs"][0]["job_name"], "gatehouse");
}

#[test]
fn promtool_reads_the_rules_and_each_fires_when_it_should() {
    let Some(promtool) = debian_program("prometheus", "promtool") else { return };
    output(Command::new(&promtool).args(["check", "config"]).arg(path("prometheus/prometheus.yml")));
    output(Command::new(&promtool).args(["test", "rules"]).arg(path("prometheus/gatehouse.rules.test.yml")));
    // None is without a case in which it fires.
    let cases = text("prometheus/gatehouse.rules.test.yml");
    for rule in rules() {
        let name = rule["alert"].as_str().unwrap().to_owned();
        assert!(cases.contains(&format!("alertname=\"{name}\"")), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn the_dashboard_shows_every_metric_and_no_other() {
    let metrics = metrics().await;
    let dashboard: Value = serde_json::from_str(&text("grafana/gatehouse.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let mut shown = BTreeSet::new();
    let mut expressions = Vec::new();
    for panel in panels {
        for target in panel["targets"].as_array().into_iter().flatten() {
            let expression = target["expr"].as_str().unwrap();
            assert!(assert_known(&metrics, expression) > 0, "{expression}");
            shown.extend(selectors(expression).into_iter().map(|(name, _)| name));
            expressions.push(expression.replace("$__rate_interval", "1m"));
            // A label in a legend is one that the expression leaves.
            for label in target["legendFormat"].as_str().unwrap().split("{{").skip(1).map(|rest| rest.split("}}").next().unwrap()) {
                assert!(groups(expression).contains(&label), "{label} in the legend of {expression}");
            }
        }
    }
    assert_eq!(shown, metrics.keys().cloned().collect());

    let ids: BTreeSet<_> = panels.iter().map(|panel| panel["id"].as_u64().unwrap()).collect();
    assert_eq!(ids.len(), panels.len());
    let mut cells = BTreeSet::new();
    for place in panels.iter().map(|panel| &panel["gridPos"]) {
        let [x, y, w, h] = ["x", "y", "w", "h"].map(|name| place[name].as_u64().unwrap());
        assert!(x + w <= 24);
        for cell in (x..x + w).flat_map(|x| (y..y + h).map(move |y| (x, y))) {
            assert!(cells.insert(cell), "two panels at {cell:?}");
        }
    }

    let Some(promtool) = debian_program("prometheus", "promtool") else { return };
    // Prometheus's own parser reads each expression as a rule's.
    let directory = tempfile::tempdir().unwrap();
    let rule = |(number, expression): (usize, &String)| serde_json::json!({ "record": format!("panel:{number}"), "expr": expression });
    let rules: Vec<_> = expressions.iter().enumerate().map(rule).collect();
    let file = directory.path().join("dashboard.yml");
    std::fs::write(&file, serde_json::json!({ "groups": [{ "name": "dashboard", "rules": rules }] }).to_string()).unwrap();
    output(Command::new(promtool).args(["check", "rules"]).arg(file));
}
