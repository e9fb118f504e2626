//! Finding things by how their names begin.

use crate::booking;

/// The fewest characters that are looked for: what one begins with is nearly everything.
pub const MIN_CHARACTERS: usize = 2;
/// The most characters that are looked for.
pub const MAX_CHARACTERS: usize = 64;
/// The most that is found at once.
pub const MAX_FOUND: usize = 20;

/// Between which texts all lie that begin so, the first included and the last not: what an index is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Range {
    /// The beginning itself.
    pub from: String,
    /// Above everything that begins so.
    pub to: String,
}

/// The texts that begin so.
pub fn beginning_with(text: &str) -> Range {
    Range { from: text.to_owned(), to: format!("{text}{}", char::MAX) }
}

/// The booking codes that begin as was typed, in any case, with or without the hyphen; none when no code does.
pub fn codes(typed: &str) -> Option<Range> {
    let plain: String = typed.chars().filter(|c| !matches!(c, '-' | ' ')).collect();
    if plain.is_empty() || plain.len() > 8 {
        return None;
    }
    // Filled up, it is a code if all of it can stand in one.
    let filled = booking::parse_code(&format!("{plain:2<8}"))?;
    let length = if plain.len() > 4 { plain.len() + 1 } else { plain.len() };
    filled.get(..length).map(beginning_with)
}

/// The phone numbers that begin as was typed: with `+`, or with the digits after it.
pub fn phones(typed: &str) -> Option<Range> {
    let digits: String = typed.chars().filter(|c| !matches!(c, ' ' | '-' | '.' | '(' | ')')).collect();
    let plain = digits.strip_prefix('+').unwrap_or(&digits);
    let is_number = plain.len() >= 3 && plain.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| beginning_with(&format!("+{plain}")))
}

/// At most `most` of these lists, by turns, so that none hides another; and whether something is left.
pub fn by_turns<T>(lists: Vec<Vec<T>>, most: usize) -> (Vec<T>, bool) {
    let mut lists: Vec<_> = lists.into_iter().map(Vec::into_iter).collect();
    let mut turns = Vec::new();
    loop {
        let before = turns.len();
        for list in &mut lists {
            turns.extend(list.next());
        }
        if turns.len() == before {
            break;
        }
        if turns.len() > most {
            turns.truncate(most);
            return (turns, true);
        }
    }
    (turns, false)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_code_is_found_however_it_is_typed() {
        for (typed, from) in [("k7", "K7"), ("K7P2", "K7P2"), ("k7p2-", "K7P2"), ("k7p29", "K7P2-9"), ("K7P2-9QXM", "K7P2-9QXM")] {
            assert_eq!(codes(typed).map(|range| range.from).as_deref(), Some(from), "{typed}");
        }
        for typed in ["", "-", "K7P2-9QXMM", "o1", "é2", "asha@"] {
            assert_eq!(codes(typed), None, "{typed}");
        }
    }

    #[test]
    fn a_number_is_found_with_and_without_its_plus() {
        for typed in ["+9198", "9198", "+91 98", "91-98"] {
            assert_eq!(phones(typed).map(|range| range.from).as_deref(), Some("+9198"), "{typed}");
        }
        for typed in ["91", "+91x98", "asha", ""] {
            assert_eq!(phones(typed), None, "{typed}");
        }
    }

    #[test]
    fn each_list_has_its_turn() {
        let lists = vec![vec![1, 2, 3, 4], vec![], vec![11], vec![21, 22]];
        assert_eq!(by_turns(lists.clone(), 20), (vec![1, 11, 21, 2, 22, 3, 4], false));
        assert_eq!(by_turns(lists.clone(), 7), (vec![1, 11, 21, 2, 22, 3, 4], false));
        assert_eq!(by_turns(lists, 4), (vec![1, 11, 21, 2], true));
    }

    proptest! {
        #[test]
        fn a_range_holds_what_begins_so_and_nothing_else(start in "[a-zé]{1,4}", other in "[a-zéz]{0,6}") {
            let range = beginning_with(&start);
            let is_within = |text: &str| range.from.as_str() <= text && text < range.to.as_str();
            let longer = format!("{start}{other}");
            prop_assert!(is_within(&longer));
            prop_assert_eq!(is_within(&other), other.starts_with(&start));
        }

        #[test]
        fn whatever_is_typed_is_answered(typed in ".{0,80}") {
            let _ = (codes(&typed), phones(&typed));
        }
    }
}
