//! Starting an application: building its components, opening its databases, and connecting its triggers.

mod options;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use wasmtime::component::Linker;

use crate::app::App;
use crate::clock::Clock;
use crate::compile_cache::CompileCache;
use crate::component::Component;
use crate::engine::{engine, to_anyhow};
use crate::faults::Faults;
use crate::instance_state::{ComponentContext, InstanceState};
use crate::key_value::{KeyValue, KeyValueAccess};
use crate::linker::linker;
use crate::manifest::{self, Manifest};
use crate::memory::{DEFAULT_MEMORY, Memory};
use crate::mqtt::{self, Listener, MqttAccess, Subscription};
use crate::outbound::{AllowedHosts, OutboundHttp, SelfRequests};
use crate::problem::AllowedOrigins;
use crate::router::Router;
use crate::server::{Clients, Limits, Server, Settings, Wanted};
use crate::sqlite::{Database, Location, RemoteDatabase, SqliteAccess};
use crate::stdio::{LineFormat, Stdio};
use crate::traces::{self, Traces};
use crate::variables::Values;
use crate::{component_build, cron, descriptors, gateway, private_files, secrets, state_lock};

/// How long requests in progress may take to end after [`App::shutdown`].
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a client may take nothing of what is sent to it, unless set.
pub const DEFAULT_SEND_TIMEOUT: Duration = Duration::from_secs(30);

/// How often idle instances are looked for.
const IDLE_CHECK: Duration = Duration::from_secs(1);

/// Configures and starts an application.
#[derive(Clone, Debug)]
pub struct Builder {
    manifest: PathBuf,
    state: PathBuf,
    cache: Option<PathBuf>,
    listen: String,
    variables: BTreeMap<String, String>,
    clock: Clock,
    cron: bool,
    build: bool,
    pretty: bool,
    quiet_request_id: Option<String>,
    timeout: Duration,
    traces: Option<traces::Options>,
    memory: usize,
    wanted: Wanted,
    send_timeout: Duration,
    gateway: gatehouse_gateway::Limits,
    remote_database: Option<Arc<dyn RemoteDatabase>>,
    faults: Faults,
}

impl App {
    /// A builder with the defaults.
    pub fn builder() -> Builder {
        Builder {
            manifest: "spin.toml".into(),
            state: ".gatehouse".into(),
            cache: None,
            listen: "127.0.0.1:3000".to_owned(),
            variables: BTreeMap::new(),
            clock: Clock::new(),
            cron: true,
            build: true,
            pretty: false,
            quiet_request_id: None,
            timeout: Duration::from_secs(30),
            traces: None,
            memory: DEFAULT_MEMORY,
            wanted: Wanted::default(),
            send_timeout: DEFAULT_SEND_TIMEOUT,
            gateway: gatehouse_gateway::Limits::default(),
            remote_database: None,
            faults: Faults::default(),
        }
    }
}

