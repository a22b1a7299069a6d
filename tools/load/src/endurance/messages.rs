//! Payments, and messages as requests.

use jwtis_testkit::forge::{hex, tag};

/// A payment of `amount` mutez.
pub(crate) fn payment(counter: u64, amount: u64) -> Vec<u8> {
    let manager = tag(108).account(0, 0).nat(1000).nat(counter).nat(1000).nat(0);
    manager.nat(amount).u8(0).account(0, 0).u8(0).generic()
}

/// The body of `POST /keys/{pkh}`.
pub(crate) fn body(bytes: &[u8]) -> String {
    format!("\"{}\"", hex(bytes))
}
