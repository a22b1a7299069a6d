//! What a policy says.

use super::denial::Denial;
use super::limit_denial::LimitDenial;
use super::usage::Usage;

/// The answer of a policy.
#[derive(Clone, PartialEq, Eq, Debug)]
#[must_use]
pub enum Verdict {
    /// Yes. If there is a usage, it must be durable before the key is used.
    Allow(Option<Usage>),
    /// Yes, since the limits are only observed; enforced, they would say no.
    Observe {
        /// What they would say.
        denial: LimitDenial,
        /// As in [`Self::Allow`].
        usage: Option<Usage>,
    },
    /// No, and why.
    Deny(Denial),
}
