//! Which protocol reads a batch: the `version` rule, the differences between protocols, and missing proof bytes.

use jwtis_testkit::forge::{Forge, tag, transaction};
use jwtis_tezos::codec::MessageFault;
use jwtis_tezos::operation::Protocol;
use jwtis_tezos::request::Body;
use jwtis_tezos::{SignRequest, SigningVersion};

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
    // The protocol that reads each by the latest, and by version 1.
    for (name, forge, by_latest, by_rio, kind) in [
        ("tag_2_with_a_slot", evidence(2, true), Tallinn, None, "double_consensus_operation_evidence"),
        ("tag_2_without_a_slot", evidence(2, false), Rio, Some(Rio), "double_attestation_evidence"),
        ("tag_7", evidence(7, false), Rio, Some(Rio), "double_preattestation_evidence"),
        (
            "tag_30",
            tag(30).i32(1).i32(0).fill(1, 32).framed(&[0, 7]),
            Tallinn,
            None,
            "preattestations_aggregate",
        ),
        (
            "tag_31_with_options",
            aggregate(&[0, 7, 0, 0, 8, 0xff, 5]),
            Tallinn,
            None,
            "attestations_aggregate",
        ),
        ("tag_31_without_options", aggregate(&[0, 7, 0, 8]), Rio, Some(Rio), "attestations_aggregate"),
        ("tag_40", tag(40).i32(1).i32(0).fill(1, 32), Tallinn, None, "preattestation"),
        ("tag_41", tag(41).i32(1).i32(0).fill(1, 32), Tallinn, None, "attestation"),
        ("tag_115", tag(115).manager().u8(3).fill(1, 48).u8(0), Tallinn, None, "update_companion_key"),
        ("reveal_with_a_flag", reveal().u8(0), Tallinn, None, "reveal"),
        ("reveal_without_a_flag", reveal(), Rio, Some(Rio), "reveal"),
        ("key_with_a_flag", update_consensus_key().u8(0), Tallinn, Some(Rio), "update_consensus_key"),
        ("key_without_a_flag", update_consensus_key(), Quebec, Some(Quebec), "update_consensus_key"),
        ("entrapment_of_rio", entrapment(false, None), Rio, Some(Rio), "dal_entrapment_evidence"),
        ("entrapment_of_tallinn", entrapment(true, None), Tallinn, None, "dal_entrapment_evidence"),
        ("entrapment_of_ushuaia", entrapment(true, Some(None)), Ushuaia, None, "dal_entrapment_evidence"),
        ("entrapment_with_a_lag", entrapment(true, Some(Some(2))), Ushuaia, None, "dal_entrapment_evidence"),
        (
            "source_of_tz5",
            tag(110).account(4, 1).nat(1).nat(1).nat(1).nat(0).u8(0),
            Ushuaia,
            None,
            "delegation",
        ),
        ("key_of_tz5", tag(114).manager().u8(4).fill(1, 1312).u8(0), Ushuaia, None, "update_consensus_key"),
        ("prefix_of_bls", tag(255).u8(3).fill(1, 32), Tallinn, Some(Rio), "signature_prefix"),
        ("prefix_of_ml_dsa", tag(255).u8(4).fill(1, 2356), Ushuaia, None, "signature_prefix"),
    ] {
        assert_eq!(latest(&forge), Ok((by_latest, vec![kind])), "{name}, latest");
        assert_eq!(rio(&forge).ok(), by_rio.map(|protocol| (protocol, vec![kind])), "{name}, version 1");
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
