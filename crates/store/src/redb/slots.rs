//! The key slots of a file, and what opens them.

use std::path::Path;

use super::{engine::Engine, records::read_one};
use crate::{
    keyslot::{KdfParams, Meta, Password, SlotError},
    open_error::OpenError,
    seal::Keys,
    sealed::{SealedRecord, Version},
};

/// What opens a file.
#[derive(Copy, Clone)]
pub(crate) enum UnlockSecret<'p> {
    Password(&'p Password),
    /// Nothing: the file is not sealed.
    None,
}

pub(super) fn made(secret: UnlockSecret<'_>, params: KdfParams) -> Result<(Meta, Keys), SlotError> {
    match secret {
        UnlockSecret::Password(password) => {
            let (meta, data_key) = Meta::create(password, params)?;
            Ok((meta, Keys::derive(&data_key)?))
        }
        UnlockSecret::None => Ok((Meta::unsealed()?, Keys::unsealed()?)),
    }
}

pub(super) fn unlock(meta: &Meta, secret: UnlockSecret<'_>, path: &Path) -> Result<Keys, OpenError> {
    match secret {
        UnlockSecret::Password(password) => {
            let data_key = meta.unlock(password).map_err(|error| OpenError::from_slots(error, path))?;
            Keys::derive(&data_key).map_err(OpenError::other)
        }
        UnlockSecret::None => meta.unsealed_keys().map_err(|error| OpenError::from_slots(error, path)),
    }
}

pub(super) fn read_meta(engine: &Engine) -> Result<(Version, Meta), OpenError> {
    let records = engine.records()?;
    let record = read_one(&records, &Meta::key())?;
    let record = record.ok_or_else(|| OpenError::Damaged { what: "the file holds no key slots".into() })?;
    let meta =
        Meta::decode(&record.sealed).map_err(|error| OpenError::from_slots(error, Path::new("the store")))?;
    Ok((record.version, meta))
}

pub(super) fn meta_record(meta: &Meta, version: Version) -> SealedRecord {
    SealedRecord { version, expires_at: u64::MAX, sealed: meta.encode() }
}
