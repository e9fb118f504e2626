//! The numbers behind `/metrics`: the one place that counts in every component's tables. Each query reads what is bounded by the number of
//! devices and spots, by what is open or waiting, or by an index; none reads a history.

use const_format::concatcp;
use domain::alert::{Severity, Status as AlertStatus};
use domain::booking::Status as BookingStatus;
use domain::crowd::Level;
use domain::dispatch::MessageState;
use domain::emergency::Status as EmergencyStatus;
use domain::health::Health;
use domain::mqtt::Rejection;
use domain::overview::SpotState;
use domain::payment::PaymentState;
use domain::reservation::Status as ReservationStatus;
use kit::db::{Database, Fetch as _, Value};
use kit::row::FromRow;
use kit::scheduled::{self, LastRun};
use kit::spots::{SPOTS_WITH_STATE, STATE};
use kit::{Problem, params};
use strum::VariantNames;

/// A label's value and its count.
pub type Counts = Vec<(&'static str, i64)>;

/// What is measured at one moment.
pub struct Figures {
    pub totals: Totals,
    pub devices_by_health: Counts,
    pub spots_by_status: Counts,
    pub open_alerts_by_severity: Counts,
    pub emergencies_by_status: Counts,
    pub crowd_zones_by_level: Counts,
    pub reservations_by_status: Counts,
    pub payments_by_state: Counts,
    pub messages_by_state: Counts,
    pub mqtt_rejected_by_reason: Counts,
    pub scheduled_runs: Vec<LastRun>,
    pub tables: Vec<TableSize>,
}

/// How large a table was when heartbeat's scheduled run last looked at it; the one without a name has the file's free pages for rows.
#[derive(FromRow)]
pub struct TableSize {
    pub name: String,
    /// Below 0 where the database does not tell.
    pub row_count: i64,
    pub bytes: i64,
}

/// What has no label.
#[derive(Default, FromRow)]
pub struct Totals {
    pub readings: i64,
    /// Rows of the outbox without messages yet.
    pub outbox_waiting: i64,
    /// Since the oldest message that is neither sent nor dead was written, milliseconds; 0 when there is none.
    pub oldest_message_age_ms: i64,
    /// Ever written to the feed: its ids rise one by one, as do the numbers of the next three.
    pub events: i64,
    pub audited: i64,
    pub alert_steps: i64,
    pub outbox: i64,
    /// Of heartbeat.
    pub scheduled_runs: i64,
    /// Of heartbeat; none before the first.
    pub scheduled_run_age_ms: Option<i64>,
    pub schema_version: i64,
    /// Ever made: their numbers rise one by one.
    pub bookings: i64,
    pub reservations: i64,
    pub gate_overrides: i64,
    /// On waitlists.
    pub bookings_waiting: i64,
    /// Let in at the temples' gates and not out again.
    pub people_inside: i64,
}

const TOTALS: &str = concatcp!(
    "select
    (select coalesce(sum(readings), 0) from device_state) as readings,
    (select count(*) from outbox where expanded_at is null) as outbox_waiting,
    max(0, ?1 - coalesce((select min(created_at) from messages where state in ('",
    MessageState::Queued.into_str(),
    "', '",
    MessageState::Sending.into_str(),
    "')), ?1)) as oldest_message_age_ms,
    coalesce((select seq from sqlite_sequence where name = 'events'), 0) as events,
    coalesce((select seq from sqlite_sequence where name = 'audit_log'), 0) as audited,
    coalesce((select seq from sqlite_sequence where name = 'alert_history'), 0) as alert_steps,
    coalesce((select seq from sqlite_sequence where name = 'outbox'), 0) as outbox,
    coalesce((select runs from leases where name = ?2), 0) as scheduled_runs,
    max(0, ?1 - (select finished_at from leases where name = ?2)) as scheduled_run_age_ms,
    (select max(version) from schema_migrations) as schema_version,
    coalesce((select seq from sqlite_sequence where name = 'bookings'), 0) as bookings,
    coalesce((select seq from sqlite_sequence where name = 'reservations'), 0) as reservations,
    coalesce((select seq from sqlite_sequence where name = 'gate_overrides'), 0) as gate_overrides,
    (select count(*) from bookings where status = '",
    BookingStatus::Waitlisted.into_str(),
    "') as bookings_waiting,
    (select coalesce(sum(party_size), 0) from bookings where status = '",
    BookingStatus::CheckedIn.into_str(),
    "') as people_inside"
);

const DEVICES: &str = "select s.health as label, count(*) as count
    from devices v join device_state s on s.device_id = v.id where v.is_active = 1 group by 1";

const SPOTS: &str = concatcp!("select ", STATE, " as label, count(*) as count from ", SPOTS_WITH_STATE, " group by 1");

const ALERTS: &str = concatcp!(
    "select severity as label, count(*) as count from alerts where status in ('",
    AlertStatus::OPEN[0].into_str(),
    "', '",
    AlertStatus::OPEN[1].into_str(),
    "') group by 1"
);

const OPEN_EMERGENCIES: [&str; 3] =
    [EmergencyStatus::OPEN[0].into_str(), EmergencyStatus::OPEN[1].into_str(), EmergencyStatus::OPEN[2].into_str()];

const EMERGENCIES: &str = concatcp!(
    "select status as label, count(*) as count from emergencies where status in ('",
    OPEN_EMERGENCIES[0],
    "', '",
    OPEN_EMERGENCIES[1],
    "', '",
    OPEN_EMERGENCIES[2],
    "') group by 1"
);

const CROWD_ZONES: &str = "select level as label, count(*) as count from crowd_state where level is not null group by 1";

const LIVE_RESERVATIONS: [&str; 3] =
    [ReservationStatus::LIVE[0].into_str(), ReservationStatus::LIVE[1].into_str(), ReservationStatus::LIVE[2].into_str()];

// The words stand in the statements, where partial indexes on the same words are found by them.
const RESERVATIONS: &str = concatcp!(
    "select status as label, count(*) as count from reservations where status in ('",
    LIVE_RESERVATIONS[0],
    "', '",
    LIVE_RESERVATIONS[1],
    "', '",
    LIVE_RESERVATIONS[2],
    "') group by 1"
);

/// What is not settled, of `payments.state`.
const OPEN_PAYMENTS: [&str; 3] =
    [PaymentState::UNDERWAY[0].into_str(), PaymentState::UNDERWAY[1].into_str(), PaymentState::UNDERWAY[2].into_str()];

const PAYMENTS: &str = concatcp!(
    "select state as label, count(*) as count from payments where state in ('",
    OPEN_PAYMENTS[0],
    "', '",
    OPEN_PAYMENTS[1],
    "', '",
    OPEN_PAYMENTS[2],
    "') group by 1"
);

/// What is not sent, of `messages.state`: what was sent is a history, and grows.
const UNSENT_MESSAGES: [&str; 3] = [MessageState::Queued.into_str(), MessageState::Sending.into_str(), MessageState::Dead.into_str()];

const MESSAGES: &str = concatcp!(
    "select state as label, count(*) as count from messages where state in ('",
    UNSENT_MESSAGES[0],
    "', '",
    UNSENT_MESSAGES[1],
    "', '",
    UNSENT_MESSAGES[2],
    "') group by 1"
);

/// One row for each reason that there was.
const MQTT_REJECTED: &str = "select reason as label, count from mqtt_rejections";

/// Rows of tables are not counted here: that would read each of them.
const TABLES: &str = "select name, rows as row_count, bytes from table_sizes where rows >= 0 order by name";

impl Figures {
    /// Reads them.
    pub fn read(now: i64) -> Result<Self, Problem> {
        let totals = Database.fetch_optional(TOTALS, params![now, scheduled::LEASE])?;
        Ok(Self {
            totals: totals.ok_or_else(|| Problem::internal("no row"))?,
            devices_by_health: counts(<Health as VariantNames>::VARIANTS, DEVICES, params![])?,
            spots_by_status: counts(<SpotState as VariantNames>::VARIANTS, SPOTS, params![now])?,
            open_alerts_by_severity: counts(<Severity as VariantNames>::VARIANTS, ALERTS, params![])?,
            emergencies_by_status: counts(&OPEN_EMERGENCIES, EMERGENCIES, params![])?,
            crowd_zones_by_level: counts(<Level as VariantNames>::VARIANTS, CROWD_ZONES, params![])?,
            reservations_by_status: counts(&LIVE_RESERVATIONS, RESERVATIONS, params![])?,
            payments_by_state: counts(&OPEN_PAYMENTS, PAYMENTS, params![])?,
            messages_by_state: counts(&UNSENT_MESSAGES, MESSAGES, params![])?,
            mqtt_rejected_by_reason: counts(<Rejection as VariantNames>::VARIANTS, MQTT_REJECTED, params![])?,
            scheduled_runs: scheduled::last_runs(now)?.to_vec(),
            tables: Database.fetch_all(TABLES, params![])?,
        })
    }
}

#[derive(FromRow)]
struct Count {
    label: String,
    count: i64,
}

/// A count for each label, 0 where there are no rows.
fn counts(labels: &[&'static str], sql: &str, params: Vec<Value>) -> Result<Counts, Problem> {
    let rows: Vec<Count> = Database.fetch_all(sql, params)?;
    let count = |label: &str| rows.iter().find(|row| row.label == label).map_or(0, |row| row.count);
    Ok(labels.iter().map(|label| (*label, count(label))).collect())
}
