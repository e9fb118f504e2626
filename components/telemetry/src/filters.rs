//! The filters of the lists: a device, a span of time, and how its readings are given. Older clients' names for them are taken too
//! (docs/reference/clients.md#slot-monitoring).

use domain::bucket::{BucketChoice, BucketWidth};
use domain::time::{DAY_MS, MAX_MS, parse_rfc3339};
use kit::db::{Database, Fetch as _};
use kit::input::{At, Code, Field, Input, SchemaRef, Schemas, Timestamp, Value, any_of_schemas};
use kit::page::Order;
use kit::row::FromRow;
use kit::{Problem, params};

/// Of which device, and when.
#[derive(Debug, Input)]
#[input(check)]
pub struct SpanFilters {
    /// The device's code, in any case.
    #[input(alias("device_code"))]
    device: Option<Code>,
    /// The first moment, or the first day (in UTC).
    from: Option<Start>,
    /// The last moment, or the last day (in UTC).
    to: Option<End>,
    /// Another name of `from`.
    start_date: Option<Start>,
    /// Another name of `to`.
    end_date: Option<End>,
}

/// The start of a span: a moment, or a date's first millisecond.
#[derive(Clone, Copy, Debug)]
struct Start(i64);

/// The end of a span: a moment, or a date's last millisecond.
#[derive(Clone, Copy, Debug)]
struct End(i64);

impl Field for Start {
    fn read(value: &Value, at: &mut At<'_>) -> Option<Self> {
        moment(value, 0, at).map(Self)
    }

    fn schema(schemas: &mut Schemas) -> SchemaRef {
        moment_schema(schemas)
    }
}

impl Field for End {
    fn read(value: &Value, at: &mut At<'_>) -> Option<Self> {
        moment(value, DAY_MS - 1, at).map(Self)
    }

    fn schema(schemas: &mut Schemas) -> SchemaRef {
        moment_schema(schemas)
    }
}

/// A timestamp, or a date's start plus `offset`.
fn moment(value: &Value, offset: i64, at: &mut At<'_>) -> Option<i64> {
    let text = value.as_str().unwrap_or_default();
    let moment = if text.len() == 10 {
        parse_rfc3339(&format!("{text}T00:00:00Z")).map(|start| start + offset)
    } else {
        // An offset's `+` that was not escaped arrives as a space.
        parse_rfc3339(text).or_else(|| parse_rfc3339(&text.replace(' ', "+")))
    };
    if moment.is_none() {
        at.refuse("must be an RFC 3339 timestamp or a date such as 2026-02-04");
    }
    moment
}

fn moment_schema(schemas: &mut Schemas) -> SchemaRef {
    let date = <domain::booking_slot::Date as Field>::schema(schemas);
    any_of_schemas([<Timestamp as Field>::schema(schemas), date])
}

impl SpanFilters {
    /// The first and the last moment, milliseconds, both included. Open where not given.
    pub fn span(&self) -> (i64, i64) {
        let from = self.from.or(self.start_date).map_or(0, |start| start.0);
        let to = self.to.or(self.end_date).map_or(MAX_MS, |end| end.0);
        (from, to)
    }

    fn check(&self, at: &mut At<'_>) {
        let (from, to) = self.span();
        let name = if self.to.is_some() { "to" } else { "end_date" };
        at.check_field(from <= to, name, "is before the span's start");
    }

    /// The device that was asked for, if one was; 404 when there is none of that code.
    pub fn device(&self) -> Result<Option<Device>, Problem> {
        let Some(code) = &self.device else { return Ok(None) };
        let device: Option<Device> = Database.fetch_optional("select id, code from devices where code = ?", params![code])?;
        device.map(Some).ok_or_else(|| Problem::not_found("device"))
    }
}

/// Which readings, and how.
#[derive(Debug, Input)]
pub struct ReadingFilters {
    #[input(flatten)]
    pub span: SpanFilters,
    /// Min, mean, max, count and energy by so much time, of one device. `auto` is `5m` for spans up to two days, `1h` up to 31 days, else `1d`.
    bucket: Option<BucketChoice>,
    /// By time; without a device, by device and time. `asc` unless it says otherwise.
    pub order: Option<Order>,
}

impl ReadingFilters {
    /// How wide the buckets are that were asked for, if they were.
    pub fn bucket(&self) -> Option<BucketWidth> {
        let (from, to) = self.span.span();
        self.bucket.map(|choice| choice.width(to.saturating_sub(from)))
    }
}

/// A device's row id and its code as it is written.
#[derive(FromRow)]
pub struct Device {
    pub id: i64,
    pub code: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIDNIGHT: i64 = 1_770_163_200_000;

    fn span(query: &str) -> Result<(i64, i64), Problem> {
        kit::input::parse_query::<SpanFilters>(query, 0).map(|filters| filters.span())
    }

    #[test]
    fn a_date_is_a_whole_day() {
        assert_eq!(span("start_date=2026-02-04&end_date=2026-02-04").unwrap(), (MIDNIGHT, MIDNIGHT + DAY_MS - 1));
        assert_eq!(span("").unwrap(), (0, MAX_MS));
    }

    #[test]
    fn an_offset_is_understood_also_when_its_plus_was_not_escaped() {
        assert_eq!(span("from=2026-02-04T05:30:00%2B05:30").unwrap().0, MIDNIGHT);
        assert_eq!(span("from=2026-02-04T05:30:00+05:30").unwrap().0, MIDNIGHT);
    }

    #[test]
    fn bad_ends_are_named_together_and_a_span_runs_forward() {
        let problem = span("from=yesterday&end_date=2026-02-30").unwrap_err();
        assert_eq!(problem.errors().keys().collect::<Vec<_>>(), ["end_date", "from"]);
        assert!(span("from=2026-02-05&to=2026-02-04").is_err());
    }
}
