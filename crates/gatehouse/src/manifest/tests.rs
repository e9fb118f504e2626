use super::*;

const HEAD: &str = "spin_manifest_version = 2\n[application]\nname = \"x\"\n";

#[test]
fn the_manifest_of_the_repository_is_valid() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spin.toml");
    let manifest = Manifest::load(&path).unwrap();
    assert!(!manifest.trigger.http.is_empty());
    assert!(!manifest.trigger.mqtt.is_empty() && manifest.application.trigger.mqtt.is_some(), "what stands beside it belongs to it");
    assert!(manifest.is_only_for_mqtt("mqtt") && !manifest.is_only_for_mqtt("telemetry"));
}

#[test]
fn two_manifests_agree_or_are_refused() {
    let parse = |tail: &str| Manifest::parse(&format!("{HEAD}{tail}")).unwrap();
    let joined = |one: &str, other: &str| parse(one).join(parse(other)).is_ok();
    assert!(joined("[variables]\na = { default = \"1\" }\n", "[variables]\na = { default = \"1\" }\nb = { default = \"\" }\n"));
    assert!(!joined("[variables]\na = { default = \"1\" }\n", "[variables]\na = { default = \"2\" }\n"));
    assert!(!joined("[component.a]\nsource = \"a.wasm\"\n", "[component.a]\nsource = \"a.wasm\"\n"));
}

#[test]
fn unknown_fields_are_errors() {
    let parse = |tail: &str| Manifest::parse(&format!("{HEAD}{tail}"));
    assert!(parse("").is_ok());
    assert!(parse("[component.a]\nsource = \"a.wasm\"\n[component.a.tool.other]\nx = 1\n").is_ok());
    for bad in [
        "[surprise]\n",
        "[component.a]\nsource = \"a.wasm\"\nai_models = [\"x\"]\n",
        "[component.a]\nsource = \"a.wasm\"\n[component.a.tool.gatehouse]\nmax_surprise = 1\n",
        "[application.trigger.mqtt]\naddress = \"mqtt://b:1\"\n",
        "[[trigger.mqtt]]\ncomponent = \"missing\"\ntopic = \"x\"\nqos = \"1\"\n",
        "[[trigger.redis]]\nchannel = \"x\"\n",
        "[[trigger.http]]\nroute = \"/\"\ncomponent = \"missing\"\n",
        "[variables]\nNo = { default = \"\" }\n",
        "[variables]\nneither = { secret = true }\n",
    ] {
        assert!(parse(bad).is_err(), "{bad}");
    }
}

#[test]
fn variable_names() {
    for good in ["a", "a1", "log_level", "a_b_c"] {
        assert!(is_variable_name(good), "{good}");
    }
    for bad in ["", "A", "1a", "a__b", "a_", "_a", "a-b"] {
        assert!(!is_variable_name(bad), "{bad}");
    }
}
