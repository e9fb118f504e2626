//! The command line.

use clap::{Parser, Subcommand};
use gatehouse::up::{self, Log};
use tracing_subscriber::EnvFilter;

#[derive(Parser)]
#[command(version, about = "The edge backend for places where vehicles and people arrive", args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    up: up::Up,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the application (what happens without a command)
    Up(up::Up),
}

fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    let command = cli.command.unwrap_or(Command::Up(cli.up));
    // A commit or a checkpoint blocks its worker for an fsync: with spare ones the cores stay at work.
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(cores + 2).enable_all().build()?;
    runtime.block_on(async {
        match command {
            Command::Up(args) => {
                log(args.log());
                up::run(args).await
            }
        }
    })
}

fn log(log: Log) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match log {
        Log::Json => subscriber.json().flatten_event(true).init(),
        Log::Pretty => subscriber.compact().init(),
    }
}
