//! The door of a listener: requests that are turned away before a handler sees them.
//!
//! Two kinds. Requests that HTTP forbids, or that this server cannot read: too long a head, a transfer coding that is not here
//! (RFC 9112 §6.1), none or several `Host` (RFC 9112 §3.2), an expectation that nobody meets (RFC 9110 §10.1.1). And requests that a web
//! page makes a browser send: those of another origin, and those for a name that is not ours, which DNS rebinding makes.
//!
//! The door judges where the connection is served. The routers answer (`http/layers.rs`), since each API has its own shape of errors, and since only they
//! know what anyone may read.

mod names;
mod refused;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use axum::http::header::{self, HeaderMap, HeaderName};
use axum::http::uri::Authority;
use axum::http::{HeaderValue, Method, Uri, Version};
use tokio::io::AsyncRead;
use tower_http::cors::{AllowHeaders, CorsLayer};

use super::limits::Limits;
use super::proxies::{Peer, PreambleError, TrustedProxies};
use names::is_ours;
pub use names::{HostName, InvalidHostName, InvalidOrigin, Origin};
pub(super) use refused::TurnedAway;

/// What browsers say about where a request comes from (W3C Fetch Metadata).
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Whom a listener lets in.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Door {
    /// Web pages of these origins may send requests.
    pub origins: BTreeSet<Origin>,
    /// The names of this server; nothing where any name will do.
    pub hosts: Option<BTreeSet<HostName>>,
    /// Who is believed when it says for whom it asks.
    pub proxies: Option<Arc<TrustedProxies>>,
}

impl Door {
    /// Whether a trusted proxy is at `address`.
    pub(super) fn trusts(&self, address: IpAddr) -> bool {
        self.proxies.as_ref().is_some_and(|proxies| proxies.trust(address))
    }

    /// Who is at the other end of `stream`, which came from `address`.
    ///
    /// # Errors
    /// It came from a proxy that should have begun with the PROXY protocol, and did not.
    pub(super) async fn meet(
        &self,
        stream: &mut (impl AsyncRead + Unpin),
        address: IpAddr,
    ) -> Result<Peer, PreambleError> {
        Peer::meet(stream, address, self.proxies.as_ref()).await
    }

    /// What lets pages of the allowed origins read the answers (CORS).
    pub(super) fn cors(&self) -> Option<CorsLayer> {
        let origins: Vec<_> = self.origins.iter().filter_map(Origin::header).collect();
        let layer = CorsLayer::new()
            .allow_origin(origins)
            .allow_methods([Method::GET, Method::POST, Method::DELETE])
            .allow_headers(AllowHeaders::mirror_request());
        (!self.origins.is_empty()).then_some(layer)
    }

    /// Whether the request is turned away, and why. `covers` tells whether the listener's certificate is for a name.
    pub(super) fn judge<B>(
        &self,
        request: &axum::http::Request<B>,
        limits: &Limits,
        covers: impl Fn(&str) -> bool,
    ) -> Option<TurnedAway> {
        let headers = request.headers();
        long_head(request.uri(), headers, limits)
            .or_else(|| transfer_coding(headers))
            .or_else(|| self.host(request.uri(), headers, request.version(), covers))
            .or_else(|| expectation(headers))
            .or_else(|| self.web_page(headers))
    }

    fn host(
        &self,
        uri: &Uri,
        headers: &HeaderMap,
        version: Version,
        covers: impl Fn(&str) -> bool,
    ) -> Option<TurnedAway> {
        let mut given = headers.get_all(header::HOST).iter();
        let (first, second) = (given.next(), given.next());
        if second.is_some() || (first.is_none() && version == Version::HTTP_11) {
            return Some(TurnedAway::Host);
        }
        let mut names = Vec::new();
        if let Some(authority) = uri.authority() {
            names.push(authority.host().to_owned());
        }
        match first.map(|host| host_of(host.as_bytes())) {
            None => {}
            Some(Some(name)) => names.push(name),
            Some(None) => return Some(TurnedAway::Host),
        }
        // RFC 9113 §8.3.1: the two agree in HTTP/2. In HTTP/1.1 a proxy may have written the one and not the other.
        if version == Version::HTTP_2 && names.windows(2).any(|pair| !alike(pair)) {
            return Some(TurnedAway::Host);
        }
        let ours = self.hosts.as_ref()?;
        // HTTP/1.0 without a name: browsers always send one.
        let foreign = names.into_iter().find(|name| !is_ours(name, ours) && !covers(name));
        foreign.map(TurnedAway::ForeignHost)
    }

