//! The doors to the outside world: the clock, randomness, the log. Nothing else in a component reads them.

use std::time::{SystemTime, UNIX_EPOCH};

/// The time now, milliseconds since 1970 in UTC. One host call; the edge makes it once a request, see [`crate::request::Now`].
pub fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| i64::try_from(age.as_millis()).unwrap_or(i64::MAX))
}

/// `N` bytes from the host's cryptographic random source.
pub fn random<const N: usize>() -> Result<[u8; N], crate::Problem> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(crate::Problem::internal)?;
    Ok(bytes)
}

/// A UUIDv7 (RFC 9562 §5.7) for the given time in milliseconds.
pub fn new_id(now_ms: i64) -> Result<String, crate::Problem> {
    let bytes = random::<10>()?;
    let millis = u64::try_from(now_ms).unwrap_or_default();
    Ok(uuid::Builder::from_unix_timestamp_millis(millis, &bytes).into_uuid().to_string())
}

/// A new secret of 32 random bytes as 43 characters of base64url.
pub fn new_secret() -> Result<String, crate::Problem> {
    use base64::Engine as _;
    Ok(base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(random::<32>()?))
}

/// SHA-256: how secrets with full entropy (refresh tokens, device keys, tickets) are kept.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    use sha2::Digest as _;
    sha2::Sha256::digest(bytes).into()
}

/// Writes one JSON line to the log (standard error). `fields` holds no secret and nothing that a person typed in confidence; what is
/// null in it is left out.
pub fn log(level: &str, message: &str, fields: serde_json::Value) {
    let mut line = serde_json::json!({
        "ts": domain::time::format_rfc3339(now_ms()),
        "level": level,
        "message": message,
    });
    if let (Some(line), serde_json::Value::Object(fields)) = (line.as_object_mut(), fields) {
        line.extend(fields.into_iter().filter(|(_, value)| !value.is_null()));
    }
    eprintln!("{line}");
}
