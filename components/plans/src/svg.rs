//! Drawings that people upload, written anew: what is not a shape, a text or a picture in it is gone, and nothing in it leads anywhere else.
//! Texts become shapes, with the fonts that are at hand.

mod weight;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use charts::fonts::{FAMILY, FONTS};
use usvg::fontdb::{Database, Source};
use usvg::roxmltree::{Document, ParsingOptions};
use usvg::{ImageHrefResolver, ImageKind, Options, Tree, WriteOptions};

use crate::{picture, plain};

/// The most elements, texts and comments in a drawing.
const MAX_NODES: u32 = 20_000;
/// The longest style sheet, bytes: each of its rules is tried on each element.
const MAX_STYLE: usize = 16 * 1024;
/// The longest that a drawing may become, bytes, once its texts are shapes.
pub const MAX_WRITTEN: usize = 4 * 1024 * 1024;

/// A drawing that may be shown to anybody.
#[derive(Debug)]
pub struct Drawing {
    /// The SVG.
    pub text: String,
    /// Its width in its own units.
    pub width: f64,
    /// Its height in its own units.
    pub height: f64,
}

fn fonts() -> Arc<Database> {
    static FOUND: OnceLock<Arc<Database>> = OnceLock::new();
    let load = || {
        let mut database = Database::new();
        for font in FONTS {
            database.load_font_source(Source::Binary(Arc::new(font.bytes)));
        }
        database.set_sans_serif_family(FAMILY);
        database.set_serif_family(FAMILY);
        database.set_monospace_family(FAMILY);
        Arc::new(database)
    };
    FOUND.get_or_init(load).clone()
}

/// Pictures that are in the drawing itself stay, if all of them together have no more pixels than one that is uploaded by itself may have, without
/// what else their files tell; nothing is looked up anywhere.
fn only_its_own_pictures() -> ImageHrefResolver<'static> {
    let area = AtomicUsize::new(0);
    let is_bounded = move |data: &[u8]| {
        imagesize::blob_size(data).is_ok_and(|size| {
            let own = size.width.saturating_mul(size.height);
            picture::is_bounded(size) && area.fetch_add(own, Ordering::Relaxed).saturating_add(own) <= picture::MAX_AREA
        })
    };
    ImageHrefResolver {
        resolve_data: Box::new(move |media_type, data, _| {
            let data = plain::of(&data).map(|plain| plain.bytes).filter(|data| is_bounded(data))?.into();
            match media_type {
                "image/png" => Some(ImageKind::PNG(data)),
                "image/jpeg" | "image/jpg" => Some(ImageKind::JPEG(data)),
                _ => None,
            }
        }),
        resolve_string: Box::new(|_, _| None),
    }
}

/// Writes a drawing anew. The error says what is wrong with it.
pub fn clean(text: &str) -> Result<Drawing, String> {
    let parsing = ParsingOptions { allow_dtd: false, nodes_limit: MAX_NODES, ..ParsingOptions::default() };
    let document = Document::parse_with_options(text, parsing).map_err(|error| format!("is no drawing that can be read: {error}"))?;
    check(&document)?;
    let options =
        Options { font_family: FAMILY.to_owned(), fontdb: fonts(), image_href_resolver: only_its_own_pictures(), ..Options::default() };
    let tree = Tree::from_xmltree(&document, &options).map_err(|error| format!("is no drawing that can be read: {error}"))?;
    let written = tree.to_string(&WriteOptions { coordinates_precision: 4, ..WriteOptions::default() });
    if written.len() > MAX_WRITTEN {
        return Err("is too intricate: draw it with fewer shapes and texts".to_owned());
    }
    Ok(Drawing { text: written, width: f64::from(tree.size().width()), height: f64::from(tree.size().height()) })
}

