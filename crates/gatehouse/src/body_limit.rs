//! How large a request's body may be, by the route that takes it.
//!
//! The manifest says it in variables of the component, which holds to it by itself where the host has no such limit: `max_body_kib`, and
//! `max_bulk_body_kib` for the routes that `bulk_routes` names.

use std::collections::HashMap;

use anyhow::{Context as _, Result};

use crate::request_body::MAX_BODY;

/// The largest body that a route of the manifest takes, in bytes, by the variables of its component. One without the variable takes what
/// the server takes.
///
/// # Errors
/// If a limit is no number.
pub fn of_route(route: &str, variables: &HashMap<String, String>) -> Result<usize> {
    let bulk_routes = variables.get("bulk_routes").map(String::as_str).unwrap_or_default();
    let is_bulk = bulk_routes.split(',').any(|it| it.trim() == route);
    let name = if is_bulk { "max_bulk_body_kib" } else { "max_body_kib" };
    let Some(limit) = variables.get(name) else { return Ok(MAX_BODY) };
    let kib: usize = limit.trim().parse().with_context(|| format!("{name} of the route {route:?} is no number: {limit:?}"))?;
    Ok(kib.saturating_mul(1024).min(MAX_BODY))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bulk_routes_take_more_and_nothing_takes_more_than_the_server() {
        let variables = [("max_body_kib", "256"), ("max_bulk_body_kib", "999999"), ("bulk_routes", "/a/:id/bulk, /b")];
        let variables = variables.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let of = |route| of_route(route, &variables).unwrap();
        assert_eq!((of("/a/..."), of("/a/:id/bulk"), of("/b"), of("/b/...")), (256 << 10, MAX_BODY, MAX_BODY, 256 << 10));
        assert_eq!(of_route("/a/...", &HashMap::new()).unwrap(), MAX_BODY);
        assert!(of_route("/a", &HashMap::from([("max_body_kib".to_owned(), "many".to_owned())])).is_err());
    }
}
