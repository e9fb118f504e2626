//! Reservations under concurrency: two reservations never overlap on one spot, however many arrive at once; no payment is lost, no hold is
//! stuck, and each refusal names the next free time. The same while the program is killed and started again.

#[path = "reservation_race/drivers.rs"]
mod drivers;
#[path = "reservations/support.rs"]
mod support;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::future::join_all;
use gatehouse_tests::process::{Process, serve_if_asked};
use gatehouse_tests::stripe::{KEY, Stripe, WEBHOOK_SECRET, event, sign};
use gatehouse_tests::{App, Client, Place, rfc3339, unique};
use reqwest::Method;
use serde_json::{Value, json};
use support::{assert_no_overlap, minutes};

/// Drivers that race.
const DRIVERS: usize = 200;
/// Attempts of each.
const ATTEMPTS: usize = 15;

#[tokio::test(flavor = "multi_thread")]
async fn server_process() {
    serve_if_asked().await;
}

/// Numbers that differ from driver to driver and from attempt to attempt, the same in each run.
struct Rng(u64);

impl Rng {
    fn below(&mut self, sides: u64) -> u64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % sides
    }
}

/// Counts of the outcomes.
#[derive(Default)]
struct Tally {
    reserved: AtomicUsize,
    taken: AtomicUsize,
    too_many_holds: AtomicUsize,
    paid: AtomicUsize,
    busy: AtomicUsize,
    acknowledged: Mutex<Vec<String>>,
}

/// Sends Stripe's webhooks.
struct WebhookSender {
    anonymous: Client,
    clock: gatehouse::Clock,
}

impl WebhookSender {
    fn from_app(app: &App) -> Self {
        Self { anonymous: app.anonymous(), clock: app.clock() }
    }

    fn now_s(&self) -> i64 {
        i64::try_from(self.clock.since_epoch().as_secs()).unwrap()
    }
}

/// What the drivers of a race share.
struct Race<'a> {
    place: &'a Place,
    base_ms: i64,
    sender: &'a WebhookSender,
    stripe: &'a Stripe,
    tally: &'a Tally,
}

/// One driver's attempts: at a spot, or at any of the kind, for one of a few hours that everybody wants. Of what they get they pay, or cancel,
/// or forget. False once the application cannot be reached.
async fn run_driver(race: &Race<'_>, driver: &Client, seed: usize, attempts: usize) -> bool {
    let Race { place, base_ms, sender, stripe, tally } = race;
    let mut rng = Rng(seed as u64);
    for _ in 0..attempts {
        let hour = i64::try_from(rng.below(6)).unwrap();
        let start = base_ms + hour * 3_600_000;
        let end = start + 3_600_000 + i64::try_from(rng.below(3)).unwrap() * 1_800_000;
        let mut body = json!({"start": rfc3339(start), "end": rfc3339(end), "vehicle_plate": format!("GJ{seed:06}")});
        if rng.below(2) == 0 {
            body["spot_id"] = json!(place.spots[usize::try_from(rng.below(place.spots.len() as u64)).unwrap()]);
        } else {
            body["site"] = json!(place.site);
            body["kind"] = json!("standard");
        }
        let mut tries = 0;
        let (status, answer) = loop {
            let Some(answered) = call(driver, Method::POST, "/api/reservations", &body).await else { return false };
            tries += 1;
            // A database that is busy for seconds says so, on a machine with much else to do; that is no answer to the question.
            if answered.0 != 503 || tries == 20 {
                break answered;
            }
            tally.busy.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(Duration::from_millis(200)).await;
        };
        match status {
            201 => {
                tally.reserved.fetch_add(1, Ordering::Relaxed);
                let id = answer["id"].as_str().unwrap().to_owned();
                tally.acknowledged.lock().unwrap().push(id.clone());
                if !follow_up(sender, stripe, driver, &id, rng.below(5), tally).await {
                    return false;
                }
            }
            409 if answer["reason"] == "taken" => {
                tally.taken.fetch_add(1, Ordering::Relaxed);
                let next = answer["next_free_at"].as_str().unwrap_or_else(|| panic!("no next free time: {answer}"));
                let next = chrono::DateTime::parse_from_rfc3339(next).unwrap().timestamp_millis();
                assert!(next >= start && answer["detail"].as_str().unwrap().contains("can begin at"), "{answer}");
            }
            409 if answer["reason"] == "too_many_holds" => {
                tally.too_many_holds.fetch_add(1, Ordering::Relaxed);
            }
            other => panic!("{other}: {answer}"),
        }
    }
    true
}

