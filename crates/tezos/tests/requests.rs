//! Sign requests: what other forgers made, the layouts that they cannot make, and the words of every kind.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

#[path = "requests/vectors.rs"]
mod vectors;

#[path = "requests/consensus.rs"]
mod consensus;
#[path = "requests/contents.rs"]
mod contents;
#[path = "requests/forged.rs"]
mod forged;
#[path = "requests/octez.rs"]
mod octez;
#[path = "requests/protocols.rs"]
mod protocols;
#[path = "requests/staking.rs"]
mod staking;
#[path = "requests/strict.rs"]
mod strict;
