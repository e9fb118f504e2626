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
    use http_body_util::BodyExt as _;

    let body = ask(path, request_id, None).await?.into_body().collect().await.map_err(|error| format!("{error:?}"))?;
    serde_json::from_slice(&body.to_bytes()).map_err(|error| error.to_string())
}

/// RFC 7240 §4.1: who is only woken may answer before the work is done, so that a receiver that stalls does not keep the waking instance.
#[cfg(target_family = "wasm")]
const RESPOND_ASYNC: &str = "respond-async";

#[cfg(target_family = "wasm")]
async fn ask(path: &str, request_id: &str, prefer: Option<&str>) -> Result<spin_sdk::http::Response, String> {
    let secret = crate::config::get("tick_secret").await.map_err(|problem| problem.detail().to_owned())?;
    let mut request =
        http::Request::post(format!("http://self.alt{path}")).header("x-tick-secret", secret).header("x-request-id", request_id);
    if let Some(prefer) = prefer {
        request = request.header("prefer", prefer);
    }
    let request = request.body(spin_sdk::http::EmptyBody::new()).map_err(|error| error.to_string())?;
    let response = spin_sdk::http::send(request).await.map_err(|error| format!("{error:?}"))?;
    if response.status().is_success() { Ok(response) } else { Err(response.status().to_string()) }
}

/// Outside a component nothing is sent.
#[cfg(not(target_family = "wasm"))]
pub fn wake(_path: &'static str, _request_id: String) {}

/// Outside a component nothing is sent.
#[cfg(not(target_family = "wasm"))]
pub async fn post(_path: &str, _request_id: &str) -> Result<serde_json::Value, String> {
    Err("there is no network outside Spin".to_owned())
}
