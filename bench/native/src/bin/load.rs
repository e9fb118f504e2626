//! The load generator: keep-alive connections over raw sockets, so that it takes as little of the machine as it can. Several paths, divided by
//! spaces, are asked for in turn.
//!
//! Prints one JSON object: all requests that were sent, warm-up included; those that were answered as they should be, everything else by its
//! status, the rate, the latencies, and the number of the next reading, reservation or booking.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use gatehouse_bench::{Options, write_booking, write_json, write_reservation};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Readings in a bulk request.
const BULK: u64 = 100;
/// No answer takes longer, or it counts as an error.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Single,
    Bulk,
    Reserve,
    Book,
    Guess,
    Get,
    Missing,
}

impl Kind {
    fn has_body(self) -> bool {
        !matches!(self, Self::Get | Self::Missing)
    }
}

struct Run {
    addr: String,
    /// Asked for in turn.
    paths: Vec<String>,
    turn: Cell<usize>,
    token: String,
    kind: Kind,
    base_ms: i64,
    next: Cell<u64>,
    counted_from: Instant,
    ends: Instant,
    answered: Cell<u64>,
    good: Cell<u64>,
    bad: RefCell<BTreeMap<String, u64>>,
    micros: RefCell<Vec<u32>>,
}

fn main() -> anyhow::Result<()> {
    let options = Options::parse(0)?;
    let kind = match options.text("kind")? {
        "single" => Kind::Single,
        "bulk" => Kind::Bulk,
        "reserve" => Kind::Reserve,
        "book" => Kind::Book,
        "guess" => Kind::Guess,
        "get" => Kind::Get,
        "missing" => Kind::Missing,
        other => bail!("there is no kind {other}"),
    };
    let seconds: f64 = options.value("seconds")?;
    let warm_up: f64 = options.value("warm-up")?;
    let connections: usize = options.value("connections")?;
    let counted_from = Instant::now() + Duration::from_secs_f64(warm_up);
    let run = Rc::new(Run {
        addr: options.text("addr")?.to_owned(),
        paths: options.text("path")?.split(' ').map(str::to_owned).collect(),
        turn: Cell::new(0),
        token: options.text("token")?.to_owned(),
        kind,
        base_ms: options.value("base-ms")?,
        next: Cell::new(options.value("start")?),
        counted_from,
        ends: counted_from + Duration::from_secs_f64(seconds),
        answered: Cell::new(0),
        good: Cell::new(0),
        bad: RefCell::default(),
        micros: RefCell::default(),
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, async {
        let tasks: Vec<_> = (0..connections).map(|_| tokio::task::spawn_local(connection(Rc::clone(&run)))).collect();
        for task in tasks {
            task.await?;
        }
        anyhow::Ok(())
    })?;
    let mut micros = run.micros.take();
    micros.sort_unstable();
    let quantile = |share: f64| micros.get((micros.len() as f64 * share) as usize).copied().unwrap_or_default();
    let scale = if kind == Kind::Bulk { BULK as f64 } else { 1.0 };
    println!(
        "{}",
        serde_json::json!({
            "answered": run.answered.get(),
            "good": run.good.get(),
            "bad": *run.bad.borrow(),
            "per_second": run.good.get() as f64 * scale / seconds,
            "p50_us": quantile(0.50),
            "p99_us": quantile(0.99),
            "next": run.next.get(),
        })
    );
    Ok(())
}

/// One client: connects again whenever its server closes the connection.
async fn connection(run: Rc<Run>) {
    let mut stream = None;
    let (mut request, mut body, mut answer) = (Vec::new(), Vec::new(), Vec::new());
    while Instant::now() < run.ends {
        run.write_request(&mut request, &mut body);
        let begun = Instant::now();
        let outcome = tokio::time::timeout(PATIENCE, exchange(&run, &mut stream, &request, &mut answer)).await;
        let ended = Instant::now();
        run.answered.set(run.answered.get() + 1);
        let problem = match outcome {
            Ok(Ok(status)) if run.is_good(status, &answer) => None,
            Ok(Ok(status)) => Some(status.to_string()),
            Ok(Err(error)) => {
                stream = None;
                Some(error.root_cause().to_string())
            }
            Err(_) => {
                stream = None;
                Some("no answer".to_owned())
            }
        };
        if let Some(problem) = problem {
            *run.bad.borrow_mut().entry(problem).or_default() += 1;
        } else if ended >= run.counted_from && ended <= run.ends {
            run.good.set(run.good.get() + 1);
            run.micros.borrow_mut().push((ended - begun).as_micros() as u32);
        }
    }
}

impl Run {
    /// The path that is asked for next.
    fn path(&self) -> &str {
        let turn = self.turn.replace(self.turn.get() + 1);
        &self.paths[turn % self.paths.len()]
    }

    /// The number of what is sent next.
    fn take(&self) -> u64 {
        self.next.replace(self.next.get() + 1)
    }

    fn write_request(&self, request: &mut Vec<u8>, body: &mut Vec<u8>) {
        use std::io::Write as _;

        request.clear();
        body.clear();
        let method = if self.kind.has_body() { "POST" } else { "GET" };
        match self.kind {
            Kind::Single => write_json(body, self.take(), self.base_ms),
            Kind::Bulk => {
                let first = self.next.get();
                self.next.set(first + BULK);
                for n in first..first + BULK {
                    body.push(if n == first { b'[' } else { b',' });
                    write_json(body, n, self.base_ms);
                }
                body.push(b']');
            }
            Kind::Reserve => write_reservation(body, self.take(), self.base_ms),
            Kind::Book => write_booking(body, self.take(), self.base_ms),
            Kind::Guess => {
                let n = self.take();
                let _ = write!(body, "{{\"email\":\"nobody-{n}@example.com\",\"password\":\"seven lanterns by the sea\"}}");
            }
            Kind::Get | Kind::Missing => {}
        }
        let _ = write!(request, "{method} {} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\n", self.path(), self.addr, self.token);
        if self.kind.has_body() {
            let _ = write!(request, "content-type: application/json\r\ncontent-length: {}\r\n", body.len());
        }
        request.extend_from_slice(b"\r\n");
        request.extend_from_slice(body);
    }

    /// Stored means 201; a bulk is good when every reading of it was stored; a guess when it was heard, and wrong; what is missing when it is.
    fn is_good(&self, status: u16, answer: &[u8]) -> bool {
        match self.kind {
            Kind::Single | Kind::Reserve | Kind::Book => status == 201,
            Kind::Guess => status == 401,
            Kind::Get => status == 200,
            Kind::Missing => status == 404,
            Kind::Bulk => {
                let text = String::from_utf8_lossy(answer);
                status == 200 && (text.contains("\"accepted\":100") || text.contains("\"accepted\": 100"))
            }
        }
    }
}

/// Sends one request and reads its whole answer into `answer`; the status.
async fn exchange(run: &Run, stream: &mut Option<TcpStream>, request: &[u8], answer: &mut Vec<u8>) -> anyhow::Result<u16> {
    let socket = match stream {
        Some(socket) => socket,
        None => {
            let socket = TcpStream::connect(&run.addr).await?;
            socket.set_nodelay(true)?;
            stream.insert(socket)
        }
    };
    socket.write_all(request).await?;
    answer.clear();
    let head = loop {
        if let Some(end) = find(answer, b"\r\n\r\n") {
            break end + 4;
        }
        if socket.read_buf(answer).await? == 0 {
            bail!("closed before the answer");
        }
    };
    let headers = String::from_utf8_lossy(&answer[..head]).to_ascii_lowercase();
    let status = headers.get(9..12).and_then(|status| status.parse().ok()).context("no status")?;
    let header = |name: &str| headers.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':').map(str::trim).map(str::to_owned));
    let length: Option<usize> = header("content-length").and_then(|length| length.parse().ok());
    let chunked = header("transfer-encoding").is_some();
    loop {
        let whole = match length {
            Some(length) => answer.len() >= head + length,
            None => chunked && answer.ends_with(b"0\r\n\r\n"),
        };
        if whole {
            break;
        }
        if socket.read_buf(answer).await? == 0 {
            if length.is_none() && !chunked {
                break;
            }
            bail!("closed within the answer");
        }
    }
    if header("connection").is_some_and(|connection| connection == "close") {
        *stream = None;
    }
    Ok(status)
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}
