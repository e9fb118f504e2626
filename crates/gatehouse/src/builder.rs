//! Starting an application: building its components, opening its databases, and connecting its triggers.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
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
use crate::instance_state::{ComponentContext, InstanceState};
use crate::key_value::{KeyValue, KeyValueAccess};
use crate::linker::linker;
use crate::manifest::{self, Manifest};
use crate::outbound::{AllowedHosts, OutboundHttp, SelfRequests};
use crate::problem::AllowedOrigins;
use crate::router::Router;
use crate::server::listen;
use crate::sqlite::{Database, SqliteAccess};
use crate::stdio::{LineFormat, Stdio};
use crate::variables::Values;
use crate::{component_build, cron, secrets};

/// How long requests in progress may take to end after [`App::shutdown`].
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);

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
        }
    }
}

impl Builder {
    /// The manifest file; `spin.toml` unless set.
    pub fn manifest(mut self, path: impl Into<PathBuf>) -> Self {
        self.manifest = path.into();
        self
    }

    /// The directory of databases, secrets and compiled components; `.gatehouse` unless set.
    pub fn state_dir(mut self, path: impl Into<PathBuf>) -> Self {
        self.state = path.into();
        self
    }

    /// The directory of compiled components; `cache` in the state directory unless set. Applications may share it.
    pub fn cache_dir(mut self, path: impl Into<PathBuf>) -> Self {
        self.cache = Some(path.into());
        self
    }

    /// The address to listen on; `127.0.0.1:3000` unless set. Port 0 takes a free one.
    pub fn listen(mut self, address: impl Into<String>) -> Self {
        self.listen = address.into();
        self
    }

    /// The value of a variable.
    pub fn variable(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.variables.insert(name.into(), value.into());
        self
    }

    /// The components' wall clock; the system's unless set.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Whether the cron triggers run on their schedules; they do unless set.
    pub fn cron(mut self, cron: bool) -> Self {
        self.cron = cron;
        self
    }

    /// Whether components that are older than their sources are built first; they are unless set.
    pub fn build_components(mut self, build: bool) -> Self {
        self.build = build;
        self
    }

    /// Whether components' logs are written for people to read, rather than as JSON; they are not unless set.
    pub fn pretty_logs(mut self, pretty: bool) -> Self {
        self.pretty = pretty;
        self
    }

    /// The id of requests of which only warnings and errors are logged: nobody else may know it.
    pub fn quiet_request_id(mut self, id: impl Into<String>) -> Self {
        self.quiet_request_id = Some(id.into());
        self
    }

    /// How long a request may wait for the beginning of its answer; 30 seconds unless set.
    pub fn request_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

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
        create_private(&self.state)?;
        let generated = secrets::load(&self.state, &manifest, &self.variables)?;
        let values = Values::resolve(&manifest, &self.variables, |name| generated.get(name).cloned())?;

        let listener = TcpListener::bind(&self.listen).await;
        let listener = listener.with_context(|| format!("cannot listen on {}", self.listen))?;
        let address = listener.local_addr()?;

        let engine = engine().map_err(to_anyhow)?;
        let databases = self.open_databases(&manifest)?;
        let shared = Shared {
            linker: Arc::new(linker(&engine).map_err(to_anyhow)?),
            cache: Arc::new(CompileCache::new(engine, self.cache.clone().unwrap_or_else(|| self.state.join("cache"))).map_err(to_anyhow)?),
            database_labels: Arc::new(databases.keys().cloned().collect()),
            databases,
            key_value: Arc::new(KeyValue::open(&self.state.join("key_value.db"))?),
            self_requests: SelfRequests::default(),
        };
        let mut components = BTreeMap::new();
        for (name, component) in &manifest.component {
            let source = manifest.root.join(&component.source);
            let context = self.context(name, component, &values, &shared).with_context(|| format!("component {name:?}"))?;
            let component = Component::new(Arc::new(context), source, shared.linker.clone(), shared.cache.clone(), self.timeout);
            components.insert(name.as_str(), Arc::new(component));
        }

        let routes = manifest.trigger.http.iter();
        let routes = routes.filter_map(|trigger| Some((trigger.route.clone(), components.get(trigger.component.as_str())?.clone())));
        let router = Arc::new(Router::new(address, routes)?);
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
        let components: Vec<_> = components.into_values().collect();
        tokio::spawn(stop.clone().run_until_cancelled_owned(maintain(components.clone())));
        let origins = AllowedOrigins::parse(values.get("allowed_origins").unwrap_or_default());
        let server = tokio::spawn(listen(listener, router, origins, stop.clone(), DRAIN_TIMEOUT));
        Ok(App { address, values, clock: self.clock, components, scheduled, state_dir: self.state, stop, server: Some(server) })
    }

    fn open_databases(&self, manifest: &Manifest) -> Result<HashMap<String, Arc<Database>>> {
        let labels: BTreeSet<_> = manifest.component.values().flat_map(|it| &it.sqlite_databases).collect();
        let open = |label: &String| Ok((label.clone(), Database::open(&self.state.join(format!("{label}.db")))?));
        labels.into_iter().map(open).collect()
    }

    fn context(&self, name: &str, component: &manifest::Component, values: &Values, shared: &Shared) -> Result<ComponentContext> {
        let hosts: Vec<_> = component.allowed_outbound_hosts.iter().map(|it| values.expand(it)).collect::<Result<_>>()?;
        let databases = component.sqlite_databases.iter();
        let lines = LineFormat { pretty: self.pretty.then(|| name.to_owned()), quiet_request_id: self.quiet_request_id.clone() };
        Ok(ComponentContext {
            name: name.to_owned(),
            variables: values.expand_all(&component.variables)?,
            sqlite: SqliteAccess {
                granted: databases.filter_map(|it| Some((it.clone(), shared.databases.get(it)?.clone()))).collect(),
                known: shared.database_labels.clone(),
            },
            key_value: KeyValueAccess { granted: component.key_value_stores.iter().cloned().collect(), stores: shared.key_value.clone() },
            outbound: OutboundHttp::new(AllowedHosts::parse(&hosts)?, shared.self_requests.clone()),
            clock: self.clock.clone(),
            stdio: Stdio::new(lines),
        })
    }
}

/// What all components share.
struct Shared {
    linker: Arc<Linker<InstanceState>>,
    cache: Arc<CompileCache>,
    databases: HashMap<String, Arc<Database>>,
    database_labels: Arc<BTreeSet<String>>,
    key_value: Arc<KeyValue>,
    self_requests: SelfRequests,
}

/// Creates the state directory with mode 0700.
fn create_private(directory: &Path) -> Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;

    let created = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(directory);
    created.with_context(|| format!("cannot create {}", directory.display()))
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
