//! The watch: of the runs that have attempts on their way, one looks out for what comes in meanwhile. Whoever is woken while it is kept
//! leaves the work to that run: in a storm of emergencies one run then takes many at a time, and with a receiver that stalls each would
//! else hold an instance for as long as an attempt may last, until the host has no more.

use kit::{Problem, db, host, params};

/// How long it is kept without a word, milliseconds. A run that dies takes no longer than this out of the others' hands.
const KEPT_MS: i64 = 1_000;

/// It is renewed when less than this is left.
const RENEWED_MS: i64 = 500;

/// Whether a run is looking out.
pub fn is_kept(now: i64) -> Result<bool, Problem> {
    Ok(!db::run("select 1 from leases where name = 'dispatch' and lease_until > ?", params![now])?.is_empty())
}

/// A run's share in it.
pub struct Watch {
    owner: String,
    until: Option<i64>,
}

impl Watch {
    /// A run that does not keep it yet.
    pub fn new(now: i64) -> Result<Self, Problem> {
        Ok(Self { owner: host::new_id(now)?, until: None })
    }

    /// Whether this run keeps it, as far as it knows.
    pub fn is_held(&self) -> bool {
        self.until.is_some()
    }

    /// Takes it, or goes on keeping it: whether this run looks out now.
    pub fn keep(&mut self, now: i64) -> Result<bool, Problem> {
        if self.until.is_some_and(|until| until - now > RENEWED_MS && until - now <= KEPT_MS) {
            return Ok(true);
        }
        // A look is cheaper than a write that changes nothing.
        if self.until.is_none() && is_kept(now)? {
            return Ok(false);
        }
        let rows = db::run(
            "insert into leases (name, owner, lease_until, started_at) values ('dispatch', ?1, ?2 + ?3, ?2)
             on conflict (name) do update set owner = excluded.owner, lease_until = excluded.lease_until, started_at = excluded.started_at
             where leases.lease_until is null or leases.lease_until <= excluded.started_at or leases.owner = excluded.owner
             returning lease_until",
            params![&self.owner, now, KEPT_MS],
        )?;
        self.until = rows.first().map(|row| row.int(0)).transpose()?;
        Ok(self.until.is_some())
    }

    /// Gives it up; whether this run had it. Who was woken before may have relied on it: look once more afterwards.
    pub fn end(&mut self) -> Result<bool, Problem> {
        if self.until.take().is_none() {
            return Ok(false);
        }
        db::run("update leases set owner = null, lease_until = null where name = 'dispatch' and owner = ?", params![&self.owner])?;
        Ok(true)
    }
}
