//! The signer over HTTP: each file is about the routes or the promise that it is named after. Most speak to the router without a
//! socket.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking, also in its helpers"
)]

#[path = "../../../tezos/tests/requests/forge.rs"]
mod forge;

mod authentication;
#[path = "../conformance/mod.rs"]
mod conformance;
mod hook;
mod hostile;
mod jumps;
mod keys;
mod log;
mod login;
mod metrics;
mod openapi;
mod order;
mod reload;
mod routes;
mod sign;
mod sockets;
mod support;
mod token;