impl Builder {
    /// Starts the application. It serves requests when this returns.
    ///
    /// # Errors
    /// If the manifest is invalid, a component cannot be built, a required variable has no value, or the address is in use.
    pub async fn start(self) -> Result<App> {
        let (path, build) = (self.manifest.clone(), self.build);
        // Building may take minutes.
        let load = tokio::task::spawn_blocking(move || -> Result<Manifest> {
            let manifest = Manifest::load(&path)?;
            if build {
                component_build::build(&manifest)?;
            }
            Ok(manifest)
        });
        let manifest = load.await??;
        private_files::create_directory(&self.state)?;
        let state_lock = state_lock::share(&self.state)?;
        private_files::close_to_others(&self.state)?;
        let descriptors = descriptors::raise();
        let generated = secrets::load(&self.state, &manifest, &self.variables)?;
        let values = Values::resolve(&manifest, &self.variables, |name| generated.get(name).cloned())?;

        let broker = mqtt::Settings::resolve(&manifest, &values)?;

        let listener = TcpListener::bind(&self.listen).await;
        let listener = listener.with_context(|| format!("cannot listen on {}", self.listen))?;
        let address = listener.local_addr()?;

        let engine = engine().map_err(to_anyhow)?;
        let databases = self.open_databases(&manifest)?;
        let shared = Shared {
            linker: Arc::new(linker(&engine).map_err(to_anyhow)?),
            cache: Arc::new(CompileCache::new(engine, self.cache.clone().unwrap_or_else(|| self.state.join(private_files::CACHE)))),
            database_labels: Arc::new(databases.keys().cloned().collect()),
            databases,
            key_value: Arc::new(KeyValue::open(&self.state.join("key_value.db"), self.faults.clone())?),
            self_requests: SelfRequests::default(),
            traces: self.traces.as_ref().map(|it| Traces::start(it, self.clock.clone())).transpose()?.flatten(),
            memory: Memory::new(self.memory),
            broker_tls: broker.as_ref().and_then(|it| it.identity.tls.clone()),
        };
        let mut components = BTreeMap::new();
        for (name, component) in &manifest.component {
            if broker.is_none() && manifest.is_only_for_mqtt(name) {
                continue;
            }
            let source = manifest.root.join(&component.source);
            let context = self.context(name, component, &values, &shared).with_context(|| format!("component {name:?}"))?;
            let (linker, cache, memory) = (shared.linker.clone(), shared.cache.clone(), shared.memory.clone());
            let concurrency = &component.tool.gatehouse;
            let component = Component::new(Arc::new(context), source, linker, cache, self.timeout, memory, concurrency);
            components.insert(name.as_str(), Arc::new(component));
        }

        let routes = manifest.trigger.http.iter();
        let routes = routes.filter_map(|trigger| Some((trigger.route.clone(), components.get(trigger.component.as_str())?.clone())));
        let router = Arc::new(Router::new(address, routes, shared.traces.clone())?);
        let handler = Arc::downgrade(&router);
        shared.self_requests.set(handler);

        let stop = CancellationToken::new();
        let mut scheduled = Vec::new();
        for trigger in &manifest.trigger.cron {
            let Some(component) = components.get(trigger.component.as_str()) else { continue };
            let job = cron::Job::new(&trigger.cron_expression, component.clone())?;
            if self.cron {
                tokio::spawn(job.run(stop.clone()));
            }
            scheduled.push(component.clone());
        }
        if let Some(broker) = broker {
            let component = |name: &str| components.get(name).cloned();
            let triggers = manifest.trigger.mqtt.iter().filter_map(|it| Some((it, component(&it.component)?)));
            let subscriptions = triggers.map(|(it, component)| Subscription::new(values.expand(&it.topic)?, &it.qos, component));
            let listener = Listener::new(broker, subscriptions.collect::<Result<_>>()?);
            tokio::spawn(listener.run(stop.clone()));
        }
        let databases = shared.databases.values().filter_map(Location::file).collect();
        let components: Vec<_> = components.into_values().collect();
        tokio::spawn(stop.clone().run_until_cancelled_owned(maintain(components.clone())));
        let variable = |name: &str| values.get(name).unwrap_or_default();
        let settings = Settings {
            origins: AllowedOrigins::parse(variable("allowed_origins")),
            clients: Clients::new(variable("trusted_proxies"), variable("proxy_header")),
            limits: Limits::new(&self.wanted, descriptors),
            send_timeout: self.send_timeout,
        };
        let gateway = gateway::embedded(self.gateway.clone(), address, variable("allowed_origins"), &settings)?;
        let server = tokio::spawn(Server::new(router, Arc::new(gateway), settings, stop.clone()).listen(listener, DRAIN_TIMEOUT));
        Ok(App {
            address,
            values,
            clock: self.clock,
            components,
            scheduled,
            databases,
            state_dir: self.state,
            _state_lock: state_lock,
            stop,
            server: Some(server),
            traces: shared.traces,
        })
    }

    fn open_databases(&self, manifest: &Manifest) -> Result<HashMap<String, Location>> {
        let open = |label: &str| {
            let location = match &self.remote_database {
                Some(database) => Location::Remote(database.clone()),
                None => Location::File(Database::open(&self.state.join(format!("{label}.db")))?),
            };
            Ok((label.to_owned(), location))
        };
        manifest.database_labels().map(open).collect()
    }

    fn context(&self, name: &str, component: &manifest::Component, values: &Values, shared: &Shared) -> Result<ComponentContext> {
        let hosts: Vec<_> = component.allowed_outbound_hosts.iter().map(|it| values.expand(it)).collect::<Result<_>>()?;
        let databases = component.sqlite_databases.iter();
        let lines = LineFormat { pretty: self.pretty.then(|| name.to_owned()), quiet_request_id: self.quiet_request_id.clone() };
        let allowed_hosts = Arc::new(AllowedHosts::parse(&hosts)?);
        Ok(ComponentContext {
            name: name.to_owned(),
            variables: values.expand_all(&component.variables)?,
            sqlite: SqliteAccess {
                component: name.to_owned(),
                granted: databases.filter_map(|it| Some((it.clone(), shared.databases.get(it)?.clone()))).collect(),
                known: shared.database_labels.clone(),
            },
            key_value: KeyValueAccess { granted: component.key_value_stores.iter().cloned().collect(), stores: shared.key_value.clone() },
            outbound: OutboundHttp::new(allowed_hosts.clone(), shared.self_requests.clone(), shared.traces.clone()),
            mqtt: MqttAccess { allowed_hosts, tls: shared.broker_tls.clone() },
            clock: self.clock.clone(),
            stdio: Stdio::new(lines),
        })
    }
}

/// What all components share.
struct Shared {
    linker: Arc<Linker<InstanceState>>,
    cache: Arc<CompileCache>,
    databases: HashMap<String, Location>,
    database_labels: Arc<BTreeSet<String>>,
    key_value: Arc<KeyValue>,
    self_requests: SelfRequests,
    traces: Option<Arc<Traces>>,
    memory: Arc<Memory>,
    /// How the certificate of the MQTT triggers' broker is checked, where it has one.
    broker_tls: Option<Arc<rustls::ClientConfig>>,
}

/// Loads the components that no request has loaded yet, then drops idle instances from time to time.
async fn maintain(components: Vec<Arc<Component>>) {
    for component in &components {
        if let Err(error) = component.load().await {
            tracing::error!(component = component.context.name, "cannot be loaded: {error:#}");
        }
    }
    loop {
        tokio::time::sleep(IDLE_CHECK).await;
        components.iter().for_each(|it| it.drop_idle_instances());
    }
}
