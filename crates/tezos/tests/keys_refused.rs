//! What is no key and no signature: points off their curve, at infinity, of small order, outside the subgroup, encoded a
//! second way; numbers out of range; high S; signatures of other keys, curves and messages.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use jwtis_tezos::{
    Curve, InvalidSignature, PublicKey, PublicKeyError, SecretKey, SecretKeyError, Signature, SigningVersion,
    base58check::{Prefix, encode},
};

const LATEST: SigningVersion = SigningVersion::LATEST;
const MESSAGE: &[u8] = b"\x03 a message";

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

/// A point found by `vectors/record-keys.py`.
fn recorded(name: &str) -> Vec<u8> {
    let document: serde_json::Value =
        serde_json::from_str(include_str!("vectors/keys-pytezos.json")).unwrap();
    bytes(document["bls"][name].as_str().unwrap())
}

fn assert_no_point(curve: Curve, key: &[u8]) {
    assert_eq!(PublicKey::from_bytes(curve, key), Err(PublicKeyError::Point(curve)), "{curve:?} {key:02x?}");
}

fn signed(curve: Curve) -> (SecretKey, Signature) {
    let key = SecretKey::generate(curve).unwrap();
    let signature = key.sign(MESSAGE, LATEST).unwrap();
    (key, signature)
}

#[test]
fn ed25519_refuses_points_of_small_order_in_every_encoding() {
    let ys = [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        // The first two again, above the prime.
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ];
    for y in ys {
        let mut key = bytes(y);
        assert_no_point(Curve::Ed25519, &key);
        key[31] |= 0x80;
        assert_no_point(Curve::Ed25519, &key);
    }
}

#[test]
fn ed25519_refuses_a_second_encoding() {
    // y = 3 is on the curve, p + 3 is the same point.
    let mut key = [0; 32];
    key[0] = 3;
    assert!(PublicKey::from_bytes(Curve::Ed25519, &key).is_ok());
    for low in 0xed..=0xff {
        let mut key = [0xff; 32];
        (key[0], key[31]) = (low, 0x7f);
        assert_no_point(Curve::Ed25519, &key);
    }
}

/// About half of all numbers are no `y`. AWS-LC would notice at the first signature; no key that we accept fails there.
#[test]
fn ed25519_refuses_points_off_the_curve() {
    let mut refused = 0;
    for number in 2..=201u8 {
        let mut key = [0; 32];
        key[0] = number;
        match PublicKey::from_bytes(Curve::Ed25519, &key) {
            Ok(_) => {}
            Err(error) => {
                assert_eq!(error, PublicKeyError::Point(Curve::Ed25519));
                refused += 1;
            }
        }
    }
    assert!((70..130).contains(&refused), "{refused}");
    // y = 2: the smallest of them.
    let mut two = [0; 32];
    two[0] = 2;
    assert_no_point(Curve::Ed25519, &two);
}

#[test]
fn ed25519_accepts_every_key_that_it_makes() {
    for _ in 0..200 {
        let key = SecretKey::generate(Curve::Ed25519).unwrap();
        assert!(PublicKey::from_bytes(Curve::Ed25519, key.public_key().as_bytes()).is_ok());
    }
}

#[test]
fn ecdsa_curves_refuse_other_forms_and_other_points() {
    for (curve, p) in [
        (Curve::Secp256k1, "fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f"),
        (Curve::P256, "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff"),
    ] {
        let good = SecretKey::generate(curve).unwrap().public_key().as_bytes().to_vec();
        for tag in (0..=255u8).filter(|tag| !matches!(tag, 2 | 3)) {
            let key = [&[tag], &good[1..]].concat();
            assert_no_point(curve, &key);
        }
        // The other square root is another key.
        let mut other = good.clone();
        other[0] ^= 1;
        assert!(PublicKey::from_bytes(curve, &other).is_ok());
        // x that is no field element, and x = p, which would be x = 0.
        assert_no_point(curve, &[&[2], [0xff; 32].as_slice()].concat());
        assert_no_point(curve, &[&[2], bytes(p).as_slice()].concat());
    }
    // x = 5 is on neither curve.
    let mut five = [0; 33];
    (five[0], five[32]) = (2, 5);
    assert_no_point(Curve::Secp256k1, &five);
    assert_no_point(Curve::P256, &{
        let mut one = five;
        one[32] = 1;
        one
    });
    // Infinity is one byte in SEC 1; padded it is no key either.
    assert_no_point(Curve::Secp256k1, &[0; 33]);
    assert_no_point(Curve::P256, &[0; 33]);
}

