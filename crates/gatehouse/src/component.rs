//! A component: its instances, and how requests, cron events and messages reach them.
//!
//! A request takes an idle instance, or a new one, and runs it on the task of its own connection, so that nothing passes between
//! threads. An instance serves one request at a time until it streams a response (server-sent events, say); from then on it takes
//! further requests meanwhile, so that a thousand streams need a handful of instances.

mod detach;
mod drive;
mod error;
mod idle;
mod pool;
mod turns;

use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OnceCell, oneshot};
use tokio::time::{Instant, timeout_at};
use wasmtime::component::Linker;
use wasmtime::error::Context as _;
use wasmtime::{Engine, Result, Store};
use wasmtime_wasi_http::WasiBody;
use wasmtime_wasi_http::p3::bindings::ServicePre;

use self::detach::DetachOnDrop;
use self::drive::drive;
pub use self::error::{HandlerError, one_line};
use self::idle::Idle;
use self::pool::{Accepted, Call, Instance, Pool};
use self::turns::{TurnPermit, Turns};
use crate::bindings::{SpinCronPre, SpinMqtt, SpinMqttPre};
use crate::body::Response;
use crate::compile_cache::CompileCache;
use crate::instance_state::{ComponentContext, InstanceState};
use crate::manifest::Concurrency;
use crate::memory::{Memory, Turn};
use crate::traces::SpanContext;

/// An instance is replaced after it has taken so many messages.
const MAX_MESSAGES_TAKEN: usize = 1_000;

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
    messages: Arc<Idle<MessageInstance>>,
    turns: Turns,
    timeout: Duration,
    memory: Arc<Memory>,
}

/// An instance that takes messages of the MQTT trigger, one at a time.
struct MessageInstance {
    store: Store<InstanceState>,
    exports: SpinMqtt,
    taken: usize,
}

/// Marks a request that a component makes of the application itself. Mostly a request that was admitted waits for it, and must not wait behind
/// others that were not.
#[derive(Clone, Copy, Debug)]
pub struct Inner;

impl Inner {
    fn is<B>(request: &http::Request<B>) -> bool {
        request.extensions().get::<Self>().is_some()
    }
}

type ResponseReceiver = oneshot::Receiver<Result<Response, HandlerError>>;

/// The compiled code with its imports resolved, by what it exports.
struct Linked {
    http: Option<ServicePre<InstanceState>>,
    cron: Option<SpinCronPre<InstanceState>>,
    mqtt: Option<SpinMqttPre<InstanceState>>,
}

