//! The signer: who asks, whether the policy allows it, whether the watermark clears it, and only then the key.
//!
//! [`Signer`] is the door; each method is one use case. What has been checked is shown by types: a [`jwtis_tezos::Caller`] inside
//! [`Authenticated`] was authenticated here, a [`Cleared`] request was allowed by the policy and its mark is durable, and a
//! [`Signature`] that leaves has been verified ([`Verified`]). A vault signs only what is [`Cleared`], so that no key is used before
//! policy and watermark have spoken is a matter of types.
//!
//! Sections (§) are those of the signer's behaviour specification. What the `Display` of a refusal says is the text of the answer.

mod decision;
pub mod guard;
pub mod hook;
pub mod lockout;
pub mod login;
mod pipeline;
mod restrictions;
pub mod rules;
mod signer;
mod snapshot;
pub mod switch;
pub mod takeover;
pub mod trusted;
pub mod usage;
pub mod vault;
mod vaults;
pub mod watermark;

pub use guard::{Authenticated, ClientRefusal, Presented, TokenRefusal, UnverifiedReason};
pub use hook::{HookError, PolicyHook};
pub use login::LoginError;
pub use pipeline::{Cleared, ClearedProof};
pub use rules::{GuardRemoved, KeyRules, Rules};
pub use signer::{About, Decided, ProofCommand, SignCommand, SignError, Signed, Signer, SignerParts};
pub use snapshot::Snapshot;
pub use switch::{NotTheAdmin, Switcher};
pub use trusted::TrustedTokens;
pub use vault::{KeyBackend, Vault, VaultError, Verified};
pub use vaults::NotHeld;
pub use watermark::{WatermarkError, Watermarks};
