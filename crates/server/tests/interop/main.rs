//! Other people's programs against the real server. Where npm, Python, apt or the network are missing, the tests say so and pass; with `CI`
//! set they fail.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod issuer;
mod schemathesis;
mod signer;
mod task;