#[test]
fn bls_refuses_keys_outside_the_subgroup_off_the_curve_at_infinity_and_above_p() {
    let mut infinity = [0; 48];
    infinity[0] = 0xc0;
    assert_no_point(Curve::Bls12381, &infinity);
    assert_no_point(Curve::Bls12381, &[0; 48]);
    assert_no_point(Curve::Bls12381, &[0xff; 48]);
    for name in ["public_key_outside_the_subgroup", "public_key_off_the_curve", "public_key_with_x_above_p"] {
        assert_no_point(Curve::Bls12381, &recorded(name));
    }
    // Infinity with bits behind it, and a good key that claims not to be compressed.
    infinity[47] = 1;
    assert_no_point(Curve::Bls12381, &infinity);
    let mut plain = SecretKey::generate(Curve::Bls12381).unwrap().public_key().as_bytes().to_vec();
    plain[0] &= 0x7f;
    assert_no_point(Curve::Bls12381, &plain);
}

#[test]
fn bls_refuses_signatures_outside_the_subgroup_and_at_infinity() {
    let (key, _) = signed(Curve::Bls12381);
    let mut infinity = vec![0; 96];
    infinity[0] = 0xc0;
    for bytes in [infinity, recorded("signature_outside_the_subgroup"), vec![0; 96], vec![0xff; 96]] {
        let signature = Signature::from_bytes(Curve::Bls12381, &bytes).unwrap();
        for version in [SigningVersion::V1, SigningVersion::V2] {
            assert_eq!(key.public_key().verify(MESSAGE, &signature, version), Err(InvalidSignature::Invalid));
        }
        assert_eq!(key.public_key().verify_possession(&signature), Err(InvalidSignature::Invalid));
    }
}

#[test]
fn keys_of_another_length_are_refused() {
    for curve in Curve::ALL {
        for len in [0, 1, 20, 31, 32, 33, 34, 47, 48, 49, 64, 65, 96] {
            if len != curve.public_key_len() {
                let refused = PublicKey::from_bytes(curve, &vec![2; len]);
                assert_eq!(refused, Err(PublicKeyError::Length { curve, actual: len }));
            }
        }
    }
}

#[test]
fn texts_of_invalid_points_are_refused() {
    for (prefix, curve) in [
        (Prefix::Edpk, Curve::Ed25519),
        (Prefix::Sppk, Curve::Secp256k1),
        (Prefix::P2pk, Curve::P256),
        (Prefix::Blpk, Curve::Bls12381),
    ] {
        let text = encode(prefix, &vec![0; prefix.payload_len()]);
        assert_eq!(text.parse::<PublicKey>(), Err(PublicKeyError::Point(curve)));
    }
}

#[test]
fn secret_scalars_out_of_range_are_refused() {
    let orders = [
        (Prefix::Spsk, Curve::Secp256k1, "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141"),
        (Prefix::P2sk, Curve::P256, "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"),
        // Little-endian.
        (Prefix::Blsk, Curve::Bls12381, "01000000fffffffffe5bfeff02a4bd5305d8a10908d83933487d9d2953a7ed73"),
    ];
    for (prefix, curve, order) in orders {
        let refused = SecretKeyError::Scalar(curve);
        for scalar in [vec![0; 32], vec![0xff; 32], bytes(order)] {
            assert_eq!(encode(prefix, &scalar).parse::<SecretKey>().unwrap_err(), refused);
        }
        let last = if curve == Curve::Bls12381 { 0 } else { 31 };
        let mut largest = bytes(order);
        largest[last] -= 1;
        let key: SecretKey = encode(prefix, &largest).parse().unwrap();
        key.public_key().verify(MESSAGE, &key.sign(MESSAGE, LATEST).unwrap(), LATEST).unwrap();
    }
}

/// Octez rejects high S, so all we make are low; an `authentication` value may have either, as in Signatory.
#[test]
fn secp256k1_makes_low_s_only_and_high_s_passes_only_the_lenient_check() {
    let key = SecretKey::generate(Curve::Secp256k1).unwrap();
    for number in 0..100u8 {
        let message = [3, number];
        let low = key.sign(&message, LATEST).unwrap();
        let parsed = k256::ecdsa::Signature::from_slice(low.as_bytes()).unwrap();
        assert_eq!(parsed.normalize_s(), parsed, "high S");
        assert_eq!(low.with_low_s(), low);

        let high = k256::ecdsa::Signature::from_scalars(parsed.r(), -*parsed.s()).unwrap();
        let high = Signature::from_bytes(Curve::Secp256k1, &high.to_bytes()).unwrap();
        assert_ne!(high, low);
        assert_eq!(high.with_low_s(), low);
        for high in [high, high.to_generic()] {
            key.public_key().verify(&message, &high, LATEST).unwrap();
            let refused = key.public_key().verify_strictly(&message, &high, LATEST);
            assert_eq!(refused, Err(InvalidSignature::Invalid));
        }
    }
}

