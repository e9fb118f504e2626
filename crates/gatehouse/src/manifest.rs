//! `spin.toml` (manifest version 2), as far as this application uses it. Unknown fields are errors.

use std::collections::{BTreeMap, BTreeSet};
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
    /// What the triggers of a kind have in common.
    #[serde(default)]
    pub trigger: TriggerSettings,
}

/// `[application.trigger.…]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TriggerSettings {
    /// The broker.
    pub mqtt: Option<MqttSettings>,
}

/// `[application.trigger.mqtt]`: texts, of which the first three may hold `{{ variable }}`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MqttSettings {
    /// `mqtt://host:port`; nothing is listened to while it is empty.
    pub address: String,
    /// Empty for none.
    pub username: String,
    /// Empty for none.
    pub password: String,
    /// Seconds.
    pub keep_alive_interval: String,
}

/// A variable of the application. It has a default or is required.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
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
    /// Topics.
    #[serde(default)]
    pub mqtt: Vec<MqttTrigger>,
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

/// A topic and the component that takes its messages.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MqttTrigger {
    /// A name, for people.
    #[serde(default)]
    pub id: String,
    /// A component's name.
    pub component: String,
    /// A topic filter, with `{{ variable }}` expanded.
    pub topic: String,
    /// `"0"`, `"1"` or `"2"`.
    pub qos: String,
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
    /// `[component.X.tool.…]`: what tools beside Spin, which ignores it, are told.
    #[serde(default)]
    pub tool: Tools,
}

/// `[component.X.tool]`: other tools' settings are none of ours.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Tools {
    /// This host's.
    #[serde(default)]
    pub gatehouse: Concurrency,
}

/// `[component.X.tool.gatehouse]`: how many requests the component works at, at once. Spin knows no such limit.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Concurrency {
    /// Each request is long work for a core: so many at once at most, and on no more than half of the cores, so that the others are left to
    /// all other components.
    pub max_computing: Option<usize>,
    /// How many may wait for their turn; further ones are refused at once.
    pub max_waiting: Option<usize>,
    /// How long each may wait; then it is refused.
    pub max_wait_seconds: Option<u64>,
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
    /// The labels of the databases that the components may open.
    pub fn database_labels(&self) -> impl Iterator<Item = &str> {
        let labels: BTreeSet<_> = self.component.values().flat_map(|it| &it.sqlite_databases).map(String::as_str).collect();
        labels.into_iter()
    }

    /// Reads and checks a manifest file, and with `spin.toml` what stands beside it in `spin.mqtt.toml`: on Spin that is run by a process of its
    /// own, since a broker that is away ends that; here it is one more trigger.
    ///
    /// # Errors
    /// If one of them cannot be read, as [`Manifest::parse`], or if both say different things of one variable or component.
    pub fn load(path: &Path) -> Result<Self> {
        let mut manifest = Self::load_one(path)?;
        let beside = path.with_extension("mqtt.toml");
        if beside.exists() {
            manifest.join(Self::load_one(&beside)?).with_context(|| format!("in the manifest {}", beside.display()))?;
        }
        Ok(manifest)
    }

    /// Whether no trigger but MQTT's calls a component.
    pub fn is_only_for_mqtt(&self, component: &str) -> bool {
        self.trigger.mqtt.iter().any(|it| it.component == component)
            && !self.trigger.http.iter().any(|it| it.component == component)
            && !self.trigger.cron.iter().any(|it| it.component == component)
    }

    fn join(&mut self, other: Self) -> Result<()> {
        for (name, variable) in other.variables {
            match self.variables.get(&name) {
                Some(known) => ensure!(*known == variable, "variable {name:?} is another one in the manifest beside it"),
                None => drop(self.variables.insert(name, variable)),
            }
        }
        for (name, component) in other.component {
            ensure!(!self.component.contains_key(&name), "component {name:?} is in the manifest beside it, too");
            self.component.insert(name, component);
        }
        self.trigger.http.extend(other.trigger.http);
        self.trigger.cron.extend(other.trigger.cron);
        self.trigger.mqtt.extend(other.trigger.mqtt);
        let settings = other.application.trigger.mqtt;
        ensure!(settings.is_none() || self.application.trigger.mqtt.is_none(), "the MQTT trigger is set in the manifest beside it, too");
        self.application.trigger.mqtt = settings.or(self.application.trigger.mqtt.take());
        Ok(())
    }

    fn load_one(path: &Path) -> Result<Self> {
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
        let triggered = (self.trigger.http.iter().map(|it| &it.component))
            .chain(self.trigger.cron.iter().map(|it| &it.component))
            .chain(self.trigger.mqtt.iter().map(|it| &it.component));
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
mod tests;
