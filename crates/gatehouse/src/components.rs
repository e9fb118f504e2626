//! Building the components when they are older than their sources.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use anyhow::{Context as _, Result, bail, ensure};

use crate::manifest::{Build, Component, Manifest};

const TARGET: &str = "wasm32-wasip2";

/// Builds the components, all of them, when one is missing or stale. Says so on standard error.
///
/// Always all of them: cargo unifies the features of what is built together, so another set would build the shared crates anew.
pub fn build(manifest: &Manifest) -> Result<()> {
    let stale: Vec<_> =
        (manifest.component.iter()).filter(|(_, component)| is_stale(&manifest.root, component)).map(|(name, _)| name.as_str()).collect();
    if stale.is_empty() {
        return Ok(());
    }
    let builds: Vec<&Build> = manifest.component.values().filter_map(|it| it.build.as_ref()).collect();
    eprintln!("Building the components: {} changed (the first time takes some minutes)", stale.join(", "));
    if builds.iter().any(|it| it.command.contains(TARGET)) {
        add_target()?;
    }
    for command in joined(&builds) {
        let status = Command::new("sh")
            .args(["-c", &command])
            .current_dir(&manifest.root)
            // The manifest says where the result lies.
            .env_remove("CARGO_TARGET_DIR")
            .status()
            .with_context(|| format!("cannot run {command:?}"))?;
        ensure!(status.success(), "{command:?} failed");
    }
    for (name, component) in &manifest.component {
        let source = manifest.root.join(&component.source);
        let file = std::fs::File::options().append(true).open(&source);
        let file = file.with_context(|| format!("the build of {name:?} has not made {}", source.display()))?;
        // Cargo leaves a file alone when nothing in it changes: it is up to date all the same.
        file.set_modified(SystemTime::now())?;
    }
    Ok(())
}

/// One command for all builds that differ in the package only.
fn joined(builds: &[&Build]) -> Vec<String> {
    let mut commands: Vec<String> = Vec::new();
    for build in builds {
        let package = (build.command.split_once(" -p ")).filter(|(_, package)| !package.contains(' '));
        let same = package.and_then(|(head, package)| {
            let head = format!("{head} -p ");
            commands.iter_mut().find(|it| it.starts_with(&head)).map(|it| (it, package))
        });
        match same {
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

fn is_stale(root: &Path, component: &Component) -> bool {
    let Some(built) = modified(&root.join(&component.source)) else {
        return true;
    };
    let Some(build) = &component.build else {
        return false;
    };
    let newer = |path: &Path| modified(path).is_some_and(|it| it > built);
    [".cargo/config.toml", "Cargo.lock", "Cargo.toml"].iter().any(|it| newer(&root.join(it)))
        || (build.watch.iter()).any(|glob| matching(root, glob).iter().any(|it| newer(it)))
}

/// The files of a glob such as `src/**/*.rs`: those below its fixed part that end as it does.
fn matching(root: &Path, glob: &str) -> Vec<PathBuf> {
    let Some((head, tail)) = glob.split_once('*') else {
        return vec![root.join(glob)];
    };
    let suffix = tail.rsplit('*').next().unwrap_or_default();
    let mut files = Vec::new();
    let mut directories = vec![root.join(head)];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                directories.push(path);
            } else if path.to_string_lossy().ends_with(suffix) {
                files.push(path);
            }
        }
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn builds_that_differ_in_the_package_are_one() {
        let build = |command: &str| Build { command: command.to_owned(), watch: Vec::new() };
        let (a, b, c) = (build("cargo build -p a"), build("cargo build -p b"), build("make c"));
        assert_eq!(joined(&[&a, &b, &c]), ["cargo build -p a -p b", "make c"]);
    }
}
