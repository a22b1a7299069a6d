//! Arbitrary input to every parser of keys and signatures: an answer or an error, never a panic.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use jwtis_tezos::{
    Curve, PublicKey, PublicKeyHash, SecretKey, Signature, SigningVersion, StoredSecretKey,
    base58check::{Prefix, decode, encode},
    secret_key::parse_secret_keys,
};
use proptest::prelude::*;

const VERSIONS: [SigningVersion; 3] = [SigningVersion::V0, SigningVersion::V1, SigningVersion::V2];

fn parse_all(text: &str) {
    let _ = decode(text);
    let _ = text.parse::<PublicKeyHash>();
    let _ = text.parse::<PublicKey>();
    let _ = text.parse::<Signature>();
    let _ = text.parse::<SecretKey>();
    let _ = StoredSecretKey::parse(text);
}

/// A text with a good checksum: hostile input gets past the first door.
fn sealed() -> impl Strategy<Value = String> {
    let prefix = prop::sample::select(Prefix::ALL).prop_filter("ML-DSA is slow", |p| p.payload_len() < 100);
    prefix.prop_flat_map(|prefix| {
        let len = prefix.payload_len();
        let exact = prop::collection::vec(any::<u8>(), len);
        let close = prop::collection::vec(any::<u8>(), len.saturating_sub(2)..len + 3);
        prop_oneof![4 => exact, 1 => close].prop_map(move |payload| encode(prefix, &payload))
    })
}

proptest! {
    #[test]
    fn texts(text in "\\PC{0,150}") {
        parse_all(&text);
    }

    #[test]
    fn texts_that_almost_are(
        start in prop::sample::select(Prefix::ALL),
        rest in "[1-9A-HJ-NP-Za-km-z]{10,140}",
    ) {
        parse_all(&format!("{}{rest}", start.text()));
    }

    #[test]
    fn texts_with_a_good_checksum(text in sealed()) {
        parse_all(&text);
        parse_all(&format!("encrypted:{text}"));
    }

    #[test]
    fn what_parses_writes_the_same_text(text in sealed()) {
        if let Ok(hash) = text.parse::<PublicKeyHash>() {
            prop_assert_eq!(hash.to_string(), text.as_str());
        }
        if let Ok(key) = text.parse::<PublicKey>() {
            prop_assert_eq!(key.to_string(), text.as_str());
        }
        if let Ok(signature) = text.parse::<Signature>() {
            prop_assert_eq!(signature.to_string(), text.as_str());
        }
        if let Ok(StoredSecretKey::Encrypted(key)) = text.parse() {
            prop_assert_eq!(key.to_base58(), text.as_str());
        }
    }

    #[test]
    fn key_bytes(curve in prop::sample::select(Curve::ALL.as_slice()), mut bytes in prop::collection::vec(any::<u8>(), 48)) {
        bytes.truncate(curve.public_key_len());
        // Half of the keys get the first byte that they need to be looked at further.
        match curve {
            Curve::Secp256k1 | Curve::P256 => bytes[0] = 2 + (bytes[0] & 1),
            Curve::Bls12381 => bytes[0] = 0x80 | (bytes[0] & 0x3f),
            Curve::Ed25519 => {}
        }
        if let Ok(key) = PublicKey::from_bytes(curve, &bytes) {
            prop_assert_eq!(key.as_bytes(), bytes.as_slice());
        }
    }

    #[test]
    fn signature_bytes_never_verify(
        curve in prop::sample::select(Curve::ALL.as_slice()),
        mut bytes in prop::collection::vec(any::<u8>(), 96),
        message in prop::collection::vec(any::<u8>(), 0..64),
        version in prop::sample::select(VERSIONS.as_slice()),
    ) {
        let key = SecretKey::generate(curve).unwrap();
        bytes.truncate(curve.signature_len());
        if curve == Curve::Bls12381 {
            bytes[0] = 0x80 | (bytes[0] & 0x3f);
        }
        let signature = Signature::from_bytes(curve, &bytes).unwrap();
        prop_assert!(key.public_key().verify(&message, &signature, version).is_err());
        prop_assert!(key.public_key().verify_possession(&signature).is_err());
        let _ = signature.with_low_s();
    }

    #[test]
    fn messages_are_signed_whatever_they_are(
        curve in prop::sample::select(Curve::ALL.as_slice()),
        message in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let key = SecretKey::generate(curve).unwrap();
        let signature = key.sign(&message, SigningVersion::LATEST).unwrap();
        prop_assert!(key.public_key().verify_strictly(&message, &signature, SigningVersion::LATEST).is_ok());
        prop_assert_eq!(signature.to_string().parse::<Signature>().unwrap(), signature);
    }

    #[test]
    fn secret_keys_files(json in "\\PC{0,100}") {
        let _ = parse_secret_keys(json.as_bytes());
        let _ = parse_secret_keys(format!(r#"[{{"name": "a", "value": "{json}"}}]"#).as_bytes());
    }
}
