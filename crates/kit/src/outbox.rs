//! Waking the dispatcher for what cannot wait. What is to be sent is in the `outbox` already, written by triggers in the transaction
//! of its cause; the scheduled run is the safety net.

/// After the answer has gone, asks the dispatcher (the component `heartbeat`) to drain the outbox now. Does not delay the answer and
/// cannot fail it. Needs `http://self` and `tick_secret` in the manifest.
pub fn wake_dispatcher(request_id: String) {
    wake("/internal/dispatch", request_id);
}

/// The same for any route of ours that the secret opens: `/internal/tick/payments` sends refunds that wait.
#[cfg(target_family = "wasm")]
pub fn wake(path: &'static str, request_id: String) {
    spin_sdk::wasip3::spawn(async move {
        if let Err(error) = ask(path, &request_id, Some(RESPOND_ASYNC)).await {
            crate::host::log("warn", "not woken", serde_json::json!({ "path": path, "request_id": request_id, "error": error }));
        }
    });
}

/// Asks one of our own routes that the secret opens to do its work, and waits until it has; its answer.
#[cfg(target_family = "wasm")]
pub async fn post(path: &str, request_id: &str) -> Result<serde_json::Value, String> {
    let reply = ask(path, request_id, None).await?;
    serde_json::from_slice(&reply.body).map_err(|error| error.to_string())
}

/// RFC 7240 §4.1: who is only woken may answer before the work is done, so that a receiver that stalls does not keep the waking instance.
#[cfg(target_family = "wasm")]
const RESPOND_ASYNC: &str = "respond-async";

/// Who asks has other things to do in the 30 s of its own request, and heartbeat below its lease of 60 s: a component that stalls costs the
/// others no run. What it was asked for goes on, or is done by its next run.
#[cfg(target_family = "wasm")]
const BOUNDS: crate::http::Bounds = crate::http::Bounds { time_ms: 20_000, answer_bytes: 64 * 1024 };

#[cfg(target_family = "wasm")]
async fn ask(path: &str, request_id: &str, prefer: Option<&str>) -> Result<crate::http::Reply, String> {
    let secret = crate::config::get("tick_secret").await.map_err(|problem| problem.detail().to_owned())?;
    let mut request =
        http::Request::post(format!("http://self.alt{path}")).header("x-tick-secret", secret).header("x-request-id", request_id);
    if let Some(prefer) = prefer {
        request = request.header("prefer", prefer);
    }
    let request = request.body(bytes::Bytes::new()).map_err(|error| error.to_string())?;
    let reply = crate::http::send(request, BOUNDS).await.map_err(|error| error.to_string())?;
    if reply.status.is_success() { Ok(reply) } else { Err(reply.status.to_string()) }
}

/// Outside a component nothing is sent.
#[cfg(not(target_family = "wasm"))]
pub fn wake(_path: &'static str, _request_id: String) {}

/// Outside a component nothing is sent.
#[cfg(not(target_family = "wasm"))]
pub async fn post(_path: &str, _request_id: &str) -> Result<serde_json::Value, String> {
    Err("there is no network outside Spin".to_owned())
}
