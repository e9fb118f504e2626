//! Charts as the application draws them, with figures that do not change.

use charts::{
    Axis, BarSeries, Bars, Cell, Chart, ColourScale, Guide, Heading, HeatMap, HeatRow, Label, LineSeries, Lines, Orientation, Unit,
};

fn heading(title: &str, subtitle: &str) -> Heading {
    Heading { title: title.to_owned(), subtitle: subtitle.to_owned() }
}

/// Figures between 0 and 1 that look like noise.
fn noise(index: usize) -> f64 {
    let mixed = (u32::try_from(index).unwrap() + 1).wrapping_mul(2_654_435_761) ^ 0x5bd1_e995;
    f64::from((mixed >> 8) % 1000) / 1000.0
}

fn day_label(index: usize) -> Label {
    // 1 November 2026 is a Sunday.
    let rank = if index == 0 { 2 } else { u8::from(index % 7 == 1) };
    Label::new(format!("{} Nov", index + 1)).rank(rank)
}

/// How full a temple is at this hour, 0 to 1.
fn fullness(hour: usize) -> f64 {
    let hour = f64::from(u32::try_from(hour).unwrap());
    let hump = |middle: f64, wide: f64| (-((hour - middle) / wide).powi(2)).exp();
    (hump(7.5, 2.2) * 0.75 + hump(18.5, 2.8) * 0.95).min(1.0)
}

/// Every kind of chart.
pub fn all() -> Vec<(&'static str, Chart)> {
    vec![
        ("footfall", footfall()),
        ("occupancy", occupancy()),
        ("peak-hours", peak_hours()),
        ("emergencies", emergencies()),
        ("crowd", crowd()),
        ("revenue", revenue()),
        ("sites", sites()),
        ("empty", empty()),
    ]
}

fn footfall() -> Chart {
    let value = |index: usize| 8_000.0 + 5_000.0 * f64::from(u8::from(index % 7 >= 5)) + 2_500.0 * noise(index);
    let mut values: Vec<_> = (0..23).map(|index| Some(value(index).round())).collect();
    values[9] = None;
    let known = values.len();
    let expected =
        (0..30).map(|index| (index + 1 >= known).then(|| if index + 1 == known { value(index) } else { value(index + 3) })).collect();
    let band = (0..30).map(|index| (index >= known).then(|| (value(index + 3) * 0.84, value(index + 3) * 1.17))).collect();
    let measured = LineSeries { name: "Measured".to_owned(), values, filled: true, ..LineSeries::default() };
    let expected = LineSeries {
        name: "Forecast".to_owned(),
        values: expected,
        band,
        band_name: "80 % interval".to_owned(),
        dashed: true,
        ..LineSeries::default()
    };
    Chart::Lines(Lines {
        heading: heading("Somnath: people per day", "1 to 30 November 2026, days in Asia/Kolkata"),
        places: (0..30).map(day_label).collect(),
        measure: Axis::new("People per day").unit(Unit::whole()),
        series: vec![measured, expected],
        ..Lines::default()
    })
}

fn occupancy() -> Chart {
    let label = |index: usize| {
        if index.is_multiple_of(24) {
            Label::new(format!("{} Nov", 19 + index / 24)).rank(1)
        } else {
            Label::new(format!("{:02}:00", index % 24)).full(format!("{} Nov {:02}:00", 19 + index / 24, index % 24))
        }
    };
    let value = |index: usize| Some(((fullness(index % 24) * 80.0 + noise(index) * 12.0) * 10.0).round() / 10.0);
    Chart::Lines(Lines {
        heading: heading("Prabhas car park: occupancy", "19 to 25 November 2026, mean of each hour, Asia/Kolkata"),
        places: (0..168).map(label).collect(),
        measure: Axis::new("Occupied spots, % of all").unit(Unit::after(" %")),
        series: vec![LineSeries { values: (0..168).map(value).collect(), filled: true, ..LineSeries::default() }],
        guides: vec![Guide { value: 90.0, name: "nearly full (90 %)".to_owned() }],
        ..Lines::default()
    })
}

fn peak_hours() -> Chart {
    let days = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
    let row = |(day, name): (usize, &&str)| HeatRow {
        name: (*name).to_owned(),
        cells: (0..24)
            .map(|hour| {
                let busier = if day >= 5 { 1.5 } else { 1.0 };
                let value = (fullness(hour) * 900.0 * busier * (0.85 + 0.3 * noise(day * 24 + hour))).round();
                Cell { value: (day != 2 || hour > 4).then_some(value), figure: None }
            })
            .collect(),
    };
    Chart::HeatMap(HeatMap {
        heading: heading("Somnath: people by hour and weekday", "Mean of 28 October to 25 November 2026"),
        across: Axis::new("Hour of the day (Asia/Kolkata)"),
        columns: (0..24).map(|hour| Label::new(format!("{hour:02}")).rank(u8::from(hour % 6 == 0))).collect(),
        rows: days.iter().enumerate().map(row).collect(),
        scale: ColourScale { measure: Axis::new("People an hour").unit(Unit::whole()), ..ColourScale::default() },
        unknown: "not counted".to_owned(),
    })
}

