//! How much of a message is looked at.

/// The longest message that is looked at, in bytes. A Tezos operation has at most 32 KiB; packed data may have more.
pub const MAX_MESSAGE_BYTES: usize = 512 * 1024;
/// The longest number in its wire form, in bytes of seven bits each. Micheline integers are not converted and not bound by it.
pub const MAX_NUMBER_BYTES: usize = 1024;
/// The most members of one list.
pub const MAX_LIST_ITEMS: usize = 32 * 1024;
/// The most operations of one batch.
pub const MAX_OPERATIONS: usize = 4096;
/// The deepest Micheline expression (specification 6.9).
pub const MAX_DEPTH: usize = 10_000;