/// Whether it is small enough to be read: what repeats things can be short and become very long.
fn check(document: &Document<'_>) -> Result<(), String> {
    let mut style = 0_usize;
    for node in document.descendants() {
        match node.tag_name().name() {
            "marker" => return Err("has markers, which are repeated at each point of a line: draw them as shapes".to_owned()),
            "style" => style = node.children().filter_map(|child| child.text()).fold(style, |sum, text| sum.saturating_add(text.len())),
            _ => {}
        }
        if style > MAX_STYLE {
            return Err(format!("has a style sheet of more than {MAX_STYLE} bytes"));
        }
    }
    Ok(weight::check(document)?)
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    fn svg(inside: &str) -> String {
        format!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="200" height="100">{inside}</svg>"#
        )
    }

    #[test]
    fn shapes_and_texts_stay() {
        let drawing = clean(&svg(r##"<rect x="1" y="2" width="30" height="40" fill="#123456"/><text x="9" y="50">B1 બી</text>"##)).unwrap();
        assert_eq!((drawing.width, drawing.height), (200.0, 100.0));
        assert!(drawing.text.contains("#123456") && drawing.text.matches("<path").count() >= 2, "{}", drawing.text);
        assert!(!drawing.text.contains("<text"));
    }

    #[test]
    fn nothing_in_it_acts_or_leads_anywhere() {
        let bad = r##"<script>alert(1)</script><rect width="9" height="9" onclick="alert(1)" fill="red"/>
            <a xlink:href="javascript:alert(1)"><circle r="5" fill="blue"/></a><foreignObject><iframe xmlns="http://www.w3.org/1999/xhtml" src="https://evil.example"/></foreignObject>
            <image href="https://evil.example/a.png" width="9" height="9"/><image href="file:///etc/passwd" width="9" height="9"/>
            <image href="data:image/svg+xml;base64,PHN2Zy8+" width="9" height="9"/><use href="https://evil.example/a.svg#b"/>
            <style>@import url(https://evil.example/a.css); rect { fill: url(https://evil.example/b) }</style>
            <animate attributeName="href" to="javascript:alert(1)"/><set attributeName="onclick" to="alert(1)"/>"##;
        let text = clean(&svg(bad)).unwrap().text;
        for gone in
            ["script", "onclick", "javascript", "evil.example", "iframe", "foreignObject", "passwd", "@import", "animate", "<a ", "<set"]
        {
            assert!(!text.contains(gone), "{gone} in {text}");
        }
    }

    /// A PNG as far as its size is told.
    fn png(width: u32, height: u32) -> String {
        let size = [width.to_be_bytes(), height.to_be_bytes()].concat();
        let file = [b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR", &size[..], b"\x08\0\0\0\0\0\0\0\0"].concat();
        format!(r#"<image width="9" height="9" href="data:image/png;base64,{}"/>"#, STANDARD.encode(file))
    }

    #[test]
    fn all_pictures_together_are_as_large_as_one_may_be() {
        let kept = |pictures: &str| clean(&svg(pictures)).unwrap().text.matches("<image").count();
        assert_eq!(kept(&png(10_000, 5_000)), 1);
        assert_eq!(kept(&png(5_000, 5_000).repeat(2)), 2);
        assert_eq!(kept(&(png(5_000, 5_000).repeat(2) + &png(1, 1))), 2);
    }

    #[test]
    fn what_would_become_very_large_is_refused() {
        let entity = r#"<!DOCTYPE svg [<!ENTITY a "aaaa">]><svg xmlns="http://www.w3.org/2000/svg"><text>&a;</text></svg>"#;
        assert!(clean(entity).is_err());
        assert!(clean(&svg(&format!("{}{}", "<g>".repeat(100), "</g>".repeat(100)))).is_err());
        assert!(clean(&svg(&"<g/>".repeat(30_000))).is_err());
        let masks: String = (0..9)
            .map(|step| {
                format!(
                    r##"<mask id="m{step}">{}</mask>"##,
                    format!(r##"<rect width="9" height="9" mask="url(#m{})"/>"##, step + 1).repeat(9)
                )
            })
            .collect();
        assert!(clean(&svg(&format!(r##"{masks}<rect width="9" height="9" mask="url(#m0)"/>"##))).unwrap_err().contains("repeats"));
        let many = format!(r##"<g id="a">{}</g>{}"##, "<rect/>".repeat(1_000), r##"<use href="#a"/>"##.repeat(100));
        assert!(clean(&svg(&many)).unwrap_err().contains("repeats"));
        assert!(clean(&svg("<marker id=\"m\"/>")).is_err());
        assert!(clean(&svg(&format!("<style>{}</style>", "a{}".repeat(10_000)))).is_err());
        for no_drawing in ["", "nonsense", "<html/>", "\u{0}", "<svg"] {
            assert!(clean(no_drawing).is_err(), "{no_drawing}");
        }
    }

    #[test]
    fn a_picture_in_it_stays() {
        let png = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
        let text = clean(&svg(&format!(r#"<image href="data:image/png;base64,{png}" width="9" height="9"/>"#))).unwrap().text;
        assert!(text.contains("data:image/png;base64,") && text.contains(png), "{text}");
        // The same head, of 16 million by 16 million pixels.
        let huge = png.replacen("UgAAAAEAAAABCA", "UgD///8A////CA", 1);
        let text = clean(&svg(&format!(r#"<image href="data:image/png;base64,{huge}" width="9" height="9"/>"#))).unwrap().text;
        assert!(!text.contains("data:image/png"), "{text}");
    }
}
