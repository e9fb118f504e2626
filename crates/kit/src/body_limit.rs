//! How large a request's body may be: by the route of the manifest that took the request, from the component's own variables.
//!
//! `max_body_kib` is for all routes but those that `bulk_routes` names, for which `max_bulk_body_kib` is. The embedded host reads the same
//! variables, and refuses what is larger before the component is asked; on Spin the component alone holds to them.

use std::sync::OnceLock;

use crate::{Problem, config};

/// The most that any route takes, bytes.
pub const MAX_BODY: usize = 10 * 1024 * 1024;

/// The most values in a JSON body: objects, arrays and what is in them. A tree of them takes a hundred times the memory of its text.
pub const MAX_VALUES: usize = 100_000;

#[derive(Debug)]
struct Limits {
    body: usize,
    bulk: usize,
    bulk_routes: Vec<String>,
}

impl Limits {
    fn of_route(&self, route: &str) -> usize {
        if self.bulk_routes.iter().any(|bulk| bulk == route) { self.bulk } else { self.body }
    }
}

/// The most bytes that the body of a request to this route of the manifest may have. Without the variables, [`MAX_BODY`].
pub async fn of_route(route: &str) -> Result<usize, Problem> {
    static LIMITS: OnceLock<Limits> = OnceLock::new();
    if let Some(limits) = LIMITS.get() {
        return Ok(limits.of_route(route));
    }
    let limits = Limits {
        body: bytes(config::number("max_body_kib", i64::MAX).await?),
        bulk: bytes(config::number("max_bulk_body_kib", i64::MAX).await?),
        bulk_routes: config::list("bulk_routes").await?,
    };
    Ok(LIMITS.get_or_init(|| limits).of_route(route))
}

fn bytes(kib: i64) -> usize {
    usize::try_from(kib).unwrap_or_default().saturating_mul(1024).min(MAX_BODY)
}

/// Refuses JSON of more than [`MAX_VALUES`] values before it is read. How deep it is, the parser bounds by itself.
pub fn check_values(json: &[u8]) -> Result<(), Problem> {
    // Each but the first begins after a comma or a bracket.
    if json.len() > MAX_VALUES && brackets_and_commas(json) >= MAX_VALUES {
        return Err(Problem::too_large(format!("a body has at most {MAX_VALUES} JSON values")));
    }
    Ok(())
}

/// Outside texts.
fn brackets_and_commas(json: &[u8]) -> usize {
    let mut count = 0;
    let mut bytes = json.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'[' | b'{' | b',' => count += 1,
            b'"' => {
                while let Some(byte) = bytes.next() {
                    match byte {
                        b'\\' => drop(bytes.next()),
                        b'"' => break,
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bulk_route_has_a_limit_of_its_own_and_none_is_above_the_edge_s() {
        let limits = Limits { body: bytes(16), bulk: bytes(i64::MAX), bulk_routes: vec!["/a/bulk".to_owned()] };
        assert_eq!((limits.of_route("/a/..."), limits.of_route("/a/bulk")), (16 << 10, MAX_BODY));
        assert_eq!((bytes(-1), bytes(0)), (0, 0));
    }

    #[test]
    fn values_are_counted_outside_texts() {
        assert_eq!(brackets_and_commas(br#"[{"a,{": "\",[", "b": []}, 1]"#), 5);
        assert_eq!(brackets_and_commas(br#""[[[[ and no end \"#), 0);
        let many = format!("[{}]", vec!["1"; MAX_VALUES].join(","));
        assert_eq!(check_values(many.as_bytes()).unwrap_err().status(), 413);
        assert!(check_values(many.replacen("1,", "", 2).as_bytes()).is_ok());
        let text = format!("{:?}", ",".repeat(2 * MAX_VALUES));
        assert!(check_values(text.as_bytes()).is_ok());
    }
}
