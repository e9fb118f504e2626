//! Tells the suites when they are compiled whether they will run against a base URL: what needs the embedded host is ignored then, and shown as
//! that.

fn main() {
    println!("cargo::rustc-check-cfg=cfg(remote)");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=GATEHOUSE_BASE_URL");
    if std::env::var_os("GATEHOUSE_BASE_URL").is_some() {
        println!("cargo::rustc-cfg=remote");
    }
}
