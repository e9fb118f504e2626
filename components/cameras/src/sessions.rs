//! Who watches, and has watched: for administrators, who may end it.

use axum::extract::Path;
use const_format::concatcp;
use domain::camera::Quality;
use domain::time::AHEAD_TOLERANCE_MS;
use kit::api::NoContent;
use kit::caller::{Admin, Caller};
use kit::db::{Database, Fetch as _};
use kit::input::{Code, Id, Input, Timestamp};
use kit::page::{Listing, Page};
use kit::request::Now;
use kit::row::FromRow;
use kit::select::Select;
use kit::{Answer, Problem, actor, params};
use serde::Serialize;
use utoipa::ToSchema;

use crate::relay::Relay;
use crate::relay_sessions;
use crate::session::LIVE;

/// A session of somebody who watches a camera.
#[derive(Serialize, FromRow, ToSchema)]
#[schema(as = CctvSession)]
pub struct Session {
    /// The session's id.
    id: String,
    /// The camera's code.
    camera_id: String,
    /// Who watches, an account's id.
    user_id: String,
    /// Their name.
    user_name: String,
    /// Which of the camera's streams.
    quality: Quality,
    /// `mjpeg`, or `relay` for one through the media relay.
    protocol: String,
    /// The network of the client's address; null when it is not known.
    address: Option<String>,
    /// When it began.
    started_at: Timestamp,
    /// When it was last seen to go on.
    last_seen_at: Timestamp,
    /// How many bytes were sent.
    bytes: i64,
    /// Whether it goes on.
    is_active: bool,
    /// When it ended; null while it goes on.
    ended_at: Option<Timestamp>,
    /// The account that ended it; null when it ended by itself.
    ended_by: Option<String>,
    /// `left`, `ended` by an administrator, `not_allowed`, `camera`, `too_long` or `lost`; null while it goes on.
    ended_because: Option<String>,
}

/// Which sessions.
#[derive(Input)]
pub struct Filters {
    /// Only those of this camera.
    camera_id: Option<Code>,
    /// Only those of this account.
    user_id: Option<Id>,
}

const SELECT: &str = concatcp!(
    "select id, camera_id, user_id, ",
    actor::NAME,
    " as user_name, quality, protocol, address, started_at, last_seen_at, bytes, ",
    LIVE,
    " as is_active, ended_at, ended_by, ended_because from (select *, user_id as actor from camera_sessions) where id < coalesce(?3, '~')"
);

fn select(listing: &Listing<Filters>, now: i64) -> Select {
    Select::new(SELECT, params![now, AHEAD_TOLERANCE_MS, listing.after_text(0)])
        .and_equal("camera_id", listing.filters.camera_id.as_deref())
        .and_equal("user_id", listing.filters.user_id.as_deref())
}

/// Lists sessions of who watches and has watched, the newest first.
#[utoipa::path(get, path = "/v0/api/cctv/streams")]
pub async fn list(_: Caller<Admin>, Now(now): Now, listing: Listing<Filters>) -> Answer<Page<Session>> {
    let sessions = select(&listing, now).fetch(&Database, "id desc", listing.fetch())?;
    Ok(listing.page(sessions, |session: &Session| [session.id.clone()]))
}

/// Lists the sessions of who watches now, the newest first.
#[utoipa::path(get, path = "/v0/api/cctv/streams/active")]
pub async fn active(_: Caller<Admin>, Now(now): Now, listing: Listing<Filters>) -> Answer<Page<Session>> {
    let sessions = select(&listing, now).and(LIVE, params![]).fetch(&Database, "id desc", listing.fetch())?;
    Ok(listing.page(sessions, |session: &Session| [session.id.clone()]))
}

/// What the relay has to end.
#[derive(FromRow)]
struct Ended {
    relay_connections: String,
}

/// Ends a session: its pictures stop within seconds.
#[utoipa::path(delete, path = "/v0/api/cctv/streams/{id}")]
pub async fn end(caller: Caller<Admin>, Now(now): Now, Path(id): Path<String>) -> Answer<NoContent> {
    let ended: Option<Ended> = Database.fetch_optional(
        "update camera_sessions set ended_at = ?2, ended_by = ?3, ended_because = 'ended' where id = ?1 and ended_at is null
         returning relay_connections",
        params![&id, now, &caller.0.id],
    )?;
    // Ended twice is ended.
    if ended.is_none() && !Database.exists("select 1 from camera_sessions where id = ?", params![&id])? {
        return Err(Problem::not_found("session"));
    }
    let at_relay = ended.map(|ended| relay_sessions::connections(&ended.relay_connections)).unwrap_or_default();
    // One that the relay cannot be told now is ended there by the next scheduled run.
    if !at_relay.is_empty()
        && let Some(relay) = Relay::configured().await?
        && relay_sessions::end_all(&relay, &at_relay).await.is_ok()
    {
        relay_sessions::forget(&id)?;
    }
    Ok(NoContent)
}
