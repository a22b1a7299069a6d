//! Nobody obtains two signatures for one place: whatever is asked, by how many clients at once, and whatever dies in between.
//!
//! * `router`: random work on the real router over every watermark driver, with restarts, a store and a vault that fail, and clients
//!   that hang up.
//! * `killed`: the real program, killed with SIGKILL at any moment.
//!
//! Both write down every signature that a client got, and `ledger` judges what they wrote.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod killed;
mod ledger;
mod messages;
mod router;
mod world;
