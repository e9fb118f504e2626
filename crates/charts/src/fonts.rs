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
    /// Whether it is for this letter, or has it besides.
    fn has(&self, letter: char) -> bool {
        is_of_all(letter) || self.blocks.iter().any(|block| block.contains(&letter))
    }
}

/// Whether each font has it: the space, and what joins letters or holds them apart.
fn is_of_all(letter: char) -> bool {
    matches!(letter, ' ' | '\u{200c}' | '\u{200d}')
}

/// The place in [`FONTS`] of the one that draws a whole text; none for a text that needs several.
pub fn whole(text: &str) -> Option<usize> {
    let is_of_the_first = text.chars().all(|letter| font_of(letter).is_none_or(|font| font == 0));
    let others = || FONTS.iter().position(|font| text.chars().all(|letter| font.has(letter)));
    if is_of_the_first { Some(0) } else { others() }
}

/// The place in [`FONTS`] of the one for this letter; none for what is written with that of its neighbours.
pub fn font_of(letter: char) -> Option<usize> {
    let of_block = || FONTS.iter().position(|font| font.blocks.iter().any(|block| block.contains(&letter))).unwrap_or(0);
    (!is_of_all(letter)).then(of_block)
}
