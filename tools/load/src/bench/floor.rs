//! Floors: the cryptographic calls behind a request, straight to the library, in a tight loop on one thread. What a server costs
//! beyond its floor is what its makers can help.

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::agreement::{self, ECDH_P256, EphemeralPrivateKey, PrivateKey, UnparsedPublicKey};
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::key_wrap::{AES_256, AesKek, KeyWrap as _};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeySize, OAEP_SHA256_MGF1SHA256, OaepPublicEncryptingKey, PrivateDecryptingKey};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
    ParsedPublicKey, RSA_PKCS1_SHA256, RsaKeyPair,
};
use jwtis_tezos::{Curve, SecretKey, SigningVersion};

use crate::clock::{now, thread_cpu};
use crate::output::Fault;

/// Bytes of a signing input and of a nested token's text: what the benchmark's claims make.
const SIGNED_BYTES: usize = 420;
const NESTED_BYTES: usize = 560;

/// A piece of work, once.
pub(crate) type Work = Box<dyn FnMut() -> Result<(), Fault>>;

/// Median CPU time of one call of `work`, over calls that take `time` together, in microseconds.
///
/// Another thread keeps another core busy meanwhile, as the load generator does while the server works: two cores of a rented machine
/// are often two halves of one.
pub(crate) fn measure(work: &mut Work, time: Duration) -> Result<f64, Fault> {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| companion(&stop));
        let measured = alone(work, time);
        stop.store(true, Ordering::Relaxed);
        measured
    })
}

/// The same with nothing on the other core.
pub(crate) fn alone(work: &mut Work, time: Duration) -> Result<f64, Fault> {
    let begin = now();
    let mut samples = Vec::new();
    while begin.elapsed() < time || samples.len() < 5 {
        // Ten at a time, so that reading the clock does not count.
        let ten = thread_cpu();
        for _ in 0..10 {
            work()?;
        }
        samples.push(thread_cpu().saturating_sub(ten).as_secs_f64() * 1e5);
    }
    samples.sort_by(f64::total_cmp);
    Ok(samples.get(samples.len() / 2).copied().unwrap_or_default())
}

/// Work of a mixed kind: hashing, copying, system calls.
fn companion(stop: &AtomicBool) {
    let mut text = vec![5_u8; 4096];
    while !stop.load(Ordering::Relaxed) {
        let hash = digest(&SHA256, &text);
        text.rotate_left(17);
        black_box((hash, std::fs::metadata("/").is_ok()));
    }
}

/// Nothing but the server's own work.
pub(crate) fn nothing() -> Result<Work, Fault> {
    Ok(Box::new(|| Ok(())))
}

/// Several floors, one after the other.
pub(crate) fn all(mut works: Vec<Work>) -> Work {
    Box::new(move || works.iter_mut().try_for_each(|work| work()))
}

/// ES256 over a token.
pub(crate) fn es256_sign() -> Result<Work, Fault> {
    let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?;
    let random = SystemRandom::new();
    Ok(Box::new(move || {
        black_box(key.sign(&random, black_box(&[7; SIGNED_BYTES]))?);
        Ok(())
    }))
}

/// ES256, checked with a parsed key.
pub(crate) fn es256_verify() -> Result<Work, Fault> {
    let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?;
    let signature = key.sign(&SystemRandom::new(), &[7; SIGNED_BYTES])?;
    let public = ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key.public_key().as_ref())?;
    Ok(Box::new(move || Ok(public.verify_sig(black_box(&[7; SIGNED_BYTES]), signature.as_ref())?)))
}

/// EdDSA over a token.
pub(crate) fn eddsa_sign() -> Result<Work, Fault> {
    let key = Ed25519KeyPair::generate()?;
    Ok(Box::new(move || {
        black_box(key.sign(black_box(&[7; SIGNED_BYTES])));
        Ok(())
    }))
}

/// RS256 over a token, 2048 bits.
pub(crate) fn rs256_sign() -> Result<Work, Fault> {
    let key = RsaKeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048)?;
    let random = SystemRandom::new();
    let mut signature = vec![0; key.public_modulus_len()];
    Ok(Box::new(move || {
        Ok(key.sign(&RSA_PKCS1_SHA256, &random, black_box(&[7; SIGNED_BYTES]), &mut signature)?)
    }))
}

