//! TLS for the HTTP clients of this program: rustls with ring, the provider that Wasmtime's own client uses too.

/// Installs ring as the process's default crypto provider. May be called more than once.
pub fn install() {
    // An error means that one is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
