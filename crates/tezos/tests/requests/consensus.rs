//! Blocks and consensus operations.

use jwtis_testkit::forge::{self, CHAIN, Forge, block, consensus, fitness, header, tag};
use jwtis_tezos::codec::MessageFault;
use jwtis_tezos::watermark::Need;
use jwtis_tezos::{Curve, RequestKind, SignRequest, SigningVersion};

use crate::vectors::hex;

fn decode(message: &[u8]) -> Result<SignRequest, MessageFault> {
    SignRequest::decode(message, SigningVersion::LATEST).map_err(|error| error.fault().clone())
}

#[test]
fn every_row_of_the_table_of_magic_bytes() {
    use RequestKind::{Attestation, AttestationWithDal, Block, Generic, Pack, Preattestation};
    for (name, message, kind, watermarked) in [
        ("11 block", block(120, 1, 0), Block, true),
        ("12 with tag 20", consensus(0x12, 20, 120, 1), Preattestation, true),
        ("12 with tag 40", consensus(0x12, 40, 120, 1), Preattestation, true),
        ("13 with tag 21", consensus(0x13, 21, 120, 1), Attestation, true),
        ("13 with tag 41", consensus(0x13, 41, 120, 1), Attestation, true),
        ("13 with tag 23", consensus(0x13, 23, 120, 1), AttestationWithDal, true),
        ("03 generic", forge::transaction(1, 2, None).generic(), Generic, false),
        ("05 pack", tag(0x05).raw(&forge::UNIT).0, Pack, false),
    ] {
        let request = decode(&message).unwrap_or_else(|fault| panic!("{name}: {fault}"));
        assert_eq!(request.kind(), kind, "{name}");
        assert_eq!(request.watermark().asked().is_some(), watermarked, "{name}");
        assert_eq!(request.message(), message, "{name}");
        assert_eq!(request.watermark() == Need::Nothing, !watermarked, "{name}");
        if let Some(asked) = request.watermark().asked() {
            assert_eq!((asked.watermark.level(), asked.watermark.round()), (120, 1), "{name}");
            assert_eq!(asked.chain.to_string(), "NetXo5iVw1vBoxM", "{name}");
            assert_eq!(asked.watermark.digest(), Some(&request.digest()), "{name}");
        }
    }
}

#[test]
fn every_other_magic_byte_is_an_unknown_tag() {
    let known = [0x03, 0x05, 0x11, 0x12, 0x13];
    for magic in (0..=255).filter(|magic| !known.contains(magic)) {
        let error = SignRequest::decode(&[magic, 0, 0], SigningVersion::LATEST).unwrap_err();
        assert_eq!(error.to_string(), format!("unknown tag {magic}"));
        assert!(
            error.detail().ends_with("are Seoul (023) and Tallinn (024), Ushuaia (025)"),
            "{}",
            error.detail()
        );
    }
}

#[test]
fn an_empty_message_has_the_text_of_signatory() {
    let error = SignRequest::decode(&[], SigningVersion::LATEST).unwrap_err();
    assert_eq!(error.to_string(), "the message ends too early: at least 1 byte(s) were expected, 0 left");
}

#[test]
fn check_value_of_the_attestation() {
    let message = hex(&format!(
        "13b3d79f99{}150007000000780000000{}",
        "00".repeat(32),
        format_args!("0{}", "11".repeat(32))
    ));
    assert_eq!(message.len(), 80);
    let request = decode(&message).unwrap();
    let asked = *request.watermark().asked().unwrap();
    let hash = jwtis_tezos::PayloadHash::new(*asked.watermark.digest().unwrap());
    assert_eq!(hash.to_string(), "vh1t57X81VSuU82o6bmChQMBc1xAu7qzfz3Uxwy22DwJyetwiRZx");
    assert_eq!((asked.watermark.level(), asked.watermark.round()), (120, 0));
}

#[test]
fn check_value_of_the_failing_noop() {
    let message = hex(&format!("03{}1100000003616263", "00".repeat(32)));
    let request = decode(&message).unwrap();
    let digest: String = request.digest().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(digest, "a508315397899918e7f567e3054b9da65359369df53bdb817c3b34635799f2f4");
    assert_eq!(request.operations()[0].kind().name(), "failing_noop");
}

/// Trap 7.
#[test]
fn trap_7_watermark_round_of_a_block_is_the_last_fitness_element() {
    let request = decode(&block(120, 3, 1)).unwrap();
    let asked = *request.watermark().asked().unwrap();
    assert_eq!((asked.watermark.level(), asked.watermark.round()), (120, 3));
    let (json, words) = (request.to_json(), request.in_words());
    assert_eq!((&json["round"], &json["payload_round"]), (&3.into(), &1.into()));
    assert_eq!(words, ["block of level 120, round 3 (payload of round 1) on NetXo5iVw1vBoxM"]);
}

/// Trap 10.
#[test]
fn trap_10_tz4_layouts_have_level_and_round_at_other_offsets() {
    for (magic, plain, bls) in [(0x12, 20, 40), (0x13, 21, 41)] {
        let (plain, bls) = (consensus(magic, plain, 1_000, 2), consensus(magic, bls, 1_000, 2));
        assert_eq!((plain.len(), bls.len()), (80, 78));
        for message in [plain, bls] {
            assert_eq!(decode(&message).unwrap().level_and_round(), Some((1_000, 2)));
        }
    }
}

