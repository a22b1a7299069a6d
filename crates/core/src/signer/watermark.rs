//! Marks against double signing, durable before a key is used (§5). The rule is [`jwtis_tezos::watermark::judge`]; a driver keeps
//! the marks, and all drivers pass one suite.

mod disk;
pub mod file;
pub mod import;
pub mod mem;
pub mod store;

use std::collections::BTreeMap;

use jwtis_store::BoxFuture;
use jwtis_tezos::watermark::format::ChainMarks;
use jwtis_tezos::watermark::{Asked, Mark, Refusal, Step, judge};
use jwtis_tezos::{ChainId, PublicKeyHash};

/// A keeper of marks.
pub trait Watermarks: Send + Sync + 'static {
    /// Its name in the configuration, in logs and in metrics: `store`, `file` or `mem`.
    fn name(&self) -> &'static str;

    /// Judges `asked` against the mark of its network, key and magic byte, and makes the new mark durable.
    ///
    /// `Ok` means that the mark is durable and the message may be signed. Two calls at once for one mark are judged one after the
    /// other. On `Err` the message must not be signed; the mark may or may not have moved.
    ///
    /// # Errors
    /// [`WatermarkError`].
    fn clear<'a>(
        &'a self,
        key: &'a PublicKeyHash,
        asked: &'a Asked,
    ) -> BoxFuture<'a, Result<Clearance, WatermarkError>>;

    /// All marks.
    ///
    /// # Errors
    /// [`WatermarkError::Unavailable`].
    fn marks(&self) -> BoxFuture<'_, Result<BTreeMap<ChainId, ChainMarks>, WatermarkError>>;

    /// Raises the marks of `chain` to at least these, durably. No mark is ever lowered.
    ///
    /// # Errors
    /// [`WatermarkError::Unavailable`].
    fn raise<'a>(
        &'a self,
        chain: ChainId,
        marks: &'a ChainMarks,
    ) -> BoxFuture<'a, Result<(), WatermarkError>>;
}

/// How a message was cleared.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Clearance {
    /// It is above the mark, which has moved to it.
    Advanced,
    /// It is the message of the mark.
    Repeated,
}

/// Why a message is not cleared.
#[derive(Debug, thiserror::Error)]
pub enum WatermarkError {
    /// 409: it is not above the mark.
    #[error("{}", .0.detail())]
    Refused(Refusal),
    /// 500: the marks cannot be read or written now. Why is for the log, as the source.
    #[error("the watermark cannot be kept")]
    Unavailable(#[source] jwtis_store::BoxError),
}

/// A message that may be signed, once `write` is durable.
struct Cleared {
    clearance: Clearance,
    /// The new mark; `None` where the stored one stands.
    write: Option<Mark>,
}

/// The rule's step, for a driver.
fn decide(stored: Option<&Mark>, asked: &Mark) -> Result<Cleared, Refusal> {
    let (clearance, mark) = match judge(stored, asked) {
        Step::Advance(mark) => (Clearance::Advanced, mark),
        Step::Repeat(mark) => (Clearance::Repeated, mark),
        Step::Refuse(refusal) => return Err(refusal),
    };
    Ok(Cleared { clearance, write: (stored != Some(&mark)).then_some(mark) })
}

/// Told what a driver does, for metrics. Every method does nothing unless it is overridden.
pub trait WatermarkObserver: Send + Sync + 'static {
    /// A read or write of the marks took `took`.
    fn io(&self, _backend: &'static str, _operation: MarkIo, _ok: bool, _took: std::time::Duration) {}
}

/// What a driver does with its storage.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug)]
pub enum MarkIo {
    /// Reading marks.
    Read,
    /// Replacing marks.
    Write,
    /// Writing the first marks of a network or key.
    Create,
}

/// Nobody is told.
impl WatermarkObserver for () {}
