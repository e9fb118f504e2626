//! A browser: pages of this host and of allowed origins connect, others do not.

use std::time::Duration;

use gatehouse_tests::browser::Browser;
use gatehouse_tests::clients::socket_io_for_browsers;
use gatehouse_tests::{App, eventually, unique};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::ways::{alone, raise};

const SOON: Duration = Duration::from_secs(20);

/// A site of somebody else's with one empty page; its origin.
async fn site() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let origin = format!("http://{}", listener.local_addr().expect("its address"));
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let _ = stream.read(&mut [0; 4096]).await;
                let page =
                    "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 22\r\nconnection: close\r\n\r\n<title>A page</title>\n";
                let _ = stream.write_all(page.as_bytes()).await;
            });
        }
    });
    origin
}

const CONNECT: &str = r#"
window.seen = [];
const url = arguments[0];
const socket = new WebSocket(url.replace("http", "ws") + "/ws/alerts/");
socket.onopen = () => socket.send(JSON.stringify({ message: "hello" }));
socket.onmessage = (event) => window.seen.push(["websocket", JSON.parse(event.data).message]);
socket.onerror = () => window.seen.push(["websocket", "refused"]);
for (const transport of ["polling", "websocket"]) {
  const client = io(url, { transports: [transport], forceNew: true, reconnection: false });
  client.on("connect", () => window.seen.push([transport, "connected"]));
  client.on("alert", (alert) => window.seen.push([transport, alert]));
  client.on("connect_error", () => window.seen.push([transport, "refused"]));
}
"#;

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn pages_of_allowed_origins_connect_and_others_do_not() {
    let (allowed, other) = (site().await, site().await);
    let Some(app) = App::embedded(&[("allowed_origins", &allowed)]).await else { return };
    let operator = app.operator().await;
    let gateway = alone(app.base_url(), &["--allowed-origins", &allowed]).await;
    let library = socket_io_for_browsers().await;
    let browser = Browser::start(1280, 900).await;
    for base_url in [app.base_url().to_owned(), gateway.base_url()] {
        for (origin, may) in [(&allowed, true), (&other, false)] {
            browser.open(origin).await;
            let connect = CONNECT.replace("arguments[0]", &json!(base_url).to_string());
            browser.execute(&format!("{library}\nwindow.io = window.io || this.io;\n{connect}")).await;
            let seen = async |wanted: &[Value]| {
                eventually(&format!("the page at {origin} has seen {wanted:?}"), SOON, || async {
                    let seen = browser.execute("return window.seen").await;
                    let seen = seen.as_array().expect("a list").clone();
                    let has =
                        |wanted: &Value| seen.iter().any(|it| it[0] == wanted[0] && (it[1] == wanted[1] || it[1]["message"] == wanted[1]));
                    wanted.iter().all(has).then_some(())
                })
                .await;
            };
            let all =
                |what: &str, of_websocket: &str| [json!(["polling", what]), json!(["websocket", what]), json!(["websocket", of_websocket])];
            if may {
                seen(&all("connected", "hello")).await;
                let message = unique("mind the step");
                raise(&operator, &message, json!({})).await;
                seen(&all(&message, &message)).await;
            } else {
                seen(&all("refused", "refused")).await;
            }
        }
    }
    browser.close().await;
    gateway.shutdown().await;
}
