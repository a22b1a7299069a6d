//! Bytes of any kind: nothing panics, nothing is left over, and what is decoded can be shown.

use jwtis_tezos::watermark::Need;
use jwtis_tezos::{Curve, SignRequest, SigningVersion};
use proptest::prelude::*;

use crate::{oracle, vectors};

fn probe(message: &[u8]) {
    for version in [SigningVersion::V0, SigningVersion::V1, SigningVersion::V2] {
        match SignRequest::decode(message, version) {
            Ok(request) => {
                assert_eq!(request.message(), message);
                oracle::operation_kinds(&request);
                assert_eq!(request.kind().name(), oracle::request_kind(message));
                assert!(request.to_json().is_object());
                assert!(!request.in_words().is_empty());
                match request.watermark() {
                    Need::Nothing => {}
                    Need::Watermark(asked) => {
                        assert!(asked.watermark.level() >= 0 && asked.watermark.round() >= 0)
                    }
                    Need::CannotTell => panic!("understood, and without a watermark to be judged by"),
                }
                // Decoded once, decoded always.
                assert_eq!(SignRequest::decode(message, version), Ok(request));
            }
            Err(error) => {
                assert!(error.offset() <= message.len());
                assert!(error.detail().starts_with(&error.to_string()));
            }
        }
        for curve in Curve::ALL {
            let strict = SignRequest::decode_for(message, version, curve);
            assert!(strict.is_err() || SignRequest::decode(message, version).is_ok());
        }
    }
}

/// Operations of the vectors, each without magic byte and branch.
fn fragments() -> Vec<Vec<u8>> {
    let alone = vectors::all().into_iter().filter(|vector| vector.contents.len() == 1);
    alone.map(|vector| vector.message[33..].to_vec()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_bytes(message in proptest::collection::vec(any::<u8>(), 0..300)) {
        probe(&message);
    }

    #[test]
    fn any_bytes_behind_a_magic_byte(
        magic in prop_oneof![Just(0x03_u8), Just(0x05), Just(0x11), Just(0x12), Just(0x13)],
        rest in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        probe(&[&[magic][..], &rest].concat());
    }

    #[test]
    fn any_bytes_behind_a_tag(tag in any::<u8>(), rest in proptest::collection::vec(any::<u8>(), 0..200)) {
        probe(&[&[0x03][..], &[0; 32], &[tag], &rest].concat());
    }

    /// Small values in most places: lengths that fit, booleans that are ones.
    #[test]
    fn mostly_small_bytes_behind_a_tag(
        tag in proptest::sample::select(vec![1_u8, 2, 3, 5, 6, 17, 24, 30, 31, 107, 108, 109, 111, 158, 200, 201, 204, 250, 251, 252, 255]),
        rest in proptest::collection::vec(prop_oneof![6 => Just(0_u8), 3 => 0_u8..12, 1 => Just(0xff)], 0..200),
    ) {
        probe(&[&[0x03][..], &[0; 32], &[tag], &rest].concat());
    }

    #[test]
    fn any_expression(rest in proptest::collection::vec(prop_oneof![4 => 0_u8..12, 4 => Just(0), 1 => any::<u8>()], 0..100)) {
        probe(&[&[0x05][..], &rest].concat());
    }

    /// Operations in any order, with a piece exchanged: what decodes is exactly what stands there.
    #[test]
    fn operations_in_any_order(
        picks in proptest::collection::vec(any::<proptest::sample::Index>(), 1..12),
        at in any::<proptest::sample::Index>(),
        patch in proptest::collection::vec(any::<u8>(), 0..6),
    ) {
        thread_local!(static FRAGMENTS: Vec<Vec<u8>> = fragments());
        let body: Vec<Vec<u8>> = FRAGMENTS.with(|fragments| picks.iter().map(|pick| pick.get(fragments).clone()).collect());
        let whole = [vec![0x03], vec![0; 32], body.concat()].concat();
        let request = SignRequest::decode(&whole, SigningVersion::LATEST).unwrap();
        let pieces: Vec<&[u8]> = request.operations().iter().map(|operation| &whole[operation.span().clone()]).collect();
        prop_assert_eq!(pieces, body.iter().map(Vec::as_slice).collect::<Vec<_>>());

        let mut patched = whole;
        let at = at.index(patched.len());
        for (to, from) in patched.iter_mut().skip(at).zip(&patch) {
            *to = *from;
        }
        probe(&patched);
    }
}
