//! Building the components that are older than their sources.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use anyhow::{Context as _, Result, bail, ensure};
use walkdir::WalkDir;

use crate::manifest::{Build, Manifest};

const TARGET: &str = "wasm32-wasip2";

/// Files that Cargo reads in a package's directory and in those above it, beside the sources that its dep-info lists.
const CARGO_FILES: [&str; 3] = ["Cargo.toml", "Cargo.lock", ".cargo/config.toml"];

/// Runs the build commands of all components if one of them is missing or stale.
///
/// All of them, because Cargo unifies the features of the packages that it builds together: another set of packages would compile the
/// shared crates anew.
///
/// # Errors
/// If a command fails, or does not create the component's file.
pub fn build(manifest: &Manifest) -> Result<()> {
    let stale: Vec<_> = (manifest.component.iter())
        .filter(|(_, component)| is_stale(&manifest.root.join(&component.source), component.build.as_ref()))
        .map(|(name, _)| name.as_str())
        .collect();
    if stale.is_empty() {
        return Ok(());
    }
    let builds: Vec<&Build> = manifest.component.values().filter_map(|it| it.build.as_ref()).collect();
    eprintln!("Building the components: {} changed (the first time takes some minutes)", stale.join(", "));
    if builds.iter().any(|it| it.command.contains(TARGET)) {
        add_target()?;
    }
    for command in merge(&builds) {
        let status = Command::new("sh")
            .args(["-c", &command])
            .current_dir(&manifest.root)
            // The manifest names the files in the default target directory.
            .env_remove("CARGO_TARGET_DIR")
            .status()
            .with_context(|| format!("cannot run {command:?}"))?;
        ensure!(status.success(), "{command:?} failed");
    }
    for (name, component) in &manifest.component {
        let source = manifest.root.join(&component.source);
        let file = std::fs::File::options().append(true).open(&source);
        let file = file.with_context(|| format!("the build of {name:?} has not created {}", source.display()))?;
        // Cargo does not write a file again if a change of its sources makes no difference: it is up to date nevertheless.
        file.set_modified(SystemTime::now())?;
    }
    Ok(())
}

/// Merges Cargo commands that differ in the last argument, the package, into one.
fn merge(builds: &[&Build]) -> Vec<String> {
    let mut commands: Vec<String> = Vec::new();
    for build in builds {
        let package = (build.command.split_once(" -p ")).filter(|(_, package)| !package.contains(' '));
        let similar = package.and_then(|(head, package)| {
            let head = format!("{head} -p ");
            commands.iter_mut().find(|it| it.starts_with(&head)).map(|it| (it, package))
        });
        match similar {
            // One package may be two components.
            Some((command, package)) if command.split(" -p ").any(|it| it == package) => {}
            Some((command, package)) => {
                command.push_str(" -p ");
                command.push_str(package);
            }
            None => commands.push(build.command.clone()),
        }
    }
    commands
}

fn add_target() -> Result<()> {
    let libraries = Command::new("rustc").args(["--print", "target-libdir", "--target", TARGET]).output();
    let present = libraries.is_ok_and(|it| Path::new(String::from_utf8_lossy(&it.stdout).trim()).is_dir());
    if present {
        return Ok(());
    }
    eprintln!("Adding the target {TARGET}");
    match Command::new("rustup").args(["target", "add", TARGET]).status() {
        Ok(status) if status.success() => Ok(()),
        _ => bail!("cannot add the target {TARGET}: run `rustup target add {TARGET}`"),
    }
}

fn modified(path: &Path) -> Option<SystemTime> {
    std::fs::metadata(path).and_then(|it| it.modified()).ok()
}

