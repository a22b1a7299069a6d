//! Certificates and keys, read from PEM files (RFC 7468).

use std::path::{Path, PathBuf};

use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use zeroize::Zeroizing;

use crate::config::limited::{self, MAX_CERTIFICATES_BYTES};

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

pub(super) fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let failed = |error| pem_error("certificate", "CERTIFICATE", path, error);
    let text = read("certificate", path)?;
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&text).collect::<Result<_, _>>().map_err(failed)?;
    if chain.is_empty() {
        return Err(failed(pem::Error::NoItemsFound));
    }
    Ok(chain)
}

pub(super) fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
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

pub(super) fn pem_error(
    what: &'static str,
    section: &'static str,
    path: &Path,
    error: pem::Error,
) -> TlsError {
    let path = path.to_owned();
    match error {
        pem::Error::NoItemsFound => TlsError::Missing { section, path },
        source => TlsError::Pem { what, path, source },
    }
}
