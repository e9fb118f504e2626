//! How many people are in a zone, or are and were in several.

use axum::extract::{FromRequest, Path, Request};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use kit::api::{Created, Describe, Request as Operation, Respond};
use kit::caller::{Caller, Sender};
use kit::input;
use kit::request::{Body, JsonBytes, Now, RequestId};
use kit::serve::Quiet;
use kit::tally::Tally;
use kit::{Answer, Problem, db, host, outbox};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{AnyOfBuilder, ObjectBuilder, SchemaType};

use crate::bulk::{self, MAX_COUNTS};
use crate::single::{self, StoredCrowdCount};
use crate::zone_state::NewCrowdCount;

/// A count, or an array of them.
pub enum Counts {
    One(NewCrowdCount),
    Many(Vec<bulk::Parsed>),
}

impl Counts {
    fn parse(body: &[u8], now: i64) -> Answer<Self> {
        if body.trim_ascii_start().starts_with(b"[") {
            bulk::parse(body, now).map(Self::Many)
        } else {
            input::parse(body, now).map(Self::One)
        }
    }
}

impl<S: Send + Sync> FromRequest<S> for Counts {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let now = request.extensions().get::<Now>().map_or_else(host::now_ms, |now| now.0);
        let JsonBytes(bytes) = JsonBytes::from_request(request, state).await?;
        Self::parse(&bytes, now)
    }
}

impl Describe for Counts {
    fn describe(request: &mut Operation<'_>) {
        Body::<NewCrowdCount>::describe(request);
        let one = input::reference::<NewCrowdCount>(request.schemas);
        // What is wrong with one of many is told in the answer.
        let anything = ObjectBuilder::new().schema_type(SchemaType::AnyValue);
        let many = input::array_of(AnyOfBuilder::new().item(one.clone()).item(anything).into(), 0, MAX_COUNTS);
        if let Some(RefOr::T(body)) = &mut request.operation.request_body
            && let Some(RefOr::T(content)) = body.content.get_mut("application/json")
        {
            content.schema = Some(input::any_of_schemas([one, many]));
        }
    }
}

/// What became of a count, or of many.
pub enum Updated {
    One(StoredCrowdCount),
    Many(Tally),
}

impl IntoResponse for Updated {
    fn into_response(self) -> Response {
        match self {
            Self::One(stored) => (Extension(Quiet), Created(stored)).into_response(),
            Self::Many(tally) => (Extension(Quiet), Json(tally)).into_response(),
        }
    }
}

impl Respond for Updated {
    fn describe(request: &mut Operation<'_>) {
        Created::<StoredCrowdCount>::describe(request);
        Json::<Tally>::describe(request);
    }
}

/// Stores how many people are in a zone; the answer has the zone's state after it.
///
/// A device counts only the zone that it stands on. An array of up to 5,000 counts, each judged by itself, is answered with 200: what was
/// accepted is durable, and each rejected index is named with the reason.
#[utoipa::path(
    post,
    path = "/api/crowd/temple/{id}/update",
    responses((status = 409, description = "This zone's count of that time is stored already."))
)]
pub async fn update(
    caller: Caller<Sender>,
    Now(now): Now,
    RequestId(request_id): RequestId,
    Path(site): Path<String>,
    counts: Counts,
) -> Answer<Updated> {
    let (updated, is_alarming) = db::transaction(|db| match counts {
        Counts::One(new) => single::store(db, &caller.0, &site, &new, now).map(|(stored, alarming)| (Updated::One(stored), alarming)),
        Counts::Many(counts) => bulk::store(db, &caller.0, &site, counts, now).map(|(tally, alarming)| (Updated::Many(tally), alarming)),
    })?;
    if is_alarming {
        outbox::wake_dispatcher(request_id);
    }
    Ok(updated)
}

#[cfg(test)]
mod tests {
    use kit::input::Input as _;

    use super::*;

    const NOW: i64 = 1_772_323_200_000;

    #[test]
    fn a_body_is_a_count_or_an_array_whose_parts_are_judged_alone() {
        let example = NewCrowdCount::example().unwrap();
        assert!(matches!(Counts::parse(example.as_bytes(), NOW), Ok(Counts::One(count)) if *count.count == 420));
        let Ok(Counts::Many(counts)) = Counts::parse(format!(" [{example}, 7, {{\"zone_code\": \"a\"}}]").as_bytes(), NOW) else {
            panic!("an array")
        };
        assert_eq!(counts.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, false]);
        assert_eq!(counts[2].as_ref().unwrap_err().keys().collect::<Vec<_>>(), ["count", "timestamp"]);
        assert_eq!(Counts::parse(b"[{", NOW).err().unwrap().status(), 400);
        let too_many = serde_json::to_vec(&vec![0; MAX_COUNTS + 1]).unwrap();
        assert_eq!(Counts::parse(&too_many, NOW).err().unwrap().status(), 413);
    }

    #[test]
    fn a_count_is_not_from_the_future_nor_from_before_there_were_counters() {
        for timestamp in ["2026-03-01T00:05:01Z", "1999-12-31T23:59:59Z", "2026-02-04"] {
            let body = format!(r#"{{"zone": "a", "count": 1, "timestamp": "{timestamp}"}}"#);
            assert!(Counts::parse(body.as_bytes(), NOW).err().unwrap().errors().contains_key("timestamp"), "{timestamp}");
        }
    }
}
