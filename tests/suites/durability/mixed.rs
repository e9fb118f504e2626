//! kill -9 under a mixed load, again and again: of everything that was acknowledged, what is stored. `GATEHOUSE_KILLS=100 cargo test --release
//! --workspace --test durability mixed -- --nocapture` does it a hundred times and shows the figures.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use futures::future::join_all;
use gatehouse_tests::process::{Options, Process};
use gatehouse_tests::{App, Client, Place, clock_at_start, rfc3339, unique};
use reqwest::Method;
use serde_json::{Value, json};

/// How often the application is killed, unless `GATEHOUSE_KILLS` says otherwise.
const KILLS: u32 = 4;

/// How long the load lasts before a kill, and how many different lengths there are: no kill meets the same moment of the work.
const LOAD: Duration = Duration::from_millis(250);
const LENGTHS: u32 = 17;

/// What a sender sends, in turn.
const KINDS: [&str; 7] = ["reading", "readings in bulk", "occupancy", "alert", "emergency", "booking", "reservation"];

/// Ids of what was acknowledged, by kind.
type Acknowledged = BTreeMap<&'static str, BTreeSet<String>>;

/// What there is to send to, made once.
struct Setting {
    place: Place,
    temple: String,
    devices: Vec<String>,
    people: Vec<(String, String)>,
}

const SENDERS: usize = 16;

impl Setting {
    async fn make(app: &App) -> Self {
        let place = app.place(SENDERS).await;
        let admin = app.admin().await;
        let temple = unique("temple");
        let site = json!({
            "slug": temple, "name": "A temple", "kind": "temple", "latitude": 20.9, "longitude": 70.4, "time_zone": "UTC", "capacity": 5000,
        });
        admin.post("/api/sites", site).await.expect(201);
        let days = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
        let slot = json!({"weekdays": days, "start": "06:00", "end": "07:00", "capacity": 100_000, "bookings_per_person": 1_000});
        admin.post(&format!("/api/sites/{temple}/slots"), slot).await.expect(201);
        let (mut devices, mut people) = (Vec::new(), Vec::new());
        for sender in 0..SENDERS {
            devices.push(app.new_device(&place, Some(sender)).await);
            people.push(app.new_user("operator", json!({})).await);
        }
        Self { place, temple, devices, people }
    }
}

/// One of the senders, in one round.
struct Sender<'a> {
    setting: &'a Setting,
    /// When the round began.
    now_ms: i64,
    caller: Client,
    number: usize,
    round: u32,
    /// The time of its next reading, which no other has.
    at_ms: i64,
}

impl Sender<'_> {
    fn time(&mut self) -> String {
        self.at_ms += 1;
        rfc3339(self.at_ms)
    }

    fn reading(&mut self) -> (Value, String) {
        let timestamp = self.time();
        let device = &self.setting.devices[self.number];
        (
            json!({"device_code": device, "voltage": 230.0, "current": 1.0, "power_factor": 1.0, "timestamp": timestamp}),
            format!("{device} {}", self.at_ms),
        )
    }

    /// The request of this kind; what it makes is known by these ids, or by the one of its answer.
    fn request(&mut self, kind: &str, count: u32) -> (reqwest::RequestBuilder, Option<Vec<String>>) {
        let post = |path: &str, body: &Value| self.caller.request(Method::POST, path).json(body);
        match kind {
            "reading" => {
                let (reading, id) = self.reading();
                (self.caller.request(Method::POST, "/api/telemetry/").json(&reading), Some(vec![id]))
            }
            "readings in bulk" => {
                let (readings, ids): (Vec<_>, Vec<_>) = (0..20).map(|_| self.reading()).unzip();
                (self.caller.request(Method::POST, "/api/telemetry/bulk/").json(&readings), Some(ids))
            }
            "occupancy" => {
                let timestamp = self.time();
                let device = &self.setting.devices[self.number];
                let body = json!({"device_code": device, "is_occupied": count.is_multiple_of(2), "timestamp": timestamp});
                (self.caller.request(Method::POST, "/api/parking-log/").json(&body), Some(vec![format!("{device} {}", self.at_ms)]))
            }
            "alert" => {
                (post("/api/alerts/", &json!({"severity": "critical", "alert_type": "intrusion", "message": "A gate is open"})), None)
            }
            "emergency" => (post("/api/emergency/", &json!({"type": "medical", "temple_id": self.setting.temple})), None),
            "booking" => {
                let date = rfc3339(self.now_ms + 86_400_000)[..10].to_owned();
                let body = json!({"temple_id": self.setting.temple, "date": date, "slot": "06:00-07:00", "party_size": 2});
                (self.caller.request(Method::POST, "/api/bookings/").header("idempotency-key", unique("key")).json(&body), None)
            }
            _ => {
                // A spot of its own, a quarter of an hour of its own.
                let start = self.now_ms + 3_600_000 + 1_200_000 * i64::from(self.round * 60 + count);
                let body = json!({
                    "spot_id": self.setting.place.spots[self.number], "start": rfc3339(start), "end": rfc3339(start + 900_000),
                    "vehicle_plate": "GJ01AB1234",
                });
                (post("/api/reservations", &body), None)
            }
        }
    }

    /// Sends until the application is gone.
    async fn send(mut self, heard: &Mutex<Acknowledged>) {
        for count in 0.. {
            // Each sender begins with another, so that all are under way when the first answers come.
            let first = self.number % KINDS.len();
            for kind in KINDS.into_iter().cycle().skip(first).take(KINDS.len()) {
                if kind == "reservation" && count >= 60 {
                    continue;
                }
                let (request, ids) = self.request(kind, count);
                let Ok(answer) = request.send().await else { return };
                let status = answer.status().as_u16();
                assert!(status == 200 || status == 201, "{kind}: {status} {}", answer.text().await.unwrap_or_default());
                // Acknowledged with the status line: what the answer says is needed to know which it was.
                let ids = match ids {
                    Some(ids) => ids,
                    None => match answer.json::<Value>().await {
                        Ok(made) => vec![made["id"].as_str().expect("an id").to_owned()],
                        Err(_) => return,
                    },
                };
                heard.lock().unwrap().entry(kind).or_default().extend(ids);
            }
        }
    }
}