/// The sender's ECDH-ES on P-256: an ephemeral key, the agreement, one hash for the key; with `wrapped`, A256KW.
pub(crate) fn ecdh_es_send(wrapped: bool) -> Result<Work, Fault> {
    let recipient = PrivateKey::generate(&ECDH_P256)?.compute_public_key()?;
    let random = SystemRandom::new();
    Ok(Box::new(move || {
        let ephemeral = EphemeralPrivateKey::generate(&ECDH_P256, &random)?;
        black_box(ephemeral.compute_public_key()?);
        let peer = UnparsedPublicKey::new(&ECDH_P256, recipient.as_ref());
        let derived = agreement::agree_ephemeral(ephemeral, peer, Fault::from("no agreement"), |secret| {
            Ok(digest(&SHA256, secret))
        })?;
        if wrapped {
            wrap(derived.as_ref())?;
        }
        Ok(())
    }))
}

/// The recipient's ECDH-ES on P-256, and with `wrapped` A256KW.
pub(crate) fn ecdh_es_receive(wrapped: bool) -> Result<Work, Fault> {
    let own = PrivateKey::generate(&ECDH_P256)?;
    let sender = PrivateKey::generate(&ECDH_P256)?.compute_public_key()?;
    Ok(Box::new(move || {
        let peer = UnparsedPublicKey::new(&ECDH_P256, sender.as_ref());
        let derived =
            agreement::agree(&own, peer, Fault::from("no agreement"), |secret| Ok(digest(&SHA256, secret)))?;
        if wrapped {
            wrap(derived.as_ref())?;
        }
        Ok(())
    }))
}

fn wrap(kek: &[u8]) -> Result<(), Fault> {
    let mut wrapped = [0; 40];
    AesKek::new(&AES_256, kek)?.wrap(&[9; 32], &mut wrapped)?;
    black_box(wrapped);
    Ok(())
}

/// RSA-OAEP-256 of a content key, 2048 bits.
pub(crate) fn oaep_send() -> Result<Work, Fault> {
    let public = PrivateDecryptingKey::generate(KeySize::Rsa2048)?.public_key();
    let key = OaepPublicEncryptingKey::new(public)?;
    let mut encrypted = vec![0; key.ciphertext_size()];
    Ok(Box::new(move || {
        black_box(key.encrypt(&OAEP_SHA256_MGF1SHA256, &[9; 32], &mut encrypted, None)?);
        Ok(())
    }))
}

/// A256GCM over a nested token, either way.
pub(crate) fn gcm() -> Result<Work, Fault> {
    Ok(Box::new(move || {
        let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &[9; 32])?);
        let mut text = vec![7; NESTED_BYTES];
        let nonce = Nonce::assume_unique_for_key([1; 12]);
        let _ = black_box(key.seal_in_place_separate_tag(nonce, Aad::from([7; 200]), &mut text)?);
        Ok(())
    }))
}

/// One password, at the cost of `jwtis hash-password`: 19 MiB, two passes; memory reused.
pub(crate) fn argon2id() -> Result<Work, Fault> {
    let parameters = argon2::Params::new(19 * 1024, 2, 1, Some(32)).map_err(|error| error.to_string())?;
    let mut memory = vec![argon2::Block::default(); parameters.block_count()];
    let hash = argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, parameters);
    Ok(Box::new(move || {
        let mut out = [0; 32];
        hash.hash_password_into_with_memory(b"a password", b"sixteen bytes...", &mut out, &mut memory)
            .map_err(|error| error.to_string())?;
        black_box(out);
        Ok(())
    }))
}

/// A Tezos signature: the digest, the signature, and its verification.
pub(crate) fn tezos_sign(curve: Curve) -> Result<Work, Fault> {
    let key = SecretKey::generate(curve)?;
    Ok(Box::new(move || {
        black_box(key.sign(black_box(&[3; 200]), SigningVersion::LATEST)?);
        Ok(())
    }))
}
