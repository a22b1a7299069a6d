//! Project Wycheproof's vectors on every primitive, through the doors that tokens go through. Where the vectors cannot be
//! said as a token (any message, any AAD, any wrapping key), through the function that stands right behind the token.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod common;

#[path = "wycheproof/encryption.rs"]
mod encryption;
#[path = "wycheproof/signatures.rs"]
mod signatures;

/// How many vectors a test has judged: a set that was renamed or emptied must not pass for a set that was checked.
#[derive(Default, Debug, PartialEq)]
struct Tally {
    accepted: usize,
    refused: usize,
}

impl Tally {
    /// Compares what we did with one vector with what is due.
    fn judge(&mut self, due: bool, done: bool, what: std::fmt::Arguments<'_>) {
        assert_eq!(done, due, "{what}: due {due}");
        *(if done { &mut self.accepted } else { &mut self.refused }) += 1;
    }
}
