//! How often a conditional write is tried.

/// Tries of a conditional write whose outcome does not depend on who wins, before it gives up.
pub(crate) const MAX_TRIES: usize = 16;
