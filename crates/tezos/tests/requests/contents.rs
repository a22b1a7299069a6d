//! Every content, forged by hand: the only test of the layout of those that no other forger makes. Each is followed by another
//! operation, so that a wrong length shows.

use jwtis_testkit::forge::contents::{contents, inlined};
use jwtis_testkit::forge::{Forge, tag, transaction};
use jwtis_tezos::operation::Protocol;
use jwtis_tezos::request::Body;
use jwtis_tezos::{SignRequest, SigningVersion};
use serde_json::{Value, json};

/// The JSON of the first of two operations, which must be of `kind`.
fn read(name: &str, forge: &Forge, kind: &str) -> Value {
    let message = forge.clone().raw(&transaction(1, 2, None).0).generic();
    let request = SignRequest::decode(&message, SigningVersion::LATEST)
        .unwrap_or_else(|error| panic!("{name}: {}", error.detail()));
    let kinds: Vec<&str> = request.operations().iter().map(|operation| operation.kind().name()).collect();
    assert_eq!(kinds, [kind, "transaction"], "{name}");
    // Nothing of it can be left away, but the option that older protocols do not have.
    let alone = forge.clone().generic();
    for length in 33..alone.len() {
        if let Ok(cut) = SignRequest::decode(&alone[..length], SigningVersion::LATEST) {
            let Body::Generic { protocol, .. } = cut.body() else { panic!("{name}") };
            assert!(*protocol < Protocol::Tallinn, "{name} cut to {length} of {} bytes", alone.len());
            assert!([107, 114].contains(&alone[33]), "{name} cut to {length} of {} bytes", alone.len());
        }
    }
    request.operations()[0].to_json()
}

#[test]
fn every_content_by_tag() {
    for (name, forge, kind) in contents() {
        read(name, &forge, kind);
    }
}

#[test]
fn every_refutation_of_the_table() {
    let refute = |refutation: Forge| tag(204).manager().fill(0x80, 20).account(0, 1).raw(&refutation.0);
    let step = |step: Forge| refute(tag(1).nat(1_000).raw(&step.0));
    let proof = |input: Forge| step(tag(1).framed(&[1; 9]).raw(&input.0));
    let some = |tag_: u8| Forge::default().u8(0xff).u8(tag_);
    for (name, forge) in [
        ("start", refute(tag(0).fill(1, 32).fill(2, 32))),
        ("dissection", step(tag(0).framed(&Forge::default().u8(0xff).fill(1, 32).nat(0).u8(0).nat(500).0))),
        ("proof without input", proof(Forge::default().u8(0))),
        ("proof of the inbox", proof(some(0).i32(7).nat(300).framed(&[2; 9]))),
        ("proof of raw data", proof(some(1).u8(0).u16(3).raw(b"abc"))),
        ("proof of metadata", proof(some(1).u8(1))),
        ("proof of a DAL page", proof(some(1).u8(2).i32(7).u8(1).u16(2).framed(&[3; 9]))),
        ("proof of DAL parameters", proof(some(1).u8(3))),
        ("proof of the first input", proof(some(2))),
    ] {
        read(name, &forge, "smart_rollup_refute");
    }
}

#[test]
fn evidence_holds_every_consensus_operation_and_no_other() {
    for op in [20, 21, 23, 30, 31] {
        let forge = tag(2).u16(7).framed(&inlined(op).0).framed(&inlined(op).0);
        let json = read(&format!("{op}"), &forge, "double_consensus_operation_evidence");
        assert!(json["op1"]["signature"].is_string(), "{op}");
    }
    let transaction = Forge::default().fill(1, 32).raw(&transaction(1, 2, None).0).fill(3, 64);
    let message = tag(2).u16(7).framed(&transaction.0).framed(&transaction.0).generic();
    let error = SignRequest::decode(&message, SigningVersion::LATEST).unwrap_err();
    assert_eq!(error.to_string(), "unknown tag 108");
    // A signature has 64 or 96 bytes.
    let signed = inlined(21).0;
    for cut in [1, 31, 32, 63] {
        let short = &signed[..signed.len() - cut];
        let message = tag(2).u16(7).framed(short).framed(&signed).generic();
        assert!(SignRequest::decode(&message, SigningVersion::LATEST).is_err(), "{cut}");
    }
}

#[test]
fn votes_by_byte() {
    let ballot = |vote: u8| tag(6).account(0, 1).i32(7).fill(3, 32).u8(vote).generic();
    for (byte, wanted) in [(0, "ballot:yay"), (1, "ballot:nay"), (2, "ballot:pass")] {
        let request = SignRequest::decode(&ballot(byte), SigningVersion::LATEST).unwrap();
        assert_eq!(request.operations()[0].permission(), wanted);
    }
    for byte in 3..=255 {
        let error = SignRequest::decode(&ballot(byte), SigningVersion::LATEST).unwrap_err();
        assert_eq!(error.to_string(), format!("unknown tag {byte}"));
    }
}

#[test]
fn policy_explain_says_what_a_batch_does() {
    let message = tag(107)
        .manager()
        .u8(0)
        .fill(0x50, 32)
        .u8(0)
        .raw(&transaction(1_500_000, 2, None).0)
        .raw(&transaction(1, 0xaa, Some(&[6])).0)
        .raw(&tag(9).account(0, 1).account(0, 2).account(0, 3).0)
        .generic();
    let request = SignRequest::decode(&message, SigningVersion::LATEST).unwrap();
    let address =
        |byte: u8| jwtis_tezos::PublicKeyHash::new(jwtis_tezos::Curve::Ed25519, [byte; 20]).to_string();
    let (source, other) = (address(0xaa), address(2));
    assert_eq!(
        request.in_words(),
        [
            "a batch of 4 operation(s), in the layout of Seoul (023) and Tallinn (024)".to_owned(),
            format!("reveal from {source}, fee 0.001 tz"),
            format!("transaction of 1.5 tz from {source} to {other}, fee 0.001 tz"),
            format!("stake of 0.000001 tz from {source} to {source}, calling stake, fee 0.001 tz"),
            format!("drain_delegate of everything there is from {other} to {}", address(3)),
        ]
    );
    let json = request.to_json();
    assert_eq!(json["kind"], "generic");
    assert_eq!(
        json["operations"][1],
        json!({
            "kind": "transaction", "tag": 108, "source": source, "fee": "1000", "counter": "7", "gas_limit": "300",
            "storage_limit": "0", "amount": "1500000", "destination": other, "parameters": null,
            "effects": { "transferred": "1500000", "burned_at_most": "0", "bonded": "0" },
        })
    );
    assert_eq!(json["operations"][2]["parameters"], json!({ "entrypoint": "stake", "value": "030b" }));
    assert_eq!(
        json["operations"][3]["effects"],
        json!({ "transferred": null, "burned_at_most": "0", "bonded": "0" })
    );
}
