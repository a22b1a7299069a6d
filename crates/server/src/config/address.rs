//! Where a listener listens, and its certificate.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

use crate::tls;

/// Files for TLS.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// Certificate chain, PEM.
    pub cert: PathBuf,
    /// Private key, PEM.
    pub key: PathBuf,
}

impl TlsFiles {
    /// Reads the files.
    ///
    /// # Errors
    /// Names the file and what is wrong with it.
    pub fn acceptor(&self) -> Result<tls::Acceptor, tls::TlsError> {
        tls::Acceptor::from_pem_files(&self.cert, &self.key)
    }
}

/// An address to listen on: `IP:PORT`, `localhost:PORT` for this machine alone, or `:PORT` for all interfaces (as Signatory writes it).
/// The latter two mean IPv4 and IPv6, where the machine has both.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct ListenAddress {
    host: Host,
    port: u16,
}

/// On which interfaces.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Host {
    /// All, of both families.
    All,
    /// This machine, by both families.
    Localhost,
    /// The one with this address; its port is the listener's.
    Address(SocketAddr),
}

/// The text is no address to listen on.
#[derive(Copy, Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "write an address to listen on as IP:PORT, like 127.0.0.1:4343, [::1]:4343 or :4343 for all interfaces; no name of a host but localhost"
)]
pub struct InvalidAddress;

impl ListenAddress {
    /// The same place with a port that is free.
    #[must_use]
    pub fn with_any_port(self) -> Self {
        let host = match self.host {
            Host::All | Host::Localhost => self.host,
            Host::Address(mut address) => {
                address.set_port(0);
                Host::Address(address)
            }
        };
        Self { host, port: 0 }
    }

    /// On which interfaces.
    #[must_use]
    pub const fn host(self) -> Host {
        self.host
    }

    /// The port; 0 takes a free one.
    #[must_use]
    pub const fn port(self) -> u16 {
        self.port
    }

    /// The addresses of sockets, one for each family.
    #[must_use]
    pub fn sockets(self) -> Vec<SocketAddr> {
        let (four, six) = match self.host {
            Host::All => (Ipv4Addr::UNSPECIFIED, Ipv6Addr::UNSPECIFIED),
            Host::Localhost => (Ipv4Addr::LOCALHOST, Ipv6Addr::LOCALHOST),
            Host::Address(address) => return vec![address],
        };
        vec![SocketAddr::new(four.into(), self.port), SocketAddr::new(six.into(), self.port)]
    }

    /// Whether only this machine reaches it.
    #[must_use]
    pub const fn is_loopback(self) -> bool {
        match self.host {
            Host::All => false,
            Host::Localhost => true,
            Host::Address(address) => address.ip().to_canonical().is_loopback(),
        }
    }
}

impl FromStr for ListenAddress {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        if let Ok(address) = text.parse::<SocketAddr>() {
            return Ok(Self { host: Host::Address(address), port: address.port() });
        }
        let (host, port) = text.rsplit_once(':').ok_or(InvalidAddress)?;
        let port = port.parse().map_err(|_| InvalidAddress)?;
        let host = match host {
            "" => Host::All,
            "localhost" => Host::Localhost,
            _ => return Err(InvalidAddress),
        };
        Ok(Self { host, port })
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host {
            Host::All => write!(f, ":{}", self.port),
            Host::Localhost => write!(f, "localhost:{}", self.port),
            Host::Address(address) => address.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_listened_on() {
        for (text, sockets, loopback) in [
            ("127.0.0.1:4343", &["127.0.0.1:4343"][..], true),
            ("localhost:0", &["127.0.0.1:0", "[::1]:0"], true),
            ("[::1]:4343", &["[::1]:4343"], true),
            ("[::ffff:127.0.0.1]:4343", &["[::ffff:127.0.0.1]:4343"], true),
            (":4343", &["0.0.0.0:4343", "[::]:4343"], false),
            ("0.0.0.0:4343", &["0.0.0.0:4343"], false),
            ("[::]:4343", &["[::]:4343"], false),
            ("[fe80::1%2]:4343", &["[fe80::1%2]:4343"], false),
            ("10.0.0.1:80", &["10.0.0.1:80"], false),
        ] {
            let address: ListenAddress = text.parse().unwrap();
            let found: Vec<String> = address.sockets().iter().map(SocketAddr::to_string).collect();
            assert_eq!(
                (found, address.is_loopback()),
                (sockets.iter().map(ToString::to_string).collect(), loopback),
                "{text}"
            );
            assert_eq!(address.to_string(), text);
        }
        for text in ["", "4343", "127.0.0.1", "127.0.0.1:", "127.0.0.1:99999", "example.com:80", "[::1]"] {
            assert_eq!(text.parse::<ListenAddress>(), Err(InvalidAddress), "{text}");
        }
    }
}
