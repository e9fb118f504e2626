//! One reading.

use ingest::Stored;
use ingest::single::{self, StoredReading};
use kit::caller::{Caller, ReadingSender};
use kit::request::{Now, RequestId};
use kit::{Answer, outbox};

use crate::body::ReadingBody;
use crate::quiet::QuietJson;

/// Stores a reading.
///
/// The 201 is sent when it is durable. A device sends only its own data.
#[utoipa::path(post, path = "/api/telemetry", responses(
    (status = 404, description = "The device is unknown or inactive."),
    (status = 409, description = "This device's reading of that time is stored already."),
))]
pub async fn create(
    caller: Caller<ReadingSender>,
    Now(now): Now,
    RequestId(request_id): RequestId,
    ReadingBody(reading): ReadingBody,
) -> Answer<QuietJson<201, StoredReading>> {
    let Stored { answer, is_urgent } = single::store(&caller.0, reading, now)?;
    if is_urgent {
        outbox::wake_dispatcher(request_id);
    }
    Ok(QuietJson(answer))
}
