//! What a login and a refresh answer.

use domain::role::Role;
use kit::Problem;
use serde::Serialize;
use utoipa::ToSchema;

use crate::account::User;
use crate::tokens::{self, Subject};

/// An access token with the refresh token for its successor.
#[derive(Serialize, ToSchema)]
pub struct Session {
    /// The access token, for `Authorization: Bearer`.
    #[schema(example = "eyJhbGciOiJFZERTQSJ9.e30.c2lnbmF0dXJl")]
    access: String,
    /// The same, by the name that OAuth 2 gives it.
    #[schema(example = "eyJhbGciOiJFZERTQSJ9.e30.c2lnbmF0dXJl")]
    access_token: String,
    /// Good for one use; the answer to that has the next one. Left out where it is in a cookie.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "q3VYb0c5l2mXo4t7Jk8sVd1aWf6hPz9uRe0yTn3gLiM")]
    refresh: Option<String>,
    /// `Bearer`.
    #[schema(example = "Bearer")]
    token_type: &'static str,
    /// How long the access token lives, seconds.
    #[schema(example = 900)]
    expires_in: i64,
    /// Who is logged in.
    user: SessionUser,
}

/// Who is logged in.
#[derive(Serialize, ToSchema)]
struct SessionUser {
    /// The user's id.
    #[schema(example = "019c2848-5c40-7000-8000-000000000001")]
    id: String,
    /// The address that it logs in with.
    #[schema(example = "asha@example.org")]
    email: String,
    /// The name by which it is addressed.
    #[schema(example = "Asha")]
    name: String,
    /// What it may do.
    role: Role,
}

impl Session {
    /// A new access token beside a refresh token of this family that is stored already; the answer says it unless it goes into a cookie.
    pub async fn open(user: &User, family: &str, refresh: Option<String>, now: i64) -> Result<Self, Problem> {
        let subject = Subject { id: &user.id, role: user.role, device: user.device_code.as_deref(), session: family };
        let access = tokens::sign(subject, now).await?;
        let user = SessionUser { id: user.id.clone(), email: user.email.clone(), name: user.name.clone(), role: user.role };
        Ok(Self {
            access_token: access.token.clone(),
            access: access.token,
            refresh,
            token_type: "Bearer",
            expires_in: access.expires_in,
            user,
        })
    }
}
