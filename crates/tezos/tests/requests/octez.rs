//! Messages that octez cannot read are refused, and what it reads is read: the sizes and ranges of its encodings.

use jwtis_testkit::forge::{CHAIN, Forge, UNIT, fitness, header, tag, transaction};
use jwtis_tezos::codec::MessageFault;
use jwtis_tezos::operation::Protocol;
use jwtis_tezos::request::Body;
use jwtis_tezos::{SignRequest, SigningVersion};

fn decode(message: &[u8]) -> Result<SignRequest, MessageFault> {
    SignRequest::decode(message, SigningVersion::LATEST).map_err(|error| error.fault().clone())
}

fn refused(forge: &Forge) -> MessageFault {
    decode(&forge.clone().generic()).unwrap_err()
}

#[track_caller]
fn read(forge: &Forge) -> (Protocol, serde_json::Value) {
    let request = decode(&forge.clone().generic()).unwrap();
    let Body::Generic { protocol, .. } = request.body() else { panic!("not generic") };
    (*protocol, request.operations()[0].to_json())
}

#[test]
fn refuses_more_than_twenty_proposals() {
    let proposals = |count: usize| tag(5).account(0, 1).i32(7).framed(&vec![3; 32 * count]);
    assert_eq!(read(&proposals(20)).1["proposals"].as_array().unwrap().len(), 20);
    assert_eq!(refused(&proposals(21)), MessageFault::TooMany(20));
}

#[test]
fn refuses_counters_and_limits_above_ten_bytes() {
    let ten = [[0xff; 9].as_slice(), &[0x7f]].concat();
    let eleven = [[0xff; 10].as_slice(), &[0x01]].concat();
    let with = |place: usize, number: &[u8]| {
        let header = tag(110).account(0, 0xaa).nat(1000);
        (0..3).fold(header, |forge, at| if at == place { forge.raw(number) } else { forge.nat(1) }).u8(0)
    };
    for (place, name) in ["counter", "gas_limit", "storage_limit"].into_iter().enumerate() {
        assert_eq!(read(&with(place, &ten)).1[name], "1180591620717411303423", "{name}");
        assert_eq!(refused(&with(place, &eleven)), MessageFault::NumberTooLarge, "{name}");
    }
}

#[test]
fn refuses_proofs_that_are_no_bls_signature() {
    let update = |op: u8, proof: usize| tag(op).manager().u8(3).fill(2, 48).u8(0xff).framed(&vec![7; proof]);
    for length in [0, 64, 95, 97, 2420] {
        assert!(matches!(refused(&update(115, length)), MessageFault::Length(_)), "{length}");
    }
    assert_eq!(read(&update(115, 96)).0, Protocol::Tallinn);
    assert_eq!(read(&update(114, 96)).0, Protocol::Tallinn);
    // Rio had proofs of any kind for consensus keys.
    assert_eq!(read(&update(114, 64)).0, Protocol::Rio);
}

/// A consensus operation of `op`, for evidence, without its signature.
fn inlined(op: u8) -> Forge {
    let forge = Forge::default().fill(1, 32).u8(op);
    let forge = if op < 30 { forge.u16(7) } else { forge };
    let forge = forge.i32(120).i32(1).fill(2, 32);
    match op {
        23 => forge.u8(5),
        30 | 31 => forge.framed(&[]),
        _ => forge,
    }
}

fn evidence(first: &Forge, second: &Forge) -> Forge {
    tag(2).u16(7).framed(&first.0).framed(&second.0)
}

fn entrapment(attestation: &Forge, share: &[u8]) -> Forge {
    tag(24).framed(&attestation.0).u16(7).u8(3).i32(19).framed(share).fill(0x30, 48)
}

#[test]
fn refuses_tags_40_and_41_inside_evidence() {
    for op in [40, 41] {
        let bls = inlined(op).fill(3, 96);
        let other = inlined(21).fill(3, 96);
        assert_eq!(refused(&evidence(&bls, &other)), MessageFault::UnknownTag(op));
        assert_eq!(refused(&evidence(&other, &bls)), MessageFault::UnknownTag(op));
        assert_eq!(refused(&entrapment(&bls, &[])), MessageFault::UnknownTag(op));
    }
}

#[test]
fn old_evidence_is_of_attestations_or_of_preattestations() {
    let old = |op: u8, inner: u8| {
        let inner = inlined(inner).fill(3, 64).0;
        let message = tag(op).framed(&inner).framed(&inner).generic();
        SignRequest::decode(&message, SigningVersion::V1).is_ok()
    };
    for inner in [20, 21, 23, 31] {
        assert_eq!(old(2, inner), [21, 23].contains(&inner), "2, {inner}");
        assert_eq!(old(7, inner), inner == 20, "7, {inner}");
    }
}

