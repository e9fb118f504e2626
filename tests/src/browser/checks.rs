//! What is checked of a page that is open, and pictures of it.

use std::time::Duration;

use serde_json::{Value, json};

use super::Browser;

impl Browser {
    /// A picture of the tab, PNG.
    async fn screenshot(&self) -> Vec<u8> {
        self.client.screenshot().await.expect("a picture")
    }

    /// Checks that the page logged no error, warning or violation of the content security policy since the last call.
    pub async fn assert_no_console_errors(&self) {
        let errors = self.console_errors().await;
        assert!(errors.is_empty(), "{errors:#?}");
    }

    /// Checks that the page is not wider than the viewport. `name` is for the message.
    pub async fn assert_no_horizontal_scroll(&self, name: &str) {
        let widths = self.execute("return [document.documentElement.scrollWidth, window.innerWidth]").await;
        assert_eq!(widths[0], widths[1], "{name} scrolls sideways");
    }

    /// Checks that all text has the contrast of WCAG 2 level AA, in the colour scheme that is set.
    async fn assert_contrast(&self, name: &str) {
        // Colours are in transition after the scheme was switched.
        tokio::time::sleep(Duration::from_millis(700)).await;
        assert_eq!(self.execute(include_str!("../contrast.js")).await, json!([]), "{name}: texts of too little contrast");
    }

    /// Checks in the light and the dark colour scheme that the page is not wider than the viewport and that all text has the contrast of
    /// WCAG 2 level AA. Leaves the light scheme. Saves screenshots, see [`Browser::save_screenshot`].
    pub async fn assert_readable(&self, name: &str) {
        for scheme in ["dark", "light"] {
            let name = format!("{name}-{scheme}");
            self.prefer_dark(scheme == "dark").await;
            self.assert_contrast(&name).await;
            self.assert_no_horizontal_scroll(&name).await;
            self.save_screenshot(&name).await;
        }
    }

    /// [`Browser::assert_readable`] at a phone's and a desktop's size, and every control of the page has an accessible name. Leaves the
    /// desktop's size.
    pub async fn assert_layout(&self, name: &str) {
        for (width, height) in [(390, 844), (1280, 900)] {
            self.resize(width, height).await;
            self.assert_readable(&format!("{name}-{width}")).await;
        }
        let nameless = "return [...document.querySelectorAll('.page :is(button, input, select, textarea, a)')].filter((element) => \
            !element.hidden && !element.innerText?.trim() && !element.getAttribute('aria-label') && !element.labels?.length).length";
        assert_eq!(self.execute(nameless).await, 0, "{name}: controls without an accessible name");
    }

    /// Writes a screenshot to `NAME.png` in the directory of the environment variable `GATEHOUSE_PICTURES`, if that is set.
    pub async fn save_screenshot(&self, name: &str) {
        if let Some(directory) = std::env::var_os("GATEHOUSE_PICTURES") {
            std::fs::write(std::path::Path::new(&directory).join(format!("{name}.png")), self.screenshot().await)
                .expect("a screenshot is written");
        }
    }

    /// What the page logged since the last call: errors, warnings, refusals by the content security policy. Answers with an
    /// error status, which the browser logs too, are the server's affair and left out.
    pub(super) async fn console_errors(&self) -> Vec<Value> {
        let Value::Array(entries) = self.driver_call("se/log", json!({ "type": "browser" })).await else {
            panic!("the log is a list");
        };
        entries.into_iter().filter(|entry| entry["source"] != "network").collect()
    }
}
