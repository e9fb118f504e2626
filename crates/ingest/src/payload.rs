//! A payload that does not say what it holds: one reading, or several.

use kit::Problem;

use crate::batch::{self, Parsed};
use crate::body::{self, Refused};
use domain::reading::Reading;

/// The readings of a payload.
#[derive(Debug)]
pub enum Payload {
    /// One object.
    One(Reading),
    /// An array, or one object a line: each is judged by itself.
    Many(Vec<Parsed>),
}

/// Reads a payload. The refusals are those of the two routes: of [`body::reading`] for one object, of [`batch::readings`] otherwise.
pub fn read(bytes: &[u8], now_ms: i64) -> Result<Payload, Problem> {
    if bytes.trim_ascii_start().first() != Some(&b'{') {
        return batch::readings(bytes, false, now_ms).map(Payload::Many);
    }
    match body::reading(bytes, now_ms) {
        Ok(reading) => Ok(Payload::One(reading)),
        // One object may be written over several lines, and several objects one a line.
        Err(Refused::NotJson(_)) if bytes.trim_ascii().contains(&b'\n') => batch::readings(bytes, true, now_ms).map(Payload::Many),
        Err(refused) => Err(refused.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_770_201_000_000;
    const GOOD: &str = r#"{"device_code":"A","voltage":230,"current":1,"power_factor":1,"timestamp":"2026-02-04T10:30:00Z"}"#;

    fn count(payload: &str) -> Option<usize> {
        match read(payload.as_bytes(), NOW).unwrap() {
            Payload::One(_) => None,
            Payload::Many(readings) => Some(readings.iter().filter(|reading| reading.is_ok()).count()),
        }
    }

    #[test]
    fn one_object_is_one_reading_also_over_several_lines() {
        assert_eq!(count(GOOD), None);
        assert_eq!(count(&format!(" {}\n", GOOD.replace(',', ",\n"))), None);
    }

    #[test]
    fn arrays_and_lines_are_several() {
        assert_eq!(count(&format!("[{GOOD}]")), Some(1));
        assert_eq!(count(&format!("\n[{GOOD},{GOOD}, 3]")), Some(2));
        assert_eq!(count(&format!("{GOOD}\nnonsense\n{GOOD}\n")), Some(2));
        assert_eq!(count("[]"), Some(0));
    }

    #[test]
    fn what_is_neither_is_refused_as_by_the_routes() {
        let status = |payload: &str| read(payload.as_bytes(), NOW).unwrap_err().status().as_u16();
        for payload in ["", " ", "offline", "3", "\"x\"", "{", "{\n}x\n", "[1,"] {
            assert_eq!(status(payload), 400, "{payload}");
        }
        assert_eq!(status("{}"), 422);
        assert_eq!(status(&GOOD.replace("230", "501")), 422);
    }
}
