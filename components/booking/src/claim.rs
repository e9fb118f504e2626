//! The one statement that takes places in a slot, or a place in its waitlist, and says why when it does not.
//!
//! Each refusal leaves a column of its own empty, which the schema does not allow: so the reason is that of the statement which refused, and
//! not what a second look, after others have come and gone, would find.

use const_format::{concatcp, formatcp};
use domain::allowance::WINDOW_MS;
use domain::booking::{MAX_WAITING, Status, code};
use domain::booking_offer::Times;
use domain::booking_slot::Date;
use domain::time::AHEAD_TOLERANCE_MS;
use kit::allowance::Allowance;
use kit::db::{DbError, Executor};
use kit::row::FromRow as _;
use kit::{Problem, host, params};

use crate::model::{Booking, RETURNING};
use crate::sql::{BOOKED, CANCELLABLE, CAPACITY, HELD, PER_PERSON, WAITLISTED};
use crate::temple::Temple;

/// What is claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Places.
    Booking,
    /// A place in the line.
    Waiting,
}

/// Why a claim was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The slot is not offered any more.
    NotOffered,
    /// The temple's time zone is not the one that the slot's moments were reckoned by.
    ClockChanged,
    /// The person has as many bookings of the slot as they may have.
    PerPerson,
    /// Too few places are left.
    Full,
    /// The party is larger than the slot.
    TooLarge,
    /// There are places: nobody need wait.
    PlacesLeft,
    /// As many wait as may wait.
    WaitlistFull,
    /// The person has made as many bookings within the window as they may.
    TooOften,
    /// The person has as many bookings ahead as they may have.
    TooManyLive,
}

impl Refused {
    const ALL: [Self; 9] = [
        Self::NotOffered,
        Self::ClockChanged,
        Self::PerPerson,
        Self::Full,
        Self::TooLarge,
        Self::PlacesLeft,
        Self::WaitlistFull,
        Self::TooOften,
        Self::TooManyLive,
    ];

    /// The column that it leaves empty.
    const fn column(self) -> &'static str {
        match self {
            Self::NotOffered => "slot",
            Self::ClockChanged => "starts_at",
            Self::PerPerson => "user_id",
            Self::Full => "party_size",
            Self::TooLarge => "visitors",
            Self::PlacesLeft => "status",
            Self::WaitlistFull => "created_at",
            Self::TooOften => "updated_at",
            Self::TooManyLive => "ends_at",
        }
    }

    /// The refusal of a statement that left this column (`bookings.party_size`) empty.
    fn of_column(column: &str) -> Option<Self> {
        let column = column.strip_prefix("bookings.")?;
        Self::ALL.into_iter().find(|refused| refused.column() == column)
    }

    /// As it is answered.
    pub fn into_problem(self) -> Problem {
        match self {
            Self::NotOffered => Problem::conflict("the slot is not offered any more").because("closed"),
            Self::ClockChanged => Problem::unavailable("the temple's time zone is being changed", 1),
            Self::PerPerson => Problem::conflict("you have as many bookings of this slot as one person may have").because("per_person"),
            Self::Full => Problem::conflict("the slot has too few places left for this party: join its waitlist").because("full"),
            Self::TooLarge => Problem::invalid_field("party_size", "is more people than the slot ever holds"),
            Self::PlacesLeft => Problem::conflict("the slot has places left for this party: book them").because("places_left"),
            Self::WaitlistFull => Problem::conflict("the waitlist of the slot is full").because("waitlist_full"),
            Self::TooOften => Allowance::too_often("bookings"),
            Self::TooManyLive => Allowance::too_many_live("bookings"),
        }
    }
}

/// The column that a refusal of either kind leaves empty, for the slot `s`.
const JUDGE_BOTH: &str = formatcp!(
    "case when {CAPACITY} = 0 then '{NOT_OFFERED}'
        when (select time_zone from sites where slug = s.site and kind = 'temple') is not ?13 then '{CLOCK_CHANGED}'
        when ?14 and (select count(*) from bookings where user_id = ?3 and site = s.site and date = s.date and slot = s.slot and status in {HELD}) >= {PER_PERSON}
            then '{PER_PERSON_REACHED}'
        when ?15 is not null and exists (
            select 1 from (select created_at from bookings indexed by bookings_by_user where user_id = ?3 order by no desc limit 1 offset ?15 - 1)
            where created_at > ?12 - {WINDOW_MS} and created_at <= ?12 + {AHEAD_TOLERANCE_MS}
        ) then '{TOO_OFTEN}'
        when ?16 is not null and (
            select count(*) from bookings indexed by bookings_ahead_by_user where user_id = ?3 and status in {CANCELLABLE}
        ) >= ?16 then '{TOO_MANY_LIVE}'",
    NOT_OFFERED = Refused::NotOffered.column(),
    CLOCK_CHANGED = Refused::ClockChanged.column(),
    PER_PERSON_REACHED = Refused::PerPerson.column(),
    TOO_OFTEN = Refused::TooOften.column(),
    TOO_MANY_LIVE = Refused::TooManyLive.column(),
);

