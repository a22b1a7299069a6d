//! Texts of Tezos: base58check with a prefix that names the kind of the bytes.
//!
//! The alphabet is Bitcoin's. The checksum is the first four bytes of a double SHA-256. The prefix bytes are chosen so that the text
//! starts with the letters in [`Prefix::text`] and always has the length in [`Prefix::text_len`].

mod base58;

use aws_lc_rs::digest::{SHA256, digest};
use zeroize::Zeroizing;

use base58::ALPHABET;

/// Longest text that is decoded, in characters: an encrypted ML-DSA-44 key. Base58 costs the square of the length.
pub const MAX_TEXT_CHARS: usize = 5332;

const CHECKSUM_BYTES: usize = 4;

/// Why a text is not base58check of Tezos. The signer's clients see the messages.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Base58Error {
    /// A byte that is not in the alphabet.
    #[error("not base58: the character at position {position} is {character:?}")]
    Character {
        /// The bytes before it.
        position: usize,
        /// The byte, as a character of Latin-1.
        character: char,
    },
    /// Fewer bytes than a checksum has.
    #[error("too short for base58check: {0} byte(s)")]
    TooShort(usize),
    /// More characters than any acceptable text has. Signatory tries to decode any length.
    #[error("too long for base58check: {actual} characters, at most {limit}")]
    TooLong {
        /// The characters of the text.
        actual: usize,
        /// The characters of the longest acceptable text.
        limit: usize,
    },
    /// A typing error, most likely.
    #[error("the checksum is wrong: a character is mistyped or missing")]
    Checksum,
    /// base58check, but of no kind in the table.
    #[error("base58check of no kind that Tezos has")]
    UnknownPrefix,
    /// The prefix of one kind with the payload of another.
    #[error("base58check of the wrong length: {expected} bytes are expected, {actual} are there")]
    PayloadLength {
        /// The bytes that the prefix asks for.
        expected: usize,
        /// The bytes of the text.
        actual: usize,
    },
}

/// Writes `payload` with the prefix in front and the checksum behind.
///
/// The payload should have [`Prefix::payload_len`] bytes: [`decode`] refuses any other.
pub fn encode(prefix: Prefix, payload: &[u8]) -> String {
    std::mem::take(&mut *encode_secret(prefix, payload))
}

/// As [`encode`], leaving no copy of the payload in memory.
pub(crate) fn encode_secret(prefix: Prefix, payload: &[u8]) -> Zeroizing<String> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(prefix.bytes().len() + payload.len() + CHECKSUM_BYTES));
    bytes.extend_from_slice(prefix.bytes());
    bytes.extend_from_slice(payload);
    let sum = checksum(&bytes);
    bytes.extend_from_slice(&sum);

    // ASCII, moved and not copied.
    Zeroizing::new(String::from_utf8(std::mem::take(&mut *base58::encode(&bytes))).unwrap_or_default())
}

/// Reads a text of any kind. The payload is wiped when it is dropped, since it may be a secret.
///
/// # Errors
/// [`Base58Error`].
pub fn decode(text: &str) -> Result<(Prefix, Zeroizing<Vec<u8>>), Base58Error> {
    decode_within(MAX_TEXT_CHARS, text)
}

/// Reads a text of a kind that signs here, which costs microseconds however long the text is.
pub(crate) fn decode_short(text: &str) -> Result<(Prefix, Zeroizing<Vec<u8>>), Base58Error> {
    decode_within(Prefix::Blsig.text_len(), text)
}

fn decode_within(limit: usize, text: &str) -> Result<(Prefix, Zeroizing<Vec<u8>>), Base58Error> {
    let foreign = |byte: &u8| !ALPHABET.contains(byte);
    if let Some((position, &byte)) = text.as_bytes().iter().enumerate().find(|(_, byte)| foreign(byte)) {
        return Err(Base58Error::Character { position, character: char::from(byte) });
    }
    if text.len() > limit {
        return Err(Base58Error::TooLong { actual: text.len(), limit });
    }
    // Nothing else can fail: every character is in the alphabet.
    let bytes = Zeroizing::new(bs58::decode(text).into_vec().map_err(|_| Base58Error::Checksum)?);

    let (data, sum) = bytes.split_last_chunk().ok_or(Base58Error::TooShort(bytes.len()))?;
    if checksum(data) != *sum {
        return Err(Base58Error::Checksum);
    }
    let mut kinds = Prefix::ALL.iter().copied();
    let (prefix, payload) = kinds
        .find_map(|prefix| Some((prefix, data.strip_prefix(prefix.bytes())?)))
        .ok_or(Base58Error::UnknownPrefix)?;
    if payload.len() != prefix.payload_len() {
        return Err(Base58Error::PayloadLength { expected: prefix.payload_len(), actual: payload.len() });
    }
    Ok((prefix, Zeroizing::new(payload.to_vec())))
}

fn checksum(data: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let twice = digest(&SHA256, digest(&SHA256, data).as_ref());
    let mut sum = [0; CHECKSUM_BYTES];
    sum.iter_mut().zip(twice.as_ref()).for_each(|(to, from)| *to = *from);
    sum
}

