//! The limit: what a native server for just these five routes reaches, with the same schema, checks and durability.
//!
//! `limit serve` is axum and rusqlite with one writer thread and group commit: statements that wait share one commit, and each is
//! answered when it is durable. `limit batch` inserts the same rows in-process, without HTTP and without JSON.

use std::time::{Duration, Instant};

use gatehouse_bench::{BATTERY, CURRENT, Options, POWER_FACTOR, device_code, reading, voltage};

#[path = "limit/server.rs"]
mod server;
#[path = "limit/store.rs"]
mod store;
#[path = "limit/token.rs"]
mod token;

fn main() -> anyhow::Result<()> {
    let options = Options::parse(1)?;
    match std::env::args().nth(1).as_deref() {
        Some("serve") => serve(&options),
        Some("batch") => batch(&options),
        _ => anyhow::bail!("limit serve | limit batch"),
    }
}

fn serve(options: &Options) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let keys = token::Keys::parse(options.text("jwk-x")?)?;
    runtime.block_on(server::serve(options.text("listen")?, options.text("db")?, keys))
}

/// One transaction of `--rows` readings after the other.
fn batch(options: &Options) -> anyhow::Result<()> {
    let (rows, seconds): (u64, f64) = (options.value("rows")?, options.value("seconds")?);
    let (base_ms, mut n): (i64, u64) = (options.value("base-ms")?, options.value("start")?);
    let connection = store::open(options.text("db")?)?;
    let begun = Instant::now();
    let mut stored = 0;
    while begun.elapsed() < Duration::from_secs_f64(seconds) {
        connection.execute_batch("begin immediate")?;
        for _ in 0..rows {
            let (device, at) = reading(n, base_ms);
            let reading = domain::reading::Reading {
                device_code: device_code(device),
                voltage: voltage(n),
                current: CURRENT,
                power_factor: POWER_FACTOR,
                occupied: Some(false),
                battery: Some(BATTERY),
                at,
            };
            store::insert(&connection, store::INSERT, &reading, at)?;
            n += 1;
        }
        connection.execute_batch("commit")?;
        stored += rows;
    }
    println!("{}", serde_json::json!({"per_second": stored as f64 / begun.elapsed().as_secs_f64(), "next": n, "bad": {}}));
    Ok(())
}
