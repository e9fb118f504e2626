//! The application, running: a manifest's components, their triggers and stores. `gatehouse up` is made of it, and so are the tests.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use wasmtime::component::Linker;

use crate::clock::Clock;
use crate::component::Component;
use crate::engine::{Cache, engine, linker};
use crate::guest::{ComponentState, Guest};
use crate::http::{Router, listen};
use crate::kv::KeyValue;
use crate::manifest::Manifest;
use crate::outbound::{AllowedHosts, forbidden_headers};
use crate::sqlite::Database;
use crate::stdio::Stdio;
use crate::variables::Values;
use crate::{components, cron, secrets};

/// How an application is to be started.
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
    timeout: Duration,
    drain: Duration,
}

/// A running application. Dropped without [`App::shutdown`] it stops at once.
pub struct App {
    address: SocketAddr,
    values: Values,
    clock: Clock,
    components: BTreeMap<String, Arc<Component>>,
    scheduled: Vec<Arc<Component>>,
    database: Arc<Database>,
    state: PathBuf,
    stop: CancellationToken,
    server: Option<JoinHandle<()>>,
}

impl Builder {
    /// The manifest file; `spin.toml` unless set.
    pub fn manifest(mut self, path: impl Into<PathBuf>) -> Self {
        self.manifest = path.into();
        self
    }

    /// Where databases, secrets and compiled components lie; `.gatehouse` unless set.
    pub fn state_dir(mut self, path: impl Into<PathBuf>) -> Self {
        self.state = path.into();
        self
    }

    /// Where compiled components are kept; in the state directory unless set. Applications may share it: it is keyed by content.
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

    /// The components' clock; the machine's unless set.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Whether the cron triggers run by themselves; they do unless set.
    pub fn cron(mut self, cron: bool) -> Self {
        self.cron = cron;
        self
    }

    /// Whether components older than their sources are built first; they are unless set.
    pub fn build_components(mut self, build: bool) -> Self {
        self.build = build;
        self
    }

    /// Whether a component's name stands before each line that it prints; it does not unless set.
    pub fn pretty_logs(mut self, pretty: bool) -> Self {
        self.pretty = pretty;
        self
    }

    /// How long a request may wait for the beginning of its answer; 30 seconds unless set.
    pub fn request_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How long requests at work may take to end after [`App::shutdown`]; 10 seconds unless set.
    pub fn drain(mut self, drain: Duration) -> Self {
        self.drain = drain;
        self
    }

    /// Starts the application. It answers when this returns.
    pub async fn start(self) -> Result<App> {
        let (path, build) = (self.manifest.clone(), self.build);
        // Cargo takes its time.
        let load = tokio::task::spawn_blocking(move || -> Result<Manifest> {
            let manifest = Manifest::load(&path)?;
            if build {
                components::build(&manifest)?;
            }
            Ok(manifest)
        });
        let manifest = load.await??;
        make_private(&self.state)?;
        let made = secrets::load(&self.state, &manifest, &self.variables)?;
        let values = Values::resolve(&manifest, &self.variables, |name| made.get(name).cloned())?;

        let listener = TcpListener::bind(&self.listen).await;
        let listener = listener.with_context(|| format!("cannot listen on {}", self.listen))?;
        let address = listener.local_addr()?;
        let engine = engine().map_err(plain)?;
        let linker = Arc::new(linker(&engine).map_err(plain)?);
        let cache = Arc::new(Cache::new(engine, self.cache.clone().unwrap_or_else(|| self.state.join("cache"))).map_err(plain)?);
        let databases = self.open_databases(&manifest)?;
        let database = match databases.get("default") {
            Some(database) => database.clone(),
            None => Database::open(&self.state.join("default.db"))?,
        };
        let key_value = Arc::new(KeyValue::open(&self.state.join("key_value.db"))?);

        // The components know the router, for requests to the application itself, and it them.
        let mut states = Vec::new();
        let router = {
            let mut failed = None;
            let router = Arc::new_cyclic(|router: &Weak<Router>| {
                let made = self.components(&manifest, &values, &databases, &key_value, router, &linker, &cache);
                let made = made.and_then(|components| {
                    let routes = manifest
                        .trigger
                        .http
                        .iter()
                        .filter_map(|trigger| Some((trigger.route.clone(), components.get(&trigger.component)?.clone())));
                    let router = Router::new(address, routes.collect::<Vec<_>>())?;
                    states.extend(components);
                    Ok(router)
                });
                made.or_else(|error| {
                    failed = Some(error);
                    Router::new(address, [])
                })
                .unwrap_or_else(|_| unreachable!("no routes are no wrong routes"))
            });
            match failed {
                Some(error) => return Err(error),
                None => router,
            }
        };
        let components: BTreeMap<_, _> = states.into_iter().collect();

        let stop = CancellationToken::new();
        let mut scheduled = Vec::new();
        for trigger in &manifest.trigger.cron {
            let Some(component) = components.get(&trigger.component) else { continue };
            let job = cron::Job::new(&trigger.cron_expression, component.clone())?;
            if self.cron {
                tokio::spawn(job.run(stop.clone()));
            }
            scheduled.push(component.clone());
        }
        tokio::spawn(warm_and_trim(components.values().cloned().collect(), stop.clone()));
        let server = tokio::spawn(listen(listener, router, stop.clone(), self.drain));
        Ok(App { address, values, clock: self.clock, components, scheduled, database, state: self.state, stop, server: Some(server) })
    }

