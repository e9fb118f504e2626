//! Fields that are strings of a certain format: dates, slugs, variants of an enum.

use std::str::FromStr;

use serde_json::Value;
use strum::VariantNames;
use utoipa::openapi::schema::{ObjectBuilder, SchemaFormat, Type};

use super::{At, Field, SchemaRef, Schemas};

/// A type that is represented as a string. It is thereby a [`Field`] and a column ([`crate::row::Column`]).
pub trait TextField: Sized {
    /// The error for a string that is not valid, such as `must be a date, such as 2026-02-05`.
    fn rule() -> String;

    /// Parses a trimmed string.
    fn parse_text(text: &str) -> Option<Self>;

    /// Its schema: a string, with a format or a pattern.
    fn text_schema() -> ObjectBuilder;

    /// Reads a column that stores it as an integer; only points in time are stored so.
    fn from_integer(_: i64) -> Option<Self> {
        None
    }
}

impl<T: TextField> Field for T {
    fn read(value: &Value, at: &mut At<'_>) -> Option<Self> {
        let read = value.as_str().and_then(|text| T::parse_text(text.trim()));
        if read.is_none() {
            at.refuse(T::rule());
        }
        read
    }

    fn schema(_: &mut Schemas) -> SchemaRef {
        T::text_schema().into()
    }
}

/// A string schema with a pattern (ECMA 262).
pub fn pattern(pattern: &str) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).pattern(Some(pattern))
}

/// Declares a string type of a certain format: `text_type! { /// A plate. pub struct Plate, RULE, pattern: "^…$", is_plate }`, where `RULE`
/// is the error for a string that is not valid, and `is_plate` is a `fn(&str) -> bool`. Its doc comment describes fields that have none of
/// their own.
#[macro_export]
macro_rules! text_type {
    ($(#[doc = $doc:literal])* $(#[derive($derive:path)])? $visibility:vis struct $name:ident, $rule:expr, pattern: $pattern:expr, $holds:expr) => {
        $(#[doc = $doc])*
        $(#[derive($derive)])?
        #[derive(Clone, Debug, PartialEq, Eq)]
        $visibility struct $name(String);

        impl ::std::ops::Deref for $name {
            type Target = str;

            fn deref(&self) -> &str {
                &self.0
            }
        }

        impl $crate::input::TextField for $name {
            fn rule() -> String {
                String::from($rule)
            }

            fn parse_text(text: &str) -> Option<Self> {
                $holds(text).then(|| Self(text.to_owned()))
            }

            fn text_schema() -> ::utoipa::openapi::schema::ObjectBuilder {
                $crate::input::pattern($pattern).description(Some(concat!($($doc),*).trim()))
            }
        }

        impl From<$name> for $crate::db::value::Value {
            fn from(text: $name) -> Self {
                Self::Text(text.0)
            }
        }

        impl From<&$name> for $crate::db::value::Value {
            fn from(text: &$name) -> Self {
                Self::Text(text.0.clone())
            }
        }
    };
}

/// A string schema with a format.
pub(super) fn formatted(format: &str) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).format(Some(SchemaFormat::Custom(format.to_owned())))
}

/// An enum that is represented by the names of its variants.
pub trait TextEnum: FromStr + VariantNames + Into<&'static str> {}

/// The error for a string that names no variant.
pub fn one_of<T: TextEnum>() -> String {
    format!("must be one of {}", T::VARIANTS.join(", "))
}

/// A string schema that lists the variants.
pub fn text_enum_schema<T: TextEnum>() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(T::VARIANTS.iter().copied()))
}

/// Makes enums usable as fields, columns and parameters, by the names of their variants. They derive strum's `EnumString`, `IntoStaticStr` and `VariantNames`.
#[macro_export]
macro_rules! text_enum {
    ($($name:path),* $(,)?) => {
        $(
            impl $crate::input::TextEnum for $name {}

            impl $crate::input::TextField for $name {
                fn rule() -> String {
                    $crate::input::one_of::<Self>()
                }

                fn parse_text(text: &str) -> Option<Self> {
                    text.parse().ok()
                }

                fn text_schema() -> ::utoipa::openapi::schema::ObjectBuilder {
                    $crate::input::text_enum_schema::<Self>()
                }
            }

            impl From<$name> for $crate::db::value::Value {
                fn from(word: $name) -> Self {
                    let word: &'static str = word.into();
                    Self::from(word)
                }
            }
        )*
    };
}
