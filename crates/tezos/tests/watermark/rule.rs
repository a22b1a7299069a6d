//! The rule as a table of named cases.

use jwtis_testkit::forge::{UNIT, block, consensus, tag, transaction};
use jwtis_tezos::watermark::{Judgement, JumpRule, KeyWatermarks, Need, Refusal, Watermark, WatermarkKind};
use jwtis_tezos::{SignRequest, SigningVersion};

/// A watermark whose digest is thirty-two times `digest`, or none when that is 0.
pub(crate) fn watermark(level: i32, round: i32, digest: u8) -> Watermark {
    Watermark::new(level, round, (digest > 0).then_some([digest; 32])).unwrap()
}

/// The rule about places alone, on a chain whose levels nothing bounds.
pub(crate) fn judge(stored: Option<&Watermark>, asked: &Watermark) -> Judgement {
    jwtis_tezos::watermark::judge(stored, asked, &JumpRule::Off, 0)
}

#[derive(Debug, PartialEq)]
enum Answer {
    Advance,
    Repeat,
    Refuse,
}

#[test]
fn every_row_of_the_rule() {
    use Answer::{Advance, Refuse, Repeat};
    let stored = Some(watermark(100, 2, 1));
    for (name, stored, asked, wanted) in [
        ("first_use", None, watermark(0, 0, 1), Advance),
        ("first_use_at_any_level", None, watermark(i32::MAX, i32::MAX, 1), Advance),
        ("higher_level", stored, watermark(101, 0, 2), Advance),
        ("higher_level_lower_round", stored, watermark(101, 1, 2), Advance),
        ("same_level_higher_round", stored, watermark(100, 3, 2), Advance),
        ("same_bytes", stored, watermark(100, 2, 1), Repeat),
        ("same_round_with_other_digest", stored, watermark(100, 2, 2), Refuse),
        ("same_level_lower_round", stored, watermark(100, 1, 2), Refuse),
        ("lower_level", stored, watermark(99, 2, 2), Refuse),
        ("lower_level_higher_round", stored, watermark(99, 9, 2), Refuse),
        ("level_0_round_0_twice", Some(watermark(0, 0, 1)), watermark(0, 0, 2), Refuse),
        ("watermark_without_digest_same_place", Some(watermark(100, 2, 0)), watermark(100, 2, 1), Refuse),
        ("watermark_without_digest_higher_place", Some(watermark(100, 2, 0)), watermark(100, 3, 1), Advance),
        ("neither_has_a_digest", Some(watermark(100, 2, 0)), watermark(100, 2, 0), Refuse),
        ("no_difference_overflows_up", Some(watermark(0, 0, 1)), watermark(i32::MAX, 0, 2), Advance),
        ("no_difference_overflows_down", Some(watermark(i32::MAX, 0, 1)), watermark(0, 0, 2), Refuse),
        ("no_difference_of_rounds_overflows", Some(watermark(5, i32::MAX, 1)), watermark(5, 0, 2), Refuse),
    ] {
        let answer = match judge(stored.as_ref(), &asked) {
            Judgement::Advance(next) => {
                assert_eq!(next.with_pace(None), asked, "{name}");
                Advance
            }
            Judgement::Repeat(next) => {
                assert_eq!(Some(next), stored, "{name}");
                Repeat
            }
            Judgement::Refuse(refusal) => {
                assert_eq!(Some(refusal), stored.map(|stored| Refusal::NotAbove { stored, asked }), "{name}");
                assert_eq!(refusal.to_string(), "watermark validation failed", "{name}");
                Refuse
            }
        };
        assert_eq!(answer, wanted, "{name}");
    }
}

#[test]
fn refusals_name_the_stored_and_the_asked_place() {
    let detail = |stored: Watermark, asked: Watermark| match judge(Some(&stored), &asked) {
        Judgement::Refuse(refusal) => refusal.detail(),
        other => panic!("{other:?}"),
    };
    assert_eq!(
        detail(watermark(120, 1, 1), watermark(119, 4, 2)),
        "watermark validation failed: level 119, round 4 was asked, and level 120, round 1 has been signed"
    );
    assert_eq!(
        detail(watermark(120, 1, 1), watermark(120, 1, 2)),
        "watermark validation failed: another message of level 120, round 1 has been signed"
    );
}

#[test]
fn negative_levels_and_rounds_are_no_watermarks() {
    assert_eq!(Watermark::new(-1, 0, None), None);
    assert_eq!(Watermark::new(0, -1, None), None);
    assert_eq!(Watermark::new(i32::MIN, i32::MIN, None), None);
}

