//! Darshan booking (docs/reference/tickets.md for the ticket). Slots, bookings and their tickets, cancelling, the waitlist, gates, the days' calendar.

#[path = "booking/support.rs"]
mod support;

#[path = "booking/allowance.rs"]
mod allowance;
#[path = "booking/calendar.rs"]
mod calendar;
#[path = "booking/check_in.rs"]
mod check_in;
#[path = "booking/pictures.rs"]
mod pictures;
#[path = "booking/scans.rs"]
mod scans;
#[path = "booking/terms.rs"]
mod terms;
#[path = "booking/waitlist.rs"]
mod waitlist;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatehouse_tests::App;
use reqwest::Method;
use serde_json::{Value, json};
use support::{Temple, code, id, path, without_addresses};

#[tokio::test(flavor = "multi_thread")]
async fn a_pilgrim_books_and_gets_a_ticket() {
    let app = App::start().await;
    let temple = Temple::create(&app, 20).await;
    let pilgrim = app.visitor().await;
    let visitors = json!(["Asha", {"name": "Ravi", "age": 7}]);
    let booking = pilgrim.post("/api/bookings/", temple.booking_body_with("visitors", visitors)).await.expect(201);
    for (field, value) in [("temple_id", json!(temple.slug)), ("date", json!(temple.date)), ("slot", json!("06:00-07:00"))] {
        assert_eq!(booking[field], value, "{field}");
    }
    assert_eq!((&booking["status"], &booking["party_size"]), (&json!("confirmed"), &json!(4)));
    assert_eq!(booking["visitors"], json!([{"name": "Asha"}, {"name": "Ravi", "age": 7}]));
    assert_eq!(booking["starts_at"], format!("{}T00:30:00Z", temple.date));
    assert_eq!(code(&booking).len(), 9);
    assert!(booking["waitlist_position"].is_null());

    let shown = pilgrim.get(&path(&booking)).await.expect(200);
    assert_eq!(without_addresses(&shown), without_addresses(&booking));
    let by_code = pilgrim.get(&format!("/api/bookings/{}", code(&booking).to_lowercase().replace('-', ""))).await.expect(200);
    assert_eq!(by_code["id"], booking["id"]);
    let mine = pilgrim.get("/api/bookings/my-bookings").await.expect(200);
    let mine: Vec<_> = mine["items"].as_array().unwrap().iter().map(without_addresses).collect();
    assert_eq!(mine, [without_addresses(&booking)]);
    let day = app.anonymous().get(&temple.slots_path()).await.expect(200);
    let slot = &day["items"][0];
    assert_eq!(slot["slot"], "06:00-07:00");
    assert_eq!((&slot["capacity"], &slot["booked"], &slot["left"]), (&json!(20), &json!(4), &json!(16)));
    assert_eq!((&slot["status"], &day["closed"]), (&json!("available"), &json!(false)));
    let told: String = app
        .db()
        .query_row("select payload from outbox where topic = 'booking.confirmed' and subject = ?", [id(&booking)], |row| row.get(0))
        .unwrap();
    assert!(told.contains("is confirmed") && !told.contains("Asha"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_is_verified_with_nothing_but_the_public_keys() {
    let app = App::start().await;
    let temple = Temple::create(&app, 20).await;
    let pilgrim = app.visitor().await;
    let booking = pilgrim.post("/api/bookings/", temple.booking_body(4)).await.expect(201);
    let ticket = booking["ticket"].as_str().unwrap();
    assert!(ticket.len() <= 250, "{}", ticket.len());
    let published = app.anonymous().get("/api/bookings/ticket-keys").await.expect(200);
    assert_eq!(published["format"], "GHT1");

    // As docs/reference/tickets.md tells a third party.
    let (signed, signature) = ticket.rsplit_once('.').unwrap();
    let payload = URL_SAFE_NO_PAD.decode(signed.strip_prefix("GHT1.").unwrap()).unwrap();
    let kid: String = payload[..4].iter().map(|byte| format!("{byte:02x}")).collect();
    let key = published["keys"].as_array().unwrap().iter().find(|key| key["kid"] == kid).expect("its key is published");
    let key = URL_SAFE_NO_PAD.decode(key["x"].as_str().unwrap()).unwrap();
    let key = ed25519_compact::PublicKey::from_slice(&key).unwrap();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    key.verify(signed, &ed25519_compact::Signature::from_slice(&signature).unwrap()).expect("the signature is good");
    assert_eq!(uuid::Uuid::from_slice(&payload[4..20]).unwrap().to_string(), id(&booking));
    let starts = u32::from_be_bytes(payload[20..24].try_into().unwrap());
    assert_eq!(i64::from(starts), chrono::DateTime::parse_from_rfc3339(booking["starts_at"].as_str().unwrap()).unwrap().timestamp());
    assert_eq!(payload[24..28], [0, 60, 4, 1]);
    assert_eq!(&payload[28..], temple.slug.as_bytes());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_is_drawn_as_svg_and_as_png() {
    let app = App::start().await;
    let temple = Temple::create(&app, 20).await;
    let pilgrim = app.visitor().await;
    let booking = pilgrim.post("/api/bookings/", temple.booking_body(4)).await.expect(201);
    let svg = pilgrim.get(booking["qr_svg"].as_str().unwrap()).await;
    assert_eq!((svg.status, svg.header("content-type")), (200, "image/svg+xml"));
    assert!(svg.text().starts_with("<svg ") && svg.text().ends_with("</svg>"));
    let png = pilgrim.get(booking["qr_png"].as_str().unwrap()).await;
    assert_eq!((png.status, png.header("content-type")), (200, "image/png"));
    assert_eq!(decoded(&png.body), booking["ticket"].as_str().unwrap());
    if let Some(directory) = std::env::var_os("GATEHOUSE_PICTURES") {
        let directory = std::path::PathBuf::from(directory);
        std::fs::write(directory.join("ticket.png"), &png.body).unwrap();
        std::fs::write(directory.join("ticket.svg"), &svg.body).unwrap();
        std::fs::write(directory.join("ticket.txt"), booking["ticket"].as_str().unwrap()).unwrap();
    }

    app.visitor().await.get(booking["qr_png"].as_str().unwrap()).await.expect_problem(404);
    app.anonymous().get(booking["qr_svg"].as_str().unwrap()).await.expect_problem(401);
    app.operator().await.get(booking["qr_svg"].as_str().unwrap()).await;
    let cancelled = pilgrim.patch(&format!("{}/cancel", path(&booking)), json!({})).await.expect(200);
    assert_eq!(cancelled["status"], "cancelled");
    let refused = pilgrim.get(booking["qr_svg"].as_str().unwrap()).await.expect_problem(409);
    assert_eq!(refused["reason"], "no_ticket");
    let shown = pilgrim.get(&path(&booking)).await.expect(200);
    assert!(shown["ticket"].is_null() && shown["qr_svg"].is_null());
}

/// What a scanner reads in a picture.
pub fn decoded(picture: &[u8]) -> String {
    let mut decoder = png::Decoder::new(std::io::Cursor::new(picture));
    decoder.set_transformations(png::Transformations::EXPAND);
    let mut reader = decoder.read_info().expect("a PNG");
    let mut pixels = vec![0; reader.output_buffer_size().expect("a size")];
    let shape = reader.next_frame(&mut pixels).expect("its pixels");
    assert_eq!((shape.color_type, shape.width), (png::ColorType::Grayscale, shape.height));
    let mut codes = quircs::Quirc::default();
    let mut found = codes.identify(shape.width as usize, shape.height as usize, &pixels);
    let code = found.next().expect("a code").expect("a code that can be cut out").decode().expect("a code that can be read");
    assert!(found.next().is_none(), "one code");
    String::from_utf8(code.payload).expect("text")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_with_its_key_books_once() {
    let app = App::start().await;
    let temple = Temple::create(&app, 20).await;
    let pilgrim = app.visitor().await;
    let keyed = pilgrim.header("idempotency-key", "first");
    let booking = keyed.post("/api/bookings/", temple.booking_body(4)).await.expect(201);
    let again = keyed.post("/api/bookings/", temple.booking_body(4)).await;
    assert_eq!(again.expect(201), booking);
    assert_eq!(again.header("idempotent-replayed"), "true");
    keyed.post("/api/bookings/", temple.booking_body(5)).await.expect_invalid(&["Idempotency-Key"]);
    // Somebody else's key is somebody else's.
    let other = app.visitor().await.header("idempotency-key", "first").post("/api/bookings/", temple.booking_body(4)).await.expect(201);
    assert_ne!(other["id"], booking["id"]);
    pilgrim.post("/api/bookings/", temple.booking_body(4)).await.expect(201);
    assert_eq!(temple.places_sold(&app), 12);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_booked_is_refused_and_changes_nothing() {
    let app = App::start().await;
    let temple = Temple::create(&app, 20).await;
    let car_park = app.place(0).await;
    let pilgrim = app.visitor().await;
    let post = |body: Value| {
        let pilgrim = pilgrim.clone();
        async move { pilgrim.post("/api/bookings/", body).await }
    };
    post(json!({})).await.expect_invalid(&["date", "party_size", "slot", "temple_id"]);
    let bad = json!({"temple_id": 7, "date": "2026-02-30", "slot": "", "party_size": 11, "visitors": [""]});
    post(bad).await.expect_invalid(&["date", "party_size", "slot", "temple_id", "visitors[0]"]);
    let visitors = json!(["A", {"name": "A", "age": 151}]);
    post(temple.booking_body_with("visitors", visitors)).await.expect_invalid(&["visitors[1].age"]);
    for (field, value) in [
        ("party_size", json!(0)),
        ("party_size", json!(1.5)),
        ("visitors", json!(["A", "B", "C", "D", "E"])),
        ("temple_id", json!("nowhere")),
        ("temple_id", json!(car_park.site)),
        ("date", json!("2020-01-01")),
        ("date", json!("2999-01-01")),
        ("slot", json!("05:00-06:00")),
        ("slot", json!("dawn")),
    ] {
        post(temple.booking_body_with(field, value.clone())).await.expect_invalid(&[field]);
    }
    let today = support::date(&app, 0);
    let over = pilgrim.post("/api/bookings/", temple.booking_body_with("date", json!(today))).await;
    // In the first hours of the temple's day its slot is still ahead, or under way.
    let early = over.status == 201;
    if !early {
        assert_eq!(over.expect_problem(409)["reason"], "over");
    }
    pilgrim.send_bytes(Method::POST, "/api/bookings/", "application/json", "{").await.expect_problem(400);
    pilgrim.send_bytes(Method::POST, "/api/bookings/", "text/plain", "{}").await.expect_problem(415);
    assert_eq!(temple.places_sold(&app), if early { 4 } else { 0 });

    let anonymous = app.anonymous();
    anonymous.get("/api/bookings/temple/nowhere/slots").await.expect_problem(404);
    anonymous.get(&format!("/api/bookings/temple/{}/slots", car_park.site)).await.expect_problem(404);
    anonymous.get(&format!("/api/bookings/temple/{}/slots?date=tomorrow", temple.slug)).await.expect_invalid(&["date"]);
    anonymous.get(&format!("/api/bookings/temple/{}/slots?colour=red", temple.slug)).await.expect_invalid(&["colour"]);
    pilgrim.get("/api/bookings/my-bookings?status=lost").await.expect_invalid(&["status"]);
    pilgrim.get("/api/bookings/my-bookings?user_id=x").await.expect_invalid(&["user_id"]);
    pilgrim.get("/api/bookings/no-such-booking").await.expect_problem(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn old_clients_names_of_the_fields_are_read() {
    let app = App::start().await;
    let temple = Temple::create(&app, 20).await;
    let body = json!({"temple": temple.slug, "date": temple.date, "time_slot": "06:00-07:00", "number_of_visitors": 3});
    let booking = app.visitor().await.post("/api/bookings/", body).await.expect(201);
    assert_eq!((&booking["party_size"], &booking["slot"]), (&json!(3), &json!("06:00-07:00")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_slot_takes_nobody_and_a_begin_time_names_a_slot() {
    let app = App::start().await;
    let temple = Temple::create(&app, 10).await;
    let pilgrim = app.visitor().await;
    let booking = pilgrim.post("/api/bookings/", temple.booking_body_with("slot", json!("06:00"))).await.expect(201);
    assert_eq!(booking["slot"], "06:00-07:00");
    pilgrim.post("/api/bookings/", temple.booking_body(5)).await.expect(201);
    let refused = pilgrim.post("/api/bookings/", temple.booking_body(2)).await.expect_problem(409);
    assert_eq!(refused["reason"], "full");
    pilgrim.post("/api/bookings/", temple.booking_body(1)).await.expect(201);
    let day = app.anonymous().get(&temple.slots_path()).await.expect(200);
    assert_eq!((&day["items"][0]["status"], &day["items"][0]["left"]), (&json!("full"), &json!(0)));
    assert_eq!(day["items"][1]["left"], 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn everyone_sees_and_changes_only_what_is_theirs() {
    let app = App::start().await;
    let temple = Temple::create(&app, 50).await;
    let (pilgrim, other, operator) = (app.visitor().await, app.visitor().await, app.operator().await);
    let booking = pilgrim.post("/api/bookings/", temple.booking_body(4)).await.expect(201);
    let at = |rest: &str| format!("{}{rest}", path(&booking));
    other.get(&at("")).await.expect_problem(404);
    other.patch(&at("/cancel"), json!({})).await.expect_problem(404);
    other.post(&at("/reissue"), json!({})).await.expect_problem(404);
    assert_eq!(other.get("/api/bookings/my-bookings").await.expect(200)["items"], json!([]));
    assert_eq!(operator.get(&at("")).await.expect(200)["id"], booking["id"]);
    operator.patch(&at("/cancel"), json!({})).await.expect_problem(403);

    let anonymous = app.anonymous();
    for (method, path) in [
        (Method::POST, "/api/bookings/".to_owned()),
        (Method::POST, "/api/bookings/waitlist".to_owned()),
        (Method::GET, "/api/bookings/my-bookings".to_owned()),
        (Method::GET, at("")),
        (Method::PATCH, at("/cancel")),
        (Method::PATCH, at("/revoke")),
        (Method::POST, at("/reissue")),
        (Method::POST, at("/checkin")),
        (Method::POST, at("/exit")),
        (Method::POST, "/api/bookings/checkin/batch".to_owned()),
        (Method::GET, format!("/api/bookings/temple/{}/day", temple.slug)),
        (Method::GET, format!("/api/bookings/temple/{}/inside", temple.slug)),
    ] {
        anonymous.send(method.clone(), &path, Some(&json!({}))).await.expect_problem(401);
    }
    for (method, path) in [
        (Method::PATCH, at("/revoke")),
        (Method::POST, at("/checkin")),
        (Method::POST, at("/exit")),
        (Method::POST, "/api/bookings/checkin/batch".to_owned()),
        (Method::GET, format!("/api/bookings/temple/{}/day", temple.slug)),
        (Method::GET, format!("/api/bookings/temple/{}/inside", temple.slug)),
    ] {
        pilgrim.send(method.clone(), &path, Some(&json!({}))).await.expect_problem(403);
    }
    assert_eq!(without_addresses(&pilgrim.get(&at("")).await.expect(200)), without_addresses(&booking));

    // A device sends its own data and books nothing, by its key or by a token.
    let place = app.place(1).await;
    let code = app.new_device(&place, None).await;
    let (email, password) = app.new_user("device", json!({"device_code": code})).await;
    for device in [app.device(&code).await, app.login(&email, &password).await] {
        for path in ["/api/bookings/", "/api/bookings/waitlist"] {
            device.post(path, temple.booking_body(1)).await.expect_problem(403);
        }
        device.get(&at("")).await.expect_problem(404);
        device.post(&at("/checkin"), json!({})).await.expect_problem(403);
    }
    assert_eq!(temple.places_sold(&app), 4);
}

/// The statements that read bookings, as they are run, use an index each and sort no page.
#[tokio::test(flavor = "multi_thread")]
async fn no_statement_scans_the_bookings() {
    let app = App::start().await;
    Temple::create(&app, 10).await;
    let live = "('confirmed', 'checked_in', 'exited', 'no_show')";
    let day = "select b.id from bookings b where b.site = ? and b.date = ? and b.no > coalesce(?, 0)";
    let mine = "select b.id from bookings b where b.user_id = ? and b.no < coalesce(?, 9223372036854775807)";
    let statements = [
        format!("{day} order by b.no limit 51"),
        format!("{day} and +b.slot = ? and +b.status = ? order by b.no limit 51"),
        format!("{mine} order by b.no desc limit 51"),
        format!("{mine} and +b.status = ? and +b.site = ? and +b.date = ? order by b.no desc limit 51"),
        format!("select sum(party_size) from bookings where site = ? and date = ? and slot = ? and status in {live}"),
        "select sum(party_size), count(*) from bookings indexed by bookings_inside where site = ? and status = 'checked_in'".to_owned(),
        "select status, sum(party_size) from bookings where site = ? and date = ? group by status".to_owned(),
        "select site, date, slot, ?1 from bookings indexed by bookings_waiting where status = 'waitlisted' and starts_at > ?1
         group by site, date, slot order by min(starts_at) limit 500"
            .to_owned(),
        "select no from bookings where status = 'confirmed' and ends_at < ? order by ends_at limit ?".to_owned(),
        "select no from bookings where status = 'waitlisted' and starts_at <= ? order by starts_at limit ?".to_owned(),
        "select no from bookings where status = 'checked_in' and ends_at < ? order by ends_at limit ?".to_owned(),
        format!(
            "select count(*) from bookings where user_id = ? and site = ? and date = ? and slot = ? and status in ('waitlisted', {}",
            &live[1..]
        ),
        "select 1 from upcoming_bookings where +site = ? and until > ?".to_owned(),
        "select nonce from booking_scans where judged_at < ? order by judged_at limit ?".to_owned(),
    ];
    let db = app.db();
    for statement in statements {
        let mut explained = db.prepare(&format!("explain query plan {statement}")).expect(&statement);
        let parameters = vec![rusqlite::types::Null; explained.parameter_count()];
        let steps = explained.query_map(rusqlite::params_from_iter(parameters), |row| row.get::<_, String>(3)).expect(&statement);
        let steps: Vec<_> = steps.map(Result::unwrap).collect();
        assert!(!steps.iter().any(|step| step.starts_with("SCAN")), "{statement}: {steps:#?}");
        let sorted = steps.iter().any(|step| step.contains("FOR ORDER BY")) && !statement.contains("group by");
        assert!(!sorted, "{statement}: {steps:#?}");
        assert!(!statement.contains("where site = ? and status") || steps[0].contains("bookings_inside"), "{statement}: {steps:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_pilgrim_gives_a_booking_back_until_its_slot_begins() {
    let Some(app) = App::embedded(&[]).await else { return };
    let temple = Temple::create(&app, 20).await;
    let (email, password) = app.new_user("visitor", json!({})).await;
    let pilgrim = app.login(&email, &password).await;
    let first = pilgrim.post("/api/bookings/", temple.booking_body(4)).await.expect(201);
    let second = pilgrim.post("/api/bookings/", temple.booking_body(3)).await.expect(201);
    let cancelled = pilgrim.patch(&format!("{}/cancel/", path(&first)), json!({})).await.expect(200);
    assert_eq!(cancelled["status"], "cancelled");
    assert!(cancelled["ended_at"].is_string());
    let refused = pilgrim.patch(&format!("{}/cancel", path(&first)), json!({})).await.expect_problem(409);
    assert_eq!(refused["reason"], "cancelled");
    assert_eq!(temple.places_sold(&app), 3);

    temple.advance_to_slot(&app, &second, 1);
    let pilgrim = app.login(&email, &password).await;
    let refused = pilgrim.patch(&format!("{}/cancel", path(&second)), json!({})).await.expect_problem(409);
    assert_eq!(refused["reason"], "begun");
    let refused = pilgrim.post("/api/bookings/waitlist", temple.booking_body(1)).await.expect_problem(409);
    assert_eq!(refused["reason"], "begun");
}

#[tokio::test(flavor = "multi_thread")]
async fn my_bookings_are_paged_and_filtered() {
    let app = App::start().await;
    let temple = Temple::create(&app, 50).await;
    let pilgrim = app.visitor().await;
    let mut made = Vec::new();
    for _ in 0..5 {
        made.push(pilgrim.post("/api/bookings/", temple.booking_body(1)).await.expect(201));
    }
    pilgrim.patch(&format!("{}/cancel", path(&made[2])), json!({})).await.expect(200);
    let mut seen = Vec::new();
    let mut next = "/api/bookings/my-bookings?limit=2".to_owned();
    loop {
        let page = pilgrim.get(&next).await.expect(200);
        seen.extend(page["items"].as_array().unwrap().iter().map(|it| id(it).to_owned()));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        next = format!("/api/bookings/my-bookings?limit=2&cursor={cursor}");
    }
    let expected: Vec<_> = made.iter().rev().map(|it| id(it).to_owned()).collect();
    assert_eq!(seen, expected);
    let cancelled = pilgrim.get("/api/bookings/my-bookings?status=cancelled").await.expect(200);
    assert_eq!(cancelled["items"].as_array().unwrap().len(), 1);
    let elsewhere = pilgrim.get("/api/bookings/my-bookings?temple_id=somnath&date=2026-01-01").await.expect(200);
    assert_eq!(elsewhere["items"], json!([]));
}
