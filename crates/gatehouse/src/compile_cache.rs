//! Components compiled to machine code, cached on disk.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use sha2::{Digest as _, Sha256};
use wasmtime::component::Component;
use wasmtime::error::Context as _;
use wasmtime::{Engine, Result};

use crate::file::write_atomically;

/// A directory of compiled components. File names hold the hash of the Wasm binary and of the engine's version and configuration.
///
/// Applications, also in other processes, may share the directory.
pub struct CompileCache {
    engine: Engine,
    directory: PathBuf,
    engine_hash: u64,
}

impl CompileCache {
    /// A cache in `directory`, which is created if it is missing.
    pub fn new(engine: Engine, directory: PathBuf) -> Result<Self> {
        std::fs::create_dir_all(&directory).with_context(|| format!("cannot create {}", directory.display()))?;
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        Ok(Self { engine, directory, engine_hash: hasher.finish() })
    }

    /// Loads the component `name` from the Wasm binary `source`; compiles it unless the cache has it.
    pub fn load(&self, name: &str, source: &Path) -> Result<Component> {
        let hash = self.source_hash(name, source)?;
        let compiled = self.directory.join(format!("{name}-{hash}-{:016x}.cwasm", self.engine_hash));
        if let Ok(component) = self.open(&compiled) {
            return Ok(component);
        }
        let wasm = std::fs::read(source)?;
        let code = (self.engine.precompile_component(&wasm)).with_context(|| format!("cannot compile {}", source.display()))?;
        self.remove_outdated(name, &compiled);
        write(&compiled, &code)?;
        // Another process that shares the cache and has other sources may have removed it again.
        self.open(&compiled).or_else(|_| {
            write(&compiled, &code)?;
            self.open(&compiled)
        })
    }

    // SAFETY: the file must be one that `precompile_component` made, and must not change while it is mapped. Files of the cache are
    // only written here, and replaced, not changed. Whoever may write to the state directory may write to this program, too.
    #[expect(unsafe_code, reason = "Wasmtime offers no safe way to load compiled code")]
    fn open(&self, compiled: &Path) -> Result<Component> {
        unsafe { Component::deserialize_file(&self.engine, compiled) }
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
        write(&stamp_file, format!("{hash} {stamp}").as_bytes())?;
        Ok(hash)
    }

    fn remove_outdated(&self, name: &str, current: &Path) {
        let prefix = format!("{name}-");
        // `a-b` is not an older `a`: what follows the name are two hashes.
        let is_of_component = |file: &str| {
            (file.strip_prefix(&prefix)).and_then(|it| it.strip_suffix(".cwasm")).is_some_and(|hashes| hashes.matches('-').count() == 1)
        };
        for entry in std::fs::read_dir(&self.directory).into_iter().flatten().flatten() {
            if is_of_component(&entry.file_name().to_string_lossy()) && entry.path() != current {
                // If another process has it mapped, its pages stay valid until they are unmapped.
                std::fs::remove_file(entry.path()).ok();
            }
        }
    }
}

fn write(path: &Path, content: &[u8]) -> Result<()> {
    write_atomically(path, content).with_context(|| format!("cannot write {}", path.display()))
}
