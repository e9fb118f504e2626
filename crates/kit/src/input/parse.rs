//! Reading requests: bodies, forms, query strings.

use serde_json::Value;

use super::{At, Input, Object};
use crate::Problem;
use crate::problem::FieldErrors;

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

/// Refuses what is no parameter.
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
