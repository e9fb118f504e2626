//! What the manifest and the variables say of the broker.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use sha2::{Digest as _, Sha256};

use super::address::Address;
use super::link::{Identity, Version};
use crate::component::Component;
use crate::manifest::Manifest;
use crate::tls;
use crate::variables::Values;

/// The variable whose value, when it is not empty, is the address of the broker.
pub const ADDRESS_VARIABLE: &str = "mqtt_address";

/// The broker to listen to, and how.
pub struct Settings {
    /// Where it is and who we are.
    pub identity: Identity,
    /// The protocol; none to find out.
    pub version: Option<Version>,
}

/// A trigger.
pub struct Subscription {
    /// Its topic filter.
    pub filter: String,
    /// Whether a message is acknowledged (QoS 1). As handlers take messages twice, QoS 2 would add nothing and is taken as 1.
    pub at_least_once: bool,
    /// Whom it calls.
    pub component: Arc<Component>,
}

impl Subscription {
    /// Of a trigger as the manifest has it.
    ///
    /// # Errors
    /// If its `qos` is none.
    pub fn new(filter: String, qos: &str, component: Arc<Component>) -> Result<Self> {
        ensure!(matches!(qos, "0" | "1" | "2"), "the qos of an MQTT trigger is \"0\", \"1\" or \"2\", not {qos:?}");
        Ok(Self { filter, at_least_once: qos != "0", component })
    }
}

impl Settings {
    /// Of the manifest's MQTT triggers; none without any, or while their address is empty.
    ///
    /// # Errors
    /// If the address, the certificates or another setting are invalid.
    pub fn resolve(manifest: &Manifest, values: &Values) -> Result<Option<Self>> {
        let Some(settings) = manifest.application.trigger.mqtt.as_ref().filter(|_| !manifest.trigger.mqtt.is_empty()) else {
            return Ok(None);
        };
        let address = values.expand(&settings.address)?;
        if address.trim().is_empty() {
            return Ok(None);
        }
        let address = Address::parse(&address)?;
        ensure!(address.login.is_none(), "the broker's user and password are mqtt_username and mqtt_password, and stand in no address");
        let given = |name: &str| values.get(name).map(str::trim).filter(|value| !value.is_empty());
        let keep_alive = settings.keep_alive_interval.parse().context("keep_alive_interval of the MQTT trigger is a number of seconds")?;
        let version = match given("mqtt_version") {
            None | Some("auto") => None,
            Some("5") => Some(Version::V5),
            Some("3.1.1") => Some(Version::V4),
            Some(_) => bail!("mqtt_version is 3.1.1, 5 or auto"),
        };
        Ok(Some(Self {
            identity: Identity {
                client_id: given("mqtt_client_id").map_or_else(|| own_client_id(values), str::to_owned),
                username: values.expand(&settings.username)?,
                password: values.expand(&settings.password)?,
                tls: address.is_tls.then(|| tls::client_config(given("mqtt_ca"))).transpose().context("mqtt_ca")?,
                keep_alive: Duration::from_secs(keep_alive),
                address,
            },
            version,
        }))
    }
}

/// The same after each start, since the broker keeps what was not acknowledged under it, and another one for each installation, since two of one
/// name would end each other's connections: made from what only this installation has.
fn own_client_id(values: &Values) -> String {
    let secret = values.get("tick_secret").unwrap_or_default();
    let digest = Sha256::digest(format!("mqtt client id\n{secret}"));
    format!("gatehouse-{}", const_hex::encode(digest.get(..6).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn settings(given: &[(&str, &str)]) -> Result<Option<Settings>> {
        let manifest = Manifest::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spin.toml"))?;
        let given = given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let secret = |name: &str| manifest.variables.get(name).filter(|it| it.required).map(|_| format!("secret {name}"));
        Settings::resolve(&manifest, &Values::resolve(&manifest, &given, secret)?)
    }

    #[test]
    fn without_an_address_nothing_is_listened_to() {
        assert!(settings(&[]).unwrap().is_none());
        assert!(settings(&[("mqtt_address", " ")]).unwrap().is_none());
    }

    #[test]
    fn the_client_id_is_the_same_from_start_to_start_unless_it_is_given() {
        let id = |given: &[(&str, &str)]| settings(given).unwrap().unwrap().identity.client_id;
        let own = id(&[("mqtt_address", "mqtt://broker:1883")]);
        assert_eq!(own, id(&[("mqtt_address", "mqtt://another:1883")]));
        assert!(own.starts_with("gatehouse-") && own.len() == 22, "{own}");
        assert_ne!(own, id(&[("mqtt_address", "mqtt://broker:1883"), ("tick_secret", "another")]));
        assert_eq!(id(&[("mqtt_address", "mqtt://broker:1883"), ("mqtt_client_id", "gate-7")]), "gate-7");
    }

    #[test]
    fn what_cannot_be_is_refused_at_the_start_and_not_repeated() {
        for (name, value) in [
            ("mqtt_address", "broker:1883"),
            ("mqtt_address", "mqtt://ann:hunter2@broker:1883"),
            ("mqtt_version", "3"),
            ("mqtt_ca", "hunter2"),
        ] {
            let given = [("mqtt_address", "mqtts://broker:8883"), (name, value)];
            let Err(error) = settings(&given) else { panic!("{name} = {value}") };
            assert!(!format!("{error:#}").contains("hunter2"), "{error:#}");
        }
        assert_eq!(settings(&[("mqtt_address", "mqtt://b:1"), ("mqtt_version", "5")]).unwrap().unwrap().version, Some(Version::V5));
    }
}
