//! Keys and signatures: recorded check values, and agreement with @taquito/signer and pytezos on every curve.
//! `vectors/record-keys.mjs` and `vectors/record-keys.py` made the recordings, each checking the other's signatures.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use jwtis_tezos::{
    Curve, InvalidSignature, PayloadHash, PublicKey, PublicKeyHash, SecretKey, Signature, SigningVersion,
    hash::blake2b_256,
};
use serde_json::Value;

const SECRET: &str = "edsk4FTF78Qf1m2rykGpHqostAiq5gYW4YZEoGUSWBTJr2njsDHSnd";
const PUBLIC: &str = "edpkv45regue1bWtuHnCgLU8xWKLwa9qRqv4gimgJKro4LSc3C5VjV";
const PKH: &str = "tz1LggX2HUdvJ1tF4Fvv8fjsrzLeW4Jr9t2Q";
const NOOP: &str = "0300000000000000000000000000000000000000000000000000000000000000001100000003616263";
const NOOP_SIGNATURE: &str =
    "edsigtendgcUcFnp2YNtrCSLoZdpztnZjfKvHqUH8SaQxZFbQeoNroc3yafZVmaP5LJ8rNpu9Q2kBYZ2JQvUyGiTfM6iYAoP8Pg";
const NOOP_GENERIC: &str =
    "sigUyAZZFhyrczVBuZ4QVccLYV7xUogh3hTnXPiEQyYuaTLySGJi8tVcKaiymHEpxVwHRXUWxphw4Xg8Smca7hA3eSG6rdvJ";
const AUTHENTICATION: &str =
    "edsigu5N8JHBF1hNVSJRN4xAnr1AXPbmH4bN53PZktJXLSo4MHPK8GHY7oKbazuvNucY22rCYeStu5p47QAZa3CiTX7pqTDoQe2";

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn taquito() -> Value {
    serde_json::from_str(include_str!("vectors/keys-taquito.json")).unwrap()
}

fn pytezos() -> Value {
    serde_json::from_str(include_str!("vectors/keys-pytezos.json")).unwrap()
}

fn rows(recorded: &Value) -> impl Iterator<Item = (Curve, SecretKey, &Value)> {
    recorded["keys"].as_array().unwrap().iter().map(|row| {
        let curve = Curve::ALL.into_iter().find(|curve| row["curve"] == format!("{curve:?}")).unwrap();
        (curve, text(row, "secret_key").parse().unwrap(), row)
    })
}

fn text<'a>(row: &'a Value, name: &str) -> &'a str {
    row[name].as_str().unwrap()
}

#[test]
fn check_value_of_the_key_triple() {
    let key: SecretKey = SECRET.parse().unwrap();
    assert_eq!(key.public_key().to_string(), PUBLIC);
    assert_eq!(key.public_key(), &PUBLIC.parse().unwrap());
    assert_eq!(key.public_key().hash().to_string(), PKH);
    assert_eq!(hex(key.public_key().hash().as_bytes()), "0b78887fdd0cd3bfbe75a717655728e0205bb958");
    assert_eq!(*key.danger_to_base58().unwrap(), SECRET);
}

#[test]
fn check_value_of_the_digest_of_the_noop_message() {
    assert_eq!(
        hex(&blake2b_256(&bytes(NOOP))),
        "a508315397899918e7f567e3054b9da65359369df53bdb817c3b34635799f2f4"
    );
}

#[test]
fn check_value_of_the_signature_typed_and_generic() {
    let key: SecretKey = SECRET.parse().unwrap();
    for version in [SigningVersion::V0, SigningVersion::V1, SigningVersion::V2] {
        let signature = key.sign(&bytes(NOOP), version).unwrap();
        assert_eq!(signature.to_string(), NOOP_SIGNATURE);
        assert_eq!(signature.to_generic().to_string(), NOOP_GENERIC);
    }
    let public: PublicKey = PUBLIC.parse().unwrap();
    for form in [NOOP_SIGNATURE, NOOP_GENERIC] {
        public.verify(&bytes(NOOP), &form.parse().unwrap(), SigningVersion::LATEST).unwrap();
    }
}

