//! `gatehouse up`: the whole application in one process.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::{Args, ValueEnum};

use crate::app::App;

/// Builds what is stale, migrates, seeds a small demo on the first start, and serves until Ctrl-C.
#[derive(Args, Clone, Debug)]
pub struct Up {
    /// The address to listen on
    #[arg(long, default_value = "127.0.0.1:3000")]
    listen: String,
    /// Where databases, secrets and compiled components lie
    #[arg(long, default_value = ".gatehouse")]
    state_dir: PathBuf,
    /// The manifest
    #[arg(long, short = 'f', default_value = "spin.toml")]
    from: PathBuf,
    /// Take the components as they are
    #[arg(long)]
    no_build: bool,
    /// What to show a newcomer
    #[arg(long, value_enum, default_value_t = Demo::Live)]
    demo: Demo,
    /// The value of a variable (also SPIN_VARIABLE_NAME)
    #[arg(long, value_name = "NAME=VALUE", value_parser = assignment)]
    variable: Vec<(String, String)>,
    /// How to log
    #[arg(long, value_enum, default_value_t = Log::Json)]
    log: Log,
    /// How long a request may wait for its answer, in seconds
    #[arg(long, default_value_t = 30)]
    request_timeout: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
enum Demo {
    /// Demo data on the first start, and a gentle simulated fleet
    Live,
    /// Demo data on the first start
    Data,
    /// Nothing
    None,
}

/// How the log looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Log {
    /// One JSON object a line
    Json,
    /// For people
    Pretty,
}

fn assignment(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("it must be NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

impl Up {
    /// How the log is to look.
    pub fn log(&self) -> Log {
        self.log
    }
}

/// Runs the command.
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
    greet(&app);
    stopped().await?;
    eprintln!("Stopping: requests at work are finished first");
    app.shutdown().await;
    Ok(())
}

fn greet(app: &App) {
    let state = app.state_dir().display();
    println!("Gatehouse serves {}", app.base_url());
    println!("  console   {}/console/", app.base_url());
    println!(
        "  sign in   {} with the password `admin_password` of {state}/{}",
        app.variable("admin_email").unwrap_or("the administrator"),
        crate::secrets::FILE,
    );
}

/// Ctrl-C, or a service manager's SIGTERM.
async fn stopped() -> Result<()> {
    use tokio::signal::unix::{SignalKind, signal};

    let mut terminate = signal(SignalKind::terminate()).context("cannot wait for signals")?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted?,
        _ = terminate.recv() => {}
    }
    Ok(())
}
