//! Schemathesis against the running application: requests made from its OpenAPI document, valid and invalid, as every role. All checks, among
//! them: no 5xx, only documented statuses, media types, headers and bodies, invalid data is refused, valid data accepted, 405 with `Allow`
//! for other methods, no access without credentials, no reading of another's objects.
//!
//! Each role has an application of its own and [`SHORT`], so that the suite ends within three minutes on two cores. The longer form takes a
//! quarter of an hour for each role, and also follows what was created through later requests (phase `stateful`): it can be read, and no
//! longer once it is deleted.
//!
//! ```text
//! GATEHOUSE_FUZZ=long cargo test --release --workspace --test api_fuzz
//! ```
//!
//! The seed is fixed; `GATEHOUSE_FUZZ_SEED` sets another. A failure prints Schemathesis' report, with a `curl` command for each finding.
//! Settings, and the reason for each exclusion, are in `tests/schemathesis.toml`.

use std::convert::Infallible;
use std::time::Duration;

use gatehouse_tests::schemathesis::{Credentials, Identity, Run};
use gatehouse_tests::sendgrid;
use gatehouse_tests::stripe::Stripe;
use gatehouse_tests::{App, Place};
use serde_json::{Value, json};

const SHORT: Duration = Duration::from_secs(40);
const SHORT_PHASES: &str = "examples,coverage,fuzzing";
const SHORT_EXAMPLES: u32 = 5;
const LONG: Duration = Duration::from_secs(15 * 60);
const LONG_PHASES: &str = "examples,coverage,fuzzing,stateful";
const LONG_EXAMPLES: u32 = 100;
const SEED: u64 = 1;
const TEMPLE: &str = "somnath";
/// When the examples of the document are of.
const MOMENT: &str = "2026-02-04T10:31:00Z";

/// A new user of this role.
async fn user(app: &App, role: &str, name: &str) -> Identity {
    let (email, password) = app.new_user(role, json!({})).await;
    Identity { name: name.to_owned(), credentials: Credentials::Password { email, password } }
}

/// A new device on the spot of this index.
async fn device(app: &App, place: &Place, spot: usize, name: &str) -> (String, Identity) {
    let code = app.new_device(place, Some(spot)).await;
    let key = app.device(&code).await.token().to_owned();
    (code, Identity { name: name.to_owned(), credentials: Credentials::Key(key) })
}

/// Slots of the temple that the document's examples name, and an alert, a resource and an emergency.
async fn create_records(app: &App, place: &Place) {
    let admin = app.admin().await;
    let days = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
    let slots = json!({"weekdays": days, "start": "06:00", "end": "07:00", "capacity": 50});
    admin.post(&format!("/api/sites/{TEMPLE}/slots"), slots).await.expect(201);
    let alert = json!({"alert_type": "intrusion", "severity": "warning", "message": "Somebody at the fence", "site": place.site});
    admin.post("/api/alerts/", alert).await.expect(201);
    let resource = json!({"temple_id": TEMPLE, "type": "ambulance", "name": "Ambulance 1", "capacity": 2});
    admin.post("/api/resources/", resource).await.expect(201);
    let emergency = json!({
        "temple_id": TEMPLE, "type": "medical", "description": "Somebody has fallen", "location": {"lat": 20.888, "lng": 70.401},
    });
    app.visitor().await.post("/api/emergency/", emergency).await.expect(201);
}

/// Starts the scheduled run every ten seconds, as the cron trigger would. If it fails, so does the request for `/ready`.
async fn run_schedule(app: &App) -> Infallible {
    loop {
        app.internal("/internal/tick").await;
        tokio::time::sleep(Duration::from_secs(10)).await;
    }
}

/// Runs Schemathesis as this role, `anonymous` for nobody. Skipped against a base URL: it would leave that application full of nonsense.
async fn fuzz(role: &str) {
    let stripe = Stripe::start().await;
    let key = sendgrid::Events::new(1).public_key();
    let mail = [("public_origin", "https://gate.example.org"), ("sendgrid_webhook_public_key", key.as_str())];
    // No camera is anywhere, so that none is looked for in vain; there is a bucket, of which nothing is asked while there are no recordings.
    let cameras = [("camera_networks", ""), ("gcs_bucket", "recordings")];
    // A line in the log for each of some thousand requests would bury the report.
    let variables = [&stripe.variables()[..], &mail[..], &cameras[..], &[("log_level", "error")]].concat();
    let Some(app) = App::embedded_at(MOMENT, &variables).await else { return };
    let document = app.anonymous().get("/api/openapi.json").await.expect(200);
    assert!(document["paths"].as_object().is_some_and(|paths| !paths.is_empty()), "the document has no paths");
    let place = app.place(3).await;
    create_records(&app, &place).await;
    let (first, key) = device(&app, &place, 0, "device").await;
    let (second, other_key) = device(&app, &place, 1, "another-device").await;
    let (identity, peer) = match role {
        "anonymous" => (None, None),
        "device" => (Some(key), Some(other_key)),
        "visitor" => (Some(user(&app, role, role).await), Some(user(&app, role, "another-visitor").await)),
        // From operators on, everybody sees everything.
        _ => (Some(user(&app, role, role).await), None),
    };
    let credentials = match &identity {
        Some(Identity { credentials: Credentials::Password { email, password }, .. }) => Some((email.clone(), password.clone())),
        _ => None,
    };
    let long = std::env::var("GATEHOUSE_FUZZ").is_ok_and(|form| form == "long");
    let seed = std::env::var("GATEHOUSE_FUZZ_SEED").map_or(SEED, |seed| seed.parse().expect("GATEHOUSE_FUZZ_SEED is a number"));
    let run = Run {
        base_url: app.base_url(),
        identity,
        peer,
        dictionaries: vec![
            ("sites", vec![TEMPLE.to_owned(), place.site.clone()]),
            ("temples", vec![TEMPLE.to_owned()]),
            ("spots", place.spots.clone()),
            ("devices", vec![first, second]),
        ],
        phases: if long { LONG_PHASES } else { SHORT_PHASES },
        max_examples: if long { LONG_EXAMPLES } else { SHORT_EXAMPLES },
        time: if long { LONG } else { SHORT },
        seed,
    };
    tokio::select! {
        () = run.run() => {}
        never = run_schedule(&app) => match never {},
    }
    // A run that lost its account on the way would have tested nothing but 401.
    if let Some((email, password)) = credentials {
        let me: Value = app.login(&email, &password).await.get("/api/users/me").await.expect(200);
        assert_eq!(me["role"], role, "the run changed its own account");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn anonymous() {
    fuzz("anonymous").await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn visitor() {
    fuzz("visitor").await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn device_key() {
    fuzz("device").await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn operator() {
    fuzz("operator").await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn developer() {
    fuzz("developer").await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn admin() {
    fuzz("admin").await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn super_admin() {
    fuzz("super_admin").await;
}
