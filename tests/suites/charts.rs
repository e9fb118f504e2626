//! The analyses as pictures (docs/reference/charts.md): their forms, themes and widths, what is refused, what is not sent again.

use std::io::Cursor;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gatehouse_tests::{App, Client, Response, unique};
use serde_json::json;

const CHARTS: [&str; 6] = ["footfall", "occupancy", "peak-hours", "emergencies", "crowd", "revenue"];
const NAME: &str = "श्री सोमनाथ & સોમનાથ <મંદિર>";
const NO_DATA: &str = "No data for this range";

fn path(chart: &str, form: &str, query: &str) -> String {
    format!("/api/analytics/charts/{chart}.{form}?{query}")
}

/// A temple with one zone that was counted an hour ago, and one emergency.
async fn temple(app: &App, operator: &Client) -> String {
    let admin = app.admin().await;
    let site = unique("temple");
    let body = json!({
        "slug": site, "name": NAME, "kind": "temple", "latitude": 20.888, "longitude": 70.401, "time_zone": "Asia/Kolkata", "capacity": 500,
    });
    admin.post("/api/sites", body).await.expect(201);
    let zone = json!({"code": "HALL", "name": "Great hall", "capacity": 500});
    admin.post(&format!("/api/sites/{site}/zones"), zone).await.expect(201);
    for (count, ago) in [(120, 7_200), (340, 3_600)] {
        let count = json!({"zone": "HALL", "count": count, "timestamp": app.time(-ago)});
        operator.post(&format!("/api/crowd/temple/{site}/update"), count).await.expect(201);
    }
    operator.post("/api/emergency/", json!({"temple_id": site, "type": "medical"})).await.expect(201);
    site
}

/// Days that are over: what is drawn of them does not follow the clock.
fn past(app: &App) -> String {
    let day = |ago: i64| app.time(-ago * 86_400).chars().take(10).collect::<String>();
    format!("from={}&to={}", day(20), day(5))
}

/// Its width and height.
fn size(png: &[u8]) -> (u32, u32) {
    let reader = png::Decoder::new(Cursor::new(png)).read_info().expect("a PNG");
    (reader.info().width, reader.info().height)
}

