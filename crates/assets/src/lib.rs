//! For the build scripts of components that serve files: turns files into a table of `kit::assets::Asset`, each as it is, with gzip
//! and with brotli, under an ETag of its content. Compressed when the component is built, so that no request pays for it.
//!
//! A build script lists its [`Files`] and writes the table; the component includes it:
//!
//! ```ignore
//! include!(concat!(env!("OUT_DIR"), "/assets.rs")); // static ASSETS: kit::assets::Assets
//! ```

mod join;
mod page;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

/// The files to embed, by the path under which they are found.
#[derive(Default)]
pub struct Files {
    files: BTreeMap<String, PathBuf>,
    /// The page whose modules are named by their content, and the address under which all files are.
    page: Option<(String, String)>,
}

impl Files {
    /// No files yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one file. A relative path starts at the package's folder.
    ///
    /// # Panics
    ///
    /// When the file does not exist.
    #[must_use]
    pub fn file(mut self, name: impl Into<String>, path: impl AsRef<Path>) -> Self {
        self.insert(name.into(), &in_package(path.as_ref()));
        self
    }

    /// Adds all files under a folder, as `prefix` and their path in it (with slashes), without hidden ones and without what `except`
    /// names in the folder itself. A relative path starts at the package's folder.
    ///
    /// # Panics
    ///
    /// When the folder cannot be listed.
    #[must_use]
    pub fn directory(mut self, prefix: &str, directory: impl AsRef<Path>, except: &[&str]) -> Self {
        self.collect(prefix, &in_package(directory.as_ref()), except);
        self
    }

    fn collect(&mut self, prefix: &str, directory: &Path, except: &[&str]) {
        println!("cargo::rerun-if-changed={}", directory.display());
        for entry in std::fs::read_dir(directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display())) {
            let entry = entry.expect("the folder can be listed");
            let name = entry.file_name().into_string().expect("names are UTF-8");
            // What describes a module to a type checker is nothing that a browser asks for.
            if name.starts_with('.') || name.ends_with(".d.ts") || except.contains(&name.as_str()) {
                continue;
            }
            let path = entry.path();
            if path.is_dir() {
                self.collect(&format!("{prefix}{name}/"), &path, &[]);
            } else {
                self.insert(format!("{prefix}{name}"), &path);
            }
        }
    }

    /// Marks one of the files as a page: where it names modules and style sheets under `base`, it names them by their content from now on, so
    /// that browsers keep them for good, and an import map does the same for what modules import. What it preloads is one file. The policy must allow that map by its hash:
    /// the table has it as `IMPORT_MAP`, in the form of a source expression.
    #[must_use]
    pub fn page(mut self, name: &str, base: &str) -> Self {
        self.page = Some((name.to_owned(), base.to_owned()));
        self
    }

    fn insert(&mut self, name: String, path: &Path) {
        let path = path.canonicalize().unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        println!("cargo::rerun-if-changed={}", path.display());
        self.files.insert(name, path);
    }

    /// Writes the table to `assets.rs` in `OUT_DIR`, as `static ASSETS`.
    ///
    /// # Panics
    ///
    /// When a file cannot be read, has a name of which the content type is not known, or `OUT_DIR` cannot be written: a build script
    /// fails by panicking.
    pub fn write(self) {
        let out = PathBuf::from(variable("OUT_DIR"));
        // In the order of their names: it is searched by halves.
        let mut files = self.files;
        let mut table = String::new();
        if let Some((name, base)) = self.page {
            let page = page::build(&name, &base, &files);
            let path = out.join("page.html");
            std::fs::write(&path, page.html).expect("OUT_DIR can be written");
            files.insert(name, path);
            let joined = out.join(page::JOINED);
            std::fs::write(&joined, page.joined).expect("OUT_DIR can be written");
            files.insert(page::JOINED.to_owned(), joined);
            writeln!(table, "const IMPORT_MAP: &str = \"'sha256-{}'\";", page.import_map_hash).expect("a string takes text");
        }
        table.push_str("static ASSETS: ::kit::assets::Assets = ::kit::assets::Assets::new(&[\n");
        for (index, (name, path)) in files.iter().enumerate() {
            let content = read(path);
            let content_type = content_type(name).unwrap_or_else(|| panic!("{name}: give its extension a content type in crates/assets"));
            let etag = etag(&content);
            let gzip = smaller(&content, gzip(&content), &out.join(format!("{index}.gz")));
            let brotli = smaller(&content, brotli(&content), &out.join(format!("{index}.br")));
            writeln!(
                table,
                "    ::kit::assets::Asset {{ path: {name:?}, content_type: {content_type:?}, etag: {etag:?}, \
                 identity: include_bytes!({path:?}), gzip: {gzip}, brotli: {brotli} }},",
            )
            .expect("a string takes text");
        }
        table.push_str("]);\n");
        std::fs::write(out.join("assets.rs"), table).expect("OUT_DIR can be written");
    }
}

fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The first 24 hexadecimal digits of the SHA-256.
fn etag(content: &[u8]) -> String {
    Sha256::digest(content)[..12].iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}

fn in_package(path: &Path) -> PathBuf {
    Path::new(&variable("CARGO_MANIFEST_DIR")).join(path)
}

fn variable(name: &str) -> String {
    std::env::var(name).expect("cargo sets it")
}

/// The content type that a name's extension stands for.
fn content_type(name: &str) -> Option<&'static str> {
    Some(match name.rsplit(['.', '/']).next()? {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" => "application/json",
        "svg" => "image/svg+xml",
        "webmanifest" => "application/manifest+json",
        "png" => "image/png",
        "woff2" => "font/woff2",
        "txt" | "LICENSE" | "NOTICE" => "text/plain; charset=utf-8",
        _ => return None,
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_content_type_is_that_of_the_extension() {
        assert_eq!(content_type("views/plan.js"), Some("text/javascript; charset=utf-8"));
        assert_eq!(content_type("a.b/LICENSE"), Some("text/plain; charset=utf-8"));
        assert_eq!(content_type("bundle.js.LICENSE.txt"), Some("text/plain; charset=utf-8"));
        assert_eq!(content_type("archive.tar"), None);
    }

    #[test]
    fn what_does_not_shrink_has_no_compressed_form() {
        assert_eq!(smaller(b"short", gzip(b"short"), Path::new("/nowhere")), "None");
    }

    #[test]
    fn what_is_compressed_is_what_was_there() {
        use std::io::Read as _;

        let content = "the same line again\n".repeat(100);
        let mut text = String::new();
        flate2::read::GzDecoder::new(gzip(content.as_bytes()).as_slice()).read_to_string(&mut text).unwrap();
        assert_eq!(text, content);
        let mut text = String::new();
        brotli::Decompressor::new(brotli(content.as_bytes()).as_slice(), 4096).read_to_string(&mut text).unwrap();
        assert_eq!(text, content);
    }
}
