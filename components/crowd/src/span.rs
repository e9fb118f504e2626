//! Spans of time in query strings.

use domain::time::parse_rfc3339;
use kit::input::{At, Input, TextField, Timestamp};
use utoipa::openapi::ObjectBuilder;

/// From when to when; both ends are included.
#[derive(Clone, Copy, Debug, Input)]
#[input(check)]
pub struct Span {
    /// The first moment.
    pub from: Option<Moment>,
    /// The last moment.
    pub to: Option<Moment>,
}

impl Span {
    fn check(&self, at: &mut At<'_>) {
        let runs_forward = self.from.zip(self.to).is_none_or(|(from, to)| from <= to);
        at.check_field(runs_forward, "to", "is before the span's start");
    }
}

/// A moment, milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(pub i64);

impl TextField for Moment {
    fn rule() -> String {
        "must be an RFC 3339 timestamp".to_owned()
    }

    fn parse_text(text: &str) -> Option<Self> {
        // An offset's `+` that was not escaped arrives as a space.
        parse_rfc3339(text).or_else(|| parse_rfc3339(&text.replace(' ', "+"))).map(Self)
    }

    fn text_schema() -> ObjectBuilder {
        Timestamp::text_schema()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(query: &str) -> Vec<String> {
        kit::input::parse_query::<Span>(query, 0).unwrap_err().errors().keys().cloned().collect()
    }

    #[test]
    fn an_offset_is_understood_also_when_its_plus_was_not_escaped() {
        for query in ["from=2026-02-04T05:30:00%2B05:30", "from=2026-02-04T05:30:00+05:30", "from=2026-02-04T00:00:00Z"] {
            assert_eq!(kit::input::parse_query::<Span>(query, 0).unwrap().from, Some(Moment(1_770_163_200_000)), "{query}");
        }
    }

    #[test]
    fn bad_ends_are_named_together_and_a_span_runs_forward() {
        assert_eq!(refused("from=today&to=x"), ["from", "to"]);
        assert_eq!(refused("from=2026-02-05T00:00:00Z&to=2026-02-04T00:00:00Z"), ["to"]);
    }
}
