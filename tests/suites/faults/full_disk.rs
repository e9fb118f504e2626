//! A disk without room: what cannot be stored is a 503 and changes nothing, what is there can be read, and all is as before when there is room.

use std::collections::BTreeSet;
use std::time::Duration;

use gatehouse_tests::disk::SmallDisk;
use gatehouse_tests::{App, Client, Response, eventually, rfc3339};
use reqwest::Method;
use serde_json::json;

/// So much takes a new database with room to spare.
const MEBIBYTES: u32 = 32;

/// What a caller without luck is told.
#[track_caller]
fn expect_full(answer: &Response) {
    let problem = answer.expect_problem(503);
    assert_eq!(problem["reason"], "disk_full", "{problem}");
    assert!(answer.header("retry-after").parse::<u32>().is_ok_and(|seconds| seconds > 0), "{}", answer.request);
}

/// Sends until the disk has really no room for it: what SQLite has on its disk already can be written over. What was taken till then.
async fn until_full(mut send: impl AsyncFnMut(i64) -> Response, ok: u16) -> Vec<Response> {
    let mut taken = Vec::new();
    for number in 0..20_000 {
        let answer = send(number).await;
        if answer.status != ok {
            expect_full(&answer);
            return taken;
        }
        taken.push(answer);
    }
    panic!("it takes everything");
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn while_the_disk_is_full_changes_are_503_and_afterwards_all_is_as_before() {
    let Some(disk) = SmallDisk::mount(MEBIBYTES) else { return };
    let Some(app) = App::embedded_in(disk.path(), &[]).await else { return };
    let place = app.place(2).await;
    let (device, other) = (app.new_device(&place, Some(0)).await, app.new_device(&place, Some(1)).await);
    let sender = app.device(&device).await;
    let base = app.now_ms() - 50_000_000;
    let (admin, operator, visitor) = (app.admin().await, app.operator().await, app.visitor().await);
    app.tick().await;
    app.anonymous().get("/ready").await.expect(200);

    disk.fill();
    // Each takes its own number of pages, so that one still finds room where another does not any more.
    until_full(async |_| operator.post("/api/alerts/", json!({"severity": "info", "message": "x".repeat(900)})).await, 201).await;
    let reading = |device: &str, number: i64| {
        let mut reading = app.reading(device, 0);
        reading["timestamp"] = rfc3339(base + number).into();
        reading
    };
    let taken = until_full(async |number| sender.post("/api/telemetry/", reading(&device, number)).await, 201).await.len();
    let bulk = async |number: i64| {
        let readings = json!([reading(&other, 2 * number), reading(&other, 2 * number + 1)]);
        operator.post("/api/telemetry/bulk/", readings).await
    };
    until_full(bulk, 200).await;
    let occupancy = async |number: i64| {
        let body = json!({"device_code": device, "is_occupied": number % 2 == 0, "timestamp": rfc3339(base + number)});
        sender.post("/api/parking-log/", body).await
    };
    until_full(occupancy, 201).await;
    let stay = |number: i64| {
        let start = 3600 * (number + 1);
        json!({"spot_id": place.spots[1], "start": app.time(start), "end": app.time(start + 1800), "vehicle_plate": "GJ01AB1234"})
    };
    let stays = until_full(async |number| operator.post("/api/reservations", stay(number)).await, 201).await.len();
    let next_stay = stay(i64::try_from(stays).unwrap());
    expect_full(&operator.header("idempotency-key", "k-1").post("/api/reservations", next_stay.clone()).await);
    until_full(async |number| visitor.patch("/api/users/me", json!({"name": format!("Somebody {number}")})).await, 200).await;
    until_full(async |number| admin.patch(&format!("/api/devices/{device}"), json!({"firmware": number.to_string()})).await, 200).await;
    until_full(async |_| login(&app).await, 200).await;

    // What is there can be read.
    for (caller, path) in [(&operator, "/api/dashboard/overview/"), (&operator, "/api/alerts/?limit=5"), (&visitor, "/api/sites")] {
        caller.get(path).await.expect(200);
    }
    let ready = eventually("it says so", Duration::from_secs(5), async || {
        let ready = app.anonymous().get("/ready").await;
        (ready.status == 503).then_some(ready)
    })
    .await;
    assert!(!ready.header("retry-after").is_empty());
    assert_eq!((&ready.json()["checks"]["writable"], &ready.json()["checks"]["database"]), (&json!("disk_full"), &json!("ok")));

    disk.make_room();
    sender.post("/api/telemetry/", reading(&device, 100_000)).await.expect(201);
    operator.header("idempotency-key", "k-1").post("/api/reservations", next_stay).await.expect(201);
    assert_eq!(login(&app).await.status, 200);
    app.tick().await;
    eventually("it is ready again", Duration::from_secs(5), async || (app.anonymous().get("/ready").await.status == 200).then_some(()))
        .await;
    let mut stored = stored_readings(&app, &device);
    assert_eq!(stored.pop(), Some(base + 100_000));
    let wanted: Vec<i64> = (0..i64::try_from(taken).unwrap()).map(|number| base + number).collect();
    assert_eq!(stored, wanted, "what was acknowledged is stored, and what was refused is not");
    let damage: String = app.db().query_row("pragma integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(damage, "ok");
}

fn stored_readings(app: &App, device: &str) -> Vec<i64> {
    let db = app.db();
    let sql = "select r.at from readings r join devices d on d.id = r.device_id where d.code = ? order by r.at";
    let mut statement = db.prepare(sql).unwrap();
    statement.query_map([device], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

async fn login(app: &App) -> Response {
    let (email, password) = app.admin_credentials();
    app.anonymous().post("/api/auth/login", json!({"email": email, "password": password})).await
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn many_at_once_on_a_full_disk_are_each_stored_or_refused() {
    let Some(disk) = SmallDisk::mount(MEBIBYTES) else { return };
    let Some(app) = App::embedded_in(disk.path(), &[]).await else { return };
    let place = app.place(1).await;
    let device = app.new_device(&place, Some(0)).await;
    let sender = app.device(&device).await;
    disk.fill();
    // Side by side they share commits: of a group whose commit has no room, none may be told that it is stored.
    let base = app.now_ms() - 50_000_000;
    let send = |number: i64| {
        let (sender, device): (&Client, &str) = (&sender, &device);
        async move {
            let at = rfc3339(base + number);
            let reading = json!({"device_code": device, "voltage": 230.0, "current": 1.0, "power_factor": 1.0, "timestamp": at});
            let answer = sender.request(Method::POST, "/api/telemetry/").json(&reading).send().await.unwrap();
            (base + number, answer.status().as_u16())
        }
    };
    let (mut taken, mut refused) = (BTreeSet::new(), 0);
    for round in 0..400 {
        for (at, status) in futures::future::join_all((0..32).map(|one| send(round * 32 + one))).await {
            match status {
                201 => drop(taken.insert(at)),
                503 => refused += 1,
                other => panic!("{other}"),
            }
        }
        if refused > 100 {
            break;
        }
    }
    assert!(refused > 100, "{refused}");
    disk.make_room();
    let stored: BTreeSet<i64> = stored_readings(&app, &device).into_iter().collect();
    assert_eq!(stored, taken);
    sender.post("/api/telemetry/", app.reading(&device, 0)).await.expect(201);
}
