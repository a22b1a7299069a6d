//! What the signer is asked, and what it answers.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use jwtis_store::ReadError;
use jwtis_tezos::policy::LimitDenial;
use jwtis_tezos::{ChainId, Denial, MessageError, PublicKeyHash, RequestKind, Signature, SigningVersion};

use crate::guard::{Authenticated, TokenRefusal};
use crate::hook::HookError;
use crate::switch::SwitchError;
use crate::usage::UsageError;
use crate::vault::VaultError;
use crate::vaults::NotHeld;
use crate::watermark::WatermarkError;

/// A request for a signature. Bytes are not decoded yet, since the order of checks is visible.
#[derive(Debug)]
pub struct SignCommand<'a> {
    /// Who asks.
    pub caller: Authenticated,
    /// With which key.
    pub key: PublicKeyHash,
    /// The message, magic byte included.
    pub message: &'a [u8],
    /// How it is to be read and, for tz4, signed.
    pub version: SigningVersion,
    /// Where the request came from, for the policy hook.
    pub source: IpAddr,
}

/// A request for a proof of possession.
#[derive(Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct ProofCommand {
    pub caller: Authenticated,
    pub key: PublicKeyHash,
    pub source: IpAddr,
}

/// An answer or a refusal, and what became known about the request on the way: for metrics and logs.
#[derive(Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Decided<T> {
    pub outcome: Result<T, NotSigned>,
    pub about: About,
}

/// What is known of a request when it has been decided. Members stay empty where the decision fell before they were known.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct About {
    /// The key, once it is known to be listed: a label of a metric never holds what a stranger sent.
    pub listed_key: Option<PublicKeyHash>,
    /// What kind of request it is.
    pub kind: Option<RequestKind>,
    /// Operations by kind; of requests that are not generic the kind itself, once.
    pub operations: BTreeMap<&'static str, u64>,
    /// The network of consensus requests.
    pub chain: Option<ChainId>,
    /// Level and round of consensus requests.
    pub level_and_round: Option<(i32, i32)>,
    /// The kind of the vault that holds the key, as in Signatory's metrics: `File`, `Mem`, `Store`, …
    pub vault: Option<&'static str>,
    /// What limits with `mode: observe` would have refused.
    pub observed: Option<LimitDenial>,
    /// How long watermark and vault took, of requests that came so far.
    pub signing_took: Option<Duration>,
}

/// Why there is no signature. `Display` is the answer's text.
#[derive(Debug, thiserror::Error)]
pub enum NotSigned {
    /// 403: the key has no entry in the configuration.
    #[error("{0} is not listed in config")]
    NotListed(PublicKeyHash),
    /// 403: the operator has switched the key off.
    #[error("{0} is disabled")]
    Disabled(PublicKeyHash),
    /// 401, or 503 where it cannot be checked: the token was revoked while the request waited for the hook or the disk.
    #[error(transparent)]
    Token(#[from] TokenRefusal),
    /// 500: whether the key is switched off cannot be read.
    #[error(transparent)]
    Switch(SwitchError),
    /// 403: the caller or the request is not allowed.
    #[error(transparent)]
    Denied(#[from] Denial),
    /// 400: the message is not understood.
    #[error(transparent)]
    Decode(#[from] MessageError),
    /// 404: no vault holds the key. 500: a vault cannot be asked whether it does.
    #[error(transparent)]
    NotHeld(#[from] NotHeld),
    /// 400: only tz4 keys in vaults that can do it have proofs.
    #[error("proof of possession is not supported")]
    ProofNotSupported,
    /// 400: the key's policy does not say `allow_proof_of_possession`.
    #[error("proof of possession is not allowed")]
    ProofNotAllowed,
    /// 403, 401 or 500: the policy hook says no, or nothing that can be trusted.
    #[error(transparent)]
    Hook(#[from] HookError),
    /// 409; 403 where there is no room for another chain; 500 where the watermarks cannot be read or written.
    #[error(transparent)]
    Watermark(#[from] WatermarkError),
    /// 503: the store file is not in its place any more.
    #[error("the store of this signer cannot be used")]
    Store(#[source] ReadError),
    /// 400: a consensus message that does not tell its watermark.
    #[error("the message does not say which watermark protects it, so it is not signed")]
    NoWatermark,
    /// 500: what the key has spent cannot be counted.
    #[error(transparent)]
    Usage(#[from] UsageError),
    /// 500: the vault failed, or what it gave is no signature of the message.
    #[error(transparent)]
    Vault(#[from] VaultError),
}

impl NotSigned {
    /// A stable name for logs and metrics.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotListed(_) => "not_listed",
            Self::Disabled(_) => "key_disabled",
            Self::Token(TokenRefusal::Unavailable) => "token_unchecked",
            Self::Token(
                TokenRefusal::Missing
                | TokenRefusal::Unverified(_)
                | TokenRefusal::Invalid
                | TokenRefusal::Claims(_)
                | TokenRefusal::Revoked,
            ) => "token_revoked",
            Self::Switch(_) => "switch_unavailable",
            Self::Denied(denial) => denial.code(),
            Self::Decode(_) => "not_understood",
            Self::NotHeld(NotHeld::Nowhere) => "key_not_found",
            Self::ProofNotSupported => "proof_not_supported",
            Self::ProofNotAllowed => "proof_not_allowed",
            Self::Hook(_) => "policy_hook",
            Self::Watermark(WatermarkError::Refused(refused)) if refused.is_jump() => "watermark_jump",
            Self::Watermark(WatermarkError::Refused(_)) => "watermark",
            Self::Store(_) => "store_unavailable",
            Self::Watermark(WatermarkError::NoRoom { .. }) => "watermark_chains",
            Self::NoWatermark => "watermark_unclear",
            Self::Watermark(WatermarkError::RolledBack(_)) | Self::Usage(UsageError::RolledBack(_)) => {
                "rolled_back"
            }
            Self::Watermark(WatermarkError::Unavailable(_) | WatermarkError::OutcomeUnknown(_)) => {
                "watermark_unavailable"
            }
            Self::Usage(
                UsageError::NoStore
                | UsageError::Read(_)
                | UsageError::Store(_)
                | UsageError::OutcomeUnknown(_)
                | UsageError::Contended,
            ) => "usage_unavailable",
            Self::NotHeld(NotHeld::Unknown(_)) | Self::Vault(_) => "vault",
        }
    }
}

/// A signature that has been verified and may leave.
pub type Signed = Signature;
