//! The console as it is written: what TypeScript's checker says of it, and that its languages have words for all that it says.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use gatehouse_tests::root;
use strum::VariantArray as _;

const LANGUAGES: [&str; 3] = ["en", "hi", "gu"];

#[test]
#[cfg_attr(without_npm, ignore = "needs npm")]
fn the_type_checker_finds_nothing() {
    let found = gatehouse_tests::typescript::findings(&root().join("jsconfig.json"));
    assert!(found.is_empty(), "{found}");
}

/// The console's own modules, by their path in `static/`.
fn modules() -> BTreeMap<String, String> {
    let home = root().join("static");
    let mut found = BTreeMap::new();
    let mut folders: Vec<PathBuf> = ["lib", "pages", "parts", "state"].map(|name| home.join(name)).into();
    let mut files = vec![home.join("app.js"), home.join("routes.js")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    for file in files {
        let text = std::fs::read_to_string(&file).expect("a module");
        found.insert(file.strip_prefix(&home).expect("a file of static/").display().to_string(), text);
    }
    found
}

/// The text in double quotes at the beginning of `rest`, and what follows it.
fn quoted(rest: &str) -> Option<(String, &str)> {
    let inner = rest.strip_prefix('"')?;
    let mut escaped = false;
    let end = inner.find(|letter| {
        let ends = letter == '"' && !escaped;
        escaped = letter == '\\' && !escaped;
        ends
    })?;
    let text = serde_json::from_str(&rest[..end + 2]).expect("a string as JSON has it");
    Some((text, &inner[end + 1..]))
}

/// What follows each `opening` that does not continue a longer name.
fn after<'a>(text: &'a str, opening: &'a str) -> impl Iterator<Item = &'a str> {
    text.match_indices(opening).filter_map(move |(at, _)| {
        let before = text[..at].chars().next_back();
        let continues = before.is_some_and(|letter| letter.is_alphanumeric() || matches!(letter, '_' | '.' | '$'));
        (!continues).then(|| &text[at + opening.len()..])
    })
}

/// The words that a module has translated.
fn words_of(text: &str) -> BTreeSet<String> {
    let mut words = BTreeSet::new();
    let code: String = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("/*") && !line.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n");
    // Of `t(is ? "…" : "…")` both.
    for rest in after(&code, "t(") {
        let Some(start) = rest.find(['"', ')']) else { continue };
        let is_plain = start == 0 || (rest[..start].ends_with("? ") && !rest[..start].ends_with("?? "));
        let Some((first, rest)) = quoted(&rest[start..]).filter(|_| is_plain) else { continue };
        words.insert(first);
        if start > 0 {
            let other = rest.strip_prefix(" : ").and_then(quoted);
            words.extend(other.map(|(word, _)| word));
        }
    }
    for rest in after(&code, "plural(") {
        let Some(start) = rest.find(", \"") else { continue };
        let (one, rest) = quoted(&rest[start + 2..]).expect("the word for one");
        let (other, _) = rest.strip_prefix(", ").and_then(quoted).expect("the word for several");
        words.extend([one, other]);
    }
    // What is named in a table and translated where it is drawn.
    for name in ["title: ", "short: ", "group: ", "label: "] {
        let is_word = |word: &String| word.starts_with(char::is_uppercase) && word.contains(char::is_lowercase);
        words.extend(after(&code, name).filter_map(quoted).map(|(word, _)| word).filter(is_word));
    }
    words
}

fn messages(language: &str) -> BTreeMap<String, String> {
    let path = root().join(format!("static/messages/{language}.js"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let (_, object) = text.split_once("export default ").expect("one object");
    let object = object.trim_end().trim_end_matches("};").trim_end().trim_end_matches(',');
    serde_json::from_str(&format!("{object}}}")).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The names of values in a text: `{n}`.
fn values(text: &str) -> BTreeSet<&str> {
    text.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name).collect()
}

#[test]
fn each_language_has_words_for_all_that_is_said() {
    let all = LANGUAGES.map(messages);
    let [english, ..] = &all;
    for (language, messages) in LANGUAGES.iter().zip(&all) {
        let keys = |one: &BTreeMap<String, String>| one.keys().cloned().collect::<BTreeSet<_>>();
        let (expected, there) = (keys(english), keys(messages));
        assert_eq!(expected.symmetric_difference(&there).collect::<Vec<_>>(), Vec::<&String>::new(), "{language}");
        for (key, text) in messages {
            assert!(!text.trim().is_empty(), "{language}: {key:?}");
            assert_eq!(values(key), values(text), "{language}: {key:?}: {text:?}");
        }
    }
    let modules = modules();
    assert!(modules.len() > 70, "{}", modules.len());
    let mut missing = Vec::new();
    let mut count = 0;
    for (name, text) in &modules {
        for word in words_of(text) {
            count += 1;
            if !english.contains_key(&word) {
                missing.push(format!("{name}: {word:?}"));
            }
        }
    }
    missing.extend(reasons().into_values().filter(|word| !english.contains_key(word)));
    assert!(count > 700, "{count}: words are found no more");
    assert!(missing.is_empty(), "no words in static/messages/:\n{}", missing.join("\n"));
}

/// The reasons of refusals that the console has words for, with those words.
fn reasons() -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(root().join("static/lib/reasons.js")).expect("the table of reasons");
    let (_, table) = text.split_once("export const REASONS = {").expect("the table");
    let (table, _) = table.split_once("\n};").expect("its end");
    let lines = table.lines().filter_map(|line| line.trim().split_once(": "));
    lines.filter_map(|(reason, rest)| Some((reason.to_owned(), quoted(rest)?.0))).collect()
}

#[test]
fn every_reason_that_a_visitor_is_given_has_words() {
    let known = reasons();
    let mut given = BTreeSet::new();
    let mut folders = ["components/booking/src", "components/reservations/src", "components/payments/src", "crates/kit/src"]
        .map(|name| root().join(name))
        .to_vec();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).expect("a source");
            let named = |rest: &str| quoted(rest).map(|(reason, _)| reason);
            given.extend(text.split(".because(").skip(1).filter_map(named));
            // `refused("…", "paid")`, `("…", "not_open")`: a sentence, and its reason.
            let pairs = text.lines().filter(|line| line.contains(" refused(\"") || line.contains("Shut::"));
            given.extend(pairs.filter_map(|line| line.split_once("\", ")).filter_map(|(_, rest)| named(rest)));
        }
    }
    given.extend(domain::booking::Status::VARIANTS.iter().map(|status| status.into_str().to_owned()));
    // What only staff are told.
    let of_staff = ["booked", "overlaps", "nothing_left", "confirmed"];
    let missing: Vec<_> = given.iter().filter(|reason| !known.contains_key(*reason) && !of_staff.contains(&reason.as_str())).collect();
    assert!(given.contains("lapsed") && given.contains("booking_closed") && given.contains("email_unconfirmed"), "{given:?}");
    assert!(missing.is_empty(), "no words in static/lib/reasons.js: {missing:?}");
}

