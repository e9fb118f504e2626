//! Sizes of tables, and free pages.

use std::time::Duration;

use gatehouse_tests::{App, eventually};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn metrics_tell_rows_and_bytes_of_each_table() {
    let Some(app) = App::embedded(&[]).await else { return };
    let place = app.place(7).await;
    let device = app.new_device(&place, Some(0)).await;
    let readings: Vec<_> = (1..=1_500).map(|number| app.reading(&device, -number)).collect();
    app.operator().await.post("/api/telemetry/bulk/", json!(readings)).await.expect(200);
    // Without rowids, with rowids, with an index, empty.
    let tables = ["readings", "spots", "zones", "audit_log", "devices", "stripe_events"];
    let text = eventually("each table was looked at", Duration::from_secs(20), async || {
        app.tick().await;
        let metrics = app.anonymous().get("/metrics").await;
        assert_eq!(metrics.status, 200);
        let text = metrics.text();
        let is_there = |table: &&str| text.contains(&format!("gatehouse_table_size_bytes{{table=\"{table}\"}}"));
        tables.iter().all(is_there).then_some(text)
    })
    .await;
    for table in tables {
        let rows: i64 = app.db().query_row(&format!("select count(*) from {table}"), [], |row| row.get(0)).unwrap();
        let line = format!("gatehouse_table_rows{{table=\"{table}\"}} {rows}");
        assert!(text.lines().any(|it| it == line), "{line} is not in\n{text}");
    }
    let bytes = text.lines().find_map(|line| line.strip_prefix("gatehouse_table_size_bytes{table=\"readings\"} ")).expect("its bytes");
    let bytes: f64 = bytes.parse().unwrap();
    assert!((50_000.0..500_000.0).contains(&bytes), "{bytes}");
    assert!(text.contains("gatehouse_database_free_pages "));
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_run_reads_small_tables_together_and_large_ones_one_by_one() {
    let Some(app) = App::embedded(&[]).await else { return };
    // The first request makes the schema.
    app.admin().await;
    let measured = async || app.tick().await["storage"]["measured"].as_i64().expect("a number");
    eventually("each table was looked at", Duration::from_secs(20), async || (measured().await == 0).then_some(())).await;
    let found = |tables: &str, bytes: i64| {
        let sql = format!("update table_sizes set measured_at = 1, bytes = ? where name in ({tables})");
        app.db().execute(&sql, [bytes]).expect("sizes")
    };
    assert_eq!(found("'sites', 'zones', 'spots'", 8_192), 3);
    // Together, unless the machine is so busy that their time is over before.
    let mut seen = 0;
    loop {
        match measured().await {
            0 => break,
            tables => seen += tables,
        }
    }
    assert_eq!(seen, 3);
    assert_eq!(found("'readings', 'audit_log'", 100 << 20), 2);
    assert_eq!([measured().await, measured().await, measured().await], [1, 1, 0], "a run each");
    let large: i64 = app.db().query_row("select count(*) from table_sizes where bytes >= 100 << 20", [], |row| row.get(0)).unwrap();
    assert_eq!(large, 0, "they were found to be small");

    // A run that is at it is not joined by the next one; one that died is not waited for without end.
    found("'sites'", 8_192);
    let lease = "update leases set owner = 'another', lease_until = ? where name = 'storage'";
    assert_eq!(app.db().execute(lease, [app.now_ms() + 600_000]).unwrap(), 1);
    assert_eq!(measured().await, 0);
    app.advance(Duration::from_secs(601));
    assert_eq!(measured().await, 1);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn free_pages_are_given_back() {
    let Some(app) = App::embedded(&[]).await else { return };
    app.tick().await;
    let pragma = |name: &str| -> i64 { app.db().query_row(&format!("pragma {name}"), [], |row| row.get(0)).unwrap() };
    assert_eq!(pragma("auto_vacuum"), 2, "incremental, from the first page on");
    let db = app.db();
    db.execute_batch(
        "create table large (x);
         insert into large with recursive n (i) as (select 1 union all select i + 1 from n where i < 60000) select zeroblob(1000) from n;
         drop table large;",
    )
    .unwrap();
    let (free, all) = (pragma("freelist_count"), pragma("page_count"));
    assert!(free > 12_000, "{free}");
    app.advance(Duration::from_secs(3_700));
    let mut given_back = 0;
    for _ in 0..12 {
        given_back += app.tick().await["storage"]["pages_given_back"].as_i64().unwrap();
        if pragma("freelist_count") <= 1_024 {
            break;
        }
    }
    assert!(pragma("freelist_count") <= 1_024, "{}", pragma("freelist_count"));
    assert!(given_back > 11_000 && pragma("page_count") < all - 11_000, "{given_back}");
}