/// One row a kind: name, leading letters of the text, prefix bytes, bytes of payload, characters of text, meaning.
macro_rules! prefixes {
    ($($name:ident $text:literal [$($byte:literal)+] $payload:literal $chars:literal $what:literal;)+) => {
        /// The kind of a base58check text.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Prefix {
            $(#[doc = concat!("`", $text, "`: ", $what, ", ", $payload, " bytes.")] $name,)+
        }

        impl Prefix {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The bytes in front of the payload.
            pub const fn bytes(self) -> &'static [u8] {
                match self { $(Self::$name => &[$($byte),+],)+ }
            }

            /// The letters that every text of this kind starts with.
            pub const fn text(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }

            /// Bytes of payload.
            pub const fn payload_len(self) -> usize {
                match self { $(Self::$name => $payload,)+ }
            }

            /// Characters of the text.
            pub const fn text_len(self) -> usize {
                match self { $(Self::$name => $chars,)+ }
            }

            /// The payload's name, for messages to people.
            pub const fn what(self) -> &'static str {
                match self { $(Self::$name => $what,)+ }
            }
        }
    };
}

prefixes! {
    Tz1 "tz1" [0x06 0xa1 0x9f] 20 36 "Ed25519 public key hash";
    Tz2 "tz2" [0x06 0xa1 0xa1] 20 36 "secp256k1 public key hash";
    Tz3 "tz3" [0x06 0xa1 0xa4] 20 36 "P-256 public key hash";
    Tz4 "tz4" [0x06 0xa1 0xa6] 20 36 "BLS12-381 public key hash";
    Tz5 "tz5" [0x06 0xa1 0xa9] 20 36 "ML-DSA-44 public key hash";
    Kt1 "KT1" [0x02 0x5a 0x79] 20 36 "originated contract";
    Sr1 "sr1" [0x06 0x7c 0x75] 20 36 "smart rollup";
    Edpk "edpk" [0x0d 0x0f 0x25 0xd9] 32 54 "Ed25519 public key";
    Sppk "sppk" [0x03 0xfe 0xe2 0x56] 33 55 "secp256k1 public key";
    P2pk "p2pk" [0x03 0xb2 0x8b 0x7f] 33 55 "P-256 public key";
    Blpk "BLpk" [0x06 0x95 0x87 0xcc] 48 76 "BLS12-381 public key";
    Mdpk "mdpk" [0x0d 0x07 0xed 0x43] 1312 1802 "ML-DSA-44 public key";
    EdskSeed "edsk" [0x0d 0x0f 0x3a 0x07] 32 54 "Ed25519 seed";
    EdskFull "edsk" [0x2b 0xf6 0x4e 0x07] 64 98 "Ed25519 seed and public key";
    Spsk "spsk" [0x11 0xa2 0xe0 0xc9] 32 54 "secp256k1 secret key";
    P2sk "p2sk" [0x10 0x51 0xee 0xbd] 32 54 "P-256 secret key";
    Blsk "BLsk" [0x03 0x96 0xc0 0x28] 32 54 "BLS12-381 secret key";
    Mdsk "mdsk" [0x09 0x39 0x74 0x39] 3872 5298 "ML-DSA-44 secret key";
    Edesk "edesk" [0x07 0x5a 0x3c 0xb3 0x29] 56 88 "encrypted Ed25519 seed";
    Spesk "spesk" [0x09 0xed 0xf1 0xae 0x96] 56 88 "encrypted secp256k1 secret key";
    P2esk "p2esk" [0x09 0x30 0x39 0x73 0xab] 56 88 "encrypted P-256 secret key";
    Blesk "BLesk" [0x02 0x05 0x1e 0x35 0x19] 56 88 "encrypted BLS12-381 secret key";
    Mdesk "mdesk" [0x05 0x31 0x85 0x27 0xac] 3896 5332 "encrypted ML-DSA-44 secret key";
    Edsig "edsig" [0x09 0xf5 0xcd 0x86 0x12] 64 99 "Ed25519 signature";
    Spsig1 "spsig1" [0x0d 0x73 0x65 0x13 0x3f] 64 99 "secp256k1 signature";
    P2sig "p2sig" [0x36 0xf0 0x2c 0x34] 64 98 "P-256 signature";
    Sig "sig" [0x04 0x82 0x2b] 64 96 "signature of an unnamed curve";
    Blsig "BLsig" [0x28 0xab 0x40 0xcf] 96 142 "BLS12-381 signature";
    Asig "asig" [0x02 0x4b 0xea 0x65] 96 141 "aggregate signature";
    Mdsig "mdsig" [0x01 0x9c 0x2d 0xd2 0x03] 2420 3316 "ML-DSA-44 signature";
    Net "Net" [0x57 0x52 0x00] 4 15 "chain id";
    B "B" [0x01 0x34] 32 51 "block hash";
    O "o" [0x05 0x74] 32 51 "operation hash";
    P "P" [0x02 0xaa] 32 51 "protocol hash";
    Co "Co" [0x4f 0xc7] 32 52 "context hash";
    Llo "LLo" [0x1d 0x9f 0x6d] 32 53 "operation list list hash";
    Vh "vh" [0x01 0x6a 0xf2] 32 52 "block payload hash";
    Nce "nce" [0x45 0xdc 0xa9] 32 53 "nonce hash";
    Expr "expr" [0x0d 0x2c 0x40 0x1b] 32 54 "script expression hash";
    Src1 "src1" [0x11 0xa5 0x86 0x8a] 32 54 "smart rollup commitment hash";
    Srs1 "srs1" [0x11 0xa5 0xeb 0xf0] 32 54 "smart rollup state hash";
    Sh "sh" [0x02 0x74 0xb4] 48 74 "DAL commitment";
}