#[test]
fn words_are_found_in_code() {
    let code = "  // t(\"no\")\n t(\"One \\\"two\\\"\", { n }); report(\"Three\"); t(is ? \"Four\" : \"Five\"); t(label);\n plural(all.length, \"{n} a\", \"{n} b\"); [{ label: \"Six\" }]; t(`x ${y}`)";
    let found: Vec<_> = words_of(code).into_iter().collect();
    assert_eq!(found, ["Five", "Four", "One \"two\"", "Six", "{n} a", "{n} b"]);
}

/// A name of the API as the console shows it: `device_offline` as `Device offline`.
fn shown(name: &str) -> String {
    let (first, rest) = name.split_at(1);
    format!("{}{}", first.to_uppercase(), rest.replace('_', " "))
}

/// What the audit trail is written of, and what was done (migrations/0026 and those after it).
const TRAIL: &str = "assigned counted created deleted exported overruled password_changed reissued released replayed revoked tested updated
    alerts audit_log bookings camera_access camera_recordings cameras channels crowd device_credentials devices disputes emergencies escalation
    floor_plans held_refunds holidays incidents mail_batches mail_suppressions mail_templates messages parking_lots payments
    recording_schedules refunds reservations resource_maintenance resources shuttles sites slot_days slot_templates spots transport_routes
    users zones";

#[test]
fn each_language_has_words_for_what_the_server_names() {
    use domain::{alert, anomaly, dispatch, emergency, resource};
    use strum::VariantNames;
    let named = [
        <alert::Severity as VariantNames>::VARIANTS,
        <anomaly::Kind as VariantNames>::VARIANTS,
        <dispatch::MessageState as VariantNames>::VARIANTS,
        <dispatch::DeliveryOutcome as VariantNames>::VARIANTS,
        <emergency::Severity as VariantNames>::VARIANTS,
        <resource::State as VariantNames>::VARIANTS,
    ];
    let names = named.concat().into_iter().chain(TRAIL.split_whitespace()).map(shown);
    let english = messages("en");
    let missing: Vec<_> = names.filter(|word| !english.contains_key(word)).collect();
    assert!(missing.is_empty(), "no words in static/messages/ for {missing:?}");
}
