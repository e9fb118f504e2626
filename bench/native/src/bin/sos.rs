//! Emergencies at a steady rate, and the receiver that they are told to: how long a 201 takes, and how long it is from reading it to the
//! receiver's first attempt, on one clock.
//!
//! Prints one JSON object. Reports leave at their time, whether or not those before them were answered.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use gatehouse_bench::Options;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// No answer takes longer, or it counts as an error; nor is an attempt waited for any longer.
const PATIENCE: Duration = Duration::from_secs(10);

struct Run {
    addr: String,
    token: String,
    temple: String,
    idle: RefCell<Vec<TcpStream>>,
    /// When each report's 201 had been read, and how long it took.
    answered: RefCell<HashMap<String, (Instant, Duration)>>,
    bad: RefCell<BTreeMap<String, u64>>,
    /// When the receiver had read each emergency for the first time.
    attempted: RefCell<HashMap<String, Instant>>,
    repeats: Cell<u64>,
}

fn main() -> anyhow::Result<()> {
    let options = Options::parse(0)?;
    let rate: f64 = options.value("rate")?;
    let seconds: f64 = options.value("seconds")?;
    let listen = options.text("listen")?.to_owned();
    let run = Rc::new(Run {
        addr: options.text("addr")?.to_owned(),
        token: options.text("token")?.to_owned(),
        temple: options.text("temple")?.to_owned(),
        idle: RefCell::default(),
        answered: RefCell::default(),
        bad: RefCell::default(),
        attempted: RefCell::default(),
        repeats: Cell::new(0),
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, async {
        let listener = TcpListener::bind(&listen).await?;
        tokio::task::spawn_local(receive(listener, Rc::clone(&run)));
        let begun = tokio::time::Instant::now();
        let mut tasks = Vec::new();
        for number in 0..(rate * seconds) as u64 {
            tokio::time::sleep_until(begun + Duration::from_secs_f64(number as f64 / rate)).await;
            tasks.push(tokio::task::spawn_local(report(Rc::clone(&run), number)));
        }
        for task in tasks {
            task.await?;
        }
        let deadline = Instant::now() + PATIENCE;
        while run.missing() > 0 && Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        anyhow::Ok(())
    })?;

    let answered = run.answered.borrow();
    let attempted = run.attempted.borrow();
    let mut answers: Vec<_> = answered.values().map(|(_, took)| *took).collect();
    // The attempt may have come in before its 201 had been read: it was not waited for at all.
    let mut waits: Vec<_> = answered.iter().filter_map(|(id, (at, _))| Some(attempted.get(id)?.saturating_duration_since(*at))).collect();
    println!(
        "{}",
        serde_json::json!({
            "good": answered.len(),
            "bad": *run.bad.borrow(),
            "missing": run.missing(),
            "repeats": run.repeats.get(),
            "answer": quantiles(&mut answers),
            "attempt": quantiles(&mut waits),
        })
    );
    Ok(())
}

/// Milliseconds.
fn quantiles(times: &mut [Duration]) -> serde_json::Value {
    times.sort_unstable();
    let of = |share: f64| {
        let rank = (times.len() as f64 * share).ceil() as usize;
        times.get(rank.clamp(1, times.len().max(1)) - 1).map(|time| time.as_secs_f64() * 1000.0)
    };
    serde_json::json!({ "p50": of(0.5), "p99": of(0.99), "max": of(1.0) })
}

impl Run {
    fn missing(&self) -> usize {
        let attempted = self.attempted.borrow();
        self.answered.borrow().keys().filter(|id| !attempted.contains_key(*id)).count()
    }
}

async fn report(run: Rc<Run>, number: u64) {
    let body = format!(
        r#"{{"temple_id":"{}","type":"medical","description":"Report number {number}","location":{{"lat":20.888,"lng":70.4013}}}}"#,
        run.temple
    );
    let request = format!(
        "POST /api/emergency/ HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        run.addr,
        run.token,
        body.len()
    );
    let begun = Instant::now();
    let outcome = tokio::time::timeout(PATIENCE, exchange(&run, request.as_bytes())).await;
    let now = Instant::now();
    let problem = match outcome {
        Ok(Ok((201, answer))) => match id_of(&answer) {
            Some(id) => {
                run.answered.borrow_mut().insert(id, (now, now - begun));
                return;
            }
            None => "201 without an id".to_owned(),
        },
        Ok(Ok((status, _))) => status.to_string(),
        Ok(Err(error)) => error.root_cause().to_string(),
        Err(_) => "no answer".to_owned(),
    };
    *run.bad.borrow_mut().entry(problem).or_default() += 1;
}

async fn exchange(run: &Run, request: &[u8]) -> anyhow::Result<(u16, Vec<u8>)> {
    let idle = run.idle.borrow_mut().pop();
    let mut stream = match idle {
        Some(stream) => stream,
        None => {
            let stream = TcpStream::connect(&run.addr).await?;
            stream.set_nodelay(true)?;
            stream
        }
    };
    stream.write_all(request).await?;
    let mut read = Vec::new();
    let (head, body) = message(&mut stream, &mut read).await?.context("closed before the answer")?;
    let status = head.get(9..12).and_then(|status| status.parse().ok()).context("no status")?;
    run.idle.borrow_mut().push(stream);
    Ok((status, body))
}

/// Accepts webhooks for as long as the program lasts.
async fn receive(listener: TcpListener, run: Rc<Run>) {
    while let Ok((stream, _)) = listener.accept().await {
        let run = Rc::clone(&run);
        tokio::task::spawn_local(async move {
            // A connection that ends is the sender's affair.
            let _ = take(stream, &run).await;
        });
    }
}

async fn take(mut stream: TcpStream, run: &Run) -> anyhow::Result<()> {
    stream.set_nodelay(true)?;
    let mut read = Vec::new();
    while let Some((_, body)) = message(&mut stream, &mut read).await? {
        let now = Instant::now();
        let body: serde_json::Value = serde_json::from_slice(&body)?;
        if let Some(id) = body["emergency"]["id"].as_str() {
            let mut attempted = run.attempted.borrow_mut();
            if attempted.contains_key(id) {
                run.repeats.set(run.repeats.get() + 1);
            } else {
                attempted.insert(id.to_owned(), now);
            }
        }
        stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await?;
    }
    Ok(())
}

/// The next message of a connection, its head in lower case and its body; what was read beyond it stays in `read`. None at the end.
async fn message(stream: &mut TcpStream, read: &mut Vec<u8>) -> anyhow::Result<Option<(String, Vec<u8>)>> {
    let head = loop {
        if let Some(end) = read.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(read).await? == 0 {
            return Ok(None);
        }
    };
    let text = String::from_utf8_lossy(&read[..head]).to_ascii_lowercase();
    let length = text.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok());
    let Some(length) = length else { bail!("a message without its length") };
    while read.len() < head + length {
        if stream.read_buf(read).await? == 0 {
            bail!("closed within a message");
        }
    }
    let body = read[head..head + length].to_vec();
    read.drain(..head + length);
    Ok(Some((text, body)))
}

fn id_of(answer: &[u8]) -> Option<String> {
    let answer: serde_json::Value = serde_json::from_slice(answer).ok()?;
    answer["id"].as_str().map(str::to_owned)
}
