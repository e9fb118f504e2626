//! The lock on an account-and-address pair after ten failures (contract §2), kept in the database.
//!
//! The password is verified first and the lock judged after, in the transaction that records the outcome: of many guesses in flight
//! at once no more than ten learn whether they were right, and an owner who signs in many times at once is not locked out.

use domain::login::{FAILURE_WINDOW_MS, LOCK_MS, lock_until};
use kit::db::{self, Rows, Transaction};
use kit::{Problem, params};

/// An account as it was named and the address that it was named from.
pub struct Pair {
    /// The e-mail address as given, lower case; known or not.
    pub account: String,
    /// The client's address.
    pub address: String,
}

const FAILURES: &str = "select at from login_failures where account = ? and address = ? and at > ? order by at";

impl Pair {
    /// 429 while the pair is locked. Before the costly part of a sign-in; [`Pair::judge`] is what counts.
    pub fn refuse_locked(&self, now: i64) -> Result<(), Problem> {
        refuse(&db::run(FAILURES, self.since(now))?, now)
    }

    /// Records how an attempt ended: a failure is added, a success clears the pair. 429, and nothing recorded, while it is locked.
    pub fn judge(&self, tx: &Transaction, right: bool, now: i64) -> Result<(), Problem> {
        refuse(&tx.run(FAILURES, self.since(now))?, now)?;
        if right {
            tx.run("delete from login_failures where account = ? and address = ?", params![&self.account, &self.address])?;
        } else {
            tx.run("insert into login_failures (account, address, at) values (?, ?, ?)", params![&self.account, &self.address, now])?;
        }
        Ok(())
    }

    fn since(&self, now: i64) -> Vec<db::Value> {
        // Failures older than a window before the oldest lock that may still hold say nothing about now.
        params![&self.account, &self.address, now - FAILURE_WINDOW_MS - LOCK_MS]
    }
}

fn refuse(failures: &Rows, now: i64) -> Result<(), Problem> {
    let times = failures.iter().map(|row| row.int(0)).collect::<Result<Vec<_>, _>>()?;
    match lock_until(&times, now) {
        Some(until) => Err(Problem::too_many("too many failed sign-ins for this account from this address", (until - now + 999) / 1000)),
        None => Ok(()),
    }
}
