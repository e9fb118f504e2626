//! `gatehouse up`: serves the whole application in one process.

use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::{Args, ValueEnum};
use gatehouse_gateway::at_least_one;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::builder::DEFAULT_SEND_TIMEOUT;
use crate::file::write_atomically;
use crate::manifest::Manifest;
use crate::memory::DEFAULT_MEMORY;
use crate::mqtt::ADDRESS_VARIABLE;
use crate::private_files::{DEMO_CREDENTIALS, DEMO_UNFINISHED};
use crate::seed::api::Api;
use crate::seed::{self, Credentials, Deployment};
use crate::server::DEFAULT_CONNECTIONS;
use crate::{secrets, simulate, traces, welcome};

#[expect(clippy::cast_possible_truncation, reason = "it is a few hundred")]
const DEFAULT_MEMORY_MIB: u32 = (DEFAULT_MEMORY >> 20) as u32;

/// The demo's history is the same wherever it is, and of so many days.
const DEMO_SEED: u64 = 1;
const DEMO_DAYS: u32 = 14;

/// Builds what is stale, migrates, seeds a small demo on the first start, and serves until Ctrl-C.
#[derive(Args, Clone, Debug)]
pub struct Up {
    /// The address to listen on
    #[arg(long, default_value = "127.0.0.1:3000")]
    listen: String,
    /// The directory of databases, secrets and compiled components
    #[arg(long, default_value = ".gatehouse")]
    state_dir: PathBuf,
    /// The manifest
    #[arg(long, short = 'f', default_value = "spin.toml")]
    from: PathBuf,
    /// Do not build components that are older than their sources
    #[arg(long)]
    no_build: bool,
    /// The demo data and devices
    #[arg(long, value_enum, default_value_t = Demo::Live)]
    demo: Demo,
    /// The value of a variable (also SPIN_VARIABLE_NAME)
    #[arg(long, value_name = "NAME=VALUE", value_parser = assignment)]
    variable: Vec<(String, String)>,
    /// The MQTT broker that sensors publish to, as the variable mqtt_address: mqtt://host:port, or mqtts:// for TLS
    #[arg(long, value_name = "ADDRESS")]
    mqtt: Option<String>,
    /// The format of the log; by default, pretty on a terminal and else JSON
    #[arg(long, value_enum)]
    log: Option<Log>,
    /// How long a request may wait for its response, in seconds
    #[arg(long, default_value_t = 30)]
    request_timeout: u64,
    /// MiB of memory that all instances of the components may have together; what needs more waits
    #[arg(long, default_value_t = DEFAULT_MEMORY_MIB, value_parser = clap::value_parser!(u32).range(64..))]
    memory: u32,
    /// The most connections; fewer where there are not enough file descriptors
    #[arg(long, default_value_t = DEFAULT_CONNECTIONS, value_parser = at_least_one())]
    connections: usize,
    /// The most connections of one address that is no trusted proxy; by default, a quarter of all
    #[arg(long, value_parser = at_least_one())]
    connections_per_address: Option<usize>,
    /// The most streams of events; by default, half as many as connections
    #[arg(long, value_parser = at_least_one())]
    streams: Option<usize>,
    /// The most streams of events of one client's address; by default, half as many as connections of one
    #[arg(long, value_parser = at_least_one())]
    streams_per_address: Option<usize>,
    /// How long a client may take nothing of what is sent to it, in seconds; then its connection is closed
    #[arg(long, default_value_t = DEFAULT_SEND_TIMEOUT.as_secs(), value_parser = clap::value_parser!(u64).range(1..))]
    send_timeout: u64,
    /// Worker threads; by default, one more than the machine has cores
    #[arg(long)]
    workers: Option<usize>,
    #[command(flatten)]
    gateway: gatehouse_gateway::Limits,
    #[command(flatten)]
    traces: traces::Options,
}

