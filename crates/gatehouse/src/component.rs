//! A component at work: its instances, and how requests reach them.
//!
//! A request takes an idle instance, or a new one, and runs it on the task of its own connection: nothing is handed from thread to
//! thread. An instance serves one request at a time until it streams an answer (server-sent events, say); from then on it takes
//! further requests beside it, so that a thousand streams need a handful of instances.

use std::path::PathBuf;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::{Duration, Instant};

use futures::stream::{FuturesUnordered, StreamExt as _};
use tokio::sync::{OnceCell, Semaphore, mpsc, oneshot};
use wasmtime::component::{Accessor, Linker};
use wasmtime::error::Context as _;
use wasmtime::{Engine, Result, Store};
use wasmtime_wasi_http::p3::bindings::{Service, ServicePre};
use wasmtime_wasi_http::p3::{Request, bindings::http::types::ErrorCode};
use wasmtime_wasi_http::{WasiBody, WasiHttpView as _};

use crate::body::{Body, Counted};
use crate::collect::{Collected, collect};
use crate::engine::Cache;
use crate::guest::{ComponentState, Guest};
use crate::turn::Turn;
use crate::wit::SpinCronPre;

/// The most requests of one component that wait for the beginning of their answer; more wait for their turn.
const AT_WORK: usize = 32;

/// The most of them in one instance that also streams.
const AT_WORK_BESIDE_STREAMS: usize = 8;

/// The most streams of one instance.
const STREAMS: usize = 1_024;

/// After so many requests an instance is replaced.
const REQUESTS: usize = 1_000;

/// After so long without a request it is dropped.
const IDLE: Duration = Duration::from_secs(5);

/// The answer to a request.
pub type Answer = http::Response<Body>;

/// Why there is no answer.
#[derive(Debug)]
pub enum Failure {
    /// The instance trapped, or ended without answering.
    Trap,
    /// The handler itself says that it failed.
    Guest(ErrorCode),
    /// It took too long.
    Timeout,
    /// Too many requests are waiting, or there is no room for another instance.
    Busy,
}

/// A component and its instances.
pub struct Component {
    /// What it is granted.
    pub state: Arc<ComponentState>,
    engine: Engine,
    source: PathBuf,
    linker: Arc<Linker<Guest>>,
    cache: Arc<Cache>,
    prepared: OnceCell<Prepared>,
    idle: Mutex<Vec<Warm>>,
    streaming: Mutex<Vec<Arc<Streaming>>>,
    at_work: Semaphore,
    timeout: Duration,
}

struct Prepared {
    http: Option<ServicePre<Guest>>,
    cron: Option<SpinCronPre<Guest>>,
}

/// An instance between requests.
struct Warm {
    store: Store<Guest>,
    service: Service,
    turn: Arc<Turn>,
    served: usize,
    since: Instant,
}

/// An instance that streams, as others see it.
struct Streaming {
    inbox: mpsc::UnboundedSender<Call>,
    turn: Arc<Turn>,
    open: Arc<AtomicUsize>,
    at_work: AtomicUsize,
    served: AtomicUsize,
}

