//! Variables: the application's values, the templates of a component, and `spin:variables`.

use std::collections::{BTreeMap, HashMap};

use anyhow::{Context as _, Result, bail};
use wasmtime::component::Accessor;

use crate::guest::{Guest, GuestData};
use crate::manifest::{Manifest, is_variable_name};
use crate::wit::variables::variables::{Error, Host, HostWithStore};

/// The application's variables, each with its value.
#[derive(Clone, Debug, Default)]
pub struct Values(BTreeMap<String, String>);

impl Values {
    /// Resolves every variable of the manifest, highest first: `given`, `SPIN_VARIABLE_NAME`, a generated secret, the default.
    ///
    /// Fails when a required one has no value, naming all of them, and when `given` names an unknown one.
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

    /// The value of a variable of the application.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Fills the `{{ name }}` of a template.
    pub fn fill(&self, template: &str) -> Result<String> {
        let mut filled = String::with_capacity(template.len());
        let mut rest = template;
        while let Some((before, after)) = rest.split_once("{{") {
            let (name, after) = (after.split_once("}}")).with_context(|| format!("the template {template:?} does not end"))?;
            let name = name.trim();
            let value = (self.get(name)).with_context(|| format!("the template {template:?} names no variable"))?;
            filled.push_str(before);
            filled.push_str(value);
            rest = after;
        }
        filled.push_str(rest);
        Ok(filled)
    }

    /// Fills all the variables of a component.
    pub fn fill_all(&self, templates: &BTreeMap<String, String>) -> Result<HashMap<String, String>> {
        templates.iter().map(|(name, template)| Ok((name.clone(), self.fill(template)?))).collect()
    }
}

/// What the environment says of a variable, under Spin's name for it.
pub fn from_environment(name: &str) -> Option<String> {
    std::env::var(format!("SPIN_VARIABLE_{}", name.to_ascii_uppercase())).ok()
}

impl Host for Guest {}

impl<T: Send + 'static> HostWithStore<T> for GuestData {
    async fn get(accessor: &Accessor<T, Self>, name: String) -> wasmtime::Result<Result<String, Error>> {
        if !is_variable_name(&name) {
            return Ok(Err(Error::InvalidName(name)));
        }
        let value = accessor.with(|mut access| access.get().component.variables.get(&name).cloned());
        Ok(value.ok_or_else(|| Error::Undefined(format!("no variable {name:?}"))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates() {
        let values = Values([("a".to_owned(), "1".to_owned())].into());
        assert_eq!(values.fill("x{{ a }}y{{a}}").unwrap(), "x1y1");
        assert_eq!(values.fill("plain").unwrap(), "plain");
        assert!(values.fill("{{ b }}").is_err());
        assert!(values.fill("{{ a").is_err());
    }
}