impl Component {
    /// A component whose Wasm binary `source` is loaded when it is first needed. `timeout` is for the beginning of a response.
    pub fn new(
        context: Arc<ComponentContext>,
        source: PathBuf,
        linker: Arc<Linker<InstanceState>>,
        cache: Arc<CompileCache>,
        timeout: Duration,
        memory: Arc<Memory>,
        concurrency: &Concurrency,
    ) -> Self {
        Self {
            context,
            engine: linker.engine().clone(),
            source,
            linker,
            cache,
            linked: OnceCell::new(),
            pool: Arc::new(Pool::new(memory.clone())),
            messages: Idle::new(memory.clone()),
            turns: Turns::new(concurrency, timeout),
            timeout,
            memory,
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
        Ok(Linked { http: ServicePre::new(pre.clone()).ok(), cron: SpinCronPre::new(pre.clone()).ok(), mqtt: SpinMqttPre::new(pre).ok() })
    }

    /// Serves a request. Returns when the response begins.
    pub async fn handle(self: &Arc<Self>, request: http::Request<WasiBody>) -> Result<Response, HandlerError> {
        let deadline = Instant::now() + self.timeout;
        let is_inner = Inner::is(&request);
        let turn = if is_inner { self.turns.take_inner().await } else { self.turns.take().await };
        let turn = turn.ok_or(HandlerError::Busy)?;
        let (sender, receiver) = oneshot::channel();
        let call = Call { request, response: sender };
        if let Some(instance) = self.pool.take_idle() {
            return self.run(instance, call, receiver, turn, deadline).await;
        }
        // In an instance with others it would wait for the memory that these need.
        let call = if is_inner {
            call
        } else {
            match self.pool.send_to_streaming(call) {
                Ok(accepted) => return self.receive(accepted, receiver, deadline).await,
                Err(call) => call,
            }
        };
        self.run(self.instantiate(is_inner, deadline).await?, call, receiver, turn, deadline).await
    }

    /// Runs the instance on the caller's task.
    async fn run(
        &self,
        instance: Instance,
        call: Call,
        mut receiver: ResponseReceiver,
        turn: TurnPermit,
        deadline: Instant,
    ) -> Result<Response, HandlerError> {
        let mut running = DetachOnDrop::new(drive(self.pool.clone(), instance, call), turn, deadline);
        let response = std::future::poll_fn(|cx| {
            running.poll(cx);
            Pin::new(&mut receiver).poll(cx)
        });
        match timeout_at(deadline, response).await {
            Ok(response) => {
                running.end_turn();
                response.unwrap_or(Err(HandlerError::Trap))
            }
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

    async fn instantiate(self: &Arc<Self>, is_inner: bool, deadline: Instant) -> Result<Instance, HandlerError> {
        // The first request compiles the component, which is no want of memory and may take longer than a request.
        let linked = self.linked().await;
        let instantiate = async {
            let pre = linked?.http.as_ref().context("the component exports no HTTP handler")?;
            if !is_inner {
                self.memory.room().await;
            }
            let turn = if is_inner { Turn::Passes } else { Turn::Waits };
            let mut store = InstanceState::new_store(&self.engine, self.context.clone(), &self.memory, turn);
            let service = pre.instantiate_async(&mut store).await?;
            wasmtime::error::Ok(Instance::new(store, service))
        };
        let Ok(instance) = timeout_at(deadline, instantiate).await else {
            tracing::warn!(component = self.context.name, "a request was refused: there was no memory for an instance");
            return Err(HandlerError::Busy);
        };
        instance.map_err(|error| {
            tracing::error!(component = self.context.name, "cannot create an instance: {}", one_line(&error));
            if error.is::<wasmtime::PoolConcurrencyLimitError>() { HandlerError::Busy } else { HandlerError::Trap }
        })
    }

    /// Calls the component's cron handler in a new instance. `timestamp` is in seconds since 1970.
    pub async fn handle_cron_event(self: &Arc<Self>, timestamp: u64) -> Result<()> {
        let mut span = self.context.outbound.traces().map(|it| it.scheduled_run(&self.context.name));
        let outcome = self.call_cron_handler(timestamp, span.as_ref().map(|it| it.context().clone())).await;
        if let (Some(span), Err(_)) = (&mut span, &outcome) {
            span.fail("_OTHER");
        }
        outcome
    }

    async fn call_cron_handler(self: &Arc<Self>, timestamp: u64, span: Option<SpanContext>) -> Result<()> {
        use crate::bindings::cron_types::{Error, Metadata};

        let linked = self.linked().await?;
        let pre = (linked.cron.as_ref()).context("the component exports no handle-cron-event")?;
        let mut store = InstanceState::new_store(&self.engine, self.context.clone(), &self.memory, Turn::Passes);
        store.data_mut().set_span(span);
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

    /// Gives the component a message of the MQTT trigger. The inner error is its own: it could not deal with the message at present. After an outer
    /// one, which is a trap or no end, its instance is gone.
    pub async fn handle_message(self: &Arc<Self>, topic: &str, payload: &[u8]) -> Result<Result<(), String>> {
        use crate::bindings::spin_mqtt_types::{Error, Metadata};

        let mut instance = match self.messages.take() {
            Some(instance) => instance,
            None => self.instantiate_for_messages().await?,
        };
        instance.taken += 1;
        let MessageInstance { store, exports, .. } = &mut instance;
        let (metadata, payload) = (Metadata { topic: topic.to_owned() }, payload.to_vec());
        let taken = store.run_concurrent(async |accessor| {
            let taken = exports.call_handle_message(accessor, payload, metadata).await;
            std::future::poll_fn(|cx| accessor.poll_no_interesting_tasks(cx)).await;
            taken
        });
        let taken = tokio::time::timeout(self.timeout, taken).await.context("it took too long and was stopped")???;
        if instance.taken < MAX_MESSAGES_TAKEN {
            self.messages.keep(instance);
        }
        Ok(taken.map_err(|Error::Other(message)| message))
    }

    async fn instantiate_for_messages(self: &Arc<Self>) -> Result<MessageInstance> {
        let pre = (self.linked().await?.mqtt.as_ref()).context("the component exports no handle-message")?;
        self.memory.room().await;
        let mut store = InstanceState::new_store(&self.engine, self.context.clone(), &self.memory, Turn::Waits);
        let exports = pre.instantiate_async(&mut store).await?;
        Ok(MessageInstance { store, exports, taken: 0 })
    }

    /// Drops the instances that have been idle for a while.
    pub fn drop_idle_instances(&self) {
        self.pool.drop_idle();
        self.messages.drop_expired();
    }
}
