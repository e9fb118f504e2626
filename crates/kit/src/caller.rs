//! Who is calling, as a type in a handler's signature: `Caller<Operator>` is there only when the caller is one.

use std::marker::PhantomData;

use axum::extract::FromRequestParts;
use domain::role::Role;
use http::header::AUTHORIZATION;
use http::request::Parts;

use utoipa::openapi::security::SecurityRequirement;

use crate::api::{Describe, Request};
use crate::db::{Database, Fetch as _};
pub use crate::principal::Principal;
use crate::row::FromRow;
use crate::security::{Identified, Kind};
use crate::{Problem, host, params, request, token};

/// Who changes what no account has changed: rules and scheduled work.
pub const SYSTEM: &str = "system";

/// What a route asks of its caller.
pub trait Requirement: Send + Sync + 'static {
    /// How old what is known of the caller's account may be, milliseconds. By default it is looked up at each request, so that who is
    /// dismissed or demoted loses their rights at once.
    const MAX_AGE_MS: u64 = 0;

    /// The least role that meets it, as the API document names it.
    const ROLE: &'static str;

    /// Whether a device may meet it, which sends its own key.
    const DEVICES: bool = false;

    /// What a caller who does not meet it is told.
    const REFUSAL: &'static str = "your role does not allow this";

    /// Who meets it, where the API document cannot say it by the role alone.
    const WHO: Option<&'static str> = None;

    /// Whether this caller meets it.
    fn met_by(principal: &Principal) -> bool;
}

macro_rules! requirement {
    ($($(#[$doc:meta])* $name:ident = $role:path;)*) => {
        $($(#[$doc])*
        pub struct $name;

        impl Requirement for $name {
            const ROLE: &'static str = $role.into_str();
            const DEVICES: bool = matches!($role, Role::Visitor);

            fn met_by(principal: &Principal) -> bool {
                principal.role.holds($role)
            }
        })*
    };
}

requirement! {
    /// Anyone who signed in.
    SignedIn = Role::Visitor;
    /// An operator or above.
    Operator = Role::Operator;
    /// A developer or above.
    Developer = Role::Developer;
    /// An administrator or above.
    Admin = Role::Admin;
}

/// Anyone who signed in and is no device: who may book, reserve and pay.
pub struct Person;

impl Requirement for Person {
    const ROLE: &'static str = Role::Visitor.into_str();
    const REFUSAL: &'static str = "this is for people to do, not for devices";
    const WHO: Option<&'static str> = Some("a person of any role, and no device");

    fn met_by(principal: &Principal) -> bool {
        principal.role.is_person()
    }
}

macro_rules! sender {
    ($(#[$doc:meta])* $name:ident, $max_age_ms:expr) => {
        $(#[$doc])*
        pub struct $name;

        impl Requirement for $name {
            const MAX_AGE_MS: u64 = $max_age_ms;
            const ROLE: &'static str = Role::Device.into_str();
            const DEVICES: bool = true;

            fn met_by(principal: &Principal) -> bool {
                principal.role == Role::Device || principal.role.holds(Role::Operator)
            }
        }
    };
}

sender! {
    /// A device, or an operator or above: who may send what is measured. Handlers check [`Principal::may_send_for`] as well.
    Sender, 0
}

sender! {
    /// The same on the path of the readings, the one where a look-up each time would be felt: what is known of the account is up to 5 seconds
    /// old. Whether the device is active and the session lives is a part of the handler's own statement, see [`SESSION_LIVES`].
    ReadingSender, 5_000
}

/// A condition of a statement that stands for the look-up that [`ReadingSender`] spares: its one parameter is the caller's
/// [`session`](Principal::session). Where it does not hold, [`Principal::current`] says why.
pub const SESSION_LIVES: &str = "not exists (select 1 from revoked_families where family = ?)";

/// The caller, who meets `R`. 401 without proof of identity, 403 when it is not enough.
pub struct Caller<R>(pub Principal, PhantomData<R>);

impl<R: Requirement, S: Sync> FromRequestParts<S> for Caller<R> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let sign_in = || Problem::unauthorized("sign in first");
        let mut principal = identify(parts, R::MAX_AGE_MS).await?.ok_or_else(sign_in)?;
        if R::MAX_AGE_MS > 0 && !R::met_by(&principal) {
            // Nobody is refused for what they were a moment ago.
            principal = identify(parts, 0).await?.ok_or_else(sign_in)?;
        }
        Identified::note(parts, &principal.id);
        if R::met_by(&principal) { Ok(Self(principal, PhantomData)) } else { Err(Problem::forbidden(R::REFUSAL)) }
    }
}

/// The caller of a route that must do what it can when the database cannot be asked who they are.
pub enum Reporter<R> {
    /// The caller, who meets `R`.
    Known(Caller<R>),
    /// Whom their access token names, and what keeps the database from being asked. The account may have been dismissed since, or the session
    /// have ended. There is no such thing for a device's key, which says nothing by itself.
    Claimed(Principal, Problem),
}

impl<R: Requirement, S: Sync> FromRequestParts<S> for Reporter<R> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let problem = match Caller::from_request_parts(parts, state).await {
            Ok(caller) => return Ok(Self::Known(caller)),
            Err(problem) if problem.status().is_server_error() => problem,
            Err(problem) => return Err(problem),
        };
        let Some(token) = bearer(parts)?.filter(|bearer| !bearer.starts_with(DEVICE_KEY_PREFIX)) else { return Err(problem) };
        let holder = token::holder(token, request::now(parts).0).await?;
        if R::met_by(&holder) { Ok(Self::Claimed(holder, problem)) } else { Err(Problem::forbidden(R::REFUSAL)) }
    }
}

impl<R: Requirement> Describe for Reporter<R> {
    fn describe(request: &mut Request<'_>) {
        Caller::<R>::describe(request);
    }
}

/// The caller of a public route: none without a token. A token that is sent must be good.
pub struct MaybeCaller(pub Option<Principal>);

impl<S: Sync> FromRequestParts<S> for MaybeCaller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let caller = identify(parts, 0).await?;
        if let Some(caller) = &caller {
            Identified::note(parts, &caller.id);
        }
        Ok(Self(caller))
    }
}

