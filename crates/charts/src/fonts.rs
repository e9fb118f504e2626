//! The fonts of the pictures (`fonts/README.md`).

use std::ops::RangeInclusive;

/// A font, and the letters that it is for.
pub struct Font {
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
    Font { bytes: include_bytes!("../fonts/NotoSans.ttf"), blocks: &[] },
    Font {
        bytes: include_bytes!("../fonts/NotoSansDevanagari.ttf"),
        blocks: &['\u{900}'..='\u{97f}', '\u{1cd0}'..='\u{1cff}', '\u{a8e0}'..='\u{a8ff}'],
    },
    Font { bytes: include_bytes!("../fonts/NotoSansGujarati.ttf"), blocks: &['\u{a80}'..='\u{aff}'] },
];

/// The place in [`FONTS`] of the one for this letter; none for what is written with that of its neighbours.
pub fn font_of(letter: char) -> Option<usize> {
    if matches!(letter, '\u{200c}' | '\u{200d}') {
        return None;
    }
    Some(FONTS.iter().position(|font| font.blocks.iter().any(|block| block.contains(&letter))).unwrap_or(0))
}
