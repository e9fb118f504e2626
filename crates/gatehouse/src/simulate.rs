//! `gatehouse simulate`: a fleet of sensors at a given rate, over HTTP, each with its own key, or over MQTT; with late, duplicate and bad readings.
//!
//! The load is an open loop: the rate does not depend on the latency, up to `--concurrency` requests at once.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio_util::sync::CancellationToken;

use crate::seed::api::{self, Api};
use crate::seed::{Credentials, Deployment};

mod faults;
mod fleet;
mod mqtt;
mod send;
mod stats;
mod temples;

pub use faults::Faults;
pub use stats::Summary;

use fleet::{Device, Fleet};
use mqtt::Publisher;
use send::{Sender, send_at_rate};
use stats::Stats;

/// Options of `gatehouse simulate`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The base URL of the deployment; by default, that of the credentials file.
    #[arg(long, env = "GATEHOUSE_BASE_URL")]
    pub base_url: Option<String>,
    /// The file that `gatehouse seed` wrote.
    #[arg(long, default_value = ".gatehouse/demo-credentials.json")]
    pub credentials: PathBuf,
    /// Publish over this MQTT broker instead: mqtt://[user:password@]host:port, or mqtts:// for TLS.
    #[arg(long, value_name = "URL")]
    pub mqtt: Option<String>,
    /// Readings per second, of the whole fleet.
    #[arg(long, default_value_t = 50.0)]
    pub rate: f64,
    /// How long, such as 90s, 5m or 1h; by default, until Ctrl-C.
    #[arg(long, value_parser = parse_duration)]
    pub duration: Option<Duration>,
    /// How many devices; by default, all of the credentials file.
    #[arg(long)]
    pub devices: Option<usize>,
    /// Shares of the readings in percent, such as `late=3,duplicate=2,bad=2,surge=0.5`, or `none`. Bad ones are out of range, ahead of
    /// time, or of an unknown device; a surge draws power that raises an alert and ends again.
    #[arg(long, default_value = "late=3,duplicate=2,bad=2,surge=0")]
    pub faults: Faults,
    /// Devices that send nothing, so that their silence is noticed. May be given more than once.
    #[arg(long, value_name = "CODE")]
    pub silent: Vec<String>,
    /// Requests at once.
    #[arg(long, default_value_t = 64)]
    pub concurrency: usize,
    /// The seed of arrivals, departures and faults.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// How the deployment is spoken to.
    #[arg(skip)]
    pub deployment: Deployment,
}

/// Drives the deployment until the duration has passed or Ctrl-C is pressed.
///
/// # Errors
/// If the credentials file cannot be read or holds no key, if a `--silent` device is not in the fleet, or if the rate is not
/// above 0. Error responses and requests without a response are counted, not errors.
pub async fn run(args: Args) -> anyhow::Result<Summary> {
    let credentials = Credentials::load(&args.credentials).context("run `gatehouse seed` first")?;
    let base_url = args.base_url.clone().unwrap_or_else(|| credentials.base_url.clone());
    let stop = CancellationToken::new();
    let at_interrupt = stop.clone();
    let interrupt = tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            at_interrupt.cancel();
        }
    });
    let plan = Plan {
        mqtt: args.mqtt,
        rate: args.rate,
        duration: args.duration,
        devices: args.devices,
        faults: args.faults,
        silent: args.silent,
        concurrency: args.concurrency,
        seed: args.seed,
        fast_start: false,
        progress: true,
        deployment: args.deployment,
    };
    let summary = drive(&base_url, &credentials, plan, stop).await;
    interrupt.abort();
    summary
}

/// Drives a demo until `stop` is cancelled: every device sends a reading in the first seconds and then about once a minute, with few
/// faults; the temples' crowds are counted, and their shuttles send positions.
///
/// # Errors
/// As [`run`].
pub async fn run_gentle(
    base_url: &str,
    credentials: &Credentials,
    deployment: &Deployment,
    stop: CancellationToken,
) -> anyhow::Result<Summary> {
    let devices = credentials.devices.len();
    let plan = Plan {
        mqtt: None,
        rate: (devices as f64 / 60.0).max(3.0),
        duration: None,
        devices: None,
        faults: Faults { late: 1.0, duplicate: 0.5, bad: 0.5, surge: 0.1 },
        silent: Vec::new(),
        concurrency: 8,
        // Different traffic after each start.
        seed: deployment.now_ms().cast_unsigned(),
        fast_start: true,
        progress: false,
        deployment: deployment.clone(),
    };
    // Its tasks are aborted when this function returns.
    let mut temples = tokio::task::JoinSet::new();
    if let Some(user) = credentials.users.get("operator")
        && let Ok(operator) = Api::sign_in(base_url, &user.email, &user.password, deployment).await
    {
        temples.spawn(temples::send_updates(operator, stop.clone()));
    }
    drive(base_url, credentials, plan, stop).await
}

