//! How wide a text is, and what of it fits: measured by shaping it with the fonts of the picture.

use std::ops::Range;

use harfrust::{Direction, FontRef, ShapeOptions, ShaperData, UnicodeBuffer};
use unicode_segmentation::UnicodeSegmentation as _;

use crate::fonts::{FAMILY, FONTS, font_of, whole};

/// What stands in the place of what was cut off.
const ELLIPSIS: &str = "…";

/// No text is longer, in letters: what is longer is cut before it is measured.
const LONGEST: usize = 240;

struct Face {
    font: FontRef<'static>,
    shaping: ShaperData,
}

thread_local! {
    /// Read once an instance.
    static FACES: Vec<Option<Face>> = FONTS
        .iter()
        .map(|font| FontRef::new(font.bytes).ok())
        .map(|font| font.map(|font| Face { shaping: ShaperData::new(&font), font }))
        .collect();
}

/// A piece of a line that one font draws.
#[derive(Debug, PartialEq)]
pub struct Piece<'a> {
    pub text: &'a str,
    pub family: &'static str,
    pub width: f64,
}

/// The width of a line of text at this size.
pub fn width(text: &str, size: f64) -> f64 {
    pieces(text, size).iter().map(|piece| piece.width).sum()
}

/// The pieces of a line of text, with their widths at this size.
pub fn pieces(text: &str, size: f64) -> Vec<Piece<'_>> {
    let runs = whole(text).map_or_else(|| runs(text), |font| vec![(font, 0..text.len())]);
    let piece = |(font, run): (usize, Range<usize>)| {
        let text = text.get(run).unwrap_or_default();
        let ems = FACES.with(|faces| faces.get(font).and_then(Option::as_ref).map_or(0.0, |face| face.width(text)));
        Piece { text, family: FONTS.get(font).map_or(FAMILY, |font| font.family), width: ems * size }
    };
    runs.into_iter().map(piece).collect()
}

impl Face {
    /// In ems.
    fn width(&self, run: &str) -> f64 {
        let shaper = self.shaping.shaper(&self.font).build();
        let mut buffer = UnicodeBuffer::new();
        buffer.push_str(run);
        buffer.set_direction(Direction::LeftToRight);
        buffer.guess_segment_properties();
        let shaped = shaper.shape(buffer, ShapeOptions::new());
        let advance: i64 = shaped.glyph_positions().iter().map(|position| i64::from(position.x_advance)).sum();
        #[expect(clippy::cast_precision_loss, reason = "font units of one line")]
        let advance = advance as f64;
        advance / f64::from(shaper.units_per_em().max(1))
    }
}

/// The text cut into pieces of one font each.
fn runs(text: &str) -> Vec<(usize, Range<usize>)> {
    let mut runs: Vec<(usize, Range<usize>)> = Vec::new();
    for (start, letter) in text.char_indices() {
        let end = start + letter.len_utf8();
        let font = font_of(letter);
        match runs.last_mut() {
            Some((last, run)) if font.is_none_or(|font| font == *last) => run.end = end,
            _ => runs.push((font.unwrap_or(0), start..end)),
        }
    }
    runs
}

/// One line without what XML cannot hold.
pub fn clean(text: &str) -> String {
    let spaced = text.chars().map(|c| if c.is_whitespace() { ' ' } else { c });
    let clean = spaced.filter(|c| !c.is_control() && !matches!(c, '\u{fffe}' | '\u{ffff}')).collect::<String>();
    clean.graphemes(true).take(LONGEST).collect()
}

/// As much of the text as fits, with an ellipsis when some was left out.
pub fn fitted(text: &str, size: f64, room: f64) -> String {
    let text = clean(text);
    if width(&text, size) <= room {
        return text;
    }
    let letters: Vec<_> = text.graphemes(true).collect();
    let beginning = |count: usize| format!("{}{ELLIPSIS}", letters.iter().take(count).copied().collect::<String>().trim_end());
    // Widths grow with the letters: the most that fit is found by halving.
    let (mut fits, mut too_long) = (0, letters.len());
    while too_long - fits > 1 {
        let middle = fits.midpoint(too_long);
        if width(&beginning(middle), size) <= room {
            fits = middle;
        } else {
            too_long = middle;
        }
    }
    beginning(fits)
}

