//! What a path is answered with that is not served, on the listeners of the signer and of the utilities.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

/// The text of the answer.
pub(super) const NOT_FOUND: &str = "this path is not served here\n";

/// The answer.
pub(super) fn not_found() -> Response {
    (StatusCode::NOT_FOUND, NOT_FOUND).into_response()
}
