//! Floor plans (docs/reference/plans.md): pictures that people upload, and where spots are on them.

use gatehouse_tests::{App, Client, Place, Response};
use reqwest::Method;
use serde_json::{Value, json};

const SVG: &str = r##"<svg xmlns="http://www.w3.org/2000/svg" width="400" height="200"><script>alert(1)</script><rect width="390" height="190" fill="#abcdef" onclick="alert(1)"/><text x="10" y="20">B1</text></svg>"##;

/// A PNG's head with its size, which is all that is read of it.
fn png(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
    bytes.extend(width.to_be_bytes());
    bytes.extend(height.to_be_bytes());
    bytes.extend(b"\x08\x06\0\0\0\0\0\0\0");
    bytes
}

/// A segment of a JPEG.
fn segment(marker: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len() + 2).unwrap().to_be_bytes();
    [&[0xff, marker][..], &length, content].concat()
}

/// A JPEG of 32 by 16 pixels as a telephone writes it, lying on its side, with these segments before what is seen.
fn jpeg(before: &[Vec<u8>]) -> Vec<u8> {
    let frame = segment(0xc0, b"\x08\0\x10\0\x20\x01\x01\x11\0");
    let scan = [segment(0xda, b"\x01\x01\0\0\x3f\0"), b"\x12\xff\0\x34".to_vec()].concat();
    [vec![0xff, 0xd8], before.concat(), segment(0xdb, &[1; 65]), frame, scan, vec![0xff, 0xd9]].concat()
}

fn plan(place: &Place) -> String {
    format!("/api/sites/{}/plan", place.site)
}

async fn upload(caller: &Client, place: &Place, query: &str, media_type: &str, bytes: impl Into<Vec<u8>>) -> Response {
    caller.send_bytes(Method::PUT, &format!("{}/picture{query}", plan(place)), media_type, bytes.into()).await
}

