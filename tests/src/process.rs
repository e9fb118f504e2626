//! The application in a process of its own, which can be killed.
//!
//! A suite that wants one has a test named `server_process` which calls [`serve_if_asked`]; [`Process::start`] runs the suite's own
//! program again with just that test, so that nothing else has to be built.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::{App, SHARED_CLOCK, cache_directory, root};

const STATE_DIR: &str = "GATEHOUSE_TEST_STATE_DIR";
const VARIABLES: &str = "GATEHOUSE_TEST_VARIABLES";
const CRON: &str = "GATEHOUSE_TEST_CRON";
/// What the application's clock shows when the machine's shows another time, both in milliseconds since 1970.
const CLOCK: &str = "GATEHOUSE_TEST_CLOCK";

/// How a server process is started.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Its clock; the one of all processes unless set.
    pub clock: Option<gatehouse::Clock>,
    /// Whether its cron triggers run.
    pub cron: bool,
    /// The most file descriptors that it may ever have; what the system allows unless set.
    pub descriptors: Option<u32>,
    /// What its environment has beside that of the tests.
    pub environment: Vec<(&'static str, &'static str)>,
}

/// A running server process; killed when dropped.
pub struct Process {
    child: Child,
    log: PathBuf,
    /// The application that it serves.
    pub app: App,
}

impl Process {
    /// Starts the application on this state directory, without its cron triggers.
    pub fn start(state_dir: &Path, variables: &[(&str, &str)]) -> Self {
        Self::start_with(state_dir, variables, Options::default())
    }

    /// The same, with all components compiled before: what that takes counts as no peak of its memory.
    pub async fn start_compiled(state_dir: &Path, variables: &[(&str, &str)]) -> Self {
        if let Some(app) = App::embedded(&[]).await {
            app.stop().await;
        }
        Self::start(state_dir, variables)
    }

    /// The same with its cron triggers.
    pub fn start_with_cron(state_dir: &Path, variables: &[(&str, &str)]) -> Self {
        Self::start_with(state_dir, variables, Options { cron: true, ..Options::default() })
    }

    /// The same with a clock of its own, and its cron triggers.
    pub fn start_with_clock(state_dir: &Path, variables: &[(&str, &str)], clock: &gatehouse::Clock) -> Self {
        Self::start_with(state_dir, variables, Options { cron: true, clock: Some(clock.clone()), ..Options::default() })
    }

    /// The same, started in this way.
    pub fn start_with(state_dir: &Path, variables: &[(&str, &str)], options: Options) -> Self {
        let clock = options.clock.unwrap_or_else(|| SHARED_CLOCK.clone());
        let ready = ready_file(state_dir);
        let _ = std::fs::remove_file(&ready);
        let log = state_dir.join("server-process.log");
        let own = std::env::current_exe().expect("this program has a path");
        let mut command = match options.descriptors {
            // The shell's own command sets both limits, which the server cannot raise again.
            Some(most) => {
                let mut shell = Command::new("sh");
                shell.args(["-c", &format!("ulimit -n {most} && exec \"$0\" \"$@\"")]).arg(own);
                shell
            }
            None => Command::new(own),
        };
        let mut child = command
            .args(["--exact", "server_process", "--nocapture"])
            .envs(options.environment)
            .env(STATE_DIR, state_dir)
            .env(VARIABLES, serde_json::to_string(variables).expect("texts are JSON"))
            .env(CRON, options.cron.to_string())
            .env(CLOCK, format!("{} {}", clock.since_epoch().as_millis(), gatehouse::Clock::new().since_epoch().as_millis()))
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(&log).expect("the state directory takes files"))
            .spawn()
            .expect("this program runs again");
        let deadline = Instant::now() + Duration::from_secs(600);
        let ready: Value = loop {
            if let Some(ready) = std::fs::read(&ready).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()) {
                break ready;
            }
            if let Some(status) = child.try_wait().expect("a child can be asked") {
                panic!("the server process ended: {status}\n{}", std::fs::read_to_string(&log).unwrap_or_default());
            }
            assert!(Instant::now() < deadline, "the server process does not start");
            std::thread::sleep(Duration::from_millis(20));
        };
        let text = |name: &str| ready[name].as_str().expect("a text").to_owned();
        let app = App::in_process(
            text("base_url"),
            (text("admin_email"), text("admin_password")),
            text("tick_secret"),
            PathBuf::from(text("database")),
            clock,
        );
        Self { child, log, app }
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Where its log is.
    pub fn log_path(&self) -> &Path {
        &self.log
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// The most memory that it has had at any time, MiB: `VmHWM` of proc(5).
    pub fn peak_memory_mib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("the process runs on Linux");
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        peak.expect("a line of kB") / 1024
    }

    /// Kills it at once, as a power cut would end it.
    pub fn kill_9(mut self) {
        self.child.kill().expect("the child is ours to kill");
        self.child.wait().expect("the child is ours to wait for");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn ready_file(state_dir: &Path) -> PathBuf {
    state_dir.join("server-process.json")
}

/// The clock of the program that started this one.
fn clock_of_parent() -> gatehouse::Clock {
    let clock = std::env::var(CLOCK).expect("a clock");
    let mut times = clock.split(' ').map(|ms| Duration::from_millis(ms.parse().expect("milliseconds")));
    let (shown, machine) = (times.next().expect("a time"), times.next().expect("a time"));
    gatehouse::Clock::starting_at(shown + gatehouse::Clock::new().since_epoch().saturating_sub(machine))
}

/// Serves until it is killed, when [`Process::start`] started this program; otherwise returns at once.
pub async fn serve_if_asked() {
    let Some(state_dir) = std::env::var_os(STATE_DIR).map(PathBuf::from) else { return };
    tracing_subscriber::fmt().json().with_max_level(tracing_subscriber::filter::LevelFilter::WARN).with_writer(std::io::stderr).init();
    let variables: Vec<(String, String)> = serde_json::from_str(&std::env::var(VARIABLES).expect("variables")).expect("pairs of texts");
    let mut builder = gatehouse::App::builder()
        .manifest(root().join("spin.toml"))
        .state_dir(&state_dir)
        .cache_dir(cache_directory())
        .listen("127.0.0.1:0")
        .clock(clock_of_parent())
        .cron(std::env::var(CRON).is_ok_and(|cron| cron == "true"))
        .build_components(true);
    for (name, value) in &variables {
        builder = builder.variable(name, value);
    }
    let app = builder.start().await.expect("the application starts");
    let ready = json!({
        "base_url": app.base_url(),
        "admin_email": app.variable("admin_email"),
        "admin_password": app.variable("admin_password"),
        "tick_secret": app.variable("tick_secret"),
        "database": state_dir.join("default.db"),
    });
    let partial = state_dir.join("server-process.partial");
    std::fs::write(&partial, ready.to_string()).expect("the state directory takes files");
    std::fs::rename(partial, ready_file(&state_dir)).expect("the state directory takes files");
    std::future::pending::<()>().await;
}
