//! How full spots are and were, what is usual, and how weeks compare.

use gatehouse_tests::App;
use serde_json::{Value, json};

use crate::{HOUR, QUARTER, Site, fields, ms};

#[tokio::test(flavor = "multi_thread")]
async fn occupancy_is_told_by_site_zone_and_kind() {
    let app = App::start().await;
    let site = Site::create(&app, "car_park", "UTC").await;
    let hour = ms("2026-02-04T10:00:00Z");
    // Of two standard spots one, then two; one of one for electric cars; in the other zone none of three.
    site.quarter(&app, "A", "standard", hour, (1, 2), (1, 0));
    site.quarter(&app, "A", "standard", hour + QUARTER, (2, 2), (1, 0));
    site.quarter(&app, "A", "ev", hour, (1, 1), (2, 1));
    site.quarter(&app, "B", "standard", hour + 3 * QUARTER, (0, 3), (0, 4));
    let names = ["zone", "kind", "occupied", "known", "occupancy_rate", "arrivals", "departures"];
    let told = async |query: &str| -> Vec<Value> {
        let items = site.items("occupancy", &format!("from=2026-02-04&to=2026-02-04&{query}")).await;
        items.iter().map(|item| json!(fields(item, names))).collect()
    };
    // Zone A: 1.5 of 2 and 1 of 1 together.
    let (a, b) = (json!(["A", null, 2.5, 3.0, 83.3, 4, 1]), json!(["B", null, 0.0, 3.0, 0.0, 0, 4]));
    assert_eq!(told("").await, [a.clone(), b.clone()]);
    assert_eq!(told("zone=b").await, [b]);
    assert_eq!(told("by=site").await, [json!([null, null, 2.5, 6.0, 41.7, 4, 5])]);
    let (ev, standard) = (json!([null, "ev", 1.0, 1.0, 100.0, 2, 1]), json!([null, "standard", 1.5, 5.0, 30.0, 2, 4]));
    assert_eq!(told("by=kind").await, [ev.clone(), standard]);
    assert_eq!(told("by=kind&kind=ev").await, [ev]);
    assert_eq!(told("by=zone_kind&zone=A&kind=standard").await, [json!(["A", "standard", 1.5, 2.0, 75.0, 2, 0])]);

    let quarters = site.items("occupancy", "from=2026-02-04&to=2026-02-04&period=quarter&zone=A&kind=standard").await;
    let told: Vec<_> = quarters.iter().map(|item| fields(item, ["start", "end", "occupied"])).collect();
    assert_eq!(told[0], [json!("2026-02-04T10:00:00Z"), json!("2026-02-04T10:15:00Z"), json!(1.0)]);
    assert_eq!(told[1], [json!("2026-02-04T10:15:00Z"), json!("2026-02-04T10:30:00Z"), json!(2.0)]);
    // A range within the hour has what lies in it.
    let part = site.items("occupancy", "from=2026-02-04T10:15:00Z&to=2026-02-04T10:30:00Z&by=site").await;
    assert_eq!(
        fields(&part[0], ["start", "end", "occupied", "arrivals"]),
        [json!("2026-02-04T10:15:00Z"), json!("2026-02-04T10:30:00Z"), json!(2.0), json!(1)]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_present_is_that_of_the_spots() {
    let app = App::start().await;
    let place = app.place(4).await;
    let (admin, operator) = (app.admin().await, app.operator().await);
    let device = app.new_device(&place, Some(0)).await;
    let mut reading = app.reading(&device, 0);
    reading["occupied"] = json!(true);
    app.device(&device).await.post("/api/telemetry/", reading).await.expect(201);
    admin.patch(&format!("/api/spots/{}", place.spots[1]), json!({"status": "out_of_service"})).await.expect(200);
    admin.patch(&format!("/api/spots/{}", place.spots[2]), json!({"kind": "ev"})).await.expect(200);
    let names = ["zone", "kind", "total", "available", "occupied", "reserved", "out_of_service", "occupancy_rate"];
    let now = async |query: &str| -> Vec<Value> {
        let answer = operator.get(&format!("/api/analytics/occupancy?site={}&{query}", place.site)).await.expect(200);
        answer["now"].as_array().unwrap().iter().map(|spots| json!(fields(spots, names))).collect()
    };
    let zone = json!([place.zone, null, 4, 2, 1, 0, 1, 33.3]);
    assert_eq!(now("").await, [zone]);
    assert_eq!(now("by=site").await, [json!([null, null, 4, 2, 1, 0, 1, 33.3])]);
    assert_eq!(now("by=kind").await, [json!([null, "ev", 1, 1, 0, 0, 0, 0.0]), json!([null, "standard", 3, 1, 1, 0, 1, 50.0])]);
    assert_eq!(now("kind=ev").await, [json!([place.zone, null, 1, 1, 0, 0, 0, 0.0])]);
}

#[tokio::test(flavor = "multi_thread")]
async fn hours_and_days_are_those_of_the_site_s_clock_when_it_changes() {
    let app = App::start().await;
    let berlin = Site::create(&app, "car_park", "Europe/Berlin").await;
    // 02:00 is not there.
    berlin.quarters(&app, "A", (ms("2026-03-28T23:00:00Z"), ms("2026-03-29T22:00:00Z")), (1, 2));
    let hours = berlin.items("occupancy", "from=2026-03-29&to=2026-03-29").await;
    let starts: Vec<_> = hours.iter().map(|hour| hour["local_start"].as_str().unwrap()).collect();
    assert_eq!((starts.len(), starts[1], starts[2]), (23, "2026-03-29T01:00:00+01:00", "2026-03-29T03:00:00+02:00"));
    assert!(hours.iter().all(|hour| fields(hour, ["occupied", "arrivals"]) == [json!(1.0), json!(4)]), "{hours:?}");
    let days = berlin.items("occupancy", "from=2026-03-28&to=2026-03-30&period=day").await;
    let day = fields(&days[0], ["start", "end", "occupied", "arrivals"]);
    assert_eq!((days.len(), day), (1, [json!("2026-03-28T23:00:00Z"), json!("2026-03-29T22:00:00Z"), json!(1.0), json!(92)]));
    // 02:00 is there twice.
    berlin.quarters(&app, "A", (ms("2026-10-24T22:00:00Z"), ms("2026-10-25T23:00:00Z")), (1, 2));
    let hours = berlin.items("occupancy", "from=2026-10-25&to=2026-10-25").await;
    let starts: Vec<_> = hours.iter().map(|hour| hour["local_start"].as_str().unwrap()).collect();
    assert_eq!(starts[2..4], ["2026-10-25T02:00:00+02:00", "2026-10-25T02:00:00+01:00"]);
    let day = &berlin.items("occupancy", "from=2026-10-25&to=2026-10-25&period=day").await[0];
    assert_eq!((starts.len(), &day["arrivals"]), (25, &json!(100)));
    let ranges = berlin.figures("occupancy", "from=2026-10-25&to=2026-10-25").await["ranges"].clone();
    assert_eq!(
        ranges,
        json!([{"site": berlin.slug, "time_zone": "Europe/Berlin", "from": "2026-10-24T22:00:00Z", "to": "2026-10-25T23:00:00Z"}])
    );

    let kolkata = Site::create(&app, "car_park", "Asia/Kolkata").await;
    kolkata.quarters(&app, "A", (ms("2026-02-03T18:00:00Z"), ms("2026-02-04T19:00:00Z")), (1, 1));
    let hours = kolkata.items("occupancy", "from=2026-02-04&to=2026-02-04").await;
    let edges = (&hours[0]["start"], &hours[0]["local_start"], &hours[23]["end"]);
    assert_eq!(edges, (&json!("2026-02-03T18:30:00Z"), &json!("2026-02-04T00:00:00+05:30"), &json!("2026-02-04T18:30:00Z")));
    assert_eq!((hours.len(), &hours[0]["arrivals"]), (24, &json!(4)), "the half hours before and after are other days'");
}

#[tokio::test(flavor = "multi_thread")]
async fn trends_tell_what_is_usual_and_how_weeks_compare() {
    let app = App::start().await;
    let site = Site::create(&app, "car_park", "Asia/Kolkata").await;
    // Two Wednesdays from 09:00 to 10:00 by the site's clock, and an hour more of the second.
    let wednesday = ms("2026-02-04T03:30:00Z");
    site.quarters(&app, "A", (wednesday, wednesday + HOUR), (4, 10));
    site.quarters(&app, "A", (wednesday + 7 * 24 * HOUR, wednesday + 7 * 24 * HOUR + 2 * HOUR), (6, 10));
    let trends = site.figures("trends", "from=2026-02-02&to=2026-02-15").await;
    let names = ["weekday", "hour", "occupied", "occupancy_rate", "arrivals", "sample_days"];
    let items: Vec<_> = trends["items"].as_array().unwrap().iter().map(|item| json!(fields(item, names))).collect();
    assert_eq!(items, [json!([3, 9, 5.0, 50.0, 4.0, 2]), json!([3, 10, 6.0, 60.0, 4.0, 1])]);
    let names = ["week", "occupied", "occupancy_rate", "arrivals", "sample_hours", "change_percent", "compared_hours"];
    let weeks: Vec<_> = trends["weeks"].as_array().unwrap().iter().map(|week| json!(fields(week, names))).collect();
    // The hours that both weeks have: 6 after 4.
    assert_eq!(weeks, [json!(["2026-02-02", 4.0, 40.0, 4, 1, null, 0]), json!(["2026-02-09", 6.0, 60.0, 8, 2, 50.0, 1])]);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_answer_goes_through_more_than_so_many_zones_and_days() {
    let app = App::start().await;
    let site = Site::create(&app, "car_park", "UTC").await;
    let zones = "with recursive number (n) as (select 1 union all select n + 1 from number where n < 200)
        insert into zones (site, code, name, created_at, updated_at, updated_by) select ?1, 'Z' || n, 'Z' || n, 1, 1, 'system' from number";
    app.db().execute(zones, [&site.slug]).expect("zones");
    let (year, month) = ("from=2025-01-01&to=2026-01-31", "from=2026-01-01&to=2026-01-31");
    for analysis in ["occupancy", "occupancy.csv", "trends", "footfall"] {
        site.operator.get(&site.path(analysis, year)).await.expect_invalid(&["zone"]);
        for fewer in [month.to_owned(), format!("{year}&zone=Z7")] {
            assert_eq!(site.operator.get(&site.path(analysis, &fewer)).await.status, 200, "{analysis} {fewer}");
        }
        site.operator.get(&format!("/api/analytics/{analysis}?{year}")).await.expect_invalid(&["site"]);
    }
}
