//! Traces for OpenTelemetry, as a collector receives them (docs/reference/operations.md).

use std::collections::HashSet;

use gatehouse::TraceOptions as Options;
use gatehouse_tests::App;
use gatehouse_tests::receiver::{Receiver, WEBHOOK_SECRET};
use reqwest::Method;
use serde_json::{Value, json};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const CALLER: &str = "b7ad6b7169203331";

/// The header of a caller whose span is [`CALLER`], sampled or not.
fn traceparent(flags: &str) -> String {
    format!("00-{TRACE}-{CALLER}-{flags}")
}

/// A span as the collector has it.
#[derive(Clone, Debug)]
struct Span(Value);

impl Span {
    fn text(&self, name: &str) -> &str {
        self.0[name].as_str().unwrap_or_default()
    }

    /// An attribute's value, whatever its type.
    fn attribute(&self, key: &str) -> Value {
        let attributes = self.0["attributes"].as_array().expect("attributes");
        let found = attributes.iter().find(|it| it["key"] == key).map(|it| &it["value"]);
        let Some(value) = found else { return Value::Null };
        if let Some(list) = value["arrayValue"]["values"].as_array() {
            return list.iter().map(|it| it["stringValue"].clone()).collect();
        }
        value.as_object().expect("one value").values().next().cloned().unwrap_or_default()
    }
}

/// The application with its traces sent to a collector, and callers who are trusted to be a proxy.
async fn start(variables: &[(&str, &str)], configure: impl FnOnce(&str) -> Options) -> Option<(App, Receiver)> {
    let variables = [variables, &[("trusted_proxies", "127.0.0.1")]].concat();
    start_among_strangers(&variables, configure).await
}

/// The same with callers of whom nothing is known.
async fn start_among_strangers(variables: &[(&str, &str)], configure: impl FnOnce(&str) -> Options) -> Option<(App, Receiver)> {
    let collector = Receiver::start().await;
    let options = configure(&collector.origin());
    let app = App::embedded_with(variables, |builder| builder.traces(options)).await?;
    Some((app, collector))
}

/// Stops the application, which sends what it has; the spans that the collector got.
async fn stop(app: App, collector: &Receiver) -> Vec<Span> {
    app.stop().await;
    let mut spans = Vec::new();
    for request in collector.requests() {
        assert_eq!(
            (&request.method, request.path.as_str(), request.header("content-type")),
            (&Method::POST, "/v1/traces", "application/json")
        );
        let batch = request.json();
        for resource in batch["resourceSpans"].as_array().unwrap() {
            let name = resource["resource"]["attributes"].as_array().unwrap().iter().find(|it| it["key"] == "service.name").unwrap();
            assert_eq!(name["value"]["stringValue"], "gatehouse");
            for scope in resource["scopeSpans"].as_array().unwrap() {
                spans.extend(scope["spans"].as_array().unwrap().iter().cloned().map(Span));
            }
        }
    }
    let ids: HashSet<_> = spans.iter().map(|span| span.text("spanId")).collect();
    assert_eq!(ids.len(), spans.len(), "each has an id of its own");
    for span in &spans {
        let [start, end] = ["startTimeUnixNano", "endTimeUnixNano"].map(|name| span.text(name).parse::<u64>().unwrap());
        assert!(start <= end, "{span:?}");
    }
    spans
}

