//! Readings in bulk.

use axum::extract::{FromRequest, Request};
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use ingest::body::NewReading;
use ingest::{Stored, batch, bulk};
use kit::api::{Describe, Request as Operation};
use kit::caller::{Caller, ReadingSender};
use kit::input::{self, Input as _, Value};
use kit::request::{JsonBytes, Now, RequestId, describe_body_refusals};
use kit::tally::Tally;
use kit::{Answer, Problem, outbox};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{ContentBuilder, RefOr, Required};

use crate::quiet::QuietJson;

/// A bulk body: an array of readings, or one a line.
pub struct Readings(Vec<batch::Parsed>);

impl<S: Send + Sync> FromRequest<S> for Readings {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let Now(now) = Now::of(request.extensions());
        let ndjson = says_ndjson(request.headers());
        let JsonBytes(bytes) = JsonBytes::from_request(request, state).await?;
        batch::readings(&bytes, ndjson, now).map(Self)
    }
}

fn says_ndjson(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim();
    ["application/x-ndjson", "application/ndjson"].iter().any(|known| essence.eq_ignore_ascii_case(known))
}

impl Describe for Readings {
    fn describe(request: &mut Operation<'_>) {
        let reading = input::reference::<NewReading>(request.schemas);
        let example: Option<Value> = NewReading::example().and_then(|example| serde_json::from_str(example).ok());
        let array = input::array_of(reading.clone(), 0, batch::MAX_READINGS);
        let array = ContentBuilder::new().schema(Some(array)).example(example.clone().map(|example| Value::Array(vec![example])));
        let line = example.map(|example| Value::String(format!("{example}\n")));
        let lines = ContentBuilder::new().schema(Some(ObjectBuilder::new().schema_type(Type::String))).example(line);
        let body = RequestBodyBuilder::new()
            .description(Some("An array of readings, or one a line. What is wrong with one of them is told in the answer."))
            .content("application/json", array.build())
            .content("application/x-ndjson", lines.build())
            .required(Some(Required::True));
        request.operation.request_body = Some(RefOr::T(body.build()));
        describe_body_refusals(request);
    }
}

/// Stores up to 5,000 readings, each judged by itself.
///
/// What was accepted is durable. The answer counts `accepted`, `duplicate` and `rejected`, and names each rejected index and why. More than
/// 5,000 readings are a 413, and a body of which nothing is JSON is a 400.
#[utoipa::path(post, path = "/api/telemetry/bulk")]
pub async fn create(
    caller: Caller<ReadingSender>,
    Now(now): Now,
    RequestId(request_id): RequestId,
    Readings(parsed): Readings,
) -> Answer<QuietJson<200, Tally>> {
    let Stored { answer, is_urgent } = bulk::store(&caller.0, parsed, now)?;
    if is_urgent {
        outbox::wake_dispatcher(request_id);
    }
    Ok(QuietJson(answer))
}
