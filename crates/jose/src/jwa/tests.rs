//! Tests of the table of algorithms.

use super::*;

#[test]
fn names_round_trip_and_are_case_sensitive() {
    for alg in SignatureAlgorithm::ALL {
        assert_eq!(alg.name().parse::<SignatureAlgorithm>().unwrap(), *alg);
        assert_eq!(alg.name().parse::<KeyAlgorithm>().unwrap(), KeyAlgorithm::Signature(*alg));
    }
    for alg in KeyManagementAlgorithm::ALL {
        assert_eq!(alg.name().parse::<KeyManagementAlgorithm>().unwrap(), *alg);
    }
    for enc in ContentEncryption::ALL {
        assert_eq!(enc.name().parse::<ContentEncryption>().unwrap(), *enc);
        assert_eq!(serde_json::to_string(enc).unwrap(), format!("\"{enc}\""));
    }
    for name in ["es256", "ES256 ", "none", "HS256", "NONE", "", "ES256K"] {
        assert!(name.parse::<SignatureAlgorithm>().is_err(), "{name}");
    }
}

#[test]
fn an_unknown_name_is_answered_with_the_known_ones() {
    let error = "ES265".parse::<SignatureAlgorithm>().unwrap_err().to_string();
    assert_eq!(
        error,
        "alg has no value \"ES265\" here: use one of ES256, ES384, ES512, EdDSA, RS256, RS384, RS512, PS256, PS384, \
         PS512"
    );
    let error = "A128CBC-HS256".parse::<ContentEncryption>().unwrap_err().to_string();
    assert!(error.ends_with("A128GCM, A192GCM, A256GCM"), "{error}");
}

#[test]
fn sizes_follow_the_algorithm() {
    let refusals = [
        (SignatureAlgorithm::Es512.check_bits(512), "ES512 uses P-521: bits must be 521, not 512"),
        (
            SignatureAlgorithm::Rs256.check_bits(1024),
            "RS256 is RSA: bits must be 2048, 3072 or 4096, not 1024",
        ),
        (
            SignatureAlgorithm::Ps512.check_bits(2056),
            "PS512 is RSA: bits must be 2048, 3072 or 4096, not 2056",
        ),
        (
            KeyManagementAlgorithm::EcdhEs.check_bits(255),
            "ECDH-ES uses P-256, P-384 or P-521: bits must be 256, 384 or 521, not 255",
        ),
    ];
    for (result, text) in refusals {
        assert_eq!(result.unwrap_err().to_string(), text);
    }
    for alg in SignatureAlgorithm::ALL {
        alg.check_bits(alg.default_bits()).unwrap();
    }
    for alg in KeyManagementAlgorithm::ALL {
        alg.check_bits(alg.default_bits()).unwrap();
    }
}
