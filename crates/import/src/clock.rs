//! Times of old records as moments. A time without an offset is a moment only in a time zone that somebody has named.

use chrono::{DateTime, LocalResult, NaiveDate, NaiveDateTime, NaiveTime, TimeZone as _};
use chrono_tz::Tz;
use domain::booking_slot::Date;
use domain::time::{AHEAD_TOLERANCE_MS, MAX_MS};

use crate::failure::Refusal;
use crate::value::Old;

/// How times are read.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// The zone of times without an offset, when it was named.
    pub zone: Option<Tz>,
    /// The present, milliseconds.
    pub now: i64,
}

impl Clock {
    /// The moment that a value says, milliseconds.
    ///
    /// # Errors
    /// For what is no time, or not one alone.
    pub fn moment(self, field: &str, value: &Old) -> Result<i64, Refusal> {
        let moment = match value {
            Old::Moment(moment) => *moment,
            Old::Text(text) => self.parse(field, text.trim())?,
            Old::Int(_) | Old::Float(_) => {
                return Err(Refusal::of("time_is_a_number", format!("{field}: seconds or milliseconds is not said")));
            }
            _ => return Err(Refusal::of("bad_time", field)),
        };
        if (0..=MAX_MS).contains(&moment) { Ok(moment) } else { Err(Refusal::of("bad_time", format!("{field}: {moment} ms"))) }
    }

    /// The same of what has happened: not ahead of the present.
    ///
    /// # Errors
    /// For what is no time, and for one that lies ahead.
    pub fn past(self, field: &str, value: &Old) -> Result<i64, Refusal> {
        let moment = self.moment(field, value)?;
        if moment > self.now.saturating_add(AHEAD_TOLERANCE_MS) {
            return Err(Refusal::of("time_lies_ahead", field));
        }
        Ok(moment.min(self.now))
    }

    fn parse(self, field: &str, text: &str) -> Result<i64, Refusal> {
        let text = text.replacen('T', " ", 1);
        let zulu = text.strip_suffix(['Z', 'z']).map(|rest| format!("{rest}+00:00"));
        let with_offset = zulu.as_deref().unwrap_or(&text).replace(" +", "+");
        // PostgreSQL writes `+00`.
        for format in ["%Y-%m-%d %H:%M:%S%.f%#z", "%Y-%m-%d %H:%M%#z"] {
            if let Ok(moment) = DateTime::parse_from_str(&with_offset, format) {
                return Ok(moment.timestamp_millis());
            }
        }
        let local = ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M"].iter().find_map(|it| NaiveDateTime::parse_from_str(&text, it).ok());
        let Some(local) = local else { return Err(Refusal::of("bad_time", format!("{field}: {text}"))) };
        let Some(zone) = self.zone else { return Err(Refusal::of("time_without_zone", format!("{field}: {text}: say --time-zone"))) };
        match zone.from_local_datetime(&local) {
            LocalResult::Single(moment) => Ok(moment.timestamp_millis()),
            LocalResult::Ambiguous(..) => Err(Refusal::of("time_comes_twice", format!("{field}: {text} in {zone}"))),
            LocalResult::None => Err(Refusal::of("time_is_skipped", format!("{field}: {text} in {zone}"))),
        }
    }
}

