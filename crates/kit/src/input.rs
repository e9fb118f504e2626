//! What callers send, declared once: a struct whose field types carry the rule and its schema.
//!
//! `#[derive(Input)]` makes a struct a request: of a JSON body ([`crate::request::Body`]) or of a query string
//! ([`crate::request::Query`], [`crate::page::Listing`]). It is parsed, with every bad field named at once, and never checked afterwards:
//!
//! ```ignore
//! /// A wish for places in a slot.
//! #[derive(Input)]
//! #[input(check, example = r#"{"temple_id": "somnath", "party_size": 2}"#)]
//! struct BookingRequest {
//!     /// The temple's slug.
//!     #[input(alias("temple"))]
//!     temple_id: Slug,
//!     party_size: Int<1, 10>,
//!     #[input(default)]
//!     visitors: List<Visitor, 0, 10>,
//! }
//! ```
//!
//! - A field that is not sent or null is missing, unless its type is an `Option`, a [`Patch`], or it has `#[input(default)]`.
//! - `alias("…")` names what older clients write; `rename = "…"` gives a name that Rust does not allow; `flatten` takes in another input.
//! - `same_as_path = "…"` is for a field of a change that names what the path names: it may be repeated, and cannot be changed.
//! - `#[input(read_only("…"))]` names fields of the answer that a request does not take: whoever sends one back would think it was changed.
//! - `#[input(check)]` calls the struct's own `fn check(&self, at: &mut At)`, for rules that bind several fields, when each is good by itself.
//! - A field's doc comment is its description in the API document; without one, what its type says of itself.
//! - Unknown fields are left alone: old clients send some.

mod change;
mod device_time;
mod text;
mod time;
mod types;

pub use serde_json::Value;
use serde_json::{Map, json};
use utoipa::openapi::extensions::Extensions;
use utoipa::openapi::schema::{AnyOfBuilder, ArrayBuilder, ObjectBuilder, OneOfBuilder, Schema, SchemaType, Type};
use utoipa::openapi::{Ref, RefOr};

pub use change::{Immutable, NotNull, Patch};
pub use device_time::DeviceTime;
pub use kit_macros::Input;
pub use text::{TextEnum, TextField, one_of, pattern, text_enum_schema};
pub use time::{Future, Recent, Timestamp, TimestampMillis};
pub use types::{Code, Id, Int, JsonObject, List, Location, Number, NumberOrText, Secret, Slug, Text, plain_text};

use crate::Problem;
use crate::problem::FieldErrors;

/// A JSON object.
pub type Object = Map<String, Value>;
/// A schema, or a reference to one by name.
pub type SchemaRef = RefOr<Schema>;
/// Named schemas that references point to.
pub type Schemas = Vec<(String, SchemaRef)>;

/// A struct that is read from an object, see the [module](self).
pub trait Input: Sized {
    /// Its name in the API document.
    const NAME: &'static str;
    /// What the API document says of it.
    const DESCRIPTION: &'static str;
    /// Whether a field of its own must be the same as a parameter of the path.
    const NAMES_PATH: bool = false;

    /// Reads the fields; none when one was refused.
    fn read(object: &Object, at: &mut At<'_>) -> Option<Self>;

    /// Whether it has a field of this name, or reads one by it.
    fn knows(name: &str) -> bool;

    /// The fields, for the API document.
    fn properties(schemas: &mut Schemas) -> Vec<Property>;

    /// A whole and valid one as JSON, for the API document.
    fn example() -> Option<&'static str> {
        None
    }
}

/// A type that a field of a request may have.
pub trait Field: Sized {
    /// Reads a value that was sent and is not null; refuses it with [`At::refuse`] and gives none.
    fn read(value: &Value, at: &mut At<'_>) -> Option<Self>;

    /// What stands for a field that was not sent; none when it must be.
    fn absent() -> Option<Self> {
        None
    }

    /// What stands for null: as if it was not sent.
    fn null() -> Option<Self> {
        Self::absent()
    }

    /// Whether its schema allows null by itself.
    const NULLABLE: bool = false;

    /// Its schema; named ones are added to `schemas`.
    fn schema(schemas: &mut Schemas) -> SchemaRef;
}

/// Where in a request something is being read, and what was refused so far.
pub struct At<'a> {
    path: String,
    errors: &'a mut FieldErrors,
    now_ms: i64,
    textual: bool,
    path_values: &'a [(String, String)],
}

