//! Writes the bindings of Spin's host interfaces into `OUT_DIR`, and the list of the schema's steps, by which a database is known.
//!
//! The interfaces' WIT is the SDK's own, read from the crate's sources in cargo's registry: there is no copy here that could fall behind.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=../../Cargo.lock");
    let wit = sdk_directory()?.join("wit");
    let bindings = format!(
        r#"wasmtime::component::bindgen!({{
    path: [{wit:?}],
    inline: "
        package gatehouse:host;
        world host {{
            import spin:key-value/key-value@3.0.0;
            import spin:mqtt/mqtt@3.0.0;
            import spin:sqlite/sqlite@3.1.0;
            import spin:variables/variables@3.0.0;
        }}
    ",
    world: "gatehouse:host/host",
    imports: {{
        default: async | trappable,
    }},
    require_store_data_send: true,
}});
"#
    );
    let out = env::var("OUT_DIR")?;
    fs::write(Path::new(&out).join("spin.rs"), bindings)?;
    fs::write(Path::new(&out).join("migrations.rs"), migrations()?)?;
    Ok(())
}

/// The files under `migrations/`, by their number: `(name, text)`.
fn migrations() -> Result<String, Box<dyn Error>> {
    println!("cargo::rerun-if-changed=../../migrations");
    // Asked for when it runs: compiled in, it would be the checkout in which this was built, which may share its target directory with others.
    let folder = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("../../migrations").canonicalize()?;
    let mut files = fs::read_dir(&folder)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>()?;
    files.retain(|path| path.extension().is_some_and(|extension| extension == "sql"));
    files.sort();
    let named = files.iter().map(|path| format!("({:?}, include_str!({path:?})),", path.file_stem().unwrap_or_default().to_string_lossy()));
    Ok(format!("&[{}]", named.collect::<String>()))
}

/// The directory of the sources of spin-sdk.
fn sdk_directory() -> Result<PathBuf, Box<dyn Error>> {
    let output =
        Command::new(env::var("CARGO")?).args(["metadata", "--format-version", "1", "--filter-platform", "wasm32-wasip2"]).output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    metadata["packages"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|package| package["name"] == "spin-sdk")
        .and_then(|package| Path::new(package["manifest_path"].as_str()?).parent())
        .map(Path::to_owned)
        .ok_or_else(|| "cargo metadata does not list spin-sdk".into())
}
