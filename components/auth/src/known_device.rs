//! Devices that an account has signed in on: known by a cookie that the sign-in sets (OWASP, "Slow Down Online Guessing Attacks with Device
//! Cookies"), so that guesses of others do not keep its owner out.
//!
//! A cookie is for one account, signed, and stored nowhere. It opens nothing: it only says whose failures are counted together. It carries the
//! account's generation, which rises with each new password and each end of all sessions: those of before say nothing any more.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::login::KNOWN_DEVICE_MS;
use domain::time::is_ahead;
use hmac::Mac as _;
use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};
use kit::{Problem, host};

use crate::keys;

/// Bytes of a device's number.
const ID: usize = 12;
/// Bytes of the time of issue, and of the generation.
const NUMBER: usize = 8;

/// What a cookie says that we have made, and that is not too old.
#[derive(Debug, PartialEq, Eq)]
pub struct Presented {
    /// What the failures of the device are counted by.
    pub source: String,
    /// The account's generation when the cookie was made: the device is known as long as it has not risen.
    pub generation: i64,
}

/// The device that sent these headers, if it has a cookie for the account of this name.
pub async fn presented(headers: &HeaderMap, account: &str, now: i64) -> Result<Option<Presented>, Problem> {
    // Most clients keep no cookies.
    if !headers.contains_key(COOKIE) {
        return Ok(None);
    }
    let key = keys::derived("device cookie").await?;
    let name = cookie_name(account);
    let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(';'));
    let values = cookies.filter_map(|cookie| cookie.trim().split_once('=')).filter(|(own, _)| *own == name);
    Ok(values.take(2).find_map(|(_, value)| open(&key, account, value, now)))
}

/// `Set-Cookie` for a device on which the account of this name and generation has just signed in.
pub async fn set_cookie(account: &str, generation: i64, is_https: bool, now: i64) -> Result<HeaderValue, Problem> {
    let value = seal(&keys::derived("device cookie").await?, account, host::random()?, generation, now);
    let secure = if is_https { "; Secure" } else { "" };
    let name = cookie_name(account);
    let cookie = format!("{name}={value}; Path=/api; Max-Age={}; HttpOnly; SameSite=Strict{secure}", KNOWN_DEVICE_MS / 1000);
    HeaderValue::try_from(cookie).map_err(Problem::internal)
}

/// Of each account its own, as people share devices; it does not name them.
fn cookie_name(account: &str) -> String {
    format!("gatehouse_device_{}", const_hex::encode(&host::sha256(account.as_bytes())[..6]))
}

fn mac(key: &keys::Key, account: &str, signed: &[u8]) -> keys::Hmac {
    let mut mac = keys::hmac(key);
    mac.update(signed);
    mac.update(account.as_bytes());
    mac
}

fn seal(key: &keys::Key, account: &str, id: [u8; ID], generation: i64, now: i64) -> String {
    let mut bytes = [&id[..], &now.to_be_bytes(), &generation.to_be_bytes()].concat();
    let mac = mac(key, account, &bytes).finalize().into_bytes();
    bytes.extend_from_slice(&mac);
    URL_SAFE_NO_PAD.encode(bytes)
}

fn open(key: &keys::Key, account: &str, value: &str, now: i64) -> Option<Presented> {
    let bytes = URL_SAFE_NO_PAD.decode(value).ok()?;
    let (signed, tag) = bytes.split_at_checked(ID + 2 * NUMBER)?;
    mac(key, account, signed).verify_slice(tag).ok()?;
    let (id, numbers) = signed.split_at_checked(ID)?;
    let (time, generation) = numbers.split_at_checked(NUMBER)?;
    let issued_at = i64::from_be_bytes(time.try_into().ok()?);
    let generation = i64::from_be_bytes(generation.try_into().ok()?);
    let is_live = !is_ahead(issued_at, now) && now.saturating_sub(issued_at) < KNOWN_DEVICE_MS;
    is_live.then(|| Presented { source: format!("device:{}", const_hex::encode(id)), generation })
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: keys::Key = [7; 32];
    const NOW: i64 = 1_800_000_000_000;

    #[test]
    fn a_cookie_is_for_one_account_and_half_a_year() {
        let value = seal(&KEY, "asha@example.org", [1; ID], 3, NOW);
        let presented = || Some(Presented { source: format!("device:{}", "01".repeat(ID)), generation: 3 });
        assert_eq!(open(&KEY, "asha@example.org", &value, NOW), presented());
        assert_eq!(open(&KEY, "asha@example.org", &value, NOW + KNOWN_DEVICE_MS - 1), presented());
        assert_eq!(open(&KEY, "asha@example.org", &value, NOW + KNOWN_DEVICE_MS), None);
        assert_eq!(open(&KEY, "ravi@example.org", &value, NOW), None);
        assert_eq!(open(&[8; 32], "asha@example.org", &value, NOW), None);
    }

    #[test]
    fn nobody_makes_one_up() {
        let value = seal(&KEY, "a@b.co", [1; ID], 0, NOW);
        let mut other = value.clone().into_bytes();
        other[3] ^= 1;
        for forged in ["", "x", &value[..value.len() - 4], &"A".repeat(80), &String::from_utf8(other).unwrap()] {
            assert_eq!(open(&KEY, "a@b.co", forged, NOW), None, "{forged}");
        }
    }
}
