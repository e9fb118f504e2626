//! The audit trail: exported, then removed; never the other way round.

use std::time::Duration;

use gatehouse_tests::App;
use serde_json::{Value, json};

const PATH: &str = "/api/event-logs/export";

fn lines(answer: &gatehouse_tests::Response) -> Vec<Value> {
    answer.text().lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect()
}

fn id(line: &Value) -> &str {
    line["id"].as_str().expect("an id")
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn only_what_was_exported_is_removed_once_it_is_old() {
    let Some(app) = App::embedded(&[("audit_days", "30"), ("access_token_seconds", "864000")]).await else { return };
    app.place(3).await;
    let admin = app.admin().await;
    app.operator().await.get(PATH).await.expect_problem(403);
    app.operator().await.post(PATH, json!({"up_to": "019c2848-5c40-7000-8000-000000000001"})).await.expect_problem(403);

    let export = admin.get(PATH).await;
    assert_eq!((export.status, export.header("content-type")), (200, "application/x-ndjson"));
    let all = lines(&export);
    assert!(all.len() > 5, "{}", all.len());
    let rest = lines(&admin.get(&format!("{PATH}?after={}", id(&all[2]))).await);
    assert_eq!(rest.first().map(|line| id(line).to_owned()), Some(id(&all[3]).to_owned()));
    admin.get(&format!("{PATH}?after=yesterday")).await.expect_invalid(&["after"]);

    let count = |condition: &str| -> i64 {
        app.db().query_row(&format!("select count(*) from audit_log where {condition}"), [], |row| row.get(0)).unwrap()
    };
    app.advance(Duration::from_secs(40 * 24 * 3_600));
    app.tick().await;
    let before = count("true");
    assert!(before >= all.len() as i64, "nothing was exported");

    let admin = app.admin().await;
    admin.post(PATH, json!({"up_to": "nothing"})).await.expect_invalid(&["up_to"]);
    admin.post(PATH, json!({"up_to": "019c2848-5c40-7000-8000-000000000001"})).await.expect_problem(404);
    let told = admin.post(PATH, json!({"up_to": id(&all[3])})).await.expect(200);
    assert_eq!(told["up_to"], all[3]["id"]);
    let again = admin.post(PATH, json!({"up_to": id(&all[1])})).await.expect(200);
    assert_eq!(again, told, "it cannot be taken back");
    let next = lines(&admin.get(PATH).await);
    assert_eq!(id(&next[0]), id(&all[4]), "the next export begins where this one ended");
    assert!(next.iter().any(|line| line["action"] == "exported" && line["entity"] == "audit_log"), "who said so is in the trail");

    app.tick().await;
    assert_eq!(count("id <= (select up_to from audit_exported)"), 0);
    assert!(count("true") > before - 4, "and nothing else");
    for sql in
        ["delete from audit_log", "delete from audit_log where id = (select min(id) from audit_log)", "update audit_exported set up_to = 0"]
    {
        assert!(app.db().execute(sql, []).is_err(), "{sql}");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn by_default_the_audit_trail_stays_though_it_was_exported() {
    let Some(app) = App::embedded(&[]).await else { return };
    app.place(1).await;
    let admin = app.admin().await;
    let all = lines(&admin.get(PATH).await);
    admin.post(PATH, json!({"up_to": id(all.last().unwrap())})).await.expect(200);
    app.advance(Duration::from_secs(400 * 24 * 3_600));
    app.tick().await;
    let left: i64 = app.db().query_row("select count(*) from audit_log", [], |row| row.get(0)).unwrap();
    assert!(left > all.len() as i64, "{left}");
}
