//! The console's pages for pilgrims and gates: book darshan and show the ticket, wait for places, come in, also without the network.

#[path = "booking/support.rs"]
#[allow(dead_code, reason = "shared with the suite of bookings")]
mod support;

#[path = "console/gates.rs"]
mod gates;
#[path = "console/keeping.rs"]
mod keeping;
#[path = "console/proxy.rs"]
mod proxy;

use std::time::Duration;

use domain::booking::{Booked, EARLY_ENTRY_MS, Scan, Status, admit};
use domain::booking_slot::{Date, Slot, Zone};
use gatehouse_tests::browser::Browser;
use gatehouse_tests::{App, eventually};
use serde_json::{Value, json};
use strum::VariantArray as _;
use support::{Temple, code, id, path};

struct Fixture {
    app: App,
    temple: Temple,
    visitor: (String, String),
    operator: (String, String),
}

impl Fixture {
    async fn create(capacity: i64) -> Option<Self> {
        let app = App::embedded(&[]).await?;
        let temple = Temple::create(&app, capacity).await;
        let visitor = app.new_user("visitor", json!({})).await;
        let operator = app.new_user("operator", json!({})).await;
        Some(Self { app, temple, visitor, operator })
    }

    /// Signs in at the console at `base` and opens a page about the temple.
    async fn open(&self, browser: &Browser, base: &str, page: &str, user: &(String, String)) {
        // Nothing of who sat here before.
        browser.devtools("Network.clearBrowserCookies", json!({})).await;
        browser.open(&format!("{base}/console/account/register")).await;
        browser.execute("localStorage.clear()").await;
        browser.open("about:blank").await;
        browser.open(&format!("{base}/console/")).await;
        browser.sign_in(&user.0, &user.1).await;
        browser.wait_visible("#sign-out").await;
        browser.open(&format!("{base}/console/s/{}/{page}", self.temple.slug)).await;
    }

    async fn darshan(&self, browser: &Browser) {
        self.open(browser, self.app.base_url(), "book/darshan", &self.visitor).await;
        browser.wait_visible("#darshan-date").await;
        let date = &self.temple.date;
        browser
            .execute(&format!(
                "const d = document.querySelector('#darshan-date'); d.value = '{date}'; d.dispatchEvent(new Event('change', {{ bubbles: true }}))"
            ))
            .await;
    }

    async fn gate(&self, browser: &Browser) {
        self.gate_at(browser, self.app.base_url()).await;
    }

    async fn gate_at(&self, browser: &Browser, base: &str) {
        self.open(browser, base, "gate", &self.operator).await;
        browser.wait_visible(&format!("#gate-temple option[value='{}']:checked", self.temple.slug)).await;
        browser.wait_text(".gate-connection", |text| text.starts_with("Online · list of")).await;
    }

    /// A booking of the visitor, by the API.
    async fn book(&self, party: i64) -> Value {
        self.app.login(&self.visitor.0, &self.visitor.1).await.post("/api/bookings/", self.temple.booking_body(party)).await.expect(201)
    }

    async fn status(&self, booking: &Value) -> String {
        let shown = self.app.operator().await.get(&path(booking)).await.expect(200);
        shown["status"].as_str().unwrap().to_owned()
    }
}

async fn verdict(browser: &Browser, wanted: &str) {
    browser.wait_text(".verdict-title", |text| text == wanted).await;
}

