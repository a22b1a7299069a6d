//! Every content of specification 6.6, forged by hand after its table: for those that no other forger makes, this is the only
//! test of the layout, for the others it is a second one. Each is followed by another operation, so that a wrong length shows.

use jwtis_tezos::operation::Protocol;
use jwtis_tezos::request::Body;
use jwtis_tezos::{SignRequest, SigningVersion};
use serde_json::{Value, json};

use crate::forge::{Forge, UNIT, fitness, header, tag, transaction};

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

fn inlined(op: u8) -> Forge {
    let forge = Forge::default().fill(1, 32).u8(op);
    let forge = match op {
        20 | 21 | 23 => forge.u16(7).i32(120).i32(1).fill(2, 32),
        _ => forge.i32(120).i32(1).fill(2, 32),
    };
    let forge = match op {
        23 => forge.u8(5),
        30 => forge.framed(&[0, 1, 0, 2]),
        31 => forge.framed(&[0, 1, 0, 0, 2, 0xff, 5]),
        _ => forge,
    };
    let signature = if op >= 30 { 96 } else { 64 };
    forge.fill(3, signature)
}

fn signed_header(round: i32) -> Vec<u8> {
    header(120, 0, &fitness(120, None, 0, round), false).fill(9, 64).0
}

#[test]
fn every_content_of_the_table_by_tag() {
    let rollup = |tag_: u8| tag(tag_).manager().fill(0x80, 20);
    let expression = [0x00, 0x2a];
    for (name, forge, kind) in [
        ("1", tag(1).i32(25_550).fill(1, 32), "seed_nonce_revelation"),
        (
            "2",
            tag(2).u16(7).framed(&inlined(21).0).framed(&inlined(21).0),
            "double_consensus_operation_evidence",
        ),
        ("3", tag(3).framed(&signed_header(0)).framed(&signed_header(1)), "double_baking_evidence"),
        ("4", tag(4).fill(1, 20).fill(2, 20), "activate_account"),
        ("5", tag(5).account(1, 1).i32(7).framed(&[3; 64]), "proposals"),
        ("6", tag(6).account(1, 1).i32(7).fill(3, 32).u8(2), "ballot"),
        ("8", tag(8).fill(1, 100).fill(2, 100), "vdf_revelation"),
        ("9", tag(9).account(0, 1).account(1, 2).account(2, 3), "drain_delegate"),
        ("17", tag(17).framed(b"abc"), "failing_noop"),
        ("20", tag(20).u16(7).i32(1).i32(2).fill(3, 32), "preattestation"),
        ("21", tag(21).u16(7).i32(1).i32(2).fill(3, 32), "attestation"),
        ("23", tag(23).u16(7).i32(1).i32(2).fill(3, 32).raw(&[0x80, 0x01]), "attestation_with_dal"),
        (
            "24",
            tag(24).framed(&inlined(23).0).u16(7).u8(3).i32(19).framed(&[0x5a; 64]).fill(0x30, 48),
            "dal_entrapment_evidence",
        ),
        ("30", tag(30).i32(1).i32(2).fill(3, 32).framed(&[0, 1, 0, 2]), "preattestations_aggregate"),
        ("31", tag(31).i32(1).i32(2).fill(3, 32).framed(&[0, 1, 0, 0, 2, 0xff, 5]), "attestations_aggregate"),
        ("31 without members", tag(31).i32(1).i32(2).fill(3, 32).framed(&[]), "attestations_aggregate"),
        ("40", tag(40).i32(1).i32(2).fill(3, 32), "preattestation"),
        ("41", tag(41).i32(1).i32(2).fill(3, 32), "attestation"),
        ("110", tag(110).manager().u8(0xff).account(3, 4), "delegation"),
        ("110 withdrawn", tag(110).manager().u8(0), "delegation"),
        ("109", tag(109).manager().nat(5).u8(0).framed(&UNIT).framed(&expression), "origination"),
        ("111", tag(111).manager().framed(&expression), "register_global_constant"),
        ("112", tag(112).manager().u8(0xff).nat(1_000_000), "set_deposits_limit"),
        ("113", tag(113).manager().raw(&[0x41]).contract(1), "increase_paid_storage"),
        ("114 without a proof", tag(114).manager().u8(2).fill(2, 33).u8(0), "update_consensus_key"),
        (
            "114 with 96",
            tag(114).manager().u8(3).fill(2, 48).u8(0xff).framed(&[7; 96]),
            "update_consensus_key",
        ),
        ("115", tag(115).manager().u8(3).fill(2, 48).u8(0xff).framed(&[7; 96]), "update_companion_key"),
        (
            "158",
            tag(158)
                .manager()
                .framed(&UNIT)
                .framed(&expression)
                .contract(1)
                .nat(9)
                .u8(0)
                .account(0, 3)
                .framed(b"in"),
            "transfer_ticket",
        ),
        ("200 arith", tag(200).manager().u8(0).framed(&[1; 9]).framed(&UNIT).u8(0), "smart_rollup_originate"),
        (
            "200 riscv",
            tag(200).manager().u8(2).framed(&[]).framed(&UNIT).u8(0xff).framed(&tag(0).fill(1, 20).0),
            "smart_rollup_originate",
        ),
        (
            "201",
            tag(201).manager().framed(&Forge::default().framed(b"a").framed(b"").0),
            "smart_rollup_add_messages",
        ),
        ("202", rollup(202), "smart_rollup_cement"),
        ("203", rollup(203).fill(1, 32).i32(7).fill(2, 32).i64(11), "smart_rollup_publish"),
        ("205", rollup(205).account(0, 1).account(1, 2), "smart_rollup_timeout"),
        ("206", rollup(206).fill(1, 32).framed(&[2; 9]), "smart_rollup_execute_outbox_message"),
        ("207", rollup(207).account(0, 1), "smart_rollup_recover_bond"),
        ("230", tag(230).manager().u8(19).fill(1, 48).fill(2, 96), "dal_publish_commitment"),
        (
            "250",
            tag(250)
                .manager()
                .framed(&[1; 9])
                .framed(&Forge::default().framed(b"x").u8(0).framed(b"y").u8(2).0)
                .framed(&[2; 64])
                .i32(3),
            "zk_rollup_origination",
        ),
        (
            "251",
            tag(251).manager().fill(1, 20).framed(&[zk_element(false).0, zk_element(true).0].concat()),
            "zk_rollup_publish",
        ),
        (
            "252",
            tag(252)
                .manager()
                .fill(1, 20)
                .framed(&Forge::default().framed(b"x").framed(&[1; 64]).fill(2, 32).u8(0xff).0)
                .framed(
                    &Forge::default()
                        .framed(b"y")
                        .framed(&[1; 32])
                        .fill(2, 32)
                        .framed(b"z")
                        .framed(&[])
                        .fill(3, 32)
                        .0,
                )
                .framed(&[3; 32])
                .framed(&[4; 50]),
            "zk_rollup_update",
        ),
        ("255", tag(255).u8(3).fill(1, 32), "signature_prefix"),
    ] {
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

fn zk_element(ticket: bool) -> Forge {
    let op = Forge::default().i32(1).fill(1, 32).raw(&[0x05]).account(0, 2).fill(3, 20).framed(&[4; 32]);
    if ticket { op.u8(1).raw(&UNIT).raw(&[0, 1]).contract(5) } else { op.u8(0) }
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
