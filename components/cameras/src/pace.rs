//! How fast uploads are, where `gcs_bytes_per_second` holds them back: all runs together, by one row.

use domain::time::HOUR_MS;
use kit::db::{Database, Fetch as _};
use kit::{Answer, config, params};

use crate::gcs::GRAIN;

/// The largest piece, bytes.
const LARGEST: u64 = 8 * GRAIN;

/// A piece holds back what comes after it no longer than this, where it is larger than the smallest, milliseconds.
const PIECE_MS: u64 = 5_000;

/// A row that says more than this was written before the clock was set back, milliseconds.
const LONGEST_MS: i64 = HOUR_MS;

/// How fast uploads may be.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Bytes a second; 0 is no limit.
    limit: u64,
}

impl Pace {
    /// From the variable.
    pub async fn configured() -> Answer<Self> {
        Ok(Self { limit: u64::try_from(config::number("gcs_bytes_per_second", 0).await?).unwrap_or_default() })
    }

    /// How many bytes a piece has: fewer where few are allowed, and after attempts that failed, since a slow line may not take more in its time. Whole
    /// grains.
    pub fn piece(self, attempts: i64) -> usize {
        let allowed = if self.limit == 0 { LARGEST } else { self.limit.saturating_mul(PIECE_MS) / 1000 };
        let fewer = LARGEST >> attempts.clamp(0, 3);
        let bytes = (allowed.min(fewer) / GRAIN).max(1) * GRAIN;
        usize::try_from(bytes).unwrap_or(usize::MAX)
    }

    /// How long so many bytes are to take, milliseconds.
    fn cost(self, bytes: usize) -> i64 {
        let cost = (bytes as u64).saturating_mul(1000).checked_div(self.limit).unwrap_or_default();
        i64::try_from(cost).unwrap_or(i64::MAX).min(LONGEST_MS)
    }

    /// From when on something may be sent; now, or later.
    pub fn free_at(self, now: i64) -> Answer<i64> {
        if self.limit == 0 {
            return Ok(now);
        }
        let free_at: Option<i64> = Database.fetch_scalar("select free_at from upload_pace where id = 1", params![])?;
        Ok(free_at.filter(|at| (now..=now + LONGEST_MS).contains(at)).unwrap_or(now))
    }

    /// Takes leave to send so many bytes now; whether it was given. Nobody else sends before they have had their time.
    pub fn take(self, bytes: usize, now: i64) -> Answer<bool> {
        if self.limit == 0 {
            return Ok(true);
        }
        Database.exists(
            "insert into upload_pace (id, free_at) values (1, ?1 + ?2)
             on conflict (id) do update set free_at = excluded.free_at where free_at <= ?1 or free_at > ?1 + ?3
             returning 1",
            params![now, self.cost(bytes), LONGEST_MS],
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_is_as_large_as_its_time_allows_in_whole_grains() {
        let piece = |limit, attempts| Pace { limit }.piece(attempts) as u64 / GRAIN;
        assert_eq!((piece(0, 0), piece(0, 1), piece(0, 2), piece(0, 30)), (8, 4, 2, 1));
        assert_eq!((piece(10_000_000, 0), piece(200_000, 0), piece(60_000, 0), piece(1, 0)), (8, 3, 1, 1));
        // The slowest is held back by one piece for minutes, which no run waits for.
        assert_eq!(Pace { limit: 1_000 }.cost(Pace { limit: 1_000 }.piece(0)), 262_144);
        assert_eq!((Pace { limit: 0 }.cost(1 << 20), Pace { limit: 1 }.cost(1 << 30)), (0, LONGEST_MS));
    }
}
