//! Gates: every refusal with its reason, retries, offline scans, exits, how many are inside.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_compact::{KeyPair, Seed};
use gatehouse_tests::{App, Client, unique};
use serde_json::{Value, json};
use sha2::Digest as _;

use crate::support::{Temple, code, path};

/// A pilgrim's e-mail and password, and their bookings: the clock is moved, which ends every token.
struct Fixture {
    app: App,
    temple: Temple,
    pilgrim: (String, String),
}

impl Fixture {
    async fn create() -> Option<Self> {
        let app = App::embedded(&[]).await?;
        let temple = Temple::create(&app, 100).await;
        let pilgrim = app.new_user("visitor", json!({})).await;
        Some(Self { app, temple, pilgrim })
    }

    async fn pilgrim(&self) -> Client {
        self.app.login(&self.pilgrim.0, &self.pilgrim.1).await
    }

    async fn book(&self, party_size: i64) -> Value {
        self.pilgrim().await.post("/api/bookings/", self.temple.booking_body(party_size)).await.expect(201)
    }

    fn scan(&self, booking: &Value) -> Value {
        json!({"temple_id": self.temple.slug, "nonce": unique("nonce"), "ticket": booking["ticket"], "gate": "North"})
    }
}

async fn check_in(operator: &Client, booking: &Value, scan: Value) -> gatehouse_tests::Response {
    operator.post(&format!("{}/checkin", path(booking)), scan).await
}

