//! Who a caller turned out to be.

use const_format::concatcp;
use domain::role::Role;

use crate::db::{Database, Executor as _};
use crate::row::{FromRow, Row};
use crate::security::Kind;
use crate::{Problem, kept, params};

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

const STANDING: &str = "role, device_code, exists (select 1 from revoked_families where family = ?) as has_session_ended";

const OF_ACCOUNT: &str = " from users where id = ? and is_active = 1";

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
        self.look_up(concatcp!("select ", STANDING, OF_ACCOUNT)).map(|(current, _)| current)
    }

    /// The same, for a request that reads: what it is then answered from what is kept ([`kept`]) needs no statement of its own.
    pub(crate) fn current_for_reading(&self) -> Result<Self, Problem> {
        let (current, row) = self.look_up(concatcp!("select ", STANDING, ", ", kept::ALL_VERSIONS, " as versions", OF_ACCOUNT))?;
        if let Some(row) = row {
            kept::note(row.get("versions")?);
        }
        Ok(current)
    }

    fn look_up(&self, sql: &str) -> Result<(Self, Option<Row>), Problem> {
        let Some(session) = &self.session else { return Ok((self.clone(), None)) };
        let Some(row) = Database.run(sql, params![session, &self.id])?.into_iter().next() else {
            return Err(self.refuse("this account is not active any more", "inactive_account"));
        };
        let Standing { role, device_code, has_session_ended } = Standing::from_row(&row)?;
        if has_session_ended {
            return Err(self.refuse("this session has ended: sign in again", "session_ended"));
        }
        Ok((Self { role, device: device_code, ..self.clone() }, Some(row)))
    }

    fn refuse(&self, detail: &str, reason: &'static str) -> Problem {
        Problem::unauthorized(detail).logged_as(Kind::AuthnTokenReuse, Some(self.id.clone()), reason)
    }
}
