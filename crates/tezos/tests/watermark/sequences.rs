//! No sequence of requests obtains two messages of one place, nor one below what was signed.

use std::collections::HashMap;

use jwtis_testkit::forge::{block, consensus};
use jwtis_tezos::watermark::{ChainWatermarks, Judgement, KeyWatermarks, Printer, Watermark, WatermarkKind};
use jwtis_tezos::{ChainId, Curve, PublicKeyHash, SignRequest, SigningVersion};
use proptest::prelude::*;

use crate::rule::judge;

/// A message of few levels, rounds and contents, so that they meet.
fn message() -> impl Strategy<Value = Vec<u8>> {
    (0_u8..7, 0..4, 0..3, 0_u8..3, 0_u8..2).prop_map(|(kind, level, round, payload, chain)| {
        let mut message = match kind {
            0 => block(level, round, i32::from(payload)),
            1 => consensus(0x12, 20, level, round),
            2 => consensus(0x12, 40, level, round),
            3 => consensus(0x13, 21, level, round),
            4 => consensus(0x13, 23, level, round),
            5 => consensus(0x13, 41, level, round),
            _ => block(level, round, 0),
        };
        // The predecessor of a block, the branch of the others.
        message[15] = payload;
        message[4] = chain;
        message
    })
}

/// Level, round, message.
type Signed = (i32, i32, Vec<u8>);

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_sequence_is_signed_twice_at_one_place(
        messages in proptest::collection::vec(message(), 1..60),
        restarts in proptest::collection::vec(any::<bool>(), 60),
    ) {
        let key = PublicKeyHash::new(Curve::Ed25519, [7; 20]);
        let mut files: HashMap<ChainId, ChainWatermarks> = HashMap::new();
        let mut signed: HashMap<(ChainId, WatermarkKind), Vec<Signed>> = HashMap::new();
        for (message, restart) in messages.into_iter().zip(restarts) {
            let request = SignRequest::decode(&message, SigningVersion::LATEST).unwrap();
            let asked = *request.watermark().asked().unwrap();
            let watermarks = files.entry(asked.chain).or_default();
            let entry: &mut KeyWatermarks = watermarks.entry(key);
            match judge(entry.get(asked.kind), &asked.watermark) {
                Judgement::Advance(next) | Judgement::Repeat(next) => {
                    entry.set(asked.kind, next);
                    let place = (asked.watermark.level(), asked.watermark.round());
                    let before = signed.entry((asked.chain, asked.kind)).or_default();
                    for (level, round, other) in before.iter() {
                        prop_assert!((*level, *round) <= place, "signed below a watermark");
                        prop_assert!((*level, *round) < place || *other == message, "two messages of one place");
                    }
                    before.push((place.0, place.1, message));
                }
                Judgement::Refuse(_) => {}
            }
            if restart {
                *watermarks = ChainWatermarks::parse_v2(&Printer::default().print_v2(watermarks)).unwrap();
            }
        }
    }

    /// Whatever is joined into a watermark, in however many starts and in whichever direction: what either side refused stays refused, but
    /// for the message of a watermark that raises the other.
    #[test]
    fn what_a_watermark_refuses_stays_refused_after_every_join(
        own in (0..4, 0..4, 0_u8..4),
        others in proptest::collection::vec((0..4, 0..4, 0_u8..4), 1..6),
        asked in (0..4, 0..4, 1_u8..4),
    ) {
        let watermark = |(level, round, digest): (i32, i32, u8)| Watermark::new(level, round, (digest > 0).then_some([digest; 32])).unwrap();
        let asked = watermark(asked);
        let refuses = |stored: &Watermark| matches!(judge(Some(stored), &asked), Judgement::Refuse(_));
        let mut stored = watermark(own);
        for other in others.into_iter().map(watermark) {
            let joined = stored.join(other);
            let raises = (other.level(), other.round()) > (stored.level(), stored.round());
            prop_assert_eq!(joined, other.join(stored), "the direction makes no difference");
            let same_place = (other.level(), other.round()) == (stored.level(), stored.round());
            if !refuses(&joined) {
                prop_assert!(!refuses(&stored) || (raises && !refuses(&other)), "{stored:?} joined with {other:?}");
                prop_assert!(!same_place || !refuses(&other), "{stored:?} joined with {other:?}");
            }
            stored = joined;
        }
    }
}
