//! A component: its instances, and how requests and cron events reach them.
//!
//! A request takes an idle instance, or a new one, and runs it on the task of its own connection, so that nothing passes between
//! threads. An instance serves one request at a time until it streams a response (server-sent events, say); from then on it takes
//! further requests meanwhile, so that a thousand streams need a handful of instances.

mod detach;
mod drive;
mod error;
mod pool;

use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OnceCell, Semaphore, oneshot};
use tokio::time::{Instant, timeout_at};
use wasmtime::component::Linker;
use wasmtime::error::Context as _;
use wasmtime::{Engine, Result};
use wasmtime_wasi_http::WasiBody;
use wasmtime_wasi_http::p3::bindings::ServicePre;

use self::detach::DetachOnDrop;
use self::drive::drive;
pub use self::error::HandlerError;
use self::pool::{Accepted, Call, Instance, Pool};
use crate::bindings::SpinCronPre;
use crate::body::Response;
use crate::compile_cache::CompileCache;
use crate::instance_state::{ComponentContext, InstanceState};

/// The most requests of one component that wait for the beginning of their response. Further ones queue.
const MAX_CONCURRENT_REQUESTS: usize = 32;

/// A component and its instances.
pub struct Component {
    /// Its configuration.
    pub context: Arc<ComponentContext>,
    engine: Engine,
    source: PathBuf,
    linker: Arc<Linker<InstanceState>>,
    cache: Arc<CompileCache>,
    linked: OnceCell<Linked>,
    pool: Arc<Pool>,
    permits: Semaphore,
    timeout: Duration,
}

type ResponseReceiver = oneshot::Receiver<Result<Response, HandlerError>>;

/// The compiled code with its imports resolved, by what it exports.
struct Linked {
    http: Option<ServicePre<InstanceState>>,
    cron: Option<SpinCronPre<InstanceState>>,
}

impl Component {
    /// A component whose Wasm binary `source` is loaded when it is first needed. `timeout` is for the beginning of a response.
    pub fn new(
        context: Arc<ComponentContext>,
        source: PathBuf,
        linker: Arc<Linker<InstanceState>>,
        cache: Arc<CompileCache>,
        timeout: Duration,
    ) -> Self {
        Self {
            context,
            engine: linker.engine().clone(),
            source,
            linker,
            cache,
            linked: OnceCell::new(),
            pool: Arc::default(),
            permits: Semaphore::new(MAX_CONCURRENT_REQUESTS),
            timeout,
        }
    }

    /// Loads the component, and compiles it if the cache does not have it.
    pub async fn load(self: &Arc<Self>) -> Result<()> {
        self.linked().await.map(drop)
    }

    async fn linked(self: &Arc<Self>) -> Result<&Linked> {
        let link = async || {
            let this = self.clone();
            tokio::task::spawn_blocking(move || this.link()).await?
        };
        self.linked.get_or_try_init(link).await
    }

    fn link(&self) -> Result<Linked> {
        let component = self.cache.load(&self.context.name, &self.source)?;
        let pre = (self.linker.instantiate_pre(&component)).with_context(|| format!("component {:?}", self.context.name))?;
        Ok(Linked { http: ServicePre::new(pre.clone()).ok(), cron: SpinCronPre::new(pre).ok() })
    }

    /// Serves a request. Returns when the response begins.
    pub async fn handle(self: &Arc<Self>, request: http::Request<WasiBody>) -> Result<Response, HandlerError> {
        let deadline = Instant::now() + self.timeout;
        let Ok(Ok(_permit)) = timeout_at(deadline, self.permits.acquire()).await else {
            return Err(HandlerError::Busy);
        };
        let (sender, receiver) = oneshot::channel();
        let call = Call { request, response: sender };
        if let Some(instance) = self.pool.take_idle() {
            return self.run(instance, call, receiver, deadline).await;
        }
        match self.pool.send_to_streaming(call) {
            Ok(accepted) => self.receive(accepted, receiver, deadline).await,
            Err(call) => self.run(self.instantiate().await?, call, receiver, deadline).await,
        }
    }

    /// Runs the instance on the caller's task.
    async fn run(
        &self,
        instance: Instance,
        call: Call,
        mut receiver: ResponseReceiver,
        deadline: Instant,
    ) -> Result<Response, HandlerError> {
        let mut running = DetachOnDrop::new(drive(self.pool.clone(), instance, call));
        let response = std::future::poll_fn(|cx| {
            running.poll(cx);
            Pin::new(&mut receiver).poll(cx)
        });
        match timeout_at(deadline, response).await {
            Ok(response) => response.unwrap_or(Err(HandlerError::Trap)),
            Err(_) => {
                tracing::error!(component = self.context.name, "a request timed out; its instance is dropped");
                running.cancel();
                Err(HandlerError::Timeout)
            }
        }
    }

    /// Waits for the response of an instance that another task runs.
    async fn receive(&self, accepted: Accepted, receiver: ResponseReceiver, deadline: Instant) -> Result<Response, HandlerError> {
        let instance = &accepted.instance;
        let pauses = instance.poller.pauses();
        match timeout_at(deadline, receiver).await {
            Ok(response) => response.unwrap_or(Err(HandlerError::Trap)),
            Err(_) => {
                self.pool.remove_streaming(instance);
                // It has computed all the while: its streams are stuck, too.
                if instance.poller.pauses() == pauses {
                    instance.poller.cancel();
                }
                Err(HandlerError::Timeout)
            }
        }
    }

    async fn instantiate(self: &Arc<Self>) -> Result<Instance, HandlerError> {
        let instantiate = async {
            let linked = self.linked().await?;
            let pre = linked.http.as_ref().context("the component exports no HTTP handler")?;
            let mut store = InstanceState::new_store(&self.engine, self.context.clone());
            let service = pre.instantiate_async(&mut store).await?;
            wasmtime::error::Ok(Instance::new(store, service))
        };
        instantiate.await.map_err(|error| {
            tracing::error!(component = self.context.name, "cannot create an instance: {error:#}");
            if error.is::<wasmtime::PoolConcurrencyLimitError>() { HandlerError::Busy } else { HandlerError::Trap }
        })
    }

    /// Calls the component's cron handler in a new instance. `timestamp` is in seconds since 1970.
    pub async fn handle_cron_event(self: &Arc<Self>, timestamp: u64) -> Result<()> {
        use crate::bindings::cron_types::{Error, Metadata};

        let linked = self.linked().await?;
        let pre = (linked.cron.as_ref()).context("the component exports no handle-cron-event")?;
        let mut store = InstanceState::new_store(&self.engine, self.context.clone());
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

    /// Drops the instances that have been idle for a while.
    pub fn drop_idle_instances(&self) {
        self.pool.drop_idle();
    }
}
