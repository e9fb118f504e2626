//! A slot that somebody wishes for: one look at the temple, its clock and the slot's terms.

use const_format::formatcp;
use domain::booking_slot::{Date, Slot, parse_minute};
use domain::site::Kind;
use kit::db::{Executor, Fetch as _, Row};
use kit::row::FromRow;
use kit::{Problem, params};

use crate::day::OfferedSlot;
use crate::temple::Temple;

/// A temple, and the slot of a date there, if it is offered.
pub struct Offer {
    /// Where.
    pub temple: Temple,
    /// None when the date has no such slot.
    pub slot: Option<OfferedSlot>,
}

#[derive(FromRow)]
struct Stored {
    slug: String,
    time_zone: String,
    #[row(with = offered)]
    slot: Option<OfferedSlot>,
}

fn offered(row: &Row) -> Result<Option<OfferedSlot>, Problem> {
    let is_offered = row.get::<Option<i64>>("starts")?.is_some();
    is_offered.then(|| OfferedSlot::from_row(row)).transpose()
}

/// Of the temple `?1`, on the date `?2` with the weekday `?3`, the slot that begins in the minute `?4` and, unless it is null, ends in `?5`.
const FIND: &str = formatcp!(
    "select t.slug, t.time_zone, o.starts, o.ends, o.closes_after_minutes
     from sites t left join (
        select starts, ends, closes_after_minutes from slot_templates
        where site = ?1 and weekday = ?3 and starts = ?4 and not exists (select 1 from slot_days where site = ?1 and date = ?2)
        union all
        select starts, ends, closes_after_minutes from slot_day_slots where site = ?1 and date = ?2 and starts = ?4
     ) o on ?5 is null or o.ends = ?5
     where t.slug = ?1 and t.kind = '{}'",
    Kind::Temple.into_str()
);

impl Offer {
    /// Of the temple that a body names, on a date, the slot of this name: `06:00-07:00`, or just when it begins, `06:00`. 422 for `temple_id`
    /// when there is no such temple.
    pub fn find(db: &dyn Executor, site: &str, date: Date, slot: &str) -> Result<Self, Problem> {
        let whole = Slot::parse(slot).filter(|it| it.to_string() == slot);
        let (starts, ends) = (parse_minute(slot).or(whole.map(Slot::starts)), whole.map(Slot::ends));
        let found: Option<Stored> = db.fetch_optional(FIND, params![site, date, date.weekday(), starts, ends])?;
        let Stored { slug, time_zone, slot } = found.ok_or_else(Temple::not_in_body)?;
        Ok(Self { temple: Temple::stored(slug, time_zone)?, slot })
    }
}