#[test]
fn check_value_of_the_authentication_value() {
    let key: SecretKey = SECRET.parse().unwrap();
    let pkh = key.public_key().hash();
    assert_eq!(hex(&pkh.to_tagged()), "000b78887fdd0cd3bfbe75a717655728e0205bb958");
    let message = [&[0x04, 0x01], pkh.to_tagged().as_slice(), &bytes(NOOP)].concat();
    assert_eq!(key.sign(&message, SigningVersion::LATEST).unwrap().to_string(), AUTHENTICATION);
}

#[test]
fn check_value_of_the_watermark_hash_of_the_attestation() {
    let message = format!("13b3d79f99{}1500070000007800000000{}", "00".repeat(32), "11".repeat(32));
    let message = bytes(&message);
    assert_eq!(message.len(), 80);
    assert_eq!(
        PayloadHash::new(blake2b_256(&message)).to_string(),
        "vh1t57X81VSuU82o6bmChQMBc1xAu7qzfz3Uxwy22DwJyetwiRZx"
    );
}

#[test]
fn section_11_bls_key_signs() {
    let key: SecretKey = "BLsk2ae63m4ooimmTy1B5wjriwPMtCLdiyNpetFiQMBovRm6ks6rSW".parse().unwrap();
    assert!(key.public_key().to_string().starts_with("BLpk"));
    assert!(key.public_key().hash().to_string().starts_with("tz4"));
    assert!(key.sign(&bytes(NOOP), SigningVersion::LATEST).unwrap().to_string().starts_with("BLsig"));
}

#[test]
fn taquito_has_the_same_keys_on_all_curves() {
    let recorded = taquito();
    let mut seen = [0; 4];
    for (curve, key, row) in rows(&recorded) {
        assert_eq!(key.curve(), curve);
        assert_eq!(key.public_key().to_string(), text(row, "public_key"));
        assert_eq!(
            text(row, "public_key").parse::<PublicKey>().unwrap().hash().to_string(),
            text(row, "pkh")
        );
        assert_eq!(*key.danger_to_base58().unwrap(), text(row, "secret_key"));
        seen[usize::from(curve.tag())] += 1;
    }
    assert_eq!(seen, [6; 4]);
}

/// Byte for byte: Ed25519 and BLS are deterministic, and both sides follow RFC 6979 with HMAC-SHA-256 and low S.
#[test]
fn taquito_makes_the_same_signatures_on_all_curves() {
    let recorded = taquito();
    for (_, key, row) in rows(&recorded) {
        for (name, forms) in row["signatures"].as_object().unwrap() {
            let message = bytes(text(&recorded["messages"], name));
            let signature = key.sign(&message, SigningVersion::V2).unwrap();
            assert_eq!(forms[0], signature.to_string(), "{name}");
            for form in forms.as_array().unwrap() {
                let form: Signature = form.as_str().unwrap().parse().unwrap();
                key.public_key().verify(&message, &form, SigningVersion::V2).unwrap();
                key.public_key().verify_strictly(&message, &form, SigningVersion::V2).unwrap();
            }
            if let Some(generic) = forms.get(1) {
                assert_eq!(*generic, signature.to_generic().to_string());
            }
        }
    }
}

#[test]
fn taquito_makes_the_same_proofs_of_possession() {
    let recorded = taquito();
    let mut proofs = 0;
    for (curve, key, row) in rows(&recorded).filter(|(curve, ..)| *curve == Curve::Bls12381) {
        let proof = key.prove_possession().unwrap();
        assert_eq!(proof.to_string(), text(row, "possession"), "{curve:?}");
        key.public_key().verify_possession(&proof).unwrap();
        proofs += 1;
    }
    assert_eq!(proofs, 6);
}

#[test]
fn the_64_byte_form_is_the_key_of_its_seed() {
    let recorded = taquito();
    let key: SecretKey = text(&recorded["full_key"], "secret_key").parse().unwrap();
    assert_eq!(key.public_key().hash().to_string(), text(&recorded["full_key"], "pkh"));
    assert_eq!(*key.danger_to_base58().unwrap(), text(&recorded["keys"][0], "secret_key"));
}

