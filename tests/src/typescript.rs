//! TypeScript's checker, from npm, over JavaScript with JSDoc types.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::node;

const PACKAGE: &str = "typescript@7.0.2";

/// What the checker finds in the project of this configuration; an empty text when nothing is wrong. Installs it once, from npm. Blocks.
pub fn findings(config: &Path) -> String {
    let modules = node::modules(&[PACKAGE]);
    let mut tsc = Command::new(modules.join(".bin/tsc"));
    tsc.args(["--pretty", "false", "--project"]).arg(config).stdin(Stdio::null());
    let output = tsc.output().expect("TypeScript is installed");
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + String::from_utf8_lossy(&output.stderr).as_ref();
    assert!(output.status.success() || !said.is_empty(), "{tsc:?}: {}", output.status);
    said
}
