//! Which client a token belongs to: an index from a token's hash to the name of its client.
//!
//! The index finds a caller before the caller's body is read. It is a hint and proves nothing: the record of the client that it names
//! must hold the same hash. An entry is written and deleted in the commit that writes and deletes its client.

use jwtis_base::bearer::SecretHash;
use jwtis_base::client_id::ClientId;
use jwtis_base::json::{decode_json, encode_json};
use jwtis_store::{DecodeError, Name, Record, Table};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// One entry of the index.
pub(crate) struct ClientToken {
    /// The client that has the token.
    pub(crate) client: ClientId,
}

/// The name of an entry: the token's hash in hexadecimal digits.
pub(crate) struct TokenName(String);

impl TokenName {
    /// The name for the token with this hash.
    pub(crate) fn of(hash: &SecretHash) -> Self {
        Self(hash.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// As the store takes it.
    pub(crate) fn name(&self) -> Name<'_> {
        Name::plain(&self.0)
    }
}

#[derive(Serialize, Deserialize)]
struct Stored {
    kid: String,
}

impl Record for ClientToken {
    const TABLE: Table = Table { id: 9, name: "client-tokens", time_ordered: false };

    fn encode(&self) -> Zeroizing<Vec<u8>> {
        encode_json(&Stored { kid: self.client.as_str().to_owned() })
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let Stored { kid } = decode_json(bytes)?;
        Ok(Self { client: kid.parse().map_err(|_| DecodeError::new("the kid is none"))? })
    }
}
