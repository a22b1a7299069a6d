//! The policy hook (§4.7): a service of the operator that is asked about each request, and whose answer may be signed.
//!
//! The transport is injected. What a reply means is a pure rule here.

use std::sync::Arc;

use jwtis_store::{BoxError, BoxFuture};
use jwtis_tezos::PublicKey;

/// Carries a question to the hook and its reply back: no redirects, and a time limit.
pub trait PolicyHook: Send + Sync + 'static {
    /// Posts `body`, which is JSON, and returns whatever status and body come back.
    ///
    /// # Errors
    /// When there is no reply: refused, timed out, too long, not HTTP. Its text may reach the client.
    fn ask(&self, body: Vec<u8>) -> BoxFuture<'_, Result<HookReply, BoxError>>;
}

/// What came back.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HookReply {
    /// HTTP status.
    pub status: u16,
    /// As in the status line, like `403 Forbidden`.
    pub status_text: String,
    /// The body.
    pub body: Vec<u8>,
}

/// The hook of the configuration.
#[derive(Clone)]
pub struct Hook {
    /// How it is reached.
    pub transport: Arc<dyn PolicyHook>,
    /// Keys that its replies must be signed by; `None` takes unsigned ones.
    pub authorized_keys: Option<Vec<PublicKey>>,
}

/// The hook refused, or gave nothing that can be trusted. `Display` is the answer's text.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
pub struct HookError {
    status: u16,
    text: String,
}

impl HookError {
    /// 403, 401 or 500.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.status
    }
}