#[track_caller]
fn expect_refusal(answer: &gatehouse_tests::Response, status: u16, reason: &str) {
    let problem = answer.expect_problem(status);
    assert_eq!(problem["reason"], reason, "{problem}");
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_gate_that_says_nothing_of_itself_lets_in_once() {
    let Some(fixture) = Fixture::create().await else { return };
    let booking = fixture.book(4).await;
    fixture.temple.advance_to_slot(&fixture.app, &booking, -60);
    let operator = fixture.app.operator().await;
    assert_eq!(check_in(&operator, &booking, json!({})).await.expect(200)["status"], "checked_in");
    expect_refusal(&check_in(&operator, &booking, json!({"token": booking["ticket"]})).await, 409, "already_checked_in");
    check_in(&operator, &json!({"id": "no-such-booking"}), json!({})).await.expect_problem(404);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_pilgrim_comes_in_once_and_a_retry_is_answered_the_same() {
    let Some(fixture) = Fixture::create().await else { return };
    let booking = fixture.book(4).await;
    let typed = fixture.book(2).await;
    fixture.temple.advance_to_slot(&fixture.app, &booking, -60);
    let operator = fixture.app.operator().await;
    let scan = fixture.scan(&booking);
    let first = check_in(&operator, &booking, scan.clone()).await.expect(200);
    assert_eq!((&first["status"], &first["gate"]), (&json!("checked_in"), &json!("North")));
    let again = check_in(&operator, &booking, scan.clone()).await;
    assert_eq!(again.expect(200), first);
    assert_eq!(again.header("idempotent-replayed"), "true");
    expect_refusal(&check_in(&operator, &booking, fixture.scan(&booking)).await, 409, "already_checked_in");
    // The nonce is one scan's.
    check_in(&operator, &typed, scan.clone()).await.expect_invalid(&["nonce"]);
    // Two gates at once: one lets in.
    let (a, b) = (fixture.scan(&typed), fixture.scan(&typed));
    let (a, b) = tokio::join!(check_in(&operator, &typed, a), check_in(&operator, &typed, b));
    let mut statuses = [a.status, b.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409]);

    let inside = operator.get(&format!("/api/bookings/temple/{}/inside", fixture.temple.slug)).await.expect(200);
    assert_eq!((&inside["inside"], &inside["parties"], &inside["people"]["checked_in"]), (&json!(6), &json!(2), &json!(6)));
    let exit = format!("{}/exit", path(&booking));
    let exited = operator.post(&exit, json!({"nonce": "exit-nonce-1"})).await.expect(200);
    assert_eq!(exited["status"], "exited");
    assert_eq!(operator.post(&exit, json!({"nonce": "exit-nonce-1"})).await.expect(200), exited);
    expect_refusal(&operator.post(&exit, json!({})).await, 409, "exited");
    expect_refusal(&check_in(&operator, &booking, fixture.scan(&booking)).await, 409, "already_checked_in");
    let inside = operator.get(&format!("/api/bookings/temple/{}/inside", fixture.temple.slug)).await.expect(200);
    assert_eq!((&inside["inside"], &inside["people"]["exited"]), (&json!(2), &json!(4)));

    // Who is not seen to leave is taken to have left, hours later.
    fixture.temple.advance_to_slot(&fixture.app, &booking, 8 * 3600);
    assert_eq!(fixture.app.tick().await["booking"]["left"], 1);
    let operator = fixture.app.operator().await;
    let inside = operator.get(&format!("/api/bookings/temple/{}/inside", fixture.temple.slug)).await.expect(200);
    assert_eq!(inside["inside"], 0);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn each_refusal_names_its_reason() {
    let Some(fixture) = Fixture::create().await else { return };
    let elsewhere = Temple::create(&fixture.app, 10).await;
    let booking = fixture.book(4).await;
    let (cancelled, revoked, reissued) = (fixture.book(1).await, fixture.book(1).await, fixture.book(1).await);
    let pilgrim = fixture.pilgrim().await;
    pilgrim.patch(&format!("{}/cancel", path(&cancelled)), json!({})).await.expect(200);
    let newer = pilgrim.post(&format!("{}/reissue", path(&reissued)), json!({})).await.expect(200);
    assert_ne!(newer["ticket"], reissued["ticket"]);
    let operator = fixture.app.operator().await;
    operator.patch(&format!("{}/revoke", path(&revoked)), json!({})).await.expect(200);
    expect_refusal(&check_in(&operator, &booking, fixture.scan(&booking)).await, 409, "wrong_day");

    fixture.temple.advance_to_slot(&fixture.app, &booking, -31 * 60);
    let operator = fixture.app.operator().await;
    expect_refusal(&check_in(&operator, &booking, fixture.scan(&booking)).await, 409, "too_early");
    fixture.temple.advance_to_slot(&fixture.app, &booking, 60);
    let operator = fixture.app.operator().await;
    expect_refusal(&check_in(&operator, &cancelled, fixture.scan(&cancelled)).await, 409, "cancelled");
    expect_refusal(&check_in(&operator, &revoked, fixture.scan(&revoked)).await, 409, "revoked");
    expect_refusal(&check_in(&operator, &reissued, fixture.scan(&reissued)).await, 409, "revoked");
    let mut scan = fixture.scan(&booking);
    scan["temple_id"] = json!(elsewhere.slug);
    expect_refusal(&check_in(&operator, &booking, scan).await, 409, "wrong_temple");
    // Another booking's ticket, an altered one, and no ticket at all.
    expect_refusal(&check_in(&operator, &booking, fixture.scan(&newer)).await, 422, "bad_signature");
    let altered = booking["ticket"].as_str().unwrap().replacen("GHT1.A", "GHT1.B", 1).replacen("GHT1.", "GHT2.", 1);
    for ticket in [altered.as_str(), "GHT1.AAAA.AAAA", "hello"] {
        let mut scan = fixture.scan(&booking);
        scan["ticket"] = json!(ticket);
        expect_refusal(&check_in(&operator, &booking, scan.clone()).await, 422, "bad_signature");
        // A refusal is answered the same as well.
        let again = check_in(&operator, &booking, scan).await;
        expect_refusal(&again, 422, "bad_signature");
    }
    operator.post("/api/bookings/no-such-booking/checkin", fixture.scan(&booking)).await.expect_problem(404);
    operator.post("/api/bookings/no-such-booking/exit", json!({})).await.expect_problem(404);
    expect_refusal(&operator.post(&format!("{}/exit", path(&booking)), json!({})).await, 409, "not_inside");

    for (scan, fields) in [
        (json!({"temple_id": 3, "nonce": ""}), &["nonce", "temple_id"][..]),
        (json!({"temple_id": fixture.temple.slug, "nonce": "n".repeat(65)}), &["nonce"]),
        (json!({"temple_id": fixture.temple.slug, "nonce": "with a space"}), &["nonce"]),
        (json!({"temple_id": "nowhere", "nonce": "a-good-nonce"}), &["temple_id"]),
        (json!({"temple_id": fixture.temple.slug, "nonce": "a-good-nonce", "ticket": 3, "gate": ""}), &["gate", "ticket"]),
    ] {
        check_in(&operator, &booking, scan).await.expect_invalid(fields);
    }
    // The newer ticket is good, and so is a code that was typed.
    check_in(&operator, &reissued, fixture.scan(&newer)).await.expect(200);
    let typed = json!({"temple_id": fixture.temple.slug, "nonce": unique("nonce")});
    let by_code = operator.post(&format!("/api/bookings/{}/checkin", code(&booking).to_lowercase()), typed).await.expect(200);
    assert_eq!(by_code["id"], booking["id"]);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn after_the_slot_it_is_too_late() {
    let Some(fixture) = Fixture::create().await else { return };
    let booking = fixture.book(4).await;
    fixture.temple.advance_to_slot(&fixture.app, &booking, 3601);
    let operator = fixture.app.operator().await;
    expect_refusal(&check_in(&operator, &booking, fixture.scan(&booking)).await, 409, "too_late");
    fixture.app.tick().await;
    expect_refusal(&check_in(&operator, &booking, fixture.scan(&booking)).await, 409, "too_late");
    fixture.temple.advance_to_slot(&fixture.app, &booking, 86_400);
    let operator = fixture.app.operator().await;
    expect_refusal(&check_in(&operator, &booking, fixture.scan(&booking)).await, 409, "wrong_day");
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn offline_scans_are_judged_alone_by_the_time_of_the_gate() {
    let Some(fixture) = Fixture::create().await else { return };
    let (booking, twice, late) = (fixture.book(4).await, fixture.book(2).await, fixture.book(1).await);
    fixture.temple.advance_to_slot(&fixture.app, &booking, 3 * 3600);
    fixture.app.tick().await;
    let operator = fixture.app.operator().await;
    let at = |minutes: i64| fixture.app.time(-3 * 3600 + minutes * 60);
    let scans = json!([
        {"nonce": "batch-0001", "ticket": booking["ticket"], "scanned_at": at(5)},
        {"nonce": "batch-0002", "ticket": twice["ticket"], "scanned_at": at(9)},
        {"nonce": "batch-0003", "booking": code(&twice), "scanned_at": at(7)},
        {"nonce": "batch-0004", "ticket": late["ticket"], "scanned_at": at(61)},
        {"nonce": "batch-0005", "ticket": "GHT1.forged.ticket", "scanned_at": at(5)},
        {"nonce": "batch-0006", "booking": "no-such-booking", "scanned_at": at(5)},
        {"nonce": "batch-0007", "ticket": late["ticket"]},
        {"nonce": "batch-0008", "ticket": late["ticket"], "scanned_at": fixture.app.time(3600)},
        7,
        {"nonce": "batch-0001", "ticket": late["ticket"], "scanned_at": at(20)},
        {"nonce": "batch-0010", "ticket": late["ticket"], "scanned_at": fixture.app.time(-7 * 86_400 - 60), "override_reason": "long ago"},
    ]);
    let upload = json!({"temple_id": fixture.temple.slug, "gate": "North", "scans": scans});
    let answer = operator.post("/api/bookings/checkin/batch", upload.clone()).await.expect(200);
    assert_eq!((&answer["accepted"], &answer["refused"]), (&json!(2), &json!(9)), "{answer}");
    let reasons: Vec<_> = answer["results"].as_array().unwrap().iter().map(|result| result["reason"].as_str().unwrap_or("in")).collect();
    assert_eq!(
        reasons,
        [
            "in",
            "already_checked_in",
            "in",
            "too_late",
            "bad_signature",
            "unknown_booking",
            "invalid",
            "invalid",
            "invalid",
            "invalid",
            "invalid"
        ]
    );
    let shown = operator.get(&path(&booking)).await.expect(200);
    assert_eq!(shown["status"], "checked_in");
    assert_eq!(shown["checked_in_at"].as_str().unwrap()[..19], at(5)[..19]);

    // Uploaded again, since the answer was lost.
    let again = operator.post("/api/bookings/checkin/batch", upload).await.expect(200);
    assert_eq!((&again["accepted"], &again["refused"]), (&json!(2), &json!(9)));
    assert_eq!(again["results"][0]["replayed"], true);

    operator.post("/api/bookings/checkin/batch", json!({})).await.expect_invalid(&["scans", "temple_id"]);
    let empty = json!({"temple_id": fixture.temple.slug, "scans": []});
    operator.post("/api/bookings/checkin/batch", empty).await.expect_invalid(&["scans"]);
    let many = json!({"temple_id": fixture.temple.slug, "scans": vec![json!({}); 501]});
    operator.post("/api/bookings/checkin/batch", many).await.expect_invalid(&["scans"]);
    let scans = json!([{"nonce": "batch-0009", "booking": code(&late), "scanned_at": at(1)}]);
    let nowhere = json!({"temple_id": "nowhere", "scans": scans});
    operator.post("/api/bookings/checkin/batch", nowhere).await.expect_invalid(&["temple_id"]);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn an_operator_lets_in_whom_the_gate_refused_and_says_why() {
    let Some(fixture) = Fixture::create().await else { return };
    let (late, second, gone, in_time) = (fixture.book(3).await, fixture.book(1).await, fixture.book(1).await, fixture.book(1).await);
    fixture.pilgrim().await.patch(&format!("{}/cancel", path(&gone)), json!({})).await.expect(200);
    let overrule = async |caller: &Client, booking: &Value, body: Value| caller.post(&format!("{}/override", path(booking)), body).await;
    fixture.temple.advance_to_slot(&fixture.app, &late, 3600 + 60);
    let operator = fixture.app.operator().await;
    let refused = fixture.scan(&late);
    expect_refusal(&check_in(&operator, &late, refused.clone()).await, 409, "too_late");
    let mut sent = fixture.scan(&late);
    overrule(&operator, &late, sent.clone()).await.expect_invalid(&["reason"]);
    sent["reason"] = json!("Bus was late");
    overrule(&fixture.pilgrim().await, &late, sent.clone()).await.expect_problem(403);
    // The nonce of the scan that was refused is that scan's.
    let mut same = refused;
    same["reason"] = json!("Bus was late");
    overrule(&operator, &late, same).await.expect_invalid(&["nonce"]);
    let first = overrule(&operator, &late, sent.clone()).await.expect(200);
    assert_eq!((&first["status"], &first["gate"]), (&json!("checked_in"), &json!("North")));
    let again = overrule(&operator, &late, sent.clone()).await;
    assert_eq!((again.expect(200), again.header("idempotent-replayed")), (first, "true"));
    expect_refusal(&overrule(&operator, &late, json!({"reason": "Again"})).await, 409, "already_checked_in");
    // Places that were given back are others'.
    expect_refusal(&overrule(&operator, &gone, json!({"reason": "A friend"})).await, 409, "cancelled");
    // What was let in offline, uploaded twice.
    let scan =
        json!({"nonce": unique("nonce"), "booking": code(&second), "scanned_at": fixture.app.time(0), "override_reason": "Knows him"});
    let upload = json!({"temple_id": fixture.temple.slug, "gate": "South", "scans": [scan]});
    for replayed in [false, true] {
        let result = operator.post("/api/bookings/checkin/batch", upload.clone()).await.expect(200)["results"][0].clone();
        assert_eq!((&result["outcome"], &result["replayed"]), (&json!("checked_in"), &json!(replayed)), "{result}");
    }
    assert_eq!(operator.get(&path(&in_time)).await.expect(200)["status"], "confirmed");

    let admin = fixture.app.admin().await;
    let mut told = Vec::new();
    for booking in [&late, &second] {
        let subject = booking["id"].as_str().unwrap();
        let lines = admin.get(&format!("/api/event-logs?entity=bookings&subject={subject}")).await.expect(200);
        told.extend(lines["items"].as_array().unwrap().iter().filter(|line| line["action"] == "overruled").cloned());
    }
    let details: Vec<_> = told.iter().map(|line| (line["detail"]["refusal"].clone(), line["detail"]["reason"].clone())).collect();
    assert_eq!(details, [(json!("too_late"), json!("Bus was late")), (json!("too_late"), json!("Knows him"))], "{told:?}");
    let metrics = fixture.app.anonymous().get("/metrics").await.text();
    assert!(metrics.contains("gatehouse_gate_overrides_total 2"), "{metrics}");
}

/// An Ed25519 key pair from a seed, with the public key in base64url.
fn key_pair(seed: u8) -> (KeyPair, String) {
    let pair = KeyPair::from_seed(Seed::new([seed; 32]));
    let public = URL_SAFE_NO_PAD.encode(pair.pk.as_ref());
    (pair, public)
}

/// A ticket as docs/reference/tickets.md says, byte by byte.
fn signed_ticket(pair: &KeyPair, booking: &Value, temple: &str) -> String {
    let starts = chrono::DateTime::parse_from_rfc3339(booking["starts_at"].as_str().unwrap()).unwrap().timestamp();
    let mut payload = sha2::Sha256::digest(pair.pk.as_ref())[..4].to_vec();
    payload.extend(uuid::Uuid::parse_str(booking["id"].as_str().unwrap()).unwrap().as_bytes());
    payload.extend(u32::try_from(starts).unwrap().to_be_bytes());
    payload.extend([0, 60, 4, 1]);
    payload.extend(temple.as_bytes());
    let signed = format!("GHT1.{}", URL_SAFE_NO_PAD.encode(payload));
    let signature = pair.sk.sign(&signed, None);
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn while_a_key_is_rotated_tickets_of_both_are_good() {
    let ((new, new_public), (old, old_public), (stranger, _)) = (key_pair(1), key_pair(2), key_pair(3));
    let seed = URL_SAFE_NO_PAD.encode([1; 32]);
    let public = format!("{new_public},{old_public}");
    let variables = [("ticket_signing_key", seed.as_str()), ("ticket_public_keys", public.as_str())];
    let Some(app) = App::embedded(&variables).await else { return };
    let published = app.anonymous().get("/api/bookings/ticket-keys").await.expect(200);
    let shown: Vec<_> = published["keys"].as_array().unwrap().iter().map(|key| key["x"].as_str().unwrap()).collect();
    assert_eq!(shown, [&new_public, &old_public]);
    let temple = Temple::create(&app, 100).await;
    let pilgrim = app.visitor().await;
    let (first, second) = (
        pilgrim.post("/api/bookings/", temple.booking_body(4)).await.expect(201),
        pilgrim.post("/api/bookings/", temple.booking_body(4)).await.expect(201),
    );
    assert_eq!(first["ticket"], signed_ticket(&new, &first, &temple.slug), "the format is the documented one");
    temple.advance_to_slot(&app, &first, 60);
    let operator = app.operator().await;
    let scan = |ticket: String| json!({"temple_id": temple.slug, "nonce": unique("nonce"), "ticket": ticket});
    expect_refusal(&check_in(&operator, &first, scan(signed_ticket(&stranger, &first, &temple.slug))).await, 422, "bad_signature");
    check_in(&operator, &first, scan(signed_ticket(&new, &first, &temple.slug))).await.expect(200);
    check_in(&operator, &second, scan(signed_ticket(&old, &second, &temple.slug))).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gate_takes_the_day_s_list_with_it() {
    let app = App::start().await;
    let temple = Temple::create(&app, 100).await;
    let (pilgrim, operator) = (app.visitor().await, app.operator().await);
    let mut made = Vec::new();
    for slot in ["06:00-07:00", "07:00-08:00", "06:00-07:00"] {
        made.push(pilgrim.post("/api/bookings/", temple.booking_body_with("slot", json!(slot))).await.expect(201));
    }
    let path = format!("/api/bookings/temple/{}/day?date={}", temple.slug, temple.date);
    let first = operator.get(&format!("{path}&limit=2")).await.expect(200);
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = operator.get(&format!("{path}&limit=2&cursor={cursor}")).await.expect(200);
    let ids: Vec<_> =
        [first, second].iter().flat_map(|page| page["items"].as_array().unwrap().clone()).map(|it| it["id"].clone()).collect();
    assert_eq!(ids, made.iter().map(|it| it["id"].clone()).collect::<Vec<_>>());
    let filtered = operator.get(&format!("{path}&slot=07:00-08:00&status=confirmed")).await.expect(200);
    assert_eq!(filtered["items"][0]["id"], made[1]["id"]);
    assert_eq!(filtered["items"].as_array().unwrap().len(), 1);
    assert_eq!(filtered["items"][0]["ticket_number"], 1);
    assert!(filtered["items"][0]["ticket"].is_null());
    operator.get(&format!("{path}&status=lost")).await.expect_invalid(&["status"]);
    operator.get("/api/bookings/temple/nowhere/day").await.expect_problem(404);
    operator.get("/api/bookings/temple/nowhere/inside").await.expect_problem(404);
}
