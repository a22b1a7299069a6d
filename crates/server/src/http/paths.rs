//! Paths as Go's router sees them: decoded and cleaned before they are matched, and elsewhere where cleaning changed them (§1.1).
//!
//! A request for `//keys/./tz1…` is answered with 301 and the cleaned path. The new place is always a path of this server, never
//! `//host`, whatever was sent.

use axum::Extension;
use axum::Router;
use axum::extract::Request;
use axum::http::uri::PathAndQuery;
use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use tower::ServiceExt as _;

/// What an unknown path is answered with.
pub(super) const NOT_FOUND: &str = "404 page not found\n";

/// Where requests are routed that have no path of ours: nothing can be there.
const NOWHERE: &str = "/..";

/// Puts `routes` behind Go's view of paths and methods. Their fallback must be [`nowhere`].
pub(super) fn as_in_go(routes: Router) -> Router {
    Router::new().fallback(move |mut request: Request| {
        let routes = routes.clone();
        async move {
            match canonical(request.uri()) {
                Ok(uri) => *request.uri_mut() = uri,
                Err(detour) => {
                    *request.uri_mut() = Uri::from_static(NOWHERE);
                    request.extensions_mut().insert(detour);
                }
            }
            let mut response = routes.oneshot(request).await.into_response();
            if response.status() == StatusCode::METHOD_NOT_ALLOWED {
                response.headers_mut().remove(header::ALLOW);
            }
            response
        }
    })
}

/// Answers what is on no route: moved, malformed, or not there.
pub(super) async fn nowhere(detour: Option<Extension<Detour>>) -> Response {
    match detour {
        Some(Extension(Detour::Moved(location))) => {
            (StatusCode::MOVED_PERMANENTLY, [(header::LOCATION, location)]).into_response()
        }
        Some(Extension(Detour::Malformed)) => (StatusCode::BAD_REQUEST, "400 Bad Request").into_response(),
        None => not_found(),
    }
}

/// The page of what is not there.
pub(super) fn not_found() -> Response {
    (StatusCode::NOT_FOUND, NOT_FOUND).into_response()
}

/// A route that is there, but not by this method: no body, and no `Allow`.
pub(super) async fn method_not_allowed() -> StatusCode {
    StatusCode::METHOD_NOT_ALLOWED
}

/// Why a path is not matched.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Detour {
    /// Cleaning changed it; this is the `Location`.
    Moved(HeaderValue),
    /// It has a broken percent-encoding.
    Malformed,
}

/// The path in the one form that is matched; what is not UTF-8 in it becomes U+FFFD.
fn canonical(uri: &Uri) -> Result<Uri, Detour> {
    let Some(path) = percent_decode(uri.path()) else { return Err(Detour::Malformed) };
    let cleaned = clean(&path);
    let (path, moved) = if cleaned == path { (path, false) } else { (cleaned, true) };
    let mut place = escape(&path);
    if let Some(query) = uri.query() {
        place.push('?');
        place.push_str(query);
    }
    if moved {
        return Err(HeaderValue::try_from(place).map_or(Detour::Malformed, Detour::Moved));
    }
    PathAndQuery::try_from(place).map(Uri::from).map_err(|_| Detour::Malformed)
}

/// The text behind a percent-encoding, or nothing where an encoding is broken.
pub(crate) fn percent_decode(text: &str) -> Option<String> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => {
                let mut digit = || char::from(bytes.next()?).to_digit(16);
                let (high, low) = (digit()?, digit()?);
                u8::try_from(high << 4 | low).ok()?
            }
            plain => plain,
        });
    }
    Some(String::from_utf8_lossy(&decoded).into_owned())
}

/// Without empty segments, `.` and `..`, as Go's `path.Clean`; a slash at the end stays.
fn clean(path: &str) -> String {
    let mut segments = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop()),
            name => segments.push(name),
        }
    }
    let mut cleaned = format!("/{}", segments.join("/"));
    if path.ends_with('/') && cleaned != "/" {
        cleaned.push('/');
    }
    cleaned
}

/// Percent-encodes a path as Go does.
fn escape(path: &str) -> String {
    let mut escaped = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~$&+,/:;=@".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_cleaned_as_go_cleans_them() {
        let rows = [
            ("/keys/tz1", Ok("/keys/tz1")),
            ("/keys/tz1?a=b", Ok("/keys/tz1?a=b")),
            ("/keys/%74z1", Ok("/keys/tz1")),
            ("/keys%2Ftz1", Ok("/keys/tz1")),
            ("/keys/", Ok("/keys/")),
            ("/keys/%FF", Ok("/keys/%EF%BF%BD")),
            ("/keys/a%20b%3F", Ok("/keys/a%20b%3F")),
            ("//keys//tz1", Err("/keys/tz1")),
            ("/./keys/tz1?version=1&x=%2f", Err("/keys/tz1?version=1&x=%2f")),
            ("/a/../keys", Err("/keys")),
            ("/../../keys/", Err("/keys/")),
            ("/keys/..", Err("/")),
            ("/keys/.%2e/x", Err("/x")),
            ("/keys/%2ftz1", Err("/keys/tz1")),
        ];
        for (sent, expected) in rows {
            let found = canonical(&sent.parse().unwrap());
            let expected = expected
                .map(|uri| uri.parse().unwrap())
                .map_err(|to| Detour::Moved(HeaderValue::from_static(to)));
            assert_eq!(found, expected, "{sent}");
        }
        for broken in ["/keys/%", "/keys/%2", "/%zz"] {
            assert_eq!(canonical(&broken.parse().unwrap()), Err(Detour::Malformed), "{broken}");
        }
    }

    #[test]
    fn nobody_is_sent_to_another_host() {
        for sent in [
            "//evil.example/x",
            "/%2fevil.example/x",
            "/.//evil.example",
            "/x/..//evil.example",
            "/%5c/evil.example/..",
            "http://evil.example//x",
        ] {
            let Err(Detour::Moved(location)) = canonical(&sent.parse().unwrap()) else { panic!("{sent}") };
            let location = location.to_str().unwrap();
            assert!(
                location.starts_with('/') && !location.starts_with("//") && !location.starts_with("/\\"),
                "{location}"
            );
        }
    }
}
