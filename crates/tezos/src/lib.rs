//! Tezos for a remote signer: keys and their texts, signatures, sign requests, the policy rule and the watermark rule.
//!
//! Pure: no I/O, no clock, no network. What is random (new keys, the salt of an encrypted key) comes from AWS-LC in one
//! place, [`SecretKey::generate`] and [`SecretKey::encrypt`]; all else gives the same answer for the same bytes.
//!
//! Sections (§) are those of the signer's behaviour specification, which follows Signatory and Octez byte for byte.
//!
//! | Module | What | Specification |
//! |---|---|---|
//! | [`base58check`] | every text prefix | signer §6.1 |
//! | [`hash`] | BLAKE2b digests and the named 32-byte hashes | §6.1, §6.3 |
//! | [`key`] | [`Curve`], [`PublicKey`], [`PublicKeyHash`] | §6.1, §6.3 |
//! | [`signature`] | [`Signature`] | §6.3 |
//! | [`request`] | [`SignRequest`]: bytes to what they ask for | §1.9, §4.1, §6.7, §6.8 |
//! | [`operation`] | [`Operation`]: contents of generic requests, Rio to Ushuaia | §4.4, §6.4–6.6 |
//! | [`codec`] | the cursor, its limits, [`MessageError`] | §1.4, §6.4 |
//! | [`policy`] | [`Policy`]: what a key may sign, and its limits | §3.2, §4.2, §4.5 |
//! | [`watermark`] | the rule against double signing, and Signatory's files | §5 |
//! | [`secret_key`] | [`SecretKey`], encrypted keys, `secret_keys` files | §6.2, §7 |
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
pub use signature::{InvalidSignature, NotSigned, Signature, SignatureError};
pub use version::SigningVersion;
