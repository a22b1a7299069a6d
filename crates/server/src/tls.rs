//! TLS 1.2 and 1.3 for a listener (RFC 5246, RFC 8446), and for what this program connects to itself, by rustls over AWS-LC with
//! rustls' own choice of cipher suites.

mod certificate;
mod files;

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use jwtis_store::BoxError;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, RootCertStore, ServerConfig};

pub use certificate::LiveCertificate;
pub use files::TlsError;

use files::{pem_error, read_chain};

/// Turns accepted TCP connections into TLS connections, with a certificate that can be replaced while they go on. Clones are the same.
#[derive(Clone)]
pub struct Acceptor {
    rustls: tokio_rustls::TlsAcceptor,
    live: Arc<LiveCertificate>,
}

impl Acceptor {
    /// Reads a chain (the server's certificate first) and its private key (PKCS#8, PKCS#1 or SEC1) from PEM files.
    ///
    /// # Errors
    /// [`TlsError`] names the file and what is wrong with it.
    pub fn from_pem_files(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        let live = Arc::new(LiveCertificate::read(certificate, key)?);
        let unusable =
            |source| TlsError::Unusable { certificate: certificate.to_owned(), key: key.to_owned(), source };
        let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(&[&TLS13, &TLS12])
            .map_err(unusable)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&live) as _);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self { rustls: Arc::new(config).into(), live })
    }

    pub(crate) fn rustls(&self) -> &tokio_rustls::TlsAcceptor {
        &self.rustls
    }

    /// The certificate that new connections get, and the files that it came from.
    #[must_use]
    pub fn certificate(&self) -> &LiveCertificate {
        &self.live
    }

    /// Whether the certificate is for a server of this name.
    pub(crate) fn covers(&self, name: &str) -> bool {
        self.live.covers(name)
    }
}

impl fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Acceptor(TLS 1.2, 1.3)")
    }
}

/// Settings of a client that trusts `roots`.
///
/// # Errors
/// When rustls does not take its own defaults.
pub(crate) fn client(roots: RootCertStore) -> Result<ClientConfig, rustls::Error> {
    Ok(ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&TLS13, &TLS12])?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

/// What is trusted here: the file that `SSL_CERT_FILE` names, or else the folder that `SSL_CERT_DIR` names, or else the operating
/// system's list.
///
/// # Errors
/// There is no list, or nothing in it can be used.
pub(crate) fn system_roots() -> Result<RootCertStore, BoxError> {
    // A file that is named is the whole list: with SSL_CERT_DIR beside it, the library would add what is in that folder.
    let found = match std::env::var_os("SSL_CERT_FILE") {
        Some(file) => rustls_native_certs::load_certs_from_paths(Some(Path::new(&file)), None),
        None => rustls_native_certs::load_native_certs(),
    };
    let mut roots = RootCertStore::empty();
    // Lists hold old certificates that rustls does not take; the others count.
    let (added, _) = roots.add_parsable_certificates(found.certs);
    if added == 0 {
        let why = found.errors.into_iter().next().map(|error| error.to_string());
        return Err(why.unwrap_or_else(|| "no certificate was found".to_owned()).into());
    }
    Ok(roots)
}

/// The certificates of a PEM file.
///
/// # Errors
/// [`TlsError`]; [`TlsError::Missing`] where the file holds no certificate that can be trusted.
pub(crate) fn roots_in(path: &Path) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(read_chain(path)?);
    if added == 0 {
        return Err(pem_error("certificate", "CERTIFICATE", path, pem::Error::NoItemsFound));
    }
    Ok(roots)
}
