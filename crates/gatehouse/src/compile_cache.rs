//! Components compiled to machine code, cached on disk.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::Read as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::UNIX_EPOCH;

use sha2::{Digest as _, Sha256};
use wasmtime::component::Component;
use wasmtime::error::Context as _;
use wasmtime::{Engine, Result};

use crate::file::write_atomically;

/// A directory of compiled components. File names hold the hash of the Wasm binary and of the engine's version and configuration; beside each
/// file is its checksum.
///
/// Applications, also in other processes, may share the directory. What is damaged in it, or cannot be written to it, costs time and nothing
/// else.
pub struct CompileCache {
    engine: Engine,
    directory: PathBuf,
    engine_hash: u64,
    /// The log has said that it cannot be written.
    told: AtomicBool,
}

impl CompileCache {
    /// A cache in `directory`, which is created if it is missing.
    pub fn new(engine: Engine, directory: PathBuf) -> Self {
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        let cache = Self { engine, directory, engine_hash: hasher.finish(), told: AtomicBool::new(false) };
        cache.tell(std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&cache.directory));
        cache
    }

    /// Loads the component `name` from the Wasm binary `source`; compiles it unless the cache has it, whole.
    pub fn load(&self, name: &str, source: &Path) -> Result<Component> {
        let hash = self.source_hash(name, source)?;
        let compiled = self.directory.join(format!("{name}-{hash}-{:016x}.cwasm", self.engine_hash));
        if let Some(component) = self.open(&compiled) {
            return Ok(component);
        }
        let wasm = std::fs::read(source)?;
        let code = (self.engine.precompile_component(&wasm)).with_context(|| format!("cannot compile {}", source.display()))?;
        self.remove_outdated(name, &compiled);
        self.store(&compiled, &code);
        // Another process that shares the cache and has other sources may have removed it again.
        if let Some(component) = self.open(&compiled) {
            return Ok(component);
        }
        self.deserialize(&code)
    }

    // SAFETY: `precompile_component` of this engine must have made it, which its one caller has just seen.
    #[expect(unsafe_code, reason = "Wasmtime offers no safe way to load compiled code")]
    fn deserialize(&self, code: &[u8]) -> Result<Component> {
        unsafe { Component::deserialize(&self.engine, code) }
    }

    // SAFETY: the file must be one that `precompile_component` made, and must not change while it is mapped. It is, by its checksum, what was
    // written here; files of the cache are replaced, not changed. Whoever may write to the state directory may write to this program, too.
    #[expect(unsafe_code, reason = "Wasmtime offers no safe way to load compiled code")]
    fn map(&self, compiled: &Path) -> Result<Component> {
        unsafe { Component::deserialize_file(&self.engine, compiled) }
    }

    /// Opens a compiled component. None if there is none, or if it is not as it was written.
    fn open(&self, compiled: &Path) -> Option<Component> {
        if !compiled.exists() {
            return None;
        }
        let open = || -> Result<Component> {
            let kept = std::fs::read_to_string(checksum_file(compiled)).context("it has no checksum")?;
            if checksum_line(&sha256_of(compiled)?, compiled) != kept {
                return Err(wasmtime::format_err!("its checksum is another"));
            }
            self.map(compiled)
        };
        open()
            .inspect_err(
                |error| tracing::warn!(file = %compiled.display(), "the compiled component cannot be used and is compiled anew: {error:#}"),
            )
            .ok()
    }

    /// Writes the code, and then its checksum: code without one is not used.
    fn store(&self, compiled: &Path, code: &[u8]) {
        let sum = checksum_line(&const_hex::encode(Sha256::digest(code)), compiled);
        let written = write_atomically(compiled, code).and_then(|()| write_atomically(&checksum_file(compiled), sum.as_bytes()));
        self.tell(written);
    }

    /// Says once in the log that the cache cannot be written.
    fn tell(&self, written: std::io::Result<()>) {
        if let Err(error) = written
            && !self.told.swap(true, Ordering::Relaxed)
        {
            let directory = self.directory.display();
            tracing::warn!(%directory, "the cache of compiled components cannot be written, so that each start compiles them: {error}");
        }
    }

    /// The hash of the Wasm binary. It is kept beside the compiled code, and valid while the file's size and modification time stay.
    fn source_hash(&self, name: &str, source: &Path) -> Result<String> {
        let metadata = std::fs::metadata(source)
            .with_context(|| format!("the component {name:?} is missing: {} (build it, or start without --no-build)", source.display()))?;
        let modified = metadata.modified()?.duration_since(UNIX_EPOCH)?.as_nanos();
        let stamp = format!("{} {} {modified}", source.display(), metadata.len());
        let stamp_file = self.directory.join(format!("{name}.stamp"));
        if let Ok(line) = std::fs::read_to_string(&stamp_file)
            && let Some((hash, stamped)) = line.split_once(' ')
            && stamped == stamp
        {
            return Ok(hash.to_owned());
        }
        let hash = const_hex::encode(&Sha256::digest(std::fs::read(source)?)[..12]);
        self.tell(write_atomically(&stamp_file, format!("{hash} {stamp}").as_bytes()));
        Ok(hash)
    }

    fn remove_outdated(&self, name: &str, current: &Path) {
        let prefix = format!("{name}-");
        // `a-b` is not an older `a`: what follows the name are two hashes.
        let is_of_component = |file: &str| {
            let file = file.strip_suffix(CHECKSUM).unwrap_or(file);
            (file.strip_prefix(&prefix)).and_then(|it| it.strip_suffix(".cwasm")).is_some_and(|hashes| hashes.matches('-').count() == 1)
        };
        let checksum = checksum_file(current);
        for entry in std::fs::read_dir(&self.directory).into_iter().flatten().flatten() {
            if is_of_component(&entry.file_name().to_string_lossy()) && entry.path() != current && entry.path() != checksum {
                // If another process has it mapped, its pages stay valid until they are unmapped.
                std::fs::remove_file(entry.path()).ok();
            }
        }
    }
}

/// What a checksum's file name ends with.
const CHECKSUM: &str = ".sha256";

fn checksum_file(compiled: &Path) -> PathBuf {
    let mut name = compiled.as_os_str().to_owned();
    name.push(CHECKSUM);
    name.into()
}

/// As `sha256sum` writes and checks it.
fn checksum_line(hex: &str, compiled: &Path) -> String {
    format!("{hex}  {}\n", compiled.file_name().unwrap_or_default().to_string_lossy())
}

fn sha256_of(path: &Path) -> std::io::Result<String> {
    let mut hasher = Sha256::new();
    let mut file = std::fs::File::open(path)?;
    let mut buffer = vec![0; 256 << 10];
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok(const_hex::encode(hasher.finalize()));
        }
        hasher.update(buffer.get(..read).unwrap_or_default());
    }
}
