//! The container image. Its base images come from Docker Hub, so that it is not built: it is read.

use std::process::Command;

use gatehouse_tests::root;
use gatehouse_tests::tools::{output, python_program};
use serde_json::Value;

use super::{assert_command_line, path, text};

const FILE: &str = "container/Containerfile";

/// The instruction's arguments, continued lines joined, in their order.
fn instructions(name: &str) -> Vec<String> {
    let whole = text(FILE).replace("\\\n", " ");
    whole.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(' ')).map(str::to_owned).collect()
}

#[test]
fn hadolint_has_nothing_to_say() {
    output(Command::new(python_program("hadolint")).arg(path(FILE)));
}

#[test]
fn the_image_runs_the_program_as_nobody_with_one_place_to_write() {
    let words: Value = serde_json::from_str(&instructions("CMD")[0]).unwrap();
    let mut command = vec!["gatehouse"];
    command.extend(words.as_array().unwrap().iter().map(|word| word.as_str().unwrap()));
    assert_command_line(&command);
    let user = &instructions("USER")[0];
    let id: u32 = user.split(':').next().unwrap().parse().expect("a number, which Kubernetes can tell from root");
    assert!(id >= 10_000);
    let volumes: Vec<String> = serde_json::from_str(&instructions("VOLUME")[0]).unwrap();
    let state = command.iter().position(|word| *word == "--state-dir").expect("it says where the state is");
    assert_eq!(volumes, [command[state + 1]]);
    assert!(instructions("COPY").iter().any(|copy| copy.ends_with(command[state + 1]) && copy.contains(&format!("--chown={user}"))));
}

#[test]
fn the_build_is_given_what_the_workspace_consists_of() {
    let ignore = text("container/Containerfile.dockerignore");
    assert!(ignore.starts_with("*\n"), "nothing but what is named");
    let sent: Vec<_> = ignore.lines().filter_map(|line| line.strip_prefix('!')).collect();
    let context = tempfile::tempdir().unwrap();
    for entry in &sent {
        let (from, to) = (root().join(entry), context.path().join(entry));
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        output(Command::new("cp").arg("-r").args([from, to]));
    }
    let mut metadata = Command::new(env!("CARGO"));
    metadata.args(["metadata", "--locked", "--offline", "--no-deps", "--format-version", "1"]).current_dir(context.path());
    let workspace: Value = serde_json::from_str(&output(&mut metadata)).unwrap();
    let packages: Vec<_> = workspace["packages"].as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap()).collect();
    // What it is built from is there, and every component is built by its directory's name.
    let manifest = gatehouse::manifest::Manifest::load(&context.path().join("spin.toml")).unwrap();
    for component in manifest.component.values() {
        let built = component.source.file_stem().unwrap().to_str().unwrap().replace('_', "-");
        assert!(packages.contains(&built.as_str()) && context.path().join("components").join(&built).is_dir(), "{built}");
    }
    let outside = ["migrations", "wit", "static", "docs/reference/openapi.json"];
    assert!(outside.iter().all(|it| sent.contains(it)), "what build scripts read");
}
