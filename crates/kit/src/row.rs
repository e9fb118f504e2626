//! Rows of an answer, read by column name.
//!
//! `#[derive(FromRow)]` fills a struct from the columns named as its fields:
//!
//! - `#[row(column = "…")]` reads another column;
//! - `#[row(flatten)]` fills a field that is itself a [`FromRow`];
//! - `#[row(with = function)]` fills it by `fn(&Row) -> Result<T, Problem>`.

use std::cell::Cell;
use std::rc::Rc;

pub use kit_macros::FromRow;
use serde::de::DeserializeOwned;
use serde::{Serialize, Serializer};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;
use utoipa::{PartialSchema, ToSchema};

use crate::Problem;
use crate::db::value::Value;
use crate::input::{Location, TextField};

/// A type that is filled from a row, see the [module](self).
pub trait FromRow: Sized {
    /// Fails, as an error of ours, when a column is missing or of another type.
    fn from_row(row: &Row) -> Result<Self, Problem>;
}

/// A type that is kept in one column.
pub trait Column: Sized {
    /// None when the value is not one of this type.
    fn from_value(value: &Value) -> Option<Self>;
}

/// The rows of an answer.
#[derive(Debug, Default)]
pub struct Rows(Vec<Row>);

/// One row.
#[derive(Clone, Debug)]
pub struct Row {
    columns: Rc<[String]>,
    values: Vec<Value>,
    /// The column after the one that was read last: mostly they are read in their order.
    next: Cell<usize>,
}

impl Rows {
    /// Of these columns.
    #[cfg_attr(not(any(target_family = "wasm", test)), allow(dead_code, reason = "only a component has a database"))]
    pub(crate) fn new(columns: Vec<String>, rows: impl Iterator<Item = Vec<Value>>) -> Self {
        let columns: Rc<[String]> = columns.into();
        Self(rows.map(|values| Row { columns: Rc::clone(&columns), values, next: Cell::new(0) }).collect())
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The first row, if any.
    pub fn first(&self) -> Option<&Row> {
        self.0.first()
    }

    /// In the statement's order.
    pub fn iter(&self) -> std::slice::Iter<'_, Row> {
        self.0.iter()
    }

    /// Each row as a `T`.
    pub fn read<T: FromRow>(&self) -> Result<Vec<T>, Problem> {
        self.iter().map(T::from_row).collect()
    }
}

impl IntoIterator for Rows {
    type Item = Row;
    type IntoIter = std::vec::IntoIter<Row>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl FromIterator<Row> for Rows {
    fn from_iter<I: IntoIterator<Item = Row>>(rows: I) -> Self {
        Self(rows.into_iter().collect())
    }
}

impl Row {
    /// The column of this name.
    pub fn get<T: Column>(&self, column: &str) -> Result<T, Problem> {
        let is_next = self.columns.get(self.next.get()).is_some_and(|name| name == column);
        let index = if is_next { Some(self.next.get()) } else { self.columns.iter().position(|name| name == column) };
        let value = index.and_then(|index| self.values.get(index));
        self.next.set(index.map_or(0, |index| index + 1));
        let value = value.ok_or_else(|| Problem::internal(format!("there is no column {column}")))?;
        T::from_value(value).ok_or_else(|| Problem::internal(format!("column {column} is not {}", std::any::type_name::<T>())))
    }

    /// The first column: of a statement that asks for one value.
    pub fn scalar<T: Column>(&self) -> Result<T, Problem> {
        let read = self.values.first().and_then(T::from_value);
        read.ok_or_else(|| Problem::internal(format!("the first column is not {}", std::any::type_name::<T>())))
    }

    /// The values in the statement's order, for the paths where looking for names would be felt.
    pub fn values(&self) -> &[Value] {
        &self.values
    }
}

impl Column for i64 {
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Integer(int) => Some(*int),
            _ => None,
        }
    }
}

impl Column for bool {
    fn from_value(value: &Value) -> Option<Self> {
        i64::from_value(value).map(|int| int != 0)
    }
}

impl Column for f64 {
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Real(real) => Some(*real),
            #[expect(clippy::cast_precision_loss, reason = "SQLite gives whole reals of expressions as integers")]
            Value::Integer(int) => Some(*int as f64),
            _ => None,
        }
    }
}

impl Column for String {
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Text(text) => Some(text.clone()),
            _ => None,
        }
    }
}

impl Column for Vec<u8> {
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Blob(bytes) => Some(bytes.clone()),
            _ => None,
        }
    }
}

impl<T: Column> Column for Option<T> {
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Null => Some(None),
            value => T::from_value(value).map(Some),
        }
    }
}

/// A text with a form of its own is kept as that text; only moments are kept as integers.
impl<T: TextField> Column for T {
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Text(text) => T::parse_text(text),
            Value::Integer(int) => T::from_integer(*int),
            _ => None,
        }
    }
}

/// A value that a column keeps as JSON.
#[derive(Clone, Debug, PartialEq)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned> Column for Json<T> {
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Text(text) => serde_json::from_str(text).ok().map(Self),
            _ => None,
        }
    }
}

impl<T: Serialize> Serialize for Json<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<T: PartialSchema> PartialSchema for Json<T> {
    fn schema() -> RefOr<Schema> {
        T::schema()
    }
}

impl<T: ToSchema> ToSchema for Json<T> {
    fn name() -> std::borrow::Cow<'static, str> {
        T::name()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        T::schemas(schemas);
    }
}

/// From the columns `latitude` and `longitude`.
impl FromRow for Location {
    fn from_row(row: &Row) -> Result<Self, Problem> {
        Ok(Self { lat: row.get("latitude")?, lng: row.get("longitude")? })
    }
}

/// None when the column `latitude` or `longitude` is null.
impl FromRow for Option<Location> {
    fn from_row(row: &Row) -> Result<Self, Problem> {
        let lat: Option<f64> = row.get("latitude")?;
        let lng: Option<f64> = row.get("longitude")?;
        Ok(lat.zip(lng).map(|(lat, lng)| Location { lat, lng }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::Timestamp;

    #[derive(Debug, FromRow)]
    struct View {
        id: String,
        #[row(column = "at_ms")]
        at: Timestamp,
        #[row(flatten)]
        location: Option<Location>,
        tags: Json<Vec<String>>,
        #[row(with = shout)]
        loud: String,
    }

    fn shout(row: &Row) -> Result<String, Problem> {
        Ok(row.get::<String>("id")?.to_uppercase())
    }

    #[test]
    fn a_struct_is_filled_by_column_name() {
        let columns = ["at_ms", "id", "latitude", "longitude", "tags"].map(str::to_owned).to_vec();
        let values = crate::params![5i64, "a", 20i64, 70.5, r#"["x"]"#];
        let rows = Rows::new(columns, std::iter::once(values));
        let view = View::from_row(rows.first().unwrap()).unwrap();
        assert_eq!((view.id.as_str(), view.at, view.loud.as_str()), ("a", Timestamp(5), "A"));
        assert_eq!((view.location, view.tags.0), (Some(Location { lat: 20.0, lng: 70.5 }), vec!["x".to_owned()]));
        assert!(rows.first().unwrap().get::<i64>("id").is_err());
        assert!(rows.first().unwrap().get::<i64>("other").is_err());
    }
}
