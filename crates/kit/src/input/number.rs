//! Numbers and truth values.

use std::ops::Deref;

use serde::{Serialize, Serializer};
use serde_json::Value;
use utoipa::openapi::schema::Type;

use super::shape::of_type;
use super::{At, Field, SchemaRef, Schemas};

/// A whole number from `MIN` to `MAX`; `12.0` is one: JSON knows one kind of number, and some writers give each a fraction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Int<const MIN: i64, const MAX: i64>(i64);

impl<const MIN: i64, const MAX: i64> Deref for Int<MIN, MAX> {
    type Target = i64;

    fn deref(&self) -> &i64 {
        &self.0
    }
}

impl<const MIN: i64, const MAX: i64> Serialize for Int<MIN, MAX> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(self.0)
    }
}

impl<const MIN: i64, const MAX: i64> Field for Int<MIN, MAX> {
    fn read(value: &Value, at: &mut At<'_>) -> Option<Self> {
        let number = match value {
            Value::String(text) if at.is_textual() => text.parse().ok(),
            value => whole(value),
        };
        match number {
            Some(number) if (MIN..=MAX).contains(&number) => Some(Self(number)),
            Some(_) => at.refused(&format!("must be from {MIN} to {MAX}")),
            None => at.refused("must be a whole number"),
        }
    }

    fn schema(_: &mut Schemas) -> SchemaRef {
        #[expect(clippy::cast_precision_loss, reason = "bounds are far below 2^53, or stand for no bound")]
        of_type(Type::Integer).minimum(Some(MIN as f64)).maximum(Some(MAX as f64)).into()
    }
}

fn whole(value: &Value) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    #[expect(clippy::cast_possible_truncation, reason = "it is whole, and far below the limit")]
    let from_real = |real: f64| (real.fract() == 0.0 && real.abs() <= EXACT).then_some(real as i64);
    value.as_i64().or_else(|| value.as_f64().and_then(from_real))
}

/// A number from `MIN` to `MAX`.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Number<const MIN: i64, const MAX: i64>(f64);

impl<const MIN: i64, const MAX: i64> Deref for Number<MIN, MAX> {
    type Target = f64;

    fn deref(&self) -> &f64 {
        &self.0
    }
}

impl<const MIN: i64, const MAX: i64> Field for Number<MIN, MAX> {
    #[expect(clippy::cast_precision_loss, reason = "bounds are far below 2^53")]
    fn read(value: &Value, at: &mut At<'_>) -> Option<Self> {
        let number = match value {
            Value::String(text) if at.is_textual() => text.parse().ok(),
            value => value.as_f64(),
        };
        match number {
            Some(number) if (MIN as f64..=MAX as f64).contains(&number) => Some(Self(number)),
            Some(_) => at.refused(&format!("must be from {MIN} to {MAX}")),
            None => at.refused("must be a number"),
        }
    }

    fn schema(_: &mut Schemas) -> SchemaRef {
        #[expect(clippy::cast_precision_loss, reason = "bounds are far below 2^53")]
        of_type(Type::Number).minimum(Some(MIN as f64)).maximum(Some(MAX as f64)).into()
    }
}

impl Field for bool {
    fn read(value: &Value, at: &mut At<'_>) -> Option<Self> {
        let read = match value {
            Value::Bool(value) => Some(*value),
            Value::String(text) if at.is_textual() => match text.to_ascii_lowercase().as_str() {
                "true" => Some(true),
                "false" => Some(false),
                _ => None,
            },
            _ => None,
        };
        read.or_else(|| at.refused("must be true or false"))
    }

    fn schema(_: &mut Schemas) -> SchemaRef {
        of_type(Type::Boolean).into()
    }
}

parameters! {
    [const MIN: i64, const MAX: i64] Int<MIN, MAX> => |it| it.0;
    [const MIN: i64, const MAX: i64] Number<MIN, MAX> => |it| it.0;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::tests::read;

    #[test]
    fn a_whole_number_may_be_written_with_a_fraction_of_zero() {
        assert_eq!(read::<Int<0, 20>>("12.0", false).map(|it| *it), Ok(12));
        assert_eq!(read::<Int<0, 1000>>("1e3", false).map(|it| *it), Ok(1000));
        for bad in ["12.5", "1e300", "\"12\"", "21"] {
            assert!(read::<Int<0, 20>>(bad, false).is_err(), "{bad}");
        }
    }

    #[test]
    fn numbers_and_booleans_of_a_query_are_texts() {
        assert_eq!(read::<Int<0, 20>>("\"12\"", true).map(|it| *it), Ok(12));
        assert_eq!(read::<bool>("\"TRUE\"", true), Ok(true));
        // The document says true or false, and a form's `cookie=0` was taken.
        for bad in ["yes", "1", "0", ""] {
            assert!(read::<bool>(&format!("\"{bad}\""), true).is_err(), "{bad}");
        }
    }
}
