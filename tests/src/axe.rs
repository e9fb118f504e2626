//! Pages judged by axe-core, which knows the rules of WCAG that a machine can judge.

use serde_json::Value;

use crate::browser::Browser;
use crate::node;

const PACKAGE: &str = "axe-core@4.14.1";

/// Runs in the page; the rules that are broken, each with the elements that break it.
const RUN: &str = "
    return axe.run(document, { resultTypes: ['violations'], ...RULES }).then(({ violations }) =>
        violations.map((one) => [one.id, ...one.nodes.slice(0, 5).map((node) => `${node.target.join(' ')}: ${node.any[0]?.message ?? ''}`)]));
";

/// What the page that is open breaks; an empty list when nothing is wrong. Installs axe-core once, from npm.
pub async fn violations(browser: &Browser) -> Value {
    run(browser, "{}").await
}

/// What the page that is open breaks of the rules about colours, which are all that another colour scheme can break.
pub async fn faint_texts(browser: &Browser) -> Value {
    run(browser, "{ runOnly: ['color-contrast'] }").await
}

async fn run(browser: &Browser, rules: &str) -> Value {
    // Half a megabyte: a page is given it once.
    if browser.execute("return typeof axe").await == "undefined" {
        let modules = tokio::task::block_in_place(|| node::modules(&[PACKAGE]));
        let library = std::fs::read_to_string(modules.join("axe-core/axe.min.js")).expect("axe-core is installed");
        browser.execute(&format!("{library}\nwindow.axe = axe;")).await;
    }
    browser.execute(&RUN.replace("RULES", rules)).await
}
