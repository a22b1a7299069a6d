//! A session of a client, as the client knows it.

use serde_json::Value;

/// A session and what is known of it.
#[derive(Clone, Debug)]
pub(super) struct Session {
    pub(super) id: Value,
    pub(super) sub: String,
    pub(super) access: String,
    pub(super) refresh: String,
    /// The refresh token two generations back: whoever shows it is a thief.
    pub(super) stolen: Option<String>,
    pub(super) previous: Option<String>,
    pub(super) fate: Fate,
    /// Used since the last check.
    pub(super) touched: bool,
}

/// What must become of a session's tokens.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(super) enum Fate {
    Alive,
    Revoked,
    /// The client was deleted: dead, for whatever reason the server finds first.
    Gone,
    /// The answer to a revocation never came.
    Unsure,
}
