//! Decoys (docs/reference/operations.md#decoys): who looks for somebody else's sign-in is told of once a day, and learns nothing.
//! Anyone can run it: `cargo test --release --workspace --test decoys`.

use std::time::Duration;

use futures::future::join_all;
use gatehouse_tests::{App, Client, Response};
use reqwest::Method;
use serde_json::{Value, json};

/// The tests are the proxy: they come from this machine.
const BEHIND_A_PROXY: [(&str, &str); 1] = [("trusted_proxies", "127.0.0.0/8")];

const DECOYS: [&str; 2] = ["/admin/login/", "/wp-login.php"];

fn at(app: &App, address: &str) -> Client {
    app.anonymous().header("x-forwarded-for", address)
}

async fn alerts(app: &App) -> Vec<Value> {
    let page = app.operator().await.get("/api/alerts/?alert_type=decoy_visited&limit=500").await.expect(200);
    page["items"].as_array().expect("items").clone()
}

fn count(app: &App, sql: &str) -> i64 {
    app.db().query_row(sql, [], |row| row.get(0)).expect("a count")
}

async fn sign_in(client: &Client, path: &str, form: &str) -> Response {
    client.send_bytes(Method::POST, path, "application/x-www-form-urlencoded", form.to_owned()).await
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_visitor_is_told_of_once_a_day_with_what_was_tried() {
    let Some(app) = App::embedded(&BEHIND_A_PROXY).await else { return };
    app.admin().await;
    let visitor = at(&app, "203.0.113.9");
    for path in DECOYS {
        assert_eq!(visitor.get(path).await.status, 200);
    }
    for _ in 0..3 {
        sign_in(&visitor, "/wp-login.php", "log=admin&pwd=hunter2secret").await;
        sign_in(&visitor, "/admin/login", "username=root%0Aroot&password=hunter2secret").await;
    }
    let other = at(&app, "2001:db8:1:2:3:4:5:6");
    other.get("/wp-login.php").await;
    at(&app, "2001:db8:1:2::7").get("/wp-login.php/").await;

    let found = alerts(&app).await;
    assert_eq!(found.len(), 2, "{found:?}");
    let of = |address: &str| found.iter().find(|alert| alert["message"].as_str().expect("words").starts_with(address)).expect("an alert");
    let first = of("203.0.113.9 ");
    let words = first["message"].as_str().expect("words");
    for tried in ["GET /admin/login", "GET /wp-login.php", "POST /wp-login.php as admin", "POST /admin/login as root root"] {
        assert_eq!(words.matches(tried).count(), 1, "{tried}: {words}");
    }
    assert_eq!((&first["severity"], &first["source"], &first["is_public"]), (&json!("warning"), &json!("system"), &json!(false)));
    of("2001:db8:1:2::/64 ");
    let dump = count(&app, "select count(*) from alerts where message like '%hunter2%'")
        + count(&app, "select count(*) from decoy_visits where tried like '%hunter2%'");
    assert_eq!(dump, 0, "a password may be somebody's");

    // The next day is another one, whether or not somebody has seen to the first.
    app.advance(Duration::from_secs(86_400));
    visitor.get("/wp-login.php").await;
    visitor.get("/wp-login.php").await;
    assert_eq!(alerts(&app).await.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn nothing_of_ours_is_shown() {
    let Some(app) = App::embedded(&BEHIND_A_PROXY).await else { return };
    let visitor = at(&app, "203.0.113.9");
    for path in DECOYS {
        let page = visitor.get(path).await;
        let refused = sign_in(&visitor, path, "username=admin&log=admin&password=x&pwd=x").await;
        for answer in [&page, &refused] {
            assert_eq!((answer.status, answer.header("content-type")), (200, "text/html; charset=utf-8"), "{path}");
            let text = answer.text().to_lowercase();
            for word in ["gatehouse", "console", "/api", "http"] {
                assert!(!text.contains(word), "{path}: {word}");
            }
            assert!(answer.headers.get("set-cookie").is_none() && answer.headers.get("location").is_none(), "{path}");
        }
        assert!(refused.text().to_lowercase().contains("password") && refused.text() != page.text(), "{path}");
        // Whatever is sent, in whatever way.
        for (method, kind, body) in [
            (Method::POST, "application/json", "{\"username\": "),
            (Method::POST, "multipart/form-data; boundary=x", "--x--"),
            (Method::PUT, "text/plain", "x"),
            (Method::DELETE, "application/x-www-form-urlencoded", "%zz=%"),
            (Method::POST, "application/x-www-form-urlencoded", "log=%00%ff%0d%0a"),
        ] {
            let answer = visitor.send_bytes(method.clone(), path, kind, body).await;
            assert_eq!(answer.status, 200, "{method} {kind}: {}", answer.text());
        }
    }
    let document = app.anonymous().get("/api/openapi.json").await.expect(200).to_string();
    assert!(!document.contains("wp-login") && !document.contains("admin/login"), "who reads the API document is not told of them");
    app.anonymous().get("/wp-admin").await.expect_problem(404);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_flood_writes_few_rows() {
    let Some(app) = App::embedded(&BEHIND_A_PROXY).await else { return };
    app.admin().await;
    // One address that tries everything.
    let visitor = at(&app, "203.0.113.9");
    let names: Vec<String> = (0..150).map(|number| format!("log=user{number}&pwd=x")).collect();
    let answers = join_all(names.iter().map(|form| sign_in(&visitor, "/wp-login.php", form))).await;
    assert!(answers.iter().all(|answer| answer.status == 200));
    assert_eq!(count(&app, "select count(*) from decoy_visits"), 1);
    assert_eq!(count(&app, "select json_array_length(tried) from decoy_visits"), 20);
    let before = count(&app, "select count(*) from alert_steps");
    let answers = join_all(names.iter().map(|form| sign_in(&visitor, "/wp-login.php", form))).await;
    assert!(answers.iter().all(|answer| answer.status == 200));
    assert_eq!(count(&app, "select count(*) from alert_steps"), before, "what says nothing new writes nothing");
    assert_eq!(alerts(&app).await.len(), 1);

    // As many addresses as somebody likes.
    for part in 0..6 {
        let visitors: Vec<_> = (0..50).map(|number| at(&app, &format!("198.51.{part}.{number}"))).collect();
        join_all(visitors.iter().map(|visitor| visitor.get("/wp-login.php"))).await;
    }
    assert_eq!(count(&app, "select count(*) from decoy_visits where address <> ''"), 200);
    assert_eq!(count(&app, "select count(*) from decoy_visits"), 201);
    let found = alerts(&app).await;
    assert_eq!(found.len(), 201);
    assert!(found.iter().any(|alert| alert["message"].as_str().expect("words").starts_with("More than 200 addresses")));

    app.advance(Duration::from_secs(91 * 86_400));
    app.tick().await;
    assert_eq!(count(&app, "select count(*) from decoy_visits"), 0, "after a while nobody is remembered");
}
