//! A day of a temple: which slots it offers, and how full they are.

use const_format::formatcp;
use domain::booking_offer::Times;
use domain::booking_slot::{Date, Slot, Zone};
use kit::db::{Executor, Fetch as _, Row};
use kit::row::FromRow;
use kit::{Problem, params};

use crate::sql::{BOOKED, WAITLISTED};

/// A slot of a date, as far as time goes.
#[derive(FromRow)]
pub struct OfferedSlot {
    /// When.
    #[row(with = slot_from_row)]
    pub slot: Slot,
    /// In which minute after its beginning it can no longer be booked; at its end when it does not say.
    closes_after_minutes: Option<i64>,
}

impl OfferedSlot {
    /// When it is on a date. None when the clocks leap over it on that date.
    pub fn times(&self, date: Date, zone: Zone) -> Option<Times> {
        let (starts_at, ends_at) = self.slot.moments(date, zone)?;
        Some(Times::new(starts_at, ends_at, self.closes_after_minutes))
    }
}

/// A slot of a day, with how full it is.
#[derive(FromRow)]
pub struct DaySlot {
    /// When.
    #[row(flatten)]
    pub offered: OfferedSlot,
    /// How many people it may hold.
    pub capacity: i64,
    /// The people who have places.
    pub booked: i64,
    /// The people who wait.
    pub waiting: i64,
    /// How many bookings of it one person may have.
    pub bookings_per_person: i64,
}

/// A day of a temple.
pub struct Day {
    /// Whether it is not as its weekday: closed, or a festival.
    pub special: bool,
    /// Why.
    pub reason: Option<String>,
    /// In the order of the clock.
    pub slots: Vec<DaySlot>,
}

/// How full the slots `s (site, date, slot, starts, ends, capacity, …)` are, which are to follow, and on what terms they are offered.
const FULLNESS: &str = formatcp!("select starts, ends, capacity, bookings_per_person, closes_after_minutes, {BOOKED} as booked,
        (select coalesce(sum(party_size), 0) from bookings where site = s.site and date = s.date and slot = s.slot and status = '{WAITLISTED}') as waiting from ");

const OF_WEEKDAY: &str = formatcp!(
    "{FULLNESS}(select site, ?2 as date, slot, starts, ends, capacity, bookings_per_person, closes_after_minutes from slot_templates where site = ?1 and weekday = ?3) s order by starts"
);

const OF_SPECIAL_DAY: &str = formatcp!("{FULLNESS}slot_day_slots s where site = ?1 and date = ?2 order by starts");

#[derive(FromRow)]
struct SpecialDay {
    reason: Option<String>,
}

impl Day {
    /// Reads it.
    pub fn load(db: &dyn Executor, site: &str, date: Date) -> Result<Self, Problem> {
        let special: Option<SpecialDay> =
            db.fetch_optional("select reason from slot_days where site = ? and date = ?", params![site, date])?;
        let slots = match special {
            Some(_) => db.fetch_all(OF_SPECIAL_DAY, params![site, date])?,
            None => db.fetch_all(OF_WEEKDAY, params![site, date, date.weekday()])?,
        };
        Ok(Self { special: special.is_some(), reason: special.and_then(|day| day.reason), slots })
    }

    /// Whether the temple takes nobody on that date.
    pub fn is_closed(&self) -> bool {
        self.special && self.slots.is_empty()
    }
}

fn slot_from_row(row: &Row) -> Result<Slot, Problem> {
    let (starts, ends) = (row.get::<i64>("starts")?, row.get::<i64>("ends")?);
    let slot = u16::try_from(starts).ok().zip(u16::try_from(ends).ok()).and_then(|(starts, ends)| Slot::new(starts, ends));
    slot.ok_or_else(|| Problem::internal("a stored slot does not end after it begins"))
}