async fn put_spots(caller: &Client, place: &Place, spots: Value) -> Response {
    caller.put(&format!("{}/spots", plan(place)), json!({ "spots": spots })).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drawing_is_written_anew_and_served_so_that_it_does_nothing() {
    let app = App::start().await;
    let place = app.place(1).await;
    let (admin, anyone) = (app.admin().await, app.anonymous());
    anyone.get(&plan(&place)).await.expect_problem(404);
    let made = upload(&admin, &place, "", "image/svg+xml", SVG).await.expect(200);
    assert_eq!((&made["width"], &made["height"], &made["zone"], &made["spots"]), (&json!(400.0), &json!(200.0), &Value::Null, &json!([])));
    assert_eq!(anyone.get(&plan(&place)).await.expect(200), made);

    let address = made["picture"].as_str().unwrap();
    let picture = anyone.get(address).await;
    assert_eq!((picture.status, picture.header("content-type")), (200, "image/svg+xml"));
    let text = picture.text();
    assert!(text.contains("#abcdef") && !text.contains("script") && !text.contains("onclick") && !text.contains("<text"), "{text}");
    assert_eq!(picture.header("x-content-type-options"), "nosniff");
    let policy = picture.header("content-security-policy");
    assert!(policy.contains("default-src 'none'") && policy.contains("sandbox") && !policy.contains("script-src"), "{policy}");
    assert!(picture.header("cache-control").contains("immutable"), "{}", picture.header("cache-control"));

    // Without its version it is asked for anew, by its tag.
    let unversioned = format!("{}/picture", plan(&place));
    let shown = anyone.get(&unversioned).await;
    assert_eq!((shown.status, shown.header("cache-control")), (200, "no-cache"));
    let tag = shown.header("etag").to_owned();
    let again = anyone.header("if-none-match", &tag).get(&unversioned).await;
    assert_eq!((again.status, again.text().as_str()), (304, ""));
    upload(&admin, &place, "", "image/png", png(800, 400)).await.expect(200);
    let other = anyone.header("if-none-match", &tag).get(&unversioned).await;
    assert_eq!((other.status, other.header("content-type")), (200, "image/png"));
    assert!(anyone.get(address).await.header("cache-control").contains("no-cache"), "the old address is not kept for the new picture");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_picture_is_refused_and_only_an_administrator_uploads() {
    let app = App::start().await;
    let place = app.place(1).await;
    let admin = app.admin().await;
    for (media_type, bytes) in [
        ("image/svg+xml", b"<html/>".to_vec()),
        ("image/svg+xml", b"\xff\xfe".to_vec()),
        ("image/svg+xml", "<g>".repeat(100_000).into_bytes()),
        ("image/svg+xml", br#"<!DOCTYPE svg [<!ENTITY a "b">]><svg xmlns="http://www.w3.org/2000/svg"/>"#.to_vec()),
        ("image/png", b"GIF89a".to_vec()),
        ("image/jpeg", png(8, 8)),
        ("image/png", png(0, 8)),
        ("image/png", png(20_000, 8)),
        ("image/png", Vec::new()),
    ] {
        upload(&admin, &place, "", media_type, bytes).await.expect_invalid(&["picture"]);
    }
    for media_type in ["image/gif", "text/html", "application/json"] {
        upload(&admin, &place, "", media_type, png(8, 8)).await.expect_problem(415);
    }
    upload(&admin, &place, "", "image/png", vec![0; 1024 * 1024 + 1]).await.expect_problem(413);
    upload(&admin, &place, "?zone=NO-SUCH", "image/png", png(8, 8)).await.expect_invalid(&["zone"]);
    admin.send_bytes(Method::PUT, "/api/sites/nowhere/plan/picture", "image/png", png(8, 8)).await.expect_problem(404);
    upload(&app.operator().await, &place, "", "image/png", png(8, 8)).await.expect_problem(403);
    upload(&app.anonymous(), &place, "", "image/png", png(8, 8)).await.expect_problem(401);
    app.anonymous().get(&plan(&place)).await.expect_problem(404);
    put_spots(&admin, &place, json!([])).await.expect_problem(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_photograph_does_not_tell_where_and_with_what_it_was_taken() {
    let app = App::start().await;
    let place = app.place(1).await;
    let (admin, anyone) = (app.admin().await, app.anonymous());
    // In the order of bytes of most telephones: the maker, which way up it is (6: on its side), a position and a number.
    let fields = b"II*\0\x08\0\0\0\x02\0\x0f\x01\x02\0\x04\0\0\0Acme\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";
    let exif = segment(0xe1, &[&b"Exif\0\0"[..], fields, b"GPS 20.8880 N 70.4013 E, serial 4711"].concat());
    let colours = segment(0xe2, b"ICC_PROFILE\0\x01\x01colours");
    let comment = segment(0xfe, b"Asha's telephone");
    let mut sent = jpeg(&[exif.clone(), colours.clone(), comment]);
    // Behind it, another picture of the same moment.
    sent.extend(jpeg(&[exif]));
    let made = upload(&admin, &place, "", "image/jpeg", sent).await.expect(200);
    assert_eq!((&made["width"], &made["height"]), (&json!(16.0), &json!(32.0)), "as it is seen: {made}");
    let picture = anyone.get(made["picture"].as_str().unwrap()).await;
    assert_eq!((picture.status, picture.header("content-type")), (200, "image/jpeg"));
    let has = |what: &[u8]| picture.body.windows(what.len()).any(|part| part == what);
    for gone in [&b"GPS"[..], b"Acme", b"4711", b"Asha"] {
        assert!(!has(gone), "{} is told", String::from_utf8_lossy(gone));
    }
    let upright = segment(0xe1, b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0");
    assert_eq!(picture.body, jpeg(&[upright, colours]), "what is seen stays, bit for bit");

    let mut sent = png(64, 32);
    sent.extend(b"\0\0\0\x0ftEXtAuthor\0somebody\0\0\0\0\0\0\0\x04eXIfMM\0*\0\0\0\0");
    let made = upload(&admin, &place, "", "image/png", sent).await.expect(200);
    assert_eq!(anyone.get(made["picture"].as_str().unwrap()).await.body, png(64, 32));
}

#[tokio::test(flavor = "multi_thread")]
async fn spots_are_placed_all_at_once() {
    let app = App::start().await;
    let (place, elsewhere) = (app.place(3).await, app.place(1).await);
    let admin = app.admin().await;
    upload(&admin, &place, "", "image/svg+xml", SVG).await.expect(200);
    let spot = |index: usize, x: f64| json!({"spot_id": place.spots[index], "x": x, "y": 50, "rotation": -90});
    let placed = put_spots(&admin, &place, json!([spot(0, 10.5), spot(1, 400.0)])).await.expect(200);
    let first = placed["spots"].as_array().unwrap().iter().find(|it| it["spot_id"] == place.spots[0].as_str()).unwrap();
    assert_eq!((&first["x"], &first["y"], &first["rotation"]), (&json!(10.5), &json!(50.0), &json!(270.0)));
    assert_eq!(placed["spots"].as_array().unwrap().len(), 2);

    for refused in [
        json!([spot(0, 400.5)]),
        json!([spot(0, 1.0), spot(0, 2.0)]),
        json!([{"spot_id": elsewhere.spots[0], "x": 1, "y": 1}]),
        json!([{"spot_id": "NO-SUCH-SPOT", "x": 1, "y": 1}]),
    ] {
        put_spots(&admin, &place, refused).await.expect_invalid(&["spots"]);
    }
    put_spots(&admin, &place, json!([{"spot_id": place.spots[0], "x": -1}])).await.expect_invalid(&["spots[0].x", "spots[0].y"]);
    put_spots(&app.operator().await, &place, json!([])).await.expect_problem(403);
    assert_eq!(app.anonymous().get(&plan(&place)).await.expect(200)["spots"], placed["spots"], "what was refused changed nothing");

    // What is not named is on the plan no more; on a larger picture all stay where they are in proportion.
    put_spots(&admin, &place, json!([spot(2, 100.0)])).await.expect(200);
    let larger = upload(&admin, &place, "", "image/png", png(800, 400)).await.expect(200);
    assert_eq!(larger["spots"], json!([{"spot_id": place.spots[2], "x": 200.0, "y": 100.0, "rotation": 270.0}]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_zone_has_a_plan_of_its_own_and_a_plan_is_deleted() {
    let app = App::start().await;
    let place = app.place(1).await;
    let (admin, anyone) = (app.admin().await, app.anonymous());
    let of_zone = format!("{}?zone={}", plan(&place), place.zone);
    let made = upload(&admin, &place, &format!("?zone={}", place.zone), "image/png", png(64, 32)).await.expect(200);
    assert_eq!(made["zone"], place.zone);
    assert_eq!(anyone.get(&of_zone).await.expect(200), made);
    assert_eq!(anyone.get(made["picture"].as_str().unwrap()).await.status, 200);
    anyone.get(&plan(&place)).await.expect_problem(404);
    app.operator().await.delete(&of_zone).await.expect_problem(403);
    admin.delete(&of_zone).await.expect(204);
    admin.delete(&of_zone).await.expect_problem(404);
    anyone.get(&of_zone).await.expect_problem(404);
    let lines = admin.get(&format!("/api/event-logs?entity=floor_plans&subject={}/{}", place.site, place.zone)).await.expect(200);
    let actions: Vec<_> = lines["items"].as_array().unwrap().iter().map(|line| line["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["deleted", "created"]);
}