/// pytezos signs P-256 with nonces of its own, and tz4 as `version=1` does: message augmentation.
#[test]
fn pytezos_signatures_hold_and_are_the_same_where_they_can_be() {
    let (recorded, messages) = (pytezos(), taquito()["messages"].clone());
    for (curve, key, row) in rows(&recorded) {
        assert_eq!(key.public_key().to_string(), text(row, "public_key"));
        assert_eq!(key.public_key().hash().to_string(), text(row, "pkh"));
        for (name, theirs) in row["signatures"].as_object().unwrap() {
            let (message, theirs) = (bytes(text(&messages, name)), theirs.as_str().unwrap());
            let signature = theirs.parse().unwrap();
            key.public_key().verify(&message, &signature, SigningVersion::V1).unwrap();
            if curve != Curve::P256 {
                assert_eq!(key.sign(&message, SigningVersion::V1).unwrap().to_string(), theirs, "{name}");
            }
        }
    }
}

#[test]
fn pytezos_encrypted_keys_open_on_all_curves() {
    let recorded = pytezos();
    let mut opened = 0;
    for (_, key, row) in rows(&recorded) {
        for encrypted in row["encrypted"].as_array().unwrap() {
            let (form, password) = (text(encrypted, "text"), text(encrypted, "password"));
            let opens = SecretKey::from_encrypted(form, password.as_bytes()).unwrap();
            assert_eq!(opens.public_key(), key.public_key());
            assert_eq!(*opens.danger_to_base58().unwrap(), *key.danger_to_base58().unwrap());
            opened += 1;
        }
    }
    assert_eq!(opened, 32);
}

#[test]
fn ethereum_bls_sign_case() {
    let recorded = &pytezos()["bls"]["ethereum_sign_case"];
    let key: SecretKey = text(recorded, "secret_key").parse().unwrap();
    assert_eq!(hex(key.public_key().as_bytes()), text(recorded, "public_key"));
    let signature = key.sign(&bytes(text(recorded, "message")), SigningVersion::V2).unwrap();
    assert_eq!(hex(signature.as_bytes()), text(recorded, "signature"));
}

#[test]
fn same_bytes_same_signature_on_all_curves() {
    for curve in Curve::ALL {
        let key = SecretKey::generate(curve).unwrap();
        let again: SecretKey = key.danger_to_base58().unwrap().parse().unwrap();
        let first = key.sign(b"\x03message", SigningVersion::LATEST).unwrap();
        assert_eq!(first, key.sign(b"\x03message", SigningVersion::LATEST).unwrap());
        assert_eq!(first, again.sign(b"\x03message", SigningVersion::LATEST).unwrap());
        assert_ne!(first, key.sign(b"\x03messagf", SigningVersion::LATEST).unwrap());
    }
}

#[test]
fn versions_of_bls_are_different_signatures() {
    let key = SecretKey::generate(Curve::Bls12381).unwrap();
    let (one, two) =
        (key.sign(b"\x12", SigningVersion::V1).unwrap(), key.sign(b"\x12", SigningVersion::V2).unwrap());
    let public = key.public_key();
    public.verify(b"\x12", &one, SigningVersion::V1).unwrap();
    public.verify(b"\x12", &two, SigningVersion::V2).unwrap();
    assert_eq!(public.verify(b"\x12", &one, SigningVersion::V2), Err(InvalidSignature::Invalid));
    assert_eq!(public.verify(b"\x12", &two, SigningVersion::V1), Err(InvalidSignature::Invalid));

    let refused = key.sign(b"\x12", SigningVersion::V0).unwrap_err();
    assert_eq!(refused.to_string(), "SigningVersion0 is not supported for BLS keys");
    assert_eq!(public.verify(b"\x12", &two, SigningVersion::V0), Err(InvalidSignature::Version0));
}

