//! Who a caller turned out to be.

use domain::role::Role;

use crate::db::{Database, Fetch as _};
use crate::row::FromRow;
use crate::{Problem, params};

/// A caller whose identity was proved.
#[derive(Clone, Debug)]
pub struct Principal {
    /// The user's id; `device:CODE` for a device that sent its key.
    pub id: String,
    /// The role.
    pub role: Role,
    /// For role `device`: its code.
    pub device: Option<String>,
    /// The session that the access token belongs to, which a logout, a new password, a dismissal or a refresh token that was used twice
    /// ends; none for a device that sent its key.
    pub session: Option<String>,
}

/// An active account, as far as its rights go.
#[derive(FromRow)]
struct Standing {
    role: Role,
    device_code: Option<String>,
    has_session_ended: bool,
}

impl Principal {
    /// Whether it may send data of this device: a device only its own, an operator any.
    pub fn may_send_for(&self, device_code: &str) -> bool {
        match &self.device {
            Some(own) if self.role == Role::Device => own.eq_ignore_ascii_case(device_code),
            _ => self.role.holds(Role::Operator),
        }
    }

    /// The same caller with the rights that the account has now. 401 when the account is not active any more or the session has ended:
    /// both are asked in one statement. A device's key is asked for at each request, so a device is as it was.
    pub fn current(&self) -> Result<Self, Problem> {
        let Some(session) = &self.session else { return Ok(self.clone()) };
        let found: Option<Standing> = Database.fetch_optional(
            "select role, device_code, exists (select 1 from revoked_families where family = ?) as has_session_ended
             from users where id = ? and is_active = 1",
            params![session, &self.id],
        )?;
        match found {
            None => Err(Problem::unauthorized("this account is not active any more")),
            Some(found) if found.has_session_ended => Err(Problem::unauthorized("this session has ended: sign in again")),
            Some(found) => Ok(Self { role: found.role, device: found.device_code, ..self.clone() }),
        }
    }
}
