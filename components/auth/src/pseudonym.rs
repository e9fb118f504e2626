//! What stands for an account in the log when only its name is known, or what somebody took for it, a password perhaps: the same for the same
//! name, and of no use without the signing key.

use hmac::Mac as _;
use kit::Problem;

use crate::keys;

/// The pseudonym of an account's name in lower case.
pub async fn of(account: &str) -> Result<String, Problem> {
    let mut mac = keys::hmac(&keys::derived("pseudonym").await?);
    mac.update(account.as_bytes());
    Ok(format!("name:{}", const_hex::encode(&mac.finalize().into_bytes()[..8])))
}
