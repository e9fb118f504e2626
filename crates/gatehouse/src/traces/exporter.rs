//! Sending spans to the collector, in batches, beside the requests: one that is slow or gone costs spans, never a request.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use percent_encoding::percent_decode_str;
use tokio::sync::{mpsc, oneshot};

use super::otlp::{Data, export_request};

/// Spans that may wait; further ones are dropped. This and the next three are OpenTelemetry's defaults for its batch processor and exporter.
const MAX_WAITING: usize = 2_048;

/// The most spans of a batch.
const MAX_BATCH: usize = 512;

/// How long a span waits for others at most.
const DELAY: Duration = Duration::from_secs(5);

/// How long the collector may take to answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// How long [`Exporter::flush`] waits.
const FLUSH_TIME: Duration = Duration::from_secs(5);

/// How often a batch is sent again when the collector says that it cannot take it now, and the pause before the first time; it doubles.
const RETRIES: u32 = 3;
const FIRST_PAUSE: Duration = Duration::from_secs(1);

enum Message {
    Span(Box<Data>),
    Flush(oneshot::Sender<()>),
}

/// The way to the collector.
pub struct Exporter {
    sender: mpsc::Sender<Message>,
    dropped: Arc<AtomicUsize>,
}

struct Collector {
    http: reqwest::Client,
    url: reqwest::Url,
    headers: HeaderMap,
    service_name: String,
}

impl Exporter {
    /// Starts the task that sends. `headers` is `name=value`, apart by commas, values percent-encoded.
    ///
    /// # Errors
    /// If the endpoint is no URL, or the headers are malformed.
    pub fn start(endpoint: &str, headers: &str, service_name: &str) -> Result<Self> {
        let url = reqwest::Url::parse(&format!("{endpoint}/v1/traces")).context("the OTLP endpoint is not a URL")?;
        if !matches!(url.scheme(), "http" | "https") {
            bail!("the OTLP endpoint is not an HTTP URL");
        }
        crate::tls::install();
        let http = gatehouse_gateway::http_client(&url).timeout(TIMEOUT).build()?;
        let collector = Collector { http, url, headers: parse_headers(headers)?, service_name: service_name.to_owned() };
        let (sender, messages) = mpsc::channel(MAX_WAITING);
        let dropped = Arc::<AtomicUsize>::default();
        tokio::spawn(run(collector, messages, dropped.clone()));
        Ok(Self { sender, dropped })
    }

    /// Takes a span, or counts it as dropped when too many wait.
    pub fn send(&self, span: Data) {
        if self.sender.try_send(Message::Span(Box::new(span))).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits until the collector has what was taken before, for some seconds at most.
    pub async fn flush(&self) {
        let flush = async {
            let (done, wait) = oneshot::channel();
            if self.sender.send(Message::Flush(done)).await.is_ok() {
                wait.await.ok();
            }
        };
        tokio::time::timeout(FLUSH_TIME, flush).await.ok();
    }
}

/// `key=value,key2=value2`, as OpenTelemetry's variable has them.
fn parse_headers(text: &str) -> Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    for pair in text.split(',').map(str::trim).filter(|it| !it.is_empty()) {
        // Not the pair itself in the error: it may be a token.
        let (name, value) = pair.split_once('=').context("an OTLP header is not name=value")?;
        let value = percent_decode_str(value.trim()).decode_utf8_lossy();
        let name = HeaderName::try_from(name.trim()).context("an OTLP header has no valid name")?;
        let mut value = HeaderValue::try_from(&*value).context("an OTLP header has no valid value")?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    Ok(headers)
}

async fn run(collector: Collector, mut messages: mpsc::Receiver<Message>, dropped: Arc<AtomicUsize>) {
    let mut taken = Vec::new();
    // Woken by the first span of a batch, then every so often until there are none.
    while messages.recv_many(&mut taken, 1).await > 0 {
        if matches!(taken.last(), Some(Message::Span(_))) {
            tokio::select! {
                () = tokio::time::sleep(DELAY) => {}
                () = fill(&mut messages, &mut taken) => {}
            }
        }
        let (mut spans, mut flushes) = (Vec::with_capacity(taken.len()), Vec::new());
        for message in taken.drain(..) {
            match message {
                Message::Span(span) => spans.push(*span),
                Message::Flush(done) => flushes.push(done),
            }
        }
        if !spans.is_empty()
            && let Err(error) = collector.send(&spans).await
        {
            tracing::warn!(spans = spans.len(), "traces could not be sent: {error:#}");
        }
        flushes.into_iter().for_each(|it| it.send(()).unwrap_or_default());
        match dropped.swap(0, Ordering::Relaxed) {
            0 => {}
            spans => tracing::warn!(spans, "traces were dropped: they came faster than the collector takes them"),
        }
    }
}

/// Takes messages until a batch is full or somebody waits for it.
async fn fill(messages: &mut mpsc::Receiver<Message>, taken: &mut Vec<Message>) {
    while taken.len() < MAX_BATCH && !matches!(taken.last(), Some(Message::Flush(_))) {
        match messages.recv().await {
            Some(message) => taken.push(message),
            None => return,
        }
    }
}

impl Collector {
    /// Sends a batch, again after a pause when the collector asks for that (OTLP/HTTP, "Failures").
    async fn send(&self, spans: &[Data]) -> Result<()> {
        let body = bytes::Bytes::from(export_request(&self.service_name, spans)?);
        let (mut pause, mut left) = (FIRST_PAUSE, RETRIES);
        loop {
            let request = self.http.post(self.url.clone()).headers(self.headers.clone());
            // The endpoint may carry a token.
            let sent =
                request.header(header::CONTENT_TYPE, "application/json").body(body.clone()).send().await.map_err(|it| it.without_url());
            match sent {
                Ok(response) if response.status().is_success() => return Ok(()),
                Ok(response) if left == 0 || !is_temporary(response.status()) => bail!("the collector answered {}", response.status()),
                Err(error) if left == 0 => return Err(error.into()),
                Ok(_) | Err(_) => {}
            }
            tokio::time::sleep(pause).await;
            (pause, left) = (pause * 2, left - 1);
        }
    }
}

fn is_temporary(status: StatusCode) -> bool {
    matches!(status.as_u16(), 429 | 502 | 503 | 504)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read_as_the_specification_has_them() {
        let headers = parse_headers("authorization=Basic%20a+b=, x-tenant = gates&doors").unwrap();
        assert_eq!((&headers["authorization"], &headers["x-tenant"]), (&"Basic a+b=".parse().unwrap(), &"gates&doors".parse().unwrap()));
        assert!(parse_headers("").unwrap().is_empty());
        assert!(parse_headers("secret").is_err_and(|it| !it.to_string().contains("secret")));
    }

    #[tokio::test]
    async fn an_endpoint_is_a_url_of_http() {
        assert!(Exporter::start("http://127.0.0.1:4318", "", "gatehouse").is_ok());
        assert!(Exporter::start("127.0.0.1:4318", "", "gatehouse").is_err());
        assert!(Exporter::start("unix:/run/collector", "", "gatehouse").is_err());
    }
}
