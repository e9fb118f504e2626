//! Viridis: even to the eye, told apart with every kind of colour blindness, and readable in grey.

/// Red, green, blue.
pub type Colour = [u8; 3];

const BLACK: Colour = [0, 0, 0];
pub const INK: Colour = [0x1f, 0x23, 0x28];
/// Of what explains.
pub const MUTED: Colour = [0x52, 0x5b, 0x66];
pub const PAPER: Colour = [0xff, 0xff, 0xff];
/// Where nothing is known.
pub const UNKNOWN: Colour = [0xe3, 0xe5, 0xe8];

/// The colours at 0, 10, … 100 %.
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
    let stop = |index: f64| STOPS.get(index as usize).copied().unwrap_or(UNKNOWN);
    let (low, high) = (stop(below), stop((below + 1.0).min(10.0)));
    let mut colour = low;
    for ((channel, low), high) in colour.iter_mut().zip(low).zip(high) {
        *channel = (f64::from(low) + (f64::from(high) - f64::from(low)) * (place - below)).round() as u8;
    }
    colour
}

/// Black or white, whichever is easier to read on this colour (WCAG's relative luminance): never below 4.5 to 1.
pub fn on(colour: Colour) -> Colour {
    if luminance(colour) > 0.179 { BLACK } else { PAPER }
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
    use super::*;

    #[test]
    fn the_ends_and_what_lies_beyond_have_colours() {
        assert_eq!(viridis(-1.0), STOPS[0]);
        assert_eq!(viridis(0.5), STOPS[5]);
        assert_eq!(viridis(1.0), STOPS[10]);
        assert_eq!(viridis(7.0), STOPS[10]);
        assert_eq!(viridis(f64::NAN), STOPS[0]);
        assert_eq!((on(viridis(0.0)), on(viridis(1.0))), (PAPER, BLACK));
    }
    #[test]
    fn figures_are_readable_on_every_colour_which_grow_lighter() {
        let mut before = 0.0;
        for percent in 0..=100 {
            let ground = viridis(f64::from(percent) / 100.0);
            let (one, other) = (luminance(ground), luminance(on(ground)));
            assert!((one.max(other) + 0.05) / (one.min(other) + 0.05) >= 4.5, "{percent}");
            assert!(one >= before, "{percent}");
            before = one;
        }
    }
}
