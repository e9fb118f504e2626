//! GET `/api/crowd/temple/{id}/heatmap` (`.json`, `.svg`, `.png`): how full each zone is at each hour of the day.

mod canvas;
mod chart;
mod palette;

use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use domain::time::{DAY_MS, HOUR_MS, MINUTE_MS, format_rfc3339};
use domain::transit_clock::{hour_of_day, offset_ms};
use http::header::CONTENT_TYPE;
use kit::caller::{Caller, Operator};
use kit::page::Listing;
use kit::request::{Now, Query};
use kit::{Answer, Problem, db, params};
use serde::Serialize;

use crate::place::{Share, Temple, Zone, level_alone, people, rounded, span};

const HOURS: usize = 24;
const QUARTER_MS: i64 = 15 * MINUTE_MS;
/// The longest span.
const MAX_DAYS: i64 = 92;
/// The span where no other is asked for, back from now.
const DEFAULT_DAYS: i64 = 7;
/// The most zones of one heat map.
const MAX_ROWS: usize = 60;

/// One hour of the day in one zone.
#[derive(Serialize)]
pub struct Cell {
    hour: usize,
    /// How many counts it is made of.
    readings: i64,
    /// People, in the mean; null when it was never counted at this hour.
    mean: Option<f64>,
    #[serde(flatten)]
    share: Option<Share>,
    /// The level of the mean by itself.
    level: Option<&'static str>,
}

/// One zone.
#[derive(Serialize)]
pub struct Row {
    zone: String,
    name: String,
    capacity: Option<i64>,
    /// Of the hours 0 to 23 of the site's day.
    hours: Vec<Cell>,
}

/// The whole.
#[derive(Serialize)]
pub struct HeatMap {
    temple_id: String,
    name: String,
    time_zone: String,
    from: String,
    to: String,
    zones: Vec<Row>,
    #[serde(skip)]
    span: (i64, i64),
}

/// As [`as_svg`], for programs.
pub async fn as_json(_: Caller<Operator>, Now(now): Now, Path(site): Path<String>, Query(query): Query) -> Answer<impl IntoResponse> {
    Ok(axum::Json(read(&site, &query, now)?))
}

/// Filters `from`, `to` (the last seven days; at most 92) and `zone`.
pub async fn as_svg(_: Caller<Operator>, Now(now): Now, Path(site): Path<String>, Query(query): Query) -> Answer<Response> {
    let map = read(&site, &query, now)?;
    let mut canvas = canvas::Svg::new(chart::size(&map));
    chart::draw(&map, &mut canvas);
    Ok(([(CONTENT_TYPE, "image/svg+xml")], canvas.finish()).into_response())
}

/// As [`as_svg`], in pixels.
pub async fn as_png(_: Caller<Operator>, Now(now): Now, Path(site): Path<String>, Query(query): Query) -> Answer<Response> {
    let map = read(&site, &query, now)?;
    let mut canvas = canvas::Bitmap::new(chart::size(&map));
    chart::draw(&map, &mut canvas);
    Ok(([(CONTENT_TYPE, "image/png")], canvas.finish().map_err(Problem::internal)?).into_response())
}

fn read(site: &str, query: &str, now: i64) -> Answer<HeatMap> {
    let listing = Listing::parse(query, &["from", "to", "zone"])?;
    let (from, to) = span(&listing)?;
    let to = to.unwrap_or_else(|| from.map_or(now, |from| now.max(from)));
    let from = from.unwrap_or_else(|| to.saturating_sub(DEFAULT_DAYS * DAY_MS).max(0));
    if to - from > MAX_DAYS * DAY_MS {
        return Err(Problem::invalid_field("from", format!("must lie at most {MAX_DAYS} days before the span's end")));
    }
    let temple = Temple::find(site)?;
    let pieces = pieces(&temple.time_zone, from, to);
    let zones = temple.zones(listing.filter("zone"))?;
    let row = |zone: &Zone| {
        let sums = sums(&temple.slug, &zone.code, &temple.time_zone, &pieces)?;
        Ok(Row {
            zone: zone.code.clone(),
            name: zone.name.clone(),
            capacity: zone.size.capacity,
            hours: sums.into_iter().enumerate().map(|(hour, sum)| Cell::of(hour, sum, zone)).collect(),
        })
    };
    let rows = zones.iter().take(MAX_ROWS).map(row).collect::<Answer<_>>()?;
    Ok(HeatMap {
        temple_id: temple.slug,
        name: temple.name,
        time_zone: temple.time_zone,
        from: format_rfc3339(from),
        to: format_rfc3339(to),
        zones: rows,
        span: (from, to),
    })
}

impl Cell {
    fn of(hour: usize, (readings, total): (i64, i64), zone: &Zone) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "sums of counts, far below 2^52")]
        let mean = (readings > 0).then(|| total as f64 / readings as f64);
        let count = mean.map(people);
        Self {
            hour,
            readings,
            mean: mean.map(|mean| rounded(mean, 1)),
            share: count.map(|count| Share::of(count, &zone.size)),
            level: count.and_then(|count| level_alone(count, &zone.size)),
        }
    }

    /// Mean part of the capacity.
    fn part(&self) -> Option<f64> {
        self.share.as_ref()?.percent_of_capacity.map(|percent| percent / 100.0)
    }
}

/// The span cut where the site's clocks change, so that within each piece a quarter of UTC's day is one of the site's.
fn pieces(zone: &str, from: i64, to: i64) -> Vec<(i64, i64)> {
    let mut pieces = Vec::new();
    let mut start = from - from.rem_euclid(QUARTER_MS);
    let mut hour = start - start.rem_euclid(HOUR_MS) + HOUR_MS;
    while hour <= to {
        if offset_ms(zone, hour) != offset_ms(zone, start) {
            pieces.push((start, hour));
            start = hour;
        }
        hour += HOUR_MS;
    }
    pieces.push((start, to.saturating_add(1)));
    pieces
}

/// How many counts a zone has at each hour of the site's day, and their sum.
fn sums(site: &str, zone: &str, time_zone: &str, pieces: &[(i64, i64)]) -> Answer<[(i64, i64); HOURS]> {
    let mut sums = [(0_i64, 0_i64); HOURS];
    for (from, to) in pieces {
        let rows = db::run(
            "select start % 86400000, sum(readings), sum(total) from crowd_quarters
             where site = ?1 and zone = ?2 and start >= ?3 and start < ?4 group by start % 86400000",
            params![site, zone, *from, *to],
        )?;
        for row in rows.iter() {
            // A moment of the piece's first day at that time of UTC's day: the offset is the same throughout the piece.
            let local = row.int(0)?.saturating_add(offset_ms(time_zone, *from));
            if let Some((readings, total)) = sums.get_mut(hour_of_day("UTC", local)) {
                *readings = readings.saturating_add(row.int(1)?);
                *total = total.saturating_add(row.int(2)?);
            }
        }
    }
    Ok(sums)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_cut_where_the_clocks_change() {
        let march = 1_772_323_200_000; // 2026-03-01T00:00:00Z
        assert_eq!(pieces("Asia/Kolkata", march, march + 30 * DAY_MS).len(), 1);
        let cut = pieces("Europe/Berlin", march, march + 30 * DAY_MS);
        let change = 1_774_746_000_000; // 2026-03-29T01:00:00Z
        assert_eq!(cut, [(march, change), (change, march + 30 * DAY_MS + 1)]);
    }
}
