//! Watermarks against double signing, durable before a key is used. The rule is [`jwtis_tezos::watermark::judge`]; a driver keeps the
//! watermarks, and all drivers pass one suite.

pub mod copy;
pub mod file;
mod file_error;
mod folder;
pub mod import;
mod import_error;
mod kept;
pub mod mem;
pub(crate) mod record;
pub mod store;

use std::fmt;
use std::time::Duration;

use jwtis_base::audit::{Actor, AuditRecord};
use jwtis_base::env::Timestamp;
use jwtis_base::rollback;
use jwtis_store::{BoxError, BoxFuture, NotWritten, OutcomeUnknown, ReadError, RollbackCause, Store};
use jwtis_tezos::watermark::{
    AllWatermarks, Asked, ChainWatermarks, Judgement, JumpRule, Refusal, Watermark, judge,
};
use jwtis_tezos::{ChainId, PublicKeyHash};

/// Chains on which one key may have watermarks that the configuration does not name. Callers choose the chain of a message, and a
/// watermark stays for ever: without a bound they fill the disk.
pub const MAX_CHAINS_PER_KEY: usize = 16;

/// A keeper of watermarks.
pub trait Watermarks: Send + Sync + 'static {
    /// Its name in the configuration, in logs and in metrics: `store`, `file` or `mem`.
    fn name(&self) -> &'static str;

    /// Judges `asked` against the watermark of its network, key and magic byte, and makes the new one durable, with its time and allowance.
    /// A driver with an audit trail appends `record` in the same commit. A repeated message that changes nothing has no record.
    ///
    /// `Ok` means that the watermark is durable and the message may be signed. Two calls at once for one watermark are judged one after the
    /// other. On `Err` the message must not be signed; the watermark may or may not have moved. After [`WatermarkError::OutcomeUnknown`] the
    /// same message is cleared by a new write of its watermark, not by a look at it.
    ///
    /// # Errors
    /// [`WatermarkError`].
    fn clear<'a>(
        &'a self,
        key: &'a PublicKeyHash,
        asked: &'a Asked,
        terms: &'a Terms,
        record: Option<&'a AuditRecord>,
    ) -> BoxFuture<'a, Result<Clearance, WatermarkError>>;

    /// Why no message is cleared at all: the watermarks have gone back to an earlier state.
    ///
    /// # Errors
    /// [`WatermarkError::Unavailable`].
    fn rolled_back(&self) -> BoxFuture<'_, Result<Option<WentBack>, WatermarkError>> {
        Box::pin(async { Ok(None) })
    }

    /// All watermarks.
    ///
    /// # Errors
    /// [`WatermarkError::Unavailable`].
    fn all(&self) -> BoxFuture<'_, Result<AllWatermarks, WatermarkError>>;

    /// Raises the watermarks of `chain` to at least these, durably. None is ever lowered. A driver with an audit trail appends a record for
    /// each that rises.
    ///
    /// # Errors
    /// [`WatermarkError::Unavailable`], and [`WatermarkError::OutcomeUnknown`] after which another call decides.
    fn raise<'a>(
        &'a self,
        chain: ChainId,
        watermarks: &'a ChainWatermarks,
        by: RaisedBy,
    ) -> BoxFuture<'a, Result<(), WatermarkError>>;

    /// The store with the driver's own audit trail, where that is not the trail of the store with the keys.
    fn own_trail(&self) -> Option<&Store> {
        None
    }

    /// Brings the copy that other programs read up to date, where the driver keeps one. Nothing is signed on the strength of it.
    ///
    /// # Errors
    /// [`WatermarkError::Unavailable`] if the watermarks cannot be read or the copy cannot be written.
    fn write_copy(&self) -> BoxFuture<'_, Result<(), WatermarkError>> {
        Box::pin(async { Ok(()) })
    }
}

/// By whom watermarks are raised, and when: for the audit trail.
#[derive(Copy, Clone, Debug)]
pub enum RaisedBy {
    /// The operator, to what they say.
    Operator(Timestamp),
    /// A start, to what it found elsewhere.
    Start(Timestamp),
}

impl RaisedBy {
    fn record(self) -> AuditRecord {
        match self {
            Self::Operator(at) => AuditRecord::new(at, "watermark_raised", Actor::Operator.name()),
            Self::Start(at) => AuditRecord::new(at, "watermark_joined", "server"),
        }
    }
}

/// Which file keeps watermarks that are durable.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum KeptIn {
    /// The store with the keys.
    Store,
    /// A file of their own below `base_dir`.
    File,
}

impl KeptIn {
    /// The driver's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Store => "store",
            Self::File => "file",
        }
    }
}

/// Watermarks that have gone back to an earlier state.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct WentBack {
    pub cause: RollbackCause,
    pub kept_in: KeptIn,
}

impl WentBack {
    /// Why, in words.
    #[must_use]
    pub const fn why(self) -> &'static str {
        match (self.kept_in, self.cause) {
            (KeptIn::Store, cause) => rollback::words(cause),
            (KeptIn::File, RollbackCause::Restored) => "the file of watermarks was restored from a backup",
            (KeptIn::File, RollbackCause::BehindWitness) => {
                "the file of watermarks is older than its witness"
            }
        }
    }

    /// What an operator does about it.
    #[must_use]
    pub const fn hint(self) -> &'static str {
        match self.kept_in {
            KeptIn::Store => rollback::HINT,
            KeptIn::File => {
                "raise the watermarks of the consensus keys with `jwtis watermark raise`, then start once with `--new-watermarks`"
            }
        }
    }
}

