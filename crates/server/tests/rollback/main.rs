//! A store that has gone back: what a restore takes over, and what a marked store refuses.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests"
)]

mod marked;
mod model;
mod setup;
mod several;
mod takeover;