    fn open_databases(&self, manifest: &Manifest) -> Result<HashMap<String, Arc<Database>>> {
        let labels: BTreeSet<_> = manifest.component.values().flat_map(|it| &it.sqlite_databases).collect();
        let open = |label: &String| Ok((label.clone(), Database::open(&self.state.join(format!("{label}.db")))?));
        labels.into_iter().map(open).collect()
    }

    #[expect(clippy::too_many_arguments, reason = "what a component is made of")]
    fn components(
        &self,
        manifest: &Manifest,
        values: &Values,
        databases: &HashMap<String, Arc<Database>>,
        key_value: &Arc<KeyValue>,
        router: &Weak<Router>,
        linker: &Arc<Linker<Guest>>,
        cache: &Arc<Cache>,
    ) -> Result<BTreeMap<String, Arc<Component>>> {
        let known_databases = Arc::new(databases.keys().cloned().collect::<BTreeSet<_>>());
        let forbidden_headers = forbidden_headers();
        let mut components = BTreeMap::new();
        for (name, component) in &manifest.component {
            let in_component = || format!("component {name:?}");
            let hosts: Vec<_> =
                (component.allowed_outbound_hosts.iter()).map(|it| values.fill(it)).collect::<Result<_>>().with_context(in_component)?;
            let granted = component.sqlite_databases.iter();
            let prefix = if self.pretty { format!("{name:>10} | ") } else { String::new() };
            let state = ComponentState {
                name: name.clone(),
                variables: values.fill_all(&component.variables).with_context(in_component)?,
                databases: granted.filter_map(|it| Some((it.clone(), databases.get(it)?.clone()))).collect(),
                known_databases: known_databases.clone(),
                stores: component.key_value_stores.iter().cloned().collect(),
                key_value: key_value.clone(),
                allowed_hosts: Arc::new(AllowedHosts::parse(&hosts).with_context(in_component)?),
                router: router.clone(),
                forbidden_headers: forbidden_headers.clone(),
                clock: self.clock.clone(),
                stdio: Stdio::new(prefix.into()),
            };
            let source = manifest.root.join(&component.source);
            let component = Component::new(Arc::new(state), source, linker.clone(), cache.clone(), self.timeout);
            components.insert(name.clone(), Arc::new(component));
        }
        Ok(components)
    }
}

/// Wasmtime's errors are of their own kind.
fn plain(error: wasmtime::Error) -> anyhow::Error {
    anyhow::anyhow!("{error:#}")
}

/// Makes the state directory, for its owner alone.
fn make_private(directory: &Path) -> Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;

    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(directory);
    made.with_context(|| format!("cannot make {}", directory.display()))
}

/// Loads what no request has asked for yet, then drops idle instances now and then.
async fn warm_and_trim(components: Vec<Arc<Component>>, stop: CancellationToken) {
    let work = async {
        for component in &components {
            if let Err(error) = component.prepare().await {
                tracing::error!(component = component.state.name, "cannot be loaded: {error:#}");
            }
        }
        loop {
            tokio::time::sleep(Duration::from_secs(1)).await;
            components.iter().for_each(|it| it.trim());
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = work => {}
    }
}

impl App {
    /// An application to be started.
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
            timeout: Duration::from_secs(30),
            drain: Duration::from_secs(10),
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://` and where it listens, without a slash at the end.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The value of one of its variables, generated secrets included.
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.values.get(name)
    }

    /// Its components' clock.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Its state directory.
    pub fn state_dir(&self) -> &Path {
        &self.state
    }

    /// The default database, to look into.
    pub fn database(&self) -> &Arc<Database> {
        &self.database
    }

    /// Loads all components, so that the first requests need not wait.
    pub async fn warm(&self) -> Result<()> {
        for component in self.components.values() {
            component.prepare().await.map_err(plain)?;
        }
        Ok(())
    }

    /// Runs every cron trigger once, now by the components' clock, and waits for them.
    pub async fn run_cron(&self) -> Result<()> {
        for component in &self.scheduled {
            component.cron_event(self.clock.since_epoch().as_secs()).await.map_err(plain)?;
        }
        Ok(())
    }

    /// Stops taking requests, lets those at work end, and stops.
    pub async fn shutdown(mut self) {
        self.stop.cancel();
        if let Some(server) = self.server.take() {
            server.await.ok();
        }
    }
}

impl Drop for App {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
