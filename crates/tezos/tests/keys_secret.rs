//! Secret keys at rest: texts, passwords, octez-client's `secret_keys`, and that none of it is ever shown.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::error::Error;

use jwtis_tezos::{
    Base58Error, Curve, SecretKey, SecretKeyError, StoredSecretKey,
    base58check::{Prefix, decode, encode},
    secret_key::{StoredSecretKeyError, parse_secret_key_of, parse_secret_keys},
};

const SECRET: &str = "edsk4FTF78Qf1m2rykGpHqostAiq5gYW4YZEoGUSWBTJr2njsDHSnd";

#[test]
fn encrypted_keys_come_back_on_all_curves() {
    for (curve, letters) in Curve::ALL.into_iter().zip(["edesk", "spesk", "p2esk", "BLesk"]) {
        let key = SecretKey::generate(curve).unwrap();
        let encrypted = key.encrypt("пароль".as_bytes()).unwrap();
        assert_eq!(encrypted.curve(), curve);
        let text = encrypted.to_base58();
        assert!(text.starts_with(letters), "{text}");
        let opened = SecretKey::from_encrypted(&text, "пароль".as_bytes()).unwrap();
        assert_eq!(opened.public_key(), key.public_key());
        assert_eq!(*opened.danger_to_base58().unwrap(), *key.danger_to_base58().unwrap());
    }
}

#[test]
fn a_new_salt_every_time() {
    let key: SecretKey = SECRET.parse().unwrap();
    assert_ne!(key.encrypt(b"p").unwrap().to_base58(), key.encrypt(b"p").unwrap().to_base58());
}

#[test]
fn a_wrong_password_and_a_changed_box_are_the_same_refusal() {
    let key: SecretKey = SECRET.parse().unwrap();
    let text = key.encrypt(b"right").unwrap().to_base58();
    for wrong in ["", "Right", "right ", "righ"] {
        let refused = SecretKey::from_encrypted(&text, wrong.as_bytes()).unwrap_err();
        assert_eq!(refused, SecretKeyError::Password, "{wrong:?}");
    }
    let (prefix, payload) = decode(&text).unwrap();
    for at in [0, 7, 8, 23, 24, 55] {
        let mut changed = payload.to_vec();
        changed[at] ^= 1;
        let refused = SecretKey::from_encrypted(&encode(prefix, &changed), b"right").unwrap_err();
        assert_eq!(refused, SecretKeyError::Password, "byte {at}");
    }
}

#[test]
fn a_box_with_no_key_of_its_curve_is_refused() {
    // The seed of an Ed25519 key, all ones, under the name of another curve.
    let seed: SecretKey = encode(Prefix::EdskSeed, &[0xff; 32]).parse().unwrap();
    let (_, payload) = decode(&seed.encrypt(b"p").unwrap().to_base58()).unwrap();
    for (prefix, curve) in
        [(Prefix::Spesk, Curve::Secp256k1), (Prefix::P2esk, Curve::P256), (Prefix::Blesk, Curve::Bls12381)]
    {
        let refused = SecretKey::from_encrypted(&encode(prefix, &payload), b"p").unwrap_err();
        assert_eq!(refused, SecretKeyError::Scalar(curve));
    }
}

#[test]
fn plain_and_encrypted_are_not_mistaken_for_each_other() {
    let key: SecretKey = SECRET.parse().unwrap();
    let encrypted = key.encrypt(b"p").unwrap().to_base58();
    assert_eq!(encrypted.parse::<SecretKey>().unwrap_err(), SecretKeyError::Encrypted);
    assert_eq!(SecretKey::from_encrypted(SECRET, b"p").unwrap_err(), SecretKeyError::NotEncrypted);
}

#[test]
fn other_kinds_are_no_secret_keys() {
    for &prefix in Prefix::ALL {
        let text = encode(prefix, &vec![1; prefix.payload_len()]);
        let parsed = text.parse::<StoredSecretKey>();
        if prefix.text_len() > 142 {
            // ML-DSA-44: too long to be looked at.
            assert!(matches!(parsed.unwrap_err(), SecretKeyError::Base58(Base58Error::TooLong { .. })));
        } else if prefix.text().ends_with("sk") {
            assert!(parsed.is_ok(), "{prefix:?}");
        } else {
            assert_eq!(parsed.unwrap_err(), SecretKeyError::NotASecretKey(prefix));
        }
    }
}

#[test]
fn the_key_tells_whether_it_is_encrypted_and_other_schemes_are_no_keys() {
    for text in [SECRET.to_owned(), format!("unencrypted:{SECRET}"), format!("encrypted:{SECRET}")] {
        let StoredSecretKey::Plain(key) = StoredSecretKey::parse(&text).unwrap() else { panic!("{text}") };
        assert_eq!(*key.danger_to_base58().unwrap(), SECRET);
    }
    for text in ["", "unencrypted:", "unencrypted:foo:x"] {
        assert!(StoredSecretKey::parse(text).is_err(), "{text}");
    }
    let unknown = ["foo", "remote", "Unencrypted", "any thing", "", "unencrypted "];
    let unknown = unknown.map(|scheme| format!("{scheme}:{SECRET}"));
    let elsewhere = ["ledger://mouse/ed25519/0h", "http://localhost:6732/tz1", "a:b:c", ":"];
    for text in unknown.iter().map(String::as_str).chain(elsewhere) {
        assert_eq!(StoredSecretKey::parse(text).unwrap_err(), SecretKeyError::Scheme, "{text}");
    }
}