struct Call {
    request: http::Request<WasiBody>,
    answer: oneshot::Sender<Result<Answer, Failure>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Component {
    /// A component whose code is loaded when it is first needed.
    pub fn new(state: Arc<ComponentState>, source: PathBuf, linker: Arc<Linker<Guest>>, cache: Arc<Cache>, timeout: Duration) -> Self {
        Self {
            state,
            engine: linker.engine().clone(),
            source,
            linker,
            cache,
            prepared: OnceCell::new(),
            idle: Mutex::default(),
            streaming: Mutex::default(),
            at_work: Semaphore::new(AT_WORK),
            timeout,
        }
    }

    /// Loads its code, compiling it when that has not been done before.
    pub async fn prepare(self: &Arc<Self>) -> Result<()> {
        self.prepared().await.map(drop)
    }

    async fn prepared(self: &Arc<Self>) -> Result<&Prepared> {
        let load = async || {
            let this = self.clone();
            tokio::task::spawn_blocking(move || this.load()).await?
        };
        self.prepared.get_or_try_init(load).await
    }

    fn load(&self) -> Result<Prepared> {
        let component = self.cache.load(&self.state.name, &self.source)?;
        let pre = (self.linker.instantiate_pre(&component)).with_context(|| format!("component {:?}", self.state.name))?;
        Ok(Prepared { http: ServicePre::new(pre.clone()).ok(), cron: SpinCronPre::new(pre).ok() })
    }

    /// Serves a request.
    pub async fn handle(self: &Arc<Self>, request: http::Request<WasiBody>) -> Result<Answer, Failure> {
        let deadline = tokio::time::Instant::now() + self.timeout;
        let turn = tokio::time::timeout_at(deadline, self.at_work.acquire());
        let Ok(Ok(_at_work)) = turn.await else {
            return Err(Failure::Busy);
        };
        let (answer, answered) = oneshot::channel();
        let call = Call { request, answer };
        let (call, warm) = match self.pop_idle() {
            Some(warm) => (call, warm),
            None => match self.offer_to_streaming(call) {
                Ok(at_work) => {
                    let rests = at_work.0.turn.rests();
                    let answer = tokio::time::timeout_at(deadline, answered).await;
                    if answer.is_err() {
                        self.retire(&at_work.0);
                        if at_work.0.turn.rests() == rests {
                            at_work.0.turn.stop();
                        }
                    }
                    return answer.map_err(|_| Failure::Timeout)?.unwrap_or(Err(Failure::Trap));
                }
                Err(call) => (call, self.instantiate().await?),
            },
        };
        let mut driver = Driver(Some(Box::pin(drive(self.clone(), warm, call))));
        let mut answered = answered;
        let work = std::future::poll_fn(|cx| {
            driver.poll(cx);
            Pin::new(&mut answered).poll(cx)
        });
        match tokio::time::timeout_at(deadline, work).await {
            Ok(answer) => answer.unwrap_or(Err(Failure::Trap)),
            Err(_) => {
                tracing::error!(component = self.state.name, "a request took too long; its instance is stopped");
                driver.0 = None;
                Err(Failure::Timeout)
            }
        }
    }

    /// Calls the component's handler of cron events in an instance of its own.
    pub async fn cron_event(self: &Arc<Self>, timestamp: u64) -> Result<()> {
        use crate::wit::cron_types::{Error, Metadata};

        let prepared = self.prepared().await?;
        let pre = (prepared.cron.as_ref()).context("the component exports no handle-cron-event")?;
        let mut store = Guest::store(&self.engine, self.state.clone());
        let instance = pre.instantiate_async(&mut store).await?;
        let outcome = store
            .run_concurrent(async |accessor| {
                let outcome = instance.call_handle_cron_event(accessor, Metadata { timestamp }).await;
                std::future::poll_fn(|cx| accessor.poll_no_interesting_tasks(cx)).await;
                outcome
            })
            .await??;
        outcome.map_err(|Error::Other(message)| wasmtime::format_err!("{message}"))
    }

    async fn instantiate(self: &Arc<Self>) -> Result<Warm, Failure> {
        let made = async {
            let prepared = self.prepared().await?;
            let pre = prepared.http.as_ref().context("the component exports no HTTP handler")?;
            let mut store = Guest::store(&self.engine, self.state.clone());
            let service = pre.instantiate_async(&mut store).await?;
            let turn = Arc::new(Turn::default());
            wasmtime::error::Ok(Warm { store, service, turn, served: 0, since: Instant::now() })
        };
        made.await.map_err(|error| {
            tracing::error!(component = self.state.name, "cannot make an instance: {error:#}");
            if error.is::<wasmtime::PoolConcurrencyLimitError>() { Failure::Busy } else { Failure::Trap }
        })
    }

    fn pop_idle(&self) -> Option<Warm> {
        lock(&self.idle).pop()
    }

    fn give_back(&self, mut warm: Warm) {
        if warm.served < REQUESTS {
            warm.since = Instant::now();
            lock(&self.idle).push(warm);
        }
    }

    /// Drops the instances that have had nothing to do for a while.
    pub fn trim(&self) {
        let stale: Vec<Warm> = {
            let mut idle = lock(&self.idle);
            // The one used last is at the end.
            let stale = idle.iter().take_while(|it| it.since.elapsed() > IDLE).count();
            idle.drain(..stale).collect()
        };
        // Taking instances down takes a while: not under the lock.
        drop(stale);
    }

    /// Gives a request to an instance that streams, if there is one with little else to do.
    #[expect(clippy::result_large_err, reason = "a refused call goes on to another instance; boxing each would cost every request")]
    fn offer_to_streaming(&self, call: Call) -> Result<AtWork, Call> {
        let streaming = lock(&self.streaming);
        let least = (streaming.iter())
            .filter(|it| {
                it.at_work.load(Ordering::Acquire) < AT_WORK_BESIDE_STREAMS
                    && it.open.load(Ordering::Acquire) < STREAMS
                    && it.served.load(Ordering::Acquire) < REQUESTS * 10
            })
            .min_by_key(|it| it.at_work.load(Ordering::Acquire));
        let Some(least) = least else {
            return Err(call);
        };
        least.served.fetch_add(1, Ordering::AcqRel);
        least.at_work.fetch_add(1, Ordering::AcqRel);
        let at_work = AtWork(least.clone());
        least.inbox.send(call).map_err(|it| it.0).map(|()| at_work)
    }

    /// No more requests for this one.
    fn retire(&self, streaming: &Arc<Streaming>) {
        lock(&self.streaming).retain(|it| !Arc::ptr_eq(it, streaming));
    }
}

/// A request in an instance that streams.
struct AtWork(Arc<Streaming>);

impl Drop for AtWork {
    fn drop(&mut self) {
        self.0.at_work.fetch_sub(1, Ordering::AcqRel);
    }
}

/// An instance at work. When the connection that waits for it goes away it runs on by itself, as on Spin.
struct Driver(Option<Pin<Box<dyn Future<Output = ()> + Send>>>);

impl Driver {
    fn poll(&mut self, cx: &mut std::task::Context<'_>) {
        if let Some(driving) = &mut self.0
            && driving.as_mut().poll(cx).is_ready()
        {
            self.0 = None;
        }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        if let Some(driving) = self.0.take()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(driving);
        }
    }
}