#[test]
fn reads_evidence_without_signatures() {
    for op in [20, 21, 23, 30, 31] {
        let (protocol, shown) = read(&evidence(&inlined(op), &inlined(op).fill(3, 64)));
        assert_eq!(protocol, Protocol::Tallinn, "{op}");
        assert!(shown["op1"]["signature"].is_null() && shown["op2"]["signature"].is_string(), "{op}");
    }
    assert_eq!(read(&entrapment(&inlined(23), &[])).0, Protocol::Tallinn);
}

#[test]
fn refuses_shares_that_are_no_scalars() {
    let attestation = inlined(23).fill(3, 64);
    for length in [0, 32, 64] {
        assert_eq!(read(&entrapment(&attestation, &vec![0x5a; length])).0, Protocol::Tallinn, "{length}");
    }
    for length in [1, 31, 33, 40] {
        let fault = refused(&entrapment(&attestation, &vec![0x5a; length]));
        assert!(matches!(fault, MessageFault::TooShort { .. }), "{length}: {fault}");
    }
    // The order of BLS12-381's scalars, little-endian, is no scalar any more; one less is.
    let mut order = [
        0x01, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xfe, 0x5b, 0xfe, 0xff, 0x02, 0xa4, 0xbd, 0x53, 0x05,
        0xd8, 0xa1, 0x09, 0x08, 0xd8, 0x39, 0x33, 0x48, 0x7d, 0x9d, 0x29, 0x53, 0xa7, 0xed, 0x73,
    ];
    for share in [order, [0xff; 32]] {
        assert!(decode(&entrapment(&attestation, &share).generic()).is_err(), "{share:?}");
    }
    order[0] = 0;
    read(&entrapment(&attestation, &order));
}

#[test]
fn refuses_votes_that_no_protocol_has() {
    let with = |votes: u8| {
        let mut header = header(1, 0, &fitness(1, None, 0, 0), false).0;
        *header.last_mut().unwrap() = votes;
        header
    };
    for votes in 0..=255 {
        let block = tag(0x11).raw(&CHAIN).raw(&with(votes)).0;
        let evidence = tag(3).framed(&[with(votes), vec![9; 64]].concat());
        let evidence = evidence.framed(&[with(2), vec![9; 64]].concat()).generic();
        // Before Tallinn a second vote, on adaptive issuance, stood above the first.
        let (now, before) = (votes <= 2, votes & 3 <= 2 && votes >> 2 <= 2);
        for (message, by_latest) in [(block, now), (evidence, before)] {
            let rio = SignRequest::decode(&message, SigningVersion::V1);
            assert_eq!((decode(&message).is_ok(), rio.is_ok()), (by_latest, before), "{votes}");
        }
    }
}

#[test]
fn refuses_tickets_of_nothing() {
    let ticket = |amount: u64| {
        let forge = tag(158).manager().framed(&UNIT).framed(&UNIT).contract(1).nat(amount).contract(7);
        forge.framed(b"in")
    };
    assert_eq!(read(&ticket(1)).1["ticket_amount"], "1");
    assert_eq!(refused(&ticket(0)), MessageFault::Zero);
}

#[test]
fn refuses_integers_beyond_31_bits_and_long_raw_data() {
    let origination =
        |operations: i32| tag(250).manager().framed(&[]).framed(&[]).framed(&[]).i32(operations);
    for (value, ok) in [(0x3fff_ffff, true), (0x4000_0000, false), (-0x4000_0000, true), (i32::MIN, false)] {
        assert_eq!(decode(&origination(value).generic()).is_ok(), ok, "{value}");
    }
    let raw = |length: u16| {
        let proof = tag(204).manager().fill(0x80, 20).account(0, 1).u8(1).nat(1).u8(1).framed(&[]);
        proof.u8(0xff).u8(1).u8(0).u16(length).fill(7, length.into())
    };
    read(&raw(4096));
    assert_eq!(refused(&raw(4097)), MessageFault::Length(4097));
}

/// octez reads the last one alone by another layout; here a batch has one layout.
#[test]
fn a_proof_byte_that_only_the_last_of_a_batch_lacks_is_refused() {
    let update = |flag: &[u8]| tag(114).manager().u8(0).fill(0x50, 32).raw(flag);
    let batch =
        |first: &[u8], last: &[u8]| update(first).raw(&transaction(1, 2, None).0).raw(&update(last).0);
    assert_eq!(read(&batch(&[0], &[0])).0, Protocol::Tallinn);
    assert_eq!(read(&batch(&[], &[])).0, Protocol::Quebec);
    assert!(matches!(refused(&batch(&[0], &[])), MessageFault::TooShort { .. }));
}
