//! The media relay's configuration: as far as it can be read without the relay, which is in no package registry.

use std::process::Command;

use gatehouse_tests::root;
use gatehouse_tests::tools::{debian_program, yaml};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn the_relay_asks_gatehouse_and_keeps_its_own_doors_shut() {
    let documents = tokio::task::spawn_blocking(|| yaml(&root().join("deploy/mediamtx/mediamtx.yml"))).await.unwrap();
    let [relay] = &documents[..] else { panic!("{} documents", documents.len()) };
    assert_eq!((&relay["authMethod"], &relay["authHTTPExclude"]), (&json!("http"), &json!([])), "nobody gets in unasked");
    let hook = relay["authHTTPAddress"].as_str().unwrap();
    let path = hook.strip_prefix("http://127.0.0.1:3000").expect("the embedded host's address");
    let manifest = std::fs::read_to_string(root().join("spin.toml")).unwrap();
    assert!(manifest.contains(&format!("route = \"{path}\"")), "{path} is no route");
    for door in ["apiAddress", "playbackAddress", "hlsAddress", "webrtcAddress"] {
        assert!(relay[door].as_str().unwrap().starts_with("127.0.0.1:"), "{door}");
    }
    assert_eq!(relay["pathDefaults"]["recordDeleteAfter"], "0s", "Gatehouse removes recordings");
    assert_eq!(relay["pathDefaults"]["recordFormat"], "fmp4", "the only one that is played back");
    let paths: Vec<&str> = relay["paths"].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(paths, ["~^cam/([^/]+)/main$", "~^cam/([^/]+)/sub$"], "what was recorded is found after a start too");
    let program = relay["pathDefaults"]["runOnRecordSegmentComplete"].as_str().unwrap().rsplit_once('/').unwrap().1;
    assert!(root().join("deploy/mediamtx").join(program).exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_a_recording_has_a_picture_beside_it_until_it_is_gone() {
    let Some(ffmpeg) = debian_program("ffmpeg", "ffmpeg") else { return };
    let directory = tempfile::tempdir().unwrap();
    let [file, gone] = ["2026-02-05_08-00-00-000000.mp4", "2026-02-05_07-50-00-000000.mp4.jpg"].map(|name| directory.path().join(name));
    let mut made = Command::new(&ffmpeg);
    made.args(["-nostdin", "-loglevel", "error", "-f", "lavfi", "-i", "testsrc=size=640x360:rate=10", "-t", "1", "-c:v", "mpeg4"]);
    assert!(made.arg(&file).status().unwrap().success());
    std::fs::write(&gone, "of a file that is gone").unwrap();
    let mut command = Command::new(root().join("deploy/mediamtx/thumbnail.sh"));
    let programs = format!("{}:{}", ffmpeg.parent().unwrap().display(), std::env::var("PATH").unwrap());
    assert!(command.env("MTX_SEGMENT_PATH", &file).env("PATH", programs).status().unwrap().success());
    let picture = std::fs::read(file.with_extension("mp4.jpg")).unwrap();
    assert!(picture.starts_with(&[0xff, 0xd8, 0xff]), "a JPEG");
    assert!(!gone.exists());
}
