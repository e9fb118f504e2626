//! Limits of a site as they are sent under `thresholds`.

use kit::input::{At, Field, Int, SchemaRef, Schemas, Value};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{AdditionalProperties, ObjectBuilder, Schema, Type};

use crate::sites::MAX_CAPACITY;

/// The limits that there are.
const NAMES: [&str; 1] = ["low_spots"];

type LowSpots = Int<0, MAX_CAPACITY>;

/// Limits of a site. A limit that nothing looks at would only seem to be set: it is refused.
pub struct Thresholds {
    low_spots: Option<LowSpots>,
}

impl Field for Thresholds {
    fn read(value: &Value, at: &mut At<'_>) -> Option<Self> {
        let Value::Object(object) = value else {
            at.refuse("must be an object");
            return None;
        };
        let mut is_good = true;
        for name in object.keys().filter(|name| !NAMES.contains(&name.as_str())) {
            is_good = false;
            at.inside(name, |at| at.refuse(format!("is not a limit: there is {}", NAMES.join(", "))));
        }
        let low_spots = match object.get(NAMES[0]).filter(|value| !value.is_null()) {
            Some(value) => Some(at.inside(NAMES[0], |at| LowSpots::read(value, at))?),
            None => None,
        };
        is_good.then_some(Self { low_spots })
    }

    fn schema(schemas: &mut Schemas) -> SchemaRef {
        let object =
            ObjectBuilder::new().schema_type(Type::Object).additional_properties(Some(AdditionalProperties::<Schema>::FreeForm(false)));
        let mut low_spots = LowSpots::schema(schemas);
        if let RefOr::T(Schema::Object(number)) = &mut low_spots {
            number.description = Some("Fewer free spots than this raise an alert.".to_owned());
        }
        object.property(NAMES[0], low_spots).into()
    }
}

/// As they are stored.
impl From<Thresholds> for kit::db::Value {
    fn from(thresholds: Thresholds) -> Self {
        let limits = thresholds.low_spots.map(|limit| (NAMES[0], *limit));
        serde_json::to_string(&limits.into_iter().collect::<std::collections::BTreeMap<_, _>>()).map_or(Self::Null, Self::Text)
    }
}