impl fmt::Display for WentBack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let then = match self.kept_in {
            KeptIn::Store => "`jwtis store accept-rollback`",
            KeptIn::File => "start once with `--new-watermarks`",
        };
        let why = self.why();
        write!(
            f,
            "{why}: what this key has signed since is not known, so it signs nothing. First run `jwtis watermark raise`, then {then}"
        )
    }
}

/// On what terms a watermark is asked to rise.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Terms {
    /// The time.
    pub now_ms: u64,
    /// How far levels of the chain may rise.
    pub jump: JumpRule,
    /// Whether the configuration names the chain, by `watermark.chains` or the key's `allowed_chains`: then there is room for it.
    pub named: bool,
}

/// How a message was cleared.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Clearance {
    /// It is above the watermark, which has moved to it.
    Advanced,
    /// It is the message of the watermark.
    Repeated,
}

/// Why a message is not cleared.
#[derive(Debug, thiserror::Error)]
pub enum WatermarkError {
    /// 409: it is not above the watermark, or its level is further above than the chain can have gone.
    #[error(transparent)]
    Refused(Box<Refused>),
    /// 403: the key has watermarks on as many chains as it may.
    #[error(
        "chain `{chain}' has no watermark of this key yet, and the key has watermarks on {MAX_CHAINS_PER_KEY} chains: to sign on it, name it in `tezos.{key}.allowed_chains` or `watermark.chains`"
    )]
    NoRoom {
        /// The key.
        key: PublicKeyHash,
        /// The chain.
        chain: ChainId,
    },
    /// 409: the watermarks have gone back to an earlier state.
    #[error("{0}")]
    RolledBack(WentBack),
    /// 500: nobody knows whether the watermark was written, so the message is not signed. The same message may be asked for again.
    #[error("it is not known whether the watermark was written, so nothing was signed")]
    OutcomeUnknown(#[from] OutcomeUnknown),
    /// 500: the watermarks cannot be read or written now. Why is for the log, as the source.
    #[error("the watermark cannot be kept")]
    Unavailable(#[source] BoxError),
}

impl From<ReadError> for WatermarkError {
    fn from(error: ReadError) -> Self {
        Self::Unavailable(error.into())
    }
}

impl From<NotWritten> for WatermarkError {
    fn from(error: NotWritten) -> Self {
        Self::Unavailable(error.into())
    }
}

/// A message that is refused, and which watermark refuses it.
#[derive(Clone, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Refused {
    pub refusal: Refusal,
    pub key: PublicKeyHash,
    pub asked: Asked,
}

impl Refused {
    /// Whether the level alone is the reason.
    #[must_use]
    pub const fn is_jump(&self) -> bool {
        match self.refusal {
            Refusal::NotAbove { .. } => false,
            Refusal::Jump { .. } => true,
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { refusal, key, asked: Asked { chain, kind, watermark } } = self;
        f.write_str(&refusal.detail())?;
        if !self.is_jump() {
            return Ok(());
        }
        let level = watermark.level().saturating_sub(1);
        write!(
            f,
            "; if the chain is there, stop the signer and allow one jump by `jwtis watermark raise --key {key} --chain {chain} --kind {kind} --level {level}`"
        )
    }
}

impl std::error::Error for Refused {}

/// How a message is cleared, once the new watermark is durable; `None` where the stored one stands.
fn decide(
    stored: Option<&Watermark>,
    key: &PublicKeyHash,
    asked: &Asked,
    terms: &Terms,
) -> Result<(Clearance, Option<Watermark>), WatermarkError> {
    let (clearance, watermark) = match judge(stored, &asked.watermark, &terms.jump, terms.now_ms) {
        Judgement::Advance(watermark) => (Clearance::Advanced, watermark),
        Judgement::Repeat(watermark) => (Clearance::Repeated, watermark),
        Judgement::Refuse(refusal) => {
            return Err(WatermarkError::Refused(Box::new(Refused { refusal, key: *key, asked: *asked })));
        }
    };
    Ok((clearance, (stored != Some(&watermark)).then_some(watermark)))
}

/// Whether a key that has watermarks on so many chains may have its first one on another.
const fn room(
    key: PublicKeyHash,
    chain: ChainId,
    terms: &Terms,
    chains: usize,
) -> Result<(), WatermarkError> {
    if terms.named || chains < MAX_CHAINS_PER_KEY {
        return Ok(());
    }
    Err(WatermarkError::NoRoom { key, chain })
}

/// Told what a driver does, for metrics. Every method does nothing unless it is overridden.
pub trait WatermarkObserver: Send + Sync + 'static {
    /// A read or write of watermarks took `took`.
    fn io(&self, _backend: &'static str, _operation: WatermarkIo, _ok: bool, _took: Duration) {}
}

/// What a driver does with its storage.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug)]
pub enum WatermarkIo {
    /// Reading watermarks.
    Read,
    /// Replacing watermarks.
    Write,
    /// Writing the first watermark of a network, key and kind.
    Create,
}

/// Nobody is told.
impl WatermarkObserver for () {}
