//! What became of the parts of a bulk request, each judged by itself.

use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, Schema, Type};

use crate::problem::FieldErrors;

/// `accepted + duplicate + rejected` is how many parts were sent.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct Tally {
    /// Stored now.
    #[schema(example = 98)]
    pub accepted: usize,
    /// Stored already.
    #[schema(example = 1)]
    pub duplicate: usize,
    /// Refused, each with its reason in `errors`.
    #[schema(example = 1)]
    rejected: usize,
    /// What was refused.
    errors: Vec<Rejection>,
}

/// A part that was refused.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Rejection {
    /// Its place, from 0; blank lines of NDJSON have none.
    #[schema(example = 41)]
    index: usize,
    /// Why, in a sentence.
    #[schema(example = "invalid: voltage")]
    reason: String,
    /// The reasons by field.
    #[serde(skip_serializing_if = "FieldErrors::is_empty")]
    #[schema(required = false, schema_with = reasons_by_field)]
    errors: FieldErrors,
}

fn reasons_by_field() -> Schema {
    let reasons = ArrayBuilder::new().items(ObjectBuilder::new().schema_type(Type::String)).build();
    let object = ObjectBuilder::new().schema_type(Type::Object).description(Some("The reasons by field; left out where there are none."));
    object.additional_properties(Some(Schema::Array(reasons))).build().into()
}

impl Tally {
    /// How many were refused.
    pub fn rejected(&self) -> usize {
        self.rejected
    }

    /// What was refused, in the order of the parts.
    pub fn rejections(&self) -> &[Rejection] {
        &self.errors
    }

    /// Refuses the part at `index`.
    pub fn reject(&mut self, index: usize, reason: impl Into<String>) {
        self.push(index, reason.into(), FieldErrors::new());
    }

    /// Refuses the part at `index` for its bad fields.
    pub fn reject_fields(&mut self, index: usize, errors: FieldErrors) {
        let names: Vec<_> = errors.keys().map(String::as_str).collect();
        self.push(index, format!("invalid: {}", names.join(", ")), errors);
    }

    fn push(&mut self, index: usize, reason: String, errors: FieldErrors) {
        self.rejected += 1;
        let place = self.errors.partition_point(|other| other.index <= index);
        self.errors.insert(place, Rejection { index, reason, errors });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_told_in_the_order_of_the_parts() {
        let mut tally = Tally { accepted: 2, ..Tally::default() };
        tally.reject(3, "there is no such active device");
        tally.reject_fields(1, FieldErrors::from([("voltage".to_owned(), vec!["is required".to_owned()])]));
        let json = serde_json::to_value(&tally).unwrap();
        assert_eq!(json["rejected"], 2);
        assert_eq!(json["errors"][0]["reason"], "invalid: voltage");
        assert_eq!(json["errors"][1], serde_json::json!({ "index": 3, "reason": "there is no such active device" }));
    }
}
