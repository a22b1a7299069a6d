//! The jwtis server and command line as a library: `main.rs` only calls [`cli::main`], so that tests can link everything else.
//!
//! | Module | Is |
//! |---|---|
//! | [`cli`] | the commands, one file each; what they print and how they exit |
//! | [`config`] | the table of settings, where values come from, the checked result |
//! | [`app`] | the composition root: listeners, store, issuer, housekeeping, shutdown |
//! | [`http`], [`tls`] | routes and listeners |
//! | [`metrics`], [`telemetry`] | what is counted and what is logged |

pub mod app;
pub mod cli;
pub mod config;
pub mod hook_client;
pub mod http;
mod http_client;
pub mod metrics;
pub mod telemetry;
pub mod tls;
