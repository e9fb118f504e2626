//! A browser whose answers get lost on their way, or never come.

use gatehouse_tests::browser::Browser;
use serde_json::json;

/// Starts one of this size, and signs in.
pub async fn start(base: &str, who: Option<&(String, String)>, (width, height): (u32, u32)) -> Browser {
    let browser = Browser::start(width, height).await;
    browser.devtools("Page.addScriptToEvaluateOnNewDocument", json!({ "source": include_str!("losing.js") })).await;
    browser.open(&format!("{base}/console/account/sign-in")).await;
    if let Some((email, password)) = who {
        browser.sign_in(email, password).await;
        browser.wait_visible("#sign-out").await;
    }
    browser
}

/// What becomes from now on of requests of this method (or `*`) to addresses with this part: see `losing.js`.
pub async fn lose(browser: &Browser, method: &str, part: &str, how: &str) {
    let losing = json!({ "method": method, "part": part, "how": how }).to_string();
    browser.execute(&format!("sessionStorage.setItem('losing', {})", json!(losing))).await;
}

/// All answers arrive again.
pub async fn lose_nothing(browser: &Browser) {
    browser.execute("sessionStorage.removeItem('losing')").await;
}

/// Whether what matches this CSS selector is in view, and nothing lies over its middle.
pub async fn is_in_reach(browser: &Browser, selector: &str) -> bool {
    let script = format!(
        "const one = document.querySelector({}); const box = one.getBoundingClientRect();
         return one.contains(document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2))",
        json!(selector)
    );
    browser.execute(&script).await == true
}
