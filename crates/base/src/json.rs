//! The coding of our own records as JSON.

use jwtis_store::DecodeError;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// The bytes of a record, wiped when dropped.
pub fn encode_json<T: Serialize>(value: &T) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(to_json(value))
}

/// JSON of one of our own records.
#[expect(
    clippy::expect_used,
    reason = "maps with text keys and no foreign Serialize: to_vec has nothing to fail at"
)]
#[must_use]
pub fn to_json<T: Serialize>(value: &T) -> Vec<u8> {
    serde_json::to_vec(value).expect("a record is plain JSON")
}

/// A record from its bytes.
///
/// # Errors
/// When they are no such record.
pub fn decode_json<T: for<'de> Deserialize<'de>>(bytes: &[u8]) -> Result<T, DecodeError> {
    serde_json::from_slice(bytes).map_err(DecodeError::new)
}
