//! The body of a request for a signature: bytes, then a JSON string, then the message (§1.4, steps 4 to 6).

use axum::body::Body;
use axum::http::StatusCode;
use axum::http::request::Parts;

use super::Api;
use super::error::Refusal;
use super::go;
use crate::http::body::{self, Arrived, BodyFault};
use crate::http::budget::Charge;

/// Seconds after which a retry makes sense where there was no room for a body.
const RETRY_AFTER: u64 = 1;

/// The message, and what the request holds of the memory for bodies until it has been answered.
pub(super) struct Message {
    pub(super) bytes: Vec<u8>,
    _charge: Charge,
}

/// Reads the message.
pub(super) async fn message(api: &Api, parts: &Parts, body: Body) -> Result<Message, Refusal> {
    let most = api.max_body_bytes;
    let arrived = body::read(parts, body, &api.limits, most).await;
    let Arrived { bytes, charge } = arrived.map_err(|fault| refusal(fault, most))?;
    let text = go::json_string(&bytes).map_err(Refusal::malformed)?;
    Ok(Message { bytes: go::hex(&text).map_err(Refusal::malformed)?, _charge: charge })
}

fn refusal(fault: BodyFault, most: usize) -> Refusal {
    match fault {
        BodyFault::TooLarge => {
            let text = format!("the request body is too large: at most {most} bytes are read");
            Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", text)
        }
        BodyFault::Slow => {
            let text = "the request body took too long to arrive";
            Refusal::new(StatusCode::REQUEST_TIMEOUT, "body_timeout", text)
        }
        BodyFault::Broken => Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "body_broken", "unexpected EOF"),
        BodyFault::NoRoom => {
            let text = "too many request bodies are on their way at once: try again in a second";
            Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", text).retry_after(RETRY_AFTER)
        }
    }
}
