//! Hostile messages.
//!
//! # What "never a permission from a refusal" means
//!
//! Let `V` be a message that a policy `P` refuses, and `M` a message made of `V` by cutting, flipping or adding bytes. Then `P`
//! refuses `M` too, or `M` is not decoded, or `M` is *by itself* a request that `P` allows. The last is judged without the
//! decoder's word for it ([`oracle`]): operations tile the message from byte 33 to its end, and the byte at the start of each is
//! a tag whose kind `P` lists. A chain that gets `M` sees that request and no other, so nothing was smuggled.
//!
//! Besides, no byte is invisible: when `M` differs from `V` and both are decoded, they are shown differently. What was shown to
//! the policy, and to people, determines the message.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

#[path = "requests/vectors.rs"]
mod vectors;

#[path = "hostile/arbitrary.rs"]
mod arbitrary;
#[path = "hostile/mutations.rs"]
mod mutations;
#[path = "hostile/oracle.rs"]
mod oracle;
