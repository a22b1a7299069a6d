//! Proxies that are trusted to say for whom they ask: by `X-Forwarded-For`, by `Forwarded` (RFC 7239), or by the PROXY protocol.
//!
//! Exactly one of the three is read, so that a client cannot slip in another one that the proxy passes on. The list of hops is read
//! from its end: the last one that is not a trusted proxy is the source. Where the list is missing or cannot be read, the proxy itself
//! is the source, so that nobody hides behind a broken header.

mod preamble;

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;

use axum::http::{HeaderMap, HeaderName, header};
use ipnet::IpNet;
use tokio::io::AsyncRead;

use super::source::Source;
pub(super) use preamble::PreambleError;
use preamble::preamble;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Networks of proxies, and how those say for whom they ask.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TrustedProxies {
    /// Where they are.
    pub from: Vec<Network>,
    /// How they say it.
    pub header: ProxyHeaderKind,
}

/// How a proxy says for whom it asks.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum ProxyHeaderKind {
    /// `X-Forwarded-For`.
    XForwardedFor,
    /// `Forwarded`, RFC 7239.
    Forwarded,
    /// The PROXY protocol, version 1 or 2, before anything else on the connection.
    ProxyProtocol,
}

/// The text is no way to say it.
#[derive(Copy, Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the header is x-forwarded-for, forwarded or proxy-protocol")]
pub struct InvalidKind;

impl FromStr for ProxyHeaderKind {
    type Err = InvalidKind;

    fn from_str(text: &str) -> Result<Self, InvalidKind> {
        match text.to_ascii_lowercase().as_str() {
            "x-forwarded-for" => Ok(Self::XForwardedFor),
            "forwarded" => Ok(Self::Forwarded),
            "proxy-protocol" => Ok(Self::ProxyProtocol),
            _ => Err(InvalidKind),
        }
    }
}

/// Addresses with a common beginning, or one address.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Network(IpNet);

/// The text is no network.
#[derive(Copy, Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("this is not a network: write an address or a network, like 10.0.0.7, 10.0.0.0/8 or fd00::/8")]
pub struct InvalidNetwork;

impl FromStr for Network {
    type Err = InvalidNetwork;

    fn from_str(text: &str) -> Result<Self, InvalidNetwork> {
        let network = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        network.map(Self).map_err(|_| InvalidNetwork)
    }
}

impl TrustedProxies {
    /// Whether `address` is one of them.
    #[must_use]
    pub fn trust(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.from.iter().any(|network| network.0.contains(&address))
    }

    /// The source of a request that the proxy at `peer` passed on.
    pub(super) fn source(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let name = match self.header {
            ProxyHeaderKind::XForwardedFor => X_FORWARDED_FOR,
            ProxyHeaderKind::Forwarded => header::FORWARDED,
            ProxyHeaderKind::ProxyProtocol => return peer,
        };
        let lines: Option<Vec<&str>> = headers.get_all(name).iter().map(|line| line.to_str().ok()).collect();
        let list = lines.map(|lines| lines.join(",")).unwrap_or_default();
        let hops = match self.header {
            ProxyHeaderKind::Forwarded => forwarded(&list).unwrap_or_default(),
            ProxyHeaderKind::XForwardedFor | ProxyHeaderKind::ProxyProtocol => {
                list.split(',').map(str::trim).filter(|hop| !hop.is_empty()).map(address).collect()
            }
        };
        self.last_untrusted(&hops).unwrap_or(peer)
    }

    /// The last hop that is no trusted proxy. Where all are, the first one asks for itself. Nothing where a hop on the way cannot be read.
    fn last_untrusted(&self, hops: &[Option<IpAddr>]) -> Option<IpAddr> {
        let mut first = None;
        for hop in hops.iter().rev() {
            let hop = (*hop)?;
            if !self.trust(hop) {
                return Some(hop);
            }
            first = Some(hop);
        }
        first
    }
}

