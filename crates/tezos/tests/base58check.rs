//! base58check: every prefix, every refusal with its text, texts made by Taquito, hostile input.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use jwtis_tezos::{
    Base58Error, BlockHash, ChainId, OperationHash, PayloadHash, Prefix, ProtocolHash, PublicKey,
    PublicKeyError, PublicKeyHash, Signature,
    base58check::{MAX_TEXT_CHARS, decode, encode},
    hash::blake2b_256,
};
use proptest::prelude::*;

const PKH: &str = "tz1LggX2HUdvJ1tF4Fvv8fjsrzLeW4Jr9t2Q";

fn payloads(prefix: Prefix) -> impl Iterator<Item = Vec<u8>> {
    let varied = (0..40u8).map(move |salt| {
        let seed = blake2b_256(&[salt]);
        (0..prefix.payload_len()).map(|at| seed[at % 32].wrapping_mul(at as u8 | 1)).collect()
    });
    [vec![0; prefix.payload_len()], vec![0xff; prefix.payload_len()]].into_iter().chain(varied)
}

#[test]
fn every_prefix_makes_its_text_and_comes_back() {
    for &prefix in Prefix::ALL {
        // ML-DSA texts take the square of their length; a few are enough.
        let some = if prefix.payload_len() > 100 { 3 } else { 50 };
        for payload in payloads(prefix).take(some) {
            let text = encode(prefix, &payload);
            assert!(text.starts_with(prefix.text()), "{prefix:?} gives {text}");
            assert_eq!(text.len(), prefix.text_len(), "{prefix:?}");
            let (found, read) = decode(&text).unwrap();
            assert_eq!((found, read.as_slice()), (prefix, payload.as_slice()));
        }
    }
}

#[test]
fn the_table_is_complete_and_no_prefix_hides_another() {
    assert_eq!(Prefix::ALL.len(), 42);
    for a in Prefix::ALL {
        for b in Prefix::ALL {
            assert!(a == b || !b.bytes().starts_with(a.bytes()), "{a:?} hides {b:?}");
        }
    }
    let longest = Prefix::ALL.iter().map(|prefix| prefix.text_len()).max();
    assert_eq!(longest, Some(MAX_TEXT_CHARS));
}

#[test]
fn taquito_writes_the_same_texts() {
    let recorded: serde_json::Value =
        serde_json::from_str(include_str!("vectors/keys-taquito.json")).unwrap();
    let mut checked = 0;
    for row in recorded["texts"].as_array().unwrap() {
        let text = row["text"].as_str().unwrap();
        let Ok((prefix, payload)) = decode(text) else { continue };
        let hex: String = payload.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(row["payload"], hex.as_str(), "{}", row["name"]);
        assert_eq!(encode(prefix, &payload), text);
        checked += 1;
    }
    // All of ours but ML-DSA-44 (tz5, mdpk, mdsk, mdesk, mdsig).
    assert_eq!(checked, Prefix::ALL.len() - 5);
}

#[test]
fn known_chain_ids() {
    for (text, bytes) in
        [("NetXdQprcVkpaWU", [0x7a, 0x06, 0xa7, 0x70]), ("NetXo5iVw1vBoxM", [0xb3, 0xd7, 0x9f, 0x99])]
    {
        assert_eq!(text.parse::<ChainId>().unwrap(), ChainId::new(bytes));
        assert_eq!(ChainId::new(bytes).to_string(), text);
    }
}

#[test]
fn hashes_refuse_each_other() {
    let block = BlockHash::new([7; 32]).to_string();
    assert_eq!(block.parse::<BlockHash>().unwrap().as_bytes(), &[7; 32]);
    assert_eq!(
        block.parse::<PayloadHash>().unwrap_err().to_string(),
        "expected a block payload hash, got a block hash"
    );
    assert!(block.parse::<OperationHash>().is_err());
    assert!(block.parse::<ProtocolHash>().is_err());
    assert!("".parse::<ChainId>().is_err());
}

