//! How a chart is to look.

use std::ops::RangeInclusive;

/// The widths that a picture may have, pixels.
pub const WIDTHS: RangeInclusive<u32> = 320..=2400;

/// The width where no other is asked for, pixels.
pub const DEFAULT_WIDTH: u32 = 960;

/// Above this width a picture is not laid out wider, but drawn larger: for screens with small pixels, and for paper.
const WIDEST_LAYOUT: f64 = 1200.0;

/// What it is shown on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, strum::VariantArray)]
pub enum Theme {
    /// Dark on white.
    #[default]
    Light,
    /// Light on near black.
    Dark,
}

/// Theme and width.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    theme: Theme,
    width: u32,
}

impl Look {
    /// With the width brought into [`WIDTHS`].
    pub fn new(theme: Theme, width: u32) -> Self {
        Self { theme, width: width.clamp(*WIDTHS.start(), *WIDTHS.end()) }
    }

    pub(crate) fn theme(self) -> Theme {
        self.theme
    }

    /// Pixels.
    pub(crate) fn width(self) -> u32 {
        self.width
    }

    /// The units that it is laid out in.
    pub(crate) fn layout_width(self) -> f64 {
        f64::from(self.width).min(WIDEST_LAYOUT)
    }
}

impl Default for Look {
    fn default() -> Self {
        Self::new(Theme::default(), DEFAULT_WIDTH)
    }
}
