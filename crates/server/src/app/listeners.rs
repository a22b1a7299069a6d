//! The listeners: bound before anything else happens, so that a busy port changes nothing on disk.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use jwtis_base::Env;
use rustix::io::Errno;
use rustix::net::sockopt;
use tokio::net::{TcpListener, TcpSocket};

use super::certificates::Certificate;
use super::which::Which;
use crate::config::{Config, Host, HttpConfig, ListenAddress, TlsFiles};
use crate::http::door::Door;
use crate::tls;

/// Connections that the operating system keeps until they are accepted, as in tokio.
const BACKLOG: u32 = 1024;

/// Listeners that are bound and do not serve yet.
#[derive(Debug, Default)]
pub struct Listeners {
    pub(super) issuer: Option<Bound>,
    pub(super) signer: Option<Bound>,
    pub(super) utility: Option<Bound>,
    pub(super) http: HttpConfig,
}

/// The sockets of one listener.
#[derive(Debug)]
pub(super) struct Bound {
    pub(super) sockets: Vec<TcpListener>,
    pub(super) tls: Option<tls::Acceptor>,
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
            Some(issuer) => Some(bind(Which::Issuer, issuer.listen, issuer.tls.as_ref()).await?),
            None => None,
        };
        let signer = match &config.signer {
            Some(signer) => Some(bind(Which::Signer, signer.listen, signer.tls.as_ref()).await?),
            None => None,
        };
        let utility = match config.utility {
            Some(address) => Some(bind(Which::Utility, address, None).await?),
            None => None,
        };
        Ok(Self { issuer, signer, utility, http: config.http.clone() })
    }

    /// Plain listeners: one for the issuer, and one for the signer where there is one.
    #[must_use]
    pub fn plain(issuer: Vec<TcpListener>, signer: Option<Vec<TcpListener>>) -> Self {
        let bound = |sockets| Bound { sockets, tls: None };
        Self { issuer: Some(bound(issuer)), signer: signer.map(bound), ..Self::default() }
    }

    /// The certificates that the listeners show.
    pub(super) fn certificates(&self, env: &Env) -> Vec<Certificate> {
        let certificate = |(which, bound): (Which, &Option<Bound>)| {
            let acceptor = bound.as_ref()?.tls.clone()?;
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
        self.utility.as_ref()?.url()
    }
}

impl Bound {
    /// Where the first socket listens.
    pub(super) fn address(&self) -> Option<SocketAddr> {
        self.sockets.first()?.local_addr().ok()
    }

    /// An address that one can connect to, where the listener's means all interfaces.
    fn url(&self) -> Option<String> {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        let mut address = self.address()?;
        if address.ip().is_unspecified() {
            address.set_ip(if self.takes_ipv4() {
                Ipv4Addr::LOCALHOST.into()
            } else {
                Ipv6Addr::LOCALHOST.into()
            });
        }
        Some(format!("{scheme}://{address}"))
    }

    fn takes_ipv4(&self) -> bool {
        self.sockets.iter().any(|socket| {
            socket.local_addr().is_ok_and(|address| address.is_ipv4())
                || sockopt::ipv6_v6only(socket).is_ok_and(|alone| !alone)
        })
    }

    /// Whom it lets in. A web page can have a name of its own resolve to this machine, so where nobody else can connect, names are checked.
    pub(super) fn door(&self, http: &HttpConfig) -> Door {
        let loopback = |socket: &TcpListener| {
            socket.local_addr().is_ok_and(|address| address.ip().to_canonical().is_loopback())
        };
        let checked = self.sockets.iter().all(loopback) || !http.allowed_hosts.is_empty();
        Door {
            origins: http.allowed_origins.clone(),
            hosts: checked.then(|| http.allowed_hosts.clone()),
            proxies: http.trusted_proxies.clone(),
        }
    }
}

async fn bind(which: Which, address: ListenAddress, tls: Option<&TlsFiles>) -> Result<Bound, BindError> {
    let tls = tls.map(TlsFiles::acceptor).transpose();
    let tls = tls.map_err(|source| BindError::Tls { which, source })?;
    let sockets = listen(address).await;
    let sockets = sockets.map_err(|source| BindError::Address { which, address, source })?;
    Ok(Bound { sockets, tls })
}

