//! Where a PostgreSQL server is, and how it is spoken to: by its address with libpq's parameters.

use std::net::IpAddr;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail, ensure};
use percent_encoding::percent_decode_str;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

/// A server, as its address has it.
pub struct Server {
    /// Where it is, and who asks.
    pub config: Config,
    /// Whether what is said to it is encrypted, and whose certificates are believed then.
    pub tls: Option<Authorities>,
}

/// Whose certificates are believed.
#[derive(Debug, PartialEq, Eq)]
pub enum Authorities {
    /// Those that this machine believes.
    System,
    /// Those in a file (PEM), or one of the server's own there.
    File(String),
}

impl Server {
    /// Reads an address. It may hold a password: it stands in no error.
    ///
    /// Of libpq's modes, `require` and the two that verify are one: where the server has no TLS, or its certificate is none for its name, nothing is
    /// read. `disable` is plain text, and so is a server on this machine for which none is said. Elsewhere none is an error, as are those modes
    /// that would try TLS and go on without: all rows would be read by whoever is on the way.
    pub fn parse(address: &str) -> Result<Self> {
        let (base, query) = address.split_once('?').unwrap_or((address, ""));
        let (mut mode, mut authorities, mut others) = (None, None, Vec::new());
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = percent_decode_str(value).decode_utf8_lossy();
            match name {
                "sslmode" => mode = Some(value.into_owned()),
                "sslrootcert" if value == "system" => authorities = Some(Authorities::System),
                "sslrootcert" => authorities = Some(Authorities::File(value.into_owned())),
                _ => others.push(pair),
            }
        }
        let is_encrypted = match mode.as_deref() {
            Some("require" | "verify-ca" | "verify-full") => true,
            Some("disable") => false,
            None | Some("allow" | "prefer") => authorities.is_some(),
            Some(_) => bail!("sslmode is disable, allow, prefer, require, verify-ca or verify-full"),
        };
        let address = if others.is_empty() { base.to_owned() } else { format!("{base}?{}", others.join("&")) };
        let mut config: Config = address.parse().context("the address cannot be read")?;
        ensure!(
            is_encrypted || mode.as_deref() == Some("disable") || is_on_this_machine(&config),
            "the server is elsewhere: say sslmode=require, or sslmode=disable where the way to it is a tunnel"
        );
        config.ssl_mode(if is_encrypted { SslMode::Require } else { SslMode::Disable });
        Ok(Self { config, tls: is_encrypted.then(|| authorities.unwrap_or(Authorities::System)) })
    }
}

/// Whether all that is said stays on this machine.
fn is_on_this_machine(config: &Config) -> bool {
    let is_local = |host: &Host| match host {
        Host::Tcp(name) => name == "localhost" || name.parse().is_ok_and(|address: IpAddr| address.is_loopback()),
        Host::Unix(_) => true,
    };
    config.get_hosts().iter().all(is_local) && config.get_hostaddrs().iter().all(IpAddr::is_loopback)
}

impl Authorities {
    /// How the server's certificate is checked: by its name, and by these.
    pub fn client_config(&self) -> Result<ClientConfig> {
        let mut roots = RootCertStore::empty();
        match self {
            // Some of the system's may be of kinds that are not known here.
            Self::System => drop(roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs)),
            Self::File(path) => {
                let pem = std::fs::read(path).with_context(|| format!("sslrootcert: cannot read {path}"))?;
                for certificate in CertificateDer::pem_slice_iter(&pem) {
                    roots.add(certificate.with_context(|| format!("sslrootcert: a certificate in {path} cannot be read"))?)?;
                }
            }
        }
        ensure!(!roots.is_empty(), "there are no certificate authorities to believe: say sslrootcert=FILE");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        Ok(config.with_root_certificates(roots).with_no_client_auth())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tls(query: &str) -> Option<Authorities> {
        let server = Server::parse(&format!("postgres://reader:se+cret@db.example:6432/slots{query}")).unwrap();
        assert_eq!((server.config.get_user(), server.config.get_dbname()), (Some("reader"), Some("slots")));
        assert_eq!((server.config.get_password(), server.config.get_ports()), (Some(&b"se+cret"[..]), &[6432][..]));
        assert_eq!(server.config.get_ssl_mode(), if server.tls.is_some() { SslMode::Require } else { SslMode::Disable });
        server.tls
    }

    #[test]
    fn what_asks_for_tls_gets_it_and_nothing_else_falls_back_to_plain_text() {
        assert_eq!(tls("?sslmode=disable"), None);
        for unsaid in ["", "?", "?sslmode=prefer&application_name=move", "?sslmode=allow", "?hostaddr=192.0.2.7"] {
            for elsewhere in ["db.example", "192.0.2.7", "localhost,db.example"] {
                let error = Server::parse(&format!("postgres://a:secret@{elsewhere}/c{unsaid}")).err().expect("plain text over a network");
                assert!(format!("{error:#}").contains("sslmode=require"), "{error:#}");
            }
        }
        for here in [
            "postgres://a@localhost/c",
            "postgres://a@127.0.0.1:5433/c?sslmode=prefer",
            "postgres://a@[::1]/c",
            "postgres://a@%2Frun%2Fpostgresql/c",
        ] {
            assert!(Server::parse(here).expect(here).tls.is_none(), "{here}");
        }
        for encrypted in ["?sslmode=require", "?sslmode=verify-ca", "?connect_timeout=3&sslmode=verify-full", "?sslrootcert=system"] {
            assert_eq!(tls(encrypted), Some(Authorities::System), "{encrypted}");
        }
        assert_eq!(tls("?sslmode=require&sslrootcert=%2Fetc%2Fa%20b+c.pem"), Some(Authorities::File("/etc/a b+c.pem".to_owned())));
        for bad in ["postgres://a:secret@b/c?sslmode=maybe", "postgres://a:secret@b/c?colour=red", "postgres://a:secret@b:port/c"] {
            let error = Server::parse(bad).err().unwrap();
            assert!(!format!("{error:#}").contains("secret"), "{error:#}");
        }
    }

    #[test]
    fn a_file_without_a_certificate_is_none_of_authorities() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("empty.pem");
        assert!(Authorities::File(file.display().to_string()).client_config().is_err());
        std::fs::write(&file, "no certificate").unwrap();
        assert!(Authorities::File(file.display().to_string()).client_config().is_err());
    }
}
