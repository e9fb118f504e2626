//! The lease of the dispatcher: of the runs that have attempts on their way, one holds it and takes what comes in meanwhile. Whoever is woken
//! while it is held leaves the work to that run: in a storm of emergencies one run then takes many at a time, and with a receiver that stalls
//! each would else hold an instance for as long as an attempt may last, until the host has no more.

use const_format::formatcp;
use domain::dispatch::CLOCK_TOLERANCE_MS;
use kit::db::{Database, Executor as _, Fetch as _};
use kit::{Problem, host, params};

/// How long it lasts unless it is renewed, milliseconds. A run that dies takes no longer than this out of the others' hands.
const LASTS_MS: i64 = 1_000;

/// It is renewed when less than this is left.
const RENEW_BELOW_MS: i64 = 500;

/// The lease, when a run holds it at `?1`. One that lasts longer than it can was taken before the clock was set back.
pub const HELD: &str = formatcp!(
    "select 1 from leases where name = 'dispatch' and lease_until > ?1 and lease_until <= ?1 + {}",
    LASTS_MS + CLOCK_TOLERANCE_MS
);

/// A run's hold on it.
pub struct DrainLease {
    owner: String,
    until: Option<i64>,
}

impl DrainLease {
    /// Of a run that does not hold it yet.
    pub fn new(now: i64) -> Result<Self, Problem> {
        Ok(Self { owner: host::new_id(now)?, until: None })
    }

    /// Whether this run holds it, as far as it knows.
    pub fn is_own(&self) -> bool {
        self.until.is_some()
    }

    /// Takes it, or renews it: whether this run holds it now.
    pub fn take(&mut self, now: i64) -> Result<bool, Problem> {
        if self.until.is_some_and(|until| until - now > RENEW_BELOW_MS && until - now <= LASTS_MS) {
            return Ok(true);
        }
        // A look is cheaper than a write that changes nothing.
        if self.until.is_none() && Database.exists(HELD, params![now])? {
            return Ok(false);
        }
        self.until = Database.fetch_scalar(
            "insert into leases (name, owner, lease_until, started_at) values ('dispatch', ?1, ?2 + ?3, ?2)
             on conflict (name) do update set owner = excluded.owner, lease_until = excluded.lease_until, started_at = excluded.started_at
             where leases.lease_until is null or leases.lease_until <= excluded.started_at or leases.owner = excluded.owner
                 or leases.lease_until > excluded.lease_until + ?4
             returning lease_until",
            params![&self.owner, now, LASTS_MS, CLOCK_TOLERANCE_MS],
        )?;
        Ok(self.until.is_some())
    }

    /// Gives it up; whether this run held it. Who was woken before may have relied on it: look once more afterwards.
    pub fn release(&mut self) -> Result<bool, Problem> {
        if self.until.take().is_none() {
            return Ok(false);
        }
        Database.run("update leases set owner = null, lease_until = null where name = 'dispatch' and owner = ?", params![&self.owner])?;
        Ok(true)
    }
}
