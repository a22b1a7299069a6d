//! Public keys and their hashes.

mod curve;
mod edwards;
mod hash;

use std::str::FromStr;

use aws_lc_rs::{
    digest::{Digest, SHA256},
    signature::{ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey},
};
use blst::min_pk as bls12381;

pub use self::{
    curve::Curve,
    hash::{PublicKeyError, PublicKeyHash},
};
use crate::{
    base58check, bls,
    hash::{blake2b_160, blake2b_256},
    signature::{InvalidSignature, Signature},
    text::base58_text,
    version::SigningVersion,
};

/// A public key: a valid point of its curve, ready to verify.
#[derive(Clone)]
pub struct PublicKey {
    point: Point,
    hash: PublicKeyHash,
}

#[derive(Clone)]
enum Point {
    Ed25519([u8; 32], ParsedPublicKey),
    Secp256k1([u8; 33], k256::ecdsa::VerifyingKey),
    P256([u8; 33], ParsedPublicKey),
    Bls12381([u8; 48], Box<bls12381::PublicKey>),
}

impl PublicKey {
    /// Reads the bytes of a key without its tag.
    ///
    /// # Errors
    /// [`PublicKeyError::Length`] or [`PublicKeyError::Point`].
    pub fn from_bytes(curve: Curve, bytes: &[u8]) -> Result<Self, PublicKeyError> {
        if bytes.len() != curve.public_key_len() {
            return Err(PublicKeyError::Length { curve, actual: bytes.len() });
        }
        let point = Point::parse(curve, bytes).ok_or(PublicKeyError::Point(curve))?;
        Ok(Self { hash: PublicKeyHash::new(curve, blake2b_160(bytes)), point })
    }

    /// The bytes without the tag: of points, the compressed form.
    pub const fn as_bytes(&self) -> &[u8] {
        match &self.point {
            Point::Ed25519(bytes, _) => bytes,
            Point::Secp256k1(bytes, _) | Point::P256(bytes, _) => bytes,
            Point::Bls12381(bytes, _) => bytes,
        }
    }

    /// The curve.
    pub const fn curve(&self) -> Curve {
        self.hash.curve()
    }

    /// The name of this key.
    pub const fn hash(&self) -> PublicKeyHash {
        self.hash
    }

    /// Checks a signature over `message`: over its BLAKE2b-256 digest, or for tz4 over the message itself in the
    /// scheme that `version` asks for. A generic `sig…` is taken for a signature of this key's curve.
    ///
    /// For tz2 both halves of S pass, as in Signatory. Octez takes the low one only: see [`PublicKey::verify_strictly`].
    ///
    /// # Errors
    /// [`InvalidSignature`].
    pub fn verify(
        &self,
        message: &[u8],
        signature: &Signature,
        version: SigningVersion,
    ) -> Result<(), InvalidSignature> {
        self.verify_strictly(message, &signature.with_low_s_for(self.curve()), version)
    }

    /// As [`PublicKey::verify`], but what Tezos would refuse does not pass: a high S of secp256k1.
    ///
    /// # Errors
    /// [`InvalidSignature`].
    pub fn verify_strictly(
        &self,
        message: &[u8],
        signature: &Signature,
        version: SigningVersion,
    ) -> Result<(), InvalidSignature> {
        let bytes = signature.bytes_for(self.curve())?;
        let valid = match &self.point {
            Point::Ed25519(_, key) => key.verify_sig(&blake2b_256(message), bytes).is_ok(),
            Point::Secp256k1(_, key) => {
                use k256::ecdsa::signature::hazmat::PrehashVerifier as _;
                let signature = k256::ecdsa::Signature::from_slice(bytes);
                signature.and_then(|signature| key.verify_prehash(&blake2b_256(message), &signature)).is_ok()
            }
            Point::P256(_, key) => {
                // A digest of as many bytes as SHA-256 has, which is all that ECDSA looks at.
                let digest = Digest::import_less_safe(&blake2b_256(message), &SHA256);
                digest.and_then(|digest| key.verify_digest_sig(&digest, bytes)).is_ok()
            }
            Point::Bls12381(own, key) => {
                let scheme = bls::Scheme::of(version).ok_or(InvalidSignature::Version0)?;
                bls::verify(scheme, own, key, message, bytes)
            }
        };
        if valid { Ok(()) } else { Err(InvalidSignature::Invalid) }
    }

    /// Checks a proof that somebody holds the secret half of this key. Only tz4 keys have one.
    ///
    /// # Errors
    /// [`InvalidSignature`]; [`InvalidSignature::NotBls`] for the other curves.
    pub fn verify_possession(&self, proof: &Signature) -> Result<(), InvalidSignature> {
        let Point::Bls12381(own, key) = &self.point else { return Err(InvalidSignature::NotBls) };
        let proof = proof.bytes_for(self.curve())?;
        if bls::verify(bls::Scheme::Possession, own, key, own, proof) {
            Ok(())
        } else {
            Err(InvalidSignature::Invalid)
        }
    }

    fn to_base58(&self) -> String {
        base58check::encode(self.curve().prefixes().public, self.as_bytes())
    }
}

impl Point {
    fn parse(curve: Curve, bytes: &[u8]) -> Option<Self> {
        match curve {
            Curve::Ed25519 => {
                let own = bytes.try_into().ok().filter(edwards::is_public_key)?;
                Some(Self::Ed25519(own, ParsedPublicKey::new(&ED25519, bytes).ok()?))
            }
            Curve::Secp256k1 => {
                let own = compressed(bytes)?;
                Some(Self::Secp256k1(own, k256::ecdsa::VerifyingKey::from_sec1_bytes(&own).ok()?))
            }
            Curve::P256 => {
                let own = compressed(bytes)?;
                // AWS-LC verifies, so that the library that signs is checked by another.
                let point = p256::ecdsa::VerifyingKey::from_sec1_bytes(&own).ok()?.to_sec1_point(false);
                Some(Self::P256(own, ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point.as_bytes()).ok()?))
            }
            Curve::Bls12381 => {
                let own = bytes.try_into().ok()?;
                Some(Self::Bls12381(own, Box::new(bls::public_key(&own)?)))
            }
        }
    }
}

/// SEC 1 §2.3.3, compressed. The libraries also know other forms, one of them with as many bytes.
fn compressed(bytes: &[u8]) -> Option<[u8; 33]> {
    bytes.try_into().ok().filter(|bytes: &[u8; 33]| matches!(bytes[0], 2 | 3))
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.curve() == other.curve() && self.as_bytes() == other.as_bytes()
    }
}

impl Eq for PublicKey {}

impl std::hash::Hash for PublicKey {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.hash.hash(state);
    }
}

impl FromStr for PublicKey {
    type Err = PublicKeyError;

    fn from_str(text: &str) -> Result<Self, PublicKeyError> {
        let (prefix, payload) = base58check::decode_short(text)?;
        let curve = Curve::ALL.into_iter().find(|curve| curve.prefixes().public == prefix);
        Self::from_bytes(curve.ok_or(PublicKeyError::UnknownPrefix)?, &payload)
    }
}

base58_text!(PublicKey);
