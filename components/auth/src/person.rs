//! What a body says of a person: the types of its fields, and a new account's.

use std::ops::Deref;

use const_format::concatcp;
use domain::{password, phone};
use kit::db;
pub use kit::input::Email;
use kit::input::{At, Field, Input, SchemaRef, Schemas, Secret, TextField, Value, pattern};
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat, Type};

const MAX_NAME: usize = 100;
const MAX_PHONE: usize = 32;

/// Declares a text that is kept in one spelling.
macro_rules! normalised {
    ($(#[$meta:meta])* $name:ident, $normalise:path, $rule:literal, $schema:expr) => {
        $(#[$meta])*
        pub struct $name(String);

        impl Deref for $name {
            type Target = str;

            fn deref(&self) -> &str {
                &self.0
            }
        }

        impl TextField for $name {
            fn rule() -> String {
                $rule.to_owned()
            }

            fn parse_text(text: &str) -> Option<Self> {
                $normalise(text).ok().map(Self)
            }

            fn text_schema() -> ObjectBuilder {
                $schema
            }
        }

        impl From<$name> for db::Value {
            fn from(text: $name) -> Self {
                Self::Text(text.0)
            }
        }
    };
}

normalised! {
    /// A person's name: 1 to 100 characters on one line.
    Name, normalise_name, "must be one line of 1 to 100 characters",
    pattern(r"^[^\x00-\x1F\x7F-\x9F]*[^\s\x00-\x1F\x7F-\x9F][^\x00-\x1F\x7F-\x9F]*$").max_length(Some(MAX_NAME))
}

normalised! {
    /// A phone number without its punctuation.
    Phone, normalise_phone, "must be a phone number such as +919876543210",
    pattern(PHONE_PATTERN).max_length(Some(MAX_PHONE))
}

fn normalise_name(text: &str) -> Result<String, ()> {
    let is_name = (1..=MAX_NAME).contains(&text.chars().count()) && !text.contains(char::is_control);
    if is_name { Ok(text.to_owned()) } else { Err(()) }
}

fn normalise_phone(text: &str) -> Result<String, &'static str> {
    if text.len() > MAX_PHONE { Err("is too long") } else { phone::normalise(text) }
}

/// With `+` or `00` 8 to 15 digits, else 6 to 15; punctuation anywhere.
const PHONE_PATTERN: &str = {
    const P: &str = "[ ().-]*";
    const INTERNATIONAL: &str = concatcp!(P, r"(\+|0", P, "0)", P, "[1-9](", P, "[0-9]){7,14}", P);
    const LOCAL: &str = concatcp!(P, "(0", P, "[1-9]|[1-9]", P, "[0-9])(", P, "[0-9]){4,13}", P);
    concatcp!("^(", INTERNATIONAL, "|", LOCAL, ")$")
};

/// A new password that is hard to guess, as far as its owner's name and address do not matter
/// (docs/reference/rules.md#passwords).
pub struct Password(Secret<{ password::MAX_BYTES }>);

impl Password {
    /// Why it is too easily guessed for a person of this name and address; none when it is not.
    pub fn fault_for(&self, email: &str, name: &str) -> Option<String> {
        password::check(self, email, name).err()
    }
}

impl Deref for Password {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl Field for Password {
    fn read(value: &Value, at: &mut At<'_>) -> Option<Self> {
        let password = Self(Secret::read(value, at)?);
        match password.fault_for("", "") {
            None => Some(password),
            Some(fault) => {
                at.refuse(fault);
                None
            }
        }
    }

    fn schema(_: &mut Schemas) -> SchemaRef {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Password)))
            .min_length(Some(password::MIN_CHARS))
            .max_length(Some(password::MAX_CHARS))
            .into()
    }
}

/// Who a new account is for.
#[derive(Input)]
#[input(
    check,
    example = r#"{"email": "asha.patel@example.org", "password": "seven lanterns by the river", "name": "Asha Patel", "phone": "+919876543210"}"#
)]
pub struct Person {
    /// The address that it logs in with; nobody else's.
    pub email: Email,
    /// At least 12 characters, not easily guessed.
    pub password: Password,
    /// The name by which the person is addressed.
    pub name: Name,
    /// The phone number.
    pub phone: Option<Phone>,
}

impl Person {
    fn check(&self, at: &mut At<'_>) {
        if let Some(fault) = self.password.fault_for(&self.email, &self.name) {
            at.refuse_field("password", fault);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_that_is_made_of_its_owners_name_is_refused() {
        let body = |password: &str| format!(r#"{{"email": "a@b.co", "password": "{password}", "name": "Asha Patel"}}"#);
        let read = |password| kit::input::parse::<Person>(body(password).as_bytes(), 0).map_err(|problem| problem.errors().len());
        assert!(read("seven lanterns by the river").is_ok());
        assert_eq!(read("Asha Patel 1234").err(), Some(1));
        assert_eq!(read("password1234").err(), Some(1));
    }

    #[test]
    fn names_and_phone_numbers_are_one_line() {
        assert!(Name::parse_text("Asha\nPatel").is_none() && Name::parse_text("Asha Patel").is_some());
        assert_eq!(Phone::parse_text("0091-98765-43210").as_deref(), Some("+919876543210"));
        assert!(Phone::parse_text("call me").is_none());
    }
}