/// What the four parsers of one path segment say.
#[test]
fn a_refusal_says_what_is_wrong_with_the_text() {
    let cases = [
        // Another last character.
        (PKH.replace("9t2Q", "9t2R"), "the checksum is wrong: a character is mistyped or missing"),
        ("1".repeat(36), "the checksum is wrong: a character is mistyped or missing"),
        (format!("{PKH}{PKH}"), "the checksum is wrong: a character is mistyped or missing"),
        ("tz0".to_owned(), "not base58: the character at position 2 is '0'"),
        (PKH.replace("LggX", "LggI"), "not base58: the character at position 6 is 'I'"),
        (format!(" {PKH}"), "not base58: the character at position 0 is ' '"),
        ("tzO".to_owned(), "not base58: the character at position 2 is 'O'"),
        ("tzl".to_owned(), "not base58: the character at position 2 is 'l'"),
        // The byte, not the letter that it is a part of.
        ("tzé".to_owned(), "not base58: the character at position 2 is 'Ã'"),
        (String::new(), "too short for base58check: 0 byte(s)"),
        ("111".to_owned(), "too short for base58check: 3 byte(s)"),
        ("tz1".to_owned(), "too short for base58check: 3 byte(s)"),
        // A Bitcoin address: base58check, but not of Tezos.
        ("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa".to_owned(), "base58check of no kind that Tezos has"),
        (
            encode(Prefix::Tz1, &[1; 19]),
            "base58check of the wrong length: 20 bytes are expected, 19 are there",
        ),
        (
            encode(Prefix::Tz1, &[1; 21]),
            "base58check of the wrong length: 20 bytes are expected, 21 are there",
        ),
        (encode(Prefix::Tz1, &[]), "base58check of the wrong length: 20 bytes are expected, 0 are there"),
        (
            "edpkv45regue1bWtuHnCgLU8xWKLwa9qRqv4gimgJKro4LSc3C5VjV".to_owned(),
            "base58check, but of no public key or its hash",
        ),
        (encode(Prefix::Tz5, &[1; 20]), "base58check, but of no public key or its hash"),
        (encode(Prefix::Kt1, &[1; 20]), "base58check, but of no public key or its hash"),
    ];
    for (text, message) in cases {
        assert_eq!(text.parse::<PublicKeyHash>().unwrap_err().to_string(), message, "{text:?}");
    }
}

#[test]
fn refuses_a_text_longer_than_any_kind_before_decoding_it() {
    let text = "2".repeat(MAX_TEXT_CHARS + 1);
    assert_eq!(
        decode(&text).unwrap_err(),
        Base58Error::TooLong { actual: MAX_TEXT_CHARS + 1, limit: MAX_TEXT_CHARS }
    );
    let text = format!("{text}0");
    assert!(matches!(decode(&text).unwrap_err(), Base58Error::Character { position: 5333, character: '0' }));
}

/// Base58 takes the square of the length: seven milliseconds for the longest kind, which is no key that signs here.
#[test]
fn keys_and_signatures_refuse_texts_longer_than_theirs_before_decoding_them() {
    let text = "z".repeat(143);
    let message = "too long for base58check: 143 characters, at most 142";
    assert_eq!(text.parse::<PublicKeyHash>().unwrap_err().to_string(), message);
    assert_eq!(text.parse::<PublicKey>().unwrap_err().to_string(), message);
    assert_eq!(text.parse::<Signature>().unwrap_err().to_string(), message);
    assert_eq!(text.parse::<ChainId>().unwrap_err().to_string(), message);
    assert_eq!(text[1..].parse::<Signature>().unwrap_err(), Base58Error::Checksum.into());
}

#[test]
fn every_changed_character_of_an_address_is_noticed() {
    for at in 0..PKH.len() {
        for other in "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz".chars() {
            let changed = format!("{}{other}{}", &PKH[..at], &PKH[at + 1..]);
            if changed != PKH {
                assert_eq!(decode(&changed).unwrap_err(), Base58Error::Checksum, "{changed}");
            }
        }
    }
}

#[test]
fn a_key_where_a_hash_should_be_is_named_as_such() {
    let error = "sig".parse::<PublicKey>().unwrap_err();
    assert!(matches!(error, PublicKeyError::Base58(Base58Error::TooShort(_))));
    assert_eq!(PKH.parse::<Signature>().unwrap_err().to_string(), "base58check, but of no signature");
    assert_eq!(PKH.parse::<PublicKey>().unwrap_err(), PublicKeyError::UnknownPrefix);
}

proptest! {
    #[test]
    fn any_payload_comes_back_or_is_of_another_length(
        index in 0..Prefix::ALL.len(),
        payload in prop::collection::vec(any::<u8>(), 0..130),
    ) {
        let prefix = Prefix::ALL[index];
        match decode(&encode(prefix, &payload)) {
            Ok((found, read)) => prop_assert_eq!((found, &*read), (prefix, &payload)),
            Err(error) => prop_assert_eq!(
                error,
                Base58Error::PayloadLength { expected: prefix.payload_len(), actual: payload.len() }
            ),
        }
    }
}
