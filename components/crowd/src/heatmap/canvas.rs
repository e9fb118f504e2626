//! What a chart is drawn on: SVG.

use super::palette::{Colour, INK, PAPER};

/// Where a text's given point lies in it.
#[derive(Clone, Copy)]
pub enum Anchor {
    Start,
    Middle,
    End,
}

/// A rectangle: left, top, width, height.
pub type Area = (i32, i32, u32, u32);

fn hex([red, green, blue]: Colour) -> String {
    format!("#{red:02x}{green:02x}{blue:02x}")
}

/// A drawing in SVG. Places are pixels from the left and the top.
pub struct Canvas(svg::Document);

impl Canvas {
    pub fn new((width, height): (u32, u32)) -> Self {
        let document = svg::Document::new()
            .set("viewBox", (0, 0, width, height))
            .set("width", width)
            .set("height", height)
            .set("role", "img")
            .set("font-family", "system-ui, sans-serif");
        let mut canvas = Self(document);
        canvas.rectangle((0, 0, width, height), PAPER);
        canvas
    }

    pub fn finish(self) -> String {
        self.0.to_string()
    }

    fn add(&mut self, node: impl svg::Node) {
        svg::Node::append(&mut self.0, node);
    }

    pub fn rectangle(&mut self, (x, y, width, height): Area, colour: Colour) {
        let node = svg::node::element::Rectangle::new();
        self.add(node.set("x", x).set("y", y).set("width", width).set("height", height).set("fill", hex(colour)));
    }

    /// A line of text whose middle is at this height.
    pub fn text(&mut self, (x, y): (i32, i32), anchor: Anchor, large: bool, colour: Colour, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let node = svg::node::element::Text::new(text).set("x", x).set("y", y).set("fill", hex(colour));
        let size = if large { 18 } else { 13 };
        let weight = if large { 650 } else { 400 };
        self.add(node.set("font-size", size).set("font-weight", weight).set("text-anchor", anchor).set("dominant-baseline", "central"));
    }
}

/// A frame of one pixel around an area.
pub fn frame(canvas: &mut Canvas, (x, y, width, height): Area) {
    let (right, bottom) = (x.saturating_add_unsigned(width), y.saturating_add_unsigned(height));
    for area in [(x - 1, y - 1, width + 2, 1), (x - 1, bottom, width + 2, 1), (x - 1, y - 1, 1, height + 2), (right, y - 1, 1, height + 2)]
    {
        canvas.rectangle(area, INK);
    }
}
