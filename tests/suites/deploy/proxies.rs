//! nginx and Caddy with the configuration under `deploy/`, before a running application: TLS with a throwaway certificate, HTTP/2, events as
//! they come, large uploads, and what is kept from the outside.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use gatehouse_tests::tools::{Running, debian_program, free_port};
use gatehouse_tests::{App, Client, eventually};
use reqwest::{Method, Version};
use serde_json::json;

use super::{path, replaced, text};

/// The name in the configuration.
const NAME: &str = "gatehouse.example";

/// What comes through TLS has this long: nothing here is slow, and nothing is measured.
const SOON: Duration = Duration::from_secs(10);

/// A proxy that runs.
struct Proxy {
    base: String,
    address: SocketAddr,
    /// Where it answers without TLS, if it does.
    plain: Option<u16>,
    certificate: reqwest::Certificate,
    _running: Running,
    _directory: tempfile::TempDir,
}

impl Proxy {
    /// nginx before the application; none where it cannot be had.
    async fn nginx(app: &App) -> Option<Self> {
        let program = debian_program("nginx", "nginx")?;
        let (port, plain) = (free_port(), free_port());
        let (directory, certificate) = certificate();
        let home = directory.path().display();
        let mut server = text("nginx/gatehouse.conf");
        for (from, to) in [
            ("server 127.0.0.1:3000;", format!("server {};", authority(app))),
            ("listen 80;", format!("listen 127.0.0.1:{plain};")),
            ("listen [::]:80;", String::new()),
            ("listen 443 ssl http2;", format!("listen 127.0.0.1:{port} ssl http2;")),
            ("listen [::]:443 ssl http2;", String::new()),
            ("/etc/letsencrypt/live/gatehouse.example/fullchain.pem", format!("{home}/certificate.pem")),
            ("/etc/letsencrypt/live/gatehouse.example/privkey.pem", format!("{home}/key.pem")),
        ] {
            server = replaced(&server, from, &to);
        }
        let server = server.replace("/etc/nginx/gatehouse-", &format!("{}/gatehouse-", path("nginx").display()));
        std::fs::write(directory.path().join("server.conf"), server).unwrap();
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(|it| format!("{it}_temp_path {home}/{it};")).join(" ");
        // Its workers would otherwise be somebody who cannot read this directory.
        let main = format!(
            "daemon off; master_process off; pid {home}/pid; error_log stderr warn; events {{ }}\n\
             http {{ access_log off; {temporary} include {home}/server.conf; }}\n"
        );
        std::fs::write(directory.path().join("nginx.conf"), main).unwrap();
        let mut command = Command::new(program);
        command.arg("-p").arg(directory.path()).args(["-e", "stderr", "-c"]).arg(directory.path().join("nginx.conf"));
        Some(Self::start(&mut command, port, Some(plain), certificate, directory).await)
    }

    /// Caddy before the application; none where it cannot be had.
    async fn caddy(app: &App) -> Option<Self> {
        let program = debian_program("caddy", "caddy")?;
        let port = free_port();
        let (directory, certificate) = certificate();
        let home = directory.path();
        let site = replaced(
            &text("caddy/Caddyfile"),
            "gatehouse.example {\n",
            &format!("https://{NAME}:{port} {{\n\tbind 127.0.0.1\n\ttls {0}/certificate.pem {0}/key.pem\n", home.display()),
        );
        let site = replaced(&site, "127.0.0.1:3000 {", &format!("{} {{", authority(app)));
        // Without its own endpoint of administration, redirects on port 80 and HTTP/3 on a UDP port.
        let global = "{\n\tadmin off\n\tauto_https disable_redirects\n\tservers {\n\t\tprotocols h1 h2\n\t}\n}\n";
        std::fs::write(home.join("Caddyfile"), format!("{global}{site}")).unwrap();
        let command = |verb: &str| {
            let mut command = Command::new(&program);
            command.args([verb, "--adapter", "caddyfile", "--config"]).arg(home.join("Caddyfile"));
            command.env("HOME", home).env("XDG_DATA_HOME", home).env("XDG_CONFIG_HOME", home);
            command
        };
        gatehouse_tests::tools::output(&mut command("validate"));
        Some(Self::start(&mut command("run"), port, None, certificate, directory).await)
    }