/// Prints the generated secrets as `SPIN_VARIABLE_NAME=…` lines for `spin up`; generates those that are missing.
#[derive(Args, Clone, Debug)]
pub struct Secrets {
    /// The state directory
    #[arg(long, default_value = ".gatehouse")]
    state_dir: PathBuf,
    /// The manifest
    #[arg(long, short = 'f', default_value = "spin.toml")]
    from: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
enum Demo {
    /// Demo data on the first start, and a simulated fleet
    Live,
    /// Demo data on the first start
    Data,
    /// Nothing
    None,
}

/// The format of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Log {
    /// One JSON object a line
    Json,
    /// Human-readable text
    Pretty,
}

impl Log {
    /// What was asked for, or else what suits where it goes.
    pub(crate) fn or_default(asked: Option<Self>) -> Self {
        asked.unwrap_or_else(|| if std::io::stderr().is_terminal() { Self::Pretty } else { Self::Json })
    }
}

fn assignment(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("it must be NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

impl Up {
    /// The number of worker threads. A commit blocks its thread for an fsync: with one thread more than cores, these stay busy.
    pub fn workers(&self) -> usize {
        let cores = || std::thread::available_parallelism().map_or(2, usize::from);
        self.workers.unwrap_or_else(|| cores() + 1).max(1)
    }

    /// The format of the log.
    pub fn log(&self) -> Log {
        Log::or_default(self.log)
    }
}

/// Runs `gatehouse up`.
pub async fn run(args: Up) -> Result<()> {
    let request_id = demo_request_id()?;
    let mut builder = App::builder()
        .manifest(&args.from)
        .state_dir(&args.state_dir)
        .listen(&args.listen)
        .build_components(!args.no_build)
        .pretty_logs(args.log() == Log::Pretty)
        // Its own requests, by an id that nobody else knows, would drown all others in the log.
        .quiet_request_id(&request_id)
        .variable("await_demo", (args.demo != Demo::None).to_string())
        .traces(args.traces)
        .request_timeout(std::time::Duration::from_secs(args.request_timeout))
        .memory((args.memory as usize) << 20)
        .send_timeout(std::time::Duration::from_secs(args.send_timeout))
        .connections(args.connections)
        .gateway(args.gateway);
    if let Some(connections) = args.connections_per_address {
        builder = builder.connections_per_address(connections);
    }
    if let Some(streams) = args.streams {
        builder = builder.streams(streams);
    }
    if let Some(streams) = args.streams_per_address {
        builder = builder.streams_per_address(streams);
    }
    for (name, value) in args.variable {
        builder = builder.variable(name, value);
    }
    if let Some(address) = args.mqtt {
        builder = builder.variable(ADDRESS_VARIABLE, address);
    }
    let app = builder.start().await?;
    println!("Gatehouse serves {}", app.base_url());
    let deployment = Deployment { request_id: Some(request_id), ..Deployment::default() };
    let stop = CancellationToken::new();
    tokio::select! {
        started = start_demo(&app, args.demo, &deployment, &stop) => match started {
            Ok(()) => wait_for_stop_signal().await?,
            Err(error) => {
                // The application works without the demo, and is not ready until it is started again and has it.
                tracing::error!("the demo could not be started: {error:#}");
                welcome::print(&app, None);
                wait_for_stop_signal().await?;
            }
        },
        signal = wait_for_stop_signal() => signal?,
    }
    tracing::info!("stopping: waiting for requests in progress");
    stop.cancel();
    app.shutdown().await;
    Ok(())
}

/// The id that the demo's own requests carry: random, as whoever knows it can keep requests out of the log.
fn demo_request_id() -> Result<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("the system gives no randomness: {error}"))?;
    Ok(format!("demo-{}", const_hex::encode(bytes)))
}

