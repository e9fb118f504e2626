//! A booking, as it is stored and as it is shown.

use const_format::{concatcp, formatcp};
use domain::booking::{Status, parse_code};
use domain::booking_slot::Date;
use domain::booking_ticket::Ticket;
use domain::role::Role;
use domain::time::MINUTE_MS;
use kit::caller::Principal;
use kit::db::{Database, Executor, Fetch as _};
use kit::input::Timestamp;
use kit::row::{FromRow, Json};
use kit::{Problem, params};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::picture_address;
use crate::sql::WAITLISTED;
use crate::ticket::Keys;

/// A booking, also one that waits.
#[derive(Serialize, FromRow, ToSchema)]
pub struct Booking {
    /// The order in which bookings came.
    #[serde(skip)]
    pub no: i64,
    /// The number of its newest ticket: older ones are revoked.
    #[serde(skip)]
    pub ticket_number: i64,
    /// The booking's id.
    pub id: String,
    /// What a pilgrim reads out at the gate, such as `K7P2-9QXM`.
    pub booking_code: String,
    /// The id of the user who made it.
    pub user_id: String,
    /// The temple's slug.
    pub temple_id: String,
    /// The day, in the temple's time zone.
    pub date: Date,
    /// The slot's times, such as `06:00-07:00`, in the temple's time zone.
    pub slot: String,
    /// The moment the slot begins.
    pub starts_at: Timestamp,
    /// The moment the slot ends.
    pub ends_at: Timestamp,
    /// How many people come.
    pub party_size: i64,
    /// Those of the party who were named.
    #[schema(value_type = Vec<Visitor>)]
    visitors: Json<Vec<Visitor>>,
    /// How far it is.
    pub status: Status,
    /// Its place in the line, from 1, while it waits.
    waitlist_position: Option<i64>,
    /// Why the temple revoked it.
    reason: Option<String>,
    /// When it left the waitlist.
    promoted_at: Option<Timestamp>,
    /// When the party came in; null until then.
    pub checked_in_at: Option<Timestamp>,
    /// The gate that it came in by.
    pub gate: Option<String>,
    /// When the party went out; null until then.
    pub exited_at: Option<Timestamp>,
    /// When it was cancelled, revoked, missed or had waited in vain.
    ended_at: Option<Timestamp>,
    /// When it was made.
    created_at: Timestamp,
    /// When it last changed.
    updated_at: Timestamp,
}

/// A person of the party.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Visitor {
    /// The visitor's name.
    pub name: String,
    /// Years.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub age: Option<i64>,
}

/// A booking with its ticket, as its owner sees it.
#[derive(Serialize, ToSchema)]
pub struct TicketedBooking {
    #[serde(flatten)]
    pub booking: Booking,
    /// What its QR code says, see docs/reference/tickets.md; null while it has no ticket, as `qr_svg` and `qr_png` are.
    ticket: Option<String>,
    /// Where its QR code is as SVG, for who sends their token.
    qr_svg: Option<String>,
    /// Where its QR code is as PNG, for who sends their token.
    qr_png: Option<String>,
    /// The SVG for an `<img>`, which sends no token: good until `qr_urls_expire_at`, and for this ticket alone.
    qr_svg_url: Option<String>,
    /// The PNG, likewise.
    qr_png_url: Option<String>,
    /// Read the booking again for addresses that are good for longer.
    qr_urls_expire_at: Option<Timestamp>,
}

/// The person who made a booking.
#[derive(Serialize, FromRow, ToSchema)]
pub struct Pilgrim {
    /// The name in their account.
    name: String,
    /// The phone in their account; null for none.
    phone: Option<String>,
}

