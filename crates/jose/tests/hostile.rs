//! Attacks by name. Every token and key here is made as an attacker would make it, with everything right but the one
//! thing that the test is about, and each is refused for that reason.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod common;

#[path = "hostile/encryption.rs"]
mod encryption;
#[path = "hostile/keys.rs"]
mod keys;
#[path = "hostile/oracles.rs"]
mod oracles;
#[path = "hostile/parsers.rs"]
mod parsers;
#[path = "hostile/signatures.rs"]
mod signatures;
#[path = "hostile/text.rs"]
mod text;