#[test]
fn octez_secret_keys_file() {
    let encrypted = SECRET.parse::<SecretKey>().unwrap().encrypt(b"p").unwrap().to_base58();
    let json = format!(
        r#"[{{"name": "baker", "value": "unencrypted:{SECRET}"}},
            {{"name": "", "value": "encrypted:{encrypted}"}},
            {{"value": "{SECRET}", "name": "bare"}}]"#
    );
    let keys = parse_secret_keys(json.as_bytes()).unwrap().keys;
    let names: Vec<_> = keys.iter().map(|entry| entry.name.as_str()).collect();
    assert_eq!(names, ["baker", "", "bare"]);
    assert!(matches!(keys[0].key, StoredSecretKey::Plain(_)));
    assert_eq!(keys[1].key.curve(), Curve::Ed25519);
    let StoredSecretKey::Encrypted(key) = &keys[1].key else { panic!() };
    assert_eq!(*key.decrypt(b"p").unwrap().danger_to_base58().unwrap(), SECRET);
    assert!(parse_secret_keys(b"[]").unwrap().keys.is_empty());
}

#[test]
fn entries_of_other_schemes_hide_no_other_key() {
    let json = format!(
        r#"[{{"name": "far", "value": "http://u:pass@localhost:6732/tz1"}},
            {{"name": "nano", "value": "ledger://mouse/ed25519/0h"}},
            {{"name": "near", "value": "unencrypted:{SECRET}"}},
            {{"name": "odd", "value": "foo:{SECRET}"}},
            {{"name": "sock", "value": "unix:/run/signer?pkh=tz1"}}]"#
    );
    let found = parse_secret_keys(json.as_bytes()).unwrap();
    assert!(matches!(&found.keys[..], [key] if key.name == "near"));
    let elsewhere: Vec<_> =
        found.elsewhere.iter().map(|key| (key.name.as_str(), key.scheme.as_str())).collect();
    assert_eq!(elsewhere, [("far", "http"), ("nano", "ledger"), ("odd", "foo"), ("sock", "unix")]);
    let error = parse_secret_key_of(json.as_bytes(), "far").unwrap_err();
    assert_eq!(error.to_string(), "the secret of \"far\" is not in the file, but with `http:`");
    assert!(parse_secret_key_of(json.as_bytes(), "near").unwrap().is_some());
}

#[test]
fn a_bad_entry_fails_the_file_and_is_named() {
    for value in
        ["unencrypted:edsk1", "encrypted:http://x", "edsk1", "", "HTTP://x", "edsk4FTF78Qf1m2rykGpHqos:x"]
    {
        let json = format!(r#"[{{"name": "bad", "value": "{value}"}}]"#);
        let error = parse_secret_keys(json.as_bytes()).unwrap_err();
        assert_eq!(error.to_string(), "secret key \"bad\"", "{value}");
        assert!(error.source().is_some());
    }
    let cases: [&[u8]; 6] =
        [b"", b"{}", b"[1]", br#"[{"name": "a"}]"#, br#"[{"name": "a", "value": 1}]"#, b"[] x"];
    for json in cases {
        assert!(matches!(parse_secret_keys(json).unwrap_err(), StoredSecretKeyError::Json { .. }));
    }
}

/// The chain of an error as a log would have it.
fn chain(error: &dyn Error) -> String {
    let mut text = format!("{error} {error:?}");
    let mut source = error.source();
    while let Some(error) = source {
        text += &format!(" {error} {error:?}");
        source = error.source();
    }
    text
}

#[test]
fn no_output_shows_a_secret() {
    let key: SecretKey = SECRET.parse().unwrap();
    assert_eq!(format!("{key:?}"), "SecretKey { pkh: tz1LggX2HUdvJ1tF4Fvv8fjsrzLeW4Jr9t2Q, .. }");
    let encrypted = key.encrypt(b"p").unwrap();
    assert_eq!(format!("{encrypted:?}"), "EncryptedSecretKey { curve: Ed25519, .. }");
    let stored = format!("{:?}", StoredSecretKey::parse(SECRET).unwrap());
    assert!(!stored.contains("edsk"), "{stored}");

    // A typing error in the middle: the position is told, not the character and nothing around it.
    let mistyped = SECRET.replace("Qf1m", "Qf0m");
    let error = mistyped.parse::<SecretKey>().unwrap_err();
    assert_eq!(error.to_string(), "not a secret key: unexpected character at position 12");
    for text in [mistyped.clone(), SECRET.replace("Qf1m", "Qf2m"), format!("{SECRET}1")] {
        let json = format!(r#"[{{"name": "a", "value": "{text}"}}]"#);
        for shown in [
            chain(&text.parse::<SecretKey>().unwrap_err()),
            chain(&parse_secret_keys(json.as_bytes()).unwrap_err()),
            chain(&parse_secret_keys(json.trim_end_matches(']').as_bytes()).unwrap_err()),
        ] {
            assert!(!shown.contains("Qf") && !shown.contains("edsk"), "{shown}");
        }
    }
}

#[test]
fn generated_keys_are_new_and_sign() {
    for curve in Curve::ALL {
        let (a, b) = (SecretKey::generate(curve).unwrap(), SecretKey::generate(curve).unwrap());
        assert_ne!(a.public_key(), b.public_key());
        assert_eq!(a.curve(), curve);
        assert_eq!(a.public_key().hash().curve(), curve);
    }
}

#[test]
fn keys_can_be_shared_by_threads() {
    fn shared<T: Send + Sync + 'static>() {}
    shared::<SecretKey>();
    shared::<jwtis_tezos::PublicKey>();
}
