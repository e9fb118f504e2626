//! Requests in the API document: objects and their properties.

use serde_json::{Value, json};
use utoipa::openapi::Ref;
use utoipa::openapi::extensions::Extensions;
use utoipa::openapi::schema::{AdditionalProperties, ObjectBuilder, Schema, Type};

use super::shape::{described, nullable, of_type, own_description};
use super::{Field, Input, Object, SchemaRef, Schemas};

/// A field of an [`Input`], as the API document describes it.
pub struct Property {
    /// Its name.
    pub name: &'static str,
    /// Its schema.
    pub schema: SchemaRef,
    /// Whether it must be sent.
    pub required: bool,
    /// Its doc comment, or else what its type says of itself, with the other names under which it is read.
    pub description: String,
    /// Other names under which it is read.
    pub aliases: &'static [&'static str],
}

impl Property {
    /// Of a field of type `T`.
    pub fn new<T: Field>(
        name: &'static str,
        aliases: &'static [&'static str],
        description: &str,
        has_default: bool,
        schemas: &mut Schemas,
    ) -> Self {
        let required = !has_default && T::absent().is_none();
        let schema = T::schema(schemas);
        let takes_null = has_default || T::null().is_some();
        let schema = if takes_null && !T::NULLABLE { nullable(schema) } else { schema };
        let mut description = description.to_owned();
        if description.is_empty() {
            description = own_description(&schema).unwrap_or_default();
        }
        if !aliases.is_empty() {
            let names = aliases.iter().map(|alias| format!("`{alias}`")).collect::<Vec<_>>().join(", ");
            description = format!("{description}\n\nAlso read as {names}.").trim().to_owned();
        }
        Self { name, schema, required, description, aliases }
    }

    /// Of a field of the answer that the request does not take.
    pub fn read_only(name: &'static str) -> Self {
        Self {
            name,
            schema: of_type(Type::Null).description(Some("Must not be sent.")).into(),
            required: false,
            description: "Read-only.".to_owned(),
            aliases: &[],
        }
    }
}

/// Before and after every moment that stands in an example: one says what is to come, another what has been.
const EXAMPLES_AT: [i64; 2] = [0, 1_800_000_000_000];

/// The moments that stand in a value: a rule may want to be asked near them.
fn moments(value: &Value) -> Vec<i64> {
    match value {
        Value::String(text) => domain::time::parse_rfc3339(text).into_iter().collect(),
        Value::Array(items) => items.iter().flat_map(moments).collect(),
        Value::Object(fields) => fields.values().flat_map(moments).collect(),
        _ => Vec::new(),
    }
}

/// The example of an [`Input`] for the API document.
///
/// # Panics
/// If it would be refused at whatever time: whoever has written it learns that from the tests of the document, which describe every input of every
/// component.
pub fn example<T: Input>() -> Option<Value> {
    let text = T::example()?;
    let value: Option<Value> = serde_json::from_str(text).ok();
    let times = EXAMPLES_AT.into_iter().chain(value.as_ref().map(moments).unwrap_or_default());
    let refusals: Result<Vec<_>, ()> = times.map(|now| super::parse::<T>(text.as_bytes(), now).err().ok_or(())).collect();
    assert!(refusals.is_err(), "the example of {} is refused: {refusals:?}", T::NAME);
    value
}

/// The schema of an [`Input`]: an object with its properties.
pub fn object_schema<T: Input>(schemas: &mut Schemas) -> SchemaRef {
    let mut object = ObjectBuilder::new().description(Some(T::DESCRIPTION).filter(|text| !text.is_empty()));
    let mut names = Vec::new();
    for property in T::properties(schemas) {
        if property.required && property.aliases.is_empty() {
            object = object.required(property.name);
        } else if property.required {
            names.push(one_of_its_names(&property));
        }
        object = object.property(property.name, described(property.schema, &property.description));
    }
    if T::REFUSES_UNKNOWN {
        object = object.additional_properties(Some(AdditionalProperties::<Schema>::FreeForm(false)));
    }
    let mut object = object.examples(example::<T>().into_iter().collect::<Vec<Value>>()).build();
    // Keywords that utoipa's objects do not have.
    let keyword = match names.len() {
        0 => None,
        1 => names.pop().map(|any_of| ("anyOf".to_owned(), any_of)),
        _ => Some(("allOf".to_owned(), names.into_iter().map(|any_of| json!({ "anyOf": any_of })).collect())),
    };
    object.extensions = keyword.map(|keyword| Extensions::from_iter([keyword]));
    object.into()
}

/// That a field must be sent by its name or another. An alias is looked at, and must be good, where none of the names before it is sent.
fn one_of_its_names(property: &Property) -> Value {
    let schema = described(property.schema.clone(), &format!("Another name of `{}`.", property.name));
    let mut good = Object::new();
    let by_alias = property.aliases.iter().map(|alias| {
        good.insert((*alias).to_owned(), json!(schema));
        json!({ "required": [alias], "properties": good })
    });
    std::iter::once(json!({ "required": [property.name] })).chain(by_alias).collect()
}

/// A reference to the schema of an [`Input`], which is added to `schemas` unless it is there. One of the same name that differs is added as
/// well: the API document refuses the two.
pub fn reference<T: Input>(schemas: &mut Schemas) -> SchemaRef {
    let reference: SchemaRef = Ref::from_schema_name(T::NAME).into();
    // Marks it while it is described, so that a type that contains itself ends.
    let mark = (std::any::type_name::<T>().to_owned(), reference.clone());
    if !schemas.contains(&mark) {
        schemas.push(mark.clone());
        let named = (T::NAME.to_owned(), object_schema::<T>(schemas));
        schemas.retain(|schema| *schema != mark);
        add(schemas, named);
    }
    reference
}

/// Adds a named schema unless the same is there.
pub(crate) fn add(schemas: &mut Schemas, named: (String, SchemaRef)) {
    if !schemas.contains(&named) {
        schemas.push(named);
    }
}