impl<'a> At<'a> {
    /// At the top of a body (`textual: false`), or of a query string, whose numbers and booleans are texts.
    pub fn top(errors: &'a mut FieldErrors, now_ms: i64, textual: bool) -> Self {
        Self { path: String::new(), errors, now_ms, textual, path_values: &[] }
    }

    /// With the parameters of the request's path.
    #[must_use]
    pub fn with_path(self, path_values: &'a [(String, String)]) -> Self {
        Self { path_values, ..self }
    }

    /// Refuses a field that is not, in any case, what the path names.
    pub fn same_as_path<T: std::ops::Deref<Target = str>>(
        &mut self,
        sent: Option<Option<T>>,
        name: &str,
        parameter: &str,
    ) -> Option<Option<T>> {
        let named = self.path_values.iter().find(|(known, _)| known == parameter).map(|(_, value)| value.as_str());
        let other = sent.iter().flatten().any(|sent| named.is_some_and(|named| !sent.eq_ignore_ascii_case(named)));
        self.check_field(!other, name, "cannot be changed");
        sent
    }

    /// Refuses these fields where they are sent, unless as null, or as the parameter of this name in the path.
    pub fn refuse_read_only(&mut self, object: &Object, names: &[&str]) {
        for name in names {
            let Some(sent) = object.get(*name).filter(|sent| !sent.is_null()) else { continue };
            let named = self.path_values.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
            let is_named = named.zip(sent.as_str()).is_some_and(|(named, sent)| named.eq_ignore_ascii_case(sent.trim()));
            self.check_field(is_named, name, "is read-only");
        }
    }

    /// The time of the request, milliseconds.
    pub fn now_ms(&self) -> i64 {
        self.now_ms
    }

    /// Whether numbers and booleans are written as texts, as in a query string.
    pub fn is_textual(&self) -> bool {
        self.textual
    }

    /// Refuses what stands here.
    pub fn refuse(&mut self, reason: impl Into<String>) {
        let name = if self.path.is_empty() { "body" } else { &self.path };
        self.errors.entry(name.to_owned()).or_default().push(reason.into());
    }

    /// Refuses the field of this name in the object that stands here.
    pub fn refuse_field(&mut self, name: &str, reason: impl Into<String>) {
        self.inside(name, |at| at.refuse(reason));
    }

    /// Refuses the field of this name unless `holds`.
    pub fn check_field(&mut self, holds: bool, name: &str, reason: &str) {
        if !holds {
            self.refuse_field(name, reason);
        }
    }

    /// Reads a field that must be there unless its type says otherwise.
    pub fn field<T: Field>(&mut self, object: &Object, name: &str, aliases: &[&str]) -> Option<T> {
        self.read(object, name, aliases, || None)
    }

    /// Reads a field whose default stands for one that was not sent.
    pub fn field_or_default<T: Field + Default>(&mut self, object: &Object, name: &str, aliases: &[&str]) -> Option<T> {
        self.read(object, name, aliases, || Some(T::default()))
    }

    fn read<T: Field>(&mut self, object: &Object, name: &str, aliases: &[&str], default: impl Fn() -> Option<T>) -> Option<T> {
        let sent = object.get(name).or_else(|| aliases.iter().find_map(|alias| object.get(*alias)));
        // An empty parameter is one that was not given.
        let sent = sent.filter(|value| !(self.textual && value.as_str() == Some("")));
        self.inside(name, |at| match sent {
            None => T::absent().or_else(default).or_else(|| at.missing()),
            Some(Value::Null) if T::absent().is_some() && T::null().is_none() => at.must_not_be_null(),
            Some(Value::Null) => T::null().or_else(default).or_else(|| at.missing()),
            Some(value) => T::read(value, at),
        })
    }

    fn missing<T>(&mut self) -> Option<T> {
        self.refuse("is required");
        None
    }

    fn must_not_be_null<T>(&mut self) -> Option<T> {
        self.refuse("must not be null");
        None
    }

