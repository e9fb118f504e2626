//! What is kept small (docs/reference/retention.md): roll-ups of readings and of occupancy, what is removed and when, and what answers are made
//! from meanwhile. Every answer is compared with one that is computed from all that was ever sent.

#[path = "retention/audit.rs"]
mod audit;
#[path = "retention/fleet.rs"]
mod fleet;
#[path = "retention/occupancy.rs"]
mod occupancy;
#[path = "retention/readings.rs"]
mod readings;
#[path = "retention/storage.rs"]
mod storage;

use gatehouse_tests::process::serve_if_asked;

#[tokio::test(flavor = "multi_thread")]
async fn server_process() {
    serve_if_asked().await;
}
