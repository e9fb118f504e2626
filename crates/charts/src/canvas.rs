//! What a chart is drawn on: SVG. Places are units from the left and the top.

use svg::node::element::{Circle, Description, Element, Path, Rectangle, TSpan, Text, Title};

use crate::colour::Colour;
use crate::fonts::FAMILIES;
use crate::text::{clean, pieces};

/// Where a text's given point lies in it.
#[derive(Clone, Copy)]
pub enum Anchor {
    Start,
    Middle,
    End,
}

/// A rectangle.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Area {
    pub left: f64,
    pub top: f64,
    pub width: f64,
    pub height: f64,
}

impl Area {
    pub fn right(&self) -> f64 {
        self.left + self.width
    }

    pub fn bottom(&self) -> f64 {
        self.top + self.height
    }
}

/// How a text looks.
#[derive(Clone, Copy)]
pub struct Style {
    pub size: f64,
    pub colour: Colour,
    pub anchor: Anchor,
    /// Drawn with a rim of its own colour: the fonts have one weight.
    pub strong: bool,
    /// With a rim of this colour around it, so that it can be read over lines.
    pub halo: Option<Colour>,
}

impl Style {
    pub fn new(size: f64, colour: Colour, anchor: Anchor) -> Self {
        Self { size, colour, anchor, strong: false, halo: None }
    }
}

/// How a line looks.
#[derive(Clone, Copy)]
pub struct Stroke {
    pub colour: Colour,
    pub width: f64,
    pub dashed: bool,
}

/// A drawing.
pub struct Canvas {
    nodes: Vec<Element>,
    paper: Colour,
}

/// As few digits as the eye needs.
fn place(value: f64) -> String {
    format!("{}", (value * 10.0).round() / 10.0 + 0.0)
}

fn hex([red, green, blue]: Colour) -> String {
    format!("#{red:02x}{green:02x}{blue:02x}")
}

fn path(points: &[(f64, f64)]) -> String {
    let step = |(index, (x, y)): (usize, &(f64, f64))| format!("{}{} {}", if index == 0 { 'M' } else { 'L' }, place(*x), place(*y));
    points.iter().enumerate().map(step).collect()
}

impl Canvas {
    pub fn new(paper: Colour) -> Self {
        Self { nodes: Vec::new(), paper }
    }

    /// The drawing, laid out in `width` by `height` units and shown `shown` pixels wide, with its name and its words.
    pub fn finish(self, (width, height): (f64, f64), shown: u32, name: &str, words: &str) -> String {
        let (name, words) = (clean(name), clean_long(words));
        // Two drawings may stand in one page: their ids must differ.
        let id = fingerprint(&[&name, &words]);
        let (name_id, words_id) = (format!("title-{id}"), format!("desc-{id}"));
        let mut document = svg::Document::new()
            .set("viewBox", format!("0 0 {} {}", place(width), place(height)))
            .set("width", shown)
            .set("height", place((height * f64::from(shown) / width).round()))
            // The height is rounded to pixels, and no line at the edge is to stay without paper.
            .set("preserveAspectRatio", "none")
            .set("role", "img")
            .set("aria-labelledby", format!("{name_id} {words_id}"))
            .set("font-family", FAMILIES)
            .add(Title::new(name).set("id", name_id))
            .add(Description::new().set("id", words_id).add(svg::node::Text::new(words)))
            .add(Rectangle::new().set("width", "100%").set("height", "100%").set("fill", hex(self.paper)));
        for node in self.nodes {
            document = document.add(node);
        }
        document.to_string()
    }

    /// A filled rectangle; a browser shows `tip` where a mouse rests on it.
    pub fn rectangle(&mut self, area: Area, colour: Colour, tip: Option<&str>) {
        let mut node = Rectangle::new()
            .set("x", place(area.left))
            .set("y", place(area.top))
            .set("width", place(area.width.max(0.0)))
            .set("height", place(area.height.max(0.0)))
            .set("fill", hex(colour));
        if let Some(tip) = tip {
            node = node.add(Title::new(clean(tip)));
        }
        self.nodes.push(node.into());
    }

    /// The rim of an area, one unit wide, around it.
    pub fn frame(&mut self, area: Area, colour: Colour) {
        let node = Rectangle::new()
            .set("x", place(area.left - 0.5))
            .set("y", place(area.top - 0.5))
            .set("width", place(area.width + 1.0))
            .set("height", place(area.height + 1.0))
            .set("fill", "none")
            .set("stroke", hex(colour));
        self.nodes.push(node.into());
    }

    pub fn line(&mut self, points: &[(f64, f64)], stroke: Stroke) {
        let mut node = Path::new()
            .set("d", path(points))
            .set("fill", "none")
            .set("stroke", hex(stroke.colour))
            .set("stroke-width", stroke.width)
            .set("stroke-linejoin", "round")
            .set("stroke-linecap", if stroke.dashed { "butt" } else { "round" });
        if stroke.dashed {
            node = node.set("stroke-dasharray", "6 4");
        }
        self.nodes.push(node.into());
    }

