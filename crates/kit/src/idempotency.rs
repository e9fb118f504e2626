//! `Idempotency-Key`: the same key and body gives the first answer again; with another body it is a 422 (docs/reference/rules.md#idempotency).

use std::marker::PhantomData;

use axum::extract::{FromRequest, Request};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::StatusCode;
use http::request::Parts;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::path::{ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};

use crate::api::{Describe, Request as Operation, Respond};
use crate::caller::Principal;
use crate::db::{self, Database, DbError, Executor, Transaction};
use crate::request::{self, FromBody, JsonBytes, PathValues};
use crate::row::FromRow;
use crate::{Problem, host, params};

/// How long an answer is kept, milliseconds: a day.
pub const KEPT_MS: i64 = 24 * 60 * 60 * 1000;

/// The body of a request that may be repeated with its key. It is parsed when it is first asked for: what is repeated gets its first
/// answer, also when it would be refused by now because a moment in it has passed.
pub struct Idempotent<T> {
    key: Option<Key>,
    now_ms: i64,
    path_values: PathValues,
    bytes: Bytes,
    body: PhantomData<fn() -> T>,
}

/// What the client named the request, and what it asked for.
struct Key {
    text: String,
    request_hash: [u8; 32],
}

impl<T: FromBody, S: Send + Sync> FromRequest<S> for Idempotent<T> {
    type Rejection = Problem;

    async fn from_request(mut request: Request, state: &S) -> Result<Self, Problem> {
        let path_values = request::path_values(T::NAMES_PATH, &mut request).await;
        let (parts, body) = request.into_parts();
        let key = key(&parts)?;
        let target = format!("{} {}\n", parts.method, parts.uri.path());
        let now_ms = request::now(&parts).0;
        let JsonBytes(bytes) = JsonBytes::from_request(Request::from_parts(parts, body), state).await?;
        let key = key.map(|text| Key { text, request_hash: host::sha256(&[target.as_bytes(), &bytes].concat()) });
        Ok(Self { key, now_ms, path_values, bytes, body: PhantomData })
    }
}

fn key(parts: &Parts) -> Result<Option<String>, Problem> {
    let Some(key) = parts.headers.get("idempotency-key") else { return Ok(None) };
    let key = key.to_str().unwrap_or_default().trim();
    if !(1..=255).contains(&key.len()) {
        return Err(Problem::invalid_field("Idempotency-Key", "must have 1 to 255 visible characters"));
    }
    Ok(Some(key.to_owned()))
}

#[derive(FromRow)]
struct KeptAnswer {
    is_same: bool,
    body: String,
}

impl<T: FromBody> Idempotent<T> {
    /// The key, if one was sent.
    pub fn key(&self) -> Option<&str> {
        self.key.as_ref().map(|key| key.text.as_str())
    }

    /// The body.
    pub fn body(&self) -> Result<T, Problem> {
        T::from_body(&self.bytes, self.now_ms, &self.path_values)
    }

    /// Does `work` once: in one transaction with keeping its answer, so that two requests side by side do it once too. A refusal is not kept.
    pub fn once<A: Serialize, E: From<Problem> + From<DbError>>(
        &self,
        caller: &Principal,
        work: impl FnOnce(&Transaction, T) -> Result<A, E>,
    ) -> Result<Once<A>, E> {
        let body = self.body();
        if body.is_err() && self.replay::<A>(caller)?.is_none() {
            return Err(body.err().unwrap_or_else(|| Problem::internal("a body without a problem")).into());
        }
        db::transaction(|transaction| {
            if let Some(answer) = self.kept(transaction, caller)? {
                return Ok(answer);
            }
            let answer = to_json(&work(transaction, body?)?)?;
            if let Some(key) = &self.key {
                transaction.run(
                    "insert or replace into idempotency_keys (caller, key, request_hash, status, body, created_at) values (?, ?, ?, ?, ?, ?)",
                    params![&caller.id, &key.text, key.request_hash, i64::from(StatusCode::CREATED.as_u16()), &answer, self.now_ms],
                )?;
            }
            Ok(Once::new(answer))
        })
    }

    /// The same for work that changes things by one statement alone. Without a key that statement needs no transaction around it, holds the
    /// writers' lock for no longer than it runs, and shares its commit with those of other requests.
    pub fn once_single_statement<A: Serialize, E: From<Problem> + From<DbError>>(
        &self,
        caller: &Principal,
        work: impl FnOnce(&dyn Executor, T) -> Result<A, E>,
    ) -> Result<Once<A>, E> {
        if self.key.is_some() {
            return self.once(caller, |transaction, body| work(transaction, body));
        }
        Ok(Once::new(to_json(&work(&Database, self.body()?)?)?))
    }

    /// The answer that this key was given before, for work that cannot be done inside one transaction: it asks here first, and ends with
    /// [`once`](Self::once), which keeps the answer. 422 when the key was used with another body.
    pub fn replay<A>(&self, caller: &Principal) -> Result<Option<Once<A>>, Problem> {
        self.kept(&Database, caller)
    }

    fn kept<A>(&self, db: &dyn Executor, caller: &Principal) -> Result<Option<Once<A>>, Problem> {
        let Some(key) = &self.key else { return Ok(None) };
        let kept = db.run(
            "select request_hash = ? as is_same, body from idempotency_keys where caller = ? and key = ? and created_at > ?",
            params![key.request_hash, &caller.id, &key.text, self.now_ms - KEPT_MS],
        )?;
        let Some(row) = kept.first() else { return Ok(None) };
        let kept = KeptAnswer::from_row(row)?;
        if !kept.is_same {
            return Err(Problem::invalid_field("Idempotency-Key", "was used with another request"));
        }
        Ok(Some(Once { is_new: false, json: kept.body, answer: PhantomData }))
    }
}

fn to_json(answer: &impl Serialize) -> Result<String, Problem> {
    serde_json::to_string(answer).map_err(Problem::internal)
}

impl<T: FromBody> Describe for Idempotent<T> {
    fn describe(request: &mut Operation<'_>) {
        let schema = ObjectBuilder::new().schema_type(Type::String).min_length(Some(1)).max_length(Some(255));
        let parameter = ParameterBuilder::new()
            .name("Idempotency-Key")
            .parameter_in(ParameterIn::Header)
            .description(Some("The same key with the same body gives the first answer again, for a day; with another body it is a 422."))
            .schema(Some(schema));
        request.parameter(parameter);
        T::describe_body(request);
    }
}

/// 201 with what was made, now or by the first request of this key. A repeated answer carries `Idempotent-Replayed: true`.
pub struct Once<A> {
    is_new: bool,
    json: String,
    answer: PhantomData<fn() -> A>,
}

impl<A> Once<A> {
    fn new(json: String) -> Self {
        Self { is_new: true, json, answer: PhantomData }
    }

    /// Whether it was made by this request.
    pub fn is_new(&self) -> bool {
        self.is_new
    }
}

impl<A> IntoResponse for Once<A> {
    fn into_response(self) -> Response {
        let mut response = (StatusCode::CREATED, [(http::header::CONTENT_TYPE, "application/json")], self.json).into_response();
        if !self.is_new {
            response.headers_mut().insert("idempotent-replayed", http::HeaderValue::from_static("true"));
        }
        response
    }
}

impl<A: ToSchema> Respond for Once<A> {
    fn describe(request: &mut Operation<'_>) {
        crate::api::answers_json::<A>(request, 201, "It was made, now or by the first request of this key.");
    }
}