/// Signs in order, as a signer with one store does; says for each message whether it was signed.
pub(crate) fn sign(messages: &[Vec<u8>]) -> Vec<bool> {
    let mut watermarks = std::collections::HashMap::new();
    let one = |message: &Vec<u8>| {
        let request = SignRequest::decode(message, SigningVersion::LATEST).unwrap();
        let asked = match request.watermark() {
            Need::Nothing => return true,
            Need::Watermark(asked) => asked,
            Need::CannotTell => return false,
        };
        let watermarks: &mut KeyWatermarks = watermarks.entry(asked.chain).or_default();
        match judge(watermarks.get(asked.kind), &asked.watermark) {
            Judgement::Advance(next) | Judgement::Repeat(next) => {
                watermarks.set(asked.kind, next);
                true
            }
            Judgement::Refuse(_) => false,
        }
    };
    messages.iter().map(one).collect()
}

/// Trap 8.
#[test]
fn trap_8_same_bytes_as_the_last_message_are_signed_again_and_older_ones_are_not() {
    let (old, new) = (consensus(0x13, 21, 100, 0), consensus(0x13, 21, 101, 0));
    let messages = [old.clone(), old.clone(), new.clone(), new.clone(), old, new];
    assert_eq!(sign(&messages), [true, true, true, true, false, true]);
}

/// Trap 9.
#[test]
fn trap_9_attestation_and_attestation_with_dal_share_one_watermark() {
    let plain = |level, round| consensus(0x13, 21, level, round);
    let dal = |level, round| consensus(0x13, 23, level, round);
    let bls = |level, round| consensus(0x13, 41, level, round);
    for (name, messages, wanted) in [
        ("with_after_without", [plain(5, 0), dal(5, 0)], [true, false]),
        ("without_after_with", [dal(5, 0), plain(5, 0)], [true, false]),
        ("tag_41_after_21", [plain(5, 0), bls(5, 0)], [true, false]),
        ("tag_23_after_41", [bls(5, 0), dal(5, 0)], [true, false]),
        ("next_round", [plain(5, 0), dal(5, 1)], [true, true]),
        ("next_level", [dal(5, 1), plain(6, 0)], [true, true]),
    ] {
        assert_eq!(sign(&messages), wanted, "{name}");
    }
}

#[test]
fn preattestations_of_both_forms_share_one_watermark() {
    let (plain, bls) = (consensus(0x12, 20, 5, 0), consensus(0x12, 40, 5, 0));
    assert_eq!(sign(&[plain.clone(), bls.clone()]), [true, false]);
    assert_eq!(sign(&[bls, plain]), [true, false]);
}

#[test]
fn kinds_have_watermarks_of_their_own() {
    let messages = [consensus(0x13, 21, 9, 0), consensus(0x12, 20, 9, 0), block(9, 0, 0), block(8, 0, 0)];
    assert_eq!(sign(&messages), [true, true, true, false]);
    assert_eq!(WatermarkKind::ALL.map(WatermarkKind::name), ["attestation", "block", "preattestation"]);
    for kind in WatermarkKind::ALL {
        let mut watermarks = KeyWatermarks::default();
        assert!(watermarks.is_empty());
        watermarks.raise(kind, watermark(9, 0, 1));
        assert!(!watermarks.is_empty(), "{}", kind.name());
    }
}

#[test]
fn networks_have_watermarks_of_their_own() {
    let here = consensus(0x13, 21, 9, 0);
    let mut there = here.clone();
    there[1] ^= 1;
    assert_eq!(sign(&[here, there]), [true, true]);
}

#[test]
fn requests_without_a_level_have_no_watermark() {
    for message in [transaction(1, 2, None).generic(), tag(0x05).raw(&UNIT).0] {
        let request = SignRequest::decode(&message, SigningVersion::LATEST).unwrap();
        assert_eq!(request.watermark(), Need::Nothing);
    }
}

/// Trap 7, the other half.
#[test]
fn trap_7_a_payload_proposed_again_in_a_later_round_is_signed() {
    assert_eq!(sign(&[block(5, 0, 0), block(5, 1, 0), block(5, 1, 1)]), [true, true, false]);
}

#[test]
fn joined_watermarks_by_name() {
    for (name, one, two, wanted) in [
        ("higher_level", watermark(5, 0, 1), watermark(6, 0, 2), watermark(6, 0, 2)),
        ("higher_round", watermark(5, 1, 1), watermark(5, 0, 2), watermark(5, 1, 1)),
        ("same_place_same_digest", watermark(5, 1, 1), watermark(5, 1, 1), watermark(5, 1, 1)),
        ("same_place_two_digests", watermark(5, 1, 1), watermark(5, 1, 2), watermark(5, 1, 0)),
    ] {
        assert_eq!(one.join(two), wanted, "{name}");
        assert_eq!(two.join(one), wanted, "{name}, the other way");
    }
    let (known, unknown) = (watermark(5, 1, 1), watermark(5, 1, 0));
    assert_eq!(known.join(unknown), unknown, "what either side does not sign again is not signed again");
    assert_eq!(unknown.join(known), unknown, "a digest is never taken from outside");
}