async fn follow_up(sender: &WebhookSender, stripe: &Stripe, driver: &Client, id: &str, choice: u64, tally: &Tally) -> bool {
    if choice == 4 {
        // Forgotten: the hold lapses.
        return true;
    }
    if choice == 3 {
        return call(driver, Method::DELETE, &format!("/api/reservations/{id}"), &Value::Null).await.is_some();
    }
    let Some((status, made)) = call(driver, Method::POST, "/api/payments/create-intent", &json!({"reservation_id": id})).await else {
        return false;
    };
    if status != 201 {
        assert_eq!(status, 503, "{made}");
        return true;
    }
    let intent = made["payment_intent_id"].as_str().unwrap().to_owned();
    match choice {
        // The device pays at Stripe and tells us.
        0 => {
            stripe.pay(&intent);
            if call(driver, Method::POST, "/api/payments/confirm", &json!({"payment_intent_id": intent})).await.is_none() {
                return false;
            }
        }
        // The device pays and dies: Stripe tells us.
        1 => {
            stripe.pay(&intent);
            let event = event(&unique("evt").replace('-', "_"), "payment_intent.succeeded", &stripe.intent(&intent)).to_string();
            let signature = sign(event.as_bytes(), sender.now_s(), &[WEBHOOK_SECRET]);
            let told = sender.anonymous.header("stripe-signature", &signature);
            let sent =
                told.request(Method::POST, "/api/webhooks/stripe").header("content-type", "application/json").body(event).send().await;
            if sent.is_err() {
                return false;
            }
        }
        // It is confirmed here.
        _ => {
            let body = json!({"payment_intent_id": intent, "payment_method": "pm_card_visa"});
            if call(driver, Method::POST, "/api/payments/confirm", &body).await.is_none() {
                return false;
            }
        }
    }
    tally.paid.fetch_add(1, Ordering::Relaxed);
    true
}

/// Status and body; none once the application cannot be reached.
async fn call(caller: &Client, method: Method, path: &str, body: &Value) -> Option<(u16, Value)> {
    let mut request = caller.request(method, path);
    if !body.is_null() {
        request = request.json(body);
    }
    let answer = request.send().await.ok()?;
    let status = answer.status().as_u16();
    Some((status, answer.json().await.ok()?))
}

/// Every payment that Stripe took either paid for a reservation or was refunded in full, and no reservation is paid without one.
fn assert_no_lost_payment(app: &App, stripe: &Stripe) {
    let db = app.db();
    let sql = "select p.intent, r.status, r.paid, r.price, p.received, p.state,
            (select coalesce(sum(f.amount), 0) from refunds f where f.payment = p.id and f.state = 'succeeded')
        from payments p join reservations r on r.id = p.reservation where p.intent is not null";
    let mut statement = db.prepare(sql).unwrap();
    let rows = statement.query_map([], |row| {
        let intent: String = row.get(0)?;
        Ok((
            intent,
            (
                row.get::<_, String>(1)?,
                row.get::<_, i64>(2)?,
                row.get::<_, i64>(3)?,
                row.get::<_, i64>(4)?,
                row.get::<_, String>(5)?,
                row.get::<_, i64>(6)?,
            ),
        ))
    });
    let known: BTreeMap<_, _> = rows.unwrap().map(Result::unwrap).collect();
    let mut taken = 0;
    for (id, intent) in stripe.intents() {
        if intent["status"] != "succeeded" {
            continue;
        }
        let amount = intent["amount"].as_i64().unwrap();
        let (status, paid, price, received, state, refunded) =
            known.get(&id).unwrap_or_else(|| panic!("{id} was paid and is not known here"));
        assert_eq!((state.as_str(), *received), ("succeeded", amount), "{id}");
        assert_eq!(stripe.refunded(&id), *refunded, "{id}");
        if *refunded == 0 {
            assert_eq!((status.as_str(), *paid, *price), ("confirmed", amount, amount), "{id}");
            taken += amount;
        } else {
            assert_eq!((*refunded, *paid), (amount, 0), "{id}: {status}");
        }
    }
    let kept: i64 = db.query_row("select coalesce(sum(paid), 0) from reservations", [], |row| row.get(0)).unwrap();
    assert_eq!(kept, taken);
}

