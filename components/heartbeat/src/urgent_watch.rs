//! What cannot wait does not wait for the scheduled run when it is to be repeated either: a run that has done its work stays, without holding
//! anything up, until the next urgent message is due, and then sends it. One such run is enough; which one is kept in the table of leases.

use std::time::{Duration, Instant};

use kit::db::{Database, Executor as _, Fetch as _};
use kit::{Problem, host, params};

use crate::settings::Settings;
use crate::{delivery, dispatch, queue};

/// How long a run stays at most: past the next scheduled run, which stays in its turn.
const STAY: Duration = Duration::from_secs(45);

/// The shortest pause, milliseconds: what is due and not taken, because its contact is busy, is not asked for without end.
const SHORTEST_MS: i64 = 100;

/// Whether there is anything that a run would stay for.
pub fn is_needed() -> Result<bool, Problem> {
    let now = host::now_ms();
    Ok(queue::next_urgent_at(now)?.is_some_and(|due| due - now <= stay_ms()))
}

/// Stays until nothing urgent is due in time, and sends each that becomes due. What is due later is left to the scheduled run.
pub async fn stay(settings: &Settings) -> Result<(), Problem> {
    let began = Instant::now();
    let mut turn = Turn::new()?;
    loop {
        let now = host::now_ms();
        let left = STAY.saturating_sub(began.elapsed()).as_millis();
        let Some(due) = queue::next_urgent_at(now)? else { return turn.give_up() };
        let pause = (due - now).max(SHORTEST_MS);
        let Ok(pause_ms) = u64::try_from(pause) else { return turn.give_up() };
        if u128::from(pause_ms) > left {
            return turn.give_up();
        }
        if !turn.take(now + pause, now)? {
            return Ok(());
        }
        delivery::pause(pause_ms).await;
        if !turn.is_ours()? {
            return Ok(());
        }
        dispatch::drain(settings, None).await?;
    }
}

fn stay_ms() -> i64 {
    i64::try_from(STAY.as_millis()).unwrap_or(i64::MAX)
}

/// Whose turn it is to stay: of the run that is to wake first.
struct Turn {
    owner: String,
    /// Whether it was this run's when it last asked.
    is_taken: bool,
}

impl Turn {
    fn new() -> Result<Self, Problem> {
        Ok(Self { owner: host::new_id(host::now_ms())?, is_taken: false })
    }

    /// Takes it unless another run wakes by then; whether this run has it. A run that died has it until it would have woken.
    fn take(&mut self, until: i64, now: i64) -> Result<bool, Problem> {
        self.is_taken = Database.exists(
            "insert into leases (name, owner, lease_until, started_at) values ('retry', ?1, ?2, ?3)
             on conflict (name) do update set owner = excluded.owner, lease_until = excluded.lease_until, started_at = excluded.started_at
             where leases.owner is null or leases.owner = excluded.owner or leases.lease_until < ?3 - ?4 or leases.lease_until > excluded.lease_until
             returning name",
            params![&self.owner, until, now, LATE_MS],
        )?;
        Ok(self.is_taken)
    }

    fn is_ours(&self) -> Result<bool, Problem> {
        Database.exists("select 1 from leases where name = 'retry' and owner = ?", params![&self.owner])
    }

    fn give_up(&self) -> Result<(), Problem> {
        if !self.is_taken {
            return Ok(());
        }
        Database.run("update leases set owner = null, lease_until = null where name = 'retry' and owner = ?", params![&self.owner])?;
        Ok(())
    }
}

/// A run that has not woken so long after it should have is dead, milliseconds.
const LATE_MS: i64 = 2_000;

#[cfg(test)]
mod tests {
    use domain::dispatch::{BACKOFF_BASE_MS, LEASE_MS};

    use super::*;

    #[test]
    fn it_stays_past_the_first_retries_and_the_lease_of_a_run_that_died() {
        assert!(stay_ms() > 3 * BACKOFF_BASE_MS && stay_ms() > LEASE_MS + 20_000);
    }
}
