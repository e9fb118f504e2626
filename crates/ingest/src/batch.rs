//! Readings in bulk: a JSON array, or NDJSON.

use std::borrow::Cow;
use std::fmt;

use domain::reading::Reading;
use kit::Problem;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::body::{self, BorrowedReading, Refused};

/// The most readings at once.
pub const MAX_READINGS: usize = 5_000;

/// A reading, or why it is none.
pub type Parsed = Result<Reading, Refused>;

fn too_many() -> Problem {
    Problem::too_large(format!("at most {MAX_READINGS} readings in one request"))
}

/// The readings of a body, each by itself. An array when it begins with `[` and is not said to be NDJSON. 400 when it is neither,
/// the array cannot be read, or no line can be; 413 for more than [`MAX_READINGS`].
pub fn readings(bytes: &[u8], says_ndjson: bool, now_ms: i64) -> Result<Vec<Parsed>, Problem> {
    match bytes.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'[') if !says_ndjson => array(bytes, now_ms),
        Some(b'{') => lines(bytes, now_ms),
        Some(_) if says_ndjson => lines(bytes, now_ms),
        Some(_) => Err(Problem::unreadable("send a JSON array of readings, or NDJSON: one reading a line")),
        None => Err(Problem::unreadable("the body is empty")),
    }
}

fn lines(bytes: &[u8], now_ms: i64) -> Result<Vec<Parsed>, Problem> {
    let mut readings = Vec::new();
    for line in bytes.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty()) {
        if readings.len() == MAX_READINGS {
            return Err(too_many());
        }
        readings.push(body::reading(line, now_ms));
    }
    // A sender that looks at the status alone must not take this for stored.
    if readings.iter().all(|reading| matches!(reading, Err(Refused::NotJson(_)))) {
        return Err(Problem::unreadable("not one line of the body is JSON"));
    }
    Ok(readings)
}

fn array(bytes: &[u8], now_ms: i64) -> Result<Vec<Parsed>, Problem> {
    // All as they should be: one pass. Otherwise each element by itself, so that one bad element spoils no other.
    if let Ok(borrowed) = elements::<BorrowedReading<'_>>(bytes)? {
        let checked: Vec<_> = borrowed.iter().map(|reading| reading.check(now_ms)).collect();
        if checked.iter().all(Option::is_some) {
            return Ok(checked.into_iter().flatten().map(Ok).collect());
        }
    }
    let parse = |elements: Vec<&RawValue>| elements.iter().map(|element| body::reading(element.get().as_bytes(), now_ms)).collect();
    let error = match elements::<&RawValue>(bytes)? {
        Ok(elements) => return Ok(parse(elements)),
        Err(error) => error,
    };
    if let Cow::Owned(quoted) = body::quote_unrepresentable(bytes)
        && let Ok(elements) = elements::<&RawValue>(&quoted)?
    {
        return Ok(parse(elements));
    }
    Err(Problem::unreadable(format!("not JSON: {error}")))
}

/// The array's elements, without keeping more than [`MAX_READINGS`] of them.
fn elements<'de, T: Deserialize<'de>>(bytes: &'de [u8]) -> Result<serde_json::Result<Vec<T>>, Problem> {
    let mut bounded = Bounded { elements: Vec::new(), too_many: false };
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let read = (&mut bounded).deserialize(&mut json).and_then(|()| json.end());
    if bounded.too_many {
        return Err(too_many());
    }
    Ok(read.map(|()| bounded.elements))
}

struct Bounded<T> {
    elements: Vec<T>,
    too_many: bool,
}

impl<'de, T: Deserialize<'de>> DeserializeSeed<'de> for &mut Bounded<T> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for &mut Bounded<T> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an array of readings")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while let Some(element) = seq.next_element()? {
            if self.elements.len() == MAX_READINGS {
                self.too_many = true;
                return Ok(());
            }
            self.elements.push(element);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_770_201_000_000;
    const GOOD: &str = r#"{"device_code":"A","voltage":230,"current":1,"power_factor":1,"timestamp":"2026-02-04T10:30:00Z"}"#;

    fn accepted(body: &str, says_ndjson: bool) -> Vec<bool> {
        readings(body.as_bytes(), says_ndjson, NOW).unwrap().iter().map(Result::is_ok).collect()
    }

    fn status(body: &str, says_ndjson: bool) -> u16 {
        readings(body.as_bytes(), says_ndjson, NOW).unwrap_err().status().as_u16()
    }

    #[test]
    fn a_bad_element_spoils_no_other() {
        assert_eq!(accepted(&format!("[{GOOD},{GOOD}]"), false), [true, true]);
        assert_eq!(
            accepted(&format!(r#"[{GOOD}, 3, null, [{GOOD}], {{"voltage":"x"}}, {GOOD}]"#), false),
            [true, false, false, false, false, true]
        );
        assert_eq!(accepted(&format!("[{GOOD},{}]", GOOD.replace("230", "NaN")), false), [true, false]);
        assert!(accepted("[]", false).is_empty());
    }

    #[test]
    fn lines_may_be_blank_or_end_as_on_windows() {
        let body = format!("\r\n{GOOD}\r\n\r\nnonsense\n[]\n{GOOD}");
        assert_eq!(accepted(&body, true), [true, false, false, true]);
        assert_eq!(accepted(&format!("{GOOD}\n{GOOD}"), false), [true, true]);
        assert_eq!(accepted("[1]\n", true), [false]);
        assert_eq!(status("\u{1f}\u{8b}\u{8}\nnonsense\n", true), 400);
    }

    #[test]
    fn what_is_no_batch_is_unreadable_and_too_many_are_too_large() {
        for body in ["", " \n", "nonsense", "3", "[1,", "[1]]", r#"[{"voltage":NaN}"#] {
            assert_eq!(status(body, false), 400, "{body}");
        }
        let many = |count: usize| vec!["0"; count].join(",");
        assert_eq!(accepted(&format!("[{}]", many(MAX_READINGS)), false).len(), MAX_READINGS);
        assert_eq!(status(&format!("[{}]", many(MAX_READINGS + 1)), false), 413);
        assert_eq!(status(&format!("[{}]", vec![GOOD; MAX_READINGS + 1].join(",")), false), 413);
        assert_eq!(status(&"{}\n".repeat(MAX_READINGS + 1), true), 413);
    }
}