    /// Does `work` at a field of the object that stands here.
    pub fn inside<T>(&mut self, name: &str, work: impl FnOnce(&mut At<'_>) -> T) -> T {
        let path = if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) };
        work(&mut At { path, errors: self.errors, now_ms: self.now_ms, textual: self.textual, path_values: self.path_values })
    }

    /// Does `work` at an element of the array that stands here.
    pub fn element<T>(&mut self, index: usize, work: impl FnOnce(&mut At<'_>) -> T) -> T {
        let path = format!("{}[{index}]", self.path);
        work(&mut At { path, errors: self.errors, now_ms: self.now_ms, textual: self.textual, path_values: self.path_values })
    }
}

/// Reads a JSON body: 400 when the bytes are no JSON, 422 when they are no object or break a rule.
pub fn parse<T: Input>(bytes: &[u8], now_ms: i64) -> Result<T, Problem> {
    parse_at(bytes, now_ms, &[])
}

/// The same of a request whose path has these parameters.
pub fn parse_at<T: Input>(bytes: &[u8], now_ms: i64, path_values: &[(String, String)]) -> Result<T, Problem> {
    let value: Value = serde_json::from_slice(bytes).map_err(|error| Problem::unreadable(format!("not JSON: {error}")))?;
    let mut errors = FieldErrors::new();
    let input = read_object(&value, &mut At::top(&mut errors, now_ms, false).with_path(path_values));
    finish(input, errors)
}

/// Reads the fields of a form (`application/x-www-form-urlencoded`); unknown ones are left alone, as in a JSON body.
pub fn parse_form<T: Input>(bytes: &[u8], now_ms: i64) -> Result<T, Problem> {
    let object = form_urlencoded::parse(bytes).map(|(name, value)| (name.into_owned(), Value::String(value.into_owned()))).collect();
    let mut errors = FieldErrors::new();
    let input = T::read(&object, &mut At::top(&mut errors, now_ms, true));
    finish(input, errors)
}

/// Reads a value that is part of something larger; the error names every bad field.
pub fn parse_value<T: Input>(value: &Value, now_ms: i64) -> Result<T, FieldErrors> {
    let mut errors = FieldErrors::new();
    match read_object(value, &mut At::top(&mut errors, now_ms, false)) {
        Some(input) if errors.is_empty() => Ok(input),
        _ => Err(errors),
    }
}

/// Reads a query string; 422 names every bad parameter, unknown ones too.
pub fn parse_query<T: Input>(query: &str, now_ms: i64) -> Result<T, Problem> {
    let object = query_object(query);
    let mut errors = FieldErrors::new();
    refuse_unknown::<T>(&object, &mut errors);
    let input = T::read(&object, &mut At::top(&mut errors, now_ms, true));
    finish(input, errors)
}

/// The parameters of a query string; of one that is given twice, the last.
pub(crate) fn query_object(query: &str) -> Object {
    form_urlencoded::parse(query.as_bytes()).map(|(name, value)| (name.into_owned(), Value::String(value.into_owned()))).collect()
}

pub(crate) fn refuse_unknown<T: Input>(object: &Object, errors: &mut FieldErrors) {
    for name in object.keys().filter(|name| !T::knows(name)) {
        errors.entry(name.clone()).or_default().push("is not a parameter of this path".to_owned());
    }
}

/// The input, or a refusal that names every bad field.
pub(crate) fn finish<T>(input: Option<T>, errors: FieldErrors) -> Result<T, Problem> {
    match input {
        Some(input) if errors.is_empty() => Ok(input),
        _ => Err(Problem::invalid(errors)),
    }
}

/// Reads an object that stands inside another; what the derive makes of [`Field::read`].
pub fn read_object<T: Input>(value: &Value, at: &mut At<'_>) -> Option<T> {
    match value {
        Value::Object(object) => T::read(object, at),
        _ => {
            at.refuse("must be an object");
            None
        }
    }
}

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
        Self { name, schema: Immutable::schema(&mut Vec::new()), required: false, description: "Read-only.".to_owned(), aliases: &[] }
    }
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
    let example = T::example().and_then(|example| serde_json::from_str::<Value>(example).ok());
    let mut object = object.examples(example.into_iter().collect::<Vec<Value>>()).build();
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