impl<R: Requirement> Describe for Caller<R> {
    fn describe(request: &mut Request<'_>) {
        let mut ways = vec![SecurityRequirement::new("bearer", [R::ROLE])];
        if R::DEVICES {
            ways.push(SecurityRequirement::new("deviceKey", [R::ROLE]));
        }
        request.operation.security = Some(ways);
        request.refuses(401, "Nobody is signed in: the token or the device key is missing, wrong, or has expired.");
        let who = R::WHO.map_or_else(|| format!("`{}` or above", R::ROLE), str::to_owned);
        request.refuses(403, &format!("The caller's role does not allow this: it takes {who}."));
    }
}

/// Of a route where something else may stand in for the caller, such as a token in the body: the handler refuses when neither is there.
impl<R: Requirement> Describe for Result<Caller<R>, Problem> {
    fn describe(request: &mut Request<'_>) {
        Caller::<R>::describe(request);
        request.operation.security.get_or_insert_default().insert(0, SecurityRequirement::default());
    }
}

impl Describe for MaybeCaller {
    fn describe(request: &mut Request<'_>) {
        let none: [&str; 0] = [];
        let ways = [SecurityRequirement::default(), SecurityRequirement::new("bearer", none), SecurityRequirement::new("deviceKey", none)];
        request.operation.security = Some(ways.to_vec());
        request.refuses(401, "A token was sent and is not valid, or has expired.");
    }
}

/// How a device's key begins, so that it is told from a token (and found by secret scanners).
pub const DEVICE_KEY_PREFIX: &str = "ghd_";

/// Reads `Authorization: Bearer` (an access token or a device key) or `X-Device-Key`.
async fn identify(parts: &Parts, max_age_ms: u64) -> Result<Option<Principal>, Problem> {
    let key = parts.headers.get("x-device-key").and_then(|value| value.to_str().ok());
    if let Some(key) = key {
        return device(key).map(Some);
    }
    let Some(bearer) = bearer(parts)? else { return Ok(None) };
    if bearer.starts_with(DEVICE_KEY_PREFIX) {
        return device(bearer).map(Some);
    }
    token::verify(bearer, request::now(parts).0, max_age_ms, parts.method.is_safe()).await.map(Some)
}

#[derive(FromRow)]
struct Key {
    code: String,
    is_revoked: bool,
}

/// What stands behind `Authorization: Bearer`.
fn bearer(parts: &Parts) -> Result<Option<&str>, Problem> {
    let Some(header) = parts.headers.get(AUTHORIZATION) else { return Ok(None) };
    let credentials = header.to_str().ok().and_then(|header| header.split_once(' '));
    match credentials.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")) {
        Some((_, bearer)) => Ok(Some(bearer.trim())),
        None => Err(Problem::unauthorized("send Authorization: Bearer and a token")),
    }
}

/// The device that this key belongs to. Asked of the database each time, so that a revoked key stops at once. The key has 256 bits
/// of entropy: its SHA-256 is looked up in an index, which leaks nothing of use about other keys.
fn device(key: &str) -> Result<Principal, Problem> {
    let found: Option<Key> = Database.fetch_optional(
        "select d.code, c.revoked_at is not null as is_revoked
         from device_credentials c join devices d on d.id = c.device_id where c.key_hash = ?",
        params![host::sha256(key.as_bytes())],
    )?;
    let refused = || Problem::unauthorized("the device key is not valid or was revoked");
    let Key { code, is_revoked } = found.ok_or_else(|| refused().logged_as(Kind::AuthnLoginFail, None, "unknown_key"))?;
    let id = format!("device:{code}");
    if is_revoked {
        return Err(refused().logged_as(Kind::AuthnTokenReuse, Some(id), "revoked_key"));
    }
    Ok(Principal { id, role: Role::Device, device: Some(code), session: None })
}
