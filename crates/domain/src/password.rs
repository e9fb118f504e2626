//! The password rule of registration, reset and change (docs/reference/rules.md).
//!
//! Twelve characters or more, and not one of those that are tried first. A passphrase needs no rule of its own: four words
//! of three letters already have twelve.
//!
//! How easily a password is tried is measured by counting what an attacker has to guess: a word of the embedded lists is two
//! characters' worth, a run (`1234`, `qwerty`, `aaaa`), a year, and anything taken from the person's own name or
//! address is one, every other character is itself. Fewer than eight are refused. Upper case and the
//! usual replacements (`@` for a, `0` for o) change nothing, since they change nothing for the attacker.

mod common;

/// The shortest password, in characters.
pub const MIN_CHARS: usize = 12;
/// The longest password, in characters.
pub const MAX_CHARS: usize = 128;
/// The longest password, in bytes: hashing must stay bounded.
pub const MAX_BYTES: usize = 1_024;

/// Fewer characters' worth than this are refused as too easily guessed.
const MIN_WORTH: usize = 8;
const WORD_WORTH: usize = 2;
const PATTERN_WORTH: usize = 1;

/// Shorter pieces of a name or an address occur in any text.
const MIN_OWN_LEN: usize = 4;
/// A name of a million words must not make the check slow.
const MAX_OWN_WORDS: usize = 32;
/// Two neighbours on a keyboard row occur in any word; three seldom do.
const MIN_RUN_LEN: usize = 3;

/// What lies side by side: the alphabet, the digits, and the rows and columns of the usual keyboards. Read both ways.
const RUNS: [&str; 21] = [
    "abcdefghijklmnopqrstuvwxyz",
    "01234567890",
    "`1234567890-=",
    "~!@#$%^&*()_+",
    "qwertyuiop[]",
    "asdfghjkl;'",
    "zxcvbnm,./",
    "qwertzuiop",
    "azertyuiop",
    "qsdfghjklm",
    "wxcvbn",
    "1qaz",
    "2wsx",
    "3edc",
    "4rfv",
    "5tgb",
    "6yhn",
    "7ujm",
    "8ik,",
    "9ol.",
    "0p;/",
];

/// Judges a new password. `email` and `name` are the person's own, empty where there is none.
///
/// # Errors
/// The reason in one sentence's worth of words, for a validation error on `password`. It never repeats the password.
pub fn check(password: &str, email: &str, name: &str) -> Result<(), String> {
    if password.len() > MAX_BYTES || password.chars().count() > MAX_CHARS {
        return Err(format!("must be at most {MAX_CHARS} characters long"));
    }
    let chars: Vec<char> = password.chars().map(lower).collect();
    if chars.len() < MIN_CHARS {
        return Err(format!("must be at least {MIN_CHARS} characters long; a few unrelated words do well"));
    }
    if is_repeated_unit(&chars) {
        return Err("must not be one short piece repeated".to_owned());
    }
    let own = own_words(email, name);
    let cost = measure(&chars, &own);
    if cost.worth >= MIN_WORTH {
        return Ok(());
    }
    Err(if cost.has_own {
        "must not be made of your own name or e-mail address"
    } else if cost.has_word {
        "is too common: it is among the first that are tried"
    } else {
        "must not be made of runs such as 1234 or qwerty"
    }
    .to_owned())
}

struct Cost {
    worth: usize,
    has_own: bool,
    has_word: bool,
}

