//! What a caller may take of the server: every resource that a stranger could hold on to has a named limit.

use std::time::Duration;

use jwtis_issuer::MAX_ACCESS_TOKEN_BYTES;

use super::budget::Budget;

/// What a caller may take of the server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Longest request body, in bytes.
    pub max_body_bytes: usize,
    /// Memory for the bodies of all requests; listeners with clones of these limits share it.
    pub bodies: Budget,
    /// Longest request head (request line and headers), in bytes; at least 8 KiB.
    pub max_header_bytes: usize,
    /// Most header lines.
    pub max_headers: usize,
    /// From a connection's first byte of a request, or its start, to the end of the head; also for the TLS handshake.
    pub header_read_timeout: Duration,
    /// From the end of the head to the end of the body.
    pub body_read_timeout: Duration,
    /// From the end of the head to the answer, the body's time included.
    pub request_timeout: Duration,
    /// How long a connection may wait for its next request, or make no progress in taking an answer.
    pub idle_timeout: Duration,
    /// Most connections at once. Where more come, those that have been idle longest are closed; where none is idle, the others wait.
    pub max_connections: usize,
    /// Most connections at once of one source.
    pub max_connections_per_source: usize,
    /// How long running requests may take to finish once the server was told to stop.
    pub shutdown_grace: Duration,
}

/// Longer than the 60 s for which load balancers keep connections to servers: else both close at once, and a request is lost.
const DEFAULT_IDLE_TIMEOUT: Duration = Duration::from_secs(90);
/// Headers beside the longest token that the issuer makes: what it makes, every listener takes.
const OTHER_HEADER_BYTES: usize = 8 * 1024;
/// Connections of a listener, where the operating system allows so many.
const MAX_CONNECTIONS: usize = 4096;

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_body_bytes: 64 * 1024,
            bodies: Budget::default(),
            max_header_bytes: MAX_ACCESS_TOKEN_BYTES + OTHER_HEADER_BYTES,
            max_headers: 64,
            header_read_timeout: Duration::from_secs(5),
            body_read_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(15),
            idle_timeout: DEFAULT_IDLE_TIMEOUT,
            max_connections: MAX_CONNECTIONS,
            max_connections_per_source: MAX_CONNECTIONS / 2,
            shutdown_grace: Duration::from_secs(10),
        }
    }
}
