//! Bodies of changes, judged together with what is stored: what is wrong with either is named at once.

use std::marker::PhantomData;

use axum::extract::{FromRequest, Request};
use kit::api::{Describe, Request as Operation};
use kit::input::{self, At, Input, Value};
use kit::problem::FieldErrors;
use kit::request::{Body, JsonBytes, Now};
use kit::{Answer, Problem};

/// A JSON body that is read as a `T` when what it changes is known.
pub struct Change<T> {
    body: Value,
    now_ms: i64,
    change: PhantomData<fn() -> T>,
}

impl<T, S: Send + Sync> FromRequest<S> for Change<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let Now(now_ms) = Now::of(request.extensions());
        let JsonBytes(bytes) = JsonBytes::from_request(request, state).await?;
        let body = serde_json::from_slice(&bytes).map_err(|error| Problem::unreadable(format!("not JSON: {error}")))?;
        Ok(Self { body, now_ms, change: PhantomData })
    }
}

impl<T: Input> Describe for Change<T> {
    fn describe(request: &mut Operation<'_>) {
        Body::<T>::describe(request);
    }
}

impl<T: Input> Change<T> {
    /// The change of what has these `keys`: the names of a field with its stored value, which may be repeated and cannot be changed.
    /// `check` refuses further what is at odds with what is stored.
    pub fn read(self, keys: &[([&str; 2], &str)], check: impl FnOnce(&T, &mut At<'_>)) -> Answer<T> {
        let mut errors = FieldErrors::new();
        let mut at = At::top(&mut errors, self.now_ms, false);
        let change = input::read_object::<T>(&self.body, &mut at);
        for (names, stored) in keys {
            let sent = names.iter().find_map(|name| self.body.get(*name)).and_then(Value::as_str);
            at.check_field(sent.is_none_or(|sent| sent.trim().eq_ignore_ascii_case(stored)), names[0], "cannot be changed");
        }
        if let Some(change) = &change {
            check(change, &mut at);
        }
        match change {
            Some(change) if errors.is_empty() => Ok(change),
            _ => Err(Problem::invalid(errors)),
        }
    }
}
