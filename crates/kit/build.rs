//! Lists the files under `migrations/`, so that a new one needs no line of code.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=../../migrations");
    // Asked for when it runs: compiled in, it would be the checkout in which this was built, which may share its target directory with others.
    let package = env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?;
    let folder = Path::new(&package).join("../../migrations").canonicalize()?;
    let files = fs::read_dir(&folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<PathBuf>>>()?;
    let mut files: Vec<_> = files.into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "sql")).collect();
    files.sort();
    let mut list = String::from("const MIGRATIONS: &[Migration] = &[\n");
    for (index, path) in files.iter().enumerate() {
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let version = name.get(..4).and_then(|number| number.parse().ok());
        assert_eq!(version, Some(index + 1), "{name}: migrations are numbered one by one");
        list.push_str(&format!("    Migration {{ version: {}, name: {name:?}, sql: include_str!({path:?}) }},\n", index + 1));
    }
    list.push_str("];\n");
    fs::write(Path::new(&env::var("OUT_DIR").map_err(io::Error::other)?).join("migrations.rs"), list)
}
