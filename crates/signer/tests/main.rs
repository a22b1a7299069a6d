//! The use cases of the signer: vaults, hooks, watermarks and clocks do as they are told.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests"
)]

mod audit_records;
mod client;
mod hook;
mod log;
mod login;
mod order;
mod reload;
mod reload_users;
mod rotation;
mod store_vault;
mod switch;
mod tokens;
mod usage;
mod vaults;
mod watermark_drivers;
mod watermark_faults;
mod watermark_files;
