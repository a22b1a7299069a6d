//! Which protocol reads a batch: the `version` rule (1.9), the differences of 6.6.3 and the note on missing proof bytes.

use jwtis_tezos::codec::MessageFault;
use jwtis_tezos::operation::Protocol;
use jwtis_tezos::request::Body;
use jwtis_tezos::{SignRequest, SigningVersion};

use crate::forge::{Forge, tag, transaction};

type Read = Result<(Protocol, Vec<&'static str>), MessageFault>;

fn read(message: &[u8], version: SigningVersion) -> Read {
    let request = SignRequest::decode(message, version).map_err(|error| error.fault().clone())?;
    let Body::Generic { protocol, operations, .. } = request.body() else { panic!("not generic") };
    Ok((*protocol, operations.iter().map(|operation| operation.kind().name()).collect()))
}

fn latest(forge: &Forge) -> Read {
    read(&forge.clone().generic(), SigningVersion::V2)
}

fn rio(forge: &Forge) -> Read {
    read(&forge.clone().generic(), SigningVersion::V1)
}

fn reveal() -> Forge {
    tag(107).manager().u8(0).fill(0x50, 32)
}

fn update_consensus_key() -> Forge {
    tag(114).manager().u8(0).fill(0x50, 32)
}

/// An inlined attestation with a 64-byte signature.
fn inlined() -> Forge {
    inlined_as(21)
}

fn inlined_as(op: u8) -> Forge {
    Forge::default().fill(1, 32).u8(op).u16(7).i32(120).i32(0).fill(2, 32).fill(3, 64)
}

fn evidence(op: u8, slot: bool) -> Forge {
    let forge = if slot { tag(op).u16(7) } else { tag(op) };
    let inlined = inlined_as(if op == 7 { 20 } else { 21 }).0;
    forge.framed(&inlined).framed(&inlined)
}

/// Entrapment evidence by protocol: with the attester's slot since Seoul, with the lag since Ushuaia.
fn entrapment(slot: bool, lag: Option<Option<u8>>) -> Forge {
    let forge = tag(24).framed(&inlined().0);
    let forge = if slot { forge.u16(7) } else { forge };
    let forge = forge.u8(3);
    let forge = match lag {
        None => forge,
        Some(None) => forge.u8(0),
        Some(Some(lag)) => forge.u8(0xff).u8(lag),
    };
    forge.i32(19).framed(&[0x5a; 64]).fill(0x30, 48)
}

#[test]
fn differences_between_protocols_by_name() {
    use Protocol::{Quebec, Rio, Tallinn, Ushuaia};
    let aggregate = |members: &[u8]| tag(31).i32(120).i32(0).fill(1, 32).framed(members);
    for (name, forge, by_latest, by_rio) in [
        (
            "tag 2 with a slot",
            evidence(2, true),
            Ok((Tallinn, "double_consensus_operation_evidence")),
            Err(()),
        ),
        (
            "tag 2 without a slot",
            evidence(2, false),
            Ok((Rio, "double_attestation_evidence")),
            Ok((Rio, "double_attestation_evidence")),
        ),
        (
            "tag 7",
            evidence(7, false),
            Ok((Rio, "double_preattestation_evidence")),
            Ok((Rio, "double_preattestation_evidence")),
        ),
        (
            "tag 30",
            tag(30).i32(1).i32(0).fill(1, 32).framed(&[0, 7]),
            Ok((Tallinn, "preattestations_aggregate")),
            Err(()),
        ),
        (
            "tag 31 with options",
            aggregate(&[0, 7, 0, 0, 8, 0xff, 5]),
            Ok((Tallinn, "attestations_aggregate")),
            Err(()),
        ),
        (
            "tag 31 without options",
            aggregate(&[0, 7, 0, 8]),
            Ok((Rio, "attestations_aggregate")),
            Ok((Rio, "attestations_aggregate")),
        ),
        ("tag 40", tag(40).i32(1).i32(0).fill(1, 32), Ok((Tallinn, "preattestation")), Err(())),
        ("tag 41", tag(41).i32(1).i32(0).fill(1, 32), Ok((Tallinn, "attestation")), Err(())),
        (
            "tag 115",
            tag(115).manager().u8(3).fill(1, 48).u8(0),
            Ok((Tallinn, "update_companion_key")),
            Err(()),
        ),
        ("reveal with a flag", reveal().u8(0), Ok((Tallinn, "reveal")), Err(())),
        ("reveal without a flag", reveal(), Ok((Rio, "reveal")), Ok((Rio, "reveal"))),
        (
            "update_consensus_key with a flag",
            update_consensus_key().u8(0),
            Ok((Tallinn, "update_consensus_key")),
            Ok((Rio, "update_consensus_key")),
        ),
        (
            "update_consensus_key without a flag",
            update_consensus_key(),
            Ok((Quebec, "update_consensus_key")),
            Ok((Quebec, "update_consensus_key")),
        ),
        (
            "entrapment of Rio",
            entrapment(false, None),
            Ok((Rio, "dal_entrapment_evidence")),
            Ok((Rio, "dal_entrapment_evidence")),
        ),
        ("entrapment of Tallinn", entrapment(true, None), Ok((Tallinn, "dal_entrapment_evidence")), Err(())),
        (
            "entrapment of Ushuaia",
            entrapment(true, Some(None)),
            Ok((Ushuaia, "dal_entrapment_evidence")),
            Err(()),
        ),
        (
            "entrapment of Ushuaia with a lag",
            entrapment(true, Some(Some(2))),
            Ok((Ushuaia, "dal_entrapment_evidence")),
            Err(()),
        ),
        (
            "source of tz5",
            tag(110).account(4, 1).nat(1).nat(1).nat(1).nat(0).u8(0),
            Ok((Ushuaia, "delegation")),
            Err(()),
        ),
        (
            "key of tz5",
            tag(114).manager().u8(4).fill(1, 1312).u8(0),
            Ok((Ushuaia, "update_consensus_key")),
            Err(()),
        ),
        (
            "signature_prefix of BLS",
            tag(255).u8(3).fill(1, 32),
            Ok((Tallinn, "signature_prefix")),
            Ok((Rio, "signature_prefix")),
        ),
        (
            "signature_prefix of ML-DSA",
            tag(255).u8(4).fill(1, 2356),
            Ok((Ushuaia, "signature_prefix")),
            Err(()),
        ),
    ] {
        let wanted = |wanted: Result<(Protocol, &'static str), ()>| {
            wanted.map(|(protocol, kind)| (protocol, vec![kind]))
        };
        assert_eq!(latest(&forge).map_err(|_| ()), wanted(by_latest), "{name}, latest");
        assert_eq!(rio(&forge).map_err(|_| ()), wanted(by_rio), "{name}, version 1");
    }
}

#[test]
fn a_newer_primitive_needs_a_newer_protocol() {
    for (primitive, by_latest, by_rio) in
        [(158, true, true), (159, true, false), (160, true, false), (161, false, false)]
    {
        let message = [0x05, 3, primitive];
        assert_eq!(SignRequest::decode(&message, SigningVersion::V2).is_ok(), by_latest, "{primitive}");
        assert_eq!(SignRequest::decode(&message, SigningVersion::V1).is_ok(), by_rio, "{primitive}");
    }
}

/// Trap 13. Signatory tolerates the absent byte at the end only; here the old layout is tried on the whole message.
#[test]
fn trap_13_proof_option_absent_at_the_end_is_tolerated_and_inside_a_batch_is_not_misread() {
    for old in [reveal(), update_consensus_key()] {
        let kind = if old.0[0] == 107 { "reveal" } else { "update_consensus_key" };
        let alone = latest(&old).unwrap();
        assert_eq!(alone.1, [kind]);
        let batch = latest(&old.clone().raw(&transaction(1, 2, None).0)).unwrap();
        assert_eq!(batch.1, [kind, "transaction"]);
        let twice = latest(&old.clone().raw(&transaction(1, 2, None).0).raw(&old.0)).unwrap();
        assert_eq!(twice.1, [kind, "transaction", kind]);
    }
    // Old and new in one batch: no protocol reads both.
    assert!(latest(&reveal().raw(&reveal().u8(0).0)).is_err());
}

#[test]
fn an_older_reading_is_not_even_tried_when_a_latest_one_succeeds() {
    let both = reveal().u8(0).raw(&transaction(1, 2, None).0);
    assert_eq!(latest(&both), Ok((Protocol::Tallinn, vec!["reveal", "transaction"])));
}

/// The two readings of entrapment evidence can come out even, where a second operation makes up for the difference, if nobody
/// minds.
#[test]
fn readings_that_differ_are_refused() {
    // Tallinn: index 0, an empty share, a proof that begins with e0, then a failing_noop to the end.
    // Ushuaia: no lag, index 0, a share of e0 bytes, a proof, then what the other takes for data: a transaction.
    let hidden = transaction(5, 0xbb, None).0;
    let head = tag(24).framed(&inlined().0).u16(7).u8(3).i32(0).framed(&[]).u8(0xe0).fill(0x31, 47);
    let share_left = 0xe0 - 47 - 5;
    let data = Forge::default().fill(0x32, share_left + 48).raw(&hidden);
    let message = head.clone().raw(&tag(17).framed(&data.0).0);
    assert_eq!(latest(&message), Err(MessageFault::Ambiguous));
    // With other data there, only one reading is left.
    let harmless = head.raw(&tag(17).framed(&[0x32; 300]).0);
    let kinds = vec!["dal_entrapment_evidence", "failing_noop"];
    assert_eq!(latest(&harmless), Ok((Protocol::Tallinn, kinds)));
}

#[test]
fn versions_other_than_1_are_read_by_the_latest() {
    let message = tag(40).i32(1).i32(0).fill(1, 32).generic();
    for (text, known) in [
        (None, true),
        (Some(""), true),
        (Some("0"), true),
        (Some("2"), true),
        (Some("3"), true),
        (Some("1"), false),
        (Some("01"), true),
    ] {
        let version = SigningVersion::from_query(text);
        assert_eq!(read(&message, version).is_ok(), known, "{text:?}");
    }
}
