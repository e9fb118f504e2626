//! A booking as it is stored and as it is shown.

use domain::booking::Status;
use domain::booking_slot::Date;
use domain::booking_ticket::Ticket;
use domain::time::{MINUTE_MS, format_rfc3339};
use kit::Problem;
use kit::db::Row;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::ticket::Keys;

/// What [`Booking::of`] reads, to be followed by a condition on `bookings b`.
macro_rules! select {
    () => {
        "select b.no, b.id, b.code, b.user_id, b.site, b.date, b.slot, b.starts_at, b.ends_at, b.party_size, b.visitors, b.status,
            b.ticket, b.reason, b.promoted_at, b.checked_in_at, b.gate, b.exited_at, b.ended_at, b.created_at, b.updated_at,
            iif(b.status = 'waitlisted', (select count(*) from bookings w indexed by bookings_by_slot where w.site = b.site
                and w.date = b.date and w.slot = b.slot and w.status = 'waitlisted' and w.no <= b.no), null)
         from bookings b"
    };
}

pub(crate) use select;

/// One booking.
pub struct Booking {
    pub no: i64,
    pub id: String,
    pub code: String,
    pub user_id: String,
    pub site: String,
    pub date: Date,
    pub slot: String,
    pub starts_at: i64,
    pub ends_at: i64,
    pub party_size: i64,
    pub visitors: Box<RawValue>,
    pub status: Status,
    pub ticket: i64,
    pub reason: Option<String>,
    pub promoted_at: Option<i64>,
    pub checked_in_at: Option<i64>,
    pub gate: Option<String>,
    pub exited_at: Option<i64>,
    pub ended_at: Option<i64>,
    pub created_at: i64,
    pub updated_at: i64,
    pub position: Option<i64>,
}

impl Booking {
    /// From a row of [`select`].
    pub fn of(row: &Row) -> Result<Self, Problem> {
        let text = |index: usize| row.text(index).map(str::to_owned);
        Ok(Self {
            no: row.int(0)?,
            id: text(1)?,
            code: text(2)?,
            user_id: text(3)?,
            site: text(4)?,
            date: Date::parse(row.text(5)?).ok_or_else(|| Problem::internal("a booking's date is none"))?,
            slot: text(6)?,
            starts_at: row.int(7)?,
            ends_at: row.int(8)?,
            party_size: row.int(9)?,
            visitors: row.json(10)?,
            status: row.text(11)?.parse().map_err(|_| Problem::internal("a booking of unknown status"))?,
            ticket: row.int(12)?,
            reason: row.opt_text(13)?.map(str::to_owned),
            promoted_at: row.opt_int(14)?,
            checked_in_at: row.opt_int(15)?,
            gate: row.opt_text(16)?.map(str::to_owned),
            exited_at: row.opt_int(17)?,
            ended_at: row.opt_int(18)?,
            created_at: row.int(19)?,
            updated_at: row.int(20)?,
            position: row.opt_int(21)?,
        })
    }

    /// The text of its newest ticket, while it has one.
    pub fn ticket_text(&self, keys: &Keys) -> Result<Option<String>, Problem> {
        if !self.status.has_ticket() {
            return Ok(None);
        }
        let small = |value: i64| u8::try_from(value).map_err(Problem::internal);
        let booking = uuid::Uuid::parse_str(&self.id).map_err(Problem::internal)?;
        Ok(Some(keys.sign(Ticket {
            key: [0; 4],
            booking: booking.into_bytes(),
            starts_s: u32::try_from(self.starts_at / 1000).unwrap_or(u32::MAX),
            minutes: u16::try_from((self.ends_at - self.starts_at) / MINUTE_MS).unwrap_or(u16::MAX),
            party: small(self.party_size)?,
            number: small(self.ticket)?,
            site: self.site.clone(),
        })))
    }

    /// As the routes show it, without its ticket.
    pub fn json(&self) -> Value {
        let time = |at: Option<i64>| at.map(format_rfc3339);
        json!({
            "id": self.id,
            "booking_code": self.code,
            "user_id": self.user_id,
            "temple_id": self.site,
            "date": self.date.to_string(),
            "slot": self.slot,
            "starts_at": format_rfc3339(self.starts_at),
            "ends_at": format_rfc3339(self.ends_at),
            "party_size": self.party_size,
            "visitors": self.visitors,
            "status": self.status.into_str(),
            "waitlist_position": self.position,
            "reason": self.reason,
            "promoted_at": time(self.promoted_at),
            "checked_in_at": time(self.checked_in_at),
            "gate": self.gate,
            "exited_at": time(self.exited_at),
            "ended_at": time(self.ended_at),
            "created_at": format_rfc3339(self.created_at),
            "updated_at": format_rfc3339(self.updated_at),
        })
    }

    /// With its ticket and where its pictures are, null while it has none: what its owner sees.
    pub fn json_with_ticket(&self, keys: &Keys) -> Result<Value, Problem> {
        let mut shown = self.json();
        let text = self.ticket_text(keys)?;
        let picture = |kind: &str| text.as_ref().map(|_| format!("/api/bookings/{}/qr.{kind}", self.id));
        shown["qr_svg"] = picture("svg").into();
        shown["qr_png"] = picture("png").into();
        shown["ticket"] = text.into();
        Ok(shown)
    }
}
