//! The same figures as JSON, CSV and NDJSON.

use gatehouse_tests::App;
use reqwest::Method;
use serde_json::{Value, json};

use crate::{HOUR, ROUTES, Site, ms};

/// The records of a CSV text (RFC 4180).
fn records(text: &str) -> Vec<Vec<String>> {
    let mut records = Vec::new();
    let (mut record, mut cell, mut is_quoted) = (Vec::new(), String::new(), false);
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            '"' if is_quoted && chars.peek() == Some(&'"') => cell.extend(chars.next()),
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => record.push(std::mem::take(&mut cell)),
            '\r' if !is_quoted => {
                assert_eq!(chars.next(), Some('\n'), "lines end with CRLF");
                record.push(std::mem::take(&mut cell));
                records.push(std::mem::take(&mut record));
            }
            other => cell.push(other),
        }
    }
    assert!(record.is_empty() && cell.is_empty(), "the last line ends, too");
    records
}

/// As a cell has it.
fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn json_csv_and_ndjson_say_the_same() {
    let app = App::start().await;
    let site = Site::create(&app, "temple", "Asia/Kolkata").await;
    let place = app.place(1).await;
    app.new_device(&place, Some(0)).await;
    let end = app.now_ms() / HOUR * HOUR;
    site.quarters(&app, "A", (end - 50 * HOUR, end), (3, 7));
    site.people(&app, "B", end - 3 * HOUR, 17);
    app.visitor().await.post("/api/emergency/", json!({"temple_id": site.slug, "type": "medical"})).await.expect(201);
    app.admin().await.post("/api/spots", json!({"spot_id": format!("{}-1", site.slug), "site": site.slug, "zone": "A"})).await.expect(201);
    let mut seen = 0;
    for route in ROUTES {
        for slug in [&site.slug, &place.site] {
            let query = format!("site={slug}");
            let items = site.operator.get(&format!("/api/analytics/{route}?{query}")).await.expect(200)["items"].clone();
            let items = items.as_array().unwrap();
            seen += items.len();
            let by_suffix = site.operator.get(&format!("/api/analytics/{route}.ndjson?{query}")).await;
            let by_accept = site.operator.header("accept", "application/x-ndjson").get(&format!("/api/analytics/{route}?{query}")).await;
            assert_eq!((by_suffix.header("content-type"), by_accept.status), ("application/x-ndjson", 200));
            let lines: Vec<Value> = by_suffix.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            assert_eq!((&lines, by_accept.text()), (items, by_suffix.text()), "{route}");

            let csv = site.operator.get(&format!("/api/analytics/{route}.csv?{query}")).await;
            assert_eq!(csv.header("content-type"), "text/csv; charset=utf-8; header=present");
            assert_eq!(csv.header("content-disposition"), format!("attachment; filename=\"{route}.csv\""));
            assert!(csv.header("vary").contains("accept"), "{}", csv.header("vary"));
            let records = records(&csv.text());
            let (head, rows) = records.split_first().expect("a head");
            assert_eq!(rows.len(), items.len(), "{route}");
            for (row, item) in rows.iter().zip(items) {
                assert_eq!(head.len(), item.as_object().unwrap().len(), "{route}: {item}");
                for (name, value) in head.iter().zip(row) {
                    assert_eq!(*value, cell(&item[name]), "{route}: {name} in {item}");
                }
            }
        }
    }
    assert!(seen > 60, "{seen}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_cell_is_a_formula() {
    let app = App::start().await;
    let site = Site::create(&app, "car_park", "UTC").await;
    let zones = format!("/api/sites/{}/zones", site.slug);
    app.admin().await.post(&zones, json!({"code": "-1", "name": "Below"})).await.expect(201);
    let hour = ms("2026-02-04T10:00:00Z");
    site.quarters(&app, "-1", (hour, hour + HOUR), (1, 2));
    let query = format!("site={}&from=2026-02-04&to=2026-02-04", site.slug);
    let csv = site.operator.get(&format!("/api/analytics/occupancy.csv?{query}")).await.text();
    assert_eq!(records(&csv)[1][1], "'-1", "{csv}");
    let ndjson = site.operator.get(&format!("/api/analytics/occupancy.ndjson?{query}")).await;
    assert_eq!(ndjson.json()["zone"], "-1", "a program reads it as it is");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_table_is_streamed_and_a_long_document_refused() {
    let app = App::start().await;
    let site = Site::create(&app, "car_park", "Asia/Kolkata").await;
    let (from, to) = (ms("2025-11-01T00:00:00+05:30"), ms("2026-11-20T00:00:00+05:30"));
    for zone in ["A", "B"] {
        site.quarters(&app, zone, (from, to), (1, 2));
    }
    app.admin().await.post(&format!("/api/sites/{}/zones", site.slug), json!({"code": "C", "name": "C"})).await.expect(201);
    site.quarters(&app, "C", (from, to), (1, 2));
    let query = format!("site={}&from=2025-11-01&to=2026-11-19", site.slug);
    site.operator.get(&format!("/api/analytics/occupancy?{query}")).await.expect_invalid(&["period"]);
    let days = site.operator.get(&format!("/api/analytics/occupancy?{query}&period=day")).await.expect(200);
    let day_count = usize::try_from((to - from) / (24 * HOUR)).unwrap();
    assert_eq!(days["items"].as_array().map(Vec::len), Some(3 * day_count));

    let mut stream = site.operator.request(Method::GET, &format!("/api/analytics/occupancy.csv?{query}")).send().await.expect("a stream");
    assert_eq!((stream.status().as_u16(), stream.headers().get("content-length")), (200, None));
    let (mut bytes, mut largest) = (Vec::new(), 0);
    while let Some(piece) = stream.chunk().await.expect("a piece") {
        largest = largest.max(piece.len());
        bytes.extend_from_slice(&piece);
    }
    let text = String::from_utf8(bytes).unwrap();
    assert_eq!(text.lines().count(), 1 + 3 * 24 * day_count);
    assert!(text.ends_with("\r\n") && largest < text.len() / 4, "{largest} of {}", text.len());
    let lines: Vec<&str> = text.lines().collect();
    // An hour later in each row of a zone.
    assert!(lines[1].contains(",A,,2025-10-31T18:30:00Z,2025-10-31T19:30:00Z,"), "{}", lines[1]);
    assert!(lines[3].contains(",C,,2025-10-31T18:30:00Z,"), "{}", lines[3]);
    assert!(lines[4].contains(",A,,2025-10-31T19:30:00Z,"), "{}", lines[4]);
    assert!(lines.last().unwrap().contains(",C,,2026-11-19T17:30:00Z,2026-11-19T18:30:00Z,"), "{:?}", lines.last());
}
