//! The body of a request for a signature: bytes, then a JSON string, then the message (§1.4, steps 4 to 6).

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, StatusCode, header};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use tokio::time::timeout;

use super::Api;
use super::error::Refusal;
use super::go;

/// Reads the message.
pub(super) async fn message(api: &Api, headers: &HeaderMap, body: Body) -> Result<Vec<u8>, Refusal> {
    let bytes = read(api, headers, body).await?;
    let text = go::json_string(&bytes).map_err(Refusal::malformed)?;
    go::hex(&text).map_err(Refusal::malformed)
}

async fn read(api: &Api, headers: &HeaderMap, body: Body) -> Result<Bytes, Refusal> {
    let limit = api.max_body_bytes;
    let too_large = || {
        let text = format!("the request body is too large: at most {limit} bytes are read");
        Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", text)
    };
    // A declared length is refused before the first byte is read.
    let declared =
        headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if declared.is_some_and(|length| length > limit) {
        return Err(too_large());
    }
    match timeout(api.limits.body_read_timeout, Limited::new(body, limit).collect()).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
        Ok(Err(_)) => Err(Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "body_broken", "unexpected EOF")),
        Err(_) => Err(Refusal::new(
            StatusCode::REQUEST_TIMEOUT,
            "body_timeout",
            "the request body took too long to arrive",
        )),
    }
}
