//! Running an instance: the requests that it serves, and its other tasks, until it is idle.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use futures::stream::{FuturesUnordered, StreamExt as _};
use http::header::CONTENT_LENGTH;
use http::{Method, StatusCode};
use http_body_util::BodyExt as _;
use tokio::sync::mpsc;
use wasmtime::Result;
use wasmtime::component::{Accessor, Resource};
use wasmtime_wasi_http::p3::bindings::Service;
use wasmtime_wasi_http::p3::{self, Request};
use wasmtime_wasi_http::{WasiBody, WasiHttpView as _};

use super::Inner;
use super::error::{HandlerError, one_line};
use super::pool::{Call, Instance, Pool, StreamingInstance};
use crate::answers::Answers;
use crate::body::{Body, CountGuard};
use crate::instance_state::InstanceState;
use crate::memory::Turn;
use crate::response_buffer::{Buffered, buffer, keep};
use crate::self_waking::SelfWaking;
use crate::whole_message;

/// Runs an instance until it has responded to `first`, and to the requests that came while it streamed, and has no task left. Then
/// returns it to the pool.
pub async fn drive(pool: Arc<Pool>, mut instance: Instance, first: Call) {
    let poller = instance.poller.clone();
    let service = &instance.service;
    let open_streams = Arc::new(AtomicUsize::new(0));
    let served = AtomicUsize::new(instance.served);
    let function = async |accessor: &Accessor<InstanceState>| -> Result<()> {
        let mut streaming: Option<(Arc<StreamingInstance>, mpsc::UnboundedReceiver<Call>)> = None;
        served.fetch_add(1, Ordering::Relaxed);
        let span = first.request.extensions().get().cloned();
        let turn = if Inner::is(&first.request) { Turn::Passes } else { Turn::Waits };
        accessor.with(|mut access| {
            access.data_mut().set_span(span);
            access.data_mut().set_turn(turn);
        });
        let first = std::pin::pin!(serve(accessor, service, &poller, &open_streams, pool.answers(), first));
        let mut calls = Calls { first: Some(first), others: None };
        std::future::poll_fn(|cx| {
            loop {
                match calls.poll_next(cx) {
                    Poll::Ready(Some(Ok(streams))) => {
                        if streams && streaming.is_none() {
                            streaming = Some(pool.add_streaming(poller.clone(), open_streams.clone()));
                        }
                        continue;
                    }
                    Poll::Ready(Some(Err(error))) => return Poll::Ready(Err(error)),
                    Poll::Ready(None) | Poll::Pending => {}
                }
                if let Some((_, inbox)) = &mut streaming
                    && let Poll::Ready(Some(call)) = inbox.poll_recv(cx)
                {
                    served.fetch_add(1, Ordering::Relaxed);
                    // Of several requests at once nobody knows which one makes a call, or needs memory.
                    accessor.with(|mut access| {
                        access.data_mut().set_span(None);
                        access.data_mut().set_turn(Turn::Waits);
                    });
                    calls.push(serve(accessor, service, &poller, &open_streams, pool.answers(), call));
                    continue;
                }
                if !calls.is_empty() || accessor.poll_no_interesting_tasks(cx).is_pending() {
                    return Poll::Pending;
                }
                let Some((handle, mut inbox)) = streaming.take() else {
                    return Poll::Ready(Ok(()));
                };
                // A request may have been sent before the instance was removed.
                pool.remove_streaming(&handle);
                inbox.close();
                while let Ok(call) = inbox.try_recv() {
                    calls.push(serve(accessor, service, &poller, &open_streams, pool.answers(), call));
                }
            }
        })
        .await
    };
    let result = {
        let mut running = std::pin::pin!(instance.store.run_concurrent(function));
        std::future::poll_fn(|cx| match poller.poll(cx, running.as_mut()) {
            Poll::Pending if poller.is_cancelled() => Poll::Ready(Err(wasmtime::format_err!("it computes without end"))),
            poll => poll,
        })
        .await
    };
    match result.and_then(|it| it) {
        Ok(()) => {
            instance.served = served.into_inner();
            pool.release(instance);
        }
        Err(error) => tracing::error!(component = instance.store.data().component.name, "an instance failed: {}", one_line(&error)),
    }
}