/// Whether a component's file is missing or older than what it was built from, as Cargo's dep-info beside it tells. Without dep-info
/// the build command runs each time, and decides itself.
fn is_stale(wasm: &Path, build: Option<&Build>) -> bool {
    let Some(built) = modified(wasm) else {
        return true;
    };
    if build.is_none() {
        return false;
    }
    let Some(sources) = read_dep_info(wasm) else {
        return true;
    };
    let directories: BTreeSet<&Path> = sources.iter().flat_map(|it| it.ancestors().skip(1)).collect();
    let cargo_files = directories.iter().flat_map(|directory| CARGO_FILES.map(|file| directory.join(file)));
    sources.iter().any(|it| is_newer_or_missing(it, built)) || cargo_files.into_iter().any(|it| modified(&it).is_some_and(|at| at > built))
}

/// Whether a source, or a file in a directory that a build script reads, was modified after `built`, or does not exist.
fn is_newer_or_missing(source: &Path, built: SystemTime) -> bool {
    WalkDir::new(source).into_iter().any(|entry| {
        let modified = entry.ok().and_then(|it| it.metadata().ok()?.modified().ok());
        modified.is_none_or(|at| at > built)
    })
}

/// The sources that Cargo's dep-info lists for a file. `None` if there is no dep-info, or if it is about another file because the
/// target directory was copied.
fn read_dep_info(wasm: &Path) -> Option<Vec<PathBuf>> {
    let text = std::fs::read_to_string(wasm.with_extension("d")).ok()?;
    let (target, sources) = parse_dep_info(&text)?;
    (target.canonicalize().ok()? == wasm.canonicalize().ok()?).then_some(sources)
}

/// Parses `target: source source …`, where a backslash stands before a space within a path.
fn parse_dep_info(text: &str) -> Option<(PathBuf, Vec<PathBuf>)> {
    let (target, sources) = text.lines().next()?.split_once(": ")?;
    let unescape = |path: &str| PathBuf::from(path.replace('\0', " "));
    let sources = sources.replace("\\ ", "\0");
    Some((unescape(&target.replace("\\ ", "\0")), sources.split_whitespace().map(unescape).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn builds_that_differ_in_the_package_are_one() {
        let build = |command: &str| Build { command: command.to_owned(), watch: Vec::new() };
        let (a, b, c) = (build("cargo build -p a"), build("cargo build -p b"), build("make c"));
        assert_eq!(merge(&[&a, &b, &c]), ["cargo build -p a -p b", "make c"]);
    }

    #[test]
    fn dep_info_names_the_sources() {
        let parsed = parse_dep_info("/my\\ target/a.wasm: /my\\ code/a.rs /code/b.sql\n").unwrap();
        assert_eq!(parsed, ("/my target/a.wasm".into(), vec!["/my code/a.rs".into(), "/code/b.sql".into()]));
    }

    #[test]
    fn a_component_is_stale_when_a_source_is_newer_or_gone() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        let touch = |name: &str, seconds: u64| {
            let file = std::fs::File::create(at(name)).unwrap();
            file.set_modified(SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(seconds)).unwrap();
        };
        let build = Build { command: "cargo build".to_owned(), watch: Vec::new() };
        let is_stale = || is_stale(&at("a.wasm"), Some(&build));
        assert!(is_stale(), "not built yet");
        touch("a.wasm", 2_000_000_000);
        assert!(is_stale(), "without dep-info");
        let dep_info = |wasm: &str| format!("{}: {}\n", at(wasm).display(), at("a.rs").display());
        std::fs::write(at("a.d"), dep_info("a.wasm")).unwrap();
        assert!(is_stale(), "the source is gone");
        touch("a.rs", 1_999_999_999);
        assert!(!is_stale());
        touch("Cargo.toml", 2_000_000_001);
        assert!(is_stale(), "the package's manifest is newer");
        touch("Cargo.toml", 1);
        touch("a.rs", 2_000_000_001);
        assert!(is_stale(), "the source is newer");
        touch("a.rs", 1);
        std::fs::write(at("a.d"), dep_info("b.wasm")).unwrap();
        assert!(is_stale(), "the dep-info is about another file");
    }
}
