//! Which trace a span is in: the headers `traceparent` and `tracestate` of W3C Trace Context.

use http::{HeaderMap, HeaderName, HeaderValue};

/// The header that names a trace and the span from which a request comes.
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The header with what other systems noted about the trace. It is passed on as it is.
pub const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// The longest `tracestate` that is passed on, bytes (Trace Context §3.3.1.5), and its most entries (§3.3.1.1).
const MAX_STATE: usize = 512;
const MAX_STATE_ENTRIES: usize = 32;

/// The trace and the span.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpanContext {
    /// The trace: 32 hexadecimal digits.
    pub trace_id: String,
    /// The span: 16 hexadecimal digits.
    pub span_id: String,
    /// Whether it is sent to the collector.
    pub sampled: bool,
    /// What others noted about the trace.
    pub state: Option<HeaderValue>,
}

impl SpanContext {
    /// A context in the trace of `parent`, or else in a new one, of which the share `ratio` is sampled.
    pub fn child_of(parent: Option<&Self>, ratio: f64) -> Self {
        let mut random = [0; 24];
        // Without randomness the ids are zero, which a collector drops.
        getrandom::fill(&mut random).ok();
        let (trace, span) = random.split_at(16);
        let span_id = const_hex::encode(span);
        match parent {
            Some(parent) => Self { span_id, ..parent.clone() },
            None => Self { sampled: is_sampled(trace, ratio), trace_id: const_hex::encode(trace), span_id, state: None },
        }
    }

    /// What the headers say, if it is well-formed.
    pub fn from_headers(headers: &HeaderMap) -> Option<Self> {
        let mut values = headers.get_all(TRACEPARENT).iter();
        let value = values.next()?.to_str().ok()?;
        if values.next().is_some() {
            return None;
        }
        let mut parts = value.trim().split('-');
        let (version, trace_id, span_id, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        // Later versions may have further parts.
        let is_version = is_hex(version, 2) && version != "ff" && (version != "00" || parts.next().is_none());
        let is_id = |id: &str, digits: usize| is_hex(id, digits) && id.bytes().any(|it| it != b'0');
        if !is_version || !is_id(trace_id, 32) || !is_id(span_id, 16) || !is_hex(flags, 2) {
            return None;
        }
        let flags = u8::from_str_radix(flags, 16).ok()?;
        let state = state(headers);
        Some(Self { trace_id: trace_id.to_owned(), span_id: span_id.to_owned(), sampled: flags & 1 == 1, state })
    }

    /// The header for a request that comes from this span.
    pub fn traceparent(&self) -> HeaderValue {
        let value = format!("00-{}-{}-{:02x}", self.trace_id, self.span_id, u8::from(self.sampled));
        HeaderValue::try_from(value).unwrap_or(HeaderValue::from_static(""))
    }
}

/// The `tracestate`, several of which are one list (RFC 9110 §5.3). None when it is longer than has to be passed on: all of it goes then, as
/// half of it might mean something else.
fn state(headers: &HeaderMap) -> Option<HeaderValue> {
    let mut entries = Vec::new();
    for value in headers.get_all(TRACESTATE) {
        entries.extend(value.to_str().ok()?.split(',').map(str::trim).filter(|entry| !entry.is_empty()));
    }
    let list = entries.join(",");
    let is_passed_on = (1..=MAX_STATE_ENTRIES).contains(&entries.len()) && list.len() <= MAX_STATE;
    is_passed_on.then(|| HeaderValue::try_from(list).ok()).flatten()
}

fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|it| matches!(it, b'0'..=b'9' | b'a'..=b'f'))
}

/// Decides by the trace's id, as OpenTelemetry's `traceidratio` does, so that others who know only the id decide the same.
fn is_sampled(trace_id: &[u8], ratio: f64) -> bool {
    let mut low = [0; 8];
    low.copy_from_slice(&trace_id[8..16]);
    #[expect(clippy::cast_precision_loss, reason = "a share of requests needs no more than 53 bits")]
    let position = (u64::from_be_bytes(low) >> 1) as f64 / (1_u64 << 63) as f64;
    position < ratio
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn read(traceparent: &str) -> Option<SpanContext> {
        let mut headers = HeaderMap::new();
        headers.insert(TRACEPARENT, HeaderValue::try_from(traceparent).unwrap());
        SpanContext::from_headers(&headers)
    }

    #[test]
    fn a_well_formed_header_is_read_and_written_as_it_was() {
        let context = read(PARENT).unwrap();
        assert_eq!((context.trace_id.as_str(), context.sampled), ("0af7651916cd43dd8448eb211c80319c", true));
        assert_eq!(context.traceparent(), PARENT);
        let unsampled = read("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00").unwrap();
        assert!(!unsampled.sampled && unsampled.traceparent().to_str().unwrap().ends_with("-00"));
        // Flags and parts that a later version has added.
        assert!(read("cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-03-more").unwrap().sampled);
    }

    #[test]
    fn anything_else_begins_a_trace() {
        for header in [
            "",
            "00",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-zz",
        ] {
            assert_eq!(read(header), None, "{header}");
        }
        let mut twice = HeaderMap::new();
        twice.append(TRACEPARENT, HeaderValue::from_static(PARENT));
        twice.append(TRACEPARENT, HeaderValue::from_static(PARENT));
        assert_eq!(SpanContext::from_headers(&twice), None);
    }

    #[test]
    fn a_state_is_one_list_and_has_an_end() {
        let read = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            headers.insert(TRACEPARENT, HeaderValue::from_static(PARENT));
            for value in values {
                headers.append(TRACESTATE, HeaderValue::try_from(*value).unwrap());
            }
            SpanContext::from_headers(&headers).unwrap().state.map(|it| it.to_str().unwrap().to_owned())
        };
        assert_eq!(read(&["a=1, b=2", "c=3"]).as_deref(), Some("a=1,b=2,c=3"));
        assert_eq!(read(&[]), None);
        let entries = |count: usize| vec!["a=1"; count].join(",");
        assert_eq!((read(&[&entries(32)]).is_some(), read(&[&entries(33)]).is_some()), (true, false));
        assert_eq!(read(&["a=1", &format!("b={}", "x".repeat(510))]), None);
    }

    #[test]
    fn a_child_keeps_its_parents_trace_decision_and_state() {
        let mut parent = read(PARENT).unwrap();
        parent.state = Some(HeaderValue::from_static("vendor=1"));
        let child = SpanContext::child_of(Some(&parent), 0.0);
        assert_ne!(child.span_id, parent.span_id);
        assert_eq!(SpanContext { span_id: parent.span_id.clone(), ..child }, parent);
    }

    #[test]
    fn a_share_of_new_traces_is_sampled() {
        let sampled = |ratio: f64| (0..1_000).filter(|_| SpanContext::child_of(None, ratio).sampled).count();
        assert_eq!((sampled(0.0), sampled(1.0)), (0, 1_000));
        // Further away than one run in 10¹² comes by chance.
        assert!((380..=620).contains(&sampled(0.5)));
    }
}
