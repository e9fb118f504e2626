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
//! - `#[input(read_only("…"))]` names known fields that a request does not take, of the answer or of another request: whoever sends one would
//!   think it was changed.
//! - `#[input(check)]` calls the struct's own `fn check(&self, at: &mut At)`, for rules that bind several fields, when each is good by itself.
//! - A field's doc comment is its description in the API document; without one, what its type says of itself.
//! - Unknown fields are left alone: old clients send some. `#[input(refuse_unknown)]` refuses them, where a field that is not sent means all: a
//!   misspelt one would reach further than was meant.

/// As parameters of statements.
macro_rules! parameters {
    ($([$($generics:tt)*] $name:ty => |$it:ident| $value:expr;)*) => {
        $(impl<$($generics)*> From<$name> for crate::db::value::Value {
            fn from($it: $name) -> Self {
                $value.into()
            }
        })*
    };
}

mod at;
mod change;
mod compound;
mod device_time;
mod email;
mod number;
mod parse;
mod schema;
mod shape;
mod string;
mod text;
mod time;

#[cfg(test)]
mod tests;

use serde_json::Map;
pub use serde_json::Value;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;

pub use at::At;
pub use change::{NotNull, Patch};
pub use compound::{JsonObject, List, Location};
pub use device_time::DeviceTime;
pub use email::Email;
pub use kit_macros::Input;
pub use number::{Int, Number};
pub(crate) use parse::{finish, query_object, refuse_unknown};
pub use parse::{parse, parse_at, parse_form, parse_query, parse_value, read_object};
pub(crate) use schema::add;
pub use schema::{Property, example, object_schema, reference};
pub use shape::{any_of_schemas, array_of};
pub(crate) use shape::{or_empty, without_null};
pub use string::{Code, Id, NumberOrText, Secret, Slug, Text, plain_text};
pub use text::{TextEnum, TextField, one_of, pattern, text_enum_schema};
pub use time::{Future, Recent, Timestamp, TimestampMillis};

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
    /// Whether a field that it does not know is refused.
    const REFUSES_UNKNOWN: bool = false;

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
