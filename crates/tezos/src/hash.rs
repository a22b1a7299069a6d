//! Digests and the hashes that have a name.

use std::str::FromStr;

use blake2::{Blake2b256, Digest, digest::consts::U20};

use crate::{
    base58check::{self, Base58Error, Prefix},
    text::base58_text,
};

/// BLAKE2b with 32 bytes of output (RFC 7693): of messages before they are signed, of blocks and payloads.
pub fn blake2b_256(data: &[u8]) -> [u8; 32] {
    Blake2b256::digest(data).into()
}

/// BLAKE2b with 20 bytes of output: of public keys.
pub fn blake2b_160(data: &[u8]) -> [u8; 20] {
    blake2::Blake2b::<U20>::digest(data).into()
}

/// Why a text is not the hash that was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HashError {
    /// Not base58check of Tezos.
    #[error(transparent)]
    Base58(#[from] Base58Error),
    /// Another kind of text.
    #[error("expected a {}, got a {}", expected.what(), found.what())]
    Kind {
        /// The kind that was asked for.
        expected: Prefix,
        /// The kind of the text.
        found: Prefix,
    },
}

macro_rules! hashes {
    ($($(#[$doc:meta])* $name:ident $prefix:ident $len:literal;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; $len]);

        impl $name {
            /// Bytes of the hash.
            pub const LEN: usize = $len;

            /// Any bytes will do.
            pub const fn new(bytes: [u8; $len]) -> Self {
                Self(bytes)
            }

            /// The bytes without the prefix.
            pub const fn as_bytes(&self) -> &[u8; $len] {
                &self.0
            }

            fn to_base58(self) -> String {
                base58check::encode(Prefix::$prefix, &self.0)
            }
        }

        impl FromStr for $name {
            type Err = HashError;

            fn from_str(text: &str) -> Result<Self, HashError> {
                let (found, payload) = base58check::decode_short(text)?;
                let bytes = payload.as_slice().try_into().ok().filter(|_| found == Prefix::$prefix);
                bytes.map(Self).ok_or(HashError::Kind { expected: Prefix::$prefix, found })
            }
        }

        base58_text!($name);
    )+};
}

hashes! {
    /// A network, `Net…`.
    ChainId Net 4;
    /// A block, `B…`.
    BlockHash B 32;
    /// An operation, `o…`.
    OperationHash O 32;
    /// A protocol, `P…`.
    ProtocolHash P 32;
    /// The payload of a block, `vh…`; Signatory writes the hash of what was signed in this form into its watermark file.
    PayloadHash Vh 32;
}
