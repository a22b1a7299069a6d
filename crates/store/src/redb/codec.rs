//! A record as a value in the file: format ‖ version 8 ‖ expiry 8 ‖ nonce 12 ‖ ciphertext ‖ tag 16, numbers big-endian.

use crate::{
    seal::ENVELOPE_FORMAT,
    sealed::{SealedRecord, Version},
};

pub(super) fn encode(record: &SealedRecord) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(17 + record.sealed.len());
    bytes.push(ENVELOPE_FORMAT);
    bytes.extend_from_slice(&record.version.0.to_be_bytes());
    bytes.extend_from_slice(&record.expires_at.to_be_bytes());
    bytes.extend_from_slice(&record.sealed);
    bytes
}

/// `None` if the value is too short or of another format.
pub(super) fn decode(bytes: &[u8]) -> Option<SealedRecord> {
    let (version, rest) = split_version(bytes)?;
    let (expires_at, sealed) = rest.split_first_chunk()?;
    Some(SealedRecord { version, expires_at: u64::from_be_bytes(*expires_at), sealed: sealed.to_vec() })
}

pub(super) fn version(bytes: &[u8]) -> Option<Version> {
    split_version(bytes).map(|(version, _)| version)
}

fn split_version(bytes: &[u8]) -> Option<(Version, &[u8])> {
    let (&ENVELOPE_FORMAT, rest) = bytes.split_first()? else { return None };
    let (version, rest) = rest.split_first_chunk()?;
    Some((Version(u64::from_be_bytes(*version)), rest))
}
