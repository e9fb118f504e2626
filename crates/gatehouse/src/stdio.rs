//! Standard output and error of components: written to the host's standard error line by line, so that lines do not mix.
//!
//! A component logs JSON, one object a line. For people at a terminal the host writes the same as text; and what its own demo's requests left
//! in the log it leaves out, which would drown everything else.

use std::io::Write as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

/// Longer lines are written in pieces. In bytes.
const MAX_LINE: usize = 64 * 1024;

/// A component's standard output or error.
#[derive(Clone)]
pub struct Stdio {
    format: Arc<LineFormat>,
}

/// How a component's lines are written.
#[derive(Clone, Debug, Default)]
pub struct LineFormat {
    /// The component's name, where lines are for people to read.
    pub pretty: Option<String>,
    /// The id of requests of which only warnings and errors are written. It is not known to anybody else.
    pub quiet_request_id: Option<String>,
}

impl Stdio {
    /// Output of this format.
    pub fn new(format: LineFormat) -> Self {
        Self { format: Arc::new(format) }
    }

    fn line_writer(&self) -> LineWriter {
        LineWriter { format: self.format.clone(), pending: Vec::new() }
    }
}

impl LineFormat {
    /// Appends the line as it is to be written, if it is.
    fn write(&self, line: &[u8], out: &mut Vec<u8>) {
        let Some(id) = &self.quiet_request_id else { return self.write_any(line, out) };
        // Quotes within a text of the line are escaped, so that this is the field.
        let text = String::from_utf8_lossy(line);
        let is_quiet = text.contains(&format!("\"request_id\":\"{id}\"")) && text.contains("\"level\":\"info\"");
        if !is_quiet {
            self.write_any(line, out);
        }
    }

    fn write_any(&self, line: &[u8], out: &mut Vec<u8>) {
        let Some(name) = &self.pretty else { return out.extend_from_slice(line) };
        match serde_json::from_slice(line) {
            Ok(serde_json::Value::Object(fields)) => out.extend_from_slice(pretty(name, fields).as_bytes()),
            _ => {
                out.extend_from_slice(format!("{name:>12} | ").as_bytes());
                out.extend_from_slice(line);
            }
        }
    }
}

/// `10:30:12 WARN  alerts: the webhook was not told  error=…`, with the other fields in their order.
fn pretty(component: &str, mut fields: serde_json::Map<String, serde_json::Value>) -> String {
    let mut take = |name: &str| fields.remove(name).and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default();
    let (at, level, message) = (take("ts"), take("level"), take("message"));
    // The time of day of `2026-02-04T10:30:12.345Z`.
    let at = at.get(11..19).unwrap_or(&at);
    let mut line = format!("{at} {:<5} {component}: {message}", level.to_uppercase());
    for (name, value) in fields {
        match value.as_str() {
            // Not the text itself: a line break or a control character in it would be the terminal's.
            Some(text) if text.chars().all(|it| it.is_ascii_graphic()) => line.push_str(&format!(" {name}={text}")),
            _ => line.push_str(&format!(" {name}={value}")),
        }
    }
    line.push('\n');
    line
}

impl IsTerminal for Stdio {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Stdio {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.line_writer())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.line_writer())
    }
}

struct LineWriter {
    format: Arc<LineFormat>,
    /// Bytes after the last line break.
    pending: Vec<u8>,
}

impl LineWriter {
    fn push(&mut self, bytes: &[u8]) {
        self.pending.extend_from_slice(bytes);
        let complete = match self.pending.iter().rposition(|it| *it == b'\n') {
            Some(last) => last + 1,
            None if self.pending.len() > MAX_LINE => self.pending.len(),
            None => return,
        };
        let rest = self.pending.split_off(complete);
        let text = std::mem::replace(&mut self.pending, rest);
        self.print(&text);
    }

    fn print(&self, text: &[u8]) {
        let mut out = Vec::with_capacity(text.len());
        for line in text.split_inclusive(|it| *it == b'\n') {
            self.format.write(line, &mut out);
        }
        // The application goes on when standard error is closed.
        std::io::stderr().lock().write_all(&out).ok();
    }
}

impl Drop for LineWriter {
    fn drop(&mut self) {
        if !self.pending.is_empty() {
            self.pending.push(b'\n');
            self.print(&self.pending);
        }
    }
}

impl OutputStream for LineWriter {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.push(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(MAX_LINE)
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for LineWriter {
    async fn ready(&mut self) {}
}

impl AsyncWrite for LineWriter {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        self.push(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str =
        r#"{"level":"info","message":"request","path":"/api/x y","request_id":"demo-1","status":201,"ts":"2026-02-04T10:30:12.345Z"}"#;

    fn written(format: &LineFormat, line: &str) -> String {
        let mut out = Vec::new();
        format.write(format!("{line}\n").as_bytes(), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_line_is_json_or_for_people() {
        assert_eq!(written(&LineFormat::default(), LINE), format!("{LINE}\n"));
        let pretty = LineFormat { pretty: Some("alerts".to_owned()), quiet_request_id: None };
        assert_eq!(written(&pretty, LINE), "10:30:12 INFO  alerts: request path=\"/api/x y\" request_id=demo-1 status=201\n");
        assert_eq!(written(&pretty, "no object"), "      alerts | no object\n");
    }

    #[test]
    fn the_demos_own_requests_are_left_out_except_their_failures() {
        let quiet = LineFormat { pretty: None, quiet_request_id: Some("demo-1".to_owned()) };
        assert_eq!(written(&quiet, LINE), "");
        let (other, failed) = (LINE.replace("demo-1", "demo-12"), LINE.replace("\"info\"", "\"error\""));
        assert_eq!((written(&quiet, &other), written(&quiet, &failed)), (format!("{other}\n"), format!("{failed}\n")));
    }
}
