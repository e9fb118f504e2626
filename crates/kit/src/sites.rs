//! Whether a site exists, asked in one way. What a path names must exist, or it is a 404; what a body names must, or its field is a 422.

use crate::db::{Executor, Fetch as _};
use crate::{Problem, params};

/// Whether there is a site of this slug.
pub fn exists(db: &dyn Executor, slug: &str) -> Result<bool, Problem> {
    db.exists("select 1 from sites where slug = ?", params![slug])
}

/// Returns 404 unless there is a site of this slug, which the path names; `what` is what the path calls it: `site` or `temple`.
pub fn require_in_path(db: &dyn Executor, slug: &str, what: &'static str) -> Result<(), Problem> {
    if exists(db, slug)? { Ok(()) } else { Err(Problem::not_found(what)) }
}

/// 422 for the field of a body that names a site which does not exist; `what` is what the API calls it: `site` or `temple`.
pub fn unknown_in_body(field: &str, what: &'static str) -> Problem {
    Problem::invalid_field(field, format!("there is no such {what}"))
}