#[test]
fn tags_belong_to_kinds_of_keys() {
    for (magic, op) in [(0x12, 20), (0x13, 21), (0x13, 23), (0x12, 40), (0x13, 41)] {
        let message = consensus(magic, op, 1, 0);
        for curve in Curve::ALL {
            let decoded = SignRequest::decode_for(&message, SigningVersion::LATEST, curve);
            if (op >= 40) == (curve == Curve::Bls12381) {
                assert!(decoded.is_ok(), "{op} {curve:?}");
            } else {
                let error = decoded.unwrap_err();
                assert_eq!(error.fault(), &MessageFault::WrongKeyKind(op));
                assert_eq!((error.offset(), message[error.offset()]), (37, op));
            }
        }
    }
    for curve in Curve::ALL {
        assert!(SignRequest::decode_for(&block(1, 0, 0), SigningVersion::LATEST, curve).is_ok());
    }
}

#[test]
fn a_magic_byte_takes_its_own_tags_only() {
    for (magic, op) in
        [(0x12, 21), (0x12, 23), (0x12, 41), (0x13, 20), (0x13, 40), (0x13, 22), (0x13, 17), (0x12, 0)]
    {
        assert_eq!(decode(&consensus(magic, op, 1, 0)), Err(MessageFault::UnknownTag(op)));
    }
}

#[test]
fn version_1_knows_no_tags_of_tz4() {
    for (magic, op, known) in
        [(0x12, 20, true), (0x13, 21, true), (0x13, 23, true), (0x12, 40, false), (0x13, 41, false)]
    {
        let decoded = SignRequest::decode(&consensus(magic, op, 1, 0), SigningVersion::V1);
        match decoded {
            Ok(_) => assert!(known, "{op}"),
            Err(error) => {
                assert!(!known, "{op}");
                assert_eq!(error.to_string(), format!("unknown tag {op}"));
                assert!(error.detail().ends_with("are Rio (022)"));
            }
        }
        assert!(SignRequest::decode(&consensus(magic, op, 1, 0), SigningVersion::V0).is_ok());
    }
}

#[test]
fn levels_and_rounds_are_not_negative() {
    for message in [
        consensus(0x13, 21, -1, 0),
        consensus(0x13, 21, 0, -1),
        consensus(0x12, 40, i32::MIN, 0),
        consensus(0x13, 41, 0, i32::MIN),
        block(-1, 0, 0),
        block(1, 0, -1),
    ] {
        assert!(matches!(decode(&message), Err(MessageFault::Negative(_))), "{message:?}");
    }
    assert_eq!(decode(&block(i32::MAX, i32::MAX, 0)).unwrap().level_and_round(), Some((i32::MAX, i32::MAX)));
}

#[test]
fn block_headers_by_name() {
    let message = |fitness: &Forge, nonce| tag(0x11).raw(&CHAIN).raw(&header(120, 0, fitness, nonce).0).0;
    for (name, fitness, nonce) in [
        ("without a locked round", fitness(120, None, 0, 0), false),
        ("with a locked round", fitness(120, Some(0), 2, 1), false),
        ("with a seed nonce", fitness(120, None, 0, 0), true),
    ] {
        let request = decode(&message(&fitness, nonce)).unwrap_or_else(|fault| panic!("{name}: {fault}"));
        assert_eq!(request.to_json()["seed_nonce_hash"].is_string(), nonce, "{name}");
    }
    // Fixed offsets: fitness length at 83, its last four bytes are the round.
    let bytes = message(&fitness(120, Some(0), 2, 7), false);
    assert_eq!(bytes[83..87], [0, 0, 0, 37]);
    assert_eq!(bytes[83 + 37..83 + 41], [0, 0, 0, 7]);
}

#[test]
fn malformed_fitness_is_refused() {
    let level = 120_i32.to_be_bytes();
    let round = 0_i32.to_be_bytes();
    let before = (-1_i32).to_be_bytes();
    let elements =
        |list: &[&[u8]]| list.iter().fold(Forge::default(), |forge, element| forge.framed(element));
    for (name, fitness) in [
        ("empty", elements(&[])),
        ("of Emmy", elements(&[&[1], &[0, 0, 0, 0, 0, 0, 0, 5]])),
        ("four elements", elements(&[&[2], &level, &[], &before])),
        ("six elements", elements(&[&[2], &level, &[], &before, &round, &[]])),
        ("another version", elements(&[&[3], &level, &[], &before, &round])),
        ("a long version", elements(&[&[0, 2], &level, &[], &before, &round])),
        ("a short level", elements(&[&[2], &level[1..], &[], &before, &round])),
        ("a negative level", elements(&[&[2], &before, &[], &before, &round])),
        ("a short locked round", elements(&[&[2], &level, &[0], &before, &round])),
        ("a predecessor round that is not negated", elements(&[&[2], &level, &[], &round, &round])),
        ("a negative round", elements(&[&[2], &level, &[], &before, &before])),
        ("a long round", elements(&[&[2], &level, &[], &before, &[0; 8]])),
    ] {
        let message = tag(0x11).raw(&CHAIN).raw(&header(120, 0, &fitness, false).0).0;
        let error = SignRequest::decode(&message, SigningVersion::LATEST).unwrap_err();
        assert!(
            matches!(
                error.fault(),
                MessageFault::Fitness(_) | MessageFault::TooShort { .. } | MessageFault::Trailing(_)
            ),
            "{name}: {error}"
        );
        assert_eq!(error.field(), Some("fitness"), "{name}");
    }
}
