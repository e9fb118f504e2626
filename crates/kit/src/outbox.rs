//! Waking the dispatcher for what cannot wait. What is to be sent is in the `outbox` already, written by triggers in the transaction
//! of its cause; the scheduled run is the safety net.

#[cfg(target_family = "wasm")]
use bytes::Bytes;

/// After the answer has gone, asks the dispatcher (the component `heartbeat`) to drain the outbox now. Does not delay the answer and
/// cannot fail it. Needs `http://self` and `tick_secret` in the manifest.
pub fn wake_dispatcher(request_id: String) {
    wake("/internal/dispatch", request_id);
}

/// The same before it returns, for who does not live on after its answer, such as a component that the MQTT trigger calls; it waits
/// [`WAKING_MS`] at most, and cannot fail. On Spin such a component has no `http://self`: the variable `wake_origin` says where the routes are.
pub async fn wake_dispatcher_now(request_id: &str) {
    wake_now("/internal/dispatch", request_id).await;
}

/// The same for any route of ours that the secret opens: `/internal/tick/payments` sends refunds that wait.
#[cfg(target_family = "wasm")]
pub fn wake(path: &'static str, request_id: String) {
    spin_sdk::wasip3::spawn(async move { note_waking(path, &request_id, BOUNDS).await });
}

#[cfg(target_family = "wasm")]
async fn wake_now(path: &'static str, request_id: &str) {
    note_waking(path, request_id, crate::http::Bounds { time_ms: WAKING_MS, ..BOUNDS }).await;
}

#[cfg(target_family = "wasm")]
async fn note_waking(path: &'static str, request_id: &str, bounds: crate::http::Bounds) {
    if let Err(error) = ask(path, request_id, Some(RESPOND_ASYNC), Bytes::new(), bounds).await {
        crate::host::log("warn", "not woken", serde_json::json!({ "path": path, "request_id": request_id, "error": error }));
    }
}

/// Asks one of our own routes that the secret opens to do its work, and waits until it has; its answer.
#[cfg(target_family = "wasm")]
pub async fn post(path: &str, request_id: &str) -> Result<serde_json::Value, String> {
    let reply = ask(path, request_id, None, Bytes::new(), BOUNDS).await?;
    serde_json::from_slice(&reply.body).map_err(|error| error.to_string())
}

/// The same with something to work on, for so long.
#[cfg(target_family = "wasm")]
pub async fn post_json(path: &str, request_id: &str, body: &serde_json::Value, time_ms: u64) -> Result<serde_json::Value, String> {
    let bounds = crate::http::Bounds { time_ms, ..BOUNDS };
    let reply = ask(path, request_id, None, Bytes::from(body.to_string()), bounds).await?;
    serde_json::from_slice(&reply.body).map_err(|error| error.to_string())
}

/// RFC 7240 §4.1: who is only woken may answer before the work is done, so that a receiver that stalls does not keep the waking instance.
#[cfg(target_family = "wasm")]
const RESPOND_ASYNC: &str = "respond-async";

/// How long it may take to wake somebody while others wait for it, milliseconds.
pub const WAKING_MS: u64 = 2_000;

/// Who asks has other things to do in the 30 s of its own request, and heartbeat below its lease of 60 s: a component that stalls costs the
/// others no run. What it was asked for goes on, or is done by its next run.
#[cfg(target_family = "wasm")]
const BOUNDS: crate::http::Bounds = crate::http::Bounds { time_ms: 20_000, answer_bytes: 64 * 1024 };

/// A POST to one of our own routes that the secret opens. Needs `tick_secret` in the manifest, and `http://self` or, where that leads nowhere,
/// the variable `wake_origin`.
pub async fn own_route(path: &str) -> Result<http::request::Builder, crate::Problem> {
    let secret = crate::config::get("tick_secret").await?;
    let origin = crate::config::origin("wake_origin").await?;
    let origin = origin.as_deref().unwrap_or("http://self.alt");
    Ok(http::Request::post(format!("{origin}{path}")).header("x-tick-secret", secret))
}

#[cfg(target_family = "wasm")]
async fn ask(
    path: &str,
    request_id: &str,
    prefer: Option<&str>,
    body: Bytes,
    bounds: crate::http::Bounds,
) -> Result<crate::http::Reply, String> {
    let request = own_route(path).await.map_err(|problem| problem.detail().to_owned())?;
    let mut request = request.header("x-request-id", request_id);
    if let Some(prefer) = prefer {
        request = request.header("prefer", prefer);
    }
    if !body.is_empty() {
        request = request.header(http::header::CONTENT_TYPE, "application/json");
    }
    let request = request.body(body).map_err(|error| error.to_string())?;
    let reply = crate::http::send(request, bounds).await.map_err(|error| error.to_string())?;
    if reply.status.is_success() { Ok(reply) } else { Err(reply.status.to_string()) }
}

/// Outside a component nothing is sent.
#[cfg(not(target_family = "wasm"))]
pub fn wake(_path: &'static str, _request_id: String) {}

/// Outside a component nothing is sent.
#[cfg(not(target_family = "wasm"))]
async fn wake_now(_path: &'static str, _request_id: &str) {}

/// Outside a component nothing is sent.
#[cfg(not(target_family = "wasm"))]
pub async fn post(_path: &str, _request_id: &str) -> Result<serde_json::Value, String> {
    Err("there is no network outside Spin".to_owned())
}

/// Outside a component nothing is sent.
#[cfg(not(target_family = "wasm"))]
pub async fn post_json(_path: &str, _request_id: &str, _body: &serde_json::Value, _time_ms: u64) -> Result<serde_json::Value, String> {
    Err("there is no network outside Spin".to_owned())
}
