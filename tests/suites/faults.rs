//! What happens around the application and is nobody's request: clocks that jump, disks that fill up, files that are deleted, replaced or
//! damaged (docs/reference/operations.md#faults). Each of these attacks is made here, on the running application.

use gatehouse_tests::process::serve_if_asked;

#[path = "faults/cache.rs"]
mod cache;
#[path = "faults/clocks.rs"]
mod clocks;
#[path = "faults/damage.rs"]
mod damage;
#[path = "faults/database_file.rs"]
mod database_file;
#[path = "faults/full_disk.rs"]
mod full_disk;
#[path = "faults/secrets.rs"]
mod secrets;
#[path = "faults/unstored.rs"]
mod unstored;

#[tokio::test(flavor = "multi_thread")]
async fn server_process() {
    serve_if_asked().await;
}
