//! Texts.

use std::ops::Deref;

use serde_json::Value;
use utoipa::openapi::schema::{OneOfBuilder, SchemaFormat, Type};

use super::shape::of_type;
use super::{At, Field, SchemaRef, Schemas};

/// A text of `MIN` to `MAX` characters, trimmed, without control characters other than line feeds and tabs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text<const MIN: usize, const MAX: usize>(String);

impl<const MIN: usize, const MAX: usize> Text<MIN, MAX> {
    /// The text.
    pub fn into_string(self) -> String {
        self.0
    }
}

impl<const MIN: usize, const MAX: usize> Deref for Text<MIN, MAX> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<const MIN: usize, const MAX: usize> From<Text<MIN, MAX>> for String {
    fn from(text: Text<MIN, MAX>) -> Self {
        text.0
    }
}

/// The text, trimmed, if it has `min` to `max` characters and no control characters; refused otherwise.
pub fn plain_text(text: &str, min: usize, max: usize, at: &mut At<'_>) -> Option<String> {
    let text = text.trim();
    if !(min..=max).contains(&text.chars().count()) {
        at.refuse(format!("must have {min} to {max} characters"));
        return None;
    }
    if text.chars().any(|c| c.is_control() && c != '\n' && c != '\t') {
        at.refuse("must not contain control characters");
        return None;
    }
    Some(text.to_owned())
}

impl<const MIN: usize, const MAX: usize> Field for Text<MIN, MAX> {
    fn read(value: &Value, at: &mut At<'_>) -> Option<Self> {
        match value.as_str() {
            Some(text) => plain_text(text, MIN, MAX, at).map(Self),
            None => at.refused("must be a text"),
        }
    }

    fn schema(_: &mut Schemas) -> SchemaRef {
        of_type(Type::String).min_length(Some(MIN)).max_length(Some(MAX)).into()
    }
}

/// As [`Text`], for what some clients send as a number: it is kept as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NumberOrText<const MIN: usize, const MAX: usize>(String);

impl<const MIN: usize, const MAX: usize> Deref for NumberOrText<MIN, MAX> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<const MIN: usize, const MAX: usize> Field for NumberOrText<MIN, MAX> {
    fn read(value: &Value, at: &mut At<'_>) -> Option<Self> {
        match value {
            Value::String(text) => plain_text(text, MIN, MAX, at).map(Self),
            Value::Number(number) => plain_text(&number.to_string(), MIN, MAX, at).map(Self),
            _ => at.refused("must be a text"),
        }
    }

    fn schema(schemas: &mut Schemas) -> SchemaRef {
        OneOfBuilder::new().item(Text::<MIN, MAX>::schema(schemas)).item(of_type(Type::Number)).into()
    }
}

/// The id of something: a text of 1 to `MAX` characters. A UUID is read in either case (RFC 9562 §4), and kept in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Id<const MAX: usize = 64>(String);

impl<const MAX: usize> Deref for Id<MAX> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<const MAX: usize> From<Id<MAX>> for String {
    fn from(id: Id<MAX>) -> Self {
        id.0
    }
}

impl<const MAX: usize> Field for Id<MAX> {
    fn read(value: &Value, at: &mut At<'_>) -> Option<Self> {
        let text = Text::<1, MAX>::read(value, at)?.0;
        Some(Self(if uuid::Uuid::try_parse(&text).is_ok() { text.to_ascii_lowercase() } else { text }))
    }

    fn schema(schemas: &mut Schemas) -> SchemaRef {
        Text::<1, MAX>::schema(schemas)
    }
}

/// A text as it was sent, untrimmed, of `MIN` to `MAX` bytes: a password or a token. Its `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret<const MAX: usize, const MIN: usize = 0>(String);

impl<const MAX: usize, const MIN: usize> Deref for Secret<MAX, MIN> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<const MAX: usize, const MIN: usize> std::fmt::Debug for Secret<MAX, MIN> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

impl<const MAX: usize, const MIN: usize> Field for Secret<MAX, MIN> {
    fn read(value: &Value, at: &mut At<'_>) -> Option<Self> {
        match value.as_str() {
            Some(text) if (MIN..=MAX).contains(&text.len()) => Some(Self(text.to_owned())),
            Some(_) if MIN == 0 => at.refused(&format!("must have at most {MAX} bytes")),
            Some(_) => at.refused(&format!("must have {MIN} to {MAX} bytes")),
            None => at.refused("must be a text"),
        }
    }

    fn schema(_: &mut Schemas) -> SchemaRef {
        let password = SchemaFormat::KnownFormat(utoipa::openapi::KnownFormat::Password);
        let schema = of_type(Type::String).format(Some(password)).max_length(Some(MAX));
        if MIN > 0 { schema.min_length(Some(MIN)).into() } else { schema.into() }
    }
}

crate::text_type! {
    /// A short name in lower case, such as a site's: `somnath`.
    pub struct Slug, domain::device_code::SLUG_RULE, pattern: "^[a-z0-9-]{1,64}$", domain::device_code::is_slug
}

crate::text_type! {
    /// A code, such as a device's: `PARK-B1-S005`.
    pub struct Code, domain::device_code::CODE_RULE, pattern: "^[A-Za-z0-9_.-]{1,64}$", domain::device_code::is_device_code
}

parameters! {
    [const MIN: usize, const MAX: usize] Text<MIN, MAX> => |it| it.0;
    [const MIN: usize, const MAX: usize] &Text<MIN, MAX> => |it| it.0.as_str();
    [const MAX: usize] Id<MAX> => |it| it.0;
    [const MAX: usize] &Id<MAX> => |it| it.0.as_str();
    [const MIN: usize, const MAX: usize] NumberOrText<MIN, MAX> => |it| it.0;
    [const MIN: usize, const MAX: usize] &NumberOrText<MIN, MAX> => |it| it.0.as_str();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::FieldErrors;

    #[test]
    fn a_uuid_is_read_in_either_case() {
        let mut errors = FieldErrors::new();
        let mut at = At::top(&mut errors, 0, false);
        let mut read = |text: &str| Id::<64>::read(&text.into(), &mut at).unwrap().0;
        assert_eq!(read("019C2A5E-4B00-7000-8000-0123456789aB"), "019c2a5e-4b00-7000-8000-0123456789ab");
        assert_eq!(read(" AMB-1 "), "AMB-1");
    }

    #[test]
    fn a_secret_is_not_shown() {
        let mut errors = FieldErrors::new();
        let secret = Secret::<10>::read(&"hunter2".into(), &mut At::top(&mut errors, 0, false)).unwrap();
        assert_eq!(format!("{secret:?}"), "Secret");
    }
}
