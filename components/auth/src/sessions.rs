//! The sessions of an account: what its owner, or an administrator, sees of them and ends.

use axum::extract::Path;
use kit::api::NoContent;
use kit::caller::{Admin, Caller, SignedIn};
use kit::db::{self, Database, Executor, Fetch as _};
use kit::input::Timestamp;
use kit::page::{Listing, NoFilters, Page};
use kit::request::Now;
use kit::row::FromRow;
use kit::{Answer, Problem, params};
use serde::Serialize;
use utoipa::ToSchema;

use crate::refresh_tokens::{self, Reason};
use crate::users::find_managed;

/// A session: a login, and all that was refreshed from it.
#[derive(Serialize, ToSchema)]
pub struct LoginSession {
    /// What its access tokens name as `sid`.
    id: String,
    /// When it was opened.
    started_at: Timestamp,
    /// When it was last refreshed, or opened.
    refreshed_at: Timestamp,
    /// When it ends unless it is refreshed.
    expires_at: Timestamp,
    /// Where it was last refreshed from: an address, or a network of IPv6; null when that is not known.
    address: Option<String>,
    /// Whether the caller's own access token is of it.
    is_current: bool,
}

/// What the newest token of a session says.
#[derive(FromRow)]
struct Newest {
    family: String,
    refreshed_at: i64,
    expires_at: Timestamp,
    network: Option<String>,
}

/// The bare columns are those of the row with the greatest time. Above every id in SQLite's order of text is `~`.
const LIST: &str = "select family, max(issued_at) as refreshed_at, expires_at, network
     from refresh_tokens t
     where user_id = ?1 and expires_at > ?2 and family < coalesce(?3, '~')
         and not exists (select 1 from revoked_families r where r.family = t.family)
     group by family order by family desc limit ?4";

fn page(db: &dyn Executor, user: &str, own: Option<&str>, listing: &Listing<NoFilters>, now: i64) -> Answer<Page<LoginSession>> {
    let newest: Vec<Newest> = db.fetch_all(LIST, params![user, now, listing.after_text(0), listing.fetch()])?;
    let view = |newest: Newest| LoginSession {
        started_at: Timestamp(started_at(&newest.family).unwrap_or(newest.refreshed_at)),
        refreshed_at: Timestamp(newest.refreshed_at),
        expires_at: newest.expires_at,
        address: newest.network.filter(|network| !network.is_empty()),
        is_current: own == Some(&*newest.family),
        id: newest.family,
    };
    Ok(listing.page(newest, |newest| [newest.family.clone()]).map(view))
}

/// The time in a UUIDv7 (RFC 9562 section 5.7), milliseconds: the first token of a session is not kept for as long as the session may last.
fn started_at(family: &str) -> Option<i64> {
    let digits: String = family.chars().filter(|c| *c != '-').take(12).collect();
    i64::from_str_radix(&digits, 16).ok()
}

fn not_found() -> Problem {
    Problem::not_found("session")
}

/// Of the sessions that may still be live, those of this user and, if one is named, of this id.
const END: &str = "insert into revoked_families (family, revoked_at, reason)
     select distinct family, ?2, ?3 from refresh_tokens where user_id = ?1 and family = ?4 and expires_at > ?2
     on conflict do nothing returning 1";

fn end_one(db: &dyn Executor, user: &str, session: &str, reason: Reason, now: i64) -> Answer<()> {
    if db.exists(END, params![user, now, reason.into_str(), session])? { Ok(()) } else { Err(not_found()) }
}

/// Lists the caller's own sessions that are live, the newest first.
#[utoipa::path(get, path = "/api/users/me/sessions")]
pub async fn list_own(caller: Caller<SignedIn>, Now(now): Now, listing: Listing<NoFilters>) -> Answer<Page<LoginSession>> {
    page(&Database, &caller.0.id, caller.0.session.as_deref(), &listing, now)
}

/// Ends one of the caller's own sessions, with its access tokens, streams and stream tickets.
#[utoipa::path(delete, path = "/api/users/me/sessions/{id}")]
pub async fn end_own(caller: Caller<SignedIn>, Path(id): Path<String>, Now(now): Now) -> Answer<NoContent> {
    end_one(&Database, &caller.0.id, &id, Reason::Logout, now)?;
    Ok(NoContent)
}

/// Lists the sessions of a user that are live, the newest first.
#[utoipa::path(get, path = "/v0/api/users/users/{id}/sessions")]
pub async fn list(caller: Caller<Admin>, Path(id): Path<String>, Now(now): Now, listing: Listing<NoFilters>) -> Answer<Page<LoginSession>> {
    let (_, user) = find_managed(&Database, &caller.0, &id)?;
    page(&Database, &user.id, caller.0.session.as_deref(), &listing, now)
}

const AUDIT: &str = "insert into audit_log (at, actor, action, entity, subject, detail)
     values (?1, ?2, 'sessions_ended', 'users', ?3, json_object('session', ?4))";

/// Ends a session of a user, with its access tokens, streams and stream tickets.
#[utoipa::path(delete, path = "/v0/api/users/users/{id}/sessions/{session}")]
pub async fn end(caller: Caller<Admin>, Path((id, session)): Path<(String, String)>, Now(now): Now) -> Answer<NoContent> {
    db::transaction(|transaction| -> Answer<()> {
        let (_, user) = find_managed(transaction, &caller.0, &id)?;
        end_one(transaction, &user.id, &session, Reason::Admin, now)?;
        transaction.run(AUDIT, params![now, &caller.0.id, &user.id, session])?;
        Ok(())
    })?;
    Ok(NoContent)
}

/// Ends all sessions of a user, who may sign in again.
#[utoipa::path(delete, path = "/v0/api/users/users/{id}/sessions")]
pub async fn end_all(caller: Caller<Admin>, Path(id): Path<String>, Now(now): Now) -> Answer<NoContent> {
    db::transaction(|transaction| -> Answer<()> {
        let (_, user) = find_managed(transaction, &caller.0, &id)?;
        refresh_tokens::revoke_all(transaction, &user.id, Reason::Admin, now)?;
        transaction.run(AUDIT, params![now, &caller.0.id, &user.id, None::<String>])?;
        Ok(())
    })?;
    Ok(NoContent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_tells_by_its_id_when_it_was_opened() {
        assert_eq!(started_at("019a2f4c-7b00-7c3e-8d15-6f0a4b2c9e71"), Some(0x019a_2f4c_7b00));
        assert_eq!(started_at("not one"), None);
    }
}