    async fn start(
        command: &mut Command,
        port: u16,
        plain: Option<u16>,
        certificate: reqwest::Certificate,
        directory: tempfile::TempDir,
    ) -> Self {
        let running = Running::start(command);
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        eventually("the proxy listens", SOON, || async { tokio::net::TcpStream::connect(address).await.ok() }).await;
        Self { base: format!("https://{NAME}:{port}"), address, plain, certificate, _running: running, _directory: directory }
    }

    /// A client that trusts the certificate, as any browser's HTTP stack: HTTP/2 if the other side has it.
    fn http(&self) -> reqwest::ClientBuilder {
        gatehouse::tls::install();
        reqwest::Client::builder()
            .tls_certs_only([self.certificate.clone()])
            .resolve(NAME, self.address)
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_secs(60))
    }

    fn caller(&self, token: Option<&str>) -> Client {
        Client::new(self.http().build().unwrap(), self.base.clone(), token.map(str::to_owned))
    }

    /// A caller from another address of this machine.
    fn caller_from(&self, address: [u8; 4]) -> Client {
        Client::new(self.http().local_address(IpAddr::from(address)).build().unwrap(), self.base.clone(), None)
    }
}

/// A directory with a certificate of the name and its key.
fn certificate() -> (tempfile::TempDir, reqwest::Certificate) {
    let directory = tempfile::Builder::new().prefix("gatehouse-proxy-").tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed([NAME.to_owned()]).unwrap();
    let write = |name: &str, text: String| std::fs::write(Path::join(directory.path(), name), text).unwrap();
    write("certificate.pem", made.cert.pem());
    write("key.pem", made.signing_key.serialize_pem());
    let certificate = reqwest::Certificate::from_pem(made.cert.pem().as_bytes()).unwrap();
    (directory, certificate)
}

fn authority(app: &App) -> &str {
    app.base_url().trim_start_matches("http://")
}

async fn speaks_http_2_and_passes_answers_on(proxy: &Proxy) {
    let answer = proxy.caller(None).request(Method::GET, "/health").send().await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.version()), (200, Version::HTTP_2));
    let older = proxy.http().http1_only().build().unwrap();
    let answer = older.get(format!("{}/health", proxy.base)).send().await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.version()), (200, Version::HTTP_11));
    // The application's own words, under the client's id.
    let problem = proxy.caller(None).header("x-request-id", "mine-1").post("/api/auth/login", json!({})).await.expect_problem(422);
    assert_eq!(problem["request_id"], "mine-1");
}

async fn keeps_what_is_internal(app: &App, proxy: &Proxy) {
    // The first request makes the schema.
    app.admin().await;
    let runs = || app.db().query_row("select coalesce(sum(runs), 0) from leases", [], |row| row.get::<_, i64>(0)).unwrap();
    let before = runs();
    let caller = proxy.caller(None).header("x-tick-secret", app.tick_secret());
    for hidden in [
        "/internal/tick",
        "/internal/tick/",
        "/internal",
        "/internal/dispatch",
        "/%69nternal/tick",
        "//internal/tick",
        "/x/../internal/tick",
    ] {
        caller.send(Method::POST, hidden, None).await.expect_problem(404);
    }
    for hidden in ["/metrics", "/metrics/", "/metrics/gateway", "/metrics?x=1", "/%6detrics"] {
        caller.get(hidden).await.expect_problem(404);
    }
    assert_eq!(runs(), before, "nothing has run");
}

async fn lets_events_out_at_once(app: &App, proxy: &Proxy) {
    let operator = app.operator().await;
    let mut stream = proxy.caller(Some(operator.token())).request(Method::GET, "/api/events?channels=alerts").send().await.unwrap();
    assert_eq!((stream.status().as_u16(), stream.version()), (200, Version::HTTP_2));
    let mut heard = String::new();
    for number in 0..3 {
        // Each is a few hundred bytes: what waits for a buffer to fill would wait for ever.
        let message = format!("event {number}");
        operator.post("/api/alerts/", json!({ "severity": "info", "message": message })).await.expect(201);
        let listen = async {
            while !heard.contains(&message) {
                let piece = stream.chunk().await.unwrap().expect("the stream goes on");
                heard.push_str(&String::from_utf8_lossy(&piece));
            }
        };
        tokio::time::timeout(SOON, listen).await.unwrap_or_else(|_| panic!("{message} does not come; so far: {heard}"));
    }
}

