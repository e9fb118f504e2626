//! The fonts of the pictures (`fonts/README.md`).

use std::ops::RangeInclusive;

/// A font, and the letters that it is for.
pub struct Font {
    /// Its name, as an SVG asks for it.
    pub family: &'static str,
    /// The TrueType file.
    pub bytes: &'static [u8],
    /// Blocks of Unicode.
    blocks: &'static [RangeInclusive<char>],
}

/// The family of the first font.
pub const FAMILY: &str = "Noto Sans";

/// What a drawing asks for: the fonts that its layout was measured with, and a browser's own where it lacks them.
pub const FAMILIES: &str = "Noto Sans, Noto Sans Devanagari, Noto Sans Gujarati, system-ui, sans-serif";

/// The first one is the usual one; the others are for the letters that it lacks.
pub const FONTS: [Font; 3] = [
    Font { family: FAMILY, bytes: include_bytes!("../fonts/NotoSans.ttf"), blocks: &[] },
    Font {
        family: "Noto Sans Devanagari",
        bytes: include_bytes!("../fonts/NotoSansDevanagari.ttf"),
        blocks: &['\u{900}'..='\u{97f}', '\u{1cd0}'..='\u{1cff}', '\u{a8e0}'..='\u{a8ff}'],
    },
    Font { family: "Noto Sans Gujarati", bytes: include_bytes!("../fonts/NotoSansGujarati.ttf"), blocks: &['\u{a80}'..='\u{aff}'] },
];

impl Font {
    /// Whether it has this letter. Each has the letters of ASCII too.
    fn has(&self, letter: char) -> bool {
        matches!(letter, ' '..='~' | '\u{a0}' | '\u{200c}' | '\u{200d}' | '₹') || self.blocks.iter().any(|block| block.contains(&letter))
    }
}

/// The places in [`FONTS`] of those that may draw a whole text: resvg draws each with the first that has all of its letters.
pub fn whole(text: &str) -> Option<usize> {
    let is_of_another = text.chars().any(|letter| font_of(letter).is_some_and(|font| font > 0));
    if !is_of_another {
        return Some(0);
    }
    FONTS.iter().position(|font| text.chars().all(|letter| font.has(letter)))
}

/// The place in [`FONTS`] of the one for this letter; none for what is written with that of its neighbours.
pub fn font_of(letter: char) -> Option<usize> {
    if letter.is_ascii() && !letter.is_ascii_alphanumeric() || matches!(letter, '\u{200c}' | '\u{200d}') {
        return None;
    }
    Some(FONTS.iter().position(|font| font.blocks.iter().any(|block| block.contains(&letter))).unwrap_or(0))
}
