//! Pictures of tickets by their signed address, as an `<img>` asks for them.

use std::time::Duration;

use gatehouse_tests::App;
use serde_json::{Value, json};

use crate::decoded;
use crate::support::{Temple, path};

fn address<'a>(booking: &'a Value, kind: &str) -> &'a str {
    booking[kind].as_str().expect(kind)
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn an_img_shows_a_ticket_by_its_signed_address_alone() {
    let Some(app) = App::embedded(&[]).await else { return };
    let temple = Temple::create(&app, 20).await;
    let user = app.new_user("visitor", json!({})).await;
    let pilgrim = app.login(&user.0, &user.1).await;
    let booking = pilgrim.post("/api/bookings/", temple.booking_body(4)).await.expect(201);
    let other = pilgrim.post("/api/bookings/", temple.booking_body(1)).await.expect(201);
    let anonymous = app.anonymous();
    let png = anonymous.get(address(&booking, "qr_png_url")).await;
    assert_eq!((png.status, png.header("content-type")), (200, "image/png"));
    assert_eq!(decoded(&png.body), booking["ticket"].as_str().unwrap());
    let svg = anonymous.get(address(&booking, "qr_svg_url")).await;
    assert_eq!((svg.status, svg.header("content-type"), svg.header("cache-control")), (200, "image/svg+xml", "private, no-store"));
    assert!(!address(&booking, "qr_svg_url").contains(pilgrim.token()), "the session is not in it");

    // Another booking's, an altered one, one without its half, none at all.
    let (whole, plain) = (address(&booking, "qr_svg_url"), address(&booking, "qr_svg"));
    let (_, query) = whole.split_once('?').unwrap();
    let (expires, signature) = query.split_once('&').unwrap();
    let later: i64 = expires.strip_prefix("expires=").unwrap().parse::<i64>().unwrap() + 900;
    let flipped = if signature.ends_with('0') { '1' } else { '0' };
    let mut bad = vec![
        format!("{}?{query}", address(&other, "qr_svg")),
        format!("{plain}?expires={later}&{signature}"),
        format!("{plain}?{expires}&{}{flipped}", &signature[..signature.len() - 1]),
        format!("{plain}?{expires}"),
        format!("{plain}?{signature}"),
        format!("{plain}?{expires}&signature=zz"),
        format!("/api/bookings/no-such-booking/qr.svg?{query}"),
    ];
    let stranger = app.visitor().await;
    for address in &bad {
        anonymous.get(address).await.expect_problem(403);
        stranger.get(address).await.expect_problem(403);
    }
    anonymous.get(plain).await.expect_problem(401);
    stranger.get(plain).await.expect_problem(404);
    anonymous.get(&format!("{plain}?expires=soon&signature=")).await.expect_invalid(&["expires"]);

    // A new ticket ends the addresses of the one before.
    let newer = pilgrim.post(&format!("{}/reissue", path(&booking)), json!({})).await.expect(200);
    anonymous.get(whole).await.expect_problem(403);
    let png = anonymous.get(address(&newer, "qr_png_url")).await;
    assert_eq!(decoded(&png.body), newer["ticket"].as_str().unwrap());
    bad.push(address(&newer, "qr_png_url").to_owned());
    // A ticket that is gone has no picture.
    pilgrim.patch(&format!("{}/cancel", path(&other)), json!({})).await.expect(200);
    assert_eq!(anonymous.get(address(&other, "qr_svg_url")).await.expect_problem(409)["reason"], "no_ticket");
    let gone = pilgrim.get(&path(&other)).await.expect(200);
    assert!(gone["qr_svg_url"].is_null() && gone["qr_png_url"].is_null() && gone["qr_urls_expire_at"].is_null());

    // Short-lived.
    let ends = chrono::DateTime::parse_from_rfc3339(newer["qr_urls_expire_at"].as_str().unwrap()).unwrap().timestamp_millis();
    let life = ends - app.now_ms();
    assert!((14 * 60_000..=30 * 60_000).contains(&life), "{life}");
    app.advance(Duration::from_millis(u64::try_from(life).unwrap()));
    for address in &bad {
        anonymous.get(address).await.expect_problem(403);
    }
    let fresh = app.login(&user.0, &user.1).await.get(&path(&booking)).await.expect(200);
    assert_eq!(anonymous.get(address(&fresh, "qr_svg_url")).await.status, 200);
}
