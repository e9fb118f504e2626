//! The application's variables, and the templates that refer to them.

pub mod host;

use std::collections::{BTreeMap, HashMap};

use anyhow::{Context as _, Result, bail};

use crate::manifest::Manifest;

/// The application's variables, each with its value.
#[derive(Clone, Debug, Default)]
pub struct Values(BTreeMap<String, String>);

impl Values {
    /// Resolves every variable of the manifest. In order of precedence: `given`, `SPIN_VARIABLE_NAME`, a generated secret, the default.
    ///
    /// # Errors
    /// If required variables have no value (all of them are named), or if `given` names an unknown one.
    pub fn resolve(manifest: &Manifest, given: &BTreeMap<String, String>, secret: impl Fn(&str) -> Option<String>) -> Result<Self> {
        if let Some(name) = given.keys().find(|it| !manifest.variables.contains_key(*it)) {
            bail!("the manifest has no variable {name:?}");
        }
        let mut values = BTreeMap::new();
        let mut missing = Vec::new();
        for (name, variable) in &manifest.variables {
            let value =
                (given.get(name).cloned()).or_else(|| from_environment(name)).or_else(|| secret(name)).or_else(|| variable.default.clone());
            match value {
                Some(value) => drop(values.insert(name.clone(), value)),
                None => missing.push(name.as_str()),
            }
        }
        if !missing.is_empty() {
            bail!("required variables have no value: {} (give each with --variable NAME=VALUE or SPIN_VARIABLE_NAME)", missing.join(", "));
        }
        Ok(Self(values))
    }

    /// The value of a variable.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Expands every `{{ name }}` of a template.
    ///
    /// # Errors
    /// If a variable is unknown, or a `{{` has no `}}`.
    pub fn expand(&self, template: &str) -> Result<String> {
        let mut expanded = String::with_capacity(template.len());
        let mut rest = template;
        while let Some((before, after)) = rest.split_once("{{") {
            let (name, after) = (after.split_once("}}")).with_context(|| format!("the template {template:?} does not end"))?;
            let name = name.trim();
            let value = (self.get(name)).with_context(|| format!("the template {template:?} names no variable"))?;
            expanded.push_str(before);
            expanded.push_str(value);
            rest = after;
        }
        expanded.push_str(rest);
        Ok(expanded)
    }

    /// Expands the variables of a component.
    pub fn expand_all(&self, templates: &BTreeMap<String, String>) -> Result<HashMap<String, String>> {
        templates.iter().map(|(name, template)| Ok((name.clone(), self.expand(template)?))).collect()
    }
}

/// The value of `SPIN_VARIABLE_NAME`.
pub fn from_environment(name: &str) -> Option<String> {
    std::env::var(format!("SPIN_VARIABLE_{}", name.to_ascii_uppercase())).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates() {
        let values = Values([("a".to_owned(), "1".to_owned())].into());
        assert_eq!(values.expand("x{{ a }}y{{a}}").unwrap(), "x1y1");
        assert_eq!(values.expand("plain").unwrap(), "plain");
        assert!(values.expand("{{ b }}").is_err());
        assert!(values.expand("{{ a").is_err());
    }
}
