//! The event feed as WebSocket and Socket.IO, to clients as they are: inside the application, and by a gateway in front of it.

#[path = "gateway/browsers.rs"]
mod browsers;
#[path = "gateway/guide.rs"]
mod guide;
#[path = "gateway/old_clients.rs"]
mod old_clients;
#[path = "gateway/operating.rs"]
mod operating;
#[path = "gateway/restarts.rs"]
mod restarts;
#[path = "gateway/sessions.rs"]
mod sessions;
#[path = "gateway/ways.rs"]
mod ways;

/// The application in a process of its own, when a test has started this program for that.
#[tokio::test(flavor = "multi_thread")]
async fn server_process() {
    gatehouse_tests::process::serve_if_asked().await;
}
