//! A reservation as it is stored.

use const_format::{concatcp, formatcp};
use domain::reservation::{Actor, Status};
use domain::role::Role;
use domain::spot::Kind;
use kit::caller::Principal;
use kit::db::{Executor, Fetch as _};
use kit::row::{FromRow, Json};
use kit::{Problem, params};
use serde::Deserialize;

/// The states in which a reservation keeps others off its spot, as the partial indexes have them.
pub const LIVE: &str = formatcp!("('{}', '{}', '{}')", Status::LIVE[0].into_str(), Status::LIVE[1].into_str(), Status::LIVE[2].into_str());

/// The columns of [`Reservation`].
pub const COLUMNS: &str = "no, id, user_id, spot_id, site, kind, starts_at, ends_at, plate, status, price, currency, paid, kept, hold_expires_at,
    due_until, paid_ends_at, arrived_at, left_at, ended_at, created_at, updated_at,
    (select s.zone from spot_presence s where s.spot_id = reservations.spot_id) as zone,
    (select json_object('spot_id', c.spot_id, 'site', c.site, 'kind', c.kind, 'starts_at', c.starts_at, 'ends_at', c.ends_at, 'price', c.price,
        'due_until', c.due_until) from reservation_changes c where c.reservation_no = reservations.no) as change";

/// To be followed by a condition.
pub const SELECT: &str = concatcp!("select ", COLUMNS, " from reservations");

/// One reservation. Times are milliseconds since 1970, money is minor units.
#[derive(FromRow)]
pub struct Reservation {
    pub no: i64,
    pub id: String,
    pub user_id: String,
    pub spot_id: String,
    pub site: String,
    pub zone: Option<String>,
    pub kind: Kind,
    pub starts_at: i64,
    pub ends_at: i64,
    pub plate: String,
    pub status: Status,
    pub price: i64,
    pub currency: String,
    pub paid: i64,
    /// What its driver does not get back any more, by the rule of a site where it was before.
    pub kept: i64,
    pub hold_expires_at: Option<i64>,
    pub due_until: Option<i64>,
    pub paid_ends_at: Option<i64>,
    pub arrived_at: Option<i64>,
    pub left_at: Option<i64>,
    pub ended_at: Option<i64>,
    pub created_at: i64,
    pub updated_at: i64,
    change: Option<Json<Change>>,
}

/// What a paid reservation becomes once the difference is paid: a row of `reservation_changes`.
#[derive(Deserialize)]
pub struct Change {
    pub spot_id: String,
    pub site: String,
    pub kind: Kind,
    pub starts_at: i64,
    pub ends_at: i64,
    pub price: i64,
    pub due_until: i64,
}

impl Reservation {
    /// The one of this id; 404 when there is none.
    pub fn find(db: &dyn Executor, id: &str) -> Result<Self, Problem> {
        db.fetch_optional(concatcp!(SELECT, " where id = ?"), params![id])?.ok_or_else(not_found)
    }

    /// The one of this id when it is the caller's, or the caller is an operator. Somebody else's is not there: 404.
    pub fn find_for(db: &dyn Executor, caller: &Principal, id: &str) -> Result<Self, Problem> {
        let found = Self::find(db, id)?;
        if found.user_id == caller.id || caller.role.holds(Role::Operator) { Ok(found) } else { Err(not_found()) }
    }

    /// What it becomes once the difference is paid; none when that has lapsed at `now`.
    pub fn change(&self, now: i64) -> Option<&Change> {
        self.change.as_ref().map(|change| &change.0).filter(|change| change.due_until > now)
    }

    /// The moments at which the clock alone changes what is shown of it: a hold, a difference that is due and a pending change lapse.
    pub fn lapses(&self) -> [Option<i64>; 3] {
        [self.hold_expires_at, self.due_until, self.change.as_ref().map(|change| change.0.due_until)]
    }

    /// As whom a caller moves it: their own as its owner, somebody else's as staff.
    pub fn actor(&self, caller: &Principal) -> Actor {
        if caller.id == self.user_id { Actor::Owner } else { Actor::Operator }
    }

    /// 409: this actor may not do that to it as it stands. `why` follows the state in the sentence.
    pub fn not_possible(&self, why: &str) -> Problem {
        let status = self.status.into_str().replace('_', " ");
        Problem::conflict(format!("the reservation is {status}{why}")).because("not_possible")
    }
}

fn not_found() -> Problem {
    Problem::not_found("reservation")
}