/// The text in at most `most` lines, broken between words; the last one is cut where it is too long.
pub fn wrapped(text: &str, size: f64, room: f64, most: usize) -> Vec<String> {
    let text = clean(text);
    let mut lines = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() && lines.len() < most {
        let is_last = lines.len() + 1 == most;
        let end = if is_last { rest.len() } else { line_end(rest, size, room) };
        let (line, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
        lines.push(fitted(line.trim_end(), size, room));
        rest = after.trim_start();
    }
    lines
}

/// Where the first line of this text ends: after as many words as fit, and after one at the least.
fn line_end(text: &str, size: f64, room: f64) -> usize {
    let ends = text.match_indices(' ').map(|(end, _)| end).chain([text.len()]);
    let mut last = None;
    for end in ends {
        if last.is_some() && width(text.get(..end).unwrap_or_default(), size) > room {
            break;
        }
        last = Some(end);
    }
    last.unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fonts_can_be_read() {
        FACES.with(|faces| assert!(faces.iter().all(Option::is_some)));
        // Noto Sans has figures of one width.
        assert!((width("1111", 10.0) - width("8888", 10.0)).abs() < 0.01);
        assert!((width("0", 100.0) - 57.2).abs() < 0.1);
    }

    #[test]
    fn letters_that_join_are_measured_together() {
        let joined = width("द्वार", 10.0);
        assert!(joined > 10.0 && joined < width("द्\u{200c}वार", 10.0));
        assert!(width("દ્વાર", 10.0) > 10.0);
    }

    #[test]
    fn a_text_of_several_scripts_is_drawn_in_pieces() {
        let families = |text: &'static str| pieces(text, 10.0).into_iter().map(|piece| (piece.text, piece.family)).collect::<Vec<_>>();
        assert_eq!(families("मुख्य द्वार"), [("मुख्य द्वार", "Noto Sans Devanagari")]);
        assert_eq!(families("Gate 4, द्वार"), [("Gate 4, ", "Noto Sans"), ("द्वार", "Noto Sans Devanagari")]);
        assert_eq!(
            families("श्री / શ્રી…"),
            [("श्री ", "Noto Sans Devanagari"), ("/ ", "Noto Sans"), ("શ્રી", "Noto Sans Gujarati"), ("…", "Noto Sans")]
        );
        assert_eq!(families("Café – Ω…"), [("Café – Ω…", "Noto Sans")]);
    }

    #[test]
    fn each_piece_is_in_its_font() {
        let signs = format!("{ELLIPSIS}{}₹€£$¥%<>&é", crate::number::MINUS);
        for text in
            [signs.as_str(), "श्री सोमनाथ ज्योतिर्लिंग, प्रभास (१२)।", "શ્રી દ્વારકાધીશ જગત મંદિર, દ્વારકા: ૧૨", "Hall 4 / मुख्य द्वार, સોમનાથ ₹"]
        {
            for piece in pieces(text, 10.0) {
                let font = FONTS.iter().position(|font| font.family == piece.family).unwrap();
                FACES.with(|faces| {
                    let face = faces[font].as_ref().unwrap();
                    let mut buffer = UnicodeBuffer::new();
                    buffer.push_str(piece.text);
                    buffer.guess_segment_properties();
                    let shaped = face.shaping.shaper(&face.font).build().shape(buffer, ShapeOptions::new());
                    assert!(shaped.glyph_infos().iter().all(|glyph| glyph.glyph_id != 0), "{piece:?}");
                });
            }
        }
    }

    #[test]
    fn a_name_is_cut_between_letters() {
        let name = "श्री सोमनाथ ज्योतिर्लिंग मंदिर मुख्य दर्शन मंडप";
        let cut = fitted(name, 13.0, 120.0);
        assert!(width(&cut, 13.0) <= 120.0 && cut.ends_with(ELLIPSIS) && cut.chars().count() > 6, "{cut}");
        let kept = cut.trim_end_matches(ELLIPSIS);
        assert!(name.starts_with(kept));
        let boundaries: Vec<_> = name.grapheme_indices(true).map(|(at, _)| at).collect();
        assert!(boundaries.contains(&kept.len()), "{cut}");
        assert_eq!(fitted("Yard", 13.0, 120.0), "Yard");
        assert_eq!(fitted("Yard", 13.0, 1.0), ELLIPSIS);
    }

    #[test]
    fn lines_are_broken_between_words() {
        let lines = wrapped("How full the zones of a temple are through the day", 13.0, 150.0, 3);
        assert!(lines.len() == 3 && lines.iter().all(|line| width(line, 13.0) <= 150.0), "{lines:?}");
        assert_eq!(lines.join(" "), "How full the zones of a temple are through the day");
        let cut = wrapped("How full the zones of a temple are through the day", 13.0, 150.0, 2);
        assert!(cut.len() == 2 && cut[1].ends_with(ELLIPSIS), "{cut:?}");
        assert_eq!(wrapped(" ", 13.0, 150.0, 2), [""; 0]);
        assert_eq!(wrapped("Incomprehensibilities", 13.0, 60.0, 2).len(), 1);
    }

    #[test]
    fn what_xml_cannot_hold_is_left_out() {
        assert_eq!(clean("a\u{0}b\n\tc\u{ffff}"), "ab  c");
        assert_eq!(clean(&"x".repeat(1000)).len(), LONGEST);
    }
}