/// There is no rule for S of P-256: both pass. Ours are low all the same, so that there is one of each.
#[test]
fn p256_takes_both_halves_and_makes_the_low_one() {
    let key = SecretKey::generate(Curve::P256).unwrap();
    for number in 0..50u8 {
        let message = [3, number];
        let low = key.sign(&message, LATEST).unwrap();
        let parsed = p256::ecdsa::Signature::from_slice(low.as_bytes()).unwrap();
        assert_eq!(parsed.normalize_s(), parsed, "high S");
        let high = p256::ecdsa::Signature::from_scalars(parsed.r(), -*parsed.s()).unwrap();
        let high = Signature::from_bytes(Curve::P256, &high.to_bytes()).unwrap();
        key.public_key().verify_strictly(&message, &high, LATEST).unwrap();
    }
}

#[test]
fn ed25519_refuses_s_above_the_order() {
    let (key, signature) = signed(Curve::Ed25519);
    let order = bytes("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
    let mut raised = signature.as_bytes().to_vec();
    let mut carry = 0;
    for (byte, add) in raised[32..].iter_mut().zip(order) {
        let sum = u16::from(*byte) + u16::from(add) + carry;
        (*byte, carry) = (sum as u8, sum >> 8);
    }
    let raised = Signature::from_bytes(Curve::Ed25519, &raised).unwrap();
    assert_eq!(key.public_key().verify(MESSAGE, &raised, LATEST), Err(InvalidSignature::Invalid));
}

#[test]
fn ecdsa_refuses_zero_and_too_large_numbers() {
    for (curve, order) in [
        (Curve::Secp256k1, "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141"),
        (Curve::P256, "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"),
    ] {
        let (key, signature) = signed(curve);
        let (r, s) = signature.as_bytes().split_at(32);
        let order = bytes(order);
        let (zero, one) = (&[0; 32], &[[0; 31].as_slice(), &[1]].concat());
        for (r, s) in [
            (zero.as_slice(), s),
            (r, zero.as_slice()),
            (zero, zero),
            (&order, s),
            (r, &order),
            (&[0xff; 32], &[0xff; 32]),
            (one, one),
        ] {
            let forged = Signature::from_bytes(curve, &[r, s].concat()).unwrap();
            assert_eq!(key.public_key().verify(MESSAGE, &forged, LATEST), Err(InvalidSignature::Invalid));
            let _ = forged.with_low_s();
        }
    }
}

#[test]
fn every_flipped_bit_of_a_signature_is_noticed() {
    for curve in Curve::ALL {
        let (key, signature) = signed(curve);
        let step = if curve == Curve::Bls12381 { 17 } else { 5 };
        for bit in (0..signature.as_bytes().len() * 8).step_by(step) {
            let mut changed = signature.as_bytes().to_vec();
            changed[bit / 8] ^= 1 << (bit % 8);
            let changed = Signature::from_bytes(curve, &changed).unwrap();
            let refused = key.public_key().verify(MESSAGE, &changed, LATEST);
            assert_eq!(refused, Err(InvalidSignature::Invalid), "{curve:?} bit {bit}");
        }
        let other_message = key.public_key().verify(b"\x03 another message", &signature, LATEST);
        assert_eq!(other_message, Err(InvalidSignature::Invalid));
        let other_key = SecretKey::generate(curve).unwrap();
        assert_eq!(
            other_key.public_key().verify(MESSAGE, &signature, LATEST),
            Err(InvalidSignature::Invalid)
        );
    }
}

#[test]
fn a_signature_of_another_curve_is_named() {
    for own in Curve::ALL {
        for other in Curve::ALL.into_iter().filter(|other| *other != own) {
            let (key, (_, signature)) = (SecretKey::generate(own).unwrap(), signed(other));
            let refused = key.public_key().verify(MESSAGE, &signature, LATEST).unwrap_err();
            assert_eq!(refused, InvalidSignature::Curve { signature: Some(other), key: own });
        }
    }
    let (_, generic) = signed(Curve::Ed25519);
    let (bls, _) = signed(Curve::Bls12381);
    let refused = bls.public_key().verify(MESSAGE, &generic.to_generic(), LATEST).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "a signature of no named curve cannot be checked with a key of BLS12-381"
    );
}

#[test]
fn signatures_of_another_length_do_not_exist() {
    for curve in Curve::ALL {
        for len in [0, 32, 63, 64, 65, 95, 96, 97] {
            let made = Signature::from_bytes(curve, &vec![1; len]).is_some();
            assert_eq!(made, len == curve.signature_len());
        }
    }
}

#[test]
fn aggregates_and_other_kinds_are_no_signatures() {
    for prefix in [Prefix::Asig, Prefix::Tz1, Prefix::Edpk, Prefix::EdskFull] {
        let text = encode(prefix, &vec![1; prefix.payload_len()]);
        let refused = text.parse::<Signature>().unwrap_err().to_string();
        assert_eq!(refused, "base58check, but of no signature", "{prefix:?}");
    }
}
