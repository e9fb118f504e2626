//! `gatehouse simulate`: a fleet of sensors over HTTP, each with its own key, at a chosen rate, with late, duplicate and bad readings.
//!
//! The rate is kept whatever the answers take (an open loop), up to `--concurrency` requests at once.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use indicatif::{ProgressBar, ProgressStyle};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::seed::Credentials;
use crate::seed::api::{self, Api};

mod faults;
mod fleet;
mod tally;
mod temples;

pub use faults::Faults;
pub use tally::Summary;

use fleet::{Device, Fleet, Shot};
use tally::Tally;

/// How to drive a deployment.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The deployment; without it, the one that the credentials file names.
    #[arg(long, env = "GATEHOUSE_BASE_URL")]
    pub base_url: Option<String>,
    /// The file that `gatehouse seed` wrote.
    #[arg(long, default_value = ".gatehouse/demo-credentials.json")]
    pub credentials: PathBuf,
    /// Readings a second, of the whole fleet.
    #[arg(long, default_value_t = 50.0)]
    pub rate: f64,
    /// How long, such as 90s, 5m or 1h; without it until Ctrl-C.
    #[arg(long, value_parser = parse_duration)]
    pub duration: Option<Duration>,
    /// How many devices; without it all that the credentials file has keys of.
    #[arg(long)]
    pub devices: Option<usize>,
    /// Shares of the readings in percent, such as `late=3,duplicate=2,bad=2,surge=0.5`, or `none`. Bad ones are out of range, ahead of
    /// time, or of an unknown device; a surge draws power that raises an alert and ends again.
    #[arg(long, default_value = "late=3,duplicate=2,bad=2,surge=0")]
    pub faults: Faults,
    /// Devices that say nothing, so that their silence is noticed. May be given more than once.
    #[arg(long, value_name = "CODE")]
    pub silent: Vec<String>,
    /// Requests at once.
    #[arg(long, default_value_t = 64)]
    pub concurrency: usize,
    /// What arrivals, departures and faults follow from.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

/// Drives the deployment until the duration has passed or Ctrl-C is pressed.
///
/// # Errors
/// When the credentials file cannot be read or holds no key, when a `--silent` device is none of the fleet's, or when the rate is not
/// above 0. What the deployment answers, or that it does not, is counted, not an error.
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
        rate: args.rate,
        duration: args.duration,
        devices: args.devices,
        faults: args.faults,
        silent: args.silent,
        concurrency: args.concurrency,
        seed: args.seed,
        sweep: false,
        show: true,
    };
    let summary = drive(&base_url, &credentials, plan, stop).await;
    interrupt.abort();
    summary
}

/// A gentle fleet for a demo: every device speaks once in the first seconds and then each minute or so, with few faults, the temples'
/// crowds are counted and their shuttles go round, until `stop`.
///
/// # Errors
/// As [`run`].
pub async fn run_gentle(base_url: &str, credentials: &Credentials, stop: CancellationToken) -> anyhow::Result<Summary> {
    let devices = credentials.devices.len();
    let plan = Plan {
        rate: (devices as f64 / 60.0).max(3.0),
        duration: None,
        devices: None,
        faults: Faults { late: 1.0, duplicate: 0.5, bad: 0.5, surge: 0.1 },
        silent: Vec::new(),
        concurrency: 8,
        // Another day, another traffic.
        seed: api::now_ms().cast_unsigned(),
        sweep: true,
        show: false,
    };
    // Ends with this function, however that ends.
    let mut temples = tokio::task::JoinSet::new();
    if let Some(user) = credentials.users.get("operator")
        && let Ok(operator) = Api::sign_in(base_url, &user.email, &user.password).await
    {
        temples.spawn(temples::live(operator, stop.clone()));
    }
    drive(base_url, credentials, plan, stop).await
}

struct Plan {
    rate: f64,
    duration: Option<Duration>,
    devices: Option<usize>,
    faults: Faults,
    silent: Vec<String>,
    concurrency: usize,
    seed: u64,
    /// Whether the first round goes fast, so that no device seems silent.
    sweep: bool,
    show: bool,
}