fn own_description(schema: &SchemaRef) -> Option<String> {
    match schema {
        RefOr::T(Schema::Object(object)) => object.description.clone(),
        RefOr::T(Schema::Array(array)) => array.description.clone(),
        RefOr::T(Schema::OneOf(one_of)) => one_of.description.clone(),
        RefOr::T(Schema::AnyOf(any_of)) => any_of.description.clone(),
        _ => None,
    }
}

/// With this description.
pub(crate) fn described(schema: SchemaRef, description: &str) -> SchemaRef {
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
fn nullable(schema: SchemaRef) -> SchemaRef {
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
fn of_type(schema_type: Type) -> ObjectBuilder {
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

impl<T: Field> Field for Option<T> {
    fn read(value: &Value, at: &mut At<'_>) -> Option<Self> {
        T::read(value, at).map(Some)
    }

    fn absent() -> Option<Self> {
        Some(None)
    }

    fn schema(schemas: &mut Schemas) -> SchemaRef {
        T::schema(schemas)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Input)]
    #[input(check)]
    struct Stay {
        name: Text<1, 10>,
        #[input(alias("years"))]
        age: Int<0, 150>,
        at: Timestamp,
        plate: Option<Text<1, 10>>,
        #[input(default)]
        guests: List<Guest, 0, 2>,
        site: Patch<Slug>,
        #[input(rename = "type")]
        kind: Option<Text<1, 3>>,
        colour: NotNull<Text<1, 9>>,
    }

    #[derive(Debug, Input)]
    struct Guest {
        name: Text<1, 5>,
        adult: Option<bool>,
    }

    impl Stay {
        fn check(&self, at: &mut At<'_>) {
            at.check_field(self.guests.len() < self.name.len(), "guests", "must be fewer than the name's letters");
        }
    }

    fn refused(body: &str) -> Vec<String> {
        let problem = parse::<Stay>(body.as_bytes(), 0).unwrap_err();
        problem.errors().iter().map(|(field, reasons)| format!("{field} {}", reasons.join(", "))).collect()
    }

    #[test]
    fn every_bad_field_is_named_at_once_nested_ones_too() {
        assert_eq!(
            refused(
                r#"{"name": 3, "age": 900, "at": "yesterday", "guests": [{"name": "Asha"}, {"name": "", "adult": 1}], "type": "abcd"}"#
            ),
            [
                "age must be from 0 to 150",
                "at must be an RFC 3339 timestamp, such as 2026-02-04T10:30:00Z",
                "guests[1].adult must be true or false",
                "guests[1].name must have 1 to 5 characters",
                "name must be a text",
                "type must have 1 to 3 characters",
            ]
        );
        assert_eq!(refused("{}"), ["age is required", "at is required", "name is required"]);
        assert_eq!(refused("[]"), ["body must be an object"]);
        assert_eq!(parse::<Stay>(b"{", 0).unwrap_err().status(), 400);
    }

    #[test]
    fn aliases_nulls_and_unknown_fields_are_taken() {
        let stay: Stay =
            parse(br#"{"name": " Ravi ", "years": 7.0, "at": "2026-02-04T10:30:00Z", "plate": null, "site": null, "x": 1}"#, 0).unwrap();
        assert_eq!((&*stay.name, *stay.age, stay.plate.is_none(), stay.site), ("Ravi", 7, true, Patch::Clear));
        assert_eq!((stay.at, stay.kind, stay.colour), (Timestamp(1_770_201_000_000), None, NotNull(None)));
    }

    #[derive(Debug, Input)]
    struct Change {
        #[input(alias("id"), same_as_path = "code")]
        code: Option<Slug>,
        age: Option<Int<0, 9>>,
    }

    #[test]
    fn what_the_path_names_may_be_repeated_and_cannot_be_changed() {
        let path = [("code".to_owned(), "B1".to_owned())];
        let change: Change = parse_at(br#"{"id": "b1", "age": 3}"#, 0, &path).unwrap();
        assert_eq!((change.code.as_deref(), change.age.map(|age| *age)), (Some("b1"), Some(3)));
        let problem = parse_at::<Change>(br#"{"code": "b2", "age": 10}"#, 0, &path).unwrap_err();
        assert_eq!(problem.errors().keys().collect::<Vec<_>>(), ["age", "code"]);
    }

    #[test]
    fn a_rule_that_binds_fields_is_asked_when_each_is_good() {
        let guests = r#"[{"name": "A"}]"#;
        let good: Stay =
            parse(br#"{"name": "Ravi", "age": 7, "at": "2026-02-04T10:30:00Z", "guests": [{"name": "A", "adult": true}]}"#, 0).unwrap();
        assert_eq!((&*good.guests[0].name, good.guests[0].adult), ("A", Some(true)));
        assert_eq!(
            refused(&format!(r#"{{"name": "R", "age": 7, "at": "2026-02-04T10:30:00Z", "guests": {guests}}}"#)),
            ["guests must be fewer than the name's letters"]
        );
    }

    #[test]
    fn null_is_one_shape_of_a_schema_and_no_more() {
        let property = Property::new::<Patch<Location>>("at", &[], "", false, &mut Schemas::new());
        let location = serde_json::json!({"$ref": "#/components/schemas/Location"});
        assert_eq!(serde_json::to_value(property.schema).unwrap(), serde_json::json!({"oneOf": [{"type": "null"}, location]}));
    }

    #[test]
    fn null_is_refused_where_nothing_clears_a_field() {
        let stay = r#"{"name": "R", "age": 7, "at": "2026-02-04T10:30:00Z", "colour": null}"#;
        assert_eq!(refused(stay), ["colour must not be null"]);
        assert!(parse::<Stay>(stay.replace("null", "\"red\"").as_bytes(), 0).is_ok());
    }

    #[test]
    fn the_schema_says_what_the_parser_does() {
        let mut schemas = Schemas::new();
        let schema = serde_json::to_value(object_schema::<Stay>(&mut schemas)).unwrap();
        assert_eq!(schema["required"], serde_json::json!(["name", "at"]));
        let years = serde_json::json!({"type": "integer", "minimum": 0, "maximum": 150, "description": "Another name of `age`."});
        assert_eq!(schema["anyOf"], serde_json::json!([{"required": ["age"]}, {"required": ["years"], "properties": {"years": years}}]));
        assert_eq!(schema["properties"]["name"], serde_json::json!({"type": "string", "minLength": 1, "maxLength": 10}));
        assert_eq!(schema["properties"]["age"]["maximum"], 150);
        assert_eq!(schema["properties"]["guests"]["items"]["$ref"], "#/components/schemas/Guest");
        assert_eq!(schema["properties"]["site"]["type"], serde_json::json!(["string", "null"]));
        assert_eq!(schema["properties"]["plate"]["type"], serde_json::json!(["string", "null"]));
        assert_eq!(schema["properties"]["colour"]["type"], "string");
        assert_eq!(schemas.len(), 1);
    }

    #[test]
    fn two_requests_of_one_name_are_both_there_when_they_differ() {
        mod other {
            use super::*;

            #[derive(Debug, Input)]
            pub struct Guest {}
        }
        let mut schemas = Schemas::new();
        for _ in 0..2 {
            reference::<Guest>(&mut schemas);
            assert_eq!(schemas.len(), 1);
        }
        reference::<other::Guest>(&mut schemas);
        assert_eq!(schemas.iter().filter(|(name, _)| name == "Guest").count(), 2);
    }

    #[derive(Debug, Input)]
    #[input(read_only("id", "created_at"))]
    struct Renaming {
        name: Option<Text<1, 10>>,
    }

    #[test]
    fn what_is_read_only_is_named_unless_it_is_what_the_path_names() {
        let read = |body: &str| {
            let path = [("id".to_owned(), "0192f0c1".to_owned())];
            match parse_at::<Renaming>(body.as_bytes(), 0, &path) {
                Ok(renaming) => vec![renaming.name.map(String::from).unwrap_or_default()],
                Err(problem) => problem.errors().iter().map(|(field, reasons)| format!("{field} {}", reasons.join(", "))).collect(),
            }
        };
        assert_eq!(read(r#"{"id": "0192F0C1", "name": "Asha", "created_at": null, "unknown": 1}"#), ["Asha"]);
        assert_eq!(read(r#"{"id": 1, "created_at": "2026-02-04T10:30:00Z"}"#), ["created_at is read-only", "id is read-only"]);
        assert!(Renaming::knows("created_at") && Renaming::NAMES_PATH);
    }
}