async fn lets_websockets_through(proxy: &Proxy) {
    let http = proxy.http().http1_only().build().unwrap();
    for path in ["/ws/alerts/", "/socket.io/?EIO=4&transport=websocket"] {
        let request = http.get(format!("{}{path}", proxy.base)).header("connection", "upgrade").header("upgrade", "websocket");
        let request = request.header("sec-websocket-version", "13").header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
        let answer = request.header("origin", format!("https://{NAME}:{}", proxy.address.port())).send().await.unwrap();
        assert_eq!(
            (answer.status().as_u16(), &answer.headers()["sec-websocket-accept"]),
            (101, &"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=".parse().unwrap()),
            "{path}"
        );
    }
    let polled = proxy.caller(None).get("/socket.io/?EIO=4&transport=polling").await;
    assert!(polled.status == 200 && polled.text().starts_with('0'), "{}", polled.text());
}

async fn takes_large_uploads_up_to_the_limit(app: &App, proxy: &Proxy) {
    let place = app.place(0).await;
    let device = app.new_device(&place, None).await;
    let operator = proxy.caller(Some(app.operator().await.token()));
    let upload = async |bytes: usize| {
        let (reading, blank) = (format!("{}\n", app.reading(&device, -60)), format!("{}\n", " ".repeat(99)));
        // Lines with nothing in them fill it up.
        let body = format!("{reading}{}", blank.repeat((bytes - reading.len()) / blank.len()));
        operator.send_bytes(Method::POST, "/api/telemetry/bulk/", "application/x-ndjson", body).await
    };
    assert_eq!(upload(10_400_000).await.expect(200)["accepted"], 1);
    // A little more is refused by the application, much more by the proxy, both in one form.
    upload(10_600_000).await.expect_problem(413);
    upload(13_000_000).await.expect_problem(413);
}

/// Whom the application takes a client for: behind a proxy that it trusts, each for themselves, and for nobody whom they claim to be.
async fn each_client_has_an_address_of_its_own(app: &App, proxy: &Proxy) {
    let (email, password) = app.new_user("visitor", json!({})).await;
    let guess = json!({ "email": email, "password": "not the password at all 1" });
    let login = json!({ "email": email, "password": password });
    let guesser = proxy.caller_from([127, 0, 0, 2]);
    for attempt in 0..12 {
        let claimed =
            guesser.header("x-forwarded-for", &format!("198.51.100.{attempt}")).header("forwarded", &format!("for=198.51.100.{attempt}"));
        let answer = claimed.post("/api/auth/login", guess.clone()).await;
        assert_eq!(answer.status, if attempt < 10 { 401 } else { 429 }, "attempt {attempt}: {}", answer.text());
    }
    let answer = proxy.caller_from([127, 0, 0, 3]).post("/api/auth/login", login.clone()).await;
    answer.expect(200);
    assert!(answer.header("strict-transport-security").starts_with("max-age="), "it knows that the client speaks TLS");
}

async fn says_that_the_application_is_away(app: App, proxy: &Proxy) {
    app.stop().await;
    let answer = proxy.caller(None).get("/health").await;
    answer.expect_problem(503);
    assert_eq!(answer.header("retry-after"), "5");
}

async fn everything_holds(app: App, proxy: Proxy) {
    speaks_http_2_and_passes_answers_on(&proxy).await;
    keeps_what_is_internal(&app, &proxy).await;
    lets_events_out_at_once(&app, &proxy).await;
    lets_websockets_through(&proxy).await;
    takes_large_uploads_up_to_the_limit(&app, &proxy).await;
    each_client_has_an_address_of_its_own(&app, &proxy).await;
    says_that_the_application_is_away(app, &proxy).await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn nginx_with_this_configuration_serves_the_application() {
    let Some(app) = App::embedded(&[("trusted_proxies", "127.0.0.1")]).await else { return };
    let Some(proxy) = Proxy::nginx(&app).await else { return };
    // Without TLS there is only the way to it.
    let plain = format!("http://127.0.0.1:{}/api/sites?limit=1", proxy.plain.unwrap());
    let answer = proxy.http().build().unwrap().get(plain).header("host", NAME).send().await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["location"]),
        (308, &format!("https://{NAME}/api/sites?limit=1").parse().unwrap())
    );
    everything_holds(app, proxy).await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn caddy_with_this_configuration_serves_the_application() {
    let Some(app) = App::embedded(&[("trusted_proxies", "127.0.0.1")]).await else { return };
    let Some(proxy) = Proxy::caddy(&app).await else { return };
    everything_holds(app, proxy).await;
}