fn measure(chars: &[char], own: &[Vec<char>]) -> Cost {
    let mut cost = Cost { worth: 0, has_own: false, has_word: false };
    let mut rest = chars;
    while !rest.is_empty() {
        let own_len = own.iter().map(|word| match_len(rest, word.iter().copied())).max().unwrap_or(0);
        let word_len = common::WORDS.iter().chain(&common::PASSWORDS).map(|word| match_len(rest, word.chars())).max().unwrap_or(0);
        let pattern_len = run_len(rest).max(year_len(rest));
        // The longest reading wins, and among equals the cheapest.
        let longest = own_len.max(word_len).max(pattern_len).max(1);
        if own_len == longest {
            cost.has_own = true;
            cost.worth += PATTERN_WORTH;
        } else if pattern_len == longest {
            cost.worth += PATTERN_WORTH;
        } else if word_len == longest {
            cost.has_word = true;
            cost.worth += WORD_WORTH;
        } else {
            cost.worth += 1;
        }
        rest = rest.get(longest..).unwrap_or_default();
    }
    cost
}

/// The pieces of a person's address and name that an attacker would try: each whole, and each of its words.
fn own_words(email: &str, name: &str) -> Vec<Vec<char>> {
    let mut words = Vec::new();
    let (local, host) = email.split_once('@').unwrap_or((email, ""));
    let host_name = host.split('.').next().unwrap_or("");
    for whole in [local, name, host_name] {
        words.push(whole.trim());
        words.extend(whole.split(|c: char| !c.is_alphanumeric()));
    }
    let joined: String = name.split_whitespace().collect();
    words.push(&joined);
    words
        .into_iter()
        .map(|word| word.chars().map(lower).collect::<Vec<char>>())
        .filter(|word| word.len() >= MIN_OWN_LEN)
        .take(MAX_OWN_WORDS)
        .collect()
}

/// The length of `word` if `text` begins with it, replacements aside, else 0.
fn match_len(text: &[char], word: impl Iterator<Item = char>) -> usize {
    let mut text = text.iter();
    let mut len = 0;
    for expected in word {
        if text.next().map(|c| fold(*c)) != Some(fold(expected)) {
            return 0;
        }
        len += 1;
    }
    len
}

/// The length of the run that `text` begins with, or 0 if it is too short to be one.
fn run_len(text: &[char]) -> usize {
    let same = text.first().map_or(0, |first| text.iter().take_while(|c| *c == first).count());
    let longest = RUNS.iter().map(|run| along(text, run.chars()).max(along(text, run.chars().rev()))).max().unwrap_or(0).max(same);
    if longest >= MIN_RUN_LEN { longest } else { 0 }
}

/// How many characters of `text` follow `run`, from wherever in it the text begins.
fn along(text: &[char], run: impl Iterator<Item = char>) -> usize {
    let Some(first) = text.first() else { return 0 };
    run.skip_while(|c| c != first).zip(text).take_while(|(a, b)| a == *b).count()
}

/// 4 if `text` begins with a year of living memory, else 0.
fn year_len(text: &[char]) -> usize {
    match text {
        ['1', '9', a, b, ..] | ['2', '0', a, b, ..] if a.is_ascii_digit() && b.is_ascii_digit() => 4,
        _ => 0,
    }
}

/// Whether the whole is a unit shorter than a password may be, said over and over; the last time may be cut short.
fn is_repeated_unit(chars: &[char]) -> bool {
    let longest_unit = (chars.len() / 2).min(MIN_CHARS - 1);
    (1..=longest_unit).any(|unit| chars.iter().zip(chars.iter().skip(unit)).all(|(a, b)| a == b))
}

/// Lower case without changing the number of characters.
fn lower(c: char) -> char {
    c.to_lowercase().next().unwrap_or(c)
}

/// One character for all those that stand for one another. `1`, `!` and `|` stand for both i and l, so i and l fall
/// together.
fn fold(c: char) -> char {
    match lower(c) {
        '@' | '4' => 'a',
        '8' => 'b',
        '(' => 'c',
        '3' | '€' => 'e',
        '6' | '9' => 'g',
        '1' | '!' | '|' | 'l' => 'i',
        '0' => 'o',
        '$' | '5' => 's',
        '7' | '+' => 't',
        '2' => 'z',
        other => other,
    }
}

#[cfg(test)]
mod tests;
