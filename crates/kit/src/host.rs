//! The doors to the outside world: the clock, randomness, the log. Nothing else in a component reads them.

use std::cell::RefCell;
use std::io::Write;
use std::time::{SystemTime, UNIX_EPOCH};

/// The time now, milliseconds since 1970 in UTC. One host call; the edge makes it once a request, see [`crate::request::Now`].
pub fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| i64::try_from(age.as_millis()).unwrap_or(i64::MAX))
}

/// Random bytes that an instance draws from the host at a time: a call for each id and code would be felt.
const DRAWN: usize = 256;

thread_local! {
    /// Bytes that were drawn, and from where on they have not been given out.
    static RANDOM: RefCell<([u8; DRAWN], usize)> = const { RefCell::new(([0; DRAWN], DRAWN)) };
}

/// `N` bytes from the host's cryptographic random source, each given out once.
pub fn random<const N: usize>() -> Result<[u8; N], crate::Problem> {
    const { assert!(N <= DRAWN) };
    RANDOM.with_borrow_mut(|(drawn, given)| {
        if DRAWN - *given < N {
            getrandom::fill(drawn).map_err(crate::Problem::internal)?;
            *given = 0;
        }
        let mut bytes = [0; N];
        for (byte, source) in bytes.iter_mut().zip(drawn.iter_mut().skip(*given)) {
            *byte = std::mem::take(source);
        }
        *given += N;
        Ok(bytes)
    })
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

/// The longest line of the log, bytes: what a host takes in one write (`blocking-write-and-flush` of WASI 0.2). A longer one would be
/// written in pieces, between which other instances may write.
const MAX_LINE: usize = 4096;

/// Writes one JSON line to the log (standard error). `fields` holds no secret and nothing that a person typed in confidence; what is
/// null in it is left out, and texts are cut where the line would be too long.
pub fn log(level: &str, message: &str, fields: serde_json::Value) {
    // The application goes on when nobody reads its log.
    let _ = write_line(&mut std::io::stderr().lock(), level, message, fields);
}

/// In one write: each write is a call of the host, and lines of instances that write in pieces mingle.
fn write_line(out: &mut impl Write, level: &str, message: &str, fields: serde_json::Value) -> std::io::Result<()> {
    let mut line = serde_json::json!({
        "ts": domain::time::format_rfc3339(now_ms()),
        "level": level,
        "message": message,
    });
    if let (Some(line), serde_json::Value::Object(fields)) = (line.as_object_mut(), fields) {
        line.extend(fields.into_iter().filter(|(_, value)| !value.is_null()));
    }
    let mut bytes = serde_json::to_vec(&line)?;
    let mut longest = MAX_LINE / 2;
    while bytes.len() >= MAX_LINE && longest > 0 {
        cut_texts(&mut line, longest);
        bytes = serde_json::to_vec(&line)?;
        longest /= 2;
    }
    bytes.push(b'\n');
    out.write_all(&bytes)
}

/// Cuts every text to this many bytes, at a character's end.
fn cut_texts(value: &mut serde_json::Value, longest: usize) {
    match value {
        serde_json::Value::String(text) if text.len() > longest => {
            text.truncate(text.floor_char_boundary(longest));
            text.push('…');
        }
        serde_json::Value::Array(items) => items.iter_mut().for_each(|item| cut_texts(item, longest)),
        serde_json::Value::Object(fields) => fields.values_mut().for_each(|field| cut_texts(field, longest)),
        _ => {}
    }
}

/// Lets a panic be told as any other error, in one line.
pub fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let at = panic.location().map(|at| format!("{}:{}", at.file(), at.line()));
        log("error", "panicked", serde_json::json!({ "cause": panic.payload_as_str(), "at": at }));
    }));
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use serde_json::{Value, json};

    use super::*;

    /// What was written, write by write.
    #[derive(Default)]
    struct Writes(Vec<Vec<u8>>);

    impl Write for Writes {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.push(bytes.to_vec());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn written(fields: Value) -> Value {
        let mut out = Writes::default();
        write_line(&mut out, "info", "request", fields).unwrap();
        let [line] = &out.0[..] else { panic!("{} writes", out.0.len()) };
        assert!(line.len() <= MAX_LINE && line.ends_with(b"\n") && line.iter().filter(|byte| **byte == b'\n').count() == 1);
        serde_json::from_slice(line).unwrap()
    }

    #[test]
    fn a_line_is_one_write() {
        let line = written(json!({ "status": 404, "path": "/a\nb", "cause": null }));
        assert_eq!((&line["level"], &line["status"], &line["path"]), (&json!("info"), &json!(404), &json!("/a\nb")));
        assert!(line.get("cause").is_none());
    }

    #[test]
    fn a_line_that_is_too_long_for_one_write_is_cut_and_still_whole() {
        let line = written(json!({ "path": "ä".repeat(10_000), "status": 404, "cause": "short" }));
        assert_eq!((&line["status"], &line["cause"]), (&json!(404), &json!("short")));
        assert!(line["path"].as_str().unwrap().ends_with('…'));
        // Each of these takes six bytes of JSON.
        written(json!({ "path": "\u{1}".repeat(10_000), "more": ["\u{2}".repeat(5_000)] }));
    }

    #[test]
    fn no_random_bytes_are_given_out_twice() {
        let given: HashSet<[u8; 24]> = (0..100).map(|_| random().unwrap()).collect();
        assert_eq!(given.len(), 100);
        assert!(!given.contains(&[0; 24]));
    }
}
