//! SendGrid's signature of its events: ECDSA over P-256 and SHA-256, of the timestamp and the raw body, by a key of which we have the public
//! half.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::mail::REPORT_AGE_MS;
use domain::time::AHEAD_TOLERANCE_MS;
use domain::webhook::Refusal;
use p256::ecdsa::signature::Verifier as _;
use p256::ecdsa::{Signature, VerifyingKey};
use p256::pkcs8::DecodePublicKey as _;

/// A public key as SendGrid shows it: base64 of its DER (SubjectPublicKeyInfo). None for what is no such key.
pub fn key(text: &str) -> Option<VerifyingKey> {
    VerifyingKey::from_public_key_der(&STANDARD.decode(text.trim()).ok()?).ok()
}

/// Whether one of the keys has signed this timestamp, in seconds, and these bytes, not too long ago.
pub fn verify(signature: &str, timestamp: &str, body: &[u8], keys: &[VerifyingKey], now_ms: i64) -> Result<(), Refusal> {
    let at: i64 = timestamp.parse().map_err(|_| Refusal::Unsigned)?;
    let der = STANDARD.decode(signature).map_err(|_| Refusal::Unsigned)?;
    let signature = Signature::from_der(&der).map_err(|_| Refusal::Unsigned)?;
    let signed = [timestamp.as_bytes(), body].concat();
    if !keys.iter().any(|key| key.verify(&signed, &signature).is_ok()) {
        return Err(Refusal::BadSignature);
    }
    let age = now_ms.saturating_sub(at.saturating_mul(1000));
    if (-AHEAD_TOLERANCE_MS..=REPORT_AGE_MS).contains(&age) { Ok(()) } else { Err(Refusal::TooLate) }
}

#[cfg(test)]
mod tests {
    use p256::ecdsa::SigningKey;
    use p256::ecdsa::signature::Signer as _;
    use p256::pkcs8::EncodePublicKey as _;

    use super::*;

    const NOW: i64 = 1_770_201_000_000;
    const BODY: &[u8] = br#"[{"event":"bounce"}]"#;

    fn signer(seed: u8) -> SigningKey {
        SigningKey::from_slice(&[seed; 32]).unwrap()
    }

    fn sign(signer: &SigningKey, timestamp: &str, body: &[u8]) -> String {
        let signature: Signature = signer.sign(&[timestamp.as_bytes(), body].concat());
        STANDARD.encode(signature.to_der())
    }

    #[test]
    fn only_the_owner_of_the_key_signs_and_not_long_ago() {
        let (own, other) = (signer(7), signer(8));
        let text = STANDARD.encode(own.verifying_key().to_public_key_der().unwrap());
        let keys = [key(&text).unwrap()];
        let at = (NOW / 1000).to_string();
        let signature = sign(&own, &at, BODY);
        let check = |signature: &str, at: &str, body: &[u8], now| verify(signature, at, body, &keys, now);
        assert_eq!(check(&signature, &at, BODY, NOW), Ok(()));
        assert_eq!(check(&signature, &at, BODY, NOW + REPORT_AGE_MS), Ok(()));
        assert_eq!(check(&signature, &at, BODY, NOW + REPORT_AGE_MS + 1), Err(Refusal::TooLate));
        assert_eq!(check(&signature, &at, BODY, NOW - AHEAD_TOLERANCE_MS - 1), Err(Refusal::TooLate));
        assert_eq!(check(&signature, &at, b"[]", NOW), Err(Refusal::BadSignature));
        assert_eq!(check(&signature, &(NOW / 1000 + 1).to_string(), BODY, NOW), Err(Refusal::BadSignature));
        assert_eq!(check(&sign(&other, &at, BODY), &at, BODY, NOW), Err(Refusal::BadSignature));
        for unreadable in ["", "?", "AAAA"] {
            assert_eq!(check(unreadable, &at, BODY, NOW), Err(Refusal::Unsigned), "{unreadable}");
        }
        assert_eq!(check(&signature, "soon", BODY, NOW), Err(Refusal::Unsigned));
        assert_eq!(verify(&signature, &at, BODY, &[], NOW), Err(Refusal::BadSignature));
        assert!(key("").is_none() && key("MFkw").is_none());
    }
}
