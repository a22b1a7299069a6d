//! The signer: who asks, whether the policy allows it, whether the watermark clears it, and only then the key.
//!
//! [`Signer`] is the door; each method is one use case. What has been checked is shown by types: a [`jwtis_tezos::Caller`] inside
//! [`Authenticated`] was authenticated here, a [`Cleared`] request was allowed by the policy and its watermark is durable, and a
//! signature that leaves has been verified ([`VerifiedSignature`]). A vault signs only what is [`Cleared`], so that no key is used before
//! policy and watermark have spoken is a matter of types.
//!
//! docs/reference/signer-protocol.md has the facts of the protocol. The `Display` of a refusal is the text of the answer.

mod cleared;
mod command;
mod decision;
pub mod guard;
pub mod hook;
mod lockout;
pub mod login;
mod pipeline;
mod restrictions;
pub mod rules;
mod signer;
pub mod switch;
pub mod takeover;
mod text;
pub mod trusted;
pub mod usage;
pub mod vault;
mod vaults;
pub mod watermark;

pub use cleared::{Cleared, ClearedProof};
pub use command::{About, Decided, NotSigned, ProofCommand, SignCommand, Signed};
pub use guard::{
    Authenticated, ClientRefusal, NotTheAdmin, Presented, TokenChecked, TokenRefusal, UnverifiedReason,
};
pub use hook::{HookError, PolicyHook};
pub use login::LoginError;
pub use rules::{AllowSource, GuardRemoved, KeyRules, Rules};
pub use signer::{Signer, SignerParts};
pub use switch::Switcher;
pub use trusted::TrustedTokens;
pub use vault::{KeyBackend, Vault, VaultError, VerifiedSignature};
pub use vaults::{ConfigSnapshot, NotHeld};
pub use watermark::{WatermarkError, Watermarks, WentBack};
