//! A certificate that is replaced while connections go on, and what it says of itself (RFC 5280 §4.1.2.5).
//!
//! A pair of files that cannot be used changes nothing: the certificate before stays. So a certificate that has been written already and a
//! key that has not are no harm; the key's change makes another try.

use std::fmt;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use jwtis_base::Timestamp;
use rustls::client::verify_server_name;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::ServerName;
use rustls::server::{ClientHello, ParsedCertificate, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use x509_cert::Certificate;
use x509_cert::der::Decode as _;

use super::files::{TlsError, read_chain, read_key};
use crate::config::limited;

/// A certificate that ends within this time gets a warning; within a third of its life where that is shorter.
const SOON: Duration = Duration::from_secs(14 * DAY);
const DAY: u64 = 24 * 3600;
/// Permissions of a key file that let others than its owner and group in.
const OTHERS: u32 = 0o007;

/// The certificate and key of a listener as last read from their files.
pub struct LiveCertificate {
    certificate: PathBuf,
    key: PathBuf,
    now: RwLock<Arc<Loaded>>,
}

struct Loaded {
    key: Arc<CertifiedKey>,
    facts: Option<Facts>,
}

/// What the certificate says of itself.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Facts {
    not_before: Timestamp,
    not_after: Timestamp,
}

impl LiveCertificate {
    pub(super) fn read(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        let now = RwLock::new(Arc::new(load(certificate, key)?));
        Ok(Self { certificate: certificate.to_owned(), key: key.to_owned(), now })
    }

    /// Reads the files again: connections from now on get what is in them. It blocks.
    ///
    /// # Errors
    /// [`TlsError`]; the certificate before stays in use.
    pub fn reload(&self) -> Result<(), TlsError> {
        for (what, path) in [("certificate", &self.certificate), ("key", &self.key)] {
            limited::check_regular(path).map_err(|reason| TlsError::Read { what, reason })?;
        }
        let loaded = Arc::new(load(&self.certificate, &self.key)?);
        *self.now.write().unwrap_or_else(PoisonError::into_inner) = loaded;
        Ok(())
    }

    /// The files: certificate, then key.
    #[must_use]
    pub fn files(&self) -> [PathBuf; 2] {
        [self.certificate.clone(), self.key.clone()]
    }

    /// Whether the certificate is for a server of this name (RFC 9525 §6.3).
    #[must_use]
    pub fn covers(&self, name: &str) -> bool {
        let loaded = self.loaded();
        let certificate = loaded.key.cert.first().map(ParsedCertificate::try_from);
        match (certificate, ServerName::try_from(name)) {
            (Some(Ok(certificate)), Ok(name)) => verify_server_name(&certificate, &name).is_ok(),
            (None | Some(Err(_)), _) | (_, Err(_)) => false,
        }
    }

    /// Whole days until the certificate ends; negative once it has ended. `None` where its dates cannot be read.
    #[must_use]
    pub fn days_left(&self, now: Timestamp) -> Option<i64> {
        let facts = self.loaded().facts.clone()?;
        let (end, now) = (i64::try_from(facts.not_after.seconds()).ok()?, i64::try_from(now.seconds()).ok()?);
        Some(end.saturating_sub(now).div_euclid(DAY.cast_signed()))
    }

    /// What an operator should mend before somebody else notices.
    #[must_use]
    pub fn warnings(&self, now: Timestamp) -> Vec<String> {
        let shown = self.certificate.display();
        let mut warnings = Vec::new();
        match &self.loaded().facts {
            Some(facts) if now < facts.not_before => {
                warnings.push(format!("the TLS certificate {shown} is not valid yet"));
            }
            Some(facts) if now >= facts.not_after => {
                warnings.push(format!("the TLS certificate {shown} has expired"));
            }
            Some(facts) if facts.ends_soon(now) => {
                let days = self.days_left(now).unwrap_or_default();
                warnings.push(format!("the TLS certificate {shown} ends in {days} days"));
            }
            Some(_) => {}
            None => warnings.push(format!("the dates of the TLS certificate {shown} cannot be read")),
        }
        if fs::metadata(&self.key).is_ok_and(|file| file.permissions().mode() & OTHERS != 0) {
            let key = self.key.display();
            warnings.push(format!("everybody on this machine can read the TLS key {key}; chmod it to 600"));
        }
        warnings
    }

    fn loaded(&self) -> Arc<Loaded> {
        Arc::clone(&self.now.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl ResolvesServerCert for LiveCertificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.loaded().key))
    }
}

impl fmt::Debug for LiveCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LiveCertificate({})", self.certificate.display())
    }
}

impl Facts {
    fn read(certificate: &[u8]) -> Option<Self> {
        let certificate = Certificate::from_der(certificate).ok()?;
        let body = certificate.tbs_certificate();
        let validity = body.validity();
        let moment = |time: x509_cert::time::Time| Timestamp::from_seconds(time.to_unix_duration().as_secs());
        Some(Self { not_before: moment(validity.not_before), not_after: moment(validity.not_after) })
    }

    fn ends_soon(&self, now: Timestamp) -> bool {
        let life = self.not_after.seconds().saturating_sub(self.not_before.seconds());
        let left = self.not_after.seconds().saturating_sub(now.seconds());
        left < SOON.as_secs().min(life / 3)
    }
}

fn load(certificate: &Path, key: &Path) -> Result<Loaded, TlsError> {
    let chain = read_chain(certificate)?;
    let private = read_key(key)?;
    let facts = chain.first().and_then(|leaf| Facts::read(leaf));
    let key = CertifiedKey::from_der(chain, private, &aws_lc_rs::default_provider()).map_err(|source| {
        TlsError::Unusable { certificate: certificate.to_owned(), key: key.to_owned(), source }
    })?;
    Ok(Loaded { key: Arc::new(key), facts })
}