/// A date as it is written, `2026-02-05`; the date of a time at midnight, which is how databases without dates keep one.
///
/// # Errors
/// For anything else.
pub fn date(field: &str, value: &Old) -> Result<Date, Refusal> {
    let bad = || Refusal::of("bad_date", field);
    match value {
        Old::Text(text) => {
            let text = text.trim();
            let (day, rest) = text.split_at_checked(10).ok_or_else(bad)?;
            let time = rest.trim_start_matches(['T', ' ']).trim_end_matches("+00").trim_end_matches("+00:00").trim_end_matches('Z');
            let is_midnight = time.is_empty() || NaiveTime::parse_from_str(time, "%H:%M:%S%.f").is_ok_and(|time| time == NaiveTime::MIN);
            if is_midnight { Date::parse(day).ok_or_else(bad) } else { Err(Refusal::of("date_with_a_time", format!("{field}: {text}"))) }
        }
        Old::Moment(moment) => {
            let at = DateTime::from_timestamp_millis(*moment).ok_or_else(bad)?;
            let day: NaiveDate = at.date_naive();
            if at.time() == NaiveTime::MIN {
                Date::parse(&day.to_string()).ok_or_else(bad)
            } else {
                Err(Refusal::of("date_with_a_time", field))
            }
        }
        _ => Err(bad()),
    }
}

/// A time of day as minutes since midnight: `06:00`, `06:00:00`.
///
/// # Errors
/// For anything else, seconds among it.
pub fn minute(field: &str, text: &str) -> Result<u16, Refusal> {
    let text = text.trim();
    let short = text.strip_suffix(":00").filter(|rest| rest.len() == 5).unwrap_or(text);
    domain::booking_slot::parse_minute(short).ok_or_else(|| Refusal::of("bad_time_of_day", format!("{field}: {text}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_000_000;

    fn clock(zone: Option<&str>) -> Clock {
        Clock { zone: zone.map(|zone| zone.parse().unwrap()), now: NOW }
    }

    fn reason(zone: Option<&str>, text: &str) -> &'static str {
        clock(zone).moment("at", &Old::Text(text.into())).unwrap_err().reason
    }

    #[test]
    fn moments_are_read_as_each_database_writes_them() {
        for text in [
            "2026-02-04T10:30:00Z",
            "2026-02-04 10:30:00+00",
            "2026-02-04 10:30:00.000000+00",
            "2026-02-04 16:00:00+05:30",
            "2026-02-04T16:00:00+0530",
            "2026-02-04T10:30:00.000Z",
        ] {
            assert_eq!(clock(None).moment("at", &Old::Text(text.into())).unwrap(), 1_770_201_000_000, "{text}");
        }
        assert_eq!(clock(Some("Asia/Kolkata")).moment("at", &Old::Text("2026-02-04 16:00:00".into())).unwrap(), 1_770_201_000_000);
    }

    #[test]
    fn no_zone_is_guessed() {
        assert_eq!(reason(None, "2026-02-04 10:30:00"), "time_without_zone");
        assert_eq!(reason(Some("Europe/Berlin"), "2026-10-25 02:30:00"), "time_comes_twice");
        assert_eq!(reason(Some("Europe/Berlin"), "2026-03-29 02:30:00"), "time_is_skipped");
        for text in ["yesterday", "", "2026-02-04", "2026-13-04T10:30:00Z", "10:30"] {
            assert_eq!(reason(Some("UTC"), text), "bad_time", "{text}");
        }
        assert_eq!(clock(None).moment("at", &Old::Int(1_770_201_000)).unwrap_err().reason, "time_is_a_number");
        assert_eq!(clock(None).past("at", &Old::Moment(NOW + 10 * 60_000)).unwrap_err().reason, "time_lies_ahead");
    }

    #[test]
    fn a_date_has_no_time() {
        for value in [Old::Text("2026-02-05".into()), Old::Text("2026-02-05T00:00:00Z".into()), Old::Moment(1_770_249_600_000)] {
            assert_eq!(date("date", &value).unwrap().to_string(), "2026-02-05", "{value:?}");
        }
        assert_eq!(date("date", &Old::Text("2026-02-05 18:30:00".into())).unwrap_err().reason, "date_with_a_time");
        assert!(date("date", &Old::Text("05/02/2026".into())).is_err() && date("date", &Old::Int(5)).is_err());
        assert_eq!((minute("from", "06:00:00").unwrap(), minute("from", "23:59").unwrap()), (360, 1439));
        assert!(minute("from", "06:00:30").is_err());
    }
}
