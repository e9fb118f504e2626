//! The limit: what a native server for just these routes reaches, with the same schema, checks and durability.
//!
//! `limit serve` is axum and rusqlite with one writer thread and group commit: statements that wait share one commit, and each is
//! answered when it is durable. `limit batch` inserts the same rows in-process, without HTTP and without JSON. `limit mqtt` listens
//! to a broker. `limit sqlite` says which SQLite it has. The statements are those of `bench/statements`, which the peers have too.

use std::time::{Duration, Instant};

use gatehouse_bench::{BATTERY, CURRENT, Options, POWER_FACTOR, device_code, reading, voltage};

#[path = "limit/bookings.rs"]
mod bookings;
#[path = "limit/lists.rs"]
mod lists;
#[path = "limit/mqtt.rs"]
mod mqtt;
#[path = "limit/overview.rs"]
mod overview;
#[path = "limit/rows.rs"]
mod rows;
#[path = "limit/server.rs"]
mod server;
#[path = "limit/stays.rs"]
mod stays;
#[path = "limit/store.rs"]
mod store;
#[path = "limit/telemetry.rs"]
mod telemetry;
#[path = "limit/temples.rs"]
mod temples;
#[path = "limit/token.rs"]
mod token;

fn main() -> anyhow::Result<()> {
    let options = Options::parse(1)?;
    match std::env::args().nth(1).as_deref() {
        Some("serve") => serve(&options),
        Some("batch") => batch(&options),
        Some("mqtt") => listen(&options),
        Some("sqlite") => sqlite(),
        _ => anyhow::bail!("limit serve | limit batch | limit mqtt | limit sqlite"),
    }
}

fn serve(options: &Options) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let keys = token::Keys::parse(options.text("jwk-x")?)?;
    runtime.block_on(server::serve(options.text("listen")?, options.text("db")?, keys))
}

fn listen(options: &Options) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(mqtt::listen(options.text("broker")?, options.text("db")?))
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

/// Its version, and the options that it was compiled with.
fn sqlite() -> anyhow::Result<()> {
    let connection = rusqlite::Connection::open_in_memory()?;
    let mut statement = connection.prepare("pragma compile_options")?;
    let options = statement.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<Vec<String>>>()?;
    println!("{}", serde_json::json!({"version": rusqlite::version(), "options": options}));
    Ok(())
}
