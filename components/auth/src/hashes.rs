//! Passwords at rest: argon2id, and the hashes of the replaced systems (docs/reference/rules.md#passwords).

use argon2::password_hash::{PasswordHash, SaltString};
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kit::{Problem, host};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

/// Memory in KiB, passes and lanes: OWASP's first choice of argon2id parameters.
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// More rounds than Django ever asked for; beyond it a stored hash would hold the instance for minutes.
const MAX_PBKDF2_ROUNDS: u32 = 5_000_000;

/// A cost takes twice as long as the one before: the last that is verified takes seconds, and 31 would take days.
const MAX_BCRYPT_COST: u32 = 15;

fn hasher() -> Result<Argon2<'static>, Problem> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(Problem::internal)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

/// The argon2id hash of a password with a new salt, as a PHC string.
pub fn hash(password: &str) -> Result<String, Problem> {
    hash_with(password, &host::random::<16>()?)
}

fn hash_with(password: &str, salt: &[u8]) -> Result<String, Problem> {
    let salt = SaltString::encode_b64(salt).map_err(Problem::internal)?;
    let hash = hasher()?.hash_password(password.as_bytes(), &salt).map_err(Problem::internal)?;
    Ok(hash.to_string())
}

/// Spends the time of a verification and verifies nothing, so that an unknown address takes as long as a known one.
pub fn verify_nobody(password: &str) -> Result<(), Problem> {
    std::hint::black_box(hash_with(password, &[0; 16])?);
    Ok(())
}

/// Whether the password is the one that was hashed. A hash that cannot be read fits no password.
pub fn verify(password: &str, stored: &str) -> bool {
    if stored.starts_with("$argon2") {
        argon2id(password, stored)
    } else if let Some(rest) = stored.strip_prefix("pbkdf2_sha256$") {
        pbkdf2_sha256(password, rest)
    } else if let Some(rest) = stored.strip_prefix("bcrypt_sha256$") {
        // Django hashes first, in hexadecimal, since bcrypt reads no more than 72 bytes.
        is_of_bcrypt(&const_hex::encode(host::sha256(password.as_bytes())), rest)
    } else if stored.starts_with("$2") {
        is_of_bcrypt(password, stored)
    } else {
        false
    }
}

/// Whether this hash is to be replaced when its owner signs in: it is an old system's, or has other parameters.
pub fn is_outdated(stored: &str) -> bool {
    !stored.starts_with(&format!("$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p={LANES}$"))
}

fn argon2id(password: &str, stored: &str) -> bool {
    // The parameters are those of the stored hash, not this hasher's.
    match (hasher(), PasswordHash::new(stored)) {
        (Ok(hasher), Ok(stored)) => hasher.verify_password(password.as_bytes(), &stored).is_ok(),
        _ => false,
    }
}

fn is_of_bcrypt(password: &str, stored: &str) -> bool {
    let cost = stored.split('$').nth(2).and_then(|cost| cost.parse::<u32>().ok());
    cost.is_some_and(|cost| cost <= MAX_BCRYPT_COST) && bcrypt::verify(password, stored).unwrap_or(false)
}

/// `rounds$salt$base64`, as Django writes it.
fn pbkdf2_sha256(password: &str, stored: &str) -> bool {
    let mut parts = stored.split('$');
    let (Some(rounds), Some(salt), Some(expected), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return false;
    };
    let Ok(rounds) = rounds.parse::<u32>() else { return false };
    let Ok(expected) = STANDARD.decode(expected) else { return false };
    if !(1..=MAX_PBKDF2_ROUNDS).contains(&rounds) || salt.is_empty() || expected.len() != 32 {
        return false;
    }
    let mut derived = [0; 32];
    pbkdf2::pbkdf2_hmac::<Sha256>(password.as_bytes(), salt.as_bytes(), rounds, &mut derived);
    derived.ct_eq(&expected).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWORD: &str = "correct horse gate 42 é";

    /// Made by Django 5 and by Python's bcrypt, with fewer rounds than theirs so that the test is quick.
    const OLD: [&str; 3] = [
        "pbkdf2_sha256$1000$saltsaltsaltsalt12$uUahjYiACtAl74FqQwPmG2Ph9MRwk1pU0zw+sRap/D8=",
        "bcrypt_sha256$$2b$04$abcdefghijklmnopqrstuuSmVurdERMLm27dH6FsZI/l9.usmLV3S",
        "$2b$04$abcdefghijklmnopqrstuuwT01IYgJgrjJveBAXzy2200kvT2RKmm",
    ];

    #[test]
    fn a_new_hash_is_argon2id_with_the_parameters_of_owasp() {
        let stored = hash(PASSWORD).unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        assert!(verify(PASSWORD, &stored));
        assert!(!verify("correct horse gate 43 é", &stored));
        assert!(!is_outdated(&stored));
        assert_ne!(hash(PASSWORD).unwrap(), stored, "a salt of its own");
    }

    #[test]
    fn hashes_of_the_old_systems_verify_and_are_outdated() {
        for stored in OLD {
            assert!(verify(PASSWORD, stored), "{stored}");
            assert!(!verify("wrong", stored), "{stored}");
            assert!(is_outdated(stored), "{stored}");
        }
        assert!(verify("U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"));
    }

    #[test]
    fn what_is_no_hash_fits_no_password() {
        for stored in [
            "",
            "!",
            "$2b$",
            "$2b$04$short",
            // Of a cost that would hold the instance for days.
            "$2b$31$abcdefghijklmnopqrstuuwT01IYgJgrjJveBAXzy2200kvT2RKmm",
            "$argon2id$v=19$m=1",
            "bcrypt_sha256$",
            "pbkdf2_sha256$",
            "pbkdf2_sha256$0$salt$AAAA",
            "pbkdf2_sha256$99999999999$salt$AAAA",
            "pbkdf2_sha256$1$salt$",
            "pbkdf2_sha256$1$salt$AAAA$more",
            PASSWORD,
        ] {
            assert!(!verify(PASSWORD, stored), "{stored}");
            assert!(!verify("", stored), "{stored}");
        }
    }
}
