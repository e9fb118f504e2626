//! E-mail addresses, well enough to send to them and to tell two accounts apart.

/// The longest address, in bytes (RFC 5321).
pub const MAX_LEN: usize = 254;
/// The longest part before the `@`, in bytes.
pub const MAX_LOCAL_LEN: usize = 64;

/// Trims and lowercases an address, so that one person has one account.
///
/// # Errors
/// The reason, for a validation error. Quoted local parts and address literals are valid in RFC 5321 but refused here:
/// no one signs up with them. Letters beyond ASCII are accepted on both sides.
pub fn normalise(address: &str) -> Result<String, &'static str> {
    let address = address.trim().to_lowercase();
    if address.is_empty() {
        return Err("is required");
    }
    if address.len() > MAX_LEN {
        return Err("must be at most 254 bytes long");
    }
    let Some((local, host)) = address.split_once('@') else {
        return Err("must be an e-mail address");
    };
    if is_local(local) && is_host(host) { Ok(address) } else { Err("must be an e-mail address") }
}

fn is_local(local: &str) -> bool {
    local.len() <= MAX_LOCAL_LEN && local.split('.').all(|atom| !atom.is_empty() && atom.chars().all(is_atom_char))
}

fn is_atom_char(c: char) -> bool {
    c.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c)
}

fn is_host(host: &str) -> bool {
    (host == "localhost" || host.contains('.')) && host.split('.').all(is_label)
}

fn is_label(label: &str) -> bool {
    !label.is_empty()
        && label.len() <= 63
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label.chars().all(|c| c.is_alphanumeric() || c == '-')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ordinary_addresses_pass_and_become_one() {
        assert_eq!(normalise("  Asha.Patel+gate@Example.ORG ").as_deref(), Ok("asha.patel+gate@example.org"));
        for address in ["a@b.co", "admin@localhost", "o'neil@x-y.example", "büro@müller.example"] {
            assert_eq!(normalise(address).as_deref(), Ok(address));
        }
    }

    #[test]
    fn what_cannot_be_sent_to_is_refused() {
        for address in [
            "",
            " ",
            "a",
            "a@",
            "@b.co",
            "a@b",
            "a@@b.co",
            "a@b@c.co",
            "a b@c.co",
            ".a@b.co",
            "a.@b.co",
            "a..b@c.co",
            "a@-b.co",
            "a@b-.co",
            "a@b..co",
            "a@b.co.",
            "a\r\nbcc:x@b.co",
            "<a@b.co>",
        ] {
            assert!(normalise(address).is_err(), "{address:?}");
        }
        assert!(normalise(&format!("{}@b.co", "a".repeat(65))).is_err());
        assert!(normalise(&format!("a@{}co", "b.".repeat(130))).is_err());
    }

    proptest! {
        #[test]
        fn what_is_accepted_is_safe_in_a_header_and_stays_as_it_is(address in ".{0,20}@.{0,20}") {
            if let Ok(normal) = normalise(&address) {
                prop_assert!(!normal.chars().any(|c| c.is_control() || c.is_whitespace() || "<>,;\"".contains(c)));
                prop_assert!(normal.len() <= MAX_LEN);
                // A few letters beyond ASCII lowercase in two steps.
                if normal.is_ascii() {
                    prop_assert_eq!(normalise(&normal), Ok(normal));
                }
            }
        }
    }
}
