//! Reservations in time (contract §4): holds that end, drivers who did not come, who stay too long, who have left; and whom to tell of one.

use domain::reservation::DEPARTURE_DELAY_MS;
use domain::time::DAY_MS;
use kit::db::Transaction;
use kit::{Problem, db, outbox, params};
use serde::Serialize;

use crate::bookings::personal;
use crate::settings::{Contact, Settings};

/// What the topics of reservations begin with: their subject is a reservation.
const RESERVATIONS: &str = "reservation.";
/// What the topics of payments begin with: their subject is a refund.
const PAYMENTS: &str = "payment.";

/// Rows that one statement changes: a backlog takes several runs, and no writer waits long.
const BATCH: i64 = 5_000;

/// How long the ids of Stripe's events are kept, milliseconds: it sends one again for three days.
const EVENTS_KEPT_MS: i64 = 60 * DAY_MS;

/// How many.
#[derive(Debug, Default, Serialize)]
pub struct Summary {
    /// Were not paid in time.
    pub expired: usize,
    /// Are as long as before: the rest was not paid.
    pub shortened: usize,
    /// Did not come.
    pub no_shows: usize,
    /// Have left.
    pub completed: usize,
    /// Are there past their end.
    pub overstayed: usize,
    /// Keep their spot from now on.
    pub begun: usize,
    /// Stripe's events that were forgotten.
    pub events: usize,
}

/// Brings them up to now. Each step's condition is in its statement: two runs at once do it once. The moves are those of `Actor::Time` and
/// `Actor::Sensor` in `domain::reservation`.
pub fn run(now: i64) -> Result<Summary, Problem> {
    let change = |sql: &str, before: i64| db::run(sql, params![now, before, BATCH]).map(|rows| rows.len()).map_err(Problem::from);
    Ok(Summary {
        shortened: change(
            "update reservations set ends_at = paid_ends_at, price = paid_price, due_until = null, paid_ends_at = null, paid_price = null,
                updated_at = ?1, updated_by = 'system'
             where no in (select no from reservations where due_until is not null and due_until <= ?2 order by due_until limit ?3) returning 1",
            now,
        )?,
        expired: change(
            "update reservations set status = 'expired', ended_at = hold_expires_at, updated_at = ?1, updated_by = 'system'
             where no in (select no from reservations indexed by reservations_held where status = 'pending_payment' and hold_expires_at <= ?2
                 order by hold_expires_at limit ?3) returning 1",
            now,
        )?,
        completed: change(
            "update reservations set status = 'completed', ended_at = left_at, updated_at = ?1, updated_by = 'system'
             where no in (select no from reservations indexed by reservations_left where status in ('arrived', 'overstayed') and left_at is not null and left_at <= ?2
                 order by left_at limit ?3) returning 1",
            now - DEPARTURE_DELAY_MS,
        )?,
        no_shows: change(
            "update reservations set status = 'no_show', ended_at = ends_at, updated_at = ?1, updated_by = 'system'
             where no in (select no from reservations where status in ('confirmed', 'arrived') and status = 'confirmed' and ends_at <= ?2
                 order by ends_at limit ?3) returning 1",
            now,
        )?,
        overstayed: change(
            "update reservations set status = 'overstayed', updated_at = ?1, updated_by = 'system'
             where no in (select no from reservations where status in ('confirmed', 'arrived') and status = 'arrived' and ends_at <= ?2
                 and left_at is null order by ends_at limit ?3) returning 1",
            now,
        )?,
        begun: change(
            "update reservations set announced = 1, updated_at = ?1, updated_by = 'system'
             where no in (select no from reservations indexed by reservations_live where status in ('pending_payment', 'confirmed', 'arrived') and starts_at <= ?2
                 and announced = 0 order by starts_at limit ?3) returning 1",
            now,
        )?,
        events: change(
            "delete from stripe_events where id in (
                 select id from stripe_events where received_at < ?2 and ?1 > 0 order by received_at limit ?3
             ) returning 1",
            now - EVENTS_KEPT_MS,
        )?,
    })
}

/// Whether a topic is of a reservation or of a payment.
pub fn tells(topic: &str) -> bool {
    topic.starts_with(RESERVATIONS) || topic.starts_with(PAYMENTS)
}

/// Whom to tell: the driver, by the ways that are configured, and the webhook. The control room's own contacts are spared.
pub fn contacts(tx: &Transaction, settings: &Settings, topic: &str, subject: &str) -> Result<Vec<Contact>, Problem> {
    let sql = if topic.starts_with(RESERVATIONS) {
        "select u.email, u.phone from reservations r join users u on u.id = r.user_id where r.id = ?"
    } else {
        "select u.email, u.phone from refunds f join payments p on p.id = f.payment join users u on u.id = p.user_id where f.id = ?"
    };
    personal(&tx.run(sql, params![subject])?, settings)
}

/// Has the component of payments, which alone holds Stripe's key, look after what is open there. Bounded by what that one allows itself.
pub async fn look_after_payments(request_id: &str) -> Result<(), Problem> {
    outbox::post("/internal/payments", request_id).await.map_err(Problem::internal)
}
