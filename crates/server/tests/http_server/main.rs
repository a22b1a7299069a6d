//! Listeners over real sockets: limits, slow and rude peers, graceful stop, TLS. Loopback and port 0 only.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking, also in its helpers"
)]

mod bodies;
mod door;
mod http2;
mod limits;
mod stop;
mod support;
mod tls;