/// Sockets on `address`: of both families where it names none and the machine has both.
///
/// # Errors
/// As of `bind`, of the family that is there.
pub async fn listen(address: ListenAddress) -> io::Result<Vec<TcpListener>> {
    match address.host() {
        Host::Address(socket) => Ok(vec![TcpListener::bind(socket).await?]),
        Host::All => match dual_stack(address.port()) {
            Err(error) if no_such_family(&error) => {
                Ok(vec![TcpListener::bind((Ipv4Addr::UNSPECIFIED, address.port())).await?])
            }
            bound => Ok(vec![bound?]),
        },
        Host::Localhost => {
            let four = TcpListener::bind((Ipv4Addr::LOCALHOST, address.port())).await;
            let four = unless_absent(four)?;
            let port = four.as_ref().map_or(Ok(address.port()), |four| Ok(four.local_addr()?.port()));
            let port: io::Result<u16> = port;
            let six = TcpListener::bind((Ipv6Addr::LOCALHOST, port?)).await;
            // The port that was free for the one may be taken for the other; nobody asked for this port.
            let six = if address.port() == 0 && four.is_some() { six.ok() } else { unless_absent(six)? };
            let sockets: Vec<_> = four.into_iter().chain(six).collect();
            if sockets.is_empty() { Err(io::ErrorKind::AddrNotAvailable.into()) } else { Ok(sockets) }
        }
    }
}

/// One socket of IPv6 that takes IPv4, too.
fn dual_stack(port: u16) -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v6()?;
    sockopt::set_ipv6_v6only(&socket, false)?;
    socket.set_reuseaddr(true)?;
    socket.bind((Ipv6Addr::UNSPECIFIED, port).into())?;
    socket.listen(BACKLOG)
}

/// Nothing where the machine lacks the family of addresses.
fn unless_absent(bound: io::Result<TcpListener>) -> io::Result<Option<TcpListener>> {
    match bound {
        Err(error) if no_such_family(&error) => Ok(None),
        bound => bound.map(Some),
    }
}

fn no_such_family(error: &io::Error) -> bool {
    let absent = [Errno::AFNOSUPPORT, Errno::ADDRNOTAVAIL, Errno::PROTONOSUPPORT].map(Errno::raw_os_error);
    error.raw_os_error().is_some_and(|number| absent.contains(&number))
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use tokio::net::TcpStream;

    use super::*;

    fn has(ip: impl Into<IpAddr>) -> bool {
        std::net::TcpListener::bind((ip.into(), 0)).is_ok()
    }

    #[tokio::test]
    async fn an_address_without_a_family_is_reachable_by_each_that_the_machine_has() {
        for text in [":0", "localhost:0"] {
            let sockets = listen(text.parse().unwrap()).await.unwrap();
            let port = sockets[0].local_addr().unwrap().port();
            let bound = Bound { sockets, tls: None };
            assert_eq!(bound.url().unwrap(), format!("http://127.0.0.1:{port}"), "{text}");
            for ip in [IpAddr::from(Ipv4Addr::LOCALHOST), Ipv6Addr::LOCALHOST.into()] {
                let reached = TcpStream::connect((ip, port)).await;
                assert_eq!(reached.is_ok(), has(ip), "{text} at {ip}: {reached:?}");
            }
        }
    }

    #[tokio::test]
    async fn a_port_that_is_taken_by_one_family_is_taken() {
        let taken = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).await.unwrap();
        let port = taken.local_addr().unwrap().port();
        for host in ["", "localhost"] {
            let error = listen(format!("{host}:{port}").parse().unwrap()).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::AddrInUse, "{host}");
        }
    }

    #[tokio::test]
    async fn names_are_checked_where_only_this_machine_connects_or_somebody_gave_them() {
        let named =
            HttpConfig { allowed_hosts: ["a.example".parse().unwrap()].into(), ..HttpConfig::default() };
        for (text, checked) in [("127.0.0.1:0", true), ("localhost:0", true), (":0", false)] {
            let bound = Bound { sockets: listen(text.parse().unwrap()).await.unwrap(), tls: None };
            assert_eq!(bound.door(&HttpConfig::default()).hosts.is_some(), checked, "{text}");
            assert!(bound.door(&named).hosts.is_some(), "{text}");
        }
    }
}
