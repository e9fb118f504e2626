//! Turns `static/` into a table of assets: each file as it is, with gzip and with brotli, under an ETag of its content. Compressed
//! here, so that no request pays for it.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

fn main() {
    let root = PathBuf::from(variable("CARGO_MANIFEST_DIR")).join("../../static");
    let out = PathBuf::from(variable("OUT_DIR"));
    println!("cargo::rerun-if-changed={}", root.display());
    let mut files = Vec::new();
    collect(&root, &root, &mut files);
    files.sort();

    let mut table = String::from("pub(crate) const ASSETS: &[Asset] = &[\n");
    for (index, name) in files.iter().enumerate() {
        let path = root.join(name).canonicalize().expect("a listed file exists");
        println!("cargo::rerun-if-changed={}", path.display());
        let content = std::fs::read(&path).expect("a listed file can be read");
        let etag: String = Sha256::digest(&content)[..12].iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
        let gzip = smaller(&content, gzip(&content), &out.join(format!("{index}.gz")));
        let brotli = smaller(&content, brotli(&content), &out.join(format!("{index}.br")));
        writeln!(
            table,
            "    Asset {{ path: {name:?}, content_type: {:?}, etag: {etag:?}, identity: include_bytes!({path:?}), gzip: {gzip}, brotli: {brotli} }},",
            content_type(name),
        )
        .expect("a string takes text");
    }
    table.push_str("];\n");
    std::fs::write(out.join("assets.rs"), table).expect("OUT_DIR can be written");
}

fn variable(name: &str) -> String {
    std::env::var(name).expect("cargo sets it")
}

/// The paths of all files under `directory`, relative to `root`, with slashes.
fn collect(root: &Path, directory: &Path, files: &mut Vec<String>) {
    for entry in std::fs::read_dir(directory).expect("static/ can be listed") {
        let path = entry.expect("static/ can be listed").path();
        let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if hidden {
            continue;
        }
        if path.is_dir() {
            collect(root, &path, files);
        } else {
            let relative = path.strip_prefix(root).expect("it is under the root");
            files.push(relative.to_str().expect("names are ASCII").replace('\\', "/"));
        }
    }
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("webmanifest") => "application/manifest+json",
        Some("png") => "image/png",
        _ => panic!("static/{name}: give its extension a content type in components/console/build.rs"),
    }
}

/// The expression for a compressed form: none where compressing does not pay.
fn smaller(content: &[u8], compressed: Vec<u8>, path: &Path) -> String {
    if compressed.len() + 64 >= content.len() {
        return "None".to_owned();
    }
    std::fs::write(path, compressed).expect("OUT_DIR can be written");
    format!("Some(include_bytes!({path:?}))")
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(content).expect("a vector takes bytes");
    encoder.finish().expect("a vector takes bytes")
}

fn brotli(content: &[u8]) -> Vec<u8> {
    let mut compressed = Vec::new();
    let mut encoder = brotli::CompressorWriter::new(&mut compressed, 4096, 11, 22);
    encoder.write_all(content).expect("a vector takes bytes");
    drop(encoder);
    compressed
}
