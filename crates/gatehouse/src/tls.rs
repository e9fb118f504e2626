//! TLS for the clients of this program: rustls with ring, the provider that Wasmtime's own client uses too.

use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

/// Installs ring as the process's default crypto provider. May be called more than once.
pub fn install() {
    // An error means that one is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// How a server's certificate is checked: by these authorities (PEM), or by those that the system trusts.
///
/// # Errors
/// If the text holds no certificate, or the system has none.
pub fn client_config(authorities: Option<&str>) -> Result<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    match authorities {
        Some(pem) => {
            for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
                roots.add(certificate.context("a certificate cannot be read")?)?;
            }
            ensure!(!roots.is_empty(), "it holds no certificate in PEM");
        }
        None => {
            // Some of the system's may be of kinds that are not known here.
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            ensure!(!roots.is_empty(), "the system has no certificate authorities");
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(Arc::new(config.with_root_certificates(roots).with_no_client_auth()))
}
