//! The Wasmtime engine, and the cache of compiled components.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use sha2::{Digest as _, Sha256};
use wasmtime::component::{Component, Linker};
use wasmtime::error::Context as _;
use wasmtime::{Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Result};
use wasmtime_wasi_http::p3::bindings::http::{client, types};

use crate::guest::{Guest, GuestData};
use crate::outbound::Client;
use crate::wit;

/// How often a busy guest lets others run.
const EPOCH: Duration = Duration::from_millis(10);

/// The most memory that one instance may take, in bytes.
pub const MEMORY_LIMIT: usize = 128 << 20;

/// The most instances alive at once, over all components.
pub const INSTANCES: u32 = 300;

/// Makes the engine and starts its clock.
pub fn engine() -> Result<Engine> {
    let mut pool = PoolingAllocationConfig::default();
    pool.total_component_instances(INSTANCES)
        .total_core_instances(INSTANCES * 4)
        .total_memories(INSTANCES)
        .total_tables(INSTANCES * 4)
        .total_stacks(INSTANCES * 4)
        .max_memory_size(MEMORY_LIMIT)
        .max_core_instances_per_component(16)
        .max_unused_warm_slots(16);
    let mut config = Config::new();
    config
        .wasm_component_model(true)
        .wasm_component_model_async(true)
        .epoch_interruption(true)
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    let engine = Engine::new(&config)?;
    let ticking = engine.weak();
    std::thread::Builder::new().name("epoch".to_owned()).spawn(move || {
        while let Some(engine) = ticking.upgrade() {
            engine.increment_epoch();
            drop(engine);
            std::thread::sleep(EPOCH);
        }
    })?;
    Ok(engine)
}

/// Everything that a component may import. What it is not granted it can link, and is refused when it asks.
pub fn linker(engine: &Engine) -> Result<Linker<Guest>> {
    use wasmtime_wasi_http::{WasiHttp, WasiHttpView as _};

    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    wasmtime_wasi::p3::add_to_linker(&mut linker)?;
    types::add_to_linker::<_, WasiHttp>(&mut linker, Guest::http)?;
    client::add_to_linker::<_, Client>(&mut linker, Guest::http)?;
    wit::key_value::key_value::add_to_linker::<_, GuestData>(&mut linker, |it| it)?;
    wit::sqlite::sqlite::add_to_linker::<_, GuestData>(&mut linker, |it| it)?;
    wit::variables::variables::add_to_linker::<_, GuestData>(&mut linker, |it| it)?;
    wit::cron_types::add_to_linker::<_, GuestData>(&mut linker, |it| it)?;
    Ok(linker)
}

/// Compiled components on disk, named by what they were compiled from and by whom.
pub struct Cache {
    engine: Engine,
    directory: PathBuf,
    engine_key: u64,
}

impl Cache {
    /// In `directory`, which is made when missing.
    pub fn new(engine: Engine, directory: PathBuf) -> Result<Self> {
        std::fs::create_dir_all(&directory).with_context(|| format!("cannot make {}", directory.display()))?;
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        Ok(Self { engine, directory, engine_key: hasher.finish() })
    }

    /// The component in `source`, compiled now or earlier.
    pub fn load(&self, name: &str, source: &Path) -> Result<Component> {
        let key = self.key(name, source)?;
        let compiled = self.directory.join(format!("{name}-{key}-{:016x}.cwasm", self.engine_key));
        if let Ok(component) = self.open(&compiled) {
            return Ok(component);
        }
        let wasm = std::fs::read(source)?;
        let bytes = (self.engine.precompile_component(&wasm)).with_context(|| format!("cannot compile {}", source.display()))?;
        self.remove_older(name, &compiled);
        write_whole(&compiled, &bytes)?;
        // Another program that shares the cache and has other sources may have removed it again.
        self.open(&compiled).or_else(|_| {
            write_whole(&compiled, &bytes)?;
            self.open(&compiled)
        })
    }

    // Machine code is mapped as it lies on disk. Nobody but this program writes to the cache: it is in the state
    // directory, which only the user who runs it may write to, as they may write to the program itself.
    #[expect(unsafe_code, reason = "Wasmtime offers no safe way to load compiled code")]
    fn open(&self, compiled: &Path) -> Result<Component> {
        unsafe { Component::deserialize_file(&self.engine, compiled) }
    }

    /// The hash of the source's content. It is not computed again while the file's size and time stay the same.
    fn key(&self, name: &str, source: &Path) -> Result<String> {
        let about = std::fs::metadata(source)
            .with_context(|| format!("the component {name:?} is missing: {} (build it, or leave --no-build out)", source.display()))?;
        let modified = about.modified()?.duration_since(UNIX_EPOCH)?.as_nanos();
        let stamp = format!("{} {} {modified}", source.display(), about.len());
        let stamp_file = self.directory.join(format!("{name}.stamp"));
        if let Ok(kept) = std::fs::read_to_string(&stamp_file)
            && let Some((key, kept)) = kept.split_once(' ')
            && kept == stamp
        {
            return Ok(key.to_owned());
        }
        let digest = Sha256::digest(std::fs::read(source)?);
        let key: String = digest.iter().take(12).map(|it| format!("{it:02x}")).collect();
        write_whole(&stamp_file, format!("{key} {stamp}").as_bytes())?;
        Ok(key)
    }

    fn remove_older(&self, name: &str, current: &Path) {
        let prefix = format!("{name}-");
        let entries = std::fs::read_dir(&self.directory).into_iter().flatten().flatten();
        for entry in entries {
            let file = entry.file_name();
            let file = file.to_string_lossy();
            if file.starts_with(&prefix) && file.ends_with(".cwasm") && entry.path() != current {
                // Still mapped by another process, perhaps: its pages live on until that ends.
                std::fs::remove_file(entry.path()).ok();
            }
        }
    }
}

/// Writes a file that readers see whole or not at all.
fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    // Its own name: several applications, in this process and in others, may share the cache.
    let part = path.with_extension(format!("part{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed)));
    let mut file = std::fs::File::create(&part)?;
    file.write_all(bytes)?;
    file.sync_data()?;
    std::fs::rename(&part, path).with_context(|| format!("cannot write {}", path.display()))
}
