//! Accounts, with the hashes of their passwords.

use domain::{email, phone};
use rusqlite::params;

use super::CREATED;
use crate::context::{ACTOR, Context};
use crate::failure::{Failure, Outcome, Refusal};
use crate::row::Row;

/// What stands where there is no password that could be verified: no password has this hash.
const NO_PASSWORD: &str = "!";

/// The largest number of PBKDF2 rounds that a sign-in verifies (components/auth).
const MAX_PBKDF2_ROUNDS: u32 = 5_000_000;

/// The highest cost of bcrypt that a sign-in verifies.
const MAX_BCRYPT_COST: u32 = 15;

/// Whether a sign-in here verifies a hash of this form: bcrypt, or Django's.
fn is_known_hash(hash: &str) -> bool {
    if let Some(rest) = hash.strip_prefix("pbkdf2_sha256$") {
        let parts: Vec<&str> = rest.split('$').collect();
        return matches!(parts[..], [rounds, salt, digest]
            if rounds.parse().is_ok_and(|rounds| (1..=MAX_PBKDF2_ROUNDS).contains(&rounds)) && !salt.is_empty() && digest.len() == 44);
    }
    let bcrypt = hash.strip_prefix("bcrypt_sha256$").unwrap_or(hash);
    let cost = ["$2a$", "$2b$"].iter().find_map(|prefix| bcrypt.strip_prefix(prefix)).and_then(|rest| rest.split('$').next()?.parse().ok());
    cost.is_some_and(|cost: u32| cost <= MAX_BCRYPT_COST) && bcrypt.len() == 60
}

/// An account. Its role is one that is known or that an option names.
pub fn user(row: &mut Row, cx: &mut Context<'_>) -> Result<Outcome, Failure> {
    let username = row.text(&["username"])?;
    let address = match (row.text(&["email"])?, &username, &cx.args.email_domain) {
        (Some(address), ..) => address,
        (None, Some(name), _) if name.contains('@') => name.clone(),
        (None, Some(name), Some(domain)) => format!("{name}@{domain}"),
        (None, name, None) => {
            let who = name.as_deref().unwrap_or("no name");
            return Err(Refusal::of("no_address", format!("{who}: give it an address there, or say --email-domain")).into());
        }
        (None, None, Some(_)) => return Err(Refusal::of("no_address", "no name").into()),
    };
    let address = email::normalise(&address).map_err(|why| Refusal::of("bad_address", format!("{address}: {why}")))?;
    let (is_superuser, is_staff) = (row.bool(&["is_superuser"])?, row.bool(&["is_staff"])?);
    let old_role = match (row.text(&["role", "user_type"])?, is_superuser, is_staff) {
        (Some(role), ..) => role,
        (None, Some(true), _) => "superuser".to_owned(),
        (None, _, Some(true)) => "staff".to_owned(),
        (None, None, None) if !matches!(cx.args.from, crate::source::Source::S5) => return Err(Refusal::missing("role").into()),
        _ => "user".to_owned(),
    };
    let role = cx.args.role_of(&old_role).ok_or_else(|| Refusal::of("unknown_role", format!("{old_role}: say --role {old_role}=ROLE")))?;
    let full = [row.text(&["first_name"])?, row.text(&["last_name"])?].into_iter().flatten().collect::<Vec<_>>().join(" ");
    let name =
        row.text(&["name", "full_name"])?.or(Some(full).filter(|name| !name.is_empty())).or(username).unwrap_or_else(|| address.clone());
    let hash = row.text(&["password", "password_hash", "hashed_password"])?;
    let phone = row.text(&["phone", "phone_number", "mobile"])?;
    let is_active = row.bool(&["is_active", "active"])?.unwrap_or(true);
    let created = row.created(CREATED)?;

    if let Some(id) = cx.store.find::<String>("select id from users where email = ?1", [&address])? {
        if cx.args.merge_users {
            cx.note("merged", format!("{address} keeps the password and the role that it has here"));
            return Ok(Outcome::Joined(id));
        }
        return Err(
            Refusal::of("address_is_taken", format!("{address} has an account here: say --merge-users if it is the same person")).into()
        );
    }
    let hash = match hash {
        Some(hash) if is_known_hash(&hash) => hash,
        other => {
            let what = if other.is_none_or(|hash| hash.starts_with('!')) { "it has none" } else { "its hash is of an unknown kind" };
            cx.note("no_password", format!("{address}: {what}, so that a new one has to be set by mail"));
            NO_PASSWORD.to_owned()
        }
    };
    let phone = match phone.as_deref().map(phone::normalise) {
        Some(Ok(phone)) => Some(phone),
        Some(Err(why)) => {
            cx.note("phone_left_out", format!("{address}: its number {why}"));
            None
        }
        None => None,
    };
    let id = cx.new_id(created)?;
    // An address that the old system has served is taken as proved, as that of an account which an administrator makes.
    cx.store.run(
        "insert into users (id, email, name, phone, role, password_hash, is_active, email_confirmed_at, created_at, updated_at, updated_by)
         values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?9, ?8, ?9, ?10)",
        params![id, address, name, phone, role.into_str(), hash, is_active, created, cx.now(), ACTOR],
    )?;
    Ok(Outcome::Created(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_that_a_sign_in_verifies() {
        for hash in [
            "pbkdf2_sha256$1000$saltsaltsaltsalt12$uUahjYiACtAl74FqQwPmG2Ph9MRwk1pU0zw+sRap/D8=",
            "bcrypt_sha256$$2b$04$abcdefghijklmnopqrstuuSmVurdERMLm27dH6FsZI/l9.usmLV3S",
            "$2b$04$abcdefghijklmnopqrstuuwT01IYgJgrjJveBAXzy2200kvT2RKmm",
        ] {
            assert!(is_known_hash(hash), "{hash}");
        }
        for hash in ["", "!", "!unusable", "sha1$a$b", "$2b$04$short", "pbkdf2_sha256$9999999$salt$x", "plain password", NO_PASSWORD]
            .into_iter()
            .chain(["$2b$31$abcdefghijklmnopqrstuuwT01IYgJgrjJveBAXzy2200kvT2RKmm"])
        {
            assert!(!is_known_hash(hash), "{hash}");
        }
    }
}