/// Seeds the demo data, prints how to sign in, and starts the simulated fleet.
async fn start_demo(app: &App, demo: Demo, deployment: &Deployment, stop: &CancellationToken) -> Result<()> {
    let file = app.state_dir().join(DEMO_CREDENTIALS);
    if demo != Demo::None {
        seed_once(app, &file, deployment).await?;
        seed::finish::tell_done(&app.base_url(), app.variable("tick_secret").unwrap_or_default(), deployment).await?;
    }
    let credentials = if demo != Demo::None && file.exists() { Some(Credentials::load(&file)?) } else { None };
    welcome::print(app, credentials.as_ref().map(|credentials| (file.as_path(), credentials)));
    if demo == Demo::Live
        && let Some(credentials) = credentials
    {
        let (base_url, deployment, stop) = (app.base_url(), deployment.clone(), stop.clone());
        tokio::spawn(async move {
            if let Err(error) = simulate::run_gentle(&base_url, &credentials, &deployment, stop).await {
                tracing::error!("the simulated fleet has stopped: {error:#}");
            }
        });
    }
    Ok(())
}

/// Seeds the application if it is new, or if an earlier seeding was interrupted.
async fn seed_once(app: &App, credentials: &Path, deployment: &Deployment) -> Result<()> {
    let unfinished = app.state_dir().join(DEMO_UNFINISHED);
    if !unfinished.exists() && !is_new(app, deployment).await? {
        return Ok(());
    }
    write_atomically(&unfinished, b"The demo data is not complete: `gatehouse up` begins again.\n")?;
    let variable = |name: &str| app.variable(name).unwrap_or_default().to_owned();
    let args = seed::Args {
        base_url: app.base_url(),
        admin_email: variable("admin_email"),
        admin_password: variable("admin_password"),
        credentials: credentials.to_owned(),
        seed: DEMO_SEED,
        history_days: DEMO_DAYS,
        every_minutes: 20,
        batch: seed::DEFAULT_BATCH,
        // It is told when the file that says so is gone as well.
        tick_secret: None,
        deployment: deployment.clone(),
    };
    let summary = seed::run(args).await.context("seeding the demo")?;
    tracing::info!("demo: {summary}");
    seed::past::move_in(app.state_dir(), deployment.now_ms(), DEMO_SEED, DEMO_DAYS).await?;
    seed::finish::sum_up(&app.base_url(), app.variable("tick_secret").unwrap_or_default(), deployment).await?;
    std::fs::remove_file(unfinished)?;
    Ok(())
}

/// Whether nobody has used the application: it has no sites but the temples that each has, and no users but its first administrator.
async fn is_new(app: &App, deployment: &Deployment) -> Result<bool> {
    let base_url = app.base_url();
    let variable = |name: &str| app.variable(name).unwrap_or_default();
    // Whoever has changed the first administrator's password is somebody.
    let (email, password) = (variable("admin_email"), variable("admin_password"));
    let Some(admin) = Api::sign_in_unless_refused(&base_url, email, password, deployment).await? else {
        return Ok(false);
    };
    let sites = admin.get("/api/sites?limit=500").await?.expect(&[200])?;
    let mut slugs = sites["items"].as_array().into_iter().flatten().map(|site| site["slug"].as_str().unwrap_or_default());
    if !slugs.all(seed::is_temple) {
        return Ok(false);
    }
    let users = admin.get("/v0/api/users/users/?limit=2").await?.expect(&[200])?;
    Ok(users["items"].as_array().is_some_and(|users| users.len() < 2))
}

/// Runs `gatehouse secrets`.
pub fn print_secrets(args: &Secrets) -> Result<()> {
    let manifest = Manifest::load(&args.from)?;
    for (name, value) in secrets::load(&args.state_dir, &manifest, &BTreeMap::new())? {
        println!("SPIN_VARIABLE_{}={value}", name.to_ascii_uppercase());
    }
    Ok(())
}

/// Waits for Ctrl-C or for a service manager's SIGTERM.
pub(crate) async fn wait_for_stop_signal() -> Result<()> {
    use tokio::signal::unix::{SignalKind, signal};

    let mut terminate = signal(SignalKind::terminate()).context("cannot wait for signals")?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted?,
        _ = terminate.recv() => {}
    }
    Ok(())
}
