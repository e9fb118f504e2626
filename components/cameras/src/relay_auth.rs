//! Whom the media relay may let in: its HTTP authentication hook (`authHTTPAddress`). Whatever is not a 2xx is a refusal; when nothing was shown at
//! all it is a 401, upon which the relay asks its client.

use const_format::concatcp;
use domain::camera::{Level, Quality};
use domain::time::AHEAD_TOLERANCE_MS;
use kit::api::NoContent;
use kit::db::{Database, Fetch as _};
use kit::input::{Input, Text};
use kit::request::{Body, Now};
use kit::row::FromRow;
use kit::ticket::current;
use kit::{Answer, Problem, config, host, params, trusted};

use crate::model::Stored;
use crate::permission;
use crate::relay::{USER, path_name, sessions_of};
use crate::session::{HAS_ROOM, RELAY_LIVE_MS};
use crate::settings::{self, Viewers};

/// What the relay is asked by somebody.
#[derive(Input)]
#[input(example = r#"{"action": "read", "path": "cam/cam-gate-1/main", "protocol": "hls", "token": "…", "ip": "192.0.2.1"}"#)]
pub struct RelayQuestion {
    /// `read`, `publish`, `playback`, `api`, `metrics` or `pprof`.
    action: Text<1, 32>,
    /// The relay's name of the stream.
    path: Option<Text<0, 512>>,
    /// `rtsp`, `hls`, `webrtc`, …
    protocol: Option<Text<0, 32>>,
    /// The name that was shown.
    user: Option<Text<0, 256>>,
    /// The password that was shown.
    password: Option<Text<0, 512>>,
    /// The token that was shown.
    token: Option<Text<0, 512>>,
    /// The query of the address.
    query: Option<Text<0, 2048>>,
    /// How the relay calls the connection.
    id: Option<Text<0, 64>>,
}

impl RelayQuestion {
    /// The token, wherever it was shown: as such, as a password, or in the query.
    fn token(&self) -> Option<String> {
        let plain = [&self.token, &self.password].into_iter().flatten().map(|text| text.to_string());
        let query = self.query.as_deref().unwrap_or_default().trim_start_matches('?').to_owned();
        let in_query = query.split('&').filter_map(|pair| pair.strip_prefix("token=")).map(str::to_owned).collect::<Vec<_>>();
        plain.chain(in_query).find(|token| !token.is_empty())
    }
}

/// Whom a token was given to, and for what.
#[derive(FromRow)]
struct Session {
    camera_id: String,
    quality: Quality,
    user_id: String,
    session: Option<String>,
}

/// Connections that one token opens: an RTSP client needs two for a stream, and a player may begin again. Those that are over are forgotten by
/// the scheduled run.
const MOST_CONNECTIONS: i64 = 8;

/// Notes that a token is used, and by which connection; one that was not used before needs a place. In one statement, so that of two that ask at once
/// for the last place one has it.
const NOTE: &str = concatcp!(
    "update camera_sessions set last_seen_at = ?1, used_at = coalesce(used_at, ?1),
        relay_connections = case
            when ?9 is null or exists (select 1 from json_each(relay_connections) as j where j.value ->> 1 = ?9) then relay_connections
            else json_insert(relay_connections, '$[#]', json_array(?8, ?9))
        end
     where token_hash = ?7 and ended_at is null
        and (?9 is null or json_array_length(relay_connections) < ?10
            or exists (select 1 from json_each(relay_connections) as j where j.value ->> 1 = ?9))
        and (used_at is not null or (",
    HAS_ROOM,
    "))
     returning 1"
);

/// Whether the relay may call a connection so, by a UUID. It stands in addresses of the relay's API, which are called with the relay's secret; and
/// anybody who has a token may ask here.
fn is_connection_id(id: &str) -> bool {
    id.len() == 36 && id.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}

fn refused() -> Problem {
    Problem::unauthorized("this may not be seen or done with what was shown")
}

/// Answers the media relay whether somebody may read, publish or play back, or call its API.
///
/// Readers show the token of `GET /v0/api/cctv/cameras/{id}/stream/`, which is for one stream of one camera, holds as long as it is used, and ends with
/// its session. Publishing, playback and the API are for who knows `relay_secret`, who may read too.
#[utoipa::path(post, path = "/internal/relay/auth", responses((status = 401, description = "No.")))]
pub async fn answer(Now(now): Now, Body(question): Body<RelayQuestion>) -> Answer<NoContent> {
    let is_own = question.user.as_deref() == Some(USER);
    let password = question.password.as_deref().unwrap_or_default();
    if is_own && trusted::is_secret(password.as_bytes(), &config::get("relay_secret").await?) {
        return Ok(NoContent);
    }
    let token = question.token().filter(|_| &*question.action == "read").ok_or_else(refused)?;
    let (protocol, connection) = (question.protocol.as_deref(), question.id.as_deref().filter(|id| !id.is_empty()));
    // One that cannot be looked after could not be ended either.
    if connection.is_some_and(|id| !is_connection_id(id) || protocol.and_then(sessions_of).is_none()) {
        return Err(refused());
    }
    let hash = host::sha256(token.as_bytes());
    let session: Option<Session> = Database.fetch_optional(
        "select camera_id, quality, user_id, session from camera_sessions
         where token_hash = ?1 and ended_at is null and last_seen_at > ?2 - ?3 and last_seen_at <= ?2 + ?4",
        params![hash, now, RELAY_LIVE_MS, AHEAD_TOLERANCE_MS],
    )?;
    let session = session.ok_or_else(refused)?;
    if question.path.as_deref() != Some(path_name(&session.camera_id, session.quality).as_str()) {
        return Err(refused());
    }
    let holder = current(&session.user_id, session.session.clone())?;
    let camera = Stored::find(&Database, &session.camera_id, &holder)?.ok_or_else(refused)?;
    permission::check(&camera, &holder, Level::View, now).and_then(|()| permission::require_active(camera)).map_err(|_| refused())?;
    let Viewers { in_all, a_person } = settings::viewers().await?;
    let params = params![
        now,
        AHEAD_TOLERANCE_MS,
        &session.camera_id,
        &session.user_id,
        in_all,
        a_person,
        hash,
        protocol,
        connection,
        MOST_CONNECTIONS
    ];
    let noted = Database.exists(NOTE, params)?;
    if noted { Ok(NoContent) } else { Err(refused()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_called_by_a_uuid() {
        assert!(is_connection_id("019c2a5e-4b00-7000-8000-0123456789AB"));
        for other in ["", "nonsense", "019c2a5e-4b00-7000-8000-0123456789a", "019c2a5e-4b00-7000-8000-0123456789?b", "../kick/4b00"] {
            assert!(!is_connection_id(other), "{other}");
        }
    }
}
