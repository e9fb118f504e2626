//! Fields that are moments and dates.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::text::formatted;
use super::{At, Field, SchemaRef, Schemas, TextField};

/// A moment, milliseconds since 1970 in UTC; RFC 3339 outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(pub i64);

impl TextField for Timestamp {
    fn rule() -> String {
        "must be an RFC 3339 timestamp, such as 2026-02-04T10:30:00Z".to_owned()
    }

    fn parse_text(text: &str) -> Option<Self> {
        domain::time::parse_rfc3339(text).map(Self)
    }

    fn text_schema() -> ObjectBuilder {
        formatted("date-time").description(Some("A moment, RFC 3339 with its offset from UTC."))
    }

    fn from_integer(ms: i64) -> Option<Self> {
        Some(Self(ms))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&domain::time::format_rfc3339(self.0))
    }
}

impl PartialSchema for Timestamp {
    fn schema() -> RefOr<Schema> {
        Self::text_schema().description(Some("A moment, RFC 3339 in UTC.")).examples(["2026-02-04T10:30:00Z"]).into()
    }
}

impl ToSchema for Timestamp {
    fn name() -> std::borrow::Cow<'static, str> {
        "Timestamp".into()
    }
}

/// As [`Timestamp`], written with its milliseconds also when they are zero, as the documents are that the schema's triggers write (for
/// the event feed, the outbox and histories): whoever gets a thing from both finds the same text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimestampMillis(pub i64);

impl TextField for TimestampMillis {
    fn rule() -> String {
        Timestamp::rule()
    }

    fn parse_text(text: &str) -> Option<Self> {
        Timestamp::parse_text(text).map(|Timestamp(ms)| Self(ms))
    }

    fn text_schema() -> ObjectBuilder {
        Timestamp::text_schema()
    }

    fn from_integer(ms: i64) -> Option<Self> {
        Some(Self(ms))
    }
}

impl Serialize for TimestampMillis {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&domain::time::format_rfc3339_millis(self.0))
    }
}

impl<'de> Deserialize<'de> for TimestampMillis {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse_text(&text).ok_or_else(|| serde::de::Error::custom(Self::rule()))
    }
}

impl PartialSchema for TimestampMillis {
    fn schema() -> RefOr<Schema> {
        Self::text_schema()
            .description(Some("A moment, RFC 3339 in UTC with its milliseconds."))
            .examples(["2026-02-04T10:30:00.000Z"])
            .into()
    }
}

impl ToSchema for TimestampMillis {
    fn name() -> std::borrow::Cow<'static, str> {
        "TimestampMillis".into()
    }
}

/// When something happened: at most five minutes ahead of our clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recent(pub i64);

/// A moment that lies ahead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Future(pub i64);

macro_rules! bounded_timestamp {
    ($name:ident, |$at:ident, $now:ident| $holds:expr, $reason:literal) => {
        impl Field for $name {
            fn read(value: &Value, at: &mut At<'_>) -> Option<Self> {
                let Timestamp($at) = Timestamp::read(value, at)?;
                let $now = at.now_ms();
                if $holds { Some(Self($at)) } else { at.refused($reason) }
            }

            fn schema(schemas: &mut Schemas) -> SchemaRef {
                <Timestamp as Field>::schema(schemas)
            }
        }
    };
}

bounded_timestamp!(Recent, |at, now| at <= now + domain::time::AHEAD_TOLERANCE_MS, "must not be over 5 minutes ahead");
bounded_timestamp!(Future, |at, now| at > now, "must lie ahead");

impl TextField for domain::booking_slot::Date {
    fn rule() -> String {
        "must be a date, such as 2026-02-05".to_owned()
    }

    fn parse_text(text: &str) -> Option<Self> {
        Self::parse(text)
    }

    fn text_schema() -> ObjectBuilder {
        formatted("date").description(Some("A day, `YYYY-MM-DD`."))
    }
}

impl From<domain::booking_slot::Date> for crate::db::value::Value {
    fn from(date: domain::booking_slot::Date) -> Self {
        date.to_string().into()
    }
}

parameters! {
    [] Recent => |it| it.0;
    [] Future => |it| it.0;
    [] Timestamp => |it| it.0;
    [] TimestampMillis => |it| it.0;
}
