//! A reservation as it is stored and as it is shown.

use domain::reservation::Status;
use domain::time::format_rfc3339;
use kit::db::Row;
use kit::{Problem, params};
use serde_json::{Value, json};

/// What [`Reservation::of`] reads of the table or alias of this name.
macro_rules! columns {
    ($r:literal) => {
        concat!(
            "no, id, user_id, spot_id, site, kind, starts_at, ends_at, plate, status, price, currency, paid, hold_expires_at, due_until,
             paid_ends_at, arrived_at, left_at, ended_at, created_at, updated_at,
             (select zone from spots s where s.spot_id = ",
            $r,
            ".spot_id collate nocase)"
        )
    };
}

/// The same, to be followed by a condition on `reservations r`.
macro_rules! select {
    () => {
        concat!("select ", crate::show::columns!("r"), " from reservations r")
    };
}

pub(crate) use columns;
pub(crate) use select;

/// One reservation.
#[derive(Clone)]
pub struct Reservation {
    pub no: i64,
    pub id: String,
    pub user_id: String,
    pub spot_id: String,
    pub site: String,
    pub kind: String,
    pub starts_at: i64,
    pub ends_at: i64,
    pub plate: String,
    pub status: Status,
    pub price: i64,
    pub currency: String,
    pub paid: i64,
    pub hold_expires_at: Option<i64>,
    pub due_until: Option<i64>,
    pub paid_ends_at: Option<i64>,
    arrived_at: Option<i64>,
    left_at: Option<i64>,
    ended_at: Option<i64>,
    created_at: i64,
    updated_at: i64,
    zone: Option<String>,
}

impl Reservation {
    /// From a row of [`select`].
    pub fn of(row: &Row) -> Result<Self, Problem> {
        let text = |index: usize| row.text(index).map(str::to_owned);
        Ok(Self {
            no: row.int(0)?,
            id: text(1)?,
            user_id: text(2)?,
            spot_id: text(3)?,
            site: text(4)?,
            kind: text(5)?,
            starts_at: row.int(6)?,
            ends_at: row.int(7)?,
            plate: text(8)?,
            status: row.text(9)?.parse().map_err(|_| Problem::internal("a reservation of unknown status"))?,
            price: row.int(10)?,
            currency: text(11)?,
            paid: row.int(12)?,
            hold_expires_at: row.opt_int(13)?,
            due_until: row.opt_int(14)?,
            paid_ends_at: row.opt_int(15)?,
            arrived_at: row.opt_int(16)?,
            left_at: row.opt_int(17)?,
            ended_at: row.opt_int(18)?,
            created_at: row.int(19)?,
            updated_at: row.int(20)?,
            zone: row.opt_text(21)?.map(str::to_owned),
        })
    }

    /// By its id; 404 when there is none.
    pub fn find(run: impl Fn(&str, Vec<kit::db::Value>) -> Result<kit::db::Rows, kit::db::DbError>, id: &str) -> Result<Self, Problem> {
        let rows = run(concat!(select!(), " where r.id = ?"), params![id])?;
        Self::of(rows.first().ok_or_else(not_found)?)
    }

    /// As the routes show it. What has lapsed shows so from the second it does, before the scheduled run has come by.
    pub fn json(&self, now: i64) -> Value {
        let time = |at: Option<i64>| at.map(format_rfc3339);
        let lapsed = self.status == Status::PendingPayment && self.hold_expires_at.is_some_and(|at| at <= now);
        let status = if lapsed { Status::Expired } else { self.status };
        let held = status == Status::PendingPayment;
        json!({
            "id": self.id,
            "user_id": self.user_id,
            "spot_id": self.spot_id,
            "site": self.site,
            "zone": self.zone,
            "kind": self.kind,
            "start": format_rfc3339(self.starts_at),
            "end": format_rfc3339(self.ends_at),
            "vehicle_plate": self.plate,
            "status": status.into_str(),
            "price": self.price,
            "currency": Some(&self.currency).filter(|currency| !currency.is_empty()),
            "paid": self.paid,
            "due": if held || self.due_until.is_some_and(|at| at > now) { (self.price - self.paid).max(0) } else { 0 },
            "hold_expires_at": time(self.hold_expires_at.filter(|_| held)),
            "due_until": time(self.due_until),
            "paid_until": time(self.paid_ends_at),
            "arrived_at": time(self.arrived_at),
            "left_at": time(self.left_at),
            "ended_at": time(self.ended_at),
            "created_at": format_rfc3339(self.created_at),
            "updated_at": format_rfc3339(self.updated_at),
        })
    }
}

/// 404.
pub fn not_found() -> Problem {
    Problem::not_found("reservation")
}
