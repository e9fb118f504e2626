//! `gatehouse up`: serves the whole application in one process.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::{Args, ValueEnum};
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::manifest::Manifest;
use crate::seed::{self, Credentials};
use crate::{secrets, simulate};

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
    /// The format of the log
    #[arg(long, value_enum, default_value_t = Log::Json)]
    log: Log,
    /// How long a request may wait for its response, in seconds
    #[arg(long, default_value_t = 30)]
    request_timeout: u64,
    /// Worker threads; by default, one more than the machine has cores
    #[arg(long)]
    workers: Option<usize>,
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
        self.log
    }
}

/// Runs `gatehouse up`.
pub async fn run(args: Up) -> Result<()> {
    let mut builder = App::builder()
        .manifest(&args.from)
        .state_dir(&args.state_dir)
        .listen(&args.listen)
        .build_components(!args.no_build)
        .pretty_logs(args.log == Log::Pretty)
        .request_timeout(std::time::Duration::from_secs(args.request_timeout));
    for (name, value) in args.variable {
        builder = builder.variable(name, value);
    }
    let app = builder.start().await?;
    println!("Gatehouse serves {}", app.base_url());
    let stop = CancellationToken::new();
    tokio::select! {
        started = start_demo(&app, args.demo, &stop) => match started {
            Ok(()) => wait_for_stop_signal().await?,
            Err(error) => {
                // The application works without the demo.
                tracing::error!("the demo could not be started: {error:#}");
                print_welcome(&app, None);
                wait_for_stop_signal().await?;
            }
        },
        signal = wait_for_stop_signal() => signal?,
    }
    eprintln!("Stopping: waiting for requests in progress");
    stop.cancel();
    app.shutdown().await;
    Ok(())
}

/// Seeds the demo data, prints how to sign in, and starts the simulated fleet.
async fn start_demo(app: &App, demo: Demo, stop: &CancellationToken) -> Result<()> {
    let credentials = app.state_dir().join("demo-credentials.json");
    if demo != Demo::None {
        seed_once(app, &credentials).await?;
    }
    let credentials = (demo != Demo::None && credentials.exists()).then_some(credentials);
    print_welcome(app, credentials.as_deref());
    if demo == Demo::Live
        && let Some(credentials) = credentials
    {
        let (base_url, credentials) = (app.base_url(), Credentials::load(&credentials)?);
        let stop = stop.clone();
        tokio::spawn(async move {
            if let Err(error) = simulate::run_gentle(&base_url, &credentials, stop).await {
                tracing::error!("the simulated fleet has stopped: {error:#}");
            }
        });
    }
    Ok(())
}

/// Seeds the application if it has no sites, or if an earlier seeding was interrupted.
async fn seed_once(app: &App, credentials: &Path) -> Result<()> {
    let unfinished = app.state_dir().join("demo-unfinished");
    if !unfinished.exists() && has_sites(app).await? {
        return Ok(());
    }
    std::fs::write(&unfinished, "The demo data is not complete: `gatehouse up` begins again.\n")?;
    let variable = |name: &str| app.variable(name).unwrap_or_default().to_owned();
    let args = seed::Args {
        base_url: app.base_url(),
        admin_email: variable("admin_email"),
        admin_password: variable("admin_password"),
        credentials: credentials.to_owned(),
        seed: 1,
        history_days: 14,
        every_minutes: 20,
    };
    let summary = seed::run(args).await.context("seeding the demo")?;
    eprintln!("Demo: {summary}");
    std::fs::remove_file(unfinished)?;
    Ok(())
}

async fn has_sites(app: &App) -> Result<bool> {
    let url = format!("{}/api/sites?limit=1", app.base_url());
    let sites: serde_json::Value = reqwest::get(url).await?.error_for_status()?.json().await?;
    let items = sites.get("items").and_then(serde_json::Value::as_array);
    Ok(items.is_none_or(|it| !it.is_empty()))
}

fn print_welcome(app: &App, credentials: Option<&Path>) {
    println!("  console   {}/console/", app.base_url());
    match credentials {
        Some(file) => println!("  sign in   with a user of {}", file.display()),
        None => println!(
            "  sign in   as {} with the `admin_password` of {}",
            app.variable("admin_email").unwrap_or("the administrator"),
            app.state_dir().join(secrets::FILE).display(),
        ),
    }
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
async fn wait_for_stop_signal() -> Result<()> {
    use tokio::signal::unix::{SignalKind, signal};

    let mut terminate = signal(SignalKind::terminate()).context("cannot wait for signals")?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted?,
        _ = terminate.recv() => {}
    }
    Ok(())
}
