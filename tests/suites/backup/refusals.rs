//! What is not written over, and what is not taken for a backup.

use std::io::{Seek as _, SeekFrom, Write as _};

use super::*;

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn files_that_exist_are_replaced_only_by_force_and_those_of_the_application_never() {
    let (state, place_of_backups) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let at = |name: &str| place_of_backups.path().join(name);
    let nothing = make(&at("a.db"), &at("no such directory"), &[]).await.unwrap_err();
    assert!(nothing.to_string().contains("--state-dir"), "{nothing}");
    let server = Process::start(state.path(), &[]);
    server.app.admin().await;

    std::fs::write(at("a.db"), "mine").unwrap();
    std::fs::write(at("secrets"), "mine").unwrap();
    for more in [&[][..], &["--secrets", at("new").to_str().unwrap()]] {
        let refused = make(&at("a.db"), state.path(), more).await.unwrap_err();
        assert!(refused.to_string().contains("--force"), "{refused}");
    }
    make(&at("b.db"), state.path(), &["--secrets", at("secrets").to_str().unwrap()]).await.unwrap_err();
    assert_eq!(named(place_of_backups.path(), ""), ["a.db", "secrets"]);
    assert_eq!(std::fs::read(at("a.db")).unwrap(), b"mine");
    assert_eq!(std::fs::read(at("secrets")).unwrap(), b"mine");

    let with_secrets = ["--force", "--secrets", &at("secrets").display().to_string()];
    make(&at("a.db"), state.path(), &with_secrets).await.unwrap();
    assert_eq!(std::fs::read(at("secrets")).unwrap(), std::fs::read(state.path().join("secrets.json")).unwrap());
    for own in ["default.db", "default.db-wal", "key_value.db", "secrets.json"] {
        let refused = make(&state.path().join(own), state.path(), &["--force"]).await.unwrap_err();
        assert!(refused.to_string().contains("the application's own"), "{refused}");
    }
    make(&at("one"), state.path(), &["--secrets", at("one").to_str().unwrap()]).await.unwrap_err();
    server.app.admin().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn nothing_is_restored_under_a_running_application() {
    let (state, place_of_backups) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let file = place_of_backups.path().join("a.db");
    let server = Process::start(state.path(), &[]);
    let place = server.app.place(1).await;
    make(&file, state.path(), &[]).await.unwrap();
    let refused = restore(&file, state.path(), &[]).await.unwrap_err();
    assert!(refused.to_string().contains("is running on"), "{refused}");
    server.app.anonymous().get(&format!("/api/sites/{}", place.site)).await.expect(200);
    server.app.place(1).await;
    server.kill_9();

    // Nor under another program that has the database open, as `spin up` would.
    let other = rusqlite::Connection::open(state.path().join("default.db")).unwrap();
    other.query_row("select count(*) from sites", [], |_| Ok(())).unwrap();
    let refused = restore(&file, state.path(), &[]).await.unwrap_err();
    assert!(refused.to_string().contains("is running on"), "{refused}");
    drop(other);
    assert_eq!(named(state.path(), "default.db.").len(), 0);
    restore(&file, state.path(), &[]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn what_is_no_whole_backup_of_a_known_schema_is_refused_and_changes_nothing() {
    let (state, place_of_backups) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let at = |name: &str| place_of_backups.path().join(name);
    let good = at("good.db");
    let server = Process::start(state.path(), &[]);
    server.app.place(1).await;
    make(&good, state.path(), &[]).await.unwrap();
    server.kill_9();

    let changed = |name: &str, sql: &str| {
        std::fs::copy(&good, at(name)).unwrap();
        rusqlite::Connection::open(at(name)).unwrap().execute_batch(sql).unwrap();
    };
    changed("newer.db", "insert into schema_migrations select max(version) + 1, '9999_of_tomorrow', 'x', 0 from schema_migrations");
    changed("changed.db", "update schema_migrations set checksum = 'x' where version = 3");
    changed("other_program.db", "pragma application_id = 252006674");
    changed("no_schema.db", "drop table schema_migrations");
    rusqlite::Connection::open(at("foreign.db")).unwrap().execute_batch("create table a (x)").unwrap();
    std::fs::write(at("text.db"), "a letter. ".repeat(1_000)).unwrap();
    std::fs::write(at("empty.db"), "").unwrap();
    // A page in the middle of a table.
    std::fs::copy(&good, at("damaged.db")).unwrap();
    let page: i64 = opened(&good).query_row("select rootpage from sqlite_schema where name = 'sites'", [], |row| row.get(0)).unwrap();
    let mut damaged = std::fs::OpenOptions::new().write(true).open(at("damaged.db")).unwrap();
    damaged.seek(SeekFrom::Start(u64::try_from((page - 1) * 4096).unwrap())).unwrap();
    damaged.write_all(&[0; 4096]).unwrap();
    // Half a file.
    let half = std::fs::read(&good).unwrap();
    std::fs::write(at("half.db"), &half[..half.len() / 2]).unwrap();

    let database = state.path().join("default.db");
    let sites = |db: &Path| -> i64 { opened(db).query_row("select count(*) from sites", [], |row| row.get(0)).unwrap() };
    let before = sites(&good);
    for (name, reason) in [
        ("newer.db", "newer Gatehouse"),
        ("changed.db", "is not the one that this program knows"),
        ("other_program.db", "another program"),
        ("no_schema.db", "no database of Gatehouse"),
        ("foreign.db", "no database of Gatehouse"),
        ("text.db", "no SQLite database"),
        ("empty.db", "no database of Gatehouse"),
        ("damaged.db", "damaged"),
        ("half.db", ""),
        ("missing.db", "cannot open"),
    ] {
        let refused = format!("{:#}", restore(&at(name), state.path(), &[]).await.expect_err(name));
        assert!(refused.contains(reason), "{name}: {refused}");
        assert_eq!(named(state.path(), "default.db."), Vec::<String>::new(), "{name}");
        assert_eq!(sites(&database), before, "{name}");
    }
    assert!(!at("missing.db").exists(), "it was not made");
    let itself = restore(&database, state.path(), &[]).await.unwrap_err();
    assert!(itself.to_string().contains("is the database itself"), "{itself}");
    let secrets = at("text.db").display().to_string();
    restore(&good, state.path(), &["--secrets", &secrets]).await.unwrap_err();
    assert_eq!(named(state.path(), "default.db."), Vec::<String>::new());
    restore(&good, state.path(), &[]).await.unwrap();
}