struct Plan {
    /// The broker to publish to; over HTTP if there is none.
    mqtt: Option<String>,
    rate: f64,
    duration: Option<Duration>,
    devices: Option<usize>,
    faults: Faults,
    silent: Vec<String>,
    concurrency: usize,
    seed: u64,
    /// Whether every device sends its first reading within seconds, so that none seems silent.
    fast_start: bool,
    /// Whether to show a progress line.
    progress: bool,
    deployment: Deployment,
}

async fn drive(base_url: &str, credentials: &Credentials, plan: Plan, stop: CancellationToken) -> anyhow::Result<Summary> {
    if !(plan.rate.is_finite() && plan.rate > 0.0) {
        bail!("--rate must be above 0");
    }
    let mut keys: Vec<_> = credentials.devices.iter().collect();
    keys.truncate(plan.devices.unwrap_or(usize::MAX));
    if let Some(unknown) = plan.silent.iter().find(|code| !keys.iter().any(|(known, _)| known.eq_ignore_ascii_case(code))) {
        bail!("--silent {unknown}: the fleet has no such device");
    }
    keys.retain(|(code, _)| !plan.silent.iter().any(|silent| silent.eq_ignore_ascii_case(code)));
    if keys.is_empty() {
        bail!("there is no device to simulate");
    }
    let operator = match credentials.users.get("operator") {
        Some(user) => Api::sign_in(base_url, &user.email, &user.password, &plan.deployment).await.ok(),
        None => None,
    };
    let known = match &operator {
        Some(operator) => occupancy_by_device(operator).await.unwrap_or_default(),
        None => Vec::new(),
    };
    let devices = keys.iter().map(|(code, key)| {
        let occupied = known.iter().find(|(other, _)| other == *code).and_then(|(_, occupied)| *occupied);
        Device::new(code, key, occupied, plan.seed, plan.deployment.now_ms())
    });
    let fleet = Fleet::new(devices.collect(), plan.faults, plan.seed);
    let stats: Arc<Stats> = Arc::default();
    let sender = Arc::new(Sender {
        http: api::http_client(base_url, &plan.deployment)?,
        url: format!("{}/api/telemetry/", api::trim(base_url)),
        operator,
        publisher: plan.mqtt.as_deref().map(|address| Publisher::start(address, plan.concurrency, stats.clone())).transpose()?,
        stats,
    });
    send_at_rate(fleet, &sender, &plan, &stop).await;
    Ok(sender.stats.summary())
}

/// The occupancy of each device as the deployment knows it, so that the fleet continues from there.
async fn occupancy_by_device(operator: &Api) -> anyhow::Result<Vec<(String, Option<bool>)>> {
    let mut states = Vec::new();
    let mut path = "/api/devices/?limit=500".to_owned();
    loop {
        let page = operator.get(&path).await?.expect(&[200])?;
        for device in page["items"].as_array().into_iter().flatten() {
            if let Some(code) = device["device_code"].as_str() {
                states.push((code.to_owned(), device["occupied"].as_bool()));
            }
        }
        match page["next_cursor"].as_str() {
            Some(cursor) => path = format!("/api/devices/?limit=500&cursor={cursor}"),
            None => return Ok(states),
        }
    }
}

/// `90s`, `5m`, `1h`, `250ms` or a plain number of seconds.
fn parse_duration(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let scale = match unit {
        "" | "s" => 1.0,
        "ms" => 0.001,
        "m" => 60.0,
        "h" => 3_600.0,
        _ => return Err("write it as 90s, 5m or 1h".to_owned()),
    };
    let number: f64 = number.parse().map_err(|_| "write it as 90s, 5m or 1h".to_owned())?;
    Duration::try_from_secs_f64(number * scale).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_people_write_them() {
        assert_eq!(parse_duration("60s"), Ok(Duration::from_secs(60)));
        assert_eq!(parse_duration("1.5m"), Ok(Duration::from_secs(90)));
        assert_eq!(parse_duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(parse_duration("7"), Ok(Duration::from_secs(7)));
        for bad in ["", "s", "-1s", "5 parsecs", "1e400"] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
    }
}