#[track_caller]
fn expect_picture(response: &Response, media_type: &str) {
    assert_eq!((response.status, response.header("content-type")), (200, media_type), "{}: {}", response.request, response.text());
    assert_eq!(response.header("cache-control"), "private, no-cache");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_analysis_is_a_picture_in_two_forms() {
    let app = App::start().await;
    let operator = app.operator().await;
    let site = temple(&app, &operator).await;
    for chart in CHARTS {
        let svg = operator.get(&path(chart, "svg", &format!("site={site}"))).await;
        expect_picture(&svg, "image/svg+xml");
        let text = svg.text();
        for part in ["role=\"img\"", "aria-labelledby=", "<desc", "Asia/Kolkata", "श्री सोमनाथ &amp; સોમનાથ &lt;મંદિર&gt;"]
        {
            assert!(text.contains(part), "{chart}: {part} is not in {text}");
        }
        assert!(!text.contains("<મંદિર>"));
        let has_data = !text.contains(NO_DATA);
        assert_eq!(
            has_data,
            !matches!(chart, "occupancy" | "revenue"),
            "{chart}: there were people and an emergency, no spots and no payments"
        );
        let png = operator.get(&path(chart, "png", &format!("site={site}"))).await;
        expect_picture(&png, "image/png");
        assert_eq!(size(&png.body).0, 960, "{chart}");
        // Of all sites, too.
        expect_picture(&operator.get(&path(chart, "svg", "")).await, "image/svg+xml");
        if let Some(directory) = std::env::var_os("GATEHOUSE_PICTURES") {
            std::fs::write(std::path::Path::new(&directory).join(format!("{chart}.png")), &png.body).expect("the folder can be written to");
        }
    }
    for by in ["hour", "type", "severity", "zone"] {
        let svg = operator.get(&path("emergencies", "svg", &format!("site={site}&by={by}"))).await;
        expect_picture(&svg, "image/svg+xml");
        assert!(!svg.text().contains(NO_DATA), "{by}");
    }
    let by_type = operator.get(&path("emergencies", "svg", &format!("site={site}&by=type"))).await.text();
    assert!(by_type.contains("Medical"), "{by_type}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_has_a_theme_and_a_width() {
    let app = App::start().await;
    let operator = app.operator().await;
    let light = operator.get(&path("crowd", "svg", "theme=light")).await.text();
    let dark = operator.get(&path("crowd", "svg", "theme=dark")).await.text();
    assert!(light.contains("#ffffff") && !dark.contains("#ffffff") && light != dark);
    for width in [320, 2400] {
        let png = operator.get(&path("peak-hours", "png", &format!("width={width}"))).await;
        expect_picture(&png, "image/png");
        assert_eq!(size(&png.body).0, width);
    }
    for chart in CHARTS {
        for form in ["svg", "png"] {
            let refused = operator.get(&path(chart, form, "theme=sepia&width=319&encoding=hex&colour=red&from=today")).await;
            refused.expect_invalid(&["colour", "encoding", "from", "theme", "width"]);
            operator.get(&path(chart, form, "width=2401")).await.expect_invalid(&["width"]);
            operator.get(&path(chart, form, "site=nowhere")).await.expect_invalid(&["site"]);
        }
    }
    operator.get(&path("revenue", "svg", "currency=rupees")).await.expect_invalid(&["currency"]);
    operator.get("/api/analytics/charts/weather.svg").await.expect_problem(404);
    operator.get("/api/analytics/charts/footfall.gif").await.expect_problem(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_that_is_known_is_not_sent_again() {
    let app = App::start().await;
    let operator = app.operator().await;
    let site = temple(&app, &operator).await;
    let range = format!("site={site}&{}", past(&app));
    for form in ["svg", "png"] {
        for query in [range.clone(), format!("{range}&encoding=base64")] {
            let first = operator.get(&path("emergencies", form, &query)).await;
            let tag = first.header("etag").to_owned();
            assert!(first.status == 200 && tag.starts_with("W/\""), "{}: {tag}", first.request);
            let again = operator.header("if-none-match", &tag).get(&path("emergencies", form, &query)).await;
            assert_eq!((again.status, again.body.len(), again.header("etag")), (304, 0, tag.as_str()), "{}", again.request);
            let other = operator.header("if-none-match", &tag).get(&path("emergencies", form, &format!("{query}&theme=dark"))).await;
            assert_eq!(other.status, 200, "another theme is another picture");
        }
    }
    let today = format!("site={site}");
    let before = operator.get(&path("emergencies", "svg", &today)).await;
    operator.post("/api/emergency/", json!({"temple_id": site, "type": "fire"})).await.expect(201);
    let after = operator.header("if-none-match", before.header("etag")).get(&path("emergencies", "svg", &today)).await;
    assert_eq!(after.status, 200, "one emergency more");
    assert_ne!(after.header("etag"), before.header("etag"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drawing_goes_out_compressed() {
    let app = App::start().await;
    let packed = app.operator().await.header("accept-encoding", "gzip").get(&path("crowd", "svg", "")).await;
    assert_eq!((packed.status, packed.header("content-encoding")), (200, "gzip"));
}

#[tokio::test(flavor = "multi_thread")]
async fn older_clients_get_base64_in_a_document() {
    let app = App::start().await;
    let operator = app.operator().await;
    let range = format!("{}&width=640&theme=dark", past(&app));
    for (form, media_type) in [("svg", "image/svg+xml"), ("png", "image/png")] {
        let picture = operator.get(&path("footfall", form, &range)).await;
        expect_picture(&picture, media_type);
        let document = operator.get(&path("footfall", form, &format!("{range}&encoding=base64"))).await;
        assert_eq!(document.header("content-type"), "application/json");
        let document = document.expect(200);
        let image = document["image"].as_str().expect("base64");
        assert_eq!(STANDARD.decode(image).expect("base64"), picture.body);
        assert_eq!(document["chart"], format!("data:{media_type};base64,{image}"));
        assert_eq!((&document["content_type"], &document["encoding"]), (&json!(media_type), &json!("base64")));
        assert_eq!((&document["theme"], &document["width"]), (&json!("dark"), &json!(640)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_read_the_figures_sees_no_picture() {
    let app = App::start().await;
    let (anonymous, visitor) = (app.anonymous(), app.visitor().await);
    for chart in CHARTS {
        for form in ["svg", "png"] {
            anonymous.get(&path(chart, form, "")).await.expect_problem(401);
            visitor.get(&path(chart, form, "")).await.expect_problem(403);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_heat_map_of_a_temple_is_drawn_the_same_way() {
    let app = App::start().await;
    let operator = app.operator().await;
    let site = temple(&app, &operator).await;
    let heat_map = |form: &str, query: &str| format!("/api/crowd/temple/{site}/heatmap.{form}?{query}");
    let span = past(&app).replace("&to=", "T00:00:00Z&to=") + "T00:00:00Z";
    let png = operator.get(&heat_map("png", &format!("{span}&theme=dark&width=1600"))).await;
    expect_picture(&png, "image/png");
    assert_eq!(size(&png.body).0, 1600);
    let known = operator.header("if-none-match", png.header("etag")).get(&heat_map("png", &format!("{span}&theme=dark&width=1600"))).await;
    assert_eq!(known.status, 304);
    let document = operator.get(&heat_map("svg", "encoding=base64")).await.expect(200);
    let svg = STANDARD.decode(document["image"].as_str().expect("base64")).expect("base64");
    assert!(String::from_utf8_lossy(&svg).contains("Great hall"));
    operator.get(&heat_map("svg", "theme=sepia&width=9999")).await.expect_invalid(&["theme", "width"]);
    // The figures have no theme.
    operator.get(&format!("/api/crowd/temple/{site}/heatmap?theme=dark")).await.expect_invalid(&["theme"]);
}