/// Who is at the other end of a connection.
#[derive(Clone, Debug)]
pub(super) enum Peer {
    /// The source of all its requests.
    Source(Source),
    /// A trusted proxy, whose requests have a source each.
    Proxy(IpAddr, Arc<TrustedProxies>),
}

impl Peer {
    /// The source of a request with these headers.
    pub(super) fn source(&self, headers: &HeaderMap) -> Source {
        match self {
            Self::Source(source) => *source,
            Self::Proxy(address, proxies) => Source::new(proxies.source(*address, headers)),
        }
    }

    /// Who is at the other end of `stream`, which came from `address`.
    ///
    /// # Errors
    /// It came from a proxy that should have begun with the PROXY protocol, and did not.
    pub(super) async fn meet(
        stream: &mut (impl AsyncRead + Unpin),
        address: IpAddr,
        proxies: Option<&Arc<TrustedProxies>>,
    ) -> Result<Self, PreambleError> {
        let Some(proxies) = proxies.filter(|proxies| proxies.trust(address)) else {
            return Ok(Self::Source(Source::new(address)));
        };
        match proxies.header {
            ProxyHeaderKind::XForwardedFor | ProxyHeaderKind::Forwarded => {
                Ok(Self::Proxy(address, Arc::clone(proxies)))
            }
            ProxyHeaderKind::ProxyProtocol => {
                let source = preamble(stream).await?;
                Ok(Self::Source(Source::new(source.unwrap_or(address))))
            }
        }
    }
}

/// The hops of `Forwarded`, those that name no address as nothing; nothing at all where the text is not RFC 7239 §4.
fn forwarded(text: &str) -> Option<Vec<Option<IpAddr>>> {
    let mut hops = Vec::new();
    for element in split(text, ',')? {
        let mut hop = None;
        let mut pairs = 0_usize;
        for pair in split(element, ';')? {
            let pair = pair.trim();
            if pair.is_empty() {
                continue;
            }
            pairs = pairs.saturating_add(1);
            let (name, value) = pair.split_once('=')?;
            if name.eq_ignore_ascii_case("for") {
                let found = address(&unquoted(value)?);
                if hop.replace(found).is_some() {
                    return None;
                }
            }
        }
        // An empty element of a list is none (RFC 9110 §5.6.1.2).
        if pairs > 0 {
            hops.push(hop.flatten());
        }
    }
    Some(hops)
}

/// The parts of `text` between separators that are not quoted; nothing where a quotation does not end.
fn split(text: &str, separator: char) -> Option<Vec<&str>> {
    let (mut parts, mut start, mut quoted, mut escaped) = (Vec::new(), 0, false, false);
    for (at, character) in text.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if character == separator && !quoted => {
                parts.push(text.get(start..at)?);
                start = at.checked_add(character.len_utf8())?;
            }
            _ => {}
        }
    }
    parts.push(text.get(start..)?);
    (!quoted).then_some(parts)
}

/// A token, or the text of a quoted string (RFC 9110 §5.6.4).
fn unquoted(value: &str) -> Option<String> {
    let Some(inner) = value.strip_prefix('"') else {
        return (!value.is_empty() && !value.contains('"')).then(|| value.to_owned());
    };
    let inner = inner.strip_suffix('"')?;
    let mut text = String::with_capacity(inner.len());
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => text.push(characters.next()?),
            '"' => return None,
            plain => text.push(plain),
        }
    }
    Some(text)
}

