//! TLS 1.2 and 1.3 for a listener (RFC 5246, RFC 8446), and for what this program connects to itself, by rustls over AWS-LC with
//! rustls' own choice of cipher suites.

mod certificate;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jwtis_store::BoxError;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use zeroize::Zeroizing;

use crate::config::limited::{self, MAX_CERTIFICATES_BYTES};

pub use certificate::LiveCertificate;

/// Turns accepted TCP connections into TLS connections, with a certificate that can be replaced while they go on. Clones are the same.
#[derive(Clone)]
pub struct Acceptor {
    rustls: tokio_rustls::TlsAcceptor,
    live: Arc<LiveCertificate>,
}

/// Why a certificate and key cannot be served. Display says what to do about it and shows nothing of the key.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read the TLS {what}: {reason}")]
    Read {
        /// `certificate` or `key`.
        what: &'static str,
        /// The reason, which names the file.
        reason: String,
    },
    /// A file is not PEM, or its base64 is broken.
    #[error("the TLS {what} {} is not well-formed PEM", path.display())]
    Pem {
        /// `certificate` or `key`.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// The reason.
        source: pem::Error,
    },
    /// The key is there and encrypted.
    #[error("the TLS key {} is encrypted with a passphrase", path.display())]
    Encrypted {
        /// The file.
        path: PathBuf,
    },
    /// PEM, but without the section that is needed.
    #[error("{} holds no {section}: was another file meant?", path.display())]
    Missing {
        /// Which section.
        section: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// The key is of a kind that TLS cannot use, the certificate is malformed, or the two do not belong together.
    #[error("the TLS certificate {} and key {} cannot be used together", certificate.display(), key.display())]
    Unusable {
        /// The certificate file.
        certificate: PathBuf,
        /// The key file.
        key: PathBuf,
        /// The reason.
        source: rustls::Error,
    },
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

/// What is trusted here: the list that `SSL_CERT_FILE` or `SSL_CERT_DIR` names, or else the operating system's.
///
/// # Errors
/// There is no list, or nothing in it can be used.
pub(crate) fn system_roots() -> Result<RootCertStore, BoxError> {
    let found = rustls_native_certs::load_native_certs();
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

fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let failed = |error| pem_error("certificate", "CERTIFICATE", path, error);
    let text = read("certificate", path)?;
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&text).collect::<Result<_, _>>().map_err(failed)?;
    if chain.is_empty() {
        return Err(failed(pem::Error::NoItemsFound));
    }
    Ok(chain)
}

fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let text = read("key", path)?;
    // PKCS#8 (RFC 5958), and the older form of OpenSSL (RFC 1421 §4.6.1.1).
    let has = |mark: &[u8]| text.windows(mark.len()).any(|part| part == mark);
    if has(b"BEGIN ENCRYPTED PRIVATE KEY") || has(b"Proc-Type: 4,ENCRYPTED") {
        return Err(TlsError::Encrypted { path: path.to_owned() });
    }
    PrivateKeyDer::from_pem_slice(&text).map_err(|error| pem_error("key", "PRIVATE KEY", path, error))
}

fn read(what: &'static str, path: &Path) -> Result<Zeroizing<Vec<u8>>, TlsError> {
    limited::file(path, MAX_CERTIFICATES_BYTES).map_err(|reason| TlsError::Read { what, reason })
}

fn pem_error(what: &'static str, section: &'static str, path: &Path, error: pem::Error) -> TlsError {
    let path = path.to_owned();
    match error {
        pem::Error::NoItemsFound => TlsError::Missing { section, path },
        source => TlsError::Pem { what, path, source },
    }
}
