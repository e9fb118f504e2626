//! How many statements a request takes: over a network each is a round trip (docs/reference/operations.md#statements).

use std::collections::BTreeMap;
use std::time::Duration;

use gatehouse_tests::App;
use serde_json::json;

use crate::{assert_understood, world};

/// What was sent since the last look, by component.
fn counted(app: &App) -> BTreeMap<String, Vec<String>> {
    let statements = app.libsql().take_statements();
    assert_understood(&statements);
    let mut counted: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for statement in statements {
        // Once an instance, whichever request starts it.
        if statement.sql == "select coalesce(max(version), 0) from schema_migrations" {
            continue;
        }
        counted.entry(statement.component).or_default().push(statement.sql);
    }
    counted
}

fn total(counted: &BTreeMap<String, Vec<String>>) -> usize {
    counted.values().map(Vec::len).sum()
}

#[track_caller]
fn assert_at_most(what: &str, most: usize, counted: &BTreeMap<String, Vec<String>>) {
    let by_component: BTreeMap<_, _> = counted.iter().map(|(name, statements)| (name, statements.len())).collect();
    println!("{what}: {} statements {by_component:?}", total(counted));
    assert!(total(counted) <= most, "{what}: {} statements, more than {most}: {counted:#?}", total(counted));
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn no_route_takes_more_statements_than_it_is_known_to() {
    let Some(app) = App::embedded_on_libsql(&[]).await else { return };
    let (operator, _, device) = world(&app).await;
    let (email, password) = app.new_user("visitor", json!({})).await;
    let visitor = app.login(&email, &password).await;
    // Every instance has seen the schema.
    app.tick().await;
    app.anonymous().get("/ready").await.expect(200);
    operator.post("/api/telemetry/", app.reading(&device, -60)).await.expect(201);
    visitor.post("/api/emergency/", json!({"temple_id": "somnath", "type": "medical"})).await.expect(201);
    // Every table has been checked and measured: a run takes as many as its time allows, and each again much later.
    for _ in 0..12 {
        app.tick().await;
    }
    settled(&app).await;

    app.anonymous().get("/ready").await.expect(200);
    assert_at_most("ready", READY, &counted(&app));
    app.login(&email, &password).await;
    assert_at_most("login", LOGIN, &counted(&app));
    operator.post("/api/telemetry/", app.reading(&device, -30)).await.expect(201);
    assert_at_most("ingest", INGEST, &counted(&app));
    visitor.post("/api/emergency/", json!({"temple_id": "somnath", "type": "medical"})).await.expect(201);
    settled_into(&app, "emergency", EMERGENCY).await;
    app.tick().await;
    settled_into(&app, "tick", TICK).await;
}

const READY: usize = 1;
const LOGIN: usize = 2;
const INGEST: usize = 1;
const EMERGENCY: usize = 8;
const TICK: usize = 23;

/// Waits until what goes on behind an answer is over.
async fn settled(app: &App) {
    settled_into(app, "", usize::MAX).await;
}

async fn settled_into(app: &App, what: &str, most: usize) {
    let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
    loop {
        tokio::time::sleep(Duration::from_millis(400)).await;
        let more = counted(app);
        if more.is_empty() {
            break;
        }
        for (component, statements) in more {
            all.entry(component).or_default().extend(statements);
        }
    }
    if !what.is_empty() {
        assert_at_most(what, most, &all);
    }
}