/// The only span of this name in the trace of the caller.
fn only<'a>(spans: &'a [Span], name: &str) -> &'a Span {
    let mut found = spans.iter().filter(|span| span.text("traceId") == TRACE && span.text("name") == name);
    let span = found.next().unwrap_or_else(|| panic!("no span {name:?} in {spans:#?}"));
    assert!(found.next().is_none(), "two spans {name:?}");
    span
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_request_is_one_span_in_its_callers_trace() {
    let Some((app, collector)) = start(&[], |origin| Options::to(origin)).await else { return };
    let caller = app.anonymous().header("traceparent", &traceparent("01")).header("x-request-id", "traced-1");
    caller.get("/api/spots").await.expect(200);
    caller.post("/api/auth/login", json!({})).await.expect_problem(422);
    caller.get("/nothing/here?token=secret-in-a-query").await.expect_problem(404);
    caller.send_bytes(Method::POST, "/api/telemetry/", "application/json", vec![b' '; 11 << 20]).await.expect_problem(413);
    // It begins a trace of its own.
    app.anonymous().get("/ready").await.expect(200);
    let now_ns = u64::try_from(app.now_ms()).unwrap() * 1_000_000;
    let spans = stop(app, &collector).await;

    let listed = only(&spans, "GET /api/spots/...");
    assert_eq!((listed.text("parentSpanId"), &listed.0["kind"], &listed.0["status"]), (CALLER, &json!(2), &Value::Null));
    for (key, value) in [
        ("http.request.method", json!("GET")),
        ("http.route", json!("/api/spots/...")),
        ("http.response.status_code", json!("200")),
        ("http.response.header.x-request-id", json!(["traced-1"])),
        ("url.path", json!("/api/spots")),
        ("url.scheme", json!("http")),
    ] {
        assert_eq!(listed.attribute(key), value, "{key}");
    }
    // By the application's clock.
    let start: u64 = listed.text("startTimeUnixNano").parse().unwrap();
    assert!(start.abs_diff(now_ns) < 60_000_000_000);

    assert_eq!(only(&spans, "POST /api/auth/login").attribute("http.response.status_code"), "422");
    let nowhere = only(&spans, "GET /...");
    assert_eq!((nowhere.attribute("http.route"), nowhere.attribute("http.response.status_code")), (json!("/..."), json!("404")));
    // The host refuses a body before there is a route.
    assert_eq!(only(&spans, "POST").attribute("http.response.status_code"), "413");
    assert!(collector.requests().iter().all(|it| !String::from_utf8_lossy(&it.body).contains("secret-in-a-query")));
    let own = spans.iter().find(|span| span.text("name") == "GET /..." && span.text("traceId") != TRACE).expect("a span");
    assert!(own.text("parentSpanId").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn an_outbound_call_is_a_span_under_what_it_is_made_for_and_tells_the_receiver() {
    let receiver = Receiver::start().await;
    let origin = receiver.origin();
    let variables = [("webhook_origin", origin.as_str()), ("webhook_path", "/hooks/secret-path"), ("webhook_secret", WEBHOOK_SECRET)];
    let Some((app, collector)) = start(&variables, |origin| Options::to(origin)).await else { return };
    let operator = app.operator().await.header("traceparent", &traceparent("01")).header("tracestate", "vendor=kept");
    operator.post("/api/alerts/", json!({ "severity": "critical", "message": "a gate is open" })).await.expect(201);
    let told = gatehouse_tests::eventually("the webhook is told", std::time::Duration::from_secs(10), || async {
        receiver.requests_to("/hooks").first().cloned()
    })
    .await;
    let spans = stop(app, &collector).await;

    // From the receiver's side back to the caller: each call lies under the request in which it was made.
    let sent = told.header("traceparent").to_owned();
    let [_, trace, mut id, flags] = sent.split('-').collect::<Vec<_>>()[..] else { panic!("{sent}") };
    assert_eq!((trace, flags, told.header("tracestate")), (TRACE, "01", "vendor=kept"));
    let mut way = Vec::new();
    while id != CALLER {
        let span = spans.iter().find(|span| span.text("spanId") == id).unwrap_or_else(|| panic!("no span {id} in {spans:#?}"));
        way.push((span.text("name"), span.0["kind"].as_u64().unwrap()));
        id = span.text("parentSpanId");
    }
    assert_eq!(way, [("POST", 3), ("POST /internal/...", 2), ("POST", 3), ("POST /api/alerts/...", 2)]);
    let call = spans.iter().find(|span| sent.contains(span.text("spanId"))).unwrap();
    let port = origin.rsplit(':').next().unwrap();
    for (key, value) in [
        ("http.request.method", json!("POST")),
        ("http.response.status_code", json!("204")),
        ("server.address", json!("127.0.0.1")),
        ("server.port", json!(port)),
        ("url.scheme", json!("http")),
    ] {
        assert_eq!(call.attribute(key), value, "{key}");
    }
    assert!(collector.requests().iter().all(|it| !String::from_utf8_lossy(&it.body).contains("secret-path")));
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_scheduled_run_is_a_span_and_so_is_what_fails_in_it() {
    let receiver = Receiver::start().await;
    receiver.respond_with(500);
    let origin = receiver.origin();
    let Some((app, collector)) = start(&[("dead_mans_switch_origin", &origin)], |origin| Options::to(origin)).await else { return };
    // The scheduled run, and not the look between two of them.
    while app.now_ms() / 1000 % 30 < 25 {
        app.advance(std::time::Duration::from_secs(1));
    }
    app.run_cron().await;
    let spans = stop(app, &collector).await;
    let run = spans.iter().find(|span| span.text("name") == "scheduled heartbeat").expect("a span");
    assert_eq!((&run.0["kind"], run.text("parentSpanId"), run.attribute("faas.trigger")), (&json!(1), "", json!("timer")));
    let call = spans.iter().find(|span| span.text("parentSpanId") == run.text("spanId")).expect("the call to the switch");
    assert_eq!(call.text("traceId"), run.text("traceId"));
    assert_eq!((call.attribute("error.type"), &call.0["status"]["code"]), (json!("500"), &json!(2)));
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn who_does_not_sample_gets_no_spans_and_the_header_is_passed_on_so() {
    let receiver = Receiver::start().await;
    let origin = receiver.origin();
    let variables = [("webhook_origin", origin.as_str()), ("webhook_path", "/hooks"), ("webhook_secret", WEBHOOK_SECRET)];
    let Some((app, collector)) = start(&variables, |origin| Options { otlp_ratio: 0.0, ..Options::to(origin) }).await else { return };
    let operator = app.operator().await.header("traceparent", &traceparent("00"));
    operator.post("/api/alerts/", json!({ "severity": "critical", "message": "a gate is open" })).await.expect(201);
    let told = gatehouse_tests::eventually("the webhook is told", std::time::Duration::from_secs(10), || async {
        receiver.requests_to("/hooks").first().cloned()
    })
    .await;
    assert!(told.header("traceparent").starts_with(&format!("00-{TRACE}-")) && told.header("traceparent").ends_with("-00"));
    // A share of none keeps what callers have decided to keep.
    app.anonymous().header("traceparent", &traceparent("01")).get("/health").await.expect(200);
    let spans = stop(app, &collector).await;
    assert_eq!(spans.iter().map(|span| span.text("name")).collect::<Vec<_>>(), ["GET /..."]);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn strangers_decide_neither_what_is_kept_nor_what_others_are_told() {
    let Some((app, collector)) = start_among_strangers(&[], |origin| Options { otlp_ratio: 0.0, ..Options::to(origin) }).await else {
        return;
    };
    app.anonymous().header("traceparent", &traceparent("01")).get("/health").await.expect(200);
    assert!(stop(app, &collector).await.is_empty(), "a share of none is kept, whatever they want");

    let receiver = Receiver::start().await;
    let origin = receiver.origin();
    let variables = [("webhook_origin", origin.as_str()), ("webhook_path", "/hooks"), ("webhook_secret", WEBHOOK_SECRET)];
    let Some((app, collector)) = start_among_strangers(&variables, |origin| Options::to(origin)).await else { return };
    let operator = app.operator().await.header("traceparent", &traceparent("00")).header("tracestate", "vendor=theirs");
    operator.post("/api/alerts/", json!({ "severity": "critical", "message": "a gate is open" })).await.expect(201);
    let told = gatehouse_tests::eventually("the webhook is told", std::time::Duration::from_secs(10), || async {
        receiver.requests_to("/hooks").first().cloned()
    })
    .await;
    let spans = stop(app, &collector).await;
    let raised = spans.iter().find(|span| span.text("name") == "POST /api/alerts/...").expect("it is kept all the same");
    assert!(raised.text("parentSpanId").is_empty() && raised.text("traceState").is_empty(), "{raised:?}");
    assert!(spans.iter().all(|span| span.text("traceId") != TRACE), "{spans:#?}");
    // Our own calls of ourselves are no strangers': the receiver is in the trace of the request.
    assert_eq!((told.header("traceparent").split('-').nth(1), told.header("tracestate")), (Some(raised.text("traceId")), ""));
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_collector_with_its_own_token_that_cannot_answer_now_is_asked_again() {
    let Some((app, collector)) = start(&[], |origin| Options {
        otlp_headers: Some("authorization=Bearer%20a-token".to_owned()),
        ..Options::to(format!("{origin}/"))
    })
    .await
    else {
        return;
    };
    collector.respond_with(503);
    app.anonymous().get("/health").await.expect(200);
    let flushed = tokio::spawn(async move { app.stop().await });
    gatehouse_tests::eventually("it was asked", std::time::Duration::from_secs(10), || async { collector.requests().first().cloned() })
        .await;
    collector.recover();
    flushed.await.unwrap();
    let requests = collector.requests();
    assert!(requests.iter().all(|it| it.header("authorization") == "Bearer a-token"));
    assert_eq!((requests[0].answered, requests.last().unwrap().answered), (Some(503), Some(200)));
    assert_eq!(requests[0].body, requests.last().unwrap().body);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn without_a_collector_that_answers_everything_else_goes_on() {
    let gone = Receiver::start().await.origin();
    let Some(app) = App::embedded_with(&[], |builder| builder.traces(Options::to(gone))).await else { return };
    for _ in 0..20 {
        app.anonymous().get("/health").await.expect(200);
    }
    app.tick().await;
    app.stop().await;
}