/// Readings a second of the first round of a [`Plan`] with `sweep`.
const SWEEP_RATE: f64 = 100.0;

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
        bail!("there is no device to speak for");
    }
    let operator = match credentials.users.get("operator") {
        Some(user) => Api::sign_in(base_url, &user.email, &user.password).await.ok(),
        None => None,
    };
    let known = match &operator {
        Some(operator) => states(operator).await.unwrap_or_default(),
        None => Vec::new(),
    };
    let devices = keys.iter().map(|(code, key)| {
        let occupied = known.iter().find(|(other, _)| other == *code).and_then(|(_, occupied)| *occupied);
        Device::new(code, key, occupied, plan.seed)
    });
    let fleet = Fleet::new(devices.collect(), plan.faults, plan.seed);
    let sender = Arc::new(Sender {
        http: api::http_client(base_url)?,
        url: format!("{}/api/telemetry/", api::trim(base_url)),
        operator,
        tally: Tally::default(),
    });
    pace(fleet, &sender, &plan, &stop).await;
    Ok(sender.tally.summary())
}

/// Each device's occupancy as the deployment knows it, so that the fleet does not begin with everybody leaving at once.
async fn states(operator: &Api) -> anyhow::Result<Vec<(String, Option<bool>)>> {
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

/// Sends at the plan's rate until its time is up or `stop`, then waits for the last answers.
async fn pace(mut fleet: Fleet, sender: &Arc<Sender>, plan: &Plan, stop: &CancellationToken) {
    let permits = Arc::new(Semaphore::new(plan.concurrency.max(1)));
    let bar = plan.show.then(progress);
    let started = Instant::now();
    let mut due = tokio::time::Instant::now();
    let mut sweep = if plan.sweep { fleet.len() } else { 0 };
    let mut tasks = tokio::task::JoinSet::new();
    let deadline = plan.duration.map(|duration| due + duration);
    loop {
        while let Some(done) = tasks.try_join_next() {
            drop(done);
        }
        let rate = if sweep > 0 { SWEEP_RATE.max(plan.rate) } else { plan.rate };
        sweep = sweep.saturating_sub(1);
        due += Duration::from_secs_f64(1.0 / rate);
        if deadline.is_some_and(|deadline| due >= deadline) {
            break;
        }
        let permit = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            permit = async {
                tokio::time::sleep_until(due).await;
                Arc::clone(&permits).acquire_owned().await
            } => permit,
        };
        let Ok(permit) = permit else { break };
        if deadline.is_some_and(|deadline| tokio::time::Instant::now() >= deadline) {
            break;
        }
        // What could not be sent in time is not made up for in a burst later on.
        due = due.max(tokio::time::Instant::now() - Duration::from_secs(1));
        let shot = fleet.next(api::now_ms());
        if let Some(bar) = &bar {
            bar.set_message(sender.tally.line(started.elapsed()));
        }
        let sender = Arc::clone(sender);
        tasks.spawn(async move {
            sender.send(shot).await;
            drop(permit);
        });
    }
    while tasks.join_next().await.is_some() {}
    sender.tally.ended(started.elapsed());
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
}

struct Sender {
    http: reqwest::Client,
    url: String,
    operator: Option<Api>,
    tally: Tally,
}

impl Sender {
    async fn send(&self, shot: Shot) {
        let begun = Instant::now();
        // A device may not speak for another, known or not: an unknown one is what an operator may send for.
        let status = match (&self.operator, shot.by_operator) {
            (Some(operator), true) => operator.post("/api/telemetry/", &shot.body).await.map(|reply| reply.status.as_u16()).ok(),
            _ => {
                let request = self.http.post(&self.url).bearer_auth(&shot.key).json(&shot.body);
                match request.send().await {
                    Ok(response) => {
                        let status = response.status().as_u16();
                        // Read to its end, so that the connection serves again.
                        response.bytes().await.ok().map(|_| status)
                    }
                    Err(_) => None,
                }
            }
        };
        self.tally.count(shot.kind, status, begun.elapsed());
    }
}

/// A line on stderr; nothing where stderr is no terminal.
fn progress() -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed_precise} {msg}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
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
