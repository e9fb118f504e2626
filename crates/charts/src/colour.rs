//! The colours, which stay apart for every kind of colour blindness.
//!
//! Series have those of Okabe and Ito, "Color Universal Design" (2008, <https://jfly.uni-koeln.de/color/>), in an order in which neighbours
//! differ in lightness too. Heat maps have viridis (S. van der Walt, N. Smith, 2015, <https://bids.github.io/colormap/>), even to the eye and in
//! order in grey.

use crate::look::Theme;

/// Red, green, blue.
pub type Colour = [u8; 3];

const BLACK: Colour = [0, 0, 0];
const WHITE: Colour = [0xff, 0xff, 0xff];

const BLUE: Colour = [0x00, 0x72, 0xb2];
const ORANGE: Colour = [0xe6, 0x9f, 0x00];
const GREEN: Colour = [0x00, 0x9e, 0x73];
const VERMILION: Colour = [0xd5, 0x5e, 0x00];
const PURPLE: Colour = [0xcc, 0x79, 0xa7];
const SKY: Colour = [0x56, 0xb4, 0xe9];

/// The colours of a theme.
pub struct Colours {
    /// What is drawn on.
    pub paper: Colour,
    /// Of what is read first.
    pub ink: Colour,
    /// Of what explains.
    pub muted: Colour,
    /// Of lines across the chart.
    pub grid: Colour,
    /// Of the line at nought.
    pub axis: Colour,
    /// Of cells of which nothing is known.
    pub unknown: Colour,
    /// Of the series, in their order; after the last the first comes again.
    series: [Colour; 6],
}

const LIGHT: Colours = Colours {
    paper: WHITE,
    ink: [0x1f, 0x23, 0x28],
    muted: [0x52, 0x5b, 0x66],
    grid: [0xe4, 0xe7, 0xeb],
    axis: [0x8a, 0x93, 0x9e],
    unknown: [0xe3, 0xe5, 0xe8],
    series: [BLUE, VERMILION, GREEN, ORANGE, PURPLE, SKY],
};

const DARK: Colours = Colours {
    paper: [0x16, 0x19, 0x1f],
    ink: [0xe9, 0xec, 0xf0],
    muted: [0xa3, 0xad, 0xb8],
    grid: [0x2b, 0x31, 0x3a],
    axis: [0x6e, 0x78, 0x84],
    unknown: [0x2f, 0x35, 0x3f],
    series: [SKY, ORANGE, GREEN, VERMILION, PURPLE, BLUE],
};

impl Colours {
    /// Of this theme.
    pub fn of(theme: Theme) -> &'static Self {
        match theme {
            Theme::Light => &LIGHT,
            Theme::Dark => &DARK,
        }
    }

    /// Of the series of this number.
    pub fn series(&self, number: usize) -> Colour {
        self.series.get(number % self.series.len()).copied().unwrap_or(self.ink)
    }
}

/// The colours of viridis at 0, 10, … 100 %.
const STOPS: [Colour; 11] = [
    [0x44, 0x01, 0x54],
    [0x48, 0x24, 0x75],
    [0x41, 0x44, 0x87],
    [0x35, 0x5f, 0x8d],
    [0x2a, 0x78, 0x8e],
    [0x21, 0x91, 0x8c],
    [0x22, 0xa8, 0x84],
    [0x44, 0xbf, 0x70],
    [0x7a, 0xd1, 0x51],
    [0xbd, 0xdf, 0x26],
    [0xfd, 0xe7, 0x25],
];

/// The colour of a part, 0 to 1; what lies outside has the nearest end's.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within 0 to 255, and within the stops")]
pub fn viridis(part: f64) -> Colour {
    let place = if part.is_nan() { 0.0 } else { part.clamp(0.0, 1.0) * 10.0 };
    let below = place.floor();
    let stop = |index: f64| STOPS.get(index as usize).copied().unwrap_or(BLACK);
    let (low, high) = (stop(below), stop((below + 1.0).min(10.0)));
    let mut colour = low;
    for ((channel, low), high) in colour.iter_mut().zip(low).zip(high) {
        *channel = (f64::from(low) + (f64::from(high) - f64::from(low)) * (place - below)).round() as u8;
    }
    colour
}

/// Black or white, whichever is easier to read on this colour (WCAG's relative luminance): never below 4.5 to 1.
pub fn on(colour: Colour) -> Colour {
    if luminance(colour) > 0.179 { BLACK } else { WHITE }
}

fn luminance(colour: Colour) -> f64 {
    let linear = |channel: u8| {
        let part = f64::from(channel) / 255.0;
        if part <= 0.040_45 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
    };
    let [red, green, blue] = colour.map(linear);
    0.2126 * red + 0.7152 * green + 0.0722 * blue
}

#[cfg(test)]
mod tests {
    use strum::VariantArray as _;

    use super::*;

    fn contrast(one: Colour, other: Colour) -> f64 {
        let (one, other) = (luminance(one), luminance(other));
        (one.max(other) + 0.05) / (one.min(other) + 0.05)
    }

    #[test]
    fn the_ends_and_what_lies_beyond_have_colours() {
        assert_eq!(viridis(-1.0), STOPS[0]);
        assert_eq!(viridis(0.5), STOPS[5]);
        assert_eq!(viridis(1.0), STOPS[10]);
        assert_eq!(viridis(7.0), STOPS[10]);
        assert_eq!(viridis(f64::NAN), STOPS[0]);
        assert_eq!((on(viridis(0.0)), on(viridis(1.0))), (WHITE, BLACK));
    }

    #[test]
    fn figures_are_readable_on_every_colour_which_grow_lighter() {
        let mut before = 0.0;
        for percent in 0..=100 {
            let ground = viridis(f64::from(percent) / 100.0);
            assert!(contrast(ground, on(ground)) >= 4.5, "{percent}");
            assert!(luminance(ground) >= before, "{percent}");
            before = luminance(ground);
        }
    }

    #[test]
    fn words_and_the_first_lines_are_readable_in_every_theme() {
        for theme in Theme::VARIANTS {
            let colours = Colours::of(*theme);
            for text in [colours.ink, colours.muted] {
                assert!(contrast(text, colours.paper) >= 4.5, "{theme:?}: {text:?}");
            }
            // WCAG 2.2 §1.4.11, for what is no text.
            for number in 0..3 {
                assert!(contrast(colours.series(number), colours.paper) >= 3.0, "{theme:?}: {number}");
            }
            assert!(contrast(colours.unknown, on(colours.unknown)) >= 4.5);
        }
    }

    #[test]
    fn after_the_last_colour_the_first_comes_again() {
        assert_eq!(LIGHT.series(6), LIGHT.series(0));
        assert_ne!(LIGHT.series(5), LIGHT.series(0));
    }
}
