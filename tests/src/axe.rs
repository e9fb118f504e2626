//! Pages judged by axe-core, which knows the rules of WCAG that a machine can judge.

use serde_json::Value;

use crate::browser::Browser;
use crate::node;

const PACKAGE: &str = "axe-core@4.14.1";

/// Runs in the page; the rules that are broken, each with the elements that break it.
const RUN: &str = "
    return axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) =>
        violations.map((one) => [one.id, ...one.nodes.slice(0, 5).map((node) => `${node.target.join(' ')}: ${node.any[0]?.message ?? ''}`)]));
";

/// What the page that is open breaks; an empty list when nothing is wrong. Installs axe-core once, from npm.
pub async fn violations(browser: &Browser) -> Value {
    let modules = tokio::task::block_in_place(|| node::modules(&[PACKAGE]));
    let library = std::fs::read_to_string(modules.join("axe-core/axe.min.js")).expect("axe-core is installed");
    browser.execute(&format!("{library}\n{RUN}")).await
}
