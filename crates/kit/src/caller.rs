//! Who is calling, as a type in a handler's signature: `Caller<Operator>` is there only when the caller is one.

use std::marker::PhantomData;

use axum::extract::FromRequestParts;
use domain::role::Role;
use http::header::AUTHORIZATION;
use http::request::Parts;

use crate::{Problem, db, host, params, request, token};

/// A caller whose identity was proved.
#[derive(Clone, Debug)]
pub struct Principal {
    /// The user's id; `device:CODE` for a device that sent its key.
    pub id: String,
    /// The role.
    pub role: Role,
    /// For role `device`: its code.
    pub device: Option<String>,
}

impl Principal {
    /// Whether it may send data of this device: a device only its own, an operator any.
    pub fn may_send_for(&self, device_code: &str) -> bool {
        match &self.device {
            Some(own) if self.role == Role::Device => own.eq_ignore_ascii_case(device_code),
            _ => self.role.holds(Role::Operator),
        }
    }
}

/// What a route asks of its caller.
pub trait Requirement: Send + Sync + 'static {
    /// How old what is known of the caller's account may be, milliseconds. By default it is looked up at each request, so that who is
    /// dismissed or demoted loses their rights at once.
    const MAX_AGE_MS: u64 = 0;

    /// Whether this caller meets it.
    fn met_by(principal: &Principal) -> bool;
}

macro_rules! requirement {
    ($($(#[$doc:meta])* $name:ident = $role:expr;)*) => {
        $($(#[$doc])*
        pub struct $name;

        impl Requirement for $name {
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

/// A device, or an operator or above: who may send readings. Handlers check [`Principal::may_send_for`] as well.
pub struct Sender;

impl Requirement for Sender {
    // The path of the readings, the one where a look-up each time would be felt. Whether the device is active is asked each time.
    const MAX_AGE_MS: u64 = 5_000;

    fn met_by(principal: &Principal) -> bool {
        principal.role == Role::Device || principal.role.holds(Role::Operator)
    }
}

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
        if R::met_by(&principal) { Ok(Self(principal, PhantomData)) } else { Err(Problem::forbidden("your role does not allow this")) }
    }
}

/// The caller of a public route: none without a token. A token that is sent must be good.
pub struct MaybeCaller(pub Option<Principal>);

impl<S: Sync> FromRequestParts<S> for MaybeCaller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        identify(parts, 0).await.map(Self)
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
    let Some(header) = parts.headers.get(AUTHORIZATION) else {
        return Ok(None);
    };
    let credentials = header.to_str().ok().and_then(|header| header.split_once(' '));
    let Some((_, bearer)) = credentials.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")) else {
        return Err(Problem::unauthorized("send Authorization: Bearer and a token"));
    };
    let bearer = bearer.trim();
    if bearer.starts_with(DEVICE_KEY_PREFIX) {
        return device(bearer).map(Some);
    }
    token::verify(bearer, request::now(parts).0, max_age_ms).await.map(Some)
}

/// The device that this key belongs to. Asked of the database each time, so that a revoked key stops at once. The key has 256 bits
/// of entropy: its SHA-256 is looked up in an index, which leaks nothing of use about other keys.
fn device(key: &str) -> Result<Principal, Problem> {
    let rows = db::run(
        "select d.code from device_credentials c join devices d on d.id = c.device_id
         where c.key_hash = ? and c.revoked_at is null",
        params![host::sha256(key.as_bytes())],
    )?;
    let row = rows.first().ok_or_else(|| Problem::unauthorized("the device key is not valid or was revoked"))?;
    let code = row.text(0)?.to_owned();
    Ok(Principal { id: format!("device:{code}"), role: Role::Device, device: Some(code) })
}
