//! The lock on an account and a device or address after ten failures, the cap on an account, and the one on an address
//! (docs/reference/rules.md#login-lock), kept in the database.
//!
//! An attempt reads where it stands, spends the time that a password takes, and then writes its outcome by one statement, on the condition
//! that it still stands there: of many guesses in flight at once no more than ten learn whether they were right, and an owner who logs in many
//! times at once is not locked out.

use const_format::{concatcp, formatcp};
use domain::login::{
    ACCOUNT_WINDOW_MS, ADDRESS_WINDOW_MS, FAILURE_WINDOW_MS, LOCK_MS, MAX_ACCOUNT_FAILURES, MAX_ADDRESS_FAILURES, address_shut_until,
    lock_until, shut_until,
};
use domain::time::AHEAD_TOLERANCE_MS;
use http::HeaderMap;
use kit::client::ClientAddress;
use kit::db::{self, Executor, Fetch as _, Value};
use kit::row::{FromRow, Row};
use kit::security::Kind;
use kit::{Answer, Problem, params};

use crate::account::{Account, COLUMNS};
use crate::known_device::{self, Presented};
use crate::pseudonym;

/// An attempt at an account's password.
pub struct Attempt {
    /// The e-mail address as given, lower case; known or not.
    pub account: String,
    /// The device that has a cookie of the account, of this generation or of one before.
    device: Option<Presented>,
    /// Where it came from.
    network: String,
    /// What stands for the account in the log.
    pseudonym: String,
    now: i64,
}

/// What is known of an attempt's account and source at one moment.
#[derive(FromRow)]
pub struct Standing {
    /// The account of this name; none when nobody has it.
    #[row(with = account)]
    pub account: Option<Account>,
    /// What the cookies of the account's devices carry.
    pub generation: i64,
    /// What its failures are counted by: the device that has the account's cookie, or the address.
    source: String,
    /// The times of the source's failures, oldest first, as a JSON array.
    failures: String,
    /// Whether the source has any failures, however old.
    pub has_failed: bool,
    /// How many failures the account had lately, wherever they came from.
    of_account: i64,
    /// When the first of them was.
    account_oldest: Option<i64>,
    /// How many failures the address had lately, whatever the account.
    of_address: i64,
    /// When the first of them was.
    address_oldest: Option<i64>,
    /// Whether the account has a session that was opened or refreshed from the address.
    is_known: bool,
}

fn account(row: &Row) -> Result<Option<Account>, Problem> {
    if row.get::<Option<String>>("id")?.is_none() {
        return Ok(None);
    }
    Account::from_row(row).map(Some)
}

// `?1` account, `?2` the address, `?3` the device and `?4` its generation, `?5` since when the source's failures count, `?6` until when failures
// count at all, `?7` since when the account's and `?8` since when the address's count.
const STANDING: &str = formatcp!(
    "select {COLUMNS}, coalesce((select generation from device_generations where user_id = u.id), 0) as generation, s.source,
        (select json_group_array(at) from (
            select at from login_failures where account = ?1 and address = s.source and at > ?5 and at <= ?6 order by at
        )) as failures,
        exists (select 1 from login_failures where account = ?1 and address = s.source) as has_failed,
        (select count(*) from login_failures where {OF_ACCOUNT}) as of_account,
        (select min(at) from login_failures where {OF_ACCOUNT}) as account_oldest,
        (select count(*) from login_failures where {OF_ADDRESS}) as of_address,
        (select min(at) from login_failures where {OF_ADDRESS}) as address_oldest,
        exists (select 1 from refresh_tokens t where t.user_id = u.id and t.network = ?2) as is_known
     from (
         select iif(?4 = coalesce(
             (select generation from device_generations where user_id = (select id from users where email = ?1)), 0
         ), ?3, ?2) as source
     ) s left join users u on u.email = ?1"
);

const OF_ACCOUNT: &str = "account = ?1 and at > ?7 and at <= ?6";
const OF_ADDRESS: &str = "address = ?2 and at > ?8 and at <= ?6";

