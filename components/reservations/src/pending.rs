//! Changes of paid reservations that wait for the difference: the reservation stays what it is, and both its terms and the new ones claim their
//! spots, until the difference is paid (payments then makes the change) or is due.

use const_format::{concatcp, formatcp};
use domain::reservation::HOLD_MS;
use domain::spot::Kind;
use kit::db::{DbError, Executor};
use kit::params;
use kit::scheduled::Step;

use crate::available::{FREE, USABLE};
use crate::model::Reservation;

/// What a reservation is to become. Times are milliseconds, money is minor units.
pub struct Terms<'a> {
    pub spot: &'a str,
    pub site: &'a str,
    pub kind: Kind,
    pub start: i64,
    pub end: i64,
    pub price: i64,
    pub kept: i64,
}

// For `?1` to `?5` see [`crate::available`]; `?6` is the state that it was in, `?12` whether the spot stays, `?13`
// what is kept.
const PROPOSE: &str = formatcp!(
    "insert into reservation_changes (reservation_no, spot_id, site, kind, starts_at, ends_at, price, kept, due_until, created_at,
        updated_at, updated_by)
     select r.no, s.spot_id, ?8, ?9, ?3, ?4, ?10, ?13, ?11, ?2, ?2, ?1
     from reservations r join spot_presence s on s.spot_id = ?7
     where r.no = ?5 and r.status = ?6 and (?12 or ({USABLE})) and {FREE}
     returning reservation_no"
);

/// Writes the change down if its terms can be had: false when they cannot.
pub fn propose(db: &dyn Executor, old: &Reservation, terms: &Terms<'_>, is_same_spot: bool, now: i64, by: &str) -> Result<bool, DbError> {
    let &Terms { spot, site, kind, start, end, price, kept } = terms;
    let until = now + HOLD_MS;
    let params = params![by, now, start, end, old.no, old.status, spot, site, kind, price, until, is_same_spot, kept];
    Ok(!db.run(PROPOSE, params)?.is_empty())
}

const DROP: &str = "delete from reservation_changes where ";
const UNPAID: &str = "due_until <= ?1";

/// Drops the change of the reservation `?2` if its difference was not paid by `?1`.
pub const DROP_ONE: &str = concatcp!(DROP, UNPAID, " and reservation_no = (select no from reservations where id = ?2)");

/// Drops `?2` changes whose difference was not paid by `?1`.
pub const DROP_ALL: Step = Step {
    change: concatcp!(DROP, "reservation_no in"),
    due: concatcp!("select reservation_no from reservation_changes where ", UNPAID, " order by due_until limit ?2"),
};