fn emergencies() -> Chart {
    let series = |(number, name): (usize, &&str)| BarSeries {
        name: (*name).to_owned(),
        values: (0..14).map(|day| Some((noise(day * 5 + number) * [7.0, 3.2, 2.4, 1.6][number]).floor())).collect(),
    };
    Chart::Bars(Bars {
        heading: heading("Somnath: emergencies by day", "12 to 25 November 2026, by type, days in Asia/Kolkata"),
        places: (11..25).map(day_label).collect(),
        measure: Axis::new("Emergencies per day").unit(Unit::whole()),
        series: ["Medical", "Missing person", "Security", "Fire"].iter().enumerate().map(series).collect(),
        ..Bars::default()
    })
}

fn crowd() -> Chart {
    let names = ["Main Darshan hall", "ગર્ભગૃહ", "प्रदक्षिणा पथ और मुख्य द्वार के बीच का लंबा गलियारा", "Museum & <yard>"];
    let row = |(zone, name): (usize, &&str)| HeatRow {
        name: (*name).to_owned(),
        cells: (0..24)
            .map(|hour| {
                let part = fullness(hour) * [100.0, 80.0, 60.0, 0.0][zone] * (0.8 + 0.35 * noise(zone * 24 + hour));
                let is_counted = (4..22).contains(&hour);
                let figure = (zone == 3 && is_counted).then_some(fullness(hour) * 400.0);
                Cell { value: (zone != 3 && is_counted).then_some(part.round()), figure }
            })
            .collect(),
    };
    let parts = [(30.0, "low"), (60.0, "moderate"), (80.0, "high"), (100.0, "critical")];
    Chart::HeatMap(HeatMap {
        heading: heading(
            "Somnath: how full its zones are through the day",
            "Mean of the counts from 2026-11-18 to 2026-11-25 (Asia/Kolkata)",
        ),
        across: Axis::new("Hour of the day (Asia/Kolkata)"),
        columns: (0..24).map(|hour| Label::new(format!("{hour:02}"))).collect(),
        rows: names.iter().enumerate().map(row).collect(),
        scale: ColourScale {
            measure: Axis::new("% of capacity"),
            most: Some(100.0),
            parts: parts.into_iter().map(|(end, name)| (end, name.to_owned())).collect(),
        },
        unknown: "not counted; people where no capacity is known".to_owned(),
    })
}

fn revenue() -> Chart {
    let value = |index: usize| Some((18_000.0 + 15_000.0 * noise(index + 40) + 9_000.0 * f64::from(u8::from(index % 7 >= 5))).round());
    let refunds = |index: usize| Some(-(3_000.0 * noise(index + 90)).round());
    Chart::Bars(Bars {
        heading: heading("Prabhas car park: revenue by day", "1 to 25 November 2026, payments and refunds, days in Asia/Kolkata"),
        places: (0..25).map(day_label).collect(),
        measure: Axis::new("Rupees per day").unit(Unit::before("₹")),
        series: vec![
            BarSeries { name: "Payments".to_owned(), values: (0..25).map(value).collect() },
            BarSeries { name: "Refunds".to_owned(), values: (0..25).map(refunds).collect() },
        ],
        ..Bars::default()
    })
}

fn sites() -> Chart {
    let names = [
        "श्री सोमनाथ ज्योतिर्लिंग मंदिर, प्रभास पाटन, वेरावल",
        "શ્રી દ્વારકાધીશ જગત મંદિર, દ્વારકા, ગુજરાત",
        "Ambaji",
        "Pavagadh Mahakali temple & ropeway",
    ];
    Chart::Bars(Bars {
        heading: heading("People by temple", "November 2026"),
        places: names.map(Label::new).to_vec(),
        measure: Axis::new("People").unit(Unit::whole()),
        series: vec![BarSeries {
            name: "People".to_owned(),
            values: vec![Some(312_400.0), Some(268_120.0), Some(141_900.0), Some(98_300.0)],
        }],
        orientation: Orientation::Lying,
        ..Bars::default()
    })
}

fn empty() -> Chart {
    Chart::Lines(Lines {
        heading: heading("Somnath: people per day", "1 to 30 November 2026, days in Asia/Kolkata"),
        places: (0..30).map(day_label).collect(),
        measure: Axis::new("People per day").unit(Unit::whole()),
        series: vec![LineSeries { values: vec![None; 30], ..LineSeries::default() }],
        ..Lines::default()
    })
}
