//! Times of a temple's clock and days of its week, as clients write them.

use domain::booking_slot::{Slot, WEEKDAYS, format_minute, parse_minute};
use kit::db;
use kit::input::{At, Input, List, Object, Property, Schemas, TextField, pattern};
use serde::{Serialize, Serializer};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

/// A time on the temple's clock, `00:00` to `24:00`; kept as minutes since midnight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockTime(pub u16);

impl TextField for ClockTime {
    fn rule() -> String {
        "must be a time, such as 06:00".to_owned()
    }

    fn parse_text(text: &str) -> Option<Self> {
        parse_minute(text).map(Self)
    }

    fn text_schema() -> ObjectBuilder {
        pattern("^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$")
    }

    fn from_integer(minutes: i64) -> Option<Self> {
        u16::try_from(minutes).ok().map(Self)
    }
}

impl Serialize for ClockTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format_minute(self.0))
    }
}

impl PartialSchema for ClockTime {
    fn schema() -> RefOr<Schema> {
        Self::text_schema().examples(["06:00"]).into()
    }
}

impl ToSchema for ClockTime {
    fn name() -> std::borrow::Cow<'static, str> {
        "ClockTime".into()
    }
}

/// A day of the week, written as its name; kept as its number, from 1, Monday, to 7.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Weekday(pub i64);

impl Weekday {
    /// Such as `monday`.
    pub fn name(self) -> &'static str {
        usize::try_from(self.0 - 1).ok().and_then(|index| WEEKDAYS.get(index)).copied().unwrap_or_default()
    }
}

impl TextField for Weekday {
    fn rule() -> String {
        format!("must be one of {}", WEEKDAYS.join(", "))
    }

    fn parse_text(text: &str) -> Option<Self> {
        (1..).map(Self).zip(WEEKDAYS).find(|(_, name)| *name == text).map(|(weekday, _)| weekday)
    }

    fn text_schema() -> ObjectBuilder {
        ObjectBuilder::new().schema_type(Type::String).enum_values(Some(WEEKDAYS))
    }

    fn from_integer(number: i64) -> Option<Self> {
        (1..=7).contains(&number).then_some(Self(number))
    }
}

impl From<Weekday> for db::Value {
    fn from(weekday: Weekday) -> Self {
        weekday.0.into()
    }
}

impl Serialize for Weekday {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl PartialSchema for Weekday {
    fn schema() -> RefOr<Schema> {
        Self::text_schema().into()
    }
}

impl ToSchema for Weekday {
    fn name() -> std::borrow::Cow<'static, str> {
        "Weekday".into()
    }
}

/// One day of the week as `weekday`, or several as `weekdays`: each once, Monday first.
#[derive(Debug)]
pub struct Weekdays(pub Vec<Weekday>);

type SeveralWeekdays = List<Weekday, 1, { WEEKDAYS.len() }>;

impl Input for Weekdays {
    const NAME: &'static str = "Weekdays";
    const DESCRIPTION: &'static str = "The days of the week.";

    fn read(object: &Object, at: &mut At<'_>) -> Option<Self> {
        let several = at.field::<Option<SeveralWeekdays>>(object, "weekdays", &[]);
        let one = at.field::<Option<Weekday>>(object, "weekday", &[]);
        let mut weekdays: Vec<_> = several?.into_iter().flatten().chain(one?).collect();
        if weekdays.is_empty() {
            at.refuse_field("weekdays", "is required");
            return None;
        }
        weekdays.sort_unstable();
        weekdays.dedup();
        Some(Self(weekdays))
    }

    fn knows(name: &str) -> bool {
        ["weekdays", "weekday"].contains(&name)
    }

    fn properties(schemas: &mut Schemas) -> Vec<Property> {
        vec![
            Property::new::<Option<SeveralWeekdays>>("weekdays", &[], "The days; required unless `weekday` is sent.", false, schemas),
            Property::new::<Option<Weekday>>("weekday", &[], "One day, in place of `weekdays` or beside them.", false, schemas),
        ]
    }
}

/// When a slot begins and ends: `start` and `end`, or both as `slot`.
#[derive(Clone, Copy, Debug)]
pub struct SlotTimes(pub Slot);

/// Both times of a slot in one text.
struct SlotText(Slot);

impl TextField for SlotText {
    fn rule() -> String {
        "must be two times of one day, such as 06:00-07:00".to_owned()
    }

    fn parse_text(text: &str) -> Option<Self> {
        Slot::parse(text).map(Self)
    }

    fn text_schema() -> ObjectBuilder {
        pattern("^([01][0-9]|2[0-3]):[0-5][0-9]-(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$")
    }
}

impl Input for SlotTimes {
    const NAME: &'static str = "SlotTimes";
    const DESCRIPTION: &'static str = "When a slot begins and ends.";

    fn read(object: &Object, at: &mut At<'_>) -> Option<Self> {
        if let Some(SlotText(slot)) = at.field::<Option<SlotText>>(object, "slot", &[])? {
            return Some(Self(slot));
        }
        let start = at.field::<ClockTime>(object, "start", &[]);
        let end = at.field::<ClockTime>(object, "end", &[]);
        let slot = Slot::new(start?.0, end?.0);
        at.check_field(slot.is_some(), "end", "must come after the start, by 24:00");
        slot.map(Self)
    }

    fn knows(name: &str) -> bool {
        ["slot", "start", "end"].contains(&name)
    }

    fn properties(schemas: &mut Schemas) -> Vec<Property> {
        let required = "Required unless `slot` is sent.";
        vec![
            Property::new::<Option<SlotText>>("slot", &[], "Both times, in place of `start` and `end`.", false, schemas),
            Property::new::<Option<ClockTime>>("start", &[], required, false, schemas),
            Property::new::<Option<ClockTime>>("end", &[], &format!("After the start. {required}"), false, schemas),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_weekday_is_named_and_numbered_from_monday() {
        assert_eq!(Weekday::parse_text("monday"), Some(Weekday(1)));
        assert_eq!(Weekday::parse_text("sunday"), Some(Weekday(7)));
        assert_eq!(Weekday::parse_text("funday"), None);
        for number in 1..=7 {
            let weekday = Weekday::from_integer(number).unwrap();
            assert_eq!(Weekday::parse_text(weekday.name()), Some(weekday));
        }
        assert_eq!(Weekday::from_integer(0), None);
    }
}
