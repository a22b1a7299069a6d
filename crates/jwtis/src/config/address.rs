//! Where a listener listens.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;

/// An address to listen on: `IP:PORT`, `localhost:PORT`, or `:PORT` for all IPv4 interfaces (as Signatory writes it).
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct ListenAddress(SocketAddr);

/// The text is no address to listen on.
#[derive(Copy, Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "write an address to listen on as IP:PORT, like 127.0.0.1:4343, [::1]:4343 or :4343 for all interfaces; no name of a host but localhost"
)]
pub struct InvalidAddress;

impl ListenAddress {
    /// The socket address.
    #[must_use]
    pub const fn socket(self) -> SocketAddr {
        self.0
    }

    /// Whether only this machine reaches it.
    #[must_use]
    pub const fn is_loopback(self) -> bool {
        self.0.ip().is_loopback()
    }
}

impl FromStr for ListenAddress {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        if let Ok(address) = text.parse() {
            return Ok(Self(address));
        }
        let (host, port) = text.rsplit_once(':').ok_or(InvalidAddress)?;
        let port = port.parse().map_err(|_| InvalidAddress)?;
        let ip = match host {
            "" => Ipv4Addr::UNSPECIFIED,
            "localhost" => Ipv4Addr::LOCALHOST,
            _ => return Err(InvalidAddress),
        };
        Ok(Self(SocketAddr::new(IpAddr::V4(ip), port)))
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_listened_on() {
        for (text, socket, loopback) in [
            ("127.0.0.1:4343", "127.0.0.1:4343", true),
            ("localhost:0", "127.0.0.1:0", true),
            ("[::1]:4343", "[::1]:4343", true),
            (":4343", "0.0.0.0:4343", false),
            ("0.0.0.0:4343", "0.0.0.0:4343", false),
            ("10.0.0.1:80", "10.0.0.1:80", false),
        ] {
            let address: ListenAddress = text.parse().unwrap();
            assert_eq!((address.to_string().as_str(), address.is_loopback()), (socket, loopback), "{text}");
        }
        for text in ["", "4343", "127.0.0.1", "127.0.0.1:", "127.0.0.1:99999", "example.com:80", "[::1]"] {
            assert_eq!(text.parse::<ListenAddress>(), Err(InvalidAddress), "{text}");
        }
    }
}
