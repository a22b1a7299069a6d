//! Names: of the web pages that may send requests, and of this server.

use std::collections::BTreeSet;
use std::str::FromStr;

use axum::http::HeaderValue;
use axum::http::uri::Authority;

/// The scheme, name and port of a web page, as browsers write them (RFC 6454 §6.2).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Origin(String);

/// The text is no origin.
#[derive(Copy, Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "this is not an origin: write it as browsers do, like https://app.example or http://localhost:3000, without a path"
)]
pub struct InvalidOrigin;

impl Origin {
    /// As a header has it.
    pub(in crate::http) fn header(&self) -> Option<HeaderValue> {
        HeaderValue::from_str(&self.0).ok()
    }
}

impl FromStr for Origin {
    type Err = InvalidOrigin;

    fn from_str(text: &str) -> Result<Self, InvalidOrigin> {
        let (scheme, rest) = text.split_once("://").ok_or(InvalidOrigin)?;
        let scheme = scheme.to_ascii_lowercase();
        let letters = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
        let authority: Authority = rest.parse().map_err(|_| InvalidOrigin)?;
        if scheme.is_empty() || !scheme.bytes().all(letters) || rest.contains(['@', '*']) {
            return Err(InvalidOrigin);
        }
        let host = authority.host().to_ascii_lowercase();
        let default = match scheme.as_str() {
            "http" => Some(80),
            "https" => Some(443),
            _ => None,
        };
        match authority.port() {
            None if rest.ends_with(':') => Err(InvalidOrigin),
            Some(port) if Some(port.as_u16()) != default => Ok(Self(format!("{scheme}://{host}:{port}"))),
            None | Some(_) => Ok(Self(format!("{scheme}://{host}"))),
        }
    }
}

/// A name by which clients call this server, without a port.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct HostName(String);

/// The text is no name of a server.
#[derive(Copy, Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("this is not a name of a server: write it without scheme, port and path, like signer.example")]
pub struct InvalidHostName;

impl HostName {
    fn is_address(&self) -> bool {
        let inner = self.0.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
        match inner {
            Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
            None => self.0.parse::<std::net::Ipv4Addr>().is_ok(),
        }
    }
}

impl FromStr for HostName {
    type Err = InvalidHostName;

    fn from_str(text: &str) -> Result<Self, InvalidHostName> {
        let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
        let name = Self(name);
        if name.is_address() || (!name.0.is_empty() && name.0.bytes().all(fits)) {
            Ok(name)
        } else {
            Err(InvalidHostName)
        }
    }
}

/// Addresses, `localhost` and the names that were given. A page that lies about its name cannot use an address.
pub(super) fn is_ours(name: &str, ours: &BTreeSet<HostName>) -> bool {
    let Ok(name) = name.parse::<HostName>() else { return false };
    name.is_address() || name.0 == "localhost" || ours.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_written_as_browsers_write_them() {
        for (text, expected) in [
            ("HTTPS://App.Example:443", Some("https://app.example")),
            ("http://[::1]:3000", Some("http://[::1]:3000")),
            ("chrome-extension://abcdef", Some("chrome-extension://abcdef")),
            ("app.example", None),
            ("https://app.example/", None),
            ("https://*.example", None),
            ("https://user@app.example", None),
            ("https://app.example:", None),
            ("*", None),
            ("null", None),
            ("", None),
        ] {
            let origin = text.parse::<Origin>();
            assert_eq!(origin.ok().map(|origin| origin.0).as_deref(), expected, "{text}");
        }
        for text in ["", "https://a.example", "a.example:80", "a.example/x", "*.example", "a b"] {
            assert_eq!(text.parse::<HostName>(), Err(InvalidHostName), "{text}");
        }
    }
}
