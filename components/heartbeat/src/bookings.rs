//! Bookings in time (contract §5): who did not come, who waited in vain, who was not seen to leave; and whom to tell of a booking.

use domain::booking::AUTO_EXIT_MS;
use domain::time::DAY_MS;
use kit::db::Transaction;
use kit::{Problem, db, params};
use serde::Serialize;

use crate::settings::{Contact, Settings};

/// What the topics of bookings begin with.
pub const TOPICS: &str = "booking.";

/// Rows that one statement changes: a backlog takes several runs, and no writer waits long.
const BATCH: i64 = 5_000;

/// How long a gate's questions are kept, milliseconds.
const SCANS_KEPT_MS: i64 = 30 * DAY_MS;

/// How many.
#[derive(Debug, Default, Serialize)]
pub struct Summary {
    /// Did not come.
    pub no_shows: usize,
    /// Waited in vain: their slot has begun.
    pub expired: usize,
    /// Left the waitlist after all.
    pub promoted: i64,
    /// Are taken to have left, hours after their slot.
    pub left: usize,
    /// Questions of gates that were forgotten.
    pub scans: usize,
}

/// Brings them up to now. Each step's condition is in its statement: two runs at once do it once.
pub fn run(now: i64) -> Result<Summary, Problem> {
    let change = |sql: &str, before: i64| db::run(sql, params![now, before, BATCH]).map(|rows| rows.len()).map_err(Problem::from);
    let no_shows = change(
        "update bookings set status = 'no_show', ended_at = ends_at, updated_at = ?1, updated_by = 'system'
         where no in (select no from bookings where status = 'confirmed' and ends_at < ?2 order by ends_at limit ?3) returning 1",
        now,
    )?;
    let expired = change(
        "update bookings set status = 'expired', ended_at = ?1, updated_at = ?1, updated_by = 'system'
         where no in (select no from bookings where status = 'waitlisted' and starts_at <= ?2 order by starts_at limit ?3) returning 1",
        now,
    )?;
    let left = change(
        "update bookings set status = 'exited', exited_at = ?1, updated_at = ?1, updated_by = 'system'
         where no in (select no from bookings where status = 'checked_in' and ends_at < ?2 order by ends_at limit ?3) returning 1",
        now - AUTO_EXIT_MS,
    )?;
    let scans = change(
        "delete from booking_scans where nonce in (
             select nonce from booking_scans where judged_at < ?2 and ?1 > 0 order by judged_at limit ?3
         ) returning 1",
        now - SCANS_KEPT_MS,
    )?;
    Ok(Summary { no_shows, expired, promoted: promote(now)?, left, scans })
}

/// Moves the waitlists of the slots that come next up. Each cancellation does so by itself: this is the safety net.
fn promote(now: i64) -> Result<i64, Problem> {
    let waiting = "select count(*) from bookings where status = 'waitlisted'";
    let count = |rows: db::Rows| rows.first().map_or(Ok(0), |row| row.int(0));
    if count(db::run(waiting, params![])?)? == 0 {
        return Ok(0);
    }
    db::transaction(|tx| {
        let before = count(tx.run(waiting, params![])?)?;
        tx.run(
            "insert into waitlist_moves (site, date, slot, at)
             select site, date, slot, ?1 from bookings indexed by bookings_waiting where status = 'waitlisted' and starts_at > ?1
             group by site, date, slot order by min(starts_at) limit 500",
            params![now],
        )?;
        Ok(before - count(tx.run(waiting, params![])?)?)
    })
}

/// Whom to tell of a booking: its pilgrim, by the ways that are configured, and the webhook, which other systems listen to. The control
/// room's own contacts are spared.
pub fn contacts(tx: &Transaction, settings: &Settings, booking: &str) -> Result<Vec<Contact>, Problem> {
    let rows = tx.run("select u.email, u.phone from bookings b join users u on u.id = b.user_id where b.id = ?", params![booking])?;
    personal(&rows, settings)
}

/// The contacts of a person whose e-mail and phone a row holds, if there is one, and the webhook.
pub fn personal(rows: &db::Rows, settings: &Settings) -> Result<Vec<Contact>, Problem> {
    let mut contacts = Vec::new();
    if let Some(origin) = &settings.webhook_origin {
        contacts.push(Contact::new("webhook", format!("{origin}{}", settings.webhook_path)));
    }
    if let Some(row) = rows.first() {
        if !settings.sendgrid_api_key.is_empty() {
            contacts.push(Contact::new("mail", row.text(0)?));
        }
        if let Some(phone) = row.opt_text(1)?.filter(|_| !settings.twilio_account_sid.is_empty()) {
            contacts.push(Contact::new("sms", phone));
        }
    }
    Ok(contacts)
}
