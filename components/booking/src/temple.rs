//! A temple and its day.

use domain::booking_slot::{Date, Slot, Zone};
use kit::db::{DbError, Rows, Value};
use kit::{Problem, params};

/// What an SQL text is run with: a transaction, or the instance's connection.
pub trait Run: Fn(&str, Vec<Value>) -> Result<Rows, DbError> {}

impl<F: Fn(&str, Vec<Value>) -> Result<Rows, DbError>> Run for F {}

/// The states whose parties take places, in SQL; `domain::booking::Status::is_live`.
macro_rules! live {
    () => {
        "('confirmed', 'checked_in', 'exited', 'no_show')"
    };
}

/// The capacity of a slot as an SQL expression over texts for site, date and slot: what its date says, else what its weekday offers,
/// else 0.
macro_rules! capacity {
    ($site:literal, $date:literal, $slot:literal) => {
        concat!(
            "coalesce((select capacity from slot_day_slots where site = ",
            $site,
            " and date = ",
            $date,
            " and slot = ",
            $slot,
            "), (select capacity from slot_templates where site = ",
            $site,
            " and weekday = (strftime('%w', ",
            $date,
            ") + 6) % 7 + 1 and slot = ",
            $slot,
            " and not exists (select 1 from slot_days where site = ",
            $site,
            " and date = ",
            $date,
            ")), 0)"
        )
    };
}

pub(crate) use {capacity, live};

/// The slots of a day with the people who have places and those who wait, over parameters for site and date.
macro_rules! day_slots {
    ($of:literal) => {
        concat!(
            "select starts, ends, capacity,
                (select coalesce(sum(party_size), 0) from bookings b
                    where b.site = ?1 and b.date = ?2 and b.slot = t.slot and b.status in ",
            live!(),
            "),
                (select coalesce(sum(party_size), 0) from bookings b
                    where b.site = ?1 and b.date = ?2 and b.slot = t.slot and b.status = 'waitlisted')
             from ",
            $of,
            " order by starts"
        )
    };
}

/// A site of kind `temple`.
pub struct Temple {
    /// Its slug.
    pub site: String,
    /// Its time zone.
    pub zone: Zone,
}

impl Temple {
    /// None when there is no such temple.
    pub fn find(run: impl Run, site: &str) -> Result<Option<Self>, Problem> {
        let rows = run("select slug, time_zone from sites where slug = ? and kind = 'temple'", params![site])?;
        let Some(row) = rows.first() else { return Ok(None) };
        let name = row.text(1)?;
        let unknown = || Problem::conflict(format!("the temple's time zone {name} is not known: an administrator must correct it"));
        Ok(Some(Self { site: row.text(0)?.to_owned(), zone: Zone::parse(name).ok_or_else(unknown)? }))
    }

    /// 404 when there is no such temple.
    pub fn at_path(run: impl Run, site: &str) -> Result<Self, Problem> {
        Self::find(run, site)?.ok_or_else(|| Problem::not_found("temple"))
    }

    /// 422 for `temple_id` when there is no such temple.
    pub fn of_field(run: impl Run, site: &str) -> Result<Self, Problem> {
        Self::find(run, site)?.ok_or_else(|| Problem::invalid_field("temple_id", "is not a temple"))
    }

    /// The date there now.
    pub fn today(&self, now: i64) -> Date {
        Date::at(now, self.zone)
    }
}

/// A slot of a day, with how full it is.
pub struct DaySlot {
    /// When.
    pub slot: Slot,
    /// How many people it may hold.
    pub capacity: i64,
    /// The people who have places.
    pub booked: i64,
    /// The people who wait.
    pub waiting: i64,
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

impl Day {
    /// Reads it.
    pub fn load(run: impl Run, site: &str, date: Date) -> Result<Self, Problem> {
        let text = date.to_string();
        let special = run("select reason from slot_days where site = ? and date = ?", params![site, &text])?;
        let reason = special.first().map(|row| row.opt_text(0)).transpose()?.flatten().map(str::to_owned);
        let rows = if special.is_empty() {
            run(day_slots!("slot_templates t where site = ?1 and weekday = ?3"), params![site, &text, date.weekday()])?
        } else {
            run(day_slots!("slot_day_slots t where site = ?1 and date = ?2"), params![site, &text])?
        };
        let mut slots = Vec::with_capacity(rows.len());
        for row in rows.iter() {
            let slot = slot_of(row.int(0)?, row.int(1)?)?;
            slots.push(DaySlot { slot, capacity: row.int(2)?, booked: row.int(3)?, waiting: row.int(4)? });
        }
        Ok(Self { special: !special.is_empty(), reason, slots })
    }

    /// Whether the temple takes nobody on that date.
    pub fn is_closed(&self) -> bool {
        self.special && self.slots.is_empty()
    }

    /// The slot of this name: `06:00-07:00`, or just when it begins, `06:00`.
    pub fn find(&self, name: &str) -> Option<&DaySlot> {
        let starts = domain::booking_slot::parse_minute(name);
        self.slots.iter().find(|it| it.slot.to_string() == name || Some(it.slot.starts()) == starts)
    }
}

/// A slot from its columns.
pub fn slot_of(starts: i64, ends: i64) -> Result<Slot, Problem> {
    let slot = u16::try_from(starts).ok().zip(u16::try_from(ends).ok()).and_then(|(starts, ends)| Slot::new(starts, ends));
    slot.ok_or_else(|| Problem::internal("a slot that is none"))
}

/// A date in a path: 404 when it is none.
pub fn date_at_path(text: &str) -> Result<Date, Problem> {
    Date::parse(text).ok_or_else(|| Problem::not_found("date"))
}

/// A date of a query: 422 when it is none.
pub fn date_of_query(text: &str) -> Result<Date, Problem> {
    Date::parse(text).ok_or_else(|| Problem::invalid_field("date", "must be a date, such as 2026-02-05"))
}
