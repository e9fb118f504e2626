//! One exchange with Stripe over HTTP, bounded in time and size.

use bytes::Bytes;
use http::{Request, StatusCode};

/// How long one exchange may last, milliseconds: a handler makes up to three, within the 30 s that a request has.
pub const EXCHANGE_MS: u64 = 8_000;

/// Sends it and reads the answer whole. The error says why there is none; it holds nothing of the request, which carries the key.
#[cfg(target_family = "wasm")]
pub async fn send(request: Request<Bytes>) -> Result<(StatusCode, Vec<u8>), String> {
    use futures::future::{Either, select};
    use spin_sdk::wasip3::clocks::monotonic_clock::wait_for;

    let exchange = std::pin::pin!(exchange(request));
    let limit = std::pin::pin!(wait_for(EXCHANGE_MS * 1_000_000));
    match select(exchange, limit).await {
        Either::Left((answer, _)) => answer,
        Either::Right(_) => Err(format!("no answer within {} s", EXCHANGE_MS / 1000)),
    }
}

#[cfg(target_family = "wasm")]
async fn exchange(request: Request<Bytes>) -> Result<(StatusCode, Vec<u8>), String> {
    use http_body_util::BodyExt as _;
    use spin_sdk::http::FullBody;

    /// No more of an answer is read than that.
    const MAX_ANSWER: usize = 1024 * 1024;

    let response = spin_sdk::http::send(request.map(FullBody::new)).await.map_err(|error| format!("not sent: {error}"))?;
    let (parts, mut body) = response.into_parts();
    let mut read = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| "the answer broke off".to_owned())?;
        if let Some(data) = frame.data_ref() {
            read.extend_from_slice(data);
        }
        if read.len() > MAX_ANSWER {
            return Err("the answer is too long".to_owned());
        }
    }
    Ok((parts.status, read))
}

/// Outside a component nothing is sent.
#[cfg(not(target_family = "wasm"))]
pub async fn send(_request: Request<Bytes>) -> Result<(StatusCode, Vec<u8>), String> {
    Err("there is no network outside Spin".to_owned())
}
