//! The secret halves as their libraries hold them. Each wipes its key when it is dropped.

use aws_lc_rs::{
    encoding::{AsBigEndian, Curve25519SeedBin},
    signature::{Ed25519KeyPair, KeyPair},
};
use blst::min_pk as bls12381;
use k256::ecdsa::signature::hazmat::PrehashSigner;
use zeroize::{Zeroize, Zeroizing};

use super::error::SecretKeyError;
use crate::{
    bls,
    hash::blake2b_256,
    key::{Curve, PublicKey},
    signature::{KeyNotUsed, Signature},
    version::SigningVersion,
};

/// Bytes of a secret on every curve.
pub(super) const SECRET_BYTES: usize = 32;

pub(super) enum Pair {
    Ed25519(Ed25519KeyPair),
    Secp256k1(k256::ecdsa::SigningKey),
    P256(p256::ecdsa::SigningKey),
    Bls12381(bls12381::SecretKey),
}

impl Pair {
    /// Reads the bytes of the plain text: an Ed25519 seed, a big-endian scalar, or for BLS a little-endian one.
    pub(super) fn parse(curve: Curve, bytes: &[u8]) -> Result<Self, SecretKeyError> {
        let scalar = SecretKeyError::Scalar(curve);
        match curve {
            Curve::Ed25519 => {
                let pair = Ed25519KeyPair::from_seed_unchecked(bytes);
                Ok(Self::Ed25519(pair.map_err(|_| SecretKeyError::Library)?))
            }
            Curve::Secp256k1 => {
                k256::ecdsa::SigningKey::from_slice(bytes).map(Self::Secp256k1).map_err(|_| scalar)
            }
            Curve::P256 => p256::ecdsa::SigningKey::from_slice(bytes).map(Self::P256).map_err(|_| scalar),
            Curve::Bls12381 => {
                let mut big_endian = Zeroizing::new(bytes.to_vec());
                big_endian.reverse();
                bls12381::SecretKey::from_bytes(&big_endian).map(Self::Bls12381).map_err(|_| scalar)
            }
        }
    }

    /// Writes what [`Pair::parse`] reads.
    pub(super) fn secret_bytes(&self) -> Result<Zeroizing<[u8; SECRET_BYTES]>, SecretKeyError> {
        let mut secret = Zeroizing::new([0; SECRET_BYTES]);
        match self {
            Self::Ed25519(pair) => {
                let seed = pair.seed().map_err(|_| SecretKeyError::Library)?;
                let seed: Curve25519SeedBin<'_> = seed.as_be_bytes().map_err(|_| SecretKeyError::Library)?;
                if seed.as_ref().len() != SECRET_BYTES {
                    return Err(SecretKeyError::Library);
                }
                secret.copy_from_slice(seed.as_ref());
            }
            Self::Secp256k1(key) => take(&mut secret, key.to_bytes().into()),
            Self::P256(key) => take(&mut secret, key.to_bytes().into()),
            Self::Bls12381(key) => {
                take(&mut secret, key.to_bytes());
                secret.reverse();
            }
        }
        Ok(secret)
    }

    pub(super) fn public_key(&self) -> Result<PublicKey, SecretKeyError> {
        let public = match self {
            Self::Ed25519(pair) => PublicKey::from_bytes(Curve::Ed25519, pair.public_key().as_ref()),
            Self::Secp256k1(key) => {
                let point = key.verifying_key().to_sec1_point(true);
                PublicKey::from_bytes(Curve::Secp256k1, point.as_bytes())
            }
            Self::P256(key) => {
                let point = key.verifying_key().to_sec1_point(true);
                PublicKey::from_bytes(Curve::P256, point.as_bytes())
            }
            Self::Bls12381(key) => PublicKey::from_bytes(Curve::Bls12381, &key.sk_to_pk().compress()),
        };
        public.map_err(|_| SecretKeyError::Library)
    }

    /// Signs, unverified.
    pub(super) fn sign(
        &self,
        public: &PublicKey,
        message: &[u8],
        version: SigningVersion,
    ) -> Result<Signature, KeyNotUsed> {
        match self {
            Self::Ed25519(pair) => {
                let signature = pair.try_sign(&blake2b_256(message)).map_err(|_| KeyNotUsed::Library)?;
                Signature::from_bytes(Curve::Ed25519, signature.as_ref()).ok_or(KeyNotUsed::Library)
            }
            Self::Secp256k1(key) => {
                let signature: k256::ecdsa::Signature =
                    key.sign_prehash(&blake2b_256(message)).map_err(|_| KeyNotUsed::Library)?;
                Ok(Signature::Secp256k1(signature.normalize_s().to_bytes().into()))
            }
            Self::P256(key) => {
                let signature: p256::ecdsa::Signature =
                    key.sign_prehash(&blake2b_256(message)).map_err(|_| KeyNotUsed::Library)?;
                Ok(Signature::P256(signature.normalize_s().to_bytes().into()))
            }
            Self::Bls12381(key) => {
                let scheme = bls::Scheme::of(version).ok_or(KeyNotUsed::Version0)?;
                Ok(Signature::Bls12381(bls::sign(scheme, key, own_bytes(public)?, message)))
            }
        }
    }

    /// Proves possession, unverified.
    pub(super) fn prove_possession(&self, public: &PublicKey) -> Result<Signature, KeyNotUsed> {
        let Self::Bls12381(key) = self else { return Err(KeyNotUsed::NotBls) };
        let own = own_bytes(public)?;
        Ok(Signature::Bls12381(bls::sign(bls::Scheme::Possession, key, own, own)))
    }
}

/// The 48 bytes of a BLS public key; a pair never has another.
fn own_bytes(public: &PublicKey) -> Result<&[u8; 48], KeyNotUsed> {
    public.as_bytes().try_into().map_err(|_| KeyNotUsed::NotBls)
}

/// Moves a secret that a library handed out by value, and wipes its copy.
fn take(to: &mut [u8; SECRET_BYTES], mut from: [u8; SECRET_BYTES]) {
    to.copy_from_slice(&from);
    from.zeroize();
}