async fn type_code(browser: &Browser, code: &str) {
    browser.fill("#gate-code", code).await;
    browser.click(".gate-entry button").await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_pilgrim_books_shows_the_code_and_comes_in_once() {
    let Some(fixture) = Fixture::create(20).await else { return };
    let browser = Browser::start(1280, 900).await;
    fixture.darshan(&browser).await;
    browser.wait_text("[data-slot='06:00-07:00'] .slot-left", |text| text == "20 of 20 left").await;
    browser.click("[data-slot='06:00-07:00']").await;
    browser.fill("#party", "4").await;
    browser.fill("#visitors", "Asha Mehta\nRavi <b>Mehta</b>").await;
    browser.click("#book").await;
    browser.wait_visible(".ticket[data-status='confirmed'] .ticket-qr").await;
    let shown = browser.wait_text(".ticket-code", |text| text.len() == 9).await;
    browser.wait_text("[data-slot='06:00-07:00'] .slot-left", |text| text == "16 of 20 left").await;
    let stored = fixture.app.operator().await.get(&format!("/api/bookings/{shown}")).await.expect(200);
    assert_eq!(stored["visitors"], json!([{"name": "Asha Mehta"}, {"name": "Ravi <b>Mehta</b>"}]));
    // The picture is the ticket's, and large enough to be read off a phone.
    let drawn = browser.execute("return document.querySelector('.ticket-qr').src").await;
    let address = stored["qr_svg_url"].as_str().unwrap();
    assert!(drawn.as_str().unwrap().contains(&address[..address.find("expires=").unwrap()]), "{drawn}");
    assert!(browser.execute("return document.querySelector('.ticket-qr').getBoundingClientRect().width").await.as_f64() > Some(240.0));
    // A party that is too large is refused here, and a wish that cannot be is the server's to refuse.
    browser.click("[data-slot='07:00-08:00']").await;
    browser.fill("#party", "1").await;
    browser.fill("#visitors", "Asha\nRavi").await;
    browser.click("#book").await;
    browser.wait_text(".form-error", |text| text.contains("must not be more than the party")).await;
    browser.assert_layout("darshan").await;
    browser.assert_no_console_errors().await;

    fixture.temple.advance_to_slot(&fixture.app, &stored, 60);
    fixture.gate(&browser).await;
    browser.wait_text(".gate-connection", |text| text.contains("list of 1 booking,")).await;
    type_code(&browser, &shown.to_lowercase().replace('-', " ")).await;
    verdict(&browser, "Come in").await;
    browser.wait_text(".verdict-detail", |text| text == "Party of 4").await;
    browser.wait_text("#inside", |text| text == "4").await;
    type_code(&browser, &shown).await;
    verdict(&browser, "Already checked in").await;
    browser.assert_layout("gate").await;
    type_code(&browser, "2222-2222").await;
    verdict(&browser, "No such booking on the list").await;
    type_code(&browser, "what is this").await;
    verdict(&browser, "Not readable").await;
    browser.click(".way[data-exits='true']").await;
    type_code(&browser, &shown).await;
    verdict(&browser, "Goodbye").await;
    browser.wait_text("#inside", |text| text == "0").await;
    type_code(&browser, &shown).await;
    verdict(&browser, "Has left already").await;
    assert_eq!(fixture.status(&stored).await, "exited");
    browser.assert_no_console_errors().await;
    browser.close().await;
}

/// A camera that sees whatever `window.held` says, for a machine that has none.
const CAMERA: &str = "
    window.held = null;
    window.BarcodeDetector = class {
        async detect() { return window.held ? [{ rawValue: window.held }] : []; }
    };
    const canvas = document.createElement('canvas');
    const pen = canvas.getContext('2d');
    setInterval(() => { pen.fillStyle = `rgb(${Math.random() * 255},80,80)`; pen.fillRect(0, 0, 300, 150); }, 50);
    Object.defineProperty(navigator, 'mediaDevices', { value: { getUserMedia: async () => canvas.captureStream(20) } });
";

/// What the gate keeps in IndexedDB for a temple: its `day`, or its `queue`.
async fn kept(browser: &Browser, temple: &str, what: &str) -> Value {
    let script = format!(
        "return new Promise((done) => {{
            indexedDB.open('gatehouse-gate').onsuccess = (opened) => {{
                const asked = opened.target.result.transaction('temples').objectStore('temples').get('{temple}.{what}');
                asked.onsuccess = () => done(JSON.parse(JSON.stringify(asked.result)));
            }};
        }})"
    );
    browser.execute(&script).await
}

async fn hold(browser: &Browser, ticket: &str) {
    browser.execute(&format!("window.held = {}", json!(ticket))).await;
}

