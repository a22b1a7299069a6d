//! The signer's API: each file is about the routes or the promise that it is named after.

mod authentication;
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
