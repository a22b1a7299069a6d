//! The issuer's API, in process: each file is about the routes it is named after, and speaks to the router without a socket.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking, also in its helpers"
)]

mod audit;
mod auth;
mod body;
mod clients;
#[path = "../conformance/mod.rs"]
mod conformance;
mod docs;
mod faults;
mod issue;
mod keys;
mod observe;
mod openapi;
mod register;
mod renew;
mod revoke;
mod support;
mod verify;