async fn network(browser: &Browser, there: bool) {
    let conditions = json!({ "offline": !there, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1 });
    // Requests obey it only once the domain is on.
    browser.devtools("Network.enable", json!({})).await;
    browser.devtools("Network.emulateNetworkConditions", conditions).await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_gate_works_on_without_the_network_and_uploads_its_scans() {
    let Some(fixture) = Fixture::create(50).await else { return };
    let (typed, scanned, cancelled, late) = (fixture.book(2).await, fixture.book(3).await, fixture.book(1).await, fixture.book(1).await);
    let pilgrim = fixture.app.login(&fixture.visitor.0, &fixture.visitor.1).await;
    pilgrim.patch(&format!("{}/cancel", path(&cancelled)), json!({})).await.expect(200);
    let tomorrow = {
        let mut wish = fixture.temple.booking_body(1);
        wish["date"] = json!(support::date(&fixture.app, 2));
        pilgrim.post("/api/bookings/", wish).await.expect(201)
    };
    fixture.temple.advance_to_slot(&fixture.app, &typed, 60);
    let browser = Browser::start(1280, 900).await;
    browser.devtools("Page.addScriptToEvaluateOnNewDocument", json!({ "source": CAMERA })).await;
    fixture.gate(&browser).await;
    browser.wait_text(".gate-connection", |text| text.contains("list of 4 bookings")).await;
    browser.click("#gate-camera").await;
    browser.wait_visible(".scanner-video").await;

    network(&browser, false).await;
    type_code(&browser, code(&typed)).await;
    verdict(&browser, "Come in").await;
    browser.wait_text(".verdict-detail", |text| text == "Party of 2 · judged by the list").await;
    browser.wait_text("#inside", |text| text == "2").await;
    type_code(&browser, code(&typed)).await;
    verdict(&browser, "Already checked in").await;
    type_code(&browser, code(&cancelled)).await;
    verdict(&browser, "Booking was cancelled").await;
    // A ticket whose signature is another's, and one that is genuine.
    let ticket = scanned["ticket"].as_str().unwrap();
    let forged = format!("{}.{}", ticket.rsplit_once('.').unwrap().0, late["ticket"].as_str().unwrap().rsplit_once('.').unwrap().1);
    hold(&browser, &forged).await;
    verdict(&browser, "Not a genuine ticket").await;
    hold(&browser, ticket).await;
    verdict(&browser, "Come in").await;
    browser.wait_text("#inside", |text| text == "5").await;
    // Not on the list of the day: its signature says what it is for.
    hold(&browser, tomorrow["ticket"].as_str().unwrap()).await;
    verdict(&browser, "Booking is for another day").await;
    browser.wait_text(".gate-connection", |text| text.starts_with("Offline") && text.ends_with("2 to upload")).await;
    browser.assert_layout("gate-offline").await;
    // The queue outlives the page.
    assert_eq!(kept(&browser, &fixture.temple.slug, "queue").await.as_array().unwrap().len(), 2);
    let stored = kept(&browser, &fixture.temple.slug, "day").await.to_string();
    assert!(!stored.contains("user_id") && !stored.contains("visitors"), "no more than a gate needs");
    assert_eq!(fixture.status(&typed).await, "confirmed");
    // Another gate lets one of them in meanwhile: the upload is told so.
    let nonce = json!({"temple_id": fixture.temple.slug, "nonce": "another-gate-1"});
    fixture.app.operator().await.post(&format!("{}/checkin", path(&scanned)), nonce).await.expect(200);

    network(&browser, true).await;
    eventually("what was scanned offline is checked in", Duration::from_secs(30), || async {
        (fixture.status(&typed).await == "checked_in").then_some(())
    })
    .await;
    browser.wait_text(".gate-connection", |text| text.starts_with("Online") && !text.contains("upload")).await;
    browser.wait_text("#inside", |text| text == "5").await;
    browser.wait_text(".scan-log", |text| text.contains("refused on upload: Already checked in")).await;
    assert_eq!(kept(&browser, &fixture.temple.slug, "queue").await, json!([]));
    assert_eq!(fixture.status(&late).await, "confirmed");
    let scans: i64 = fixture
        .app
        .db()
        .query_row("select count(*) from booking_scans where booking = ? and outcome = 'checked_in'", [id(&typed)], |row| row.get(0))
        .unwrap();
    assert_eq!(scans, 1);
    browser.assert_no_console_errors().await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_gate_goes_on_through_a_reload_while_the_server_is_away() {
    let Some(fixture) = Fixture::create(50).await else { return };
    let (first, second) = (fixture.book(2).await, fixture.book(3).await);
    fixture.temple.advance_to_slot(&fixture.app, &first, 60);
    let proxy = proxy::Proxy::start(fixture.app.base_url()).await;
    let browser = Browser::start(1280, 900).await;
    fixture.gate_at(&browser, proxy.base_url()).await;
    browser.wait_text(".gate-connection", |text| text.contains("list of 2 bookings")).await;
    // The worker has what the page needs, once it is there.
    let script = "return navigator.serviceWorker.ready.then(() => caches.open('gatehouse-console-2')).then((cache) => cache.keys()) \
        .then((kept) => kept.some((one) => one.url.includes('/pages/gate/gate')))";
    eventually("the page is kept", Duration::from_secs(20), || async { (browser.execute(script).await == true).then_some(()) }).await;

    proxy.cut();
    type_code(&browser, code(&first)).await;
    verdict(&browser, "Come in").await;
    browser.wait_text(".gate-connection", |text| text.starts_with("Offline") && text.ends_with("1 to upload")).await;
    // The browser is closed over the cut line and opened again.
    browser.open("about:blank").await;
    browser.open(&format!("{}/console/s/{}/gate", proxy.base_url(), fixture.temple.slug)).await;
    browser.wait_text(".gate-connection", |text| text.starts_with("Offline") && text.ends_with("1 to upload")).await;
    type_code(&browser, code(&first)).await;
    verdict(&browser, "Already checked in").await;
    type_code(&browser, code(&second)).await;
    verdict(&browser, "Come in").await;
    browser.wait_text(".gate-connection", |text| text.ends_with("2 to upload")).await;

    proxy.forward_to(fixture.app.base_url());
    browser.wait_text(".gate-connection", |text| text.starts_with("Online") && !text.contains("upload")).await;
    assert_eq!((fixture.status(&first).await, fixture.status(&second).await), ("checked_in".to_owned(), "checked_in".to_owned()));
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn who_waits_moves_up_and_gives_back_in_the_console() {
    let Some(fixture) = Fixture::create(4).await else { return };
    let other = fixture.app.visitor().await;
    let taken = other.post("/api/bookings/", fixture.temple.booking_body(4)).await.expect(201);
    let browser = Browser::start(1280, 900).await;
    fixture.darshan(&browser).await;
    browser.wait_visible("[data-slot='06:00-07:00'][data-status='full']").await;
    browser.click("[data-slot='06:00-07:00']").await;
    browser.wait_text("#book", |text| text == "Join the waitlist").await;
    browser.fill("#party", "2").await;
    browser.click("#book").await;
    browser.wait_text(".ticket[data-status='waitlisted'] .ticket-hint", |text| text.contains("Number 1 in line")).await;
    browser.assert_layout("waitlist").await;
    other.patch(&format!("{}/cancel", path(&taken)), json!({})).await.expect(200);
    browser.wait_visible(".ticket[data-status='confirmed'] .ticket-qr").await;
    browser.wait_text("[data-slot='06:00-07:00'] .slot-left", |text| text == "2 of 4 left").await;

    browser.click(".ticket-cancel").await;
    browser.click(".ticket-sure .button-quiet").await;
    browser.click(".ticket-cancel").await;
    browser.click(".ticket-yes").await;
    browser.wait_hidden(".ticket").await;
    browser.wait_text("[data-slot='06:00-07:00'] .slot-left", |text| text == "4 of 4 left").await;
    browser.click(".earlier summary").await;
    browser.wait_text(".past-bookings", |text| text.contains("cancelled")).await;
    // A visitor has no gate.
    assert_eq!(browser.execute("return document.querySelectorAll('.pages a[href$=\"/gate\"]').length").await, 0);
    browser.assert_no_console_errors().await;
    browser.close().await;
}

/// Runs an async script in the page, with the gate's rules as `gate`.
async fn decide(browser: &Browser, script: &str) -> Value {
    browser.execute(&format!("return import('/console/lib/gate.js').then(async (gate) => {{ {script} }})")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gate_judges_offline_as_the_server_does() {
    let app = App::start().await;
    let browser = Browser::start(1280, 900).await;
    browser.open(&format!("{}/console/", app.base_url())).await;

    let zone = Zone::parse("Asia/Kolkata").unwrap();
    let date = Date::parse("2026-02-05").unwrap();
    let (starts_at, ends_at) = Slot::parse("23:00-24:00").unwrap().moments(date, zone).unwrap();
    let mut cases = Vec::new();
    let mut expected = Vec::new();
    for status in Status::VARIANTS.iter().copied() {
        for at in [
            starts_at - 86_400_000,
            starts_at - 23 * 3_600_000 - 1,
            starts_at - EARLY_ENTRY_MS - 1,
            starts_at - EARLY_ENTRY_MS,
            starts_at,
            ends_at,
            ends_at + 1,
            ends_at + 86_400_000,
        ] {
            for (number, site) in [(None, "somnath"), (Some(1), "somnath"), (Some(2), "somnath"), (Some(1), "dwarka")] {
                let booked = Booked { site, date, starts_at, ends_at, status, ticket: 1 };
                let judged = admit(&booked, &Scan { site: "somnath", zone, at, ticket: number });
                expected.push(judged.err().map(|refusal| refusal.into_str()));
                cases.push(json!({"status": status.into_str(), "at": at, "number": number, "site": site}));
            }
        }
    }
    let script = format!(
        "return {}.map((one) => {{
            const known = {{ id: 'b', code: 'K7P2-9QXM', date: '{date}', starts: {starts_at}, ends: {ends_at}, number: 1, status: one.status }};
            const ticket = one.number === null ? null
                : {{ booking: 'b', number: one.number, site: one.site, startsAt: {starts_at}, endsAt: {ends_at} }};
            const asked = ticket ? {{ ticket, genuine: true }} : {{ code: 'K7P2-9QXM' }};
            return gate.judge(asked, {{ site: 'somnath', timeZone: 'Asia/Kolkata', list: new Map([['b', known]]) }}, one.at).reason;
        }})",
        json!(cases)
    );
    let judged = decide(&browser, &script).await;
    for ((case, expected), judged) in cases.iter().zip(&expected).zip(judged.as_array().unwrap()) {
        assert_eq!(&json!(expected), judged, "{case}");
    }

    // The example of docs/reference/tickets.md, verified with the browser's own cryptography; not on the list, its own word counts.
    let page = include_str!("../../docs/reference/tickets.md");
    let line = |name: &str| page.lines().find_map(|line| line.strip_prefix(name)).expect("an example").trim().to_owned();
    let (ticket, public, kid) = (line("ticket       "), line("public key   "), line("kid          "));
    let script = format!(
        "const keys = [{{ kid: {kid}, x: {public} }}];
         const ticket = gate.readTicket({ticket});
         const altered = gate.readTicket({ticket}.replace('SIADwE', 'SIADwF'));
         const stranger = {{ ...ticket, kid: '00000000' }};
         const at = (ticket, genuine, ms) =>
             gate.judge({{ ticket, genuine }}, {{ site: 'somnath', timeZone: 'Asia/Kolkata', list: new Map() }}, ms).reason;
         return {{
             said: [ticket.booking, ticket.startsAt, ticket.endsAt, ticket.party, ticket.number, ticket.site, ticket.kid],
             genuine: [await gate.isGenuine(ticket, keys), await gate.isGenuine(altered, keys), await gate.isGenuine(stranger, keys)],
             unlisted: [at(ticket, true, ticket.startsAt), at(ticket, true, ticket.endsAt + 1), at(ticket, null, ticket.startsAt),
                 at(ticket, false, ticket.startsAt)],
             none: ['', 'GHT1.', 'GHT1..', 'GHT2' + {ticket}.slice(4), 'GHT1.AAAA.AAAA', {ticket} + 'A', 'A.'.repeat(200)]
                 .map((text) => gate.readTicket(text)),
             codes: ['k7p29qxm', ' K7P2 9qxm ', 'K7P2-9QX', 'K7P2-9QX0', ''].map(gate.parseCode),
         }}",
        kid = json!(kid),
        public = json!(public),
        ticket = json!(ticket),
    );
    let seen = decide(&browser, &script).await;
    let start = 1_770_251_400_000_i64;
    let said = json!(["019c2a5e-4b00-7000-8000-0123456789ab", start, start + 3_600_000, 4, 1, "somnath", kid]);
    assert_eq!(seen["said"], said);
    assert_eq!(seen["genuine"], json!([true, false, false]));
    assert_eq!(seen["unlisted"], json!([null, "too_late", "bad_signature", "bad_signature"]));
    assert_eq!(seen["none"], json!([null, null, null, null, null, null, null]));
    assert_eq!(seen["codes"], json!(["K7P2-9QXM", "K7P2-9QXM", null, null, null]));
    browser.assert_no_console_errors().await;
    browser.close().await;
}
