//! Compiled components: machine code that is damaged is not run, and a cache that cannot be written costs time alone.

use std::path::{Path, PathBuf};

use gatehouse_tests::root;

async fn start(state: &Path, cache: &Path) -> gatehouse::App {
    gatehouse::tls::install();
    let builder = gatehouse::App::builder().manifest(root().join("tests/guests/spin.toml")).state_dir(state).cache_dir(cache);
    builder.listen("127.0.0.1:0").clock(gatehouse_tests::clock_at_start()).cron(false).build_components(true).start().await.unwrap()
}

/// Serves once, and stops.
async fn serve(state: &Path, cache: &Path) {
    let app = start(state, cache).await;
    app.load_components().await.unwrap();
    let answer = reqwest::get(format!("{}/tame/calm", app.base_url())).await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.text().await.unwrap(), "calm");
    app.shutdown().await;
}

fn files(cache: &Path, ending: &str) -> Vec<PathBuf> {
    let files = std::fs::read_dir(cache).unwrap().flatten().map(|entry| entry.path());
    let mut files: Vec<_> = files.filter(|path| path.to_string_lossy().ends_with(ending)).collect();
    files.sort();
    files
}

fn is_whole(cache: &Path) -> bool {
    let check =
        std::process::Command::new("sha256sum").current_dir(cache).arg("--check").arg("--status").args(files(cache, ".sha256")).status();
    check.unwrap().success() && files(cache, ".cwasm").len() == files(cache, ".sha256").len()
}

#[tokio::test(flavor = "multi_thread")]
async fn damaged_machine_code_is_compiled_anew_and_never_run() {
    let (state, cache) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    serve(state.path(), cache.path()).await;
    let compiled = files(cache.path(), ".cwasm");
    assert_eq!(compiled.len(), 4, "of `wild`, `tame`, `narrow` and `plain`");
    assert!(is_whole(cache.path()));
    let modified = |path: &Path| std::fs::metadata(path).unwrap().modified().unwrap();
    let first = modified(&compiled[0]);
    serve(state.path(), cache.path()).await;
    assert_eq!(modified(&compiled[0]), first, "what is whole is used");

    let overwritten = |bytes: &mut Vec<u8>| {
        let (third, half) = (bytes.len() / 3, bytes.len() / 2);
        bytes[third..half].fill(0xff);
    };
    let one_bit = |bytes: &mut Vec<u8>| {
        let half = bytes.len() / 2;
        bytes[half] ^= 1;
    };
    let cut = |bytes: &mut Vec<u8>| bytes.truncate(bytes.len() / 2);
    let emptied = |bytes: &mut Vec<u8>| bytes.clear();
    for damage in [&overwritten as &dyn Fn(&mut Vec<u8>), &one_bit, &cut, &emptied] {
        for path in &compiled {
            let mut bytes = std::fs::read(path).unwrap();
            damage(&mut bytes);
            std::fs::write(path, bytes).unwrap();
        }
        assert!(!is_whole(cache.path()));
        serve(state.path(), cache.path()).await;
        assert!(is_whole(cache.path()));
    }
    for path in files(cache.path(), ".sha256") {
        std::fs::remove_file(path).unwrap();
    }
    serve(state.path(), cache.path()).await;
    assert!(is_whole(cache.path()), "code without a checksum is compiled anew");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cache_that_cannot_be_written_costs_time_alone() {
    let state = tempfile::tempdir().unwrap();
    // Not even root can make a directory there.
    let file = state.path().join("a-file");
    std::fs::write(&file, "").unwrap();
    serve(state.path(), &file.join("cache")).await;
}
