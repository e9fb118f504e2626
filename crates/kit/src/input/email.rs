//! E-mail addresses.

use std::ops::Deref;

use domain::email;
use utoipa::openapi::KnownFormat;
use utoipa::openapi::schema::{ObjectBuilder, SchemaFormat, Type};

use super::TextField;

/// An e-mail address, in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Email(String);

impl Deref for Email {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl TextField for Email {
    fn rule() -> String {
        format!("must be an e-mail address of at most {} bytes", email::MAX_LEN)
    }

    fn parse_text(text: &str) -> Option<Self> {
        email::normalise(text).ok().map(Self)
    }

    fn text_schema() -> ObjectBuilder {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Email)))
            .max_length(Some(email::MAX_LEN))
    }
}

parameters! {
    [] Email => |it| it.0;
    [] &Email => |it| it.0.as_str();
}
