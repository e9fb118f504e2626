//! The drawings as they were looked at: each sample is compared with a reference under `tests/pictures`, as SVG letter for letter, as PNG
//! pixel by pixel with a tolerance. After a change that is meant, write them anew and look at them:
//!
//! ```sh
//! UPDATE_PICTURES=1 cargo test --release --workspace --test pictures
//! ```
//!
//! `GATEHOUSE_PICTURES=DIRECTORY` writes every sample there besides, in both themes and several widths.

mod samples;

use std::path::{Path, PathBuf};

use charts::{Chart, Look, Theme, png};

const THEMES: [(Theme, &str); 2] = [(Theme::Light, "light"), (Theme::Dark, "dark")];
const WIDTH: u32 = 720;

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pictures")
}

fn is_updating() -> bool {
    std::env::var_os("UPDATE_PICTURES").is_some()
}

fn decode(bytes: &[u8]) -> ((u32, u32), Vec<u8>) {
    let mut reader = ::png::Decoder::new(std::io::Cursor::new(bytes)).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut pixels).unwrap();
    ((info.width, info.height), pixels)
}

/// The part of the pixels that differ by more than rounding.
fn difference(one: &[u8], other: &[u8]) -> f64 {
    let differs = |(one, other): &(&[u8], &[u8])| one.iter().zip(*other).any(|(one, other)| one.abs_diff(*other) > 24);
    let count = one.chunks(4).zip(other.chunks(4)).filter(differs).count();
    f64::from(u32::try_from(count).unwrap()) / f64::from(u32::try_from(one.len() / 4).unwrap())
}

#[test]
fn each_sample_looks_as_it_did() {
    for (name, chart) in samples::all() {
        // Half of them dark: a reference of each chart, and of each theme.
        let theme = if name.len() % 2 == 0 { Theme::Dark } else { Theme::Light };
        let svg = chart.svg(Look::new(theme, WIDTH));
        let picture = png(&svg).unwrap();
        let (svg_path, png_path) = (directory().join(format!("{name}.svg")), directory().join(format!("{name}.png")));
        if is_updating() {
            std::fs::write(&svg_path, format!("{svg}\n")).unwrap();
            std::fs::write(&png_path, &picture).unwrap();
        }
        let reference = std::fs::read_to_string(&svg_path).unwrap();
        assert!(reference.trim_end() == svg, "{name}.svg differs from its reference: look at both, then UPDATE_PICTURES=1");
        let (size, pixels) = decode(&picture);
        let (reference_size, reference) = decode(&std::fs::read(&png_path).unwrap());
        assert_eq!(size, reference_size, "{name}");
        let difference = difference(&pixels, &reference);
        assert!(difference < 0.002, "{name}.png: {:.2} % of its pixels differ", difference * 100.0);
    }
}

#[test]
fn a_picture_that_differs_is_noticed() {
    let samples = samples::all();
    let drawn = |index: usize| decode(&png(&samples[index].1.svg(Look::new(Theme::Light, WIDTH))).unwrap()).1;
    let (mut one, other) = (drawn(0), drawn(0));
    assert!(difference(&one, &other) < f64::EPSILON);
    // A patch of 60 by 60 pixels.
    for row in 100..160 {
        let start = (row * usize::try_from(WIDTH).unwrap() + 200) * 4;
        one[start..start + 240].fill(7);
    }
    assert!(difference(&one, &other) > 0.002);
}

#[test]
fn every_sample_has_every_theme_and_width() {
    let to = std::env::var_os("GATEHOUSE_PICTURES").map(PathBuf::from);
    for (index, (name, chart)) in samples::all().into_iter().enumerate() {
        // The widest takes long to render, and is the same layout: of one is enough.
        let widths: &[u32] = if index == 0 { &[320, 960, 2400] } else { &[320, 960] };
        for (theme, theme_name) in THEMES {
            for &width in widths {
                let svg = chart.svg(Look::new(theme, width));
                let picture = png(&svg).unwrap();
                let ((drawn, height), _) = decode(&picture);
                assert!(drawn == width && height > 100 && height < 4 * width, "{name}: {drawn} by {height}");
                if let Some(to) = &to {
                    std::fs::create_dir_all(to).unwrap();
                    std::fs::write(to.join(format!("{name}-{theme_name}-{width}.png")), &picture).unwrap();
                    std::fs::write(to.join(format!("{name}-{theme_name}-{width}.svg")), &svg).unwrap();
                }
            }
        }
    }
}