/// The requests that an instance works at. The first is polled where it is: mostly it stays the only one, and a `FuturesUnordered` wakes itself
/// whenever all that is in it waits.
struct Calls<'a, F> {
    first: Option<Pin<&'a mut F>>,
    others: Option<FuturesUnordered<F>>,
}

impl<F: Future> Calls<'_, F> {
    fn push(&mut self, call: F) {
        self.others.get_or_insert_default().push(call);
    }

    fn is_empty(&self) -> bool {
        self.first.is_none() && self.others.as_ref().is_none_or(FuturesUnordered::is_empty)
    }

    /// The outcome of one that is done; none when there is none left.
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<F::Output>> {
        if let Some(first) = &mut self.first
            && let Poll::Ready(outcome) = first.as_mut().poll(cx)
        {
            self.first = None;
            return Poll::Ready(Some(outcome));
        }
        match &mut self.others {
            Some(others) if !others.is_empty() => others.poll_next_unpin(cx),
            _ if self.first.is_none() => Poll::Ready(None),
            _ => Poll::Pending,
        }
    }
}

/// Calls the handler and sends its response. Returns whether the response streams.
async fn serve(
    accessor: &Accessor<InstanceState>,
    service: &Service,
    poller: &Arc<SelfWaking>,
    open_streams: &Arc<AtomicUsize>,
    answers: &Arc<Answers>,
    call: Call,
) -> Result<bool> {
    let is_head = call.request.method() == Method::HEAD;
    let (request, io) = accessor.with(|mut access| {
        let http = access.data_mut().http();
        let (request, io) = Request::from_http(http.hooks, call.request);
        let io: Pin<Box<dyn Future<Output = _> + Send>> = Box::pin(io);
        wasmtime::error::Ok((http.table.push(request)?, io))
    })?;
    let (mut parts, (buffered, room)) = match service.wasi_http_handler().call_handle(accessor, request).await? {
        Ok(response) => {
            let (parts, body) = parts(accessor, response, io)?;
            (parts, buffer(body, poller, answers).await)
        }
        Err(code) => {
            let asks = accessor.with(|mut access| access.data_mut().asks_for_whole_messages);
            match if asks { whole_message::take(code) } else { Err(code) } {
                Ok(response) => {
                    let (parts, body) = response.into_parts();
                    (parts, keep(body, answers).await)
                }
                Err(code) => {
                    call.response.send(Err(HandlerError::Guest(code))).ok();
                    return Ok(false);
                }
            }
        }
    };
    whole_message::strip(&mut parts.headers);
    if let Some(room) = room {
        // For who sends it.
        parts.extensions.insert(room);
    }
    if let Buffered::Full(bytes) = &buffered
        && !(bytes.is_empty() && (is_head || parts.status == StatusCode::NOT_MODIFIED))
    {
        // hyper would believe it, whatever follows. Without, it says how long the body is.
        parts.headers.remove(CONTENT_LENGTH);
    }
    let (body, streams) = match buffered {
        Buffered::Full(bytes) => (Body::Full(bytes), false),
        Buffered::Partial(buffered, rest) => (Body::Stream { buffered, rest, _open: CountGuard::new(open_streams) }, true),
    };
    call.response.send(Ok(http::Response::from_parts(parts, body))).ok();
    Ok(streams)
}

/// The head and the body of a response that a guest has made. `io` is what becomes of its request.
fn parts(
    accessor: &Accessor<InstanceState>,
    response: Resource<p3::Response>,
    io: impl Future<Output = Result<(), wasmtime_wasi_http::Error>> + Send + 'static,
) -> Result<(http::response::Parts, WasiBody)> {
    accessor.with(|mut access| {
        let body = access.data_mut().take_body(response.rep());
        let response = access.data_mut().http().table.delete(response)?;
        let Some(body) = body else {
            // Of a response that it has from elsewhere.
            return Ok(response.into_http_with_getter(&mut access, io, InstanceState::http)?.into_parts());
        };
        let (mut parts, ()) = http::Response::new(()).into_parts();
        parts.status = response.status;
        parts.headers = response.headers.into();
        wasmtime::error::Ok((parts, body.boxed_unsync()))
    })
}
