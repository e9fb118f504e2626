use proptest::prelude::*;

use super::*;

fn accepts(password: &str) -> bool {
    check(password, "asha.patel@example.org", "Asha Patel").is_ok()
}

#[test]
fn passphrases_and_random_characters_pass() {
    for password in [
        "correct horse battery staple",
        "violet-kettle-orbit-19",
        "tea stain on my map",
        "x7#Lq9!vTz2m",
        "kdhtenabvwpx",
        "मेरा गुप्त वाक्य यहाँ",
        "Tr0ub4dor&3-kettle",
        "my dragon eats sunshine on friday nights",
    ] {
        assert!(accepts(password), "{password}");
    }
}

#[test]
fn the_length_is_counted_in_characters() {
    assert!(!accepts("x7#Lq9!vTz2"));
    assert!(accepts("x7#Lq9!vTz2é"));
    assert!(!accepts(""));
    let long = |chars: usize| -> String { ('!'..='~').cycle().step_by(7).take(chars).collect() };
    assert!(accepts(&long(128)));
    assert!(!accepts(&long(129)));
}

#[test]
fn what_is_tried_first_is_refused() {
    for password in [
        "password1234",
        "Password2024!!",
        "P@ssw0rd1234!",
        "passwordpassword",
        "iloveyou1234",
        "welcome-2026",
        "admin1234567",
        "letmein!!!!!",
        "monkey123456",
        "Summer2025!!",
        "UNBELIEVABLE",
        "1loveyouforever",
        "administrator9",
        "gatehouse-admin",
    ] {
        assert!(!accepts(password), "{password}");
    }
}

#[test]
fn runs_and_repeats_are_refused() {
    for password in [
        "123456789012",
        "987654321098",
        "qwertyuiop12",
        "poiuytrewq12",
        "abcdefghijkl",
        "1qaz2wsx3edc",
        "asdfghjkl;'1",
        "aaaaaaaaaaaa",
        "ааааааааааааа",
        "abcabcabcabc",
        "x7#Lx7#Lx7#L",
        "k9!wz2k9!wz2",
        "!!!!!!!!!!!!!!!!!!",
        "abc123def456",
        "199019912000",
    ] {
        assert!(!accepts(password), "{password}");
    }
}

#[test]
fn ones_own_name_is_not_a_secret() {
    for password in ["asha.patel1234", "AshaPatel2026!", "patelpatel-01", "example-patel1", "@sh@ p@tel 99"] {
        assert!(!accepts(password), "{password}");
    }
    let reason = check("asha.patel1234", "asha.patel@example.org", "").unwrap_err();
    assert!(reason.contains("your own name"), "{reason}");
    assert!(accepts("patel keeps nine blue herons"));
}

#[test]
fn every_listed_password_is_refused() {
    for password in common::PASSWORDS {
        assert!(check(password, "", "").is_err(), "{password}");
        assert!(check(&password.to_uppercase(), "", "").is_err(), "{password}");
    }
}

#[test]
fn the_lists_are_in_lower_case_and_without_repeats() {
    for list in [&common::WORDS[..], &common::PASSWORDS[..]] {
        assert!(list.is_sorted());
        assert!(list.windows(2).all(|pair| pair[0] != pair[1]));
        assert!(list.iter().all(|word| word.len() >= 4 && *word == word.to_lowercase()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn no_password_panics(password in any::<String>(), email in any::<String>(), name in any::<String>()) {
        let _ = check(&password, &email, &name);
    }

    #[test]
    fn what_passes_is_long_enough(password in "\\PC{0,140}") {
        if check(&password, "", "").is_ok() {
            let chars = password.chars().count();
            prop_assert!((MIN_CHARS..=MAX_CHARS).contains(&chars));
        }
    }

    #[test]
    fn case_changes_nothing(password in "[a-zA-Z0-9@!$]{12,30}") {
        let upper = password.to_uppercase();
        prop_assert_eq!(check(&password, "", "").is_ok(), check(&upper, "", "").is_ok());
    }

    #[test]
    fn one_piece_repeated_never_passes(unit in "[a-z0-9]{1,11}", times in 2_usize..12) {
        prop_assert!(check(&unit.repeat(times), "", "").is_err());
    }
}
