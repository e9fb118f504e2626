//! Tells the suites when they are compiled whether they will run against a base URL: what needs the embedded host is ignored then, and shown as
//! that; so is what needs npm where there is none.

fn main() {
    println!("cargo::rustc-check-cfg=cfg(remote)");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=GATEHOUSE_BASE_URL");
    if std::env::var_os("GATEHOUSE_BASE_URL").is_some() {
        println!("cargo::rustc-cfg=remote");
    }
    println!("cargo::rustc-check-cfg=cfg(without_npm)");
    println!("cargo::rerun-if-env-changed=PATH");
    let npm = std::process::Command::new("npm").arg("--version").stdout(std::process::Stdio::null()).status();
    if !npm.is_ok_and(|status| status.success()) {
        println!("cargo::rustc-cfg=without_npm");
    }
}
