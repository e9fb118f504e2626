//! The filters that the lists share: a device, and a span of time. S2's names for them are taken too.

use domain::time::{DAY_MS, MAX_MS, parse_rfc3339};
use kit::page::Listing;
use kit::problem::FieldErrors;
use kit::{Problem, db, params};

/// The filters' names.
pub const FILTERS: [&str; 6] = ["device", "device_code", "from", "to", "start_date", "end_date"];

/// A span of time in milliseconds, both ends included.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    pub from: i64,
    pub to: i64,
}

impl Span {
    /// Of `from` or `start_date`, and `to` or `end_date`: timestamps, or dates, which are whole days in UTC. Open where not given.
    pub fn of(listing: &Listing) -> Result<Self, Problem> {
        let mut errors = FieldErrors::new();
        let mut end = |names: [&str; 2], offset: i64, open: i64| {
            let Some((name, text)) = names.into_iter().find_map(|name| Some((name, listing.filter(name)?))) else { return open };
            moment(text, offset).unwrap_or_else(|| {
                let reason = "must be an RFC 3339 timestamp or a date such as 2026-02-04".to_owned();
                errors.entry(name.to_owned()).or_default().push(reason);
                open
            })
        };
        let from = end(["from", "start_date"], 0, 0);
        let to = end(["to", "end_date"], DAY_MS - 1, MAX_MS);
        if from > to {
            let name = if listing.filter("to").is_some() { "to" } else { "end_date" };
            errors.entry(name.to_owned()).or_default().push("is before the span's start".to_owned());
        }
        if errors.is_empty() { Ok(Self { from, to }) } else { Err(Problem::invalid(errors)) }
    }
}

/// A timestamp, or a date's start plus `offset`.
fn moment(text: &str, offset: i64) -> Option<i64> {
    if text.len() == 10 {
        return Some(parse_rfc3339(&format!("{text}T00:00:00Z"))? + offset);
    }
    // An offset's `+` that was not escaped arrives as a space.
    parse_rfc3339(text).or_else(|| parse_rfc3339(&text.replace(' ', "+")))
}

/// A device's row id and its code as it is written.
pub struct Device {
    pub id: i64,
    pub code: String,
}

/// The device of the filter `device` or `device_code`, in any case; none when neither is given, 404 when there is no such device.
pub fn device(listing: &Listing) -> Result<Option<Device>, Problem> {
    let Some(code) = listing.filter("device").or_else(|| listing.filter("device_code")) else { return Ok(None) };
    let rows = db::run("select id, code from devices where code = ?", params![code])?;
    let row = rows.first().ok_or_else(|| Problem::not_found("device"))?;
    Ok(Some(Device { id: row.int(0)?, code: row.text(1)?.to_owned() }))
}

/// The whole number at a position of the list's cursor.
pub fn after(listing: &Listing, position: usize) -> Option<i64> {
    match listing.after_int(position) {
        db::Value::Integer(value) => Some(value),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIDNIGHT: i64 = 1_770_163_200_000;

    fn span(query: &str) -> Result<Span, Problem> {
        Span::of(&Listing::parse(query, &FILTERS).unwrap())
    }

    #[test]
    fn a_date_is_a_whole_day() {
        let day = span("start_date=2026-02-04&end_date=2026-02-04").unwrap();
        assert_eq!((day.from, day.to), (MIDNIGHT, MIDNIGHT + DAY_MS - 1));
        let open = span("").unwrap();
        assert_eq!((open.from, open.to), (0, MAX_MS));
    }

    #[test]
    fn an_offset_is_understood_also_when_its_plus_was_not_escaped() {
        assert_eq!(span("from=2026-02-04T05:30:00%2B05:30").unwrap().from, MIDNIGHT);
        assert_eq!(span("from=2026-02-04T05:30:00+05:30").unwrap().from, MIDNIGHT);
    }

    #[test]
    fn bad_ends_are_named_together_and_a_span_runs_forward() {
        let problem = span("from=yesterday&end_date=2026-02-30").unwrap_err();
        assert_eq!(problem.errors().keys().collect::<Vec<_>>(), ["end_date", "from"]);
        assert!(span("from=2026-02-05&to=2026-02-04").is_err());
    }
}
