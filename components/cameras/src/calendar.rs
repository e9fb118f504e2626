//! Times of the day and days of the week, as rules and schedules take them.

use domain::booking_slot::{DAY_MINUTES, WEEKDAYS, parse_minute};
use domain::camera::hours::days_of;
use kit::db;
use kit::input::{At, Field, SchemaRef, Schemas, TextField, Value};

/// A time of the day, such as `08:00`, minutes since midnight.
#[derive(Clone, Copy)]
pub struct TimeOfDay(pub u16);

/// The beginning of a day.
pub const MIDNIGHT: TimeOfDay = TimeOfDay(0);
/// Its end.
pub const END_OF_DAY: TimeOfDay = TimeOfDay(DAY_MINUTES);

impl TextField for TimeOfDay {
    fn rule() -> String {
        "must be a time of the day in whole minutes, such as 08:00, at most 24:00".to_owned()
    }

    fn parse_text(text: &str) -> Option<Self> {
        // Older clients write seconds, and the end of a day as its last one.
        match text {
            "23:59:59" => Some(END_OF_DAY),
            _ => parse_minute(text.strip_suffix(":00").filter(|_| text.len() == 8).unwrap_or(text)).map(Self),
        }
    }

    fn text_schema() -> utoipa::openapi::ObjectBuilder {
        kit::input::pattern("^([01][0-9]|2[0-3]):[0-5][0-9](:00)?$|^24:00(:00)?$|^23:59:59$")
    }
}

impl From<TimeOfDay> for db::Value {
    fn from(time: TimeOfDay) -> Self {
        i64::from(time.0).into()
    }
}

/// Days of the week, by their names; bit 0 is Monday.
#[derive(Clone, Copy)]
pub struct Days(pub i64);

impl Field for Days {
    fn read(value: &Value, at: &mut At<'_>) -> Option<Self> {
        let names = value.as_array().filter(|names| names.len() <= WEEKDAYS.len());
        let names: Option<Vec<&str>> = names.and_then(|names| names.iter().map(Value::as_str).collect());
        let days = names.and_then(|names| days_of(&names));
        if days.is_none() {
            at.refuse(format!("must be a list of up to seven of {}", WEEKDAYS.join(", ")));
        }
        days.map(Self)
    }

    fn schema(_: &mut Schemas) -> SchemaRef {
        let day = kit::input::pattern(&format!("^({})$", WEEKDAYS.join("|")));
        kit::input::array_of(day.into(), 0, WEEKDAYS.len())
    }
}

impl From<Days> for db::Value {
    fn from(days: Days) -> Self {
        days.0.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_in_whole_minutes() {
        let read = |text| TimeOfDay::parse_text(text).map(|time| time.0);
        for (text, minutes) in [("08:00", 480), ("08:00:00", 480), ("24:00", 1440), ("23:59:59", 1440), ("00:00:00", 0)] {
            assert_eq!(read(text), Some(minutes), "{text}");
        }
        for text in ["08:00:30", "8:00", "24:01", "", "08:00:", "24:00:01"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
