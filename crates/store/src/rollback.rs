//! The mark of a store that has gone back to an earlier state: it may not know what was signed, spent or revoked since.
//!
//! The store sets the mark when it finds itself behind its witness, and `restore` sets it where it cannot take over what
//! must not go back. The domain decides what a marked store refuses, dates the mark, and ends it.

use std::path::Path;

use zeroize::Zeroizing;

use crate::{
    record::{DecodeError, Record, Table},
    sealed::RecordKey,
};

/// Why a store is taken for one that has gone back.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum RollbackCause {
    /// A backup was restored, and what was there before could not be taken over, or not all of it.
    Restored,
    /// The file is older than its witness: an older copy was put into its place.
    BehindWitness,
}

impl RollbackCause {
    /// One word for reports and logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Restored => "restored",
            Self::BehindWitness => "behind_witness",
        }
    }
}

/// The mark. A store without this record is not marked.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Rollback {
    /// Why.
    pub cause: RollbackCause,
    /// Since when, in Unix milliseconds; `None` until the domain has dated it.
    pub since_ms: Option<u64>,
}

impl Rollback {
    /// Where the mark is kept: in clear, so that it shows without a password.
    #[must_use]
    pub fn key() -> RecordKey {
        RecordKey::compose(Self::TABLE.id, None, b"rolled back\0\0\0\0\0")
    }
}

const FORMAT: u8 = 1;

/// Format ‖ cause ‖ whether it is dated ‖ Unix milliseconds, big-endian.
impl Record for Rollback {
    const TABLE: Table = Table { id: 11, name: "rollback", time_ordered: false };

    fn encode(&self) -> Zeroizing<Vec<u8>> {
        let cause = match self.cause {
            RollbackCause::Restored => 1,
            RollbackCause::BehindWitness => 2,
        };
        let mut bytes = vec![FORMAT, cause, u8::from(self.since_ms.is_some())];
        bytes.extend_from_slice(&self.since_ms.unwrap_or_default().to_be_bytes());
        Zeroizing::new(bytes)
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let none = || DecodeError::from("not a mark of a rollback");
        let Some(([FORMAT, cause, dated], rest)) = bytes.split_first_chunk::<3>() else { return Err(none()) };
        let cause = match cause {
            1 => RollbackCause::Restored,
            2 => RollbackCause::BehindWitness,
            _ => return Err(none()),
        };
        let millis = u64::from_be_bytes(rest.try_into().map_err(|_| none())?);
        Ok(Self { cause, since_ms: (*dated != 0).then_some(millis) })
    }
}

/// What a witness says of its store.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Witnessed {
    /// There is no witness.
    Nothing,
    /// The store is as young as the witness, or younger.
    UpToDate,
    /// The store is older than the witness.
    Behind {
        /// The store's latest commit.
        commit: u64,
        /// The latest that the witness knows of.
        witness: u64,
    },
    /// It is the witness of another store.
    OfAnother,
    /// It was changed by somebody who does not have the store's key.
    Damaged,
}

/// The place of the witness of the store at `path`, unless the operator names another: the store's path and `.witness`.
#[must_use]
pub fn witness_beside(path: &Path) -> std::path::PathBuf {
    crate::redb::witness::beside(path)
}

/// That a witness at `witness` would lie apart from all files of the store at `path`. Neither need be there.
///
/// # Errors
/// [`crate::OpenError::WitnessMisplaced`].
pub fn check_witness_place(witness: &Path, path: &Path) -> Result<(), crate::OpenError> {
    crate::redb::witness_place::check_apart(witness, path, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_reads_back_and_no_cut_of_it_does() {
        for cause in [RollbackCause::Restored, RollbackCause::BehindWitness] {
            for since_ms in [None, Some(0), Some(1_795_000_900_123)] {
                let mark = Rollback { cause, since_ms };
                let bytes = mark.encode();
                assert_eq!(Rollback::decode(&bytes).unwrap(), mark);
                for length in 0..bytes.len() {
                    assert!(Rollback::decode(&bytes[..length]).is_err(), "{length}");
                }
            }
        }
    }
}
