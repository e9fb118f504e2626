//! Booking under concurrency: the sum of live party sizes never exceeds a slot's capacity (docs/reference/rules.md). Two hundred clients
//! book, cancel, book again and wait for the last places of one slot; then the same with kill -9 in between.

#[path = "booking_race/audit.rs"]
mod audit;
#[path = "booking/support.rs"]
#[allow(dead_code, reason = "shared with the suite of bookings")]
mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use audit::replay;
use futures::future::join_all;
use gatehouse_tests::process::{Process, serve_if_asked};
use gatehouse_tests::{App, Client};
use reqwest::Method;
use serde_json::{Value, json};
use support::{Temple, id, path};

const CAPACITY: i64 = 60;
const CLIENTS: usize = 200;
const PILGRIMS: usize = 10;

#[tokio::test(flavor = "multi_thread")]
async fn server_process() {
    serve_if_asked().await;
}

/// Sends until the application has an answer: busy is none. None when it is gone.
async fn send(client: &Client, method: Method, path: &str, key: Option<&str>, body: &Value) -> Option<(u16, Value)> {
    for _ in 0..100 {
        let mut request = client.request(method.clone(), path).json(body);
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        let answer = request.send().await.ok()?;
        let status = answer.status().as_u16();
        let body = answer.json().await.ok()?;
        if status != 503 {
            return Some((status, body));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{method} {path}: busy all the time");
}

/// The people who hold places of this temple.
const PLACES_SOLD: &str =
    "select coalesce(sum(party_size), 0) from bookings where site = ? and status in ('confirmed', 'checked_in', 'exited', 'no_show')";

/// Every answer with 201, by its client and key.
#[derive(Default)]
struct Acknowledged {
    booked: Mutex<BTreeMap<String, Value>>,
    cancelled: Mutex<BTreeSet<String>>,
}

impl Acknowledged {
    /// Notes an answer; of one key there is only one booking.
    fn booking(&self, key: &str, booking: &Value) {
        let mut booked = self.booked.lock().unwrap();
        let known = booked.entry(key.to_owned()).or_insert_with(|| booking.clone());
        assert_eq!(id(known), id(booking), "one key booked twice");
    }

    fn ids(&self) -> BTreeSet<String> {
        self.booked.lock().unwrap().values().map(|booking| id(booking).to_owned()).collect()
    }

    fn cancelled(&self, id: &str) {
        self.cancelled.lock().unwrap().insert(id.to_owned());
    }
}

/// What a key asks for. The same key asks for the same again.
fn request_body(temple: &Temple, client: usize) -> Value {
    temple.booking_body(1 + (client * 7 % 10) as i64)
}

/// One client: books, or waits when the slot is full; now and then gives its booking back and books anew. None when the application
/// is gone.
async fn run_client(pilgrim: &Client, temple: &Temple, client: usize, round: usize, acknowledged: &Acknowledged) -> Option<()> {
    let body = request_body(temple, client);
    for turn in 0..3 {
        let key = format!("book-{client}-{round}-{turn}");
        // A client that does not trust its network asks twice at once.
        let (one, two) = tokio::join!(
            send(pilgrim, Method::POST, "/api/bookings/", Some(&key), &body),
            send(pilgrim, Method::POST, "/api/bookings/", Some(&key), &body)
        );
        let answers = [one?, two?];
        let mut mine = None;
        for (status, body) in &answers {
            match status {
                201 => {
                    acknowledged.booking(&key, body);
                    mine = Some(body.clone());
                }
                409 => assert_eq!(body["reason"], "full", "{body}"),
                _ => panic!("{status}: {body}"),
            }
        }
        if mine.is_none() {
            let key = format!("wait-{client}-{round}-{turn}");
            let (status, body) = send(pilgrim, Method::POST, "/api/bookings/waitlist", Some(&key), &body).await?;
            match status {
                201 => {
                    assert!(matches!(body["status"].as_str(), Some("waitlisted")), "{body}");
                    acknowledged.booking(&key, &body);
                    mine = Some(body);
                }
                // Somebody gave theirs back meanwhile.
                409 => assert_eq!(body["reason"], "places_left", "{body}"),
                _ => panic!("{status}: {body}"),
            }
        }
        let Some(mine) = mine else { continue };
        if (client + turn) % 3 == 2 {
            return Some(());
        }
        // Whether it waits or has its places by now: it is given back.
        let (status, body) = send(pilgrim, Method::PATCH, &format!("{}/cancel", path(&mine)), None, &json!({})).await?;
        assert!(status == 200 || (status == 409 && body["reason"] == "cancelled"), "{status}: {body}");
        acknowledged.cancelled(id(&mine));
    }
    Some(())
}

async fn pilgrims(app: &App, known: &[(String, String)]) -> Vec<Client> {
    join_all(known.iter().map(|(email, password)| app.login(email, password))).await
}

async fn new_pilgrims(app: &App) -> Vec<(String, String)> {
    join_all((0..PILGRIMS).map(|_| app.new_user("visitor", json!({})))).await
}

/// Takes all but a few of the places, so that the race is for the last ones.
async fn book_most_places(pilgrim: &Client, temple: &Temple, acknowledged: &Acknowledged) -> Vec<Value> {
    let mut taken = Vec::new();
    for party in [10, 10, 10, 10, 8] {
        let key = format!("first-{party}-{}", acknowledged.ids().len());
        let (status, body) =
            send(pilgrim, Method::POST, "/api/bookings/", Some(&key), &temple.booking_body(party)).await.expect("an answer");
        assert_eq!(status, 201, "{body}");
        acknowledged.booking(&key, &body);
        taken.push(body);
    }
    taken
}

/// Gives them back one by one, amid the race. None when the application is gone.
async fn cancel_all(pilgrim: &Client, taken: &[Value], acknowledged: &Acknowledged) -> Option<()> {
    for booking in taken {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let (status, body) = send(pilgrim, Method::PATCH, &format!("{}/cancel", path(booking)), None, &json!({})).await?;
        assert_eq!(status, 200, "{body}");
        acknowledged.cancelled(id(booking));
    }
    Some(())
}

fn stored(app: &App, temple: &Temple) -> BTreeMap<String, String> {
    let db = app.db();
    let mut statement = db.prepare("select id, status from bookings where site = ?").unwrap();
    let rows = statement.query_map([&temple.slug], |row| Ok((row.get(0)?, row.get(1)?)));
    rows.unwrap().map(Result::unwrap).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_clients_never_overbook_the_last_places() {
    let app = App::start().await;
    let temple = Temple::create(&app, CAPACITY).await;
    let known = new_pilgrims(&app).await;
    let pilgrims = pilgrims(&app, &known).await;
    let acknowledged = Acknowledged::default();
    let taken = book_most_places(&pilgrims[0], &temple, &acknowledged).await;

    let (over, watched) = (AtomicBool::new(false), AtomicUsize::new(0));
    let watcher = async {
        let db = app.db();
        let mut statement = db.prepare(PLACES_SOLD).unwrap();
        while !over.load(Ordering::Relaxed) {
            let sold: i64 = statement.query_row([&temple.slug], |row| row.get(0)).unwrap();
            assert!(sold <= CAPACITY, "{sold} people hold {CAPACITY} places");
            watched.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let race = async {
        let clients = (0..CLIENTS).map(|client| run_client(&pilgrims[client % PILGRIMS], &temple, client, 0, &acknowledged));
        let (finished, given_back) = tokio::join!(join_all(clients), cancel_all(&pilgrims[0], &taken, &acknowledged));
        over.store(true, Ordering::Relaxed);
        assert!(given_back.is_some() && finished.iter().all(Option::is_some), "the application is gone");
    };
    tokio::join!(watcher, race);

    assert!(watched.into_inner() > 20, "the race was watched");
    let stored = stored(&app, &temple);
    assert_eq!(stored.keys().cloned().collect::<BTreeSet<_>>(), acknowledged.ids(), "what was told and nothing else");
    for id in acknowledged.cancelled.lock().unwrap().iter() {
        assert_eq!(stored[id], "cancelled");
    }
    let counts = replay(&app.db(), &temple.slug, CAPACITY);
    eprintln!("{counts:?}");
    assert!(counts.promoted > 10 && counts.waited > 100 && counts.cancelled > 100 && counts.passed_over > 0, "{counts:?}");
    let slots = app.anonymous().get(&temple.slots_path()).await.expect(200);
    assert_eq!(slots["items"][0]["booked"], temple.places_sold(&app));
    // Each place that was given was told of, once.
    let told = "select count(*) from outbox where topic = 'booking.promoted' and subject in (select id from bookings where site = ?)";
    let told: i64 = app.db().query_row(told, [&temple.slug], |row| row.get(0)).unwrap();
    assert_eq!(usize::try_from(told).unwrap(), counts.promoted);
}

/// The reason of a refusal is that of the statement which refused: a look at the slot afterwards, when others have come and gone, finds other
/// ones. Here a slot is emptied and filled all the time, and hardly anybody waits.
#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_says_why_it_was_refused_amid_a_race() {
    let app = App::start().await;
    let temple = Temple::create(&app, 10).await;
    let (booker, waiters) = (app.visitor().await, join_all((0..8).map(|_| app.visitor())).await);
    let over = AtomicBool::new(false);
    let booking = async {
        for _ in 0..80 {
            if let Some((201, mine)) = send(&booker, Method::POST, "/api/bookings/", None, &temple.booking_body(10)).await {
                send(&booker, Method::PATCH, &format!("{}/cancel", path(&mine)), None, &json!({})).await.expect("an answer");
            }
        }
        over.store(true, Ordering::Relaxed);
    };
    let reasons = Mutex::new(BTreeMap::<String, usize>::new());
    let waiting = waiters.iter().map(|waiter| async {
        while !over.load(Ordering::Relaxed) {
            let (status, body) =
                send(waiter, Method::POST, "/api/bookings/waitlist", None, &temple.booking_body(10)).await.expect("an answer");
            match status {
                201 => {
                    let cancel = format!("{}/cancel", path(&body));
                    let (status, body) = send(waiter, Method::PATCH, &cancel, None, &json!({})).await.expect("an answer");
                    assert_eq!(status, 200, "{body}");
                }
                409 => *reasons.lock().unwrap().entry(body["reason"].as_str().unwrap().to_owned()).or_default() += 1,
                _ => panic!("{status}: {body}"),
            }
        }
    });
    tokio::join!(booking, join_all(waiting));
    let reasons = reasons.into_inner().unwrap();
    eprintln!("{reasons:?}");
    assert_eq!(reasons.keys().collect::<Vec<_>>(), ["places_left"], "{reasons:?}");
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn kill_9_loses_no_booking_and_sells_none_twice() {
    let directory = tempfile::tempdir().unwrap();
    let acknowledged = Acknowledged::default();
    let mut known = Vec::new();
    let mut temple = None;
    let mut taken = Vec::new();
    for round in 0..2 {
        let server = Process::start(directory.path(), &[]);
        if temple.is_none() {
            temple = Some(Temple::create(&server.app, CAPACITY).await);
            known = new_pilgrims(&server.app).await;
        }
        let temple = temple.as_ref().unwrap();
        let pilgrims = pilgrims(&server.app, &known).await;
        if round == 0 {
            taken = book_most_places(&pilgrims[0], temple, &acknowledged).await;
        }
        let before = acknowledged.ids().len();
        let clients = (0..CLIENTS).map(|client| run_client(&pilgrims[client % PILGRIMS], temple, client, round, &acknowledged));
        let killer = async {
            while acknowledged.ids().len() < before + 60 {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            server.kill_9();
        };
        let given_back = async {
            // Two before each crash, if it comes to that.
            cancel_all(&pilgrims[0], &taken[2 * round..2 * round + 2], &acknowledged).await;
        };
        let (finished, (), ()) = tokio::join!(join_all(clients), killer, given_back);
        assert!(finished.iter().any(Option::is_none), "it was killed amid the race");
    }

    let server = Process::start(directory.path(), &[]);
    let (app, temple) = (&server.app, temple.unwrap());
    let after_crash = stored(app, &temple);
    let lost: Vec<_> = acknowledged.ids().into_iter().filter(|id| !after_crash.contains_key(id)).collect();
    assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
    for id in acknowledged.cancelled.lock().unwrap().iter() {
        assert_eq!(after_crash[id], "cancelled", "given back, and yet not");
    }
    assert!(temple.places_sold(app) <= CAPACITY);
    replay(&app.db(), &temple.slug, CAPACITY);

    // Every key is asked again: what was answered is answered the same, and what was committed unheard is told now.
    let pilgrims = pilgrims(app, &known).await;
    let told = acknowledged.booked.lock().unwrap().clone();
    let (mut replayed, mut unheard) = (0, BTreeSet::new());
    for client in 0..CLIENTS {
        for round in 0..2 {
            for turn in 0..3 {
                for (kind, target) in [("book", "/api/bookings/"), ("wait", "/api/bookings/waitlist")] {
                    let key = format!("{kind}-{client}-{round}-{turn}");
                    let kept: i64 =
                        app.db().query_row("select count(*) from idempotency_keys where key = ?", [&key], |row| row.get(0)).unwrap();
                    assert!(kept == 1 || !told.contains_key(&key), "{key} was answered and is forgotten");
                    if kept == 0 {
                        continue;
                    }
                    let (status, again) =
                        send(&pilgrims[client % PILGRIMS], Method::POST, target, Some(&key), &request_body(&temple, client)).await.unwrap();
                    assert_eq!(status, 201, "{again}");
                    match told.get(&key) {
                        Some(first) => assert_eq!(first, &again, "the first answer, word for word"),
                        None => {
                            unheard.insert(id(&again).to_owned());
                        }
                    }
                    replayed += 1;
                }
            }
        }
    }
    eprintln!("{replayed} answers again, {} of them for the first time", unheard.len());
    let mut all = acknowledged.ids();
    all.extend(unheard);
    let now = stored(app, &temple);
    assert_eq!(now.keys().cloned().collect::<BTreeSet<_>>(), all, "every booking was told to whoever asked, and none was made twice");
    assert_eq!(now, after_crash, "asking again changed nothing");
}