    fn web_page(&self, headers: &HeaderMap) -> Option<TurnedAway> {
        let mut origins = headers.get_all(header::ORIGIN).iter().peekable();
        if origins.peek().is_some() {
            let allowed = |value: &HeaderValue| {
                let origin = value.to_str().ok().and_then(|origin| origin.parse::<Origin>().ok());
                origin.is_some_and(|origin| self.origins.contains(&origin))
            };
            return (!origins.all(allowed)).then_some(TurnedAway::Origin);
        }
        let cross_site = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"cross-site");
        headers.get_all(SEC_FETCH_SITE).iter().any(cross_site).then_some(TurnedAway::CrossSite)
    }
}

fn long_head(uri: &Uri, headers: &HeaderMap, limits: &Limits) -> Option<TurnedAway> {
    let line = |name: &HeaderName, value: &HeaderValue| {
        // `: ` and the line end.
        name.as_str().len().saturating_add(value.len()).saturating_add(4)
    };
    let place = uri.path_and_query().map_or(0, |place| place.as_str().len());
    let bytes = headers.iter().fold(place, |sum, (name, value)| sum.saturating_add(line(name, value)));
    let (most, lines) = (limits.max_header_bytes, limits.max_headers);
    (bytes > most || headers.len() > lines).then_some(TurnedAway::HeadTooLarge { bytes: most, lines })
}

/// hyper refuses with 400 what does not end in `chunked`, and what is no HTTP/1.1.
fn transfer_coding(headers: &HeaderMap) -> Option<TurnedAway> {
    let values = headers.get_all(header::TRANSFER_ENCODING);
    let codings = values.iter().flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    let codings: Vec<_> = codings.map(<[u8]>::trim_ascii).filter(|coding| !coding.is_empty()).collect();
    let (last, before) = codings.split_last()?;
    let is_chunked = |coding: &[u8]| coding.eq_ignore_ascii_case(b"chunked");
    if !is_chunked(last) || before.iter().any(|coding| is_chunked(coding)) {
        Some(TurnedAway::Chunked)
    } else {
        (!before.is_empty()).then_some(TurnedAway::TransferCoding)
    }
}

fn expectation(headers: &HeaderMap) -> Option<TurnedAway> {
    let met = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"100-continue");
    (!headers.get_all(header::EXPECT).iter().all(met)).then_some(TurnedAway::Expectation)
}

/// The name in a `Host` header, which may be empty; nothing where it is none (RFC 9110 §7.2).
fn host_of(value: &[u8]) -> Option<String> {
    if value.is_empty() {
        return Some(String::new());
    }
    let authority = Authority::try_from(value).ok().filter(|authority| !authority.as_str().contains('@'))?;
    Some(authority.host().to_owned())
}

