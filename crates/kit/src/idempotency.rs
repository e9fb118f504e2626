//! `Idempotency-Key`: the same key and body gives the first answer again; with another body it is a 422 (contract §1).

use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::request::Parts;
use serde_json::Value as Json;

use crate::caller::Principal;
use crate::db::{self, DbError, Rows, Run, Transaction, Value};
use crate::{Problem, host, params, request};

/// How long an answer is kept, milliseconds: a day.
pub const KEPT_MS: i64 = 24 * 60 * 60 * 1000;

/// The key of a request, if it carries one, with what the request is.
pub struct IdempotencyKey {
    key: Option<String>,
    target: String,
    now_ms: i64,
}

impl<S: Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let key = match parts.headers.get("idempotency-key") {
            None => None,
            Some(key) => {
                let key = key.to_str().unwrap_or_default().trim().to_owned();
                if !(1..=255).contains(&key.len()) {
                    return Err(Problem::invalid_field("Idempotency-Key", "must have 1 to 255 visible characters"));
                }
                Some(key)
            }
        };
        let target = format!("{} {}", parts.method, parts.uri.path());
        Ok(Self { key, target, now_ms: request::now(parts).0 })
    }
}

impl IdempotencyKey {
    /// Does `work` once: in one transaction with keeping its answer, so that two requests side by side do it once too. A refusal is
    /// not kept. The boolean tells whether the work was done now.
    pub fn once(
        self,
        caller: &Principal,
        body: &[u8],
        work: impl FnOnce(&Transaction) -> Result<(StatusCode, Json), Problem>,
    ) -> Result<(Response, bool), Problem> {
        let request_hash = self.hash(body);
        let (status, body, fresh) = db::transaction(|transaction| {
            if let Some((status, body)) = self.kept(|sql, params| transaction.run(sql, params), caller, request_hash)? {
                return Ok((status, body, false));
            }
            let (status, body) = work(transaction)?;
            let body = body.to_string();
            if let Some(key) = &self.key {
                transaction.run(
                    "insert or replace into idempotency_keys (caller, key, request_hash, status, body, created_at) values (?, ?, ?, ?, ?, ?)",
                    params![&caller.id, key, request_hash, i64::from(status.as_u16()), &body, self.now_ms],
                )?;
            }
            Ok((status, body, true))
        })?;
        Ok((answer(status, body, fresh), fresh))
    }

    /// The same for work that changes things by one statement alone. Without a key that statement needs no transaction around it, holds the
    /// writers' lock for no longer than it runs, and shares its commit with those of other requests.
    pub fn once_by_one(
        self,
        caller: &Principal,
        body: &[u8],
        work: impl FnOnce(Run<'_>) -> Result<(StatusCode, Json), Problem>,
    ) -> Result<(Response, bool), Problem> {
        if self.key.is_some() {
            return self.once(caller, body, |transaction| work(&|sql, params| transaction.run(sql, params)));
        }
        let (status, body) = work(&db::run)?;
        Ok((answer(status, body.to_string(), true), true))
    }

    /// The answer that this key was given before, for work that cannot be done inside one transaction: it asks here first, and ends with
    /// [`once`](Self::once), which keeps the answer. 422 when the key was used with another body.
    pub fn replay(&self, caller: &Principal, body: &[u8]) -> Result<Option<Response>, Problem> {
        Ok(self.kept(db::run, caller, self.hash(body))?.map(|(status, body)| answer(status, body, false)))
    }

    fn hash(&self, body: &[u8]) -> [u8; 32] {
        host::sha256(&[self.target.as_bytes(), b"\n", body].concat())
    }

    fn kept(
        &self,
        run: impl FnOnce(&str, Vec<Value>) -> Result<Rows, DbError>,
        caller: &Principal,
        request_hash: [u8; 32],
    ) -> Result<Option<(StatusCode, String)>, Problem> {
        let Some(key) = &self.key else { return Ok(None) };
        let kept = run(
            "select request_hash = ?, status, body from idempotency_keys where caller = ? and key = ? and created_at > ?",
            params![request_hash, &caller.id, key, self.now_ms - KEPT_MS],
        )?;
        let Some(row) = kept.first() else { return Ok(None) };
        if !row.bool(0)? {
            return Err(Problem::invalid_field("Idempotency-Key", "was used with another request"));
        }
        let status = u16::try_from(row.int(1)?).ok().and_then(|status| StatusCode::from_u16(status).ok());
        Ok(Some((status.unwrap_or(StatusCode::OK), row.text(2)?.to_owned())))
    }
}

fn answer(status: StatusCode, body: String, fresh: bool) -> Response {
    let mut response = (status, [(http::header::CONTENT_TYPE, "application/json")], body).into_response();
    if !fresh {
        response.headers_mut().insert("idempotent-replayed", http::HeaderValue::from_static("true"));
    }
    response
}