    /// A straight line of one unit, on whole units so that it is sharp.
    pub fn rule(&mut self, (x1, y1): (f64, f64), (x2, y2): (f64, f64), colour: Colour, dashed: bool) {
        let sharp = |value: f64| value.floor() + 0.5;
        self.line(&[(sharp(x1), sharp(y1)), (sharp(x2), sharp(y2))], Stroke { colour, width: 1.0, dashed });
    }

    /// What lies within these points, so that what is below can be seen.
    pub fn shade(&mut self, points: &[(f64, f64)], colour: Colour, opacity: f64) {
        let node = Path::new().set("d", format!("{}Z", path(points))).set("fill", hex(colour)).set("fill-opacity", opacity);
        self.nodes.push(node.into());
    }

    pub fn dot(&mut self, (x, y): (f64, f64), radius: f64, colour: Colour, tip: &str) {
        let node = Circle::new().set("cx", place(x)).set("cy", place(y)).set("r", radius).set("fill", hex(colour));
        let node = node.set("stroke", hex(self.paper)).set("stroke-width", 1.5);
        self.nodes.push(node.add(Title::new(clean(tip))).into());
    }

    /// A line of text whose middle is at this height.
    pub fn text(&mut self, (x, y): (f64, f64), style: Style, text: &str) {
        let text = clean(text);
        let pieces = pieces(&text, style.size);
        let anchor = match style.anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let mut node = if pieces.len() < 2 {
            Text::new(text.as_str()).set("x", place(x)).set("text-anchor", anchor)
        } else {
            // No renderer need find a font for all of them: each piece is set where the ones before it end.
            let whole: f64 = pieces.iter().map(|piece| piece.width).sum();
            let mut start = match style.anchor {
                Anchor::Start => x,
                Anchor::Middle => x - whole / 2.0,
                Anchor::End => x - whole,
            };
            let mut node = Text::new("");
            for piece in &pieces {
                node = node.add(TSpan::new(piece.text).set("x", place(start)).set("font-family", format!("{}, {FAMILIES}", piece.family)));
                start += piece.width;
            }
            node
        };
        node = node.set("y", place(y)).set("fill", hex(style.colour)).set("font-size", style.size).set("dominant-baseline", "central");
        if let Some(halo) = style.halo {
            node = node.set("stroke", hex(halo)).set("stroke-width", 4).set("stroke-linejoin", "round").set("paint-order", "stroke");
        } else if style.strong {
            node = node.set("stroke", hex(style.colour)).set("stroke-width", 0.5).set("stroke-linejoin", "round");
        }
        self.nodes.push(node.into());
    }
}

/// As [`clean`], of what may be longer than a line.
fn clean_long(text: &str) -> String {
    text.split_inclusive(". ").map(clean).collect()
}

/// The first digits of FNV-1a, 64 bits.
fn fingerprint(parts: &[&str]) -> String {
    let bytes = parts.iter().flat_map(|part| part.bytes().chain([0]));
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    format!("{:08x}", hash >> 32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_have_few_digits() {
        assert_eq!([1.0, 1.26, -0.01, 120.0].map(place), ["1", "1.3", "0", "120"]);
        assert_eq!(path(&[(0.0, 1.0), (2.5, 3.0)]), "M0 1L2.5 3");
    }

    #[test]
    fn names_cannot_end_an_element() {
        let mut canvas = Canvas::new([0, 0, 0]);
        canvas.text((0.0, 0.0), Style::new(13.0, [0, 0, 0], Anchor::Start), "A & B <script>\"'\u{0}");
        canvas.rectangle(Area { left: 0.0, top: 0.0, width: 1.0, height: 1.0 }, [0, 0, 0], Some("</title><b>"));
        let svg = canvas.finish((10.0, 10.0), 10, "<title> & more", "</desc>");
        assert!(
            svg.contains("A &amp; B &lt;script&gt;") && svg.contains("&lt;/title&gt;&lt;b&gt;") && svg.contains("&lt;/desc&gt;"),
            "{svg}"
        );
        assert!(!svg.contains("<script>") && !svg.contains("<b>") && !svg.contains('\u{0}'));
        assert!(crate::png(&svg).is_ok());
    }

    #[test]
    fn two_drawings_in_one_page_have_different_ids() {
        let ids =
            |name: &str| Canvas::new([0, 0, 0]).finish((10.0, 10.0), 10, name, "words").split("title-").nth(1).map(|it| it[..8].to_owned());
        assert_eq!(ids("a"), ids("a"));
        assert_ne!(ids("a"), ids("b"));
    }
}