#[test]
fn signatures_of_other_curves_do_not_depend_on_the_version() {
    for curve in [Curve::Ed25519, Curve::Secp256k1, Curve::P256] {
        let key = SecretKey::generate(curve).unwrap();
        let latest = key.sign(b"\x11", SigningVersion::LATEST).unwrap();
        assert_eq!(latest, key.sign(b"\x11", SigningVersion::V0).unwrap());
        assert_eq!(latest, key.sign(b"\x11", SigningVersion::V1).unwrap());
    }
}

#[test]
fn only_the_one_character_texts_name_a_version() {
    for (value, version) in [(Some("0"), SigningVersion::V0), (Some("1"), SigningVersion::V1)] {
        assert_eq!(SigningVersion::from_query(value), version);
    }
    for value in
        [None, Some(""), Some("2"), Some("3"), Some("abc"), Some("00"), Some("01"), Some(" 1"), Some("+1")]
    {
        assert_eq!(SigningVersion::from_query(value), SigningVersion::V2, "{value:?}");
    }
    assert_eq!(
        [SigningVersion::V0, SigningVersion::V1, SigningVersion::V2].map(SigningVersion::number),
        [0, 1, 2]
    );
}

#[test]
fn a_proof_of_possession_is_not_a_signature_of_the_public_key() {
    let key = SecretKey::generate(Curve::Bls12381).unwrap();
    let (public, proof) = (key.public_key(), key.prove_possession().unwrap());
    for version in [SigningVersion::V1, SigningVersion::V2] {
        assert_eq!(public.verify(public.as_bytes(), &proof, version), Err(InvalidSignature::Invalid));
    }
    let signed = key.sign(public.as_bytes(), SigningVersion::V2).unwrap();
    assert_eq!(public.verify_possession(&signed), Err(InvalidSignature::Invalid));
    let other = SecretKey::generate(Curve::Bls12381).unwrap();
    assert_eq!(other.public_key().verify_possession(&proof), Err(InvalidSignature::Invalid));
}

#[test]
fn other_curves_prove_no_possession() {
    for curve in [Curve::Ed25519, Curve::Secp256k1, Curve::P256] {
        let key = SecretKey::generate(curve).unwrap();
        assert_eq!(key.prove_possession().unwrap_err().to_string(), "proof of possession is not supported");
        let signature = key.sign(b"", SigningVersion::LATEST).unwrap();
        assert_eq!(key.public_key().verify_possession(&signature), Err(InvalidSignature::NotBls));
    }
}

#[test]
fn hashes_sort_and_travel_in_their_binary_form() {
    let pkh: PublicKeyHash = PKH.parse().unwrap();
    assert_eq!(PublicKeyHash::from_tagged(&pkh.to_tagged()), Some(pkh));
    assert_eq!(pkh.curve(), Curve::Ed25519);
    for tag in 4..=255 {
        assert_eq!(PublicKeyHash::from_tagged(&[tag; 21]), None);
    }
    let mut hashes: Vec<_> =
        Curve::ALL.iter().rev().map(|&curve| PublicKeyHash::new(curve, [9; 20])).collect();
    hashes.sort();
    assert!(hashes.is_sorted_by_key(PublicKeyHash::to_tagged));
}

#[test]
fn public_types_are_json_strings() {
    let pkh: PublicKeyHash = serde_json::from_str(&format!("{PKH:?}")).unwrap();
    assert_eq!(serde_json::to_string(&pkh).unwrap(), format!("{PKH:?}"));
    let public: PublicKey = serde_json::from_str(&format!("{PUBLIC:?}")).unwrap();
    assert_eq!(serde_json::to_string(&public).unwrap(), format!("{PUBLIC:?}"));
    let signature: Signature = serde_json::from_str(&format!("{NOOP_GENERIC:?}")).unwrap();
    assert_eq!(serde_json::to_string(&signature).unwrap(), format!("{NOOP_GENERIC:?}"));
    let refused = serde_json::from_str::<PublicKeyHash>("\"tz0\"").unwrap_err().to_string();
    assert!(refused.contains("not base58: the character at position 2 is '0'"), "{refused}");
    assert!(serde_json::from_str::<PublicKeyHash>("7").is_err());
}