/// An address, perhaps with a port; one of IPv6 perhaps in brackets.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    let address = match bare {
        Some(address) => address.parse().ok().map(IpAddr::V6),
        None => text.parse().ok(),
    };
    let address = address.or_else(|| text.parse::<std::net::SocketAddr>().ok().map(|address| address.ip()));
    address.map(|address| address.to_canonical())
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PEER: &str = "10.0.0.1";

    fn proxies(header: ProxyHeaderKind) -> TrustedProxies {
        let from = ["10.0.0.0/8", "fd00::/8", "192.0.2.7"].map(|network| network.parse().unwrap());
        TrustedProxies { from: from.into(), header }
    }

    fn source(header: ProxyHeaderKind, lines: &[(&'static str, &str)]) -> String {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().unwrap());
        }
        proxies(header).source(PEER.parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn of_x_forwarded_for_the_last_hop_that_is_not_trusted_counts() {
        for (lines, expected) in [
            (&["203.0.113.5"][..], "203.0.113.5"),
            // What the client says of itself stands at the beginning.
            (&["198.51.100.1, 203.0.113.5"], "203.0.113.5"),
            (&["198.51.100.1, 203.0.113.5, 10.2.3.4,192.0.2.7"], "203.0.113.5"),
            // All lines are one list.
            (&["198.51.100.1", "203.0.113.5", "10.0.0.9"], "203.0.113.5"),
            (&["203.0.113.5:4711"], "203.0.113.5"),
            (&["[2001:db8::1]:4711"], "2001:db8::1"),
            (&["2001:db8::1"], "2001:db8::1"),
            (&["::ffff:203.0.113.5"], "203.0.113.5"),
            // Somebody inside asks for itself.
            (&["10.7.7.7, 10.2.3.4"], "10.7.7.7"),
            (&["203.0.113.5,, 10.2.3.4"], "203.0.113.5"),
            // Unreadable or absent.
            (&[], PEER),
            (&[""], PEER),
            (&["unknown"], PEER),
            (&["203.0.113.5, unknown"], PEER),
            (&["203.0.113.5, 10.0.0.300, 10.2.3.4"], PEER),
            (&["203.0.113.5;10.2.3.4"], PEER),
        ] {
            let lines: Vec<_> = lines.iter().map(|line| ("x-forwarded-for", *line)).collect();
            assert_eq!(source(ProxyHeaderKind::XForwardedFor, &lines), expected, "{lines:?}");
        }
    }

    #[test]
    fn of_forwarded_the_last_hop_that_is_not_trusted_counts() {
        for (lines, expected) in [
            (&["for=203.0.113.5"][..], "203.0.113.5"),
            (&["For=\"[2001:db8::1]:4711\";proto=https;by=10.0.0.1"], "2001:db8::1"),
            (&["for=198.51.100.1, for=203.0.113.5;host=\"a,b;for=1.2.3.4\"", "for=10.2.3.4"], "203.0.113.5"),
            (&["for=\"203.0.113.\\5\""], "203.0.113.5"),
            (&["proto=https;for=203.0.113.5;"], "203.0.113.5"),
            (&[], PEER),
            (&["for=_hidden"], PEER),
            (&["for=unknown, for=10.2.3.4"], PEER),
            (&["for=203.0.113.5, proto=https"], PEER),
            (&["for=203.0.113.5;for=203.0.113.6"], PEER),
            (&["for=\"203.0.113.5"], PEER),
            (&["203.0.113.5"], PEER),
            (&["for=2001:db8::1]"], PEER),
        ] {
            let lines: Vec<_> = lines.iter().map(|line| ("forwarded", *line)).collect();
            assert_eq!(source(ProxyHeaderKind::Forwarded, &lines), expected, "{lines:?}");
        }
    }

    #[test]
    fn one_form_is_read_and_no_other() {
        let both = [("x-forwarded-for", "203.0.113.5"), ("forwarded", "for=203.0.113.6")];
        assert_eq!(source(ProxyHeaderKind::XForwardedFor, &both), "203.0.113.5");
        assert_eq!(source(ProxyHeaderKind::Forwarded, &both), "203.0.113.6");
        assert_eq!(source(ProxyHeaderKind::ProxyProtocol, &both), PEER);
    }

    proptest! {
        #[test]
        fn no_list_of_hops_makes_the_reader_fail(text in "[ -~]{0,80}") {
            for (kind, name) in [(ProxyHeaderKind::XForwardedFor, "x-forwarded-for"), (ProxyHeaderKind::Forwarded, "forwarded")] {
                source(kind, &[(name, &text)]);
            }
        }
    }
}
