//! What the host holds in check: a component that traps, loops or hoards takes no other with it, and nobody reaches what the manifest
//! does not grant.

use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gatehouse_tests::{cache_directory, receiver, root};
use serde_json::Value;

struct Faulty {
    app: gatehouse::App,
    http: reqwest::Client,
    _state: tempfile::TempDir,
}

impl Faulty {
    async fn start(variables: &[(&str, &str)]) -> Self {
        Self::start_with(variables, |builder| builder).await
    }

    async fn start_with(variables: &[(&str, &str)], configure: impl FnOnce(gatehouse::Builder) -> gatehouse::Builder) -> Self {
        gatehouse::tls::install();
        let state = tempfile::tempdir().unwrap();
        let mut builder = gatehouse::App::builder()
            .manifest(root().join("tests/guests/spin.toml"))
            .state_dir(state.path())
            .cache_dir(cache_directory())
            .listen("127.0.0.1:0")
            .clock(gatehouse_tests::clock_at_start())
            .cron(false)
            .request_timeout(Duration::from_secs(2))
            .build_components(true);
        for (name, value) in variables {
            builder = builder.variable(*name, *value);
        }
        let app = configure(builder).start().await.unwrap();
        // Compiling takes longer than the requests here may.
        app.load_components().await.unwrap();
        Self { app, http: reqwest::Client::new(), _state: state }
    }

    async fn status(&self, path: &str) -> u16 {
        self.http.get(format!("{}{path}", self.app.base_url())).send().await.unwrap().status().as_u16()
    }

