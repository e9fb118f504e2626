//! SVG as pixels, with the scripts that temples' names are written in.

use std::sync::{Arc, OnceLock};

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::fontdb::{Database, Source};
use resvg::usvg::{Options, Tree};

use crate::fonts::{FAMILY, FONTS};

/// Why a drawing cannot be rendered. None that this crate made should be refused.
#[derive(Debug, thiserror::Error)]
pub enum DrawError {
    /// It is no drawing.
    #[error("not a drawing: {0}")]
    Unreadable(#[from] resvg::usvg::Error),
    /// It has no size, or one that no memory holds.
    #[error("a drawing without a size")]
    Size,
    /// It could not be written as PNG.
    #[error("PNG: {0}")]
    Encoding(String),
}

/// Read once an instance.
fn fonts() -> Arc<Database> {
    static FOUND: OnceLock<Arc<Database>> = OnceLock::new();
    let load = || {
        let mut database = Database::new();
        for font in &FONTS {
            database.load_font_source(Source::Binary(Arc::new(font.bytes)));
        }
        database.set_sans_serif_family(FAMILY);
        Arc::new(database)
    };
    FOUND.get_or_init(load).clone()
}

/// Renders a drawing as PNG, in the size that it states.
pub fn png(svg: &str) -> Result<Vec<u8>, DrawError> {
    let options = Options { font_family: FAMILY.to_owned(), fontdb: fonts(), ..Options::default() };
    let tree = Tree::from_str(svg, &options)?;
    let size = tree.size().to_int_size();
    let mut pixels = Pixmap::new(size.width(), size.height()).ok_or(DrawError::Size)?;
    resvg::render(&tree, Transform::identity(), &mut pixels.as_mut());
    pixels.encode_png().map_err(|error| DrawError::Encoding(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canvas::{Anchor, Canvas, Style};
    use crate::text::width;

    /// The pixels of one line of text, in black on white; width 400.
    fn drawn(text: &str) -> Vec<u8> {
        let mut canvas = Canvas::new([0xff, 0xff, 0xff]);
        canvas.text((10.0, 20.0), Style::new(18.0, [0, 0, 0], Anchor::Start), text);
        let svg = canvas.finish((400.0, 40.0), 400, "", "");
        let decoder = ::png::Decoder::new(std::io::Cursor::new(png(&svg).unwrap()));
        let mut reader = decoder.read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut pixels).unwrap();
        pixels
    }

    fn is_ink(pixel: &[u8]) -> bool {
        pixel[0] < 128
    }

    fn ink(pixels: &[u8]) -> usize {
        pixels.chunks(4).filter(|pixel| is_ink(pixel)).count()
    }

    #[test]
    fn names_are_drawn_in_their_own_script() {
        let unknown = drawn("\u{10fffd}\u{10fffd}\u{10fffd}");
        let names = ["Main gate", "द्वार", "દ્વાર", "?????"].map(drawn);
        for (index, name) in names.iter().enumerate() {
            assert!(ink(name) > 40, "{index} has no ink");
            assert!(names.iter().skip(index + 1).all(|other| other != name) && *name != unknown, "{index} is drawn as another");
        }
    }

    #[test]
    fn letters_that_join_are_shaped_together() {
        // With a zero-width non-joiner the halves of the conjunct stay apart.
        assert_ne!(drawn("द्वार"), drawn("द्\u{200c}वार"));
    }

    #[test]
    fn texts_are_as_wide_as_they_are_measured() {
        for text in ["Footfall at Somnath, 1 to 30 November", "मुख्य दर्शन मंडप", "મુખ્ય દર્શન મંડપ", "Hall श्री सोमनाथ / સોમનાથ", "₹12k … – %"]
        {
            let right = drawn(text).chunks(4).enumerate().filter(|(_, pixel)| is_ink(pixel)).map(|(index, _)| index % 400).max().unwrap();
            let measured = 10.0 + width(text, 18.0);
            let right = f64::from(u32::try_from(right).unwrap());
            assert!((right - measured).abs() < 4.0, "{text}: drawn to {right}, measured to {measured}");
        }
    }

    #[test]
    fn what_is_no_drawing_is_refused() {
        assert!(matches!(png("<svg"), Err(DrawError::Unreadable(_))));
    }
}
