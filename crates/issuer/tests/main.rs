//! The use cases of the issuer, over a store in memory and a clock that is set by hand.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests"
)]

mod access;
mod algorithms;
mod changes;
mod claims;
mod client_limits;
mod client_tokens;
mod clock;
mod faults;
mod growth;
mod hostile;
mod races;
mod renew;
mod revoke;
mod rotation;
mod unknown_outcomes;