/// The columns of a [`Booking`], of the table by this name. Who waits has a place after those who came before.
macro_rules! columns {
    ($b:literal) => {
        concatcp!(
            "no, id, code as booking_code, user_id, site as temple_id, date, slot, starts_at, ends_at, party_size, visitors, status,
    ticket as ticket_number, reason, promoted_at, checked_in_at, gate, exited_at, ended_at, created_at, updated_at,
    iif(status = '",
            WAITLISTED,
            "', 1 + (select count(*) from bookings w indexed by bookings_by_slot where w.site = ",
            $b,
            ".site and w.date = ",
            $b,
            ".date and w.slot = ",
            $b,
            ".slot and w.status = '",
            WAITLISTED,
            "' and w.no < ",
            $b,
            ".no), null) as waitlist_position"
        )
    };
}

/// The bookings `b`, to be followed by a condition.
pub const SELECT: &str = concatcp!("select ", columns!("b"), " from bookings b");

/// The end of a statement that makes one.
pub const RETURNING: &str = concatcp!(" returning ", columns!("bookings"));

const BY_CODE: &str = formatcp!("{SELECT} where b.code = ?");
const BY_ID: &str = formatcp!("{SELECT} where b.id = ?");

/// 404.
pub fn not_found() -> Problem {
    Problem::not_found("booking")
}

impl Booking {
    /// The booking of this id, or of this code as it was typed at a gate.
    pub fn find(db: &dyn Executor, id: &str) -> Result<Option<Self>, Problem> {
        match parse_code(id) {
            Some(code) => db.fetch_optional(BY_CODE, params![code]),
            None => db.fetch_optional(BY_ID, params![id]),
        }
    }

    /// The same; 404 when there is none.
    pub fn get(db: &dyn Executor, id: &str) -> Result<Self, Problem> {
        Self::find(db, id)?.ok_or_else(not_found)
    }

    /// The same, when it is the caller's, or the caller is an operator; somebody else's is a 404.
    pub fn visible_to(caller: &Principal, id: &str) -> Result<Self, Problem> {
        let booking = Self::get(&Database, id)?;
        if booking.user_id == caller.id || caller.role.holds(Role::Operator) { Ok(booking) } else { Err(not_found()) }
    }

    /// The text of its newest ticket, while it has one.
    pub fn ticket_text(&self, keys: &Keys) -> Result<Option<String>, Problem> {
        if !self.status.has_ticket() {
            return Ok(None);
        }
        let small = |value: i64| u8::try_from(value).map_err(Problem::internal);
        let booking = uuid::Uuid::parse_str(&self.id).map_err(Problem::internal)?;
        let (Timestamp(starts_at), Timestamp(ends_at)) = (self.starts_at, self.ends_at);
        Ok(Some(keys.sign(Ticket {
            key: [0; 4],
            booking: booking.into_bytes(),
            starts_s: u32::try_from(starts_at / 1000).unwrap_or(u32::MAX),
            minutes: u16::try_from((ends_at - starts_at) / MINUTE_MS).unwrap_or(u16::MAX),
            party: small(self.party_size)?,
            number: small(self.ticket_number)?,
            site: self.temple_id.clone(),
        })))
    }

    /// With its ticket.
    pub fn with_ticket(self, keys: &Keys, now: i64) -> Result<TicketedBooking, Problem> {
        let ticket = self.ticket_text(keys)?;
        let picture = |kind: &str| ticket.as_ref().map(|_| format!("/api/bookings/{}/qr.{kind}", self.id));
        let (qr_svg, qr_png) = (picture("svg"), picture("png"));
        let expires_s = picture_address::expiry_s(now);
        let query = picture_address::query(keys, &self, expires_s);
        let signed = |path: &Option<String>| path.as_ref().map(|path| format!("{path}?{query}"));
        let (qr_svg_url, qr_png_url) = (signed(&qr_svg), signed(&qr_png));
        let qr_urls_expire_at = ticket.as_ref().map(|_| Timestamp(expires_s * 1000));
        Ok(TicketedBooking { booking: self, ticket, qr_svg, qr_png, qr_svg_url, qr_png_url, qr_urls_expire_at })
    }

    /// Who made it.
    pub fn pilgrim(&self, db: &dyn Executor) -> Result<Option<Pilgrim>, Problem> {
        db.fetch_optional("select name, phone from user_contacts where id = ?", params![&self.user_id])
    }
}
