//! `spin.toml` (manifest version 2), as far as this application uses it. Unknown fields are errors.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use serde::Deserialize;

/// An application as its manifest describes it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    spin_manifest_version: u32,
    /// Name and version.
    pub application: Application,
    /// The application's variables.
    #[serde(default)]
    pub variables: BTreeMap<String, Variable>,
    /// What calls the components.
    #[serde(default)]
    pub trigger: Triggers,
    /// The components by name.
    #[serde(default)]
    pub component: BTreeMap<String, Component>,
    /// The directory of the manifest, which paths are relative to.
    #[serde(skip)]
    pub root: PathBuf,
}

/// `[application]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Application {
    /// The application's name.
    pub name: String,
    /// Its version.
    #[serde(default)]
    pub version: String,
    /// One line about it.
    #[serde(default)]
    pub description: String,
    /// Who wrote it.
    #[serde(default)]
    pub authors: Vec<String>,
}

/// A variable of the application. It has a default or is required.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Variable {
    /// Without a value the application does not start.
    #[serde(default)]
    pub required: bool,
    /// Its value must not be logged.
    #[serde(default)]
    pub secret: bool,
    /// The value if no other is given.
    pub default: Option<String>,
    /// A description.
    pub description: Option<String>,
}

/// `[[trigger.…]]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Triggers {
    /// Routes.
    #[serde(default)]
    pub http: Vec<HttpTrigger>,
    /// Schedules.
    #[serde(default)]
    pub cron: Vec<CronTrigger>,
}

/// A route and the component that serves it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpTrigger {
    /// `/exact`, `/with/:param` or `/prefix/...`.
    pub route: String,
    /// A component's name.
    pub component: String,
}

/// A schedule and the component that it calls.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CronTrigger {
    /// A component's name.
    pub component: String,
    /// Six or seven fields, seconds first.
    pub cron_expression: String,
}

/// A component and what it is granted.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Component {
    /// The `.wasm` file, relative to the manifest.
    pub source: PathBuf,
    /// One line about it.
    #[serde(default)]
    pub description: String,
    /// Where it may send requests: `<scheme>://<host>[:<port>]`, with `{{ variable }}` expanded.
    #[serde(default)]
    pub allowed_outbound_hosts: Vec<String>,
    /// Labels of the key-value stores that it may open.
    #[serde(default)]
    pub key_value_stores: Vec<String>,
    /// Labels of the databases that it may open.
    #[serde(default)]
    pub sqlite_databases: Vec<String>,
    /// Its own variables: templates with `{{ variable }}` for the application's.
    #[serde(default)]
    pub variables: BTreeMap<String, String>,
    /// How it is built.
    pub build: Option<Build>,
}

/// `[component.X.build]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Build {
    /// A shell command.
    pub command: String,
    /// Globs of its sources, for `spin watch`. Here, Cargo's dep-info tells them.
    #[serde(default)]
    pub watch: Vec<String>,
}

impl Manifest {
    /// Reads and checks a manifest file.
    ///
    /// # Errors
    /// If it cannot be read, or as [`Manifest::parse`].
    pub fn load(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read the manifest {}", path.display()))?;
        let mut manifest = Self::parse(&text).with_context(|| format!("in the manifest {}", path.display()))?;
        let parent = path.parent().filter(|it| !it.as_os_str().is_empty());
        manifest.root = std::path::absolute(parent.unwrap_or(Path::new(".")))?;
        Ok(manifest)
    }

    /// Parses and checks a manifest.
    ///
    /// # Errors
    /// If it is not valid, holds an unknown field, or names a component that does not exist.
    pub fn parse(text: &str) -> Result<Self> {
        let manifest: Self = toml::from_str(text)?;
        manifest.check()?;
        Ok(manifest)
    }

    fn check(&self) -> Result<()> {
        ensure!(self.spin_manifest_version == 2, "spin_manifest_version must be 2");
        for (name, variable) in &self.variables {
            ensure!(is_variable_name(name), "variable name {name:?} is invalid");
            ensure!(variable.required != variable.default.is_some(), "variable {name:?} must be required or have a default, not both");
        }
        let triggered = (self.trigger.http.iter().map(|it| &it.component)).chain(self.trigger.cron.iter().map(|it| &it.component));
        for name in triggered {
            ensure!(self.component.contains_key(name), "a trigger names the component {name:?}, which does not exist");
        }
        for (name, component) in &self.component {
            let own = component.variables.keys();
            if let Some(bad) = own.into_iter().find(|it| !is_variable_name(it)) {
                bail!("component {name:?}: variable name {bad:?} is invalid");
            }
        }
        Ok(())
    }
}

/// Whether a variable's name is valid: lower-case words of letters and digits, joined by single underscores, with a letter first.
pub fn is_variable_name(name: &str) -> bool {
    name.starts_with(|it: char| it.is_ascii_lowercase())
        && name.split('_').all(|word| !word.is_empty() && word.bytes().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "spin_manifest_version = 2\n[application]\nname = \"x\"\n";

    #[test]
    fn the_manifest_of_the_repository_is_valid() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spin.toml");
        let manifest = Manifest::load(&path).unwrap();
        assert!(!manifest.trigger.http.is_empty());
    }

    #[test]
    fn unknown_fields_are_errors() {
        let parse = |tail: &str| Manifest::parse(&format!("{HEAD}{tail}"));
        assert!(parse("").is_ok());
        for bad in [
            "[surprise]\n",
            "[component.a]\nsource = \"a.wasm\"\nai_models = [\"x\"]\n",
            "[[trigger.redis]]\nchannel = \"x\"\n",
            "[[trigger.http]]\nroute = \"/\"\ncomponent = \"missing\"\n",
            "[variables]\nNo = { default = \"\" }\n",
            "[variables]\nneither = { secret = true }\n",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn variable_names() {
        for good in ["a", "a1", "log_level", "a_b_c"] {
            assert!(is_variable_name(good), "{good}");
        }
        for bad in ["", "A", "1a", "a__b", "a_", "_a", "a-b"] {
            assert!(!is_variable_name(bad), "{bad}");
        }
    }
}
