//! TLS for the HTTP clients of this program: rustls with ring, the provider that Wasmtime's own client uses too.

/// Makes ring the process's provider of cryptography. May be called again.
pub fn install() {
    // An error says that one is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
