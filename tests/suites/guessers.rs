//! Who guesses at passwords, and what that does to everybody else: behind a proxy, from one address, from everywhere
//! (docs/reference/rules.md#login-lock). Anyone can run it: `cargo test --release --workspace --test guessers`.

use gatehouse_tests::process::serve_if_asked;
use gatehouse_tests::{App, Client, Response, unique};
use serde_json::json;

#[path = "guessers/accounts.rs"]
mod accounts;
#[path = "guessers/known_devices.rs"]
mod known_devices;
#[path = "guessers/proxies.rs"]
mod proxies;
#[path = "guessers/security_log.rs"]
mod security_log;

const PASSWORD: &str = "seven lanterns by the river";
const WRONG: &str = "seven lanterns by the sea";

/// The tests are the proxy: they come from this machine.
const BEHIND_A_PROXY: [(&str, &str); 1] = [("trusted_proxies", "127.0.0.0/8")];

/// Runs the application for the tests that want it in a process of its own.
#[tokio::test(flavor = "multi_thread")]
async fn server_process() {
    serve_if_asked().await;
}

/// Somebody at this address, as the proxy tells it.
fn at(app: &App, address: &str) -> Client {
    app.anonymous().header("x-forwarded-for", address)
}

fn new_address() -> String {
    format!("{}@example.com", unique("owner"))
}

/// A registered visitor's e-mail address; the password is [`PASSWORD`].
async fn registered(client: &Client) -> String {
    let email = new_address();
    client.post("/api/auth/register", json!({"email": email, "password": PASSWORD, "name": "Asha Patel"})).await.expect(201);
    email
}

async fn login(client: &Client, email: &str, password: &str) -> Response {
    client.post("/api/auth/login", json!({"email": email, "password": password})).await
}

/// Fails until it is locked out, which is after ten failures.
async fn guess_until_locked(client: &Client, email: &str) {
    for _ in 0..10 {
        login(client, email, WRONG).await.expect_problem(401);
    }
    login(client, email, WRONG).await.expect_problem(429);
}
