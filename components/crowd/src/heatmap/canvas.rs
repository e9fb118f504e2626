//! What a chart is drawn on: SVG, or pixels.

use std::convert::Infallible;

use embedded_graphics::Pixel;
use embedded_graphics::draw_target::DrawTarget;
use embedded_graphics::geometry::{OriginDimensions, Point, Size};
use embedded_graphics::mono_font::MonoTextStyle;
use embedded_graphics::mono_font::iso_8859_1::{FONT_9X15_BOLD, FONT_10X20};
use embedded_graphics::pixelcolor::Rgb888;
use embedded_graphics::prelude::{Drawable as _, RgbColor as _};
use embedded_graphics::primitives::{Primitive as _, PrimitiveStyle, Rectangle};
use embedded_graphics::text::{Alignment, Baseline, Text, TextStyleBuilder};

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

/// Pixels from the left and the top.
pub trait Canvas {
    fn rectangle(&mut self, area: Area, colour: Colour);

    /// A line of text whose middle is at this height.
    fn text(&mut self, at: (i32, i32), anchor: Anchor, large: bool, colour: Colour, text: &str);
}

fn hex([red, green, blue]: Colour) -> String {
    format!("#{red:02x}{green:02x}{blue:02x}")
}

/// A drawing in SVG.
pub struct Svg(svg::Document);

impl Svg {
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
}

impl Canvas for Svg {
    fn rectangle(&mut self, (x, y, width, height): Area, colour: Colour) {
        let node = svg::node::element::Rectangle::new();
        self.add(node.set("x", x).set("y", y).set("width", width).set("height", height).set("fill", hex(colour)));
    }

    fn text(&mut self, (x, y): (i32, i32), anchor: Anchor, large: bool, colour: Colour, text: &str) {
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

/// A drawing in pixels.
pub struct Bitmap {
    width: u32,
    height: u32,
    pixels: Vec<u8>,
}

impl Bitmap {
    pub fn new((width, height): (u32, u32)) -> Self {
        let bytes = usize::try_from(width).unwrap_or_default() * usize::try_from(height).unwrap_or_default() * 3;
        Self { width, height, pixels: vec![0xff; bytes] }
    }

    /// As PNG.
    pub fn finish(self) -> Result<Vec<u8>, png::EncodingError> {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, self.width, self.height);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        let mut writer = encoder.write_header()?;
        writer.write_image_data(&self.pixels)?;
        writer.finish()?;
        Ok(bytes)
    }
}

impl OriginDimensions for Bitmap {
    fn size(&self) -> Size {
        Size::new(self.width, self.height)
    }
}

impl DrawTarget for Bitmap {
    type Color = Rgb888;
    type Error = Infallible;

    fn draw_iter<I: IntoIterator<Item = Pixel<Rgb888>>>(&mut self, pixels: I) -> Result<(), Infallible> {
        for Pixel(point, colour) in pixels {
            let (Ok(x), Ok(y)) = (u32::try_from(point.x), u32::try_from(point.y)) else { continue };
            if x >= self.width || y >= self.height {
                continue;
            }
            let start = usize::try_from(y * self.width + x).unwrap_or(usize::MAX).saturating_mul(3);
            if let Some(pixel) = self.pixels.get_mut(start..start.saturating_add(3)) {
                pixel.copy_from_slice(&[colour.r(), colour.g(), colour.b()]);
            }
        }
        Ok(())
    }
}

fn rgb([red, green, blue]: Colour) -> Rgb888 {
    Rgb888::new(red, green, blue)
}

impl Canvas for Bitmap {
    fn rectangle(&mut self, (x, y, width, height): Area, colour: Colour) {
        let area = Rectangle::new(Point::new(x, y), Size::new(width, height));
        match area.into_styled(PrimitiveStyle::with_fill(rgb(colour))).draw(self) {
            Ok(()) => {}
            Err(never) => match never {},
        }
    }

    fn text(&mut self, (x, y): (i32, i32), anchor: Anchor, large: bool, colour: Colour, text: &str) {
        let alignment = match anchor {
            Anchor::Start => Alignment::Left,
            Anchor::Middle => Alignment::Center,
            Anchor::End => Alignment::Right,
        };
        let font = if large { &FONT_10X20 } else { &FONT_9X15_BOLD };
        let style = TextStyleBuilder::new().alignment(alignment).baseline(Baseline::Middle).build();
        match Text::with_text_style(text, Point::new(x, y), MonoTextStyle::new(font, rgb(colour)), style).draw(self) {
            Ok(_) => {}
            Err(never) => match never {},
        }
    }
}

/// A frame of one pixel around an area.
pub fn frame(canvas: &mut impl Canvas, (x, y, width, height): Area) {
    let (right, bottom) = (x.saturating_add_unsigned(width), y.saturating_add_unsigned(height));
    for area in [(x - 1, y - 1, width + 2, 1), (x - 1, bottom, width + 2, 1), (x - 1, y - 1, 1, height + 2), (right, y - 1, 1, height + 2)]
    {
        canvas.rectangle(area, INK);
    }
}