    async fn json(&self, path: &str) -> Value {
        self.http.get(format!("{}{path}", self.app.base_url())).send().await.unwrap().json().await.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trap_takes_no_other_component_with_it() {
    let faulty = Faulty::start(&[]).await;
    for _ in 0..10 {
        let (panicked, calm) = tokio::join!(faulty.status("/wild/panic"), faulty.status("/tame/calm"));
        assert_eq!((panicked, calm), (500, 200));
    }
    assert_eq!(faulty.status("/wild/calm").await, 200, "a fresh instance serves what comes after a trap");
}

/// What the host logs, of all tests in this program.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trap_leaves_one_short_line_in_the_log() {
    let log = Log::default();
    let writer = log.clone();
    tracing_subscriber::fmt().compact().with_ansi(false).with_writer(move || writer.clone()).init();
    let faulty = Faulty::start(&[]).await;
    assert_eq!(faulty.status("/wild/panic").await, 500);
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let line = text.lines().find(|line| line.contains("an instance failed: wasm trap: ")).unwrap_or_else(|| panic!("{text}"));
    assert!(line.len() < 300 && !text.contains("wasm backtrace"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_without_the_kit_reads_requests_and_responds_through_resources() {
    let faulty = Faulty::start(&[]).await;
    let body = r#"{"a":1}"#;
    let asked =
        faulty.http.post(format!("{}/plain/", faulty.app.base_url())).header("gatehouse-body", "mine").header("gatehouse-message", "mine");
    let answer = asked.body(body).send().await.unwrap();
    assert!(answer.headers().get("gatehouse-body").is_none(), "it has passed its own on");
    let answer: Value = answer.json().await.unwrap();
    assert_eq!(answer["body"], body);
    let names: Vec<_> = answer["names"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert!(["host", "content-length", "spin-client-addr", "gatehouse-body"].iter().all(|name| names.contains(name)), "{names:?}");
    // Who asks for it has the host's, whatever a client has sent under its name.
    let messages = answer["message"].as_array().unwrap();
    let [Value::String(message)] = &messages[..] else { panic!("{messages:?}") };
    let (head, given) = message.split_once("\r\n\r\n").unwrap();
    assert_eq!((given, head.contains("content-length: 7"), head.contains("gatehouse-body")), (body, true, false));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_is_no_response_unless_it_is_one_in_one_piece() {
    let faulty = Faulty::start(&[]).await;
    let asked = async |error: &str| {
        let address = reqwest::Url::parse_with_params(&format!("{}/plain/", faulty.app.base_url()), [("error", error)]).unwrap();
        let answer = faulty.http.get(address).send().await.unwrap();
        (answer.status().as_u16(), answer.headers().get("x-a").is_some(), answer.text().await.unwrap())
    };
    let whole = "gatehouse-message 202\r\nx-a: b\r\ncontent-length: 9\r\n\r\nwhole";
    assert_eq!(asked(whole).await.0, 500, "an instance that has not asked for a message in one piece knows of none");
    faulty.json("/plain/").await;
    assert_eq!(asked(whole).await, (202, true, "whole".to_owned()));
    for error in ["", "a secret", "gatehouse-message 200", "gatehouse-message 200\r\nx-a: b\r\ntransfer-encoding: chunked\r\n\r\na secret"]
    {
        let (status, has_header, text) = asked(error).await;
        assert_eq!((status, has_header, text.contains("secret")), (500, false, false), "{error}: {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_loop_is_ended_and_others_go_on_meanwhile() {
    let faulty = Faulty::start(&[]).await;
    let spinning = faulty.status("/wild/spin");
    let calm = async {
        for _ in 0..20 {
            assert_eq!(faulty.status("/tame/calm").await, 200);
        }
    };
    let (ended, ()) = tokio::join!(spinning, calm);
    assert!(ended >= 500, "{ended}");
    assert_eq!(faulty.status("/wild/calm").await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hoarder_meets_its_memory_limit() {
    let faulty = Faulty::start(&[]).await;
    let (hoarded, calm) = tokio::join!(faulty.status("/wild/hoard"), faulty.status("/tame/calm"));
    assert!(hoarded >= 500, "{hoarded}");
    assert_eq!(calm, 200);
    assert_eq!(faulty.status("/wild/calm").await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn outbound_goes_only_where_the_manifest_says() {
    let friend = receiver::Receiver::start().await;
    let stranger = receiver::Receiver::start().await;
    let faulty = Faulty::start(&[("friend_origin", &friend.origin())]).await;

    let answer = faulty.json(&format!("/wild/fetch?url={}/hello", friend.origin())).await;
    assert!(answer["status"].is_number(), "{answer}");
    let answer = faulty.json(&format!("/wild/fetch?url={}/hello", stranger.origin())).await;
    assert!(answer["error"].as_str().is_some_and(|error| error.contains("HttpRequestDenied")), "{answer}");
    let answer = faulty.json(&format!("/tame/fetch?url={}/hello", friend.origin())).await;
    assert!(answer["error"].as_str().is_some_and(|error| error.contains("HttpRequestDenied")), "{answer}");
    assert!(stranger.requests().is_empty());

    let answer = faulty.json("/wild/fetch?url=http://self.alt/tame/calm").await;
    assert_eq!(answer["status"], 200, "{answer}");
    let answer = faulty.json("/tame/fetch?url=http://self.alt/wild/calm").await;
    assert!(answer["error"].is_string(), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_whose_requests_compute_gets_few_at_once() {
    let faulty = Faulty::start(&[]).await;
    let begun = std::time::Instant::now();
    let send = async || {
        let answer = faulty.http.get(format!("{}/narrow/spin", faulty.app.base_url())).send().await.unwrap();
        (answer.status().as_u16(), answer.headers().contains_key("retry-after"), begun.elapsed())
    };
    // One computes until it is ended, one waits for its turn in vain, one is too many.
    let (first, second, third) = tokio::join!(
        send(),
        async {
            tokio::time::sleep(Duration::from_millis(200)).await;
            send().await
        },
        async {
            tokio::time::sleep(Duration::from_millis(400)).await;
            send().await
        }
    );
    assert_eq!(first.0, 504);
    assert_eq!((second.0, second.1, third.0, third.1), (503, true, 503, true));
    assert!(third.2 < second.2, "who would be too many is refused at once: {third:?}, {second:?}");
    assert_eq!(faulty.status("/narrow/calm").await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_of_requests_that_were_admitted_do_not_wait_behind_others() {
    // Each request calls its own component: with all turns and all memory given to what comes from outside, each would wait for the others.
    let faulty = Faulty::start_with(&[], |builder| builder.request_timeout(Duration::from_secs(20)).memory(24 << 20)).await;
    let answers = futures::future::join_all((0..96).map(|_| faulty.json("/wild/fetch?url=http://self.alt/wild/calm"))).await;
    assert!(answers.iter().all(|answer| answer["status"] == 200), "{answers:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_call_of_an_admitted_request_waits_where_strangers_are_too_many() {
    let faulty = Faulty::start(&[]).await;
    let after = async |ms: u64, path: &str| {
        tokio::time::sleep(Duration::from_millis(ms)).await;
        faulty.status(path).await
    };
    let inner = async {
        tokio::time::sleep(Duration::from_millis(1_800)).await;
        faulty.json("/wild/fetch?url=http://self.alt/narrow/calm").await
    };
    // One computes until it is ended after two seconds, one waits for its turn, one is too many.
    let (spinning, waiting, one_too_many, inner) =
        tokio::join!(after(0, "/narrow/spin"), after(1_600, "/narrow/calm"), after(1_700, "/narrow/calm"), inner);
    assert_eq!((spinning, waiting, one_too_many), (504, 200, 503));
    assert_eq!(inner["status"], 200, "{inner}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_file_at_the_databases_name_says_is_forgotten_with_it() {
    let faulty = Faulty::start(&[]).await;
    let insert = async || faulty.json("/wild/sql?statement=insert%20into%20kept%20values%20(1)").await;
    faulty.json("/wild/sql?statement=create%20table%20kept%20(x)").await;
    assert_eq!(insert().await["error"], Value::Null);
    let database = faulty.app.state_dir().join("default.db");
    let aside = database.with_extension("aside");
    std::fs::rename(&database, &aside).unwrap();
    std::fs::write(&database, "not a database, far from it; ".repeat(1_000)).unwrap();
    let checked = faulty.json("/wild/sql?statement=pragma%20quick_check(1)").await;
    assert!(checked["error"].is_string(), "{checked}");
    assert!(insert().await["error"].is_string());
    std::fs::rename(&aside, &database).unwrap();
    gatehouse_tests::eventually("what is sent is stored again", Duration::from_secs(5), async || {
        insert().await["error"].is_null().then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stores_and_variables_are_only_for_whom_they_are_granted() {
    let faulty = Faulty::start(&[]).await;
    assert_eq!(faulty.json("/wild/variable?name=granted").await["value"], "yes");
    assert_eq!(faulty.json("/wild/variable?name=kept_back").await["value"], "");
    assert_eq!(faulty.json("/tame/variable?name=granted").await["value"], "");
    assert_eq!(faulty.json("/wild/sql?statement=select%201").await["rows"], 1);
    let refused = faulty.json("/tame/sql?statement=select%201").await;
    assert!(refused["error"].is_string(), "{refused}");
    let attach = faulty.json("/wild/sql?statement=attach%20%27%2Ftmp%2Fx.db%27%20as%20x").await;
    assert!(attach["error"].is_string(), "{attach}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_over_ten_mebibytes_is_refused() {
    let faulty = Faulty::start(&[]).await;
    let body = vec![b' '; 10 * 1024 * 1024 + 1];
    let answer = faulty.http.post(format!("{}/tame/calm", faulty.app.base_url())).body(body).send().await.unwrap();
    assert_eq!(answer.status(), 413);
}

#[test]
fn the_manifest_grants_no_more_than_is_used() {
    let text = std::fs::read_to_string(root().join("spin.toml")).unwrap();
    let manifest: toml::Table = text.parse().unwrap();
    let components = manifest["component"].as_table().unwrap();
    for (name, component) in components {
        let has_secret = |secret: &str| component.get("variables").and_then(|variables| variables.get(secret)).is_some();
        assert_eq!(has_secret("jwt_signing_key"), ["auth", "sign-in"].contains(&name.as_str()), "{name}");
        assert_eq!(has_secret("ticket_signing_key"), name == "booking", "{name}");
        for of_cameras in ["camera_key", "camera_old_keys", "relay_secret", "gcs_service_account"] {
            assert_eq!(has_secret(of_cameras), name == "cameras", "{name}");
        }
        for of_providers in ["twilio_auth_token", "sendgrid_api_key"] {
            assert_eq!(has_secret(of_providers), name == "heartbeat", "{name}");
        }
        assert_eq!(has_secret("mail_link_key"), name == "mail", "{name}");
        let source = component["source"].as_str().unwrap();
        let file = if name == "sign-in" { "auth".to_owned() } else { name.replace('-', "_") };
        assert_eq!(Path::new(source).file_stem().unwrap().to_str(), Some(file.as_str()), "as cargo names it");
    }
    let console = components["console"].as_table().unwrap();
    assert!(!console.contains_key("sqlite_databases") && !console.contains_key("key_value_stores"));
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_stall_in_their_bodies_keep_no_one_else_waiting() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    let faulty = Faulty::start(&[]).await;
    let address = faulty.app.base_url().replace("http://", "");
    let mut stalled = Vec::new();
    for _ in 0..100 {
        for head in ["content-length: 100", "content-length: 2000000", "transfer-encoding: chunked"] {
            let mut client = tokio::net::TcpStream::connect(&address).await.unwrap();
            client.write_all(format!("POST /tame/calm HTTP/1.1\r\nhost: x\r\n{head}\r\n\r\n1").as_bytes()).await.unwrap();
            stalled.push(client);
        }
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    for _ in 0..5 {
        assert_eq!(faulty.status("/tame/calm").await, 200);
    }
    // One that goes on is served.
    let client = &mut stalled[0];
    client.write_all(&[b' '; 99]).await.unwrap();
    let mut answer = [0; 12];
    client.read_exact(&mut answer).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 "), "{}", String::from_utf8_lossy(&answer));
}