fn alike(names: &[String]) -> bool {
    matches!(names, [one, other] if one.eq_ignore_ascii_case(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: usize = 50 * 1024;

    fn judged(door: &Door, version: Version, uri: &str, headers: &[(&str, &str)]) -> Option<&'static str> {
        let mut request = axum::http::Request::builder().uri(uri).version(version);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(()).unwrap();
        let covers = |name: &str| name == "signer.example";
        door.judge(&request, &Limits::default(), covers).map(|refused| refused.code())
    }

    fn loopback() -> Door {
        let hosts = ["jwtis.internal"].iter().map(|name| name.parse().unwrap()).collect();
        Door { hosts: Some(hosts), ..Door::default() }
    }

    #[test]
    fn names_that_are_not_ours_are_turned_away() {
        for (host, expected) in [
            ("127.0.0.1:6732", None),
            ("192.0.2.7", None),
            ("[::1]:6732", None),
            ("localhost", None),
            ("LocalHost.:6732", None),
            ("jwtis.internal:80", None),
            ("Signer.Example", Some("foreign_host")),
            ("signer.example", None),
            ("evil.example:6732", Some("foreign_host")),
            ("localhost.evil.example", Some("foreign_host")),
            ("127.0.0.1.evil.example", Some("foreign_host")),
            ("", Some("foreign_host")),
            ("a b", Some("malformed_head")),
            ("user@localhost", Some("malformed_head")),
            ("localhost/x", Some("malformed_head")),
        ] {
            assert_eq!(judged(&loopback(), Version::HTTP_11, "/", &[("host", host)]), expected, "{host}");
            let elsewhere = expected.filter(|code| *code != "foreign_host");
            assert_eq!(
                judged(&Door::default(), Version::HTTP_11, "/", &[("host", host)]),
                elsewhere,
                "{host}"
            );
        }
    }

    #[test]
    fn every_name_of_a_request_counts() {
        let door = loopback();
        for (version, uri, headers, expected) in [
            (Version::HTTP_11, "/", &[][..], Some("malformed_head")),
            (Version::HTTP_10, "/", &[], None),
            (Version::HTTP_10, "/", &[("host", "evil.example")], Some("foreign_host")),
            (Version::HTTP_11, "/", &[("host", "localhost"), ("host", "localhost")], Some("malformed_head")),
            (Version::HTTP_11, "http://evil.example/", &[("host", "localhost")], Some("foreign_host")),
            (Version::HTTP_11, "http://localhost/", &[("host", "evil.example")], Some("foreign_host")),
            (Version::HTTP_2, "http://localhost/", &[], None),
            (Version::HTTP_2, "http://evil.example/", &[], Some("foreign_host")),
            (Version::HTTP_2, "http://localhost/", &[("host", "127.0.0.1")], Some("malformed_head")),
            (Version::HTTP_2, "http://localhost/", &[("host", "LOCALHOST")], None),
        ] {
            assert_eq!(judged(&door, version, uri, headers), expected, "{version:?} {uri} {headers:?}");
        }
    }

    #[test]
    fn web_pages_of_other_origins_are_turned_away() {
        let origins = ["https://app.example", "http://localhost:3000"].map(|origin| origin.parse().unwrap());
        let door = Door { origins: origins.into(), ..Door::default() };
        let refused = Some("foreign_origin");
        for (headers, expected) in [
            (&[][..], None),
            (&[("origin", "https://app.example")], None),
            (&[("origin", "https://APP.example:443")], None),
            (&[("origin", "http://localhost:3000")], None),
            (&[("origin", "http://app.example")], refused),
            (&[("origin", "https://app.example:8443")], refused),
            (&[("origin", "https://app.example.evil.example")], refused),
            (&[("origin", "null")], refused),
            (&[("origin", "")], refused),
            (&[("origin", "https://app.example"), ("origin", "https://evil.example")], refused),
            (&[("sec-fetch-site", "cross-site")], refused),
            (&[("sec-fetch-site", "none")], None),
            (&[("sec-fetch-site", "same-origin")], None),
            // The page is trusted, wherever it is.
            (&[("origin", "https://app.example"), ("sec-fetch-site", "cross-site")], None),
        ] {
            let all: Vec<_> = [("host", "x")].iter().chain(headers).copied().collect();
            assert_eq!(judged(&door, Version::HTTP_11, "/", &all), expected, "{headers:?}");
        }
        let nobody =
            judged(&Door::default(), Version::HTTP_11, "/", &[("host", "x"), ("origin", "http://x")]);
        assert_eq!(nobody, refused);
    }

    #[test]
    fn heads_that_cannot_be_served_are_turned_away() {
        let long = "a".repeat(LONG);
        for (name, value, expected) in [
            ("transfer-encoding", "chunked", None),
            ("transfer-encoding", "Chunked", None),
            ("transfer-encoding", "gzip, chunked", Some("transfer_coding")),
            ("transfer-encoding", "identity,chunked", Some("transfer_coding")),
            ("transfer-encoding", "chunked, gzip", Some("malformed_head")),
            ("transfer-encoding", "chunked, chunked", Some("malformed_head")),
            ("transfer-encoding", "gzip", Some("malformed_head")),
            ("expect", "100-continue", None),
            ("expect", "100-Continue", None),
            ("expect", "200-ok", Some("expectation")),
            ("expect", "100-continue, 200-ok", Some("expectation")),
            ("x-long", long.as_str(), Some("head_too_large")),
        ] {
            let headers = [("host", "x"), (name, value)];
            assert_eq!(
                judged(&Door::default(), Version::HTTP_11, "/", &headers),
                expected,
                "{name} {value:.30}"
            );
        }
    }
}
