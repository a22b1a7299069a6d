//! What Signatory lets pass and we do not.

use jwtis_testkit::forge::{self, Forge, block, consensus, fitness, header, tag};
use jwtis_tezos::codec::{MAX_MESSAGE_BYTES, MAX_OPERATIONS, MessageFault};
use jwtis_tezos::{SignRequest, SigningVersion};

use crate::vectors;

fn refused(message: &[u8]) -> MessageFault {
    SignRequest::decode(message, SigningVersion::LATEST).unwrap_err().fault().clone()
}

#[test]
fn trailing_bytes_are_refused() {
    for mut message in [
        block(1, 0, 0),
        consensus(0x12, 20, 1, 0),
        consensus(0x12, 40, 1, 0),
        consensus(0x13, 21, 1, 0),
        consensus(0x13, 41, 1, 0),
        consensus(0x13, 23, 1, 0),
        tag(0x05).raw(&forge::UNIT).0,
    ] {
        message.push(0);
        assert_eq!(refused(&message), MessageFault::Trailing(1));
    }
}

/// Bytes behind the value that a frame is for, with the length of the frame grown to match.
#[test]
fn frames_are_used_up() {
    let longer = [&forge::UNIT[..], &[0]].concat();
    let header = header(1, 0, &fitness(1, None, 0, 0), false).fill(9, 64).0;
    let member = Forge::default().u16(1).u8(0);
    for (name, forge) in [
        ("parameters", tag(108).manager().nat(1).u8(0).account(0, 1).u8(0xff).u8(0).framed(&longer)),
        ("code", tag(109).manager().nat(1).u8(0).framed(&longer).framed(&forge::UNIT)),
        ("storage", tag(109).manager().nat(1).u8(0).framed(&forge::UNIT).framed(&longer)),
        ("constant", tag(111).manager().framed(&longer)),
        (
            "ticket",
            tag(158)
                .manager()
                .framed(&longer)
                .framed(&forge::UNIT)
                .contract(1)
                .nat(1)
                .contract(1)
                .framed(b"a"),
        ),
        ("rollup type", tag(200).manager().u8(0).framed(&[]).framed(&longer).u8(0)),
        ("whitelist", tag(200).manager().u8(0).framed(&[]).framed(&forge::UNIT).u8(0xff).framed(&[0; 22])),
        ("messages", tag(201).manager().framed(&Forge::default().framed(b"a").u8(0).0)),
        ("proposals", tag(5).account(0, 1).i32(1).framed(&[0; 33])),
        ("committee", tag(30).i32(1).i32(1).fill(0, 32).framed(&[0; 3])),
        ("attestations", tag(31).i32(1).i32(1).fill(0, 32).framed(&member.u16(0).0)),
        ("proof of possession", tag(107).manager().u8(3).fill(1, 48).u8(0xff).framed(&[1; 97])),
        ("proof of another kind", tag(107).manager().u8(3).fill(1, 48).u8(0xff).framed(&[1; 64])),
        ("signature of a header", tag(3).framed(&header).framed(&[&header[..], &[0]].concat())),
    ] {
        let error = SignRequest::decode(&forge.generic(), SigningVersion::LATEST).unwrap_err();
        assert!(
            matches!(
                error.fault(),
                MessageFault::Trailing(_) | MessageFault::TooShort { .. } | MessageFault::Length(_)
            ),
            "{name}: {error}"
        );
    }
}

#[test]
fn every_cut_of_a_consensus_message_is_refused() {
    for message in
        [block(1, 0, 0), consensus(0x12, 20, 1, 0), consensus(0x13, 41, 1, 0), consensus(0x13, 23, 1, 0)]
    {
        for length in 0..message.len() {
            assert!(matches!(refused(&message[..length]), MessageFault::TooShort { .. }), "{length}");
        }
    }
}

#[test]
fn booleans_are_00_or_ff() {
    let flag = |byte: u8| {
        let header = header(1, 0, &fitness(1, None, 0, 0), true).0;
        let mut message = tag(0x11).raw(&forge::CHAIN).raw(&header).0;
        let at = message.len() - 34;
        message[at] = byte;
        message
    };
    assert!(SignRequest::decode(&flag(0xff), SigningVersion::LATEST).is_ok());
    for byte in 1..=254 {
        assert_eq!(refused(&flag(byte)), MessageFault::NotABoolean(byte));
    }
    let delegation = |byte: u8| tag(110).manager().u8(byte).account(0, 1).generic();
    assert!(SignRequest::decode(&delegation(0xff), SigningVersion::LATEST).is_ok());
    for byte in 1..=254 {
        assert_eq!(refused(&delegation(byte)), MessageFault::NotABoolean(byte));
    }
}

#[test]
fn an_empty_batch_is_refused() {
    assert_eq!(refused(&tag(0x03).fill(0, 32).0), MessageFault::EmptyBatch);
    assert_eq!(refused(&tag(0x03).fill(0, 31).0), MessageFault::TooShort { expected: 32, had: 31 });
}