/// Runs an instance until it has answered `first`, and whatever came beside it, and has nothing left to do.
async fn drive(component: Arc<Component>, mut warm: Warm, first: Call) {
    let turn = warm.turn.clone();
    let service = &warm.service;
    let open = Arc::new(AtomicUsize::new(0));
    let served = AtomicUsize::new(warm.served);
    let function = async |accessor: &Accessor<Guest>| -> Result<()> {
        let mut calls = FuturesUnordered::new();
        let mut shared: Option<(Arc<Streaming>, mpsc::UnboundedReceiver<Call>)> = None;
        served.fetch_add(1, Ordering::Relaxed);
        calls.push(serve(accessor, service, &turn, &open, first));
        std::future::poll_fn(|cx| {
            loop {
                match calls.poll_next_unpin(cx) {
                    Poll::Ready(Some(Ok(streams))) => {
                        if streams && shared.is_none() {
                            shared = Some(share(&component, &turn, &open));
                        }
                        continue;
                    }
                    Poll::Ready(Some(Err(error))) => return Poll::Ready(Err(error)),
                    Poll::Ready(None) | Poll::Pending => {}
                }
                if let Some((_, inbox)) = &mut shared
                    && let Poll::Ready(Some(call)) = inbox.poll_recv(cx)
                {
                    served.fetch_add(1, Ordering::Relaxed);
                    calls.push(serve(accessor, service, &turn, &open, call));
                    continue;
                }
                if !calls.is_empty() || accessor.poll_no_interesting_tasks(cx).is_pending() {
                    return Poll::Pending;
                }
                let Some((streaming, mut inbox)) = shared.take() else {
                    return Poll::Ready(Ok(()));
                };
                component.retire(&streaming);
                inbox.close();
                while let Ok(call) = inbox.try_recv() {
                    calls.push(serve(accessor, service, &turn, &open, call));
                }
            }
        })
        .await
    };
    let result = {
        let mut running = std::pin::pin!(warm.store.run_concurrent(function));
        std::future::poll_fn(|cx| match turn.poll(cx, running.as_mut()) {
            Poll::Pending if turn.is_stopped() => Poll::Ready(Err(wasmtime::format_err!("it does not rest"))),
            poll => poll,
        })
        .await
    };
    match result.and_then(|it| it) {
        Ok(()) => {
            warm.served = served.into_inner();
            component.give_back(warm);
        }
        Err(error) => tracing::error!(component = component.state.name, "an instance failed: {error:?}"),
    }
}

fn share(component: &Component, turn: &Arc<Turn>, open: &Arc<AtomicUsize>) -> (Arc<Streaming>, mpsc::UnboundedReceiver<Call>) {
    let (inbox, receiver) = mpsc::unbounded_channel();
    let streaming =
        Arc::new(Streaming { inbox, turn: turn.clone(), open: open.clone(), at_work: AtomicUsize::new(0), served: AtomicUsize::new(0) });
    lock(&component.streaming).push(streaming.clone());
    (streaming, receiver)
}

/// Calls the handler and sends its answer. Returns whether it streams.
async fn serve(accessor: &Accessor<Guest>, service: &Service, turn: &Arc<Turn>, open: &Arc<AtomicUsize>, call: Call) -> Result<bool> {
    let Call { request, answer } = call;
    let (request, io) = accessor.with(|mut access| {
        let http = access.data_mut().http();
        let (request, io) = Request::from_http(http.hooks, request);
        let io: Pin<Box<dyn Future<Output = _> + Send>> = Box::pin(io);
        wasmtime::error::Ok((http.table.push(request)?, io))
    })?;
    let response = match service.wasi_http_handler().call_handle(accessor, request).await? {
        Ok(response) => response,
        Err(code) => {
            answer.send(Err(Failure::Guest(code))).ok();
            return Ok(false);
        }
    };
    let response = accessor.with(|mut access| {
        let response = access.data_mut().http().table.delete(response)?;
        response.into_http_with_getter(&mut access, io, Guest::http)
    })?;
    let (parts, body) = response.into_parts();
    let (body, streams) = match collect(body, turn).await {
        Collected::Whole(bytes) => (Body::Whole(bytes), false),
        Collected::Part(ready, rest) => {
            let _open = Counted::new(open);
            (Body::Stream { ready, rest, _open }, true)
        }
    };
    answer.send(Ok(http::Response::from_parts(parts, body))).ok();
    Ok(streams)
}
