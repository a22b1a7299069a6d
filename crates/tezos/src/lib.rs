//! Tezos for a remote signer: keys and their texts, signatures, sign requests, the policy rule and the watermark rule.
//!
//! The crate is pure: no I/O, no clock, no network. Only [`SecretKey::generate`] and [`SecretKey::encrypt`] draw randomness, from AWS-LC.
//! All else gives the same answer for the same bytes. `docs/reference/signer-protocol.md` describes the formats.
//!
//! | Module | Content |
//! |---|---|
//! | [`base58check`] | every text prefix |
//! | [`hash`] | BLAKE2b digests and the named 32-byte hashes |
//! | [`key`] | [`Curve`], [`PublicKey`], [`PublicKeyHash`] |
//! | [`signature`] | [`Signature`] |
//! | [`request`] | [`SignRequest`]: bytes to what they ask for |
//! | [`operation`] | [`Operation`]: contents of generic requests, Rio to Ushuaia |
//! | [`codec`] | limits, [`MessageError`] |
//! | [`policy`] | [`Policy`]: what a key may sign, and its limits |
//! | [`watermark`] | the rule against double signing, and Signatory's files |
//! | [`secret_key`] | [`SecretKey`], encrypted keys, `secret_keys` files |
//!
//! ```
//! use jwtis_tezos::{SecretKey, SigningVersion};
//!
//! let key: SecretKey = "edsk4FTF78Qf1m2rykGpHqostAiq5gYW4YZEoGUSWBTJr2njsDHSnd".parse()?;
//! assert_eq!(key.public_key().hash().to_string(), "tz1LggX2HUdvJ1tF4Fvv8fjsrzLeW4Jr9t2Q");
//!
//! let signature = key.sign(b"\x05packed", SigningVersion::LATEST)?;
//! key.public_key().verify(b"\x05packed", &signature, SigningVersion::LATEST)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod base58check;
mod bls;
pub mod codec;
pub mod hash;
pub mod key;
mod micheline;
pub mod operation;
pub mod policy;
pub mod request;
pub mod secret_key;
pub mod signature;
mod text;
mod version;
pub mod watermark;

pub use base58check::{Base58Error, Prefix};
pub use codec::MessageError;
pub use hash::{BlockHash, ChainId, OperationHash, PayloadHash, ProtocolHash};
pub use key::{Curve, PublicKey, PublicKeyError, PublicKeyHash};
pub use operation::{Address, Operation, OperationKind, Protocol};
pub use policy::{Caller, Circumstances, Denial, Policy, Verdict};
pub use request::{RequestKind, SignRequest};
pub use secret_key::{EncryptedSecretKey, SecretKey, SecretKeyError, StoredSecretKey};
pub use signature::{InvalidSignature, KeyNotUsed, Signature, SignatureError};
pub use version::SigningVersion;
