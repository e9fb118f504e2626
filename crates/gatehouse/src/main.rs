//! The command line.

use clap::{Parser, Subcommand};
use gatehouse::up::{self, Log};
use gatehouse::{backup, gateway, seed, simulate, state_lock, tls};
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
    /// Serve the application (the default command)
    Up(up::Up),
    /// Serve the event feed of an application elsewhere as WebSocket and Socket.IO
    Gateway(gateway::Args),
    /// Fill a deployment with demo data: places, devices, users, weeks of history
    Seed(seed::Args),
    /// Move the data of a replaced system in, from its dumps or its database server
    Import(gatehouse_import::Args),
    /// Drive a deployment with a fleet of simulated sensors
    Simulate(simulate::Args),
    /// Print the generated secrets as variables for `spin up`
    Secrets(up::Secrets),
    /// Copy the database into a file while the application runs
    Backup(backup::Backup),
    /// Put a backup in the place of the database while the application is stopped
    Restore(backup::Restore),
}

fn main() -> anyhow::Result<()> {
    tls::install();
    let cli = Cli::parse();
    let command = cli.command.unwrap_or(Command::Up(cli.up));
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    if let Command::Up(args) = &command {
        runtime.worker_threads(args.workers());
    }
    let runtime = runtime.enable_all().build()?;
    let outcome = runtime.block_on(async {
        match command {
            Command::Up(args) => {
                log(args.log());
                up::run(args).await
            }
            Command::Gateway(args) => {
                log(args.log());
                gateway::run(args).await
            }
            Command::Secrets(args) => up::print_secrets(&args),
            Command::Backup(args) => {
                log(Log::Pretty);
                println!("{}", backup::run(args).await?);
                Ok(())
            }
            Command::Restore(args) => {
                log(Log::Pretty);
                println!("{}", backup::run_restore(args).await?);
                Ok(())
            }
            Command::Seed(args) => {
                log(Log::Pretty);
                println!("{}", seed::run(args).await?);
                Ok(())
            }
            Command::Import(args) => {
                log(Log::Pretty);
                let database = args.database();
                // Not into a file that a restore is about to set aside.
                let _state_lock = database.parent().filter(|directory| directory.is_dir()).map(state_lock::share).transpose()?;
                // It reads and writes files, and waits for both.
                let report = tokio::task::spawn_blocking(move || gatehouse_import::run(&args)).await??;
                print!("{report}");
                Ok(())
            }
            Command::Simulate(args) => {
                log(Log::Pretty);
                println!("{}", simulate::run(args).await?);
                Ok(())
            }
        }
    });
    // Blocking tasks, such as the compilation of a component, are not waited for.
    runtime.shutdown_background();
    outcome
}

fn log(log: Log) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match log {
        Log::Json => subscriber.json().flatten_event(true).init(),
        Log::Pretty => subscriber.compact().init(),
    }
}
