//! What exists of a camera's recordings, and what is missing.

use axum::Json;
use axum::extract::Path;
use domain::camera::Level;
use domain::camera::schedule::{Span, merged, missing};
use domain::time::DAY_MS;
use kit::caller::{Caller, Person};
use kit::db::{Database, Fetch as _};
use kit::input::{At, Input, Timestamp};
use kit::request::{Now, Query};
use kit::row::FromRow;
use kit::{Answer, params};
use serde::Serialize;
use utoipa::ToSchema;

use crate::permission;
use crate::recordings::{LEAST_GAP_MS, Stretch};

/// Which stretch of time.
#[derive(Input)]
#[input(check)]
pub struct TimelineQuery {
    /// Where it begins.
    from: Timestamp,
    /// Where it ends, at most 31 days later.
    to: Timestamp,
}

impl TimelineQuery {
    fn check(&self, at: &mut At<'_>) {
        at.check_field(self.from < self.to, "to", "must be after from");
        at.check_field(self.to.0.saturating_sub(self.from.0) <= 31 * DAY_MS, "to", "must lie within 31 days of from");
    }
}

/// What exists of a camera's recordings in a stretch of time, and what is missing.
#[derive(Serialize, ToSchema)]
#[schema(as = CctvTimeline)]
pub struct Timeline {
    /// The camera's code.
    camera_id: String,
    /// What there is.
    recorded: Vec<Stretch>,
    /// What was to be recorded and is not there.
    missing: Vec<Stretch>,
}

#[derive(FromRow)]
struct Piece {
    started_at: i64,
    ended_at: i64,
    reason: Option<String>,
}

impl Piece {
    fn within(&self, from: i64, to: i64) -> Span {
        (self.started_at.max(from), self.ended_at.min(to))
    }
}

/// Says what exists of a camera's recordings in a stretch of time, and what is missing. Takes the access level `view`.
#[utoipa::path(get, path = "/v0/api/cctv/cameras/{id}/timeline")]
pub async fn read(
    caller: Caller<Person>,
    Now(now): Now,
    Path(id): Path<String>,
    Query(query): Query<TimelineQuery>,
) -> Answer<Json<Timeline>> {
    let camera = permission::require(&id, &caller.0, Level::View, now)?;
    let (from, to) = (query.from.0, query.to.0.min(now).max(query.from.0));
    let of = |sql: &str| Database.fetch_all::<Piece>(sql, params![&camera.camera_id, from, to, now]);
    let had = of("select s.started_at, s.started_at + s.duration_ms as ended_at, null as reason
         from camera_recordings r join recording_spans s on s.recording_id = r.id
         where r.camera_id = ?1 and r.started_at < ?3 and coalesce(r.ended_at, ?4) > ?2 and s.started_at < ?3 and s.started_at + s.duration_ms > ?2")?;
    // What goes on has not been compared with the relay yet.
    let whole = of("select started_at, ended_at, null as reason from camera_recordings
         where camera_id = ?1 and started_at < ?3 and ended_at > ?2 and checked_at <= ?4")?;
    let noted = of("select started_at, coalesce(ended_at, ?4) as ended_at, reason from recording_gaps
         where camera_id = ?1 and started_at < ?3 and coalesce(ended_at, ?4) > ?2")?;
    let had = merged(had.iter().map(|piece| piece.within(from, to)).collect());
    let whole = merged(whole.iter().map(|piece| piece.within(from, to)).collect());
    let lost = missing(&whole, &had).into_iter().filter(|(start, end)| end - start >= LEAST_GAP_MS).map(|gap| Stretch::new(gap, None));
    let mut missing: Vec<_> = lost.chain(noted.iter().map(|piece| Stretch::new(piece.within(from, to), piece.reason.clone()))).collect();
    missing.sort_by_key(|gap| gap.start);
    let recorded = had.into_iter().map(|span| Stretch::new(span, None)).collect();
    Ok(Json(Timeline { camera_id: camera.camera_id, recorded, missing }))
}
