//! The watermark rule and Signatory's files.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

#[path = "watermark/files.rs"]
mod files;
#[path = "watermark/jumps.rs"]
mod jumps;
#[path = "watermark/rule.rs"]
mod rule;
#[path = "watermark/sequences.rs"]
mod sequences;
