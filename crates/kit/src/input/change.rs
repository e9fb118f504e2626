//! Fields of a change: kept, cleared or set.

use serde_json::Value;

use super::shape::nullable;
use super::{At, Field, SchemaRef, Schemas};

/// A field of a change: not sent keeps what is there, null clears it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Patch<T> {
    /// Not sent.
    #[default]
    Keep,
    /// Sent as null.
    Clear,
    /// A new value.
    Set(T),
}

impl<T> Patch<T> {
    /// Whether anything is to change.
    pub fn is_sent(&self) -> bool {
        !matches!(self, Self::Keep)
    }

    /// The new value; none to clear it, and when it was not sent.
    pub fn value(self) -> Option<T> {
        match self {
            Self::Set(value) => Some(value),
            Self::Keep | Self::Clear => None,
        }
    }

    /// The new value, by reference.
    pub fn as_ref(&self) -> Patch<&T> {
        match self {
            Self::Keep => Patch::Keep,
            Self::Clear => Patch::Clear,
            Self::Set(value) => Patch::Set(value),
        }
    }
}

impl<T: Field> Field for Patch<T> {
    const NULLABLE: bool = true;

    fn read(value: &Value, at: &mut At<'_>) -> Option<Self> {
        T::read(value, at).map(Self::Set)
    }

    fn absent() -> Option<Self> {
        Some(Self::Keep)
    }

    fn null() -> Option<Self> {
        Some(Self::Clear)
    }

    fn schema(schemas: &mut Schemas) -> SchemaRef {
        nullable(T::schema(schemas))
    }
}

/// A field of a change that may be left out, and that nothing clears: null is refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NotNull<T>(pub Option<T>);

impl<T: Field> Field for NotNull<T> {
    fn read(value: &Value, at: &mut At<'_>) -> Option<Self> {
        T::read(value, at).map(|value| Self(Some(value)))
    }

    fn absent() -> Option<Self> {
        Some(Self(None))
    }

    fn null() -> Option<Self> {
        None
    }

    fn schema(schemas: &mut Schemas) -> SchemaRef {
        T::schema(schemas)
    }
}

/// Null when it was not sent.
impl<T: Into<crate::db::Value>> From<NotNull<T>> for crate::db::Value {
    fn from(field: NotNull<T>) -> Self {
        field.0.into()
    }
}

/// Null to keep or to clear: a statement asks with [`Patch::is_sent`] which of the two it is.
impl<T: Into<crate::db::value::Value>> From<Patch<T>> for crate::db::value::Value {
    fn from(patch: Patch<T>) -> Self {
        patch.value().into()
    }
}
