//! The bookings of a day that was changed.

use const_format::formatcp;
use domain::booking_slot::Date;
use kit::db::{Executor, Fetch as _};
use kit::row::FromRow;
use kit::{Problem, params};

use crate::sql::{CANCELLABLE, CAPACITY, LIVE, REVOKED, WAITLISTED};

/// A day that was changed, inside the transaction of the change.
pub struct Change<'a> {
    pub site: &'a str,
    pub date: Date,
    pub revoke: bool,
    pub reason: Option<&'a str>,
    pub actor: &'a str,
    pub now: i64,
}

/// The slots of a day that have bookings, with what they hold now.
const BOOKED_SLOTS: &str = formatcp!("select s.slot, s.sold, s.cancellable, {CAPACITY} as capacity from (
        select site, date, slot, coalesce(sum(party_size) filter (where status in {LIVE}), 0) as sold, count(*) filter (where status in {CANCELLABLE}) as cancellable
        from bookings
        where site = ?1 and date = ?2 and ends_at > ?3 and (status in {LIVE} or status = '{WAITLISTED}')
        group by site, date, slot
     ) s");

#[derive(FromRow)]
struct BookedSlot {
    slot: String,
    sold: i64,
    cancellable: i64,
    capacity: i64,
}

const REVOKE: &str = formatcp!("update bookings set status = '{REVOKED}', reason = coalesce(?4, 'the slot is no longer offered'), ended_at = ?3, updated_at = ?3, updated_by = ?5
     where site = ?1 and date = ?2 and ends_at > ?3 and slot in (select value from json_each(?6)) and status in {CANCELLABLE} returning no");

/// Gives the places that are free now to those who wait.
const MOVE_WAITLISTS_UP: &str = formatcp!(
    "insert into waitlist_moves (site, date, slot, at)
     select distinct site, date, slot, ?3 from bookings where site = ?1 and date = ?2 and status = '{WAITLISTED}'"
);

impl Change<'_> {
    /// Sees to the bookings of the day: none stays in a slot that is gone, no slot is sold beyond what it holds, and what is free goes to
    /// those who wait. How many bookings were revoked.
    pub fn settle_bookings(&self, db: &dyn Executor) -> Result<usize, Problem> {
        let slots: Vec<BookedSlot> = db.fetch_all(BOOKED_SLOTS, params![self.site, self.date, self.now])?;
        let (gone, kept): (Vec<_>, Vec<_>) = slots.into_iter().partition(|it| it.capacity == 0);
        if let Some(BookedSlot { slot, sold, capacity, .. }) = kept.iter().find(|it| it.sold > it.capacity) {
            return Err(Problem::conflict(format!("{sold} people are booked for {slot}, more than {capacity}")).because("booked"));
        }
        let affected: i64 = gone.iter().map(|it| it.cancellable).sum();
        let gone: Vec<_> = gone.into_iter().map(|it| it.slot).collect();
        if affected > 0 && !self.revoke {
            let detail = format!("{affected} bookings of {} would be revoked: say so with \"revoke\": true", gone.join(", "));
            return Err(Problem::conflict(detail).because("booked"));
        }
        let gone = serde_json::to_string(&gone).map_err(Problem::internal)?;
        let revoked = db.run(REVOKE, params![self.site, self.date, self.now, self.reason, self.actor, gone])?;
        db.run(MOVE_WAITLISTS_UP, params![self.site, self.date, self.now])?;
        Ok(revoked.len())
    }
}
