//! A headless Chromium, driven over WebDriver. Each browser has a driver, a port and a profile of its own, and ends both with itself.

mod checks;

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use fantoccini::error::CmdError;
use fantoccini::{ClientBuilder, Locator};
use serde_json::{Value, json};

use crate::eventually;
use crate::tools::free_port;

const FLAGS: [&str; 10] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
];

/// Frames that come late, as on a machine that is short of processors: what waits for one comes after what does not.
const LATE_FRAMES: &str = "window.requestAnimationFrame = (draw) => setTimeout(() => draw(performance.now()), 150);
    window.cancelAnimationFrame = clearTimeout;";

/// One browser is enough for the machine: tests take turns.
static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// A browser with one tab.
pub struct Browser {
    client: fantoccini::Client,
    session: String,
    http: reqwest::Client,
    driver: Driver,
    _turn: tokio::sync::MutexGuard<'static, ()>,
}

struct Driver {
    process: Child,
    url: String,
    profile: tempfile::TempDir,
}

impl Drop for Driver {
    fn drop(&mut self) {
        // The driver leads a process group of its own, which what it started belongs to.
        let _ = Command::new("kill").args(["-KILL", "--", &format!("-{}", self.process.id())]).stderr(Stdio::null()).status();
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Browser {
    /// Starts one of this size, pixels. Installs Chromium where it is missing and that is possible.
    pub async fn start(width: u32, height: u32) -> Self {
        use std::os::unix::process::CommandExt as _;

        let turn = TURN.lock().await;
        install();
        let profile = tempfile::Builder::new().prefix("gatehouse-browser-").tempdir().expect("a temporary directory");
        let port = free_port();
        let process = Command::new("chromedriver")
            .arg(format!("--port={port}"))
            .env("TMPDIR", profile.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .expect("chromedriver starts");
        let driver = Driver { process, url: format!("http://127.0.0.1:{port}"), profile };
        let http = crate::http_client();
        eventually("chromedriver answers", Duration::from_secs(20), || async {
            http.get(format!("{}/status", driver.url)).send().await.ok().filter(|answer| answer.status().is_success())
        })
        .await;

        let mut arguments: Vec<String> = FLAGS.map(str::to_owned).to_vec();
        arguments.push(format!("--user-data-dir={}", driver.profile.path().join("chromium").display()));
        arguments.push(format!("--window-size={width},{height}"));
        let capabilities = json!({
            "browserName": "chrome",
            "goog:chromeOptions": { "args": arguments },
            "goog:loggingPrefs": { "browser": "ALL" },
        });
        let Value::Object(capabilities) = capabilities else { unreachable!("it is an object") };
        let client = ClientBuilder::new(hyper_util::client::legacy::connect::HttpConnector::new())
            .capabilities(capabilities)
            .connect(&driver.url)
            .await
            .expect("Chromium starts");
        let session = client.session_id().await.expect("a session").expect("a session's id");
        let browser = Self { client, session, http, driver, _turn: turn };
        browser.set_up_tab(width, height).await;
        browser
    }

    async fn set_up_tab(&self, width: u32, height: u32) {
        self.resize(width, height).await;
        self.set_clock().await;
        if let Ok(rate) = std::env::var("GATEHOUSE_TEST_BROWSER_SLOWDOWN") {
            let rate: f64 = rate.parse().expect("a number");
            self.devtools("Emulation.setCPUThrottlingRate", json!({ "rate": rate })).await;
            self.devtools("Page.addScriptToEvaluateOnNewDocument", json!({ "source": LATE_FRAMES })).await;
        }
    }

    /// Ends the browser, in order.
    pub async fn close(self) {
        self.client.clone().close().await.expect("the session ends");
    }

    /// The tab's size from now on, in CSS pixels; below 600 it is a phone's.
    pub async fn resize(&self, width: u32, height: u32) {
        let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600 });
        self.devtools("Emulation.setDeviceMetricsOverride", metrics).await;
    }

    /// Whether the reader prefers a dark page.
    pub async fn prefer_dark(&self, dark: bool) {
        let value = if dark { "dark" } else { "light" };
        self.devtools("Emulation.setEmulatedMedia", json!({ "features": [{ "name": "prefers-color-scheme", "value": value }] })).await;
    }

    /// The same for a reader who wants nothing to move: colours are what they are to be at once.
    pub async fn prefer_at_rest(&self, dark: bool) {
        let features = [("prefers-color-scheme", if dark { "dark" } else { "light" }), ("prefers-reduced-motion", "reduce")];
        let features: Vec<Value> = features.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect();
        self.devtools("Emulation.setEmulatedMedia", json!({ "features": features })).await;
    }

    /// Opens a further tab, as large as the first is said to be, and goes there. Each has a session of its own.
    pub async fn new_tab(&self, width: u32, height: u32) {
        let tab = self.client.new_window(true).await.expect("a tab opens");
        self.client.switch_to_window(tab.handle).await.expect("the tab is there");
        self.set_up_tab(width, height).await;
    }

    /// The tab's pages see the time of an application that starts now, rather than the machine's.
    async fn set_clock(&self) {
        if std::env::var_os("GATEHOUSE_BASE_URL").is_some() {
            return;
        }
        let script = include_str!("clock.js").replace("AHEAD_MS", &format!("{:.0}", crate::seconds_ahead() * 1000.0));
        self.devtools("Page.addScriptToEvaluateOnNewDocument", json!({ "source": script })).await;
    }

    /// Goes to the tab of this index, in the order in which they were opened.
    pub async fn switch_tab(&self, index: usize) {
        let mut tabs = self.client.windows().await.expect("tabs");
        self.client.switch_to_window(tabs.swap_remove(index)).await.expect("the tab is there");
        self.devtools("Page.bringToFront", json!({})).await;
    }

    /// Where the machine stands from now on, for pages that ask, which all may.
    pub async fn set_location(&self, latitude: f64, longitude: f64) {
        self.devtools("Browser.grantPermissions", json!({ "permissions": ["geolocation"] })).await;
        let place = json!({ "latitude": latitude, "longitude": longitude, "accuracy": 12 });
        self.devtools("Emulation.setGeolocationOverride", place).await;
    }

    /// Sends a command of the DevTools protocol.
    pub async fn devtools(&self, command: &str, parameters: Value) {
        self.driver_call("goog/cdp/execute", json!({ "cmd": command, "params": parameters })).await;
    }

    async fn driver_call(&self, path: &str, body: Value) -> Value {
        let url = format!("{}/session/{}/{path}", self.driver.url, self.session);
        let answer = self.http.post(url).json(&body).send().await.expect("chromedriver answers");
        let mut answer: Value = answer.json().await.expect("chromedriver answers in JSON");
        assert!(answer["value"]["error"].is_null(), "{path}: {answer}");
        answer["value"].take()
    }

    /// Requests to addresses that match one of these patterns (`*/api/spots*`) fail from now on; none do when there are none.
    pub async fn block(&self, patterns: &[&str]) {
        self.devtools("Network.enable", json!({})).await;
        self.devtools("Network.setBlockedURLs", json!({ "urls": patterns })).await;
    }

    /// Moves the pointer over what matches this CSS selector, without a click.
    pub async fn point_at(&self, selector: &str) {
        self.wait_visible(selector).await;
        let place = format!(
            "const box = document.querySelector({}).getBoundingClientRect(); return [box.x + box.width / 2, box.y + box.height / 2]",
            json!(selector)
        );
        let place = self.execute(&place).await;
        self.devtools("Input.dispatchMouseEvent", json!({ "type": "mouseMoved", "x": place[0], "y": place[1] })).await;
    }

    /// Opens a page.
    pub async fn open(&self, url: &str) {
        self.client.goto(url).await.expect("the page opens");
    }

    /// Waits until something that matches this CSS selector is shown.
    pub async fn wait_visible(&self, selector: &str) -> fantoccini::elements::Element {
        eventually(&format!("{selector} is shown"), Duration::from_secs(20), || async {
            let element = self.client.find(Locator::Css(selector)).await.ok()?;
            element.is_displayed().await.ok()?.then_some(element)
        })
        .await
    }

    /// Waits until nothing that matches this CSS selector is shown.
    pub async fn wait_hidden(&self, selector: &str) {
        eventually(&format!("{selector} is gone"), Duration::from_secs(20), || async {
            let element = self.client.find(Locator::Css(selector)).await.ok();
            match element {
                Some(element) => (!element.is_displayed().await.unwrap_or(false)).then_some(()),
                None => Some(()),
            }
        })
        .await;
    }

    /// Waits until the text at this CSS selector is as wanted; the text.
    pub async fn wait_text(&self, selector: &str, wanted: impl Fn(&str) -> bool) -> String {
        let seen = std::cell::RefCell::new(String::new());
        let what = format!("{selector} has the wanted text");
        let read = || async {
            let text = self.client.find(Locator::Css(selector)).await.ok()?.text().await.ok()?;
            seen.replace(text.clone());
            wanted(&text).then_some(text)
        };
        match tokio::time::timeout(crate::PATIENCE, async {
            loop {
                if let Some(text) = read().await {
                    return text;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        })
        .await
        {
            Ok(text) => text,
            Err(_) => {
                self.save_screenshot("waited-in-vain").await;
                let url = self.client.current_url().await.map_or_else(|_| "?".to_owned(), |url| url.to_string());
                let shown = self.execute("return document.body?.innerText?.slice(0, 2000) ?? null").await;
                let logged = self.console_errors().await;
                panic!("waited in vain: {what}; it has {:?}; the page {url} logs {logged:?} and shows {shown}", seen.borrow())
            }
        }
    }

    /// Does this with what matches the CSS selector, once it is shown; anew if the page has replaced it meanwhile, as it may at any moment.
    async fn act(&self, selector: &str, act: impl AsyncFn(&fantoccini::elements::Element) -> Result<(), CmdError>) {
        let deadline = tokio::time::Instant::now() + crate::PATIENCE;
        loop {
            let element = self.wait_visible(selector).await;
            match act(&element).await {
                Err(error) if error.is_stale_element_reference() && tokio::time::Instant::now() < deadline => {}
                outcome => return outcome.unwrap_or_else(|error| panic!("{selector} cannot be used: {error}")),
            }
        }
    }

    /// Clicks what matches this CSS selector, once it is shown.
    pub async fn click(&self, selector: &str) {
        self.act(selector, async |element| {
            // To the middle: at the edge, what is fixed there may lie over it.
            let reference = serde_json::to_value(element).expect("an element has a reference");
            self.client.execute("arguments[0].scrollIntoView({ block: 'center' })", vec![reference]).await?;
            element.click().await
        })
        .await;
    }

    /// Types into the field that matches this CSS selector, over what was there.
    pub async fn fill(&self, selector: &str, text: &str) {
        self.act(selector, async |field| {
            field.clear().await?;
            field.send_keys(text).await
        })
        .await;
    }

    /// Presses keys where the focus is.
    pub async fn press(&self, keys: &str) {
        let element = self.client.active_element().await.expect("something has the focus");
        element.send_keys(keys).await.expect("keys can be pressed");
    }

    /// Runs a script in the page; what it returns.
    pub async fn execute(&self, script: &str) -> Value {
        self.client.execute(script, Vec::new()).await.expect("the script runs")
    }

    /// Fills in and submits the console's sign-in form.
    pub async fn sign_in(&self, email: &str, password: &str) {
        self.fill("#email", email).await;
        self.fill("#password", password).await;
        self.click("form button[type='submit']").await;
    }
}

/// Chromium and its driver, installed where they are missing and this is a Debian and we are root.
fn install() {
    let there = |program: &str| Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success());
    if there("chromium") && there("chromedriver") {
        return;
    }
    let root = Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout == b"0\n");
    assert!(root && there("apt-get"), "the console's suite needs Chromium: install the packages chromium and chromium-driver");
    eprintln!("installing chromium and chromium-driver");
    let apt = |arguments: &[&str]| {
        let status = Command::new("apt-get").args(arguments).env("DEBIAN_FRONTEND", "noninteractive").stdout(Stdio::null()).status();
        assert!(status.is_ok_and(|status| status.success()), "apt-get {} failed", arguments.join(" "));
    };
    apt(&["update"]);
    apt(&["install", "-y", "--no-install-recommends", "chromium", "chromium-driver"]);
}
