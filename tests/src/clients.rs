//! Programs of client authors, in JavaScript, Python and shell, which run beside a test and say line by line what they get.

use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;

use crate::node;
use crate::python::Environment;

const NPM: [&str; 2] = ["socket.io-client@4.8.4", "eventsource@4.1.0"];

const PYTHON: Environment = Environment {
    requirements: &["python-socketio[client]==5.18.1", "websockets==17.4", "httpx==0.28.1"],
    module: "socketio, websockets, httpx",
};

/// The browser's build of the Socket.IO client.
pub async fn socket_io_for_browsers() -> String {
    let modules = tokio::task::spawn_blocking(|| node::modules(&NPM)).await.expect("the installation ends");
    std::fs::read_to_string(modules.join("socket.io-client/dist/socket.io.min.js")).expect("it is part of the package")
}

/// What a program is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// JavaScript for Node.js, as CommonJS, with `socket.io-client`, `eventsource`, and the WebSocket of browsers.
    JavaScript,
    /// Python, with `python-socketio`, `websockets` and `httpx`.
    Python,
    /// Bash, with curl.
    Shell,
}

/// A running program, ended with its test.
pub struct Program {
    child: Child,
    lines: mpsc::UnboundedReceiver<String>,
    name: String,
}

impl Drop for Program {
    fn drop(&mut self) {
        // It leads a process group of its own, which what it started belongs to.
        if let Some(id) = self.child.id() {
            let _ = std::process::Command::new("kill").args(["-KILL", "--", &format!("-{id}")]).stderr(Stdio::null()).status();
        }
    }
}

impl Program {
    /// Runs this text with these arguments and environment.
    pub async fn start(language: Language, name: &str, text: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let mut command = match language {
            Language::JavaScript => {
                let modules = tokio::task::spawn_blocking(|| node::modules(&NPM)).await.expect("the installation ends");
                let mut node = Command::new("node");
                node.args(["--experimental-websocket", "--no-warnings", "-e", text, "--"]).env("NODE_PATH", modules);
                node
            }
            Language::Python => {
                let python = tokio::task::spawn_blocking(|| PYTHON.python()).await.expect("the installation ends");
                let mut command = Command::new(python);
                command.args(["-u", "-c", text]);
                command
            }
            Language::Shell => {
                let mut bash = Command::new("bash");
                bash.args(["-c", text, "bash"]);
                bash
            }
        };
        command.args(arguments).envs(environment.iter().copied());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0).kill_on_drop(true);
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{name}: {command:?}: {error}"));
        let (sender, lines) = mpsc::unbounded_channel();
        let (out, complaints) = (child.stdout.take().expect("it is piped"), child.stderr.take().expect("it is piped"));
        tokio::spawn(async move {
            let mut lines = BufReader::new(out).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                sender.send(line).ok();
            }
        });
        let own_name = name.to_owned();
        tokio::spawn(async move {
            let mut lines = BufReader::new(complaints).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                eprintln!("{own_name}: {line}");
            }
        });
        Self { child, lines, name: name.to_owned() }
    }

    /// The next line; none when nothing comes in time, or it has ended, which is said.
    pub async fn line(&mut self, within: Duration) -> Option<String> {
        let line = tokio::time::timeout(within, self.lines.recv()).await.ok()?;
        if line.is_none() {
            eprintln!("{} has ended: {:?}", self.name, self.child.try_wait());
        }
        line
    }

    /// The next line that is a JSON list which begins with this word; its second element.
    pub async fn next(&mut self, word: &str, within: Duration) -> Value {
        let deadline = tokio::time::Instant::now() + within;
        let mut seen = Vec::new();
        loop {
            let Some(line) = self.line(deadline - tokio::time::Instant::now()).await else {
                panic!("{} says no {word:?} in {within:?}, but {seen:?}", self.name);
            };
            match serde_json::from_str::<Value>(&line) {
                Ok(mut said) if said[0] == word => return said[1].take(),
                _ => seen.push(line),
            }
        }
    }
}
