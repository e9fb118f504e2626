//! A span while it is open.

use std::sync::Arc;
use std::time::Instant;

use super::Traces;
use super::context::SpanContext;
use super::otlp::{Attribute, AttributeValue, Data, Kind, Status};

/// An open span. It ends when it is dropped: a client that goes away leaves its span as well.
pub struct Span {
    traces: Arc<Traces>,
    context: SpanContext,
    begun: Instant,
    data: Data,
}

impl Span {
    /// Begins one in the trace of `parent`, or else in a new one.
    pub fn begin(traces: &Arc<Traces>, name: &str, kind: Kind, parent: Option<&SpanContext>) -> Self {
        let context = SpanContext::child_of(parent, traces.ratio);
        let data = Data {
            trace_id: context.trace_id.clone(),
            span_id: context.span_id.clone(),
            parent_span_id: parent.map(|it| it.span_id.clone()).unwrap_or_default(),
            trace_state: context.state.as_ref().and_then(|it| it.to_str().ok()).unwrap_or_default().to_owned(),
            name: name.to_owned(),
            kind,
            start_time_unix_nano: traces.clock.since_epoch().as_nanos(),
            ..Data::default()
        };
        Self { traces: traces.clone(), context, begun: Instant::now(), data }
    }

    /// Where it is, for what happens within it.
    pub fn context(&self) -> &SpanContext {
        &self.context
    }

    /// Sets an attribute that is not set yet.
    pub fn set(&mut self, key: &'static str, value: impl Into<AttributeValue>) {
        if self.context.sampled {
            self.data.attributes.push(Attribute { key, value: value.into() });
        }
    }

    /// Adds the route to the name.
    pub fn name_after(&mut self, route: &str) {
        self.data.name.push(' ');
        self.data.name.push_str(route);
    }

    /// It has failed: `kind` is one of few words.
    pub fn fail(&mut self, kind: &str) {
        self.set("error.type", kind);
        self.data.status = Some(Status::ERROR);
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        if self.context.sampled {
            // Not the clock's own time: that may have been set meanwhile.
            self.data.end_time_unix_nano = self.data.start_time_unix_nano + self.begun.elapsed().as_nanos();
            self.traces.exporter.send(std::mem::take(&mut self.data));
        }
    }
}
