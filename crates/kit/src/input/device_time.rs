//! When a device says that something was.

use domain::reading::check_timestamp;
use serde_json::Value;

use super::{At, Field, SchemaRef, Schemas, Timestamp};

/// A device's own time of a count or a position, milliseconds: not before the year 2000, and at most five minutes ahead of our clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DeviceTime(pub i64);

impl Field for DeviceTime {
    fn read(value: &Value, at: &mut At<'_>) -> Option<Self> {
        let mut errors = domain::FieldErrors::new();
        let moment = check_timestamp(Some(value.as_str().unwrap_or_default().trim()), at.now_ms(), &mut errors);
        errors.into_iter().for_each(|(_, reason)| at.refuse(reason));
        moment.map(Self)
    }

    fn schema(schemas: &mut Schemas) -> SchemaRef {
        <Timestamp as Field>::schema(schemas)
    }
}
