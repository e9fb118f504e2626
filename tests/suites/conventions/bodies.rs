//! Bodies: each arrives as it was sent, in whatever form.

use std::io::{Read as _, Write as _};

use gatehouse_tests::{App, unique};
use reqwest::Method;
use serde_json::{Value, json};

fn site(slug: &str, name: &str) -> Value {
    json!({"slug": slug, "name": name, "kind": "campus", "latitude": 1, "longitude": 1, "time_zone": "Asia/Kolkata", "capacity": 1})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_is_read_alike_however_it_is_written_and_however_long_it_is() {
    let app = App::start().await;
    let admin = app.admin().await;
    // On both sides of what the embedded host and a component hand each other in one piece.
    let spaces = [0, 3_700, 3_900, 4_100, 8_100, 15_000];
    for name in ["Plain", "मंदिर \u{1f6d5}", "a \"quoted\" back\\slash"] {
        for space in spaces.map(|length| " ".repeat(length)) {
            let (on_a_line, on_many) = (unique("line"), unique("lines"));
            let compact = format!("{space}{}", site(&on_a_line, name));
            let pretty = format!("{space}\r\n\t{}", serde_json::to_string_pretty(&site(&on_many, name)).unwrap());
            for (slug, body) in [(on_a_line, compact), (on_many, pretty)] {
                let made = admin.send_bytes(Method::POST, "/api/sites", "application/json", body).await.expect(201);
                assert_eq!((&made["slug"], &made["name"]), (&json!(slug), &json!(name)));
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_arrives_whole_at_every_length() {
    let app = App::start().await;
    // To both sides of what a component hands over in one piece.
    let place = app.place(480).await;
    let mut lengths = Vec::new();
    for limit in (1..60).chain((400..=480).step_by(8)) {
        let answer = app.anonymous().get(&format!("/api/spots?site={}&limit={limit}", place.site)).await;
        let page = answer.expect(200);
        assert_eq!(page["items"].as_array().map(Vec::len), Some(limit));
        assert_eq!(answer.header("content-length"), answer.body.len().to_string(), "{limit}");
        lengths.push(answer.body.len());
    }
    assert!(lengths.first().is_some_and(|it| *it < 1_000) && lengths.last().is_some_and(|it| *it > 66_000), "{lengths:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_header_of_a_client_s_takes_the_place_of_its_body() {
    let app = App::start().await;
    let admin = app.admin().await;
    let (meant, smuggled) = (unique("meant"), unique("smuggled"));
    let message = format!("x-a: b    {}", site(&smuggled, "B"));
    let claims = admin.header("gatehouse-body", &site(&smuggled, "B").to_string()).header("gatehouse-message", &message);
    let long = format!("{}{}", " ".repeat(5_000), site(&unique("long"), "C"));
    for (body, status) in [(site(&meant, "A").to_string(), 201), ("[]".to_owned(), 422), (String::new(), 400), (long, 201)] {
        let answer = claims.send_bytes(Method::POST, "/api/sites", "application/json", body).await;
        assert_eq!(answer.status, status, "{}", answer.text());
        assert_eq!(answer.header("gatehouse-body"), "");
    }
    admin.get(&format!("/api/sites/{meant}")).await.expect(200);
    admin.get(&format!("/api/sites/{smuggled}")).await.expect_problem(404);
    for path in ["/health", "/metrics", "/api/sites", "/nowhere", "/console/"] {
        let answer = claims.get(path).await;
        assert!(answer.header("gatehouse-body").is_empty() && !answer.body.is_empty(), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn head_is_answered_as_get_without_a_body() {
    let app = App::start().await;
    let asked = app.anonymous().get("/health").await;
    let answer = app.anonymous().send(Method::HEAD, "/health", None).await;
    assert_eq!((answer.status, answer.body.len()), (200, 0));
    assert_eq!(answer.header("content-length"), asked.body.len().to_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gzip_body_is_read_and_another_coding_is_refused() {
    let app = App::start().await;
    let admin = app.admin().await;
    let (slug, gzip) = (unique("site"), admin.header("content-encoding", "gzip"));
    let packed = packed(site(&slug, "A").to_string().as_bytes());
    gzip.send_bytes(Method::POST, "/api/sites", "application/json", packed.clone()).await.expect(201);
    admin.get(&format!("/api/sites/{slug}")).await.expect(200);
    gzip.send_bytes(Method::POST, "/api/sites", "application/json", "{}").await.expect_problem(400);
    admin.header("content-encoding", "br").send_bytes(Method::POST, "/api/sites", "application/json", packed).await.expect_problem(415);
    let bomb = self::packed(&vec![b' '; 10 * 1024 * 1024 + 1]);
    gzip.send_bytes(Method::POST, "/api/sites", "application/json", bomb).await.expect_problem(413);
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_answer_is_compressed_and_an_unchanged_one_is_not_sent_again() {
    let app = App::start().await;
    let place = app.place(30).await;
    let path = format!("/api/spots?site={}", place.site);
    let plain = app.anonymous().get(&path).await;
    plain.expect(200);
    let gzip = app.anonymous().header("accept-encoding", "gzip").get(&path).await;
    assert_eq!(gzip.header("content-encoding"), "gzip");
    assert!(gzip.header("vary").contains("accept-encoding") && gzip.header("vary").contains("origin"), "{}", gzip.header("vary"));
    assert!(gzip.body.len() * 4 < plain.body.len(), "{} of {}", gzip.body.len(), plain.body.len());
    let mut unpacked = Vec::new();
    flate2::read::GzDecoder::new(&gzip.body[..]).read_to_end(&mut unpacked).unwrap();
    assert_eq!(unpacked, plain.body);

    let tag = plain.header("etag");
    assert!(tag.starts_with("W/\""), "{tag}");
    let unchanged = app.anonymous().header("if-none-match", tag).get(&path).await;
    assert_eq!((unchanged.status, unchanged.body.len()), (304, 0));
    assert_eq!(unchanged.header("etag"), tag);
    let spot = format!("/api/spots/{}", place.spots[0]);
    app.admin().await.patch(&spot, json!({"kind": "ev"})).await.expect(200);
    app.anonymous().header("if-none-match", tag).get(&path).await.expect(200);
}
