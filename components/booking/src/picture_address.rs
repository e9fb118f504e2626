//! Addresses of QR pictures that an `<img>` can show: it sends no token, so the address itself says until when it is good, and is signed.
//!
//! An address is for one booking and its newest ticket, so that a reissue ends it too, and says nothing of the session.

use axum::extract::FromRequestParts;
use domain::time::MINUTE_MS;
use hmac::{Hmac, Mac as _};
use http::request::Parts;
use kit::Problem;
use kit::api::{Describe, Request as Operation};
use kit::input::{Input, Int, Text};
use kit::request::Query;
use sha2::Sha256;
use utoipa::openapi::security::SecurityRequirement;

use crate::model::Booking;
use crate::ticket::Keys;

/// An address is good for one to two of these, milliseconds: within one, a booking that is read again has the same address, and an `<img>`
/// need not load anew.
const PERIOD_MS: i64 = 15 * MINUTE_MS;

/// The last moment that an address can name, seconds.
const MAX_S: i64 = domain::time::MAX_MS / 1000;

/// What an address adds to its path. Without both, the caller signs in.
#[derive(Input)]
pub struct PictureAddress {
    /// Until when it is good, seconds since 1970.
    expires: Option<Int<0, MAX_S>>,
    /// Of the booking, its ticket and `expires`.
    signature: Option<Text<1, 64>>,
}

/// When an address that is given out now ends, seconds since 1970.
pub fn expiry_s(now: i64) -> i64 {
    (now / PERIOD_MS + 2) * PERIOD_MS / 1000
}

/// What the key of addresses is made of, beside the seed of tickets: no ticket's signature is an address's.
pub const KEY_USE: &[u8] = b"gatehouse ticket picture address 1";

/// The mark of a booking's newest ticket until then.
fn mac(keys: &Keys, booking: &Booking, expires_s: i64) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(&keys.picture_key).ok()?;
    mac.update(format!("{} {} {expires_s}", booking.id, booking.ticket_number).as_bytes());
    Some(mac)
}

/// What is added to the path of a picture.
pub fn query(keys: &Keys, booking: &Booking, expires_s: i64) -> String {
    let signature = mac(keys, booking, expires_s).map(|mac| const_hex::encode(mac.finalize().into_bytes())).unwrap_or_default();
    format!("expires={expires_s}&signature={signature}")
}

impl<S: Send + Sync> FromRequestParts<S> for PictureAddress {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        Query::from_request_parts(parts, state).await.map(|Query(address)| address)
    }
}

impl Describe for PictureAddress {
    /// It stands in for the caller.
    fn describe(request: &mut Operation<'_>) {
        Query::<Self>::describe(request);
        let ways = request.operation.security.get_or_insert_default();
        ways.retain(|way| *way != SecurityRequirement::default());
        ways.push(SecurityRequirement::new("signedAddress", <[&str; 0]>::default()));
    }
}

impl PictureAddress {
    /// Whether it is an address at all: else the caller signs in.
    pub fn is_signed(&self) -> bool {
        self.expires.is_some() || self.signature.is_some()
    }

    /// Whether it lets its holder see this booking's ticket now. The comparison takes the same time wherever a signature differs.
    pub fn admits(&self, keys: &Keys, booking: &Booking, now: i64) -> bool {
        let (Some(expires), Some(signature)) = (&self.expires, &self.signature) else { return false };
        let Ok(signature) = const_hex::decode(signature.as_bytes()) else { return false };
        now < **expires * 1000 && mac(keys, booking, **expires).is_some_and(|mac| mac.verify_slice(&signature).is_ok())
    }
}

/// 403. The same for a booking that is not there: an address tells nothing of those.
pub fn refused() -> Problem {
    Problem::forbidden("the picture's address is not good, or not any more: read the booking again")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_good_for_a_quarter_of_an_hour_and_at_most_two() {
        for now in [0, 1, PERIOD_MS - 1, PERIOD_MS, 1_770_201_000_123] {
            let life = expiry_s(now) * 1000 - now;
            assert!(life > PERIOD_MS && life <= 2 * PERIOD_MS, "{now}: {life}");
        }
    }
}
