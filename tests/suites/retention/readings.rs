//! Roll-ups of readings.

use std::time::{Duration, Instant};

use futures::future::join_all;
use gatehouse_tests::process::Process;
use gatehouse_tests::{App, Client, rfc3339};

use crate::fleet::{DAY_MS, Fleet, HOUR_MS, MINUTE_MS, WIDTHS, day_of, run_telemetry};

/// Moves the clock to some minutes after the end of the day that the fleet sends next.
fn pass_day(app: &App, fleet: &Fleet) {
    let ahead = fleet.today + DAY_MS + 6 * MINUTE_MS - app.now_ms();
    app.advance(Duration::from_millis(u64::try_from(ahead).expect("days follow each other")));
}

fn number(app: &App, sql: &str) -> i64 {
    app.db().query_row(sql, [], |row| row.get(0)).unwrap()
}

fn pages_in_use(app: &App) -> i64 {
    number(app, "select (select page_count from pragma_page_count) - (select freelist_count from pragma_freelist_count)")
}

/// Every width, both ways, over whole days.
async fn check_days(fleet: &Fleet, operator: &Client, device: usize, days: i64) {
    for width in WIDTHS {
        for order in ["asc", "desc"] {
            fleet.check(operator, device, width, (fleet.today - days * DAY_MS, fleet.today), order).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn three_months_are_answered_as_from_the_readings_and_take_bounded_room() {
    let variables = [("readings_days", "20"), ("rollups_5m_days", "35"), ("rollups_1h_days", "50"), ("access_token_seconds", "864000")];
    let Some(app) = App::embedded(&variables).await else { return };
    let place = app.place(0).await;
    let mut fleet = Fleet::new(&app, &place, 2, 6 * MINUTE_MS).await;
    let mut in_use = 0;
    let mut operator = app.admin().await;
    for day in 0..92 {
        pass_day(&app, &fleet);
        if day % 9 == 0 {
            operator = app.admin().await;
        }
        fleet.send_day(&operator).await;
        if day % 15 == 14 {
            // What came in late counts before it is rolled up.
            check_days(&fleet, &operator, 0, 6).await;
        }
        run_telemetry(&app).await;
        if day % 15 == 14 {
            check_days(&fleet, &operator, 1, 6).await;
            // Not of whole buckets.
            let span = (fleet.today - 5 * DAY_MS - 17 * MINUTE_MS, fleet.today - 7 * HOUR_MS + 1_234);
            for width in WIDTHS {
                fleet.check(&operator, 0, width, span, "asc").await;
            }
        }
        if day == 70 {
            in_use = pages_in_use(&app);
        }
    }

    let operator = app.admin().await;
    let all = (fleet.start, fleet.today);
    let levels = fleet.check(&operator, 0, WIDTHS[0], all, "asc").await;
    for level in ["1d", "1h", "5m", "raw"] {
        assert!(levels.contains_key(level), "{level} is not among {levels:?}");
    }
    let levels = fleet.check(&operator, 1, WIDTHS[1], all, "desc").await;
    assert!(levels.contains_key("1d") && levels.contains_key("1h") && !levels.contains_key("5m"), "{levels:?}");
    let levels = fleet.check(&operator, 1, WIDTHS[2], all, "asc").await;
    assert!(levels["1d"] > 85, "{levels:?}");
    // Three months are given by the day when nobody says otherwise.
    assert_eq!(fleet.check(&operator, 1, ("auto", DAY_MS), all, "asc").await, levels);

    let kept_from = |days: i64| day_of(app.now_ms() - days * DAY_MS);
    let older = |sql: &str, days: i64| number(&app, &format!("{sql} < {}", kept_from(days)));
    let devices = i64::try_from(fleet.codes.len()).unwrap();
    assert!(older("select count(*) from readings where at", 20) <= devices, "one before stays, of each device");
    assert_eq!(older("select count(*) from reading_rollups where span_ms = 300000 and start", 35), 0);
    assert_eq!(older("select count(*) from reading_rollups where span_ms = 3600000 and start", 50), 0);
    assert_eq!(number(&app, "select min(start) from reading_rollups where span_ms = 86400000"), fleet.start, "days are kept for years");
    let now_in_use = pages_in_use(&app);
    assert!(now_in_use <= in_use + in_use / 10, "{in_use} pages were in use three weeks ago, {now_in_use} are now");
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_reading_that_is_late_by_more_than_readings_are_kept_changes_no_roll_up_that_has_lost_them() {
    let Some(app) = App::embedded(&[("readings_days", "2"), ("access_token_seconds", "864000")]).await else { return };
    let place = app.place(0).await;
    let mut fleet = Fleet::new(&app, &place, 1, 10 * MINUTE_MS).await;
    let operator = app.admin().await;
    for _ in 0..6 {
        pass_day(&app, &fleet);
        fleet.send_day(&operator).await;
        run_telemetry(&app).await;
    }
    let sums = "select count(*) || ' ' || sum(count) || ' ' || sum(energy_wh) from reading_rollups where span_ms = 300000 and start < ";
    let before: String = app.db().query_row(&format!("{sums}{}", fleet.start + DAY_MS), [], |row| row.get(0)).unwrap();
    let mut reading = app.reading(&fleet.codes[0], 0);
    let bucket: i64 = number(&app, "select min(start) from reading_rollups where span_ms = 300000");
    reading["timestamp"] = rfc3339(bucket + 299_999).into();
    operator.post("/api/telemetry/", reading).await.expect(201);
    app.advance(Duration::from_secs(3_700));
    run_telemetry(&app).await;
    let after: String = app.db().query_row(&format!("{sums}{}", fleet.start + DAY_MS), [], |row| row.get(0)).unwrap();
    assert_eq!(after, before);
    assert_eq!(number(&app, "select count(*) from reading_late"), 0);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn of_runs_at_once_each_reading_is_rolled_up_by_one() {
    let Some(app) = App::embedded(&[]).await else { return };
    let place = app.place(0).await;
    let mut fleet = Fleet::new(&app, &place, 12, MINUTE_MS).await;
    pass_day(&app, &fleet);
    let sent = fleet.send_day(&app.admin().await).await;
    assert!(sent > 10_000, "{sent}");
    let ticks = join_all((0..4).map(|_| app.internal("/internal/tick/telemetry"))).await;
    let done: i64 = ticks.iter().map(|tick| tick.expect(200)["rolled_up"].as_i64().unwrap()).sum();
    let rolled_up = number(&app, "select sum(count) from reading_rollups where span_ms = 300000");
    assert_eq!(done, rolled_up, "each once");
    assert!(rolled_up > 10_000, "{rolled_up}");
    assert_eq!(run_telemetry(&app).await, 0);
    let operator = app.admin().await;
    for device in [0, 11] {
        check_days(&fleet, &operator, device, 1).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn kill_9_in_the_middle_of_a_run_is_gone_on_from() {
    let directory = tempfile::tempdir().unwrap();
    let mut server = Process::start(directory.path(), &[]);
    let place = server.app.place(0).await;
    let mut fleet = Fleet::new(&server.app, &place, 10, MINUTE_MS / 2).await;
    // Days that have passed.
    fleet.start -= 3 * DAY_MS;
    fleet.today = fleet.start;
    let operator = server.app.operator().await;
    for _ in 0..2 {
        fleet.send_day(&operator).await;
    }
    let progress = "select count(*) from device_state where rolled_up_to > 0";
    for round in 1..=3 {
        let before = number(&server.app, "select count(*) from reading_rollups");
        let killer = async {
            let deadline = Instant::now() + Duration::from_secs(20);
            while number(&server.app, "select count(*) from reading_rollups") == before && Instant::now() < deadline {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let request = server.app.anonymous().header("x-tick-secret", server.app.tick_secret());
        let run = request.request(reqwest::Method::POST, "/internal/tick/telemetry").send();
        // Whichever is first: the run may be over before it is seen to have begun.
        tokio::select! {
            () = killer => {}
            _ = run => {}
        }
        server.kill_9();
        server = Process::start(directory.path(), &[]);
        println!("round {round}: {} devices were begun", number(&server.app, progress));
    }
    run_telemetry(&server.app).await;
    assert_eq!(number(&server.app, progress), 10);
    let operator = server.app.operator().await;
    for device in 0..10 {
        check_days(&fleet, &operator, device, 2).await;
    }
}

/// A year of a fleet: `GATEHOUSE_YEAR_READINGS=10000000 cargo test --release --workspace --test retention -- --ignored --nocapture`.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes"]
async fn a_year_is_answered_as_from_the_readings_and_takes_bounded_room() {
    const DEVICES: i64 = 20;
    let readings: i64 = std::env::var("GATEHOUSE_YEAR_READINGS").map_or(10_000_000, |count| count.parse().expect("a number"));
    let variables = [("access_token_seconds", "864000")];
    let app = App::embedded(&variables).await.expect("the embedded host");
    let place = app.place(0).await;
    let mut fleet = Fleet::new(&app, &place, DEVICES as usize, 365 * DAY_MS * DEVICES / readings).await;
    let (began, mut sent, mut operator) = (Instant::now(), 0, app.admin().await);
    let mut sizes = Vec::new();
    for day in 0..365 {
        pass_day(&app, &fleet);
        if day % 9 == 0 {
            operator = app.admin().await;
        }
        sent += fleet.send_day(&operator).await;
        run_telemetry(&app).await;
        if day % 30 == 29 {
            app.tick().await;
            check_days(&fleet, &app.admin().await, day as usize % fleet.codes.len(), 3).await;
            let mib = pages_in_use(&app) * 4 / 1024;
            let rows = number(&app, "select count(*) from readings where device_id > 0");
            println!("day {day}: {sent} readings sent, {rows} there, {mib} MiB, {:?}", began.elapsed());
            sizes.push(rows);
        }
    }
    let most = sizes.iter().copied().max().unwrap_or_default();
    assert!(most <= readings * 93 / 365, "ninety days and a few of {readings} are there: {most}");
    let operator = app.admin().await;
    for device in [0, 7, fleet.codes.len() - 1] {
        for width in WIDTHS {
            let levels = fleet.check(&operator, device, width, (fleet.start, fleet.today), "asc").await;
            println!("{}: {levels:?}", width.0);
        }
    }
}
