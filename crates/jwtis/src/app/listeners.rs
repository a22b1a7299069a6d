//! The listeners: bound before anything else happens, so that a busy port changes nothing on disk.

use std::io;
use std::net::SocketAddr;

use jwtis_core::Env;
use tokio::net::TcpListener;

use super::certificates::Certificate;
use crate::config::{Config, ListenAddress, TlsFiles};
use crate::tls;

/// Listeners that are bound and do not serve yet.
#[derive(Debug, Default)]
pub struct Listeners {
    pub(super) issuer: Option<Door>,
    pub(super) signer: Option<Door>,
    pub(super) utility: Option<TcpListener>,
}

/// A listener for one of the APIs.
#[derive(Debug)]
pub(super) struct Door {
    pub(super) listener: TcpListener,
    pub(super) tls: Option<tls::Acceptor>,
}

/// Which of the listeners.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Which {
    /// The issuer's API.
    Issuer,
    /// The signer's API.
    Signer,
    /// `/metrics` and `/healthz`.
    Utility,
}

impl Which {
    /// In words.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Issuer => "issuer",
            Self::Signer => "signer",
            Self::Utility => "metrics and health",
        }
    }
}

/// Why a listener is not there.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address} ({})", which.name())]
    Address {
        /// For what.
        which: Which,
        /// The address.
        address: ListenAddress,
        /// The reason.
        source: io::Error,
    },
    /// Certificate or key cannot be used.
    #[error("no TLS ({})", which.name())]
    Tls {
        /// For what.
        which: Which,
        /// The reason.
        source: tls::TlsError,
    },
}

impl Listeners {
    /// Binds what the configuration asks for, and reads certificates and keys.
    ///
    /// # Errors
    /// Names the address or the file.
    pub async fn bind(config: &Config) -> Result<Self, BindError> {
        let issuer = match &config.issuer {
            Some(issuer) => Some(door(Which::Issuer, issuer.listen, issuer.tls.as_ref()).await?),
            None => None,
        };
        let signer = match &config.signer {
            Some(signer) => Some(door(Which::Signer, signer.listen, signer.tls.as_ref()).await?),
            None => None,
        };
        let utility = match config.utility {
            Some(address) => Some(bind(Which::Utility, address).await?),
            None => None,
        };
        Ok(Self { issuer, signer, utility })
    }

    /// Plain listeners: one for the issuer, and one for the signer where there is one.
    #[must_use]
    pub fn plain(issuer: TcpListener, signer: Option<TcpListener>) -> Self {
        let door = |listener| Door { listener, tls: None };
        Self { issuer: Some(door(issuer)), signer: signer.map(door), utility: None }
    }

    /// The certificates that the listeners show.
    pub(super) fn certificates(&self, env: &Env) -> Vec<Certificate> {
        let certificate = |(which, door): (Which, &Option<Door>)| {
            let acceptor = door.as_ref()?.tls.clone()?;
            Some(Certificate { which, acceptor, env: env.clone() })
        };
        [(Which::Issuer, &self.issuer), (Which::Signer, &self.signer)]
            .into_iter()
            .filter_map(certificate)
            .collect()
    }

    /// Base URL of the issuer as a client on this machine reaches it.
    #[must_use]
    pub fn issuer_url(&self) -> Option<String> {
        self.issuer.as_ref()?.url()
    }

    /// Base URL of the signer.
    #[must_use]
    pub fn signer_url(&self) -> Option<String> {
        self.signer.as_ref()?.url()
    }

    /// Base URL of the utility listener.
    #[must_use]
    pub fn utility_url(&self) -> Option<String> {
        Some(url("http", self.utility.as_ref()?.local_addr().ok()?))
    }
}

impl Door {
    fn url(&self) -> Option<String> {
        Some(url(if self.tls.is_some() { "https" } else { "http" }, self.listener.local_addr().ok()?))
    }
}

async fn door(which: Which, address: ListenAddress, tls: Option<&TlsFiles>) -> Result<Door, BindError> {
    let tls = tls.map(TlsFiles::acceptor).transpose();
    let tls = tls.map_err(|source| BindError::Tls { which, source })?;
    Ok(Door { listener: bind(which, address).await?, tls })
}

async fn bind(which: Which, address: ListenAddress) -> Result<TcpListener, BindError> {
    TcpListener::bind(address.socket()).await.map_err(|source| BindError::Address { which, address, source })
}

/// An address that one can connect to, where the listener's means all interfaces.
fn url(scheme: &str, mut address: SocketAddr) -> String {
    if address.ip().is_unspecified() {
        let loopback = if address.is_ipv4() {
            std::net::Ipv4Addr::LOCALHOST.into()
        } else {
            std::net::Ipv6Addr::LOCALHOST.into()
        };
        address.set_ip(loopback);
    }
    format!("{scheme}://{address}")
}