/// Everything of each kind that is stored.
fn stored(app: &App) -> Acknowledged {
    let db = app.db();
    let ids = |sql: &str| -> BTreeSet<String> {
        let mut statement = db.prepare(sql).unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    };
    let readings = ids("select d.code || ' ' || r.at from readings r join devices d on d.id = r.device_id");
    BTreeMap::from([
        ("reading", readings.clone()),
        ("readings in bulk", readings),
        ("occupancy", ids("select d.code || ' ' || l.at from occupancy_log l join devices d on d.id = l.device_id")),
        ("alert", ids("select id from alerts a where exists (select 1 from outbox where subject = a.id)")),
        ("emergency", ids("select id from emergencies e where exists (select 1 from outbox where subject = e.id)")),
        ("booking", ids("select id from bookings")),
        ("reservation", ids("select id from reservations")),
    ])
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn mixed_load_loses_nothing_that_was_acknowledged_however_often_it_is_killed() {
    let kills = std::env::var("GATEHOUSE_KILLS").ok().map_or(KILLS, |kills| kills.parse().expect("a number of kills"));
    let directory = tempfile::tempdir().unwrap();
    let began = Instant::now();
    let heard: Mutex<Acknowledged> = Mutex::default();
    let mut setting = None;
    // Everybody signs in each time: within a minute that is more than one address may.
    let clock = clock_at_start();
    for round in 0..kills {
        clock.advance(Duration::from_secs(61));
        let server = Process::start_with(directory.path(), &[], Options { clock: Some(clock.clone()), ..Options::default() });
        if setting.is_none() {
            setting = Some(Setting::make(&server.app).await);
        }
        let setting = setting.as_ref().expect("it was made");
        let mut senders = Vec::new();
        for (number, (email, password)) in setting.people.iter().enumerate() {
            let caller = server.app.login(email, password).await;
            let now_ms = server.app.now_ms();
            let at_ms = now_ms - 600_000_000 + i64::from(round) * 1_000_000 + i64::try_from(number).unwrap() * 50_000;
            senders.push(Sender { setting, now_ms, caller, number, round, at_ms });
        }
        let count = || heard.lock().unwrap().values().map(BTreeSet::len).sum::<usize>();
        let before = count();
        let killer = async {
            // The first answers wait for the components to be loaded.
            while count() < before + 100 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            tokio::time::sleep(LOAD + Duration::from_millis(23) * (round % LENGTHS)).await;
            server.kill_9();
        };
        tokio::join!(join_all(senders.into_iter().map(|sender| sender.send(&heard))), killer);
    }
    let server = Process::start_with(directory.path(), &[], Options { clock: Some(clock), ..Options::default() });
    let (acknowledged, stored) = (heard.into_inner().unwrap(), stored(&server.app));
    let damage: String = server.app.db().query_row("pragma integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(damage, "ok");
    let mut all_lost = 0;
    for kind in KINDS {
        let lost = acknowledged[kind].difference(&stored[kind]).count();
        eprintln!("{kind}: {} acknowledged, {lost} lost", acknowledged[kind].len());
        assert!(acknowledged[kind].len() >= SENDERS, "{kind} was hardly sent");
        all_lost += lost;
    }
    let all: usize = acknowledged.values().map(BTreeSet::len).sum();
    eprintln!("{kills} kills in {:?}: {all} acknowledged, {all_lost} lost", began.elapsed());
    assert_eq!(all_lost, 0);
}