#[test]
fn numbers_have_one_spelling() {
    let transaction = |amount: &[u8]| tag(108).manager().raw(amount).u8(0).account(0, 1).u8(0).generic();
    assert!(SignRequest::decode(&transaction(&[0x05]), SigningVersion::LATEST).is_ok());
    assert_eq!(refused(&transaction(&[0x85, 0x00])), MessageFault::NotCanonical);
    assert_eq!(refused(&transaction(&[0x85, 0x80, 0x00])), MessageFault::NotCanonical);
}

#[test]
fn amounts_and_fees_have_63_bits() {
    let beyond = [[0x80; 9].as_slice(), &[0x01]].concat();
    let most = [[0xff; 8].as_slice(), &[0x7f]].concat();
    let amount = |bytes: &[u8]| tag(108).manager().raw(bytes).u8(0).account(0, 1).u8(0).generic();
    let fee = |bytes: &[u8]| tag(110).account(0, 1).raw(bytes).nat(1).nat(1).nat(0).u8(0).generic();
    for forge in [&amount as &dyn Fn(&[u8]) -> Vec<u8>, &fee] {
        assert!(SignRequest::decode(&forge(&most), SigningVersion::LATEST).is_ok());
        assert_eq!(refused(&forge(&beyond)), MessageFault::NumberTooLarge);
    }
    // Counters and gas are not amounts, and have no such bound.
    let counter = tag(110).account(0, 1).nat(1).raw(&beyond).nat(1).nat(0).u8(0).generic();
    assert!(SignRequest::decode(&counter, SigningVersion::LATEST).is_ok());
    let endless = tag(110).account(0, 1).nat(1).fill(0xff, 2000).u8(1).nat(1).nat(0).u8(0).generic();
    assert_eq!(refused(&endless), MessageFault::NumberTooLarge);
}

#[test]
fn messages_and_batches_have_a_limit() {
    assert_eq!(refused(&vec![0x03; MAX_MESSAGE_BYTES + 1]), MessageFault::TooLong);
    let noops = |count: usize| tag(0x03).fill(0, 32).raw(&[17, 0, 0, 0, 0].repeat(count)).0;
    let request = SignRequest::decode(&noops(MAX_OPERATIONS), SigningVersion::LATEST).unwrap();
    assert_eq!(request.operations().len(), MAX_OPERATIONS);
    assert_eq!(refused(&noops(MAX_OPERATIONS + 1)), MessageFault::TooMany(MAX_OPERATIONS));
}

#[test]
fn names_of_entrypoints_are_short_printable_and_not_empty() {
    let call = |name: &[u8]| {
        let entrypoint = [&[255, u8::try_from(name.len()).unwrap()], name].concat();
        forge::transaction(0, 1, Some(&entrypoint)).generic()
    };
    assert!(SignRequest::decode(&call(&[b'a'; 31]), SigningVersion::LATEST).is_ok());
    assert_eq!(refused(&call(&[b'a'; 32])), MessageFault::Length(32));
    assert_eq!(refused(&call(b"")), MessageFault::Length(0));
    for name in [&b"a b"[..], b"a\n", b"\xff\xfe", "é".as_bytes(), b"a\0"] {
        assert_eq!(refused(&call(name)), MessageFault::Text, "{name:?}");
    }
}

#[test]
fn an_unknown_operation_names_tag_offset_and_protocols() {
    let mut message = forge::transaction(1, 2, None).generic();
    let offset = message.len();
    message.push(99);
    let error = SignRequest::decode(&message, SigningVersion::LATEST).unwrap_err();
    assert_eq!(error.to_string(), "unknown tag 99");
    assert_eq!((error.offset(), error.operation()), (offset, Some(1)));
    assert_eq!(
        error.detail(),
        format!(
            "unknown tag 99 (at byte {offset}, operation 2, in operation); \
             the protocols known here are Seoul (023) and Tallinn (024), Ushuaia (025)"
        )
    );
}

#[test]
fn a_contract_id_is_implicit_or_originated() {
    let to = |destination: &[u8]| tag(108).manager().nat(1).raw(destination).u8(0).generic();
    let padded = |kind: u8, last: u8| [&[kind][..], &[7; 20], &[last]].concat();
    assert!(SignRequest::decode(&to(&padded(1, 0)), SigningVersion::LATEST).is_ok());
    for tag in [2, 3, 4, 255] {
        assert_eq!(refused(&to(&padded(tag, 0))), MessageFault::UnknownTag(tag));
    }
    // The padding of an originated contract is no place to hide a byte in.
    for padding in 1..=255 {
        assert_eq!(refused(&to(&padded(1, padding))), MessageFault::UnknownTag(padding));
    }
}

#[test]
fn every_recorded_message_is_refused_with_one_byte_more() {
    for vector in vectors::all() {
        // One byte is never an operation: the shortest has five.
        for byte in [0, 1, 4, 17, 108, 255] {
            let message = [&vector.message[..], &[byte]].concat();
            assert!(SignRequest::decode(&message, SigningVersion::LATEST).is_err(), "{} {byte}", vector.name);
        }
    }
}
