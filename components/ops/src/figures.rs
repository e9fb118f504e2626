//! The numbers behind `/metrics`. Each query reads what is bounded by the number of devices and spots, by what is open or waiting, or
//! by an index; none reads a history.

use kit::db::{self, Rows, Value};
use kit::{Problem, params};

/// A label's value and its count.
pub type Counts = Vec<(String, i64)>;

/// What is measured at one moment.
pub struct Figures {
    pub readings: i64,
    pub devices_by_health: Counts,
    pub spots_by_status: Counts,
    pub open_alerts_by_severity: Counts,
    pub emergencies_by_status: Counts,
    pub crowd_zones_by_level: Counts,
    pub reservations_by_status: Counts,
    pub payments_by_state: Counts,
    /// Ever made: their numbers rise one by one.
    pub bookings: i64,
    pub reservations: i64,
    /// On waitlists.
    pub bookings_waiting: i64,
    /// Let in at the temples' gates and not out again.
    pub people_inside: i64,
    pub messages_by_state: Counts,
    pub outbox_waiting: i64,
    /// Since the oldest message that is neither sent nor dead was written; 0 when there is none.
    pub oldest_message_age_ms: i64,
    /// Ever written to the feed: its ids rise one by one.
    pub events: i64,
    pub audited: i64,
    pub alert_steps: i64,
    pub outbox: i64,
    pub scheduled_runs: i64,
    /// None before the first.
    pub scheduled_run_age_ms: Option<i64>,
    pub schema_version: i64,
}

impl Figures {
    /// Reads them.
    pub fn read(now: i64) -> Result<Self, Problem> {
        let one = db::run(
            "select
                (select coalesce(sum(readings), 0) from device_state),
                (select count(*) from outbox where expanded_at is null),
                (select min(created_at) from messages where state in ('queued', 'sending')),
                coalesce((select seq from sqlite_sequence where name = 'events'), 0),
                coalesce((select seq from sqlite_sequence where name = 'audit_log'), 0),
                coalesce((select seq from sqlite_sequence where name = 'alert_history'), 0),
                coalesce((select seq from sqlite_sequence where name = 'outbox'), 0),
                coalesce((select runs from leases where name = 'tick'), 0),
                (select finished_at from leases where name = 'tick'),
                (select max(version) from schema_migrations),
                coalesce((select seq from sqlite_sequence where name = 'bookings'), 0),
                coalesce((select seq from sqlite_sequence where name = 'reservations'), 0),
                (select count(*) from bookings where status = 'waitlisted'),
                (select coalesce(sum(party_size), 0) from bookings where status = 'checked_in')",
            params![],
        )?;
        let row = one.first().ok_or_else(|| Problem::internal("no row"))?;
        Ok(Self {
            readings: row.int(0)?,
            outbox_waiting: row.int(1)?,
            oldest_message_age_ms: row.opt_int(2)?.map_or(0, |at| (now - at).max(0)),
            events: row.int(3)?,
            audited: row.int(4)?,
            alert_steps: row.int(5)?,
            outbox: row.int(6)?,
            scheduled_runs: row.int(7)?,
            scheduled_run_age_ms: row.opt_int(8)?.map(|at| (now - at).max(0)),
            schema_version: row.int(9)?,
            bookings: row.int(10)?,
            reservations: row.int(11)?,
            bookings_waiting: row.int(12)?,
            people_inside: row.int(13)?,
            devices_by_health: counts(
                &["healthy", "warning", "offline", "unknown"],
                "select s.health, count(*) from devices v join device_state s on s.device_id = v.id where v.is_active = 1 group by 1",
                params![],
            )?,
            spots_by_status: counts(
                &["free", "occupied", "reserved", "out_of_service"],
                concat!(
                    "select case
                        when p.status = 'out_of_service' then p.status
                        when s.occupied = 1 then 'occupied'
                        when p.status = 'reserved' or ",
                    kit::spot_is_kept!("p.spot_id", "?1"),
                    " then 'reserved'
                        else 'free' end, count(*)
                     from spots p
                     left join devices v on v.spot_id = p.spot_id and v.is_active = 1
                     left join device_state s on s.device_id = v.id
                     group by 1"
                ),
                params![now],
            )?,
            open_alerts_by_severity: counts(
                &["info", "warning", "critical"],
                "select severity, count(*) from alerts where status in ('active', 'acknowledged') group by 1",
                params![],
            )?,
            emergencies_by_status: counts(
                &["reported", "acknowledged", "in_progress"],
                "select status, count(*) from emergencies where status <> 'resolved' group by 1",
                params![],
            )?,
            crowd_zones_by_level: counts(
                &["low", "moderate", "high", "critical"],
                "select level, count(*) from crowd_state where level is not null group by 1",
                params![],
            )?,
            reservations_by_status: counts(
                &["pending_payment", "confirmed", "arrived"],
                "select status, count(*) from reservations where status in ('pending_payment', 'confirmed', 'arrived') group by 1",
                params![],
            )?,
            payments_by_state: counts(
                &["creating", "open", "processing"],
                "select state, count(*) from payments where state in ('creating', 'open', 'processing') group by 1",
                params![],
            )?,
            // What was sent is a history, and grows.
            messages_by_state: counts(
                &["queued", "sending", "dead"],
                "select state, count(*) from messages where state in ('queued', 'sending', 'dead') group by state",
                params![],
            )?,
        })
    }
}

/// A count for each label, 0 where there are no rows.
fn counts(labels: &[&str], sql: &str, params: Vec<Value>) -> Result<Counts, Problem> {
    let rows: Rows = db::run(sql, params)?;
    let mut counts: Counts = labels.iter().map(|label| ((*label).to_owned(), 0)).collect();
    for row in rows.iter() {
        let label = row.text(0)?;
        if let Some(count) = counts.iter_mut().find(|(known, _)| known == label) {
            count.1 = row.int(1)?;
        }
    }
    Ok(counts)
}
