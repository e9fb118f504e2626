//! Configuration: Spin variables, read once an instance.

use std::cell::RefCell;
use std::collections::HashMap;

use crate::Problem;

thread_local! {
    static VALUES: RefCell<HashMap<&'static str, String>> = RefCell::default();
}

/// The value of a variable that the manifest grants to this component; empty when it is not granted.
pub async fn get(name: &'static str) -> Result<String, Problem> {
    if let Some(value) = VALUES.with_borrow(|values| values.get(name).cloned()) {
        return Ok(value);
    }
    let value = read(name).await?;
    VALUES.with_borrow_mut(|values| values.insert(name, value.clone()));
    Ok(value)
}

/// A whole number from a variable, or `default` when it is empty or not a number.
pub async fn number(name: &'static str, default: i64) -> Result<i64, Problem> {
    Ok(get(name).await?.trim().parse().unwrap_or(default))
}

/// Whether a variable is on: `true`, `on`, `yes` or `1`, in any case.
pub async fn flag(name: &'static str) -> Result<bool, Problem> {
    let value = get(name).await?;
    Ok(["true", "on", "yes", "1"].iter().any(|word| value.trim().eq_ignore_ascii_case(word)))
}

/// The comma-separated parts of a variable, trimmed, without empty ones.
pub async fn list(name: &'static str) -> Result<Vec<String>, Problem> {
    Ok(get(name).await?.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect())
}

/// The origin that leaves a destination unset: `allowed_outbound_hosts` takes no empty one, and this can never exist (RFC 2606).
const UNSET: &str = "https://unset.invalid";

/// The scheme, host and port of a variable, without a slash at its end; none when it is unset.
pub async fn origin(name: &'static str) -> Result<Option<String>, Problem> {
    Ok(origin_of(&get(name).await?))
}

fn origin_of(value: &str) -> Option<String> {
    let origin = value.trim().trim_end_matches('/');
    (!origin.is_empty() && !origin.eq_ignore_ascii_case(UNSET)).then(|| origin.to_owned())
}

#[cfg(target_family = "wasm")]
async fn read(name: &str) -> Result<String, Problem> {
    use spin_sdk::variables::{Error, get};
    match get(name).await {
        Ok(value) => Ok(value),
        Err(Error::Undefined(_)) => Ok(String::new()),
        Err(error) => Err(Problem::internal(error)),
    }
}

#[cfg(not(target_family = "wasm"))]
async fn read(name: &str) -> Result<String, Problem> {
    Ok(std::env::var(format!("SPIN_VARIABLE_{}", name.to_uppercase())).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_may_be_left_unset() {
        assert_eq!(origin_of(" https://hooks.example/ ").as_deref(), Some("https://hooks.example"));
        assert!(origin_of("https://unset.invalid").is_none() && origin_of("HTTPS://Unset.invalid/").is_none() && origin_of(" ").is_none());
    }
}
