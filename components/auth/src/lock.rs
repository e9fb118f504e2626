//! The lock on an account-and-address pair after ten failures (docs/reference/rules.md#login-lock), kept in the database.
//!
//! The password is verified first and the lock looked at after, in the transaction that records the outcome: of many guesses in flight
//! at once no more than ten learn whether they were right, and an owner who logs in many times at once is not locked out.

use domain::login::{FAILURE_WINDOW_MS, LOCK_MS, lock_until};
use domain::time::AHEAD_TOLERANCE_MS;
use kit::db::{self, Executor, Row, Transaction};
use kit::{Problem, params};

/// An account as it was named and the address that it was named from.
pub struct Pair {
    /// The e-mail address as given, lower case; known or not.
    pub account: String,
    /// The client's address.
    pub address: String,
}

impl Pair {
    /// 429 while the pair is locked. Before the costly part of a login; [`Pair::record`] is what counts.
    pub fn refuse_locked(&self, db: &dyn Executor, now: i64) -> Result<(), Problem> {
        // Failures older than a window before the oldest lock that may still hold say nothing about now, nor do those from before the clock
        // was set back.
        let since = now - FAILURE_WINDOW_MS - LOCK_MS;
        let failures = db.run(
            "select at from login_failures where account = ? and address = ? and at > ? and at <= ? order by at",
            params![&self.account, &self.address, since, now + AHEAD_TOLERANCE_MS],
        )?;
        let times = failures.iter().map(Row::scalar).collect::<Result<Vec<i64>, _>>()?;
        match lock_until(&times, now) {
            Some(until) => {
                Err(Problem::too_many("too many failed sign-ins for this account from this address", (until - now + 999) / 1000))
            }
            None => Ok(()),
        }
    }

    /// Records how an attempt ended: a failure is added, a success clears the pair. 429, and nothing recorded, while it is locked.
    pub fn record(&self, transaction: &Transaction, succeeded: bool, now: i64) -> Result<(), Problem> {
        self.refuse_locked(transaction, now)?;
        let (account, address) = (&self.account, &self.address);
        if succeeded {
            transaction.run("delete from login_failures where account = ? and address = ?", params![account, address])?;
        } else {
            transaction.run("insert into login_failures (account, address, at) values (?, ?, ?)", params![account, address, now])?;
        }
        Ok(())
    }

    /// [`Pair::record`] in a transaction of its own.
    pub fn record_alone(&self, succeeded: bool, now: i64) -> Result<(), Problem> {
        db::transaction(|transaction| self.record(transaction, succeeded, now))
    }
}