#[test]
fn a_width_outside_the_bounds_is_brought_within() {
    let chart = &samples::all()[0].1;
    for (asked, drawn) in [(0, "width=\"320\""), (9_999, "width=\"2400\"")] {
        assert!(chart.svg(Look::new(Theme::Light, asked)).contains(drawn));
    }
}

#[test]
fn a_chart_says_what_it_shows() {
    for (name, chart) in samples::all() {
        let svg = chart.svg(Look::default());
        let after = |start: &str| svg.split_once(start).unwrap_or_else(|| panic!("{name}: no {start}")).1;
        assert!(svg.contains("role=\"img\""), "{name}");
        let (title, desc) = after("aria-labelledby=\"").split_once('"').unwrap().0.split_once(' ').unwrap();
        assert!(after(&format!("<title id=\"{title}\">")).find("</title>").is_some_and(|end| end > 5), "{name}");
        assert!(after(&format!("<desc id=\"{desc}\">")).find("</desc>").is_some_and(|end| end > 40), "{name}");
    }
}

#[test]
fn figures_that_are_no_numbers_and_no_figures_draw_a_note() {
    use charts::{Axis, BarSeries, Bars, Cell, HeatMap, HeatRow, Label, LineSeries, Lines, Orientation};
    let places = vec![Label::new("1 Nov"), Label::new("2 Nov")];
    let none = vec![Some(f64::NAN), Some(f64::INFINITY)];
    let lines = |places: &[Label], values: &[Option<f64>]| {
        let band = vec![Some((f64::NAN, 1.0)), Some((2.0, 1.0))];
        let series = vec![LineSeries { values: values.to_vec(), band, filled: true, ..LineSeries::default() }];
        Chart::Lines(Lines { places: places.to_vec(), series, ..Lines::default() })
    };
    let bars = |places: &[Label], values: &[Option<f64>], orientation| {
        let series = vec![BarSeries { values: values.to_vec(), ..BarSeries::default() }];
        Chart::Bars(Bars { places: places.to_vec(), series, orientation, ..Bars::default() })
    };
    let cells = none.iter().map(|value| Cell { value: *value, figure: None }).collect();
    let rows = vec![HeatRow { name: "Hall".to_owned(), cells }];
    let map = HeatMap { across: Axis::new("Hour"), columns: places.clone(), rows, ..HeatMap::default() };
    for chart in [
        lines(&places, &none),
        lines(&[], &[]),
        lines(&[], &none),
        bars(&places, &none, Orientation::Upright),
        bars(&[], &[], Orientation::Upright),
        bars(&places, &none, Orientation::Lying),
        bars(&[], &[], Orientation::Lying),
        Chart::HeatMap(map),
        Chart::HeatMap(HeatMap::default()),
    ] {
        for (theme, _) in THEMES {
            let svg = chart.svg(Look::new(theme, 640));
            assert!(svg.matches("No data for this range").count() == 2, "in the picture and in its words: {svg}");
            assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
            assert!(png(&svg).is_ok());
        }
    }
}

#[test]
fn names_are_escaped_wherever_they_stand() {
    use charts::{Axis, BarSeries, Bars, Guide, Heading, Label};
    let bad = "<b>&\"'</svg>".to_owned();
    let series = |number: f64| BarSeries { name: bad.clone(), values: vec![Some(number), Some(2.0)] };
    let chart = Chart::Bars(Bars {
        heading: Heading { title: bad.clone(), subtitle: bad.clone() },
        across: Axis::new(&bad),
        places: vec![Label::new(&bad), Label::new(&bad)],
        measure: Axis::new(&bad),
        series: vec![series(1.0), series(3.0)],
        guides: vec![Guide { value: 2.0, name: bad.clone() }],
        ..Bars::default()
    });
    let svg = chart.svg(Look::default());
    assert!(!svg.contains("<b>") && svg.matches("</svg>").count() == 1 && svg.contains("&lt;b&gt;&amp;"), "{svg}");
    assert!(png(&svg).is_ok());
}
