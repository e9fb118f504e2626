//! Tokens for streams at the relay: one session a viewer, stream and sign-in, however often they ask where it is. The token is made of the session's id
//! and the relay's secret, so that it can be given again, and only its SHA-256 is kept.

use domain::camera::Quality;
use domain::time::{AHEAD_TOLERANCE_MS, SECOND_MS};
use hmac::{Hmac, Mac as _};
use kit::caller::Principal;
use kit::db::{self, Executor as _, Fetch as _};
use kit::row::FromRow;
use kit::{Answer, Problem, config, host, params};
use sha2::Sha256;

use crate::model::Stored;
use crate::session::RELAY_LIVE_MS;

/// A session that is used, and was not seen for longer, is left alone: its token may be over before it is shown, milliseconds.
const FRESH_MS: i64 = 40 * SECOND_MS;

/// A token, and when it is void unless it is used.
pub struct RelayToken {
    /// What is shown.
    pub text: String,
    /// When it is void.
    pub expires_at: i64,
}

#[derive(FromRow)]
struct Known {
    id: String,
    token_hash: Vec<u8>,
    last_seen_at: i64,
    used_at: Option<i64>,
}

const KNOWN: &str = "select id, token_hash, last_seen_at, used_at from camera_sessions indexed by camera_sessions_live_by_user
     where user_id = ?3 and camera_id = ?4 and ended_at is null and protocol = 'relay' and quality = ?5 and session is ?6
         and last_seen_at > ?1 - ?7 and last_seen_at <= ?1 + ?2 and (used_at is null or last_seen_at > ?1 - ?8)
     order by last_seen_at desc limit 1";

/// The token for one of a camera's streams at the relay, to be used within [`RELAY_LIVE_MS`] and then for as long as it is. One that was given and not
/// used yet is given again with a whole minute; one that is used goes on as it does, whoever asks.
pub async fn relay_token(camera: &Stored, holder: &Principal, quality: Quality, address: &str, now: i64) -> Answer<RelayToken> {
    let secret = config::get("relay_secret").await?;
    db::transaction(|db| {
        let params =
            params![now, AHEAD_TOLERANCE_MS, &holder.id, &camera.camera_id, quality, holder.session.as_deref(), RELAY_LIVE_MS, FRESH_MS];
        if let Some(known) = db.fetch_optional::<Known>(KNOWN, params)? {
            let text = token(&secret, &known.id)?;
            // After the relay's secret was changed the old ones cannot be given again.
            if host::sha256(text.as_bytes()) == *known.token_hash {
                if known.used_at.is_some() {
                    return Ok(RelayToken { text, expires_at: known.last_seen_at + RELAY_LIVE_MS });
                }
                db.run("update camera_sessions set last_seen_at = ?2 where id = ?1 and last_seen_at < ?2", params![known.id, now])?;
                return Ok(RelayToken { text, expires_at: now.max(known.last_seen_at) + RELAY_LIVE_MS });
            }
        }
        let id = host::new_id(now)?;
        let text = token(&secret, &id)?;
        db.run(
            "insert into camera_sessions (id, camera_id, user_id, quality, protocol, address, started_at, last_seen_at, token_hash, session)
             values (?1, ?2, ?3, ?4, 'relay', ?5, ?6, ?6, ?7, ?8)",
            params![id, &camera.camera_id, &holder.id, quality, address, now, host::sha256(text.as_bytes()), holder.session.as_deref()],
        )?;
        Ok(RelayToken { text, expires_at: now + RELAY_LIVE_MS })
    })
}

/// A session's token: nobody makes it without the secret, which only this component and the relay have.
fn token(secret: &str, session: &str) -> Answer<String> {
    use base64::Engine as _;

    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).map_err(Problem::internal)?;
    mac.update(b"gatehouse relay token 1 ");
    mac.update(session.as_bytes());
    Ok(base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_of_its_session_and_its_secret() {
        let of = |secret, session| token(secret, session).unwrap();
        assert_eq!(of("a", "1"), of("a", "1"));
        assert!(of("a", "1") != of("a", "2") && of("a", "1") != of("b", "1") && of("a", "1").len() == 43);
    }
}
