//! Stripe's signature of a webhook: `Stripe-Signature: t=…,v1=…`, HMAC-SHA-256 over `t.body`. Several `v1` while its secret is being
//! rotated, and several secrets here.

use domain::webhook::Refusal;
use hmac::{Hmac, Mac as _};
use sha2::Sha256;

/// How far its time may be from ours, seconds.
pub const TOLERANCE_S: i64 = 300;
/// The signatures of one header that are looked at.
const MAX_SIGNATURES: usize = 8;

/// Whether one of the secrets made one of the signatures over these bytes, at a time within the tolerance. Each comparison takes the same
/// time however much is right.
pub fn verify(header: &str, body: &[u8], secrets: &[String], now_s: i64) -> Result<(), Refusal> {
    let mut time = None;
    let mut signatures = Vec::new();
    for (name, value) in header.split(',').filter_map(|part| part.trim().split_once('=')) {
        match name {
            "t" => time = Some(value),
            "v1" if signatures.len() < MAX_SIGNATURES => signatures.extend(const_hex::decode_to_array::<_, 32>(value)),
            // `v0` is of test events alone, and weak.
            _ => {}
        }
    }
    let time = time.ok_or(Refusal::Unsigned)?;
    let at: i64 = time.parse().map_err(|_| Refusal::Unsigned)?;
    if signatures.is_empty() {
        return Err(Refusal::Unsigned);
    }
    let mut genuine = false;
    for secret in secrets {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else { continue };
        mac.update(time.as_bytes());
        mac.update(b".");
        mac.update(body);
        for signature in &signatures {
            genuine |= mac.clone().verify_slice(signature).is_ok();
        }
    }
    if !genuine {
        return Err(Refusal::BadSignature);
    }
    if now_s.abs_diff(at) > TOLERANCE_S.unsigned_abs() { Err(Refusal::TooLate) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_770_201_000;

    fn sign(secret: &str, at: i64, body: &[u8]) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
        mac.update(format!("{at}.").as_bytes());
        mac.update(body);
        const_hex::encode(mac.finalize().into_bytes())
    }

    fn check(header: &str) -> Result<(), Refusal> {
        verify(header, b"{}", &["whsec_old".to_owned(), "whsec_new".to_owned()], NOW)
    }

    #[test]
    fn either_secret_and_any_of_the_signatures_will_do() {
        let (old, new) = (sign("whsec_old", NOW, b"{}"), sign("whsec_new", NOW, b"{}"));
        let other = sign("whsec_other", NOW, b"{}");
        for header in [
            format!("t={NOW},v1={old}"),
            format!("t={NOW},v1={new}"),
            format!("t={NOW},v1={other},v1={new},v0={other}"),
            format!("v1={old}, t={NOW}"),
        ] {
            assert_eq!(check(&header), Ok(()), "{header}");
        }
    }

    #[test]
    fn what_is_not_stripes_is_refused() {
        let other = sign("whsec_other", NOW, b"{}");
        let of_another_body = sign("whsec_old", NOW, b"{ }");
        let of_another_time = sign("whsec_old", NOW - 1, b"{}");
        for signature in [other.as_str(), &of_another_body, &of_another_time, &"0".repeat(64)] {
            assert_eq!(check(&format!("t={NOW},v1={signature}")), Err(Refusal::BadSignature));
        }
        let right = sign("whsec_old", NOW, b"{}");
        for header in
            ["", "t=1", &format!("v1={right}"), &format!("t=x,v1={right}"), &format!("t={NOW},v0={right}"), "t=1,v1=zz", "t=1,v1=é"]
        {
            assert_eq!(check(header), Err(Refusal::Unsigned), "{header}");
        }
        assert_eq!(verify(&format!("t={NOW},v1={}", sign("", NOW, b"{}")), b"{}", &[], NOW), Err(Refusal::BadSignature));
    }

    #[test]
    fn its_time_counts() {
        for (at, outcome) in [
            (NOW - TOLERANCE_S, Ok(())),
            (NOW + TOLERANCE_S, Ok(())),
            (NOW - TOLERANCE_S - 1, Err(Refusal::TooLate)),
            (NOW + TOLERANCE_S + 1, Err(Refusal::TooLate)),
        ] {
            assert_eq!(check(&format!("t={at},v1={}", sign("whsec_new", at, b"{}"))), outcome);
        }
    }
}
