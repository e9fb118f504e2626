//! Forecasts a table of hourly counts, hour by hour, as the product would have made them, and measures the errors.
//!
//! `forecast TABLE FROM TO STEP DAYS JOBS` reads CSV: a head of `hour,special` and the places' names; then for each hour, by the clock on the
//! wall, its number since 1970, `holiday` or nothing, and the places' counts, empty where there is none. From every STEP-th hour it makes a
//! forecast of what was known then, of DAYS of history, on JOBS threads; and writes for each place and lead a line of JSON of how far the hours
//! FROM..TO lay from it.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use domain::forecast::{Context, Series, Special, predict};

/// Hours ahead.
const LEADS: usize = 6;
const MAX_LEAD: i64 = LEADS as i64;
/// Hours of a week.
const WEEK: i64 = 168;

/// A place's counts.
struct Place {
    name: String,
    counts: Vec<(i64, f64)>,
}

/// What was measured of one lead.
#[derive(Clone, Copy, Default)]
struct Score {
    hours: usize,
    error: f64,
    naive_error: f64,
    squares: f64,
    intervals: usize,
    held: usize,
    below: usize,
    width: f64,
    special: usize,
    special_held: usize,
}

fn read(path: &str) -> anyhow::Result<(Vec<Place>, HashMap<i64, Special>)> {
    let text = std::fs::read_to_string(path)?;
    let mut lines = text.lines();
    let head = lines.next().context("the table is empty")?.split(',').skip(2);
    let mut places: Vec<Place> = head.map(|name| Place { name: name.to_owned(), counts: Vec::new() }).collect();
    let mut special = HashMap::new();
    for line in lines {
        let mut cells = line.split(',');
        let hour: i64 = cells.next().context("no hour")?.parse()?;
        if cells.next() == Some("holiday") {
            special.insert(hour, Special::Holiday);
        }
        for (place, cell) in places.iter_mut().zip(cells).filter(|(_, cell)| !cell.is_empty()) {
            place.counts.push((hour, cell.parse()?));
        }
    }
    Ok((places, special))
}

/// The counts of the hours `from..=to`.
fn between(counts: &[(i64, f64)], from: i64, to: i64) -> &[(i64, f64)] {
    let start = counts.partition_point(|(hour, _)| *hour < from);
    let end = counts.partition_point(|(hour, _)| *hour <= to);
    counts.get(start..end).unwrap_or_default()
}

fn measure(place: &Place, context: &Context, hours: Range<i64>, step: usize, days: i64) -> ([Score; LEADS], Vec<Duration>) {
    let (mut scores, mut times) = ([Score::default(); LEADS], Vec::new());
    let at = |hour: i64| between(&place.counts, hour, hour).first().map(|(_, count)| *count);
    for origin in (hours.start - MAX_LEAD..hours.end).step_by(step) {
        let known = between(&place.counts, origin - days * 24 + 1, origin);
        let started = Instant::now();
        let series = Series::from_points(known, usize::try_from(days * 24).unwrap_or_default());
        let forecast = predict(&series, context, origin, LEADS);
        times.push(started.elapsed());
        for (point, score) in forecast.points.iter().zip(&mut scores) {
            let (Some(actual), Some(naive), true) = (at(point.hour), at(point.hour - WEEK), hours.contains(&point.hour)) else { continue };
            score.hours += 1;
            score.error += (actual - point.value).abs();
            score.naive_error += (actual - naive).abs();
            score.squares += (actual - point.value).powi(2);
            if let Some((low, high)) = point.interval {
                score.intervals += 1;
                score.held += usize::from(low <= actual && actual <= high);
                score.below += usize::from(actual < low);
                score.width += high - low;
                if context.special(point.hour).is_some() {
                    score.special += 1;
                    score.special_held += usize::from(low <= actual && actual <= high);
                }
            }
        }
    }
    (scores, times)
}

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [table, numbers @ ..] = arguments.as_slice() else { anyhow::bail!("forecast TABLE FROM TO STEP DAYS JOBS") };
    let numbers = numbers.iter().map(|number| number.parse()).collect::<Result<Vec<i64>, _>>()?;
    let [from, to, step, days, jobs] = numbers[..] else { anyhow::bail!("forecast TABLE FROM TO STEP DAYS JOBS") };
    let (places, special) = read(table)?;
    let context = Context { special, ..Context::default() };
    let (next, lines) = (AtomicUsize::new(0), Mutex::new(()));
    std::thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            scope.spawn(|| {
                while let Some(place) = places.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let step = usize::try_from(step).unwrap_or(1).max(1);
                    let (scores, mut times) = measure(place, &context, from..to, step, days);
                    times.sort_unstable();
                    let time = |part: usize| times.get(times.len() * part / 100).map_or(0.0, |time| time.as_secs_f64() * 1_000.0);
                    let _alone = lines.lock();
                    for (lead, score) in (1..).zip(scores).filter(|(_, score)| score.hours > 0) {
                        let Score { hours, error, naive_error, squares, intervals, held, below, width, special, special_held } = score;
                        println!(
                            r#"{{"place": "{}", "lead": {lead}, "hours": {hours}, "error": {error}, "naive_error": {naive_error}, "squares": {squares}, "intervals": {intervals}, "held": {held}, "below": {below}, "width": {width}, "special": {special}, "special_held": {special_held}, "ms": {}, "ms99": {}}}"#,
                            place.name,
                            time(50),
                            time(99)
                        );
                    }
                }
            });
        }
    });
    Ok(())
}
