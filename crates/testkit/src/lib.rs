//! What the tests of several crates share. Each part is a feature of its own, so that a crate low in the list builds nothing above it.
//!
//! | Module | Feature | For |
//! |---|---|---|
//! | `forge`, `consensus` | | Tezos messages, forged without the decoder |
//! | `random` | | numbers that a seed brings back |
//! | `clock` | `clock` | time and randomness set by hand |
//! | `log` | `log` | what a test logs |
//! | `http` | `http` | requests to a router, and answers compared with the OpenAPI document |
//! | `process` | `process` | the program itself, its clients, and other people's programs |
//! | `issuer` | `issuer` | an issuer, and use cases that run at once in a chosen order |
//! | `signer` | `signer` | signers, vaults, hooks and watermarks that do as they are told |
//!
//! The engine that fails on demand is `jwtis_store::testing::Faulty`: it needs what the store shows to nobody else.
//! Unit tests inside `src/` of a crate cannot share that crate's own types with this kit; integration tests can.
#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::missing_errors_doc,
    clippy::new_without_default,
    clippy::panic,
    clippy::print_stderr,
    clippy::should_implement_trait,
    clippy::unwrap_used,
    missing_docs,
    reason = "a test fails by panicking"
)]

#[cfg(feature = "clock")]
pub mod clock;
pub mod consensus;
pub mod forge;
#[cfg(feature = "http")]
pub mod http;
#[cfg(feature = "issuer")]
pub mod issuer;
#[cfg(feature = "log")]
pub mod log;
#[cfg(feature = "process")]
pub mod process;
pub mod random;
#[cfg(feature = "signer")]
pub mod signer;
