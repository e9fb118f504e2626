//! SVG as pixels, with the scripts that temples' names are written in.

use std::sync::{Arc, OnceLock};

use kit::Problem;
use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::fontdb::{Database, Source};
use resvg::usvg::{Options, Tree};

const FAMILY: &str = "Noto Sans";

/// See `fonts/README.md`. The first one's family is the usual one; the others are for the letters that it lacks.
const FONTS: [&[u8]; 3] = [
    include_bytes!("../../fonts/NotoSans.ttf"),
    include_bytes!("../../fonts/NotoSansDevanagari.ttf"),
    include_bytes!("../../fonts/NotoSansGujarati.ttf"),
];

/// Read once an instance.
fn fonts() -> Arc<Database> {
    static FOUND: OnceLock<Arc<Database>> = OnceLock::new();
    let load = || {
        let mut database = Database::new();
        for font in FONTS {
            database.load_font_source(Source::Binary(Arc::new(font)));
        }
        // What the picture asks for where a browser shows it: the system's own.
        database.set_sans_serif_family(FAMILY);
        Arc::new(database)
    };
    FOUND.get_or_init(load).clone()
}

/// Renders a drawing as PNG, in the size that it states.
pub fn png(svg: &str) -> Result<Vec<u8>, Problem> {
    let options = Options { font_family: FAMILY.to_owned(), fontdb: fonts(), ..Options::default() };
    let tree = Tree::from_str(svg, &options).map_err(Problem::internal)?;
    let size = tree.size().to_int_size();
    let mut pixels = Pixmap::new(size.width(), size.height()).ok_or_else(|| Problem::internal("a drawing without a size"))?;
    resvg::render(&tree, Transform::identity(), &mut pixels.as_mut());
    pixels.encode_png().map_err(Problem::internal)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::heatmap::canvas::{Anchor, Canvas};

    /// The pixels of one line of text.
    fn drawn(text: &str) -> Vec<u8> {
        let mut canvas = Canvas::new((200, 40));
        canvas.text((10, 20), Anchor::Start, true, [0, 0, 0], text);
        let svg = canvas.finish();
        assert!(svg.contains(text), "{svg}");
        let decoder = ::png::Decoder::new(std::io::Cursor::new(png(&svg).unwrap()));
        let mut reader = decoder.read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut pixels).unwrap();
        pixels
    }

    fn ink(pixels: &[u8]) -> usize {
        pixels.chunks(4).filter(|pixel| pixel[0] < 128).count()
    }

    #[test]
    fn names_are_drawn_in_their_own_script() {
        let unknown = drawn("\u{10ffff}\u{10ffff}\u{10ffff}");
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
}
