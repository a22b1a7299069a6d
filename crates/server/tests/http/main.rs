//! Both APIs as clients meet them: `issuer` and `signer` speak to the routers without a socket, `server` to listeners on loopback. What a
//! rule allows is shown where the rule lives; here each answer is compared with the OpenAPI documents.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking, also in its helpers"
)]

mod issuer;
mod server;
mod signer;
