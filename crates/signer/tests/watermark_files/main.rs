//! The driver `file` and the import, on a real file system: the file of the engine, Signatory's copy both ways, what earlier releases left,
//! and what is refused.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests"
)]

mod copy;
mod earlier_release;
mod folder;
mod lost;
mod setup;
mod signatory;
