//! The instances of a component that are alive: idle ones, and those that stream a response and take further requests meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};
use wasmtime::Store;
use wasmtime_wasi_http::WasiBody;
use wasmtime_wasi_http::p3::bindings::Service;

use super::error::HandlerError;
use super::idle::Idle;
use crate::answers::Answers;
use crate::body::{CountGuard, Response};
use crate::instance_state::InstanceState;
use crate::memory::Memory;
use crate::self_waking::SelfWaking;

/// The most requests that wait for their response in an instance that also streams.
const MAX_REQUESTS_BESIDE_STREAMS: usize = 8;

/// The most streams of one instance.
const MAX_STREAMS: usize = 1_024;

/// An instance is replaced after it has served this many requests. A new one costs two to five milliseconds: its router, its connection, the
/// tokens that it verifies, and what it keeps.
const MAX_REQUESTS_SERVED: usize = 10_000;

/// An instance that serves HTTP requests.
pub struct Instance {
    /// Its store.
    pub store: Store<InstanceState>,
    /// Its exports.
    pub service: Service,
    /// Polls whatever runs in it.
    pub poller: Arc<SelfWaking>,
    /// How many requests it has served.
    pub served: usize,
}

impl Instance {
    /// A new instance.
    pub fn new(store: Store<InstanceState>, service: Service) -> Self {
        Self { store, service, poller: Arc::default(), served: 0 }
    }
}

/// A request on its way to an instance.
pub struct Call {
    /// The request.
    pub request: http::Request<WasiBody>,
    /// Where its response goes.
    pub response: oneshot::Sender<Result<Response, HandlerError>>,
}

/// The handle of an instance that streams.
pub struct StreamingInstance {
    inbox: mpsc::UnboundedSender<Call>,
    /// Polls whatever runs in it.
    pub poller: Arc<SelfWaking>,
    open_streams: Arc<AtomicUsize>,
    /// Requests whose response has not begun.
    pending: Arc<AtomicUsize>,
    served: AtomicUsize,
}

/// A request that an instance has accepted. It counts as pending until this is dropped.
pub struct Accepted {
    /// The instance.
    pub instance: Arc<StreamingInstance>,
    _pending: CountGuard,
}

/// The idle and streaming instances of a component.
pub struct Pool {
    idle: Arc<Idle<Instance>>,
    streaming: Mutex<Vec<Arc<StreamingInstance>>>,
}

impl Pool {
    /// A pool without instances, which gives them up when others need their memory.
    pub fn new(memory: Arc<Memory>) -> Self {
        Self { idle: Idle::new(memory), streaming: Mutex::default() }
    }

    /// The answers that wait for their clients.
    pub fn answers(&self) -> &Arc<Answers> {
        self.idle.memory().answers()
    }

    /// Takes the most recently used idle instance.
    pub fn take_idle(&self) -> Option<Instance> {
        self.idle.take()
    }

    /// Returns an instance that has nothing left to do.
    pub fn release(&self, instance: Instance) {
        if instance.served < MAX_REQUESTS_SERVED {
            self.idle.keep(instance);
        }
    }

    /// Drops the instances that have been idle for too long.
    pub fn drop_idle(&self) {
        self.idle.drop_expired();
    }

    /// Makes a streaming instance known, so that others may send it requests.
    pub fn add_streaming(
        &self,
        poller: Arc<SelfWaking>,
        open_streams: Arc<AtomicUsize>,
    ) -> (Arc<StreamingInstance>, mpsc::UnboundedReceiver<Call>) {
        let (inbox, calls) = mpsc::unbounded_channel();
        let instance = StreamingInstance { inbox, poller, open_streams, pending: Arc::default(), served: AtomicUsize::new(0) };
        let instance = Arc::new(instance);
        self.streaming.lock().push(instance.clone());
        (instance, calls)
    }

    /// Sends no more requests to a streaming instance.
    pub fn remove_streaming(&self, instance: &Arc<StreamingInstance>) {
        self.streaming.lock().retain(|it| !Arc::ptr_eq(it, instance));
    }

    /// Sends a request to the streaming instance with the fewest pending requests. Returns the call if none has room.
    #[expect(clippy::result_large_err, reason = "a refused call goes on to another instance; boxing each would cost every request")]
    pub fn send_to_streaming(&self, call: Call) -> Result<Accepted, Call> {
        let streaming = self.streaming.lock();
        let instance = (streaming.iter())
            .filter(|it| {
                it.pending.load(Ordering::Acquire) < MAX_REQUESTS_BESIDE_STREAMS
                    && it.open_streams.load(Ordering::Acquire) < MAX_STREAMS
                    && it.served.load(Ordering::Acquire) < MAX_REQUESTS_SERVED
            })
            .min_by_key(|it| it.pending.load(Ordering::Acquire));
        let Some(instance) = instance else {
            return Err(call);
        };
        instance.served.fetch_add(1, Ordering::AcqRel);
        let accepted = Accepted { instance: instance.clone(), _pending: CountGuard::new(&instance.pending) };
        instance.inbox.send(call).map_err(|it| it.0).map(|()| accepted)
    }
}