/// That an attempt stands where it stood: the condition of the statement that writes its outcome, over the parameters of
/// [`Attempt::conditions`]. The source's failures are the same, neither cap has been reached meanwhile; the statement's own parameters follow,
/// from `?11` on.
pub const STILL_STANDS: &str = concatcp!(
    "(select json_group_array(at) from (
         select at from login_failures where account = ?1 and address = ?3 and at > ?5 and at <= ?6 order by at
     )) = ?4
     and (?9 or (select count(*) from login_failures where ",
    OF_ACCOUNT,
    ") < ",
    MAX_ACCOUNT_FAILURES,
    ") and (?10 or (select count(*) from login_failures where ",
    OF_ADDRESS,
    ") < ",
    MAX_ADDRESS_FAILURES,
    ")"
);

const FAIL: &str = concatcp!("insert into login_failures (account, address, at) select ?1, ?3, ?11 where ", STILL_STANDS, " returning 1");

impl Standing {
    fn has_cookie(&self, attempt: &Attempt) -> bool {
        self.source != attempt.network
    }
}

impl Attempt {
    /// An attempt at the account of this name (in lower case) with these headers.
    pub async fn new(account: String, client: &ClientAddress, headers: &HeaderMap, now: i64) -> Result<Self, Problem> {
        Ok(Self {
            device: known_device::presented(headers, &account, now).await?,
            network: client.network.clone(),
            pseudonym: pseudonym::of(&account).await?,
            account,
            now,
        })
    }

    /// Where it stands. 429 while it is locked out, before the costly part of a login.
    pub fn stand(&self, db: &dyn Executor) -> Answer<Standing> {
        let device = self.device.as_ref();
        let params = params![
            &self.account,
            &self.network,
            device.map(|device| device.source.as_str()),
            device.map(|device| device.generation),
            self.source_since(),
            self.until(),
            self.now - ACCOUNT_WINDOW_MS,
            self.now - ADDRESS_WINDOW_MS,
        ];
        let standing: Option<Standing> = db.fetch_optional(STANDING, params)?;
        let standing = standing.ok_or_else(|| Problem::internal("no row"))?;
        self.refuse_locked(&standing)?;
        Ok(standing)
    }

    /// Failures older than a window before the oldest lock that may still hold say nothing about now.
    fn source_since(&self) -> i64 {
        self.now - FAILURE_WINDOW_MS - LOCK_MS
    }

    /// Nor do those from before the clock was set back.
    fn until(&self) -> i64 {
        self.now + AHEAD_TOLERANCE_MS
    }

    fn refuse_locked(&self, standing: &Standing) -> Result<(), Problem> {
        let times: Vec<i64> = serde_json::from_str(&standing.failures).map_err(Problem::internal)?;
        if let Some(until) = lock_until(&times, self.now) {
            return Err(self.locked("too many failed sign-ins for this account from this address", until, "source"));
        }
        if standing.has_cookie(self) {
            return Ok(());
        }
        if !standing.is_known
            && let Some(until) = shut_until(standing.of_account, standing.account_oldest, self.now)
        {
            let detail = "too many failed sign-ins for this account: use a device that has signed in to it before, or come back later";
            return Err(self.locked(detail, until, "account"));
        }
        if let Some(until) = address_shut_until(standing.of_address, standing.address_oldest, self.now) {
            return Err(self.locked("too many failed sign-ins from this address: come back later", until, "address"));
        }
        Ok(())
    }

    fn locked(&self, detail: &str, until: i64, reason: &'static str) -> Problem {
        let seconds = (until - self.now + 999) / 1000;
        Problem::too_many(detail, seconds).logged_as(Kind::AuthnLoginLock, Some(self.pseudonym.clone()), reason)
    }

    /// The parameters of [`STILL_STANDS`], `?1` to `?10`.
    pub fn conditions(&self, standing: &Standing) -> Vec<Value> {
        let has_cookie = standing.has_cookie(self);
        params![
            &self.account,
            &self.network,
            &standing.source,
            &standing.failures,
            self.source_since(),
            self.until(),
            self.now - ACCOUNT_WINDOW_MS,
            self.now - ADDRESS_WINDOW_MS,
            has_cookie || standing.is_known,
            has_cookie,
        ]
    }

    /// Adds a failure; false, and nothing written, when it does not stand there any more.
    pub fn fail(&self, db: &dyn Executor, standing: &Standing) -> Answer<bool> {
        let mut params = self.conditions(standing);
        params.extend(params![self.now]);
        db.exists(FAIL, params)
    }

    /// A success clears its source's failures.
    pub fn clear(&self, db: &dyn Executor, standing: &Standing) -> Answer<()> {
        if standing.has_failed {
            db.run("delete from login_failures where account = ? and address = ?", params![&self.account, &standing.source])?;
        }
        Ok(())
    }

    /// Writes the outcome of an attempt that nothing else is written with. 429, and nothing written, when it is locked out by now.
    pub fn record(&self, succeeded: bool) -> Answer<()> {
        db::transaction(|transaction| {
            let standing = self.stand(transaction)?;
            if succeeded { self.clear(transaction, &standing) } else { self.fail(transaction, &standing).map(drop) }
        })
    }

    /// What stands for the account in the log, when its id is not known.
    pub fn pseudonym(&self) -> &str {
        &self.pseudonym
    }
}
