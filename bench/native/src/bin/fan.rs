//! Thousands of clients that listen: how long one event takes to all of them.
//!
//! It opens so many WebSockets, Socket.IO clients (by WebSocket) and Server-Sent Events, says `{"connected": …}` and waits for a line on its
//! standard input. Then it has events happen one after another, each when all clients have the one before, and prints one JSON object: the
//! latencies from the moment before an event is told to each client's having read it.
//!
//! An event is told to a gateway by this program itself, which is the application's feed for it (`--feed`); to others by a POST (`--tell`).

#[path = "fan/client.rs"]
mod client;
#[path = "fan/source.rs"]
mod source;

use std::cell::{Cell, RefCell};
use std::io::Write as _;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::bail;
use client::Kind;
use gatehouse_bench::Options;
use source::Source;
use tokio::io::{AsyncBufReadExt as _, BufReader};

/// How many connections are opened side by side.
const OPENING: usize = 100;
/// No event takes longer to any client.
const PATIENCE: Duration = Duration::from_secs(30);

/// What all clients share.
pub struct Run {
    /// The server's address.
    pub target: String,
    /// Where its Server-Sent Events are.
    pub path: String,
    /// The number of the event that is awaited.
    pub number: Cell<u64>,
    /// When it was told.
    pub told: Cell<Instant>,
    /// How many clients have read it.
    pub heard: Cell<usize>,
    /// How many clients were closed.
    pub lost: Cell<usize>,
    /// The time that each event took to each client, microseconds.
    pub micros: RefCell<Vec<u32>>,
    /// Told when all clients have read it.
    pub all_have_it: tokio::sync::Notify,
    /// How many clients there are.
    pub clients: usize,
}

impl Run {
    /// A client has read an event.
    pub fn hear(&self, number: u64) {
        if number != self.number.get() {
            return;
        }
        self.micros.borrow_mut().push(self.told.get().elapsed().as_micros() as u32);
        self.heard.set(self.heard.get() + 1);
        if self.heard.get() == self.clients {
            self.all_have_it.notify_one();
        }
    }
}

fn main() -> anyhow::Result<()> {
    let options = Options::parse(0)?;
    let counts = [
        (Kind::WebSocket, options.value("websockets")?),
        (Kind::SocketIo, options.value("socket-ios")?),
        (Kind::Sse, options.value("sse")?),
    ];
    let run = Rc::new(Run {
        target: options.text("target")?.to_owned(),
        path: options.text("path").unwrap_or("/api/events?channels=alerts").to_owned(),
        number: Cell::new(0),
        told: Cell::new(Instant::now()),
        heard: Cell::new(0),
        lost: Cell::new(0),
        micros: RefCell::default(),
        all_have_it: tokio::sync::Notify::new(),
        clients: counts.iter().map(|(_, count): &(Kind, usize)| count).sum(),
    });
    let (events, pause): (u64, u64) = (options.value("events")?, options.value("pause-ms")?);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, async {
        let source = Source::new(&options).await?;
        for (kind, count) in counts {
            connect(&run, kind, count).await?;
        }
        say(&serde_json::json!({ "connected": run.clients }))?;
        BufReader::new(tokio::io::stdin()).read_line(&mut String::new()).await?;
        let mut slowest = Vec::new();
        for number in 1..=events {
            run.number.set(number);
            run.heard.set(0);
            run.told.set(Instant::now());
            source.tell(number).await?;
            if tokio::time::timeout(PATIENCE, run.all_have_it.notified()).await.is_err() {
                bail!("event {number} has reached {} of {} clients, {} were lost", run.heard.get(), run.clients, run.lost.get());
            }
            slowest.push(run.told.get().elapsed().as_micros() as u32);
            tokio::time::sleep(Duration::from_millis(pause)).await;
        }
        let mut micros = run.micros.take();
        micros.sort_unstable();
        slowest.sort_unstable();
        let quantile = |share: f64| micros.get((micros.len() as f64 * share) as usize).copied().unwrap_or_default();
        say(&serde_json::json!({
            "delivered": micros.len(),
            "p50_us": quantile(0.50),
            "p99_us": quantile(0.99),
            "all_us": slowest.get(slowest.len() / 2),
            "lost": run.lost.get(),
        }))
    })
}

async fn connect(run: &Rc<Run>, kind: Kind, count: usize) -> anyhow::Result<()> {
    let mut left = count;
    while left > 0 {
        let batch: Vec<_> = (0..left.min(OPENING)).map(|_| tokio::task::spawn_local(client::open(Rc::clone(run), kind))).collect();
        left -= batch.len();
        for opening in batch {
            let listening = opening.await??;
            tokio::task::spawn_local(listening);
        }
    }
    Ok(())
}

fn say(line: &serde_json::Value) -> anyhow::Result<()> {
    println!("{line}");
    Ok(std::io::stdout().flush()?)
}
