//! The files under `deploy/` and what docs/guide/deploy.md says of them: each is checked by the program that reads it, and run where it can be.

use std::path::PathBuf;

use clap::Parser;
use gatehouse_tests::root;

#[path = "deploy/container.rs"]
mod container;
#[path = "deploy/mediamtx.rs"]
mod mediamtx;
#[path = "deploy/monitoring.rs"]
mod monitoring;
#[path = "deploy/proxies.rs"]
mod proxies;
#[path = "deploy/replication.rs"]
mod replication;
#[path = "deploy/service.rs"]
mod service;
#[path = "deploy/spinkube.rs"]
mod spinkube;

/// The path of a file under `deploy/`.
fn path(file: &str) -> PathBuf {
    root().join("deploy").join(file)
}

/// The text of a file under `deploy/`.
fn text(file: &str) -> String {
    std::fs::read_to_string(path(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// `text` with `from` replaced, which must be there once: a test that changes nothing would test something else.
fn replaced(text: &str, from: &str, to: &str) -> String {
    assert_eq!(text.matches(from).count(), 1, "{from:?} in\n{text}");
    text.replace(from, to)
}

#[derive(Parser)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    Up(gatehouse::up::Up),
}

/// Checks that these words are a command line of the program.
fn assert_command_line(words: &[&str]) {
    let Command::Up(_) = CommandLine::try_parse_from(words).unwrap_or_else(|error| panic!("{words:?}: {error}")).command;
}
