//! Schemas, and the same described, or with null, or without it.

use serde_json::Value;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{AnyOfBuilder, ArrayBuilder, ObjectBuilder, OneOfBuilder, Schema, SchemaType, Type};

use super::SchemaRef;

/// What a schema says of itself.
pub(super) fn own_description(schema: &SchemaRef) -> Option<String> {
    match schema {
        RefOr::T(Schema::Object(object)) => object.description.clone(),
        RefOr::T(Schema::Array(array)) => array.description.clone(),
        RefOr::T(Schema::OneOf(one_of)) => one_of.description.clone(),
        RefOr::T(Schema::AnyOf(any_of)) => any_of.description.clone(),
        _ => None,
    }
}

/// With this description.
pub(super) fn described(schema: SchemaRef, description: &str) -> SchemaRef {
    if description.is_empty() {
        return schema;
    }
    let text = description.to_owned();
    let description = Some(text.clone());
    match schema {
        RefOr::T(Schema::Object(mut object)) => {
            object.description = description;
            RefOr::T(Schema::Object(object))
        }
        RefOr::T(Schema::Array(mut array)) => {
            array.description = description;
            RefOr::T(Schema::Array(array))
        }
        RefOr::T(Schema::AnyOf(mut any_of)) => {
            any_of.description = description;
            RefOr::T(Schema::AnyOf(any_of))
        }
        RefOr::T(Schema::OneOf(mut one_of)) => {
            one_of.description = description;
            RefOr::T(Schema::OneOf(one_of))
        }
        RefOr::Ref(mut reference) => {
            reference.description = text;
            RefOr::Ref(reference)
        }
        other => other,
    }
}

/// The same, or null.
pub(super) fn nullable(schema: SchemaRef) -> SchemaRef {
    let with_null = |schema_type: SchemaType| match schema_type {
        SchemaType::Type(one) if one != Type::Null => SchemaType::Array(vec![one, Type::Null]),
        SchemaType::Array(mut many) if !many.contains(&Type::Null) => {
            many.push(Type::Null);
            SchemaType::Array(many)
        }
        other => other,
    };
    match schema {
        RefOr::T(Schema::Object(mut object)) => {
            object.schema_type = with_null(object.schema_type);
            if let Some(values) = object.enum_values.as_mut().filter(|values| !values.contains(&Value::Null)) {
                values.push(Value::Null);
            }
            RefOr::T(Schema::Object(object))
        }
        RefOr::T(Schema::Array(mut array)) => {
            array.schema_type = with_null(array.schema_type);
            RefOr::T(Schema::Array(array))
        }
        other => OneOfBuilder::new().item(ObjectBuilder::new().schema_type(Type::Null)).item(other).into(),
    }
}

/// Without the null that a body may have, for a query string that has none.
pub(crate) fn without_null(schema: SchemaRef) -> SchemaRef {
    match schema {
        RefOr::T(Schema::Object(mut object)) => {
            if let SchemaType::Array(types) = &object.schema_type
                && let Some(one) = types.iter().find(|one| **one != Type::Null)
            {
                object.schema_type = SchemaType::Type(one.clone());
            }
            if let Some(values) = object.enum_values.as_mut() {
                values.retain(|value| !value.is_null());
            }
            RefOr::T(Schema::Object(object))
        }
        RefOr::T(Schema::OneOf(mut one_of)) => {
            let is_null =
                |item: &SchemaRef| matches!(item, RefOr::T(Schema::Object(object)) if object.schema_type == SchemaType::Type(Type::Null));
            one_of.items.retain(|item| !is_null(item));
            match <[SchemaRef; 1]>::try_from(one_of.items.clone()) {
                Ok([only]) => only,
                Err(_) => RefOr::T(Schema::OneOf(one_of)),
            }
        }
        other => other,
    }
}

/// The same, or an empty text: an empty parameter of a query is one that was not given.
pub(crate) fn or_empty(schema: SchemaRef) -> SchemaRef {
    match schema {
        RefOr::T(Schema::Object(mut object)) if object.schema_type == SchemaType::Type(Type::String) && object.format.is_none() => {
            object.min_length = None;
            object.pattern = object.pattern.map(|pattern| format!("^$|{pattern}"));
            if let Some(values) = object.enum_values.as_mut() {
                values.push(Value::String(String::new()));
            }
            RefOr::T(Schema::Object(object))
        }
        other => any_of_schemas([other, of_type(Type::String).max_length(Some(0)).into()]),
    }
}

/// The schema of a type by its JSON type.
pub(super) fn of_type(schema_type: Type) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(schema_type)
}

/// The schema of a value that has one of several shapes. One that fits two of them, such as an empty page, is good as well.
pub fn any_of_schemas<const N: usize>(schemas: [SchemaRef; N]) -> SchemaRef {
    RefOr::T(Schema::AnyOf(schemas.into_iter().fold(AnyOfBuilder::new(), AnyOfBuilder::item).build()))
}

/// The schema of an array.
pub fn array_of(items: SchemaRef, min: usize, max: usize) -> SchemaRef {
    ArrayBuilder::new().items(items).min_items(Some(min).filter(|min| *min > 0)).max_items(Some(max)).into()
}