fn count(app: &App, condition: &str) -> i64 {
    app.db().query_row(&format!("select count(*) from reservations where {condition}"), [], |row| row.get(0)).unwrap()
}

/// The next full hour but one.
fn race_start_ms(app: &App) -> i64 {
    (app.now_ms() / 3_600_000 + 2) * 3_600_000
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn two_hundred_drivers_race_for_the_same_spots() {
    let stripe = Stripe::start().await;
    let Some(app) = App::embedded(&stripe.variables()).await else { return };
    let place = support::car_park(&app, 12).await;
    let drivers = drivers::sign_in(&app, app.variable("jwt_signing_key"), DRIVERS);
    let (tally, base_ms, sender) = (Tally::default(), race_start_ms(&app), WebhookSender::from_app(&app));
    let began = std::time::Instant::now();
    let race = Race { place: &place, base_ms, sender: &sender, stripe: &stripe, tally: &tally };
    let races = drivers.iter().enumerate().map(|(seed, driver)| run_driver(&race, driver, seed, ATTEMPTS));
    assert!(join_all(races).await.into_iter().all(|all| all), "the application went away");
    let (reserved, taken, held) = (tally.reserved.into_inner(), tally.taken.into_inner(), tally.too_many_holds.into_inner());
    let (paid, busy) = (tally.paid.into_inner(), tally.busy.into_inner());
    eprintln!(
        "{} attempts in {:?}: {reserved} reserved, {taken} taken, {held} held too many, {paid} paid, {busy} busy",
        DRIVERS * ATTEMPTS,
        began.elapsed()
    );
    assert_eq!(reserved + taken + held, DRIVERS * ATTEMPTS);
    assert!(taken > 1_000 && paid > 20, "hardly a race");
    assert!(assert_no_overlap(&app) > 10);

    // Holds that were forgotten let go of their spots, and nothing is left open.
    app.advance(minutes(16));
    app.tick().await;
    app.advance(minutes(5));
    app.tick().await;
    assert_eq!(count(&app, "status = 'pending_payment'"), 0);
    assert_no_overlap(&app);
    assert_no_lost_payment(&app, &stripe);
    let open: i64 = app
        .db()
        .query_row("select count(*) from payments where state in ('creating', 'open', 'processing')", [], |row| row.get(0))
        .unwrap();
    assert_eq!(open, 0);
    // What is offered now is just what nobody keeps.
    let kept = count(&app, &format!("status = 'confirmed' and starts_at < {} and ends_at > {base_ms}", base_ms + 3_600_000));
    let path = format!("/api/spots/available?site={}&from={}&to={}", place.site, rfc3339(base_ms), rfc3339(base_ms + 3_600_000));
    let offered = app.anonymous().get(&path).await.expect(200)["items"].as_array().unwrap().len();
    assert_eq!(i64::try_from(offered).unwrap() + kept, 12);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn one_spot_has_one_winner() {
    let Some(app) = App::embedded(&[]).await else { return };
    let place = support::car_park(&app, 1).await;
    let drivers = drivers::sign_in(&app, app.variable("jwt_signing_key"), DRIVERS);
    let body = support::reservation_body(&app, &place.spots[0], 60, 60);
    let answers = join_all(drivers.iter().map(|driver| driver.post("/api/reservations", body.clone()))).await;
    let winners: Vec<_> = answers.iter().filter(|answer| answer.status == 201).collect();
    assert_eq!(winners.len(), 1);
    let end = winners[0].json()["end"].clone();
    for loser in answers.iter().filter(|answer| answer.status != 201) {
        assert_eq!(support::expect_conflict(loser)["next_free_at"], end);
    }
    // The first who asks for that time gets it.
    let mut after = body;
    after["start"] = end;
    after["end"] = json!(app.time(180 * 60));
    drivers[7].post("/api/reservations", after).await.expect(201);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_change_races_like_a_reservation() {
    let Some(app) = App::embedded(&[]).await else { return };
    let place = support::car_park(&app, 20).await;
    let drivers = drivers::sign_in(&app, app.variable("jwt_signing_key"), 20);
    let made =
        join_all((0..20).map(|index| support::reserve(&drivers[index], support::reservation_body(&app, &place.spots[index], 60, 60))))
            .await;
    // All want to move to the first spot, two hours later.
    let wanted = json!({"spot_id": place.spots[0], "start": app.time(240 * 60), "end": app.time(300 * 60)});
    let moves = made.iter().zip(&drivers).map(|(reservation, driver)| {
        let (path, wanted) = (support::path(reservation), wanted.clone());
        async move { driver.put(&path, wanted).await }
    });
    let answers = join_all(moves).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
    for loser in answers.iter().filter(|answer| answer.status != 200) {
        support::expect_conflict(loser);
    }
    assert_eq!(assert_no_overlap(&app), 20);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn kill_9_in_the_middle_of_it_loses_nothing() {
    let stripe = Stripe::start().await;
    let origin = stripe.variables()[0].1.to_owned();
    let variables = [("stripe_api_base", origin.as_str()), ("stripe_api_key", KEY), ("stripe_webhook_secret", WEBHOOK_SECRET)];
    let directory = tempfile::tempdir().unwrap();
    let mut place: Option<Place> = None;
    let mut acknowledged = Vec::new();
    let mut base_ms = 0;
    for round in 0..3_usize {
        let server = Process::start(directory.path(), &variables);
        if place.is_none() {
            // Each round has hours of its own: those of the one before are sold.
            place = Some(support::car_park(&server.app, 12).await);
            base_ms = race_start_ms(&server.app);
        }
        let place = place.as_ref().unwrap();
        let drivers = drivers::sign_in(&server.app, &signing_key(directory.path()), DRIVERS);
        let (tally, sender) = (Tally::default(), WebhookSender::from_app(&server.app));
        let base_ms = base_ms + i64::try_from(round).unwrap() * 43_200_000;
        let race = Race { place, base_ms, sender: &sender, stripe: &stripe, tally: &tally };
        let races = drivers.iter().enumerate().map(|(seed, driver)| run_driver(&race, driver, 1_000 * (round + 1) + seed, 10_000));
        let killer = async {
            // In the midst of payments.
            while tally.paid.load(Ordering::Relaxed) < 6 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            tokio::time::sleep(Duration::from_millis(20 + 67 * round as u64)).await;
            server.kill_9();
        };
        tokio::join!(join_all(races), killer);
        acknowledged.extend(tally.acknowledged.into_inner().unwrap());
    }

    let server = Process::start(directory.path(), &variables);
    let app = &server.app;
    // What was answered with 201 is there.
    for id in &acknowledged {
        assert_eq!(count(app, &format!("id = '{id}'")), 1, "{id} was acknowledged and is gone");
    }
    assert_no_overlap(app);
    // Time passes: holds end, and what is open is due to be looked at.
    app.db().execute("update reservations set hold_expires_at = ?1 where status = 'pending_payment'", [app.now_ms() - 1]).unwrap();
    for _ in 0..20 {
        app.db().execute("update payments set next_check_at = 0 where state in ('creating', 'open', 'processing')", []).unwrap();
        app.db().execute("update refunds set next_attempt_at = 0 where state in ('pending', 'submitted')", []).unwrap();
        app.tick().await;
        let open = "select (select count(*) from payments where state in ('creating', 'open', 'processing'))
            + (select count(*) from refunds where state in ('pending', 'submitted'))";
        if app.db().query_row(open, [], |row| row.get::<_, i64>(0)).unwrap() == 0 {
            break;
        }
    }
    assert_eq!(count(app, "status = 'pending_payment'"), 0);
    assert_no_overlap(app);
    assert_no_lost_payment(app, &stripe);
    let paid = count(app, "status = 'confirmed'");
    eprintln!("{} acknowledged, {paid} paid for, {} intents at Stripe", acknowledged.len(), stripe.intents().len());
    assert!(paid > 5, "hardly a race");
}

fn signing_key(state: &std::path::Path) -> String {
    let secrets: Value = serde_json::from_slice(&std::fs::read(state.join("secrets.json")).unwrap()).unwrap();
    secrets["jwt_signing_key"].as_str().unwrap().to_owned()
}
