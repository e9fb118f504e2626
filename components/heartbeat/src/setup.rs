//! Steps of setting up an installation, told by who does them.

use kit::api::NoContent;
use kit::db::{Database, Executor as _};
use kit::request::Now;
use kit::trusted::Trusted;
use kit::{Answer, params};

/// Takes note that the demo data is whole.
///
/// Where the variable `await_demo` is on, the application is not ready before.
#[utoipa::path(post, path = "/internal/setup/demo")]
pub async fn demo_done(_: Trusted, Now(now): Now) -> Answer<NoContent> {
    Database.run("insert into setup_steps (name, done_at) values ('demo', ?) on conflict do nothing", params![now])?;
    Ok(NoContent)
}
