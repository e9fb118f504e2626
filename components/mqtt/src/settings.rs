//! What the manifest says of messages and answers.

use kit::{Problem, config};

/// How large a message may be unless the variable `max_bulk_body_kib` says otherwise, KiB: as a bulk request.
const MAX_MESSAGE_KIB: i64 = 10_240;

/// Whether devices are told what was stored (`mqtt_acks`).
pub async fn sends_acks() -> Result<bool, Problem> {
    config::flag("mqtt_acks").await
}

/// How large a message may be, bytes.
pub async fn max_message() -> Result<usize, Problem> {
    let kib = config::number("max_bulk_body_kib", MAX_MESSAGE_KIB).await?;
    Ok(usize::try_from(kib).unwrap_or_default().saturating_mul(1024))
}
