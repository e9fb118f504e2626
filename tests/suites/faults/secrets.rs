//! The files beside the database: secrets that are lost or damaged, a key-value store that is.

use std::path::Path;

use gatehouse_tests::{App, cache_directory, root};
use serde_json::json;

/// Starts the application on this state, as a program does.
pub async fn start(state: &Path) -> anyhow::Result<gatehouse::App> {
    let builder = gatehouse::App::builder().manifest(root().join("spin.toml")).state_dir(state).cache_dir(cache_directory());
    builder.listen("127.0.0.1:0").clock(gatehouse_tests::clock_at_start()).cron(false).build_components(false).start().await
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_database_without_its_secrets_is_not_given_new_ones_in_silence() {
    let Some(app) = App::embedded(&[]).await else { return };
    let state = app.stop_keeping_state().await;
    let secrets = state.path().join("secrets.json");
    let kept = std::fs::read(&secrets).unwrap();
    std::fs::remove_file(&secrets).unwrap();
    let words = format!("{:#}", start(state.path()).await.err().expect("it does not start"));
    assert!(words.contains("secrets.json is missing") && words.contains("Put back a copy"), "{words}");
    assert!(!secrets.exists(), "none were made");
    for damaged in ["", "{\"jwt_signing_key\": \"", "no JSON"] {
        std::fs::write(&secrets, damaged).unwrap();
        let words = format!("{:#}", start(state.path()).await.err().expect("it does not start"));
        assert!(words.contains("secrets.json is damaged") && words.contains("Put back a copy"), "{words}");
        assert_eq!(std::fs::read_to_string(&secrets).unwrap(), damaged, "it is left as it is");
    }
    std::fs::write(&secrets, &kept).unwrap();
    start(state.path()).await.expect("it starts with the old ones").shutdown().await;
    std::fs::write(&secrets, "{}").unwrap();
    start(state.path()).await.expect("it starts with new ones that were asked for").shutdown().await;
    assert_ne!(std::fs::read(&secrets).unwrap(), kept);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_damaged_key_value_store_is_set_aside_and_made_anew() {
    let Some(mut app) = App::embedded(&[]).await else { return };
    app.admin().await;
    let store = app.state_dir().join("key_value.db");
    let garbage = "no key and no value either; ".repeat(2_000);
    let damages: [&dyn Fn(); 2] = [&|| std::fs::write(&store, &garbage).unwrap(), &|| {
        let mut bytes = std::fs::read(&store).unwrap();
        bytes[4096..].fill(0x5a);
        std::fs::write(&store, bytes).unwrap();
    }];
    let log = app.state_dir().join("key_value.db-wal");
    for (number, damage) in damages.into_iter().enumerate() {
        // What stands in the log would take the place of what is damaged: it goes with the last connection, which may close a little later.
        let damage = || {
            for _ in 0..200 {
                if !log.exists() {
                    break;
                }
                std::thread::sleep(std::time::Duration::from_millis(25));
            }
            damage();
        };
        app = app.restart_after(damage).await;
        app.admin().await;
        let ready = app.anonymous().get("/ready").await.expect(200);
        assert_eq!(ready["checks"]["key_value"], json!("ok"));
        let aside = std::fs::read_dir(app.state_dir()).unwrap().flatten();
        let aside = aside.filter(|entry| entry.file_name().to_string_lossy().starts_with("key_value.db.damaged-")).count();
        assert!(aside > 0, "after damage {number}");
        for beside in std::fs::read_dir(app.state_dir()).unwrap().flatten() {
            if beside.file_name().to_string_lossy().starts_with("key_value.db.damaged-") {
                std::fs::remove_file(beside.path()).unwrap();
            }
        }
    }
}
