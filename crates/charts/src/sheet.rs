//! What all charts have: the margins, the heading, the legend, the note that there is nothing to show.

use crate::canvas::{Anchor, Area, Canvas, Stroke, Style};
use crate::colour::{Colour, Colours};
use crate::look::Look;
use crate::model::Heading;
use crate::text::{fitted, width, wrapped};

/// Sizes of texts.
pub const TITLE: f64 = 18.0;
pub const TEXT: f64 = 13.0;
pub const SMALL: f64 = 12.0;

/// Said where there is nothing to show.
pub const NO_DATA: &str = "No data for this range";

/// A chart that is being drawn, from the top to the bottom.
pub struct Sheet {
    pub canvas: Canvas,
    pub colours: &'static Colours,
    look: Look,
    title: String,
    /// Of all four sides.
    pub margin: f64,
    /// The height down to which it is drawn.
    pub y: f64,
}

/// What a mark of the legend looks like.
#[derive(Clone, Copy)]
pub enum Mark {
    Block,
    Line { dashed: bool },
    Band,
}

/// An entry of the legend.
pub struct Entry {
    pub mark: Mark,
    pub colour: Colour,
    pub name: String,
}

const MARK_WIDTH: f64 = 18.0;
const MARK_GAP: f64 = 7.0;
const ENTRY_GAP: f64 = 20.0;
const ENTRY_HEIGHT: f64 = 20.0;

impl Sheet {
    /// With its heading.
    pub fn new(heading: &Heading, look: Look) -> Self {
        let colours = Colours::of(look.theme());
        let margin = if look.layout_width() < 480.0 { 14.0 } else { 24.0 };
        let mut sheet = Self { canvas: Canvas::new(colours.paper), colours, look, title: heading.title.clone(), margin, y: margin - 4.0 };
        let room = sheet.room();
        for line in wrapped(&heading.title, TITLE, room, 3) {
            let style = Style { strong: true, ..Style::new(TITLE, colours.ink, Anchor::Start) };
            sheet.canvas.text((margin, sheet.y + 12.0), style, &line);
            sheet.y += 25.0;
        }
        for line in wrapped(&heading.subtitle, TEXT, room, 3) {
            sheet.canvas.text((margin, sheet.y + 10.0), Style::new(TEXT, colours.muted, Anchor::Start), &line);
            sheet.y += 19.0;
        }
        sheet.y += 12.0;
        sheet
    }

    /// The whole width.
    pub fn width(&self) -> f64 {
        self.look.layout_width()
    }

    /// Between the margins.
    pub fn room(&self) -> f64 {
        self.width() - 2.0 * self.margin
    }

    /// The height of a plot of this width: flat enough to be read along, high enough to be read off.
    pub fn plot_height(&self) -> f64 {
        (self.width() * 0.36).clamp(200.0, 420.0).round()
    }

    /// What the colours are, in as many lines as it takes.
    pub fn legend(&mut self, entries: &[Entry]) {
        if entries.is_empty() {
            return;
        }
        let (left, right) = (self.margin, self.width() - self.margin);
        let mut x = left;
        for entry in entries {
            let name = fitted(&entry.name, TEXT, self.room() - MARK_WIDTH - MARK_GAP);
            let taken = MARK_WIDTH + MARK_GAP + width(&name, TEXT);
            if x > left && x + taken > right {
                x = left;
                self.y += ENTRY_HEIGHT;
            }
            let middle = self.y + ENTRY_HEIGHT / 2.0;
            self.mark(entry, x, middle);
            self.canvas.text((x + MARK_WIDTH + MARK_GAP, middle), Style::new(TEXT, self.colours.ink, Anchor::Start), &name);
            x += taken + ENTRY_GAP;
        }
        self.y += ENTRY_HEIGHT + 10.0;
    }

    fn mark(&mut self, entry: &Entry, x: f64, middle: f64) {
        match entry.mark {
            Mark::Block => {
                self.canvas.rectangle(Area { left: x + 4.0, top: middle - 6.0, width: 12.0, height: 12.0 }, entry.colour, None);
            }
            Mark::Line { dashed } => {
                let stroke = Stroke { colour: entry.colour, width: 2.25, dashed };
                self.canvas.line(&[(x, middle), (x + MARK_WIDTH, middle)], stroke);
            }
            Mark::Band => {
                let (top, bottom, right) = (middle - 6.0, middle + 6.0, x + MARK_WIDTH);
                self.canvas.shade(&[(x, top), (right, top), (right, bottom), (x, bottom)], entry.colour, BAND_OPACITY);
            }
        }
    }

    /// Says in the middle of the plot that there is nothing to show.
    pub fn no_data(&mut self, plot: Area) {
        let middle = (plot.left + plot.width / 2.0, plot.top + plot.height / 2.0);
        let style = Style { halo: Some(self.colours.paper), ..Style::new(16.0, self.colours.muted, Anchor::Middle) };
        self.canvas.text(middle, style, NO_DATA);
    }

    /// The drawing, with what it shows in words.
    pub fn finish(self, words: &str) -> String {
        let size = (self.width(), (self.y + self.margin - 6.0).ceil());
        self.canvas.finish(size, self.look.width(), &self.title, words)
    }
}

/// How much of what is below a band cannot be seen.
pub const BAND_OPACITY: f64 = 0.22;