const JUDGE_BOOKING: &str = formatcp!("{JUDGE_BOTH} when ?9 + {BOOKED} > {CAPACITY} then '{FULL}' end", FULL = Refused::Full.column());

const JUDGE_WAITING: &str = formatcp!(
    "{JUDGE_BOTH} when ?9 > {CAPACITY} then '{TOO_LARGE}' when ?9 + {BOOKED} <= {CAPACITY} then '{PLACES_LEFT}'
        when (select count(*) from bookings where site = s.site and date = s.date and slot = s.slot and status = '{WAITLISTED}') >= {MAX_WAITING}
            then '{WAITLIST_FULL}' end",
    TOO_LARGE = Refused::TooLarge.column(),
    PLACES_LEFT = Refused::PlacesLeft.column(),
    WAITLIST_FULL = Refused::WaitlistFull.column(),
);

const BEFORE: &str = "with judged (empty) as materialized (select ";

const AFTER: &str = formatcp!(
    " from (select ?4 as site, ?5 as date, ?6 as slot) s)
     insert into bookings (id, code, user_id, site, date, slot, starts_at, ends_at, party_size, visitors, status, created_at, updated_at, updated_by)
     select ?1, ?2, iif(empty is 'user_id', null, ?3), ?4, ?5, iif(empty is 'slot', null, ?6), iif(empty is 'starts_at', null, ?7),
        iif(empty is 'ends_at', null, ?8),
        iif(empty is 'party_size', null, ?9), iif(empty is 'visitors', null, ?10), iif(empty is 'status', null, ?11),
        iif(empty is 'created_at', null, ?12), iif(empty is 'updated_at', null, ?12), ?3
     from judged"
);

const BOOK: &str = concatcp!(BEFORE, JUDGE_BOOKING, AFTER, RETURNING);

const WAIT: &str = concatcp!(BEFORE, JUDGE_WAITING, AFTER, RETURNING);

/// A claim that time allows.
pub struct Claim<'a> {
    /// The id that the booking is to have.
    pub id: &'a str,
    /// Who books.
    pub user_id: &'a str,
    /// Where.
    pub temple: &'a Temple,
    /// When, by the temple's clock.
    pub date: Date,
    /// The slot's name.
    pub slot: &'a str,
    /// The slot's moments, by the temple's time zone.
    pub times: Times,
    /// How many people.
    pub party_size: i64,
    /// Who comes, as JSON.
    pub visitors: &'a str,
    /// Whether the slot's limit of bookings a person is for this one.
    pub is_limited: bool,
    /// How many bookings the person may make and have.
    pub allowance: Allowance,
    /// Milliseconds.
    pub now: i64,
}

impl Claim<'_> {
    /// Makes the booking, if there are places, or if there are none and it is to wait.
    pub fn take(&self, db: &dyn Executor, kind: Kind) -> Result<Result<Booking, Refused>, Problem> {
        let (statement, status) = match kind {
            Kind::Booking => (BOOK, Status::Confirmed),
            Kind::Waiting => (WAIT, Status::Waitlisted),
        };
        let insert = || -> Result<_, Problem> {
            let params = params![
                self.id,
                code(host::random()?),
                self.user_id,
                &self.temple.site,
                self.date,
                self.slot,
                self.times.starts_at,
                self.times.ends_at,
                self.party_size,
                self.visitors,
                status,
                self.now,
                &self.temple.zone_name,
                self.is_limited,
                self.allowance.per_window,
                self.allowance.live,
            ];
            Ok(db.run(statement, params))
        };
        let mut inserted = insert()?;
        for _ in 0..3 {
            // A code has 40 random bits: two will be the same one day.
            match inserted {
                Err(DbError::Unique(column)) if column == "bookings.code" => inserted = insert()?,
                _ => break,
            }
        }
        let refused = match &inserted {
            Err(DbError::NotNull(column)) => Refused::of_column(column),
            _ => None,
        };
        if let Some(refused) = refused {
            return Ok(Err(refused));
        }
        let rows = inserted?;
        let made = rows.first().ok_or_else(|| Problem::internal("a booking was neither made nor refused"))?;
        Booking::from_row(made).map(Ok)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_leaves_a_column_empty_that_the_schema_wants_filled() {
        let schema = include_str!("../../../migrations/0008_booking.sql");
        let table = schema.split("create table bookings (").nth(1).unwrap();
        for refused in Refused::ALL {
            let column = refused.column();
            assert!(AFTER.contains(&format!("iif(empty is '{column}', null, ?")), "{column}");
            let declared = table.lines().find(|line| line.trim_start().starts_with(&format!("{column} "))).unwrap();
            assert!(declared.contains("not null"), "{declared}");
            assert_eq!(Refused::of_column(&format!("bookings.{column}")), Some(refused));
        }
        assert_eq!(Refused::of_column("bookings.site"), None);
    }
}
