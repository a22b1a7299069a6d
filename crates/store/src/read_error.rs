//! Why a record was not read.

/// The cause of an error, for the operator's log.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why a record was not read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The engine cannot read now; a later try may succeed.
    #[error("the store cannot be read")]
    Unavailable(#[source] BoxError),
    /// The record does not verify: its bytes are not what was written under this key and version.
    #[error("damaged record: {record}")]
    Damaged {
        /// The record, by table and key; never its secret name.
        record: String,
    },
}
