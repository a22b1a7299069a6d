//! The `Authorization` header (RFC 9110 §11.6.2).

use axum::http::HeaderValue;

/// The credentials behind `scheme`, which has no case, and one or more spaces.
pub(super) fn of<'a>(authorization: &'a HeaderValue, scheme: &str) -> Option<&'a [u8]> {
    let value = authorization.as_bytes();
    let space = value.iter().position(|byte| *byte == b' ')?;
    let (given, rest) = value.split_at_checked(space)?;
    given.eq_ignore_ascii_case(scheme.as_bytes()).then(|| rest.trim_ascii())
}
