//! Listeners over real sockets: limits, slow and rude peers, graceful stop, TLS. Loopback and port 0 only.

mod bodies;
mod door;
mod http2;
mod limits;
mod stop;
mod support;
mod tls;
