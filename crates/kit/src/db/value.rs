//! Values and parameters of statements.

/// A value that SQLite stores.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// 64-bit integer; booleans are 0 and 1, times milliseconds.
    Integer(i64),
    /// 64-bit float.
    Real(f64),
    /// UTF-8 text.
    Text(String),
    /// Bytes.
    Blob(Vec<u8>),
    /// SQL `null`.
    Null,
}

macro_rules! value_from {
    ($($from:ty => |$it:ident| $to:expr),* $(,)?) => {
        $(impl From<$from> for Value {
            fn from($it: $from) -> Self {
                $to
            }
        })*
    };
}

value_from! {
    i64 => |it| Value::Integer(it),
    i32 => |it| Value::Integer(it.into()),
    u32 => |it| Value::Integer(it.into()),
    u16 => |it| Value::Integer(it.into()),
    bool => |it| Value::Integer(it.into()),
    f64 => |it| Value::Real(it),
    &str => |it| Value::Text(it.to_owned()),
    &String => |it| Value::Text(it.clone()),
    String => |it| Value::Text(it),
    Vec<u8> => |it| Value::Blob(it),
    [u8; 32] => |it| Value::Blob(it.to_vec()),
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(it: Option<T>) -> Self {
        it.map_or(Value::Null, Into::into)
    }
}

/// The parameters of a statement: `params![now, "x", None::<i64>]`.
#[macro_export]
macro_rules! params {
    ($($value:expr),* $(,)?) => { ::std::vec![$($crate::db::value::Value::from($value)),*] };
}
