//! Signatory's files: version 2 both ways, versions 0 and 1 to read.

use jwtis_tezos::watermark::{
    ChainWatermarks, FormatError, KeyWatermarks, Printer, Watermark, WatermarkKind,
};
use jwtis_tezos::{Curve, PublicKeyHash};

use crate::rule::watermark;

const KEY: &str = "tz1WGcYos3hL7GXYXjKrMnSFdkT7FyXnFBvf";
const HASH: &str = "vh1t57X81VSuU82o6bmChQMBc1xAu7qzfz3Uxwy22DwJyetwiRZx";

fn key() -> PublicKeyHash {
    KEY.parse().unwrap()
}

fn digest() -> [u8; 32] {
    *HASH.parse::<jwtis_tezos::PayloadHash>().unwrap().as_bytes()
}

fn known(level: i32, round: i32) -> Watermark {
    Watermark::new(level, round, Some(digest())).unwrap()
}

/// A file as Signatory writes it.
fn example() -> String {
    format!(
        "{{\n    \"{KEY}\": {{\n        \"attestation\": {{\n            \"level\": 120,\n            \"round\": 0,\n            \
         \"hash\": \"{HASH}\"\n        }}\n    }}\n}}"
    )
}

#[test]
fn a_file_of_signatory_is_read() {
    let watermarks = ChainWatermarks::parse_v2(&example()).unwrap();
    let wanted = KeyWatermarks { attestation: Some(known(120, 0)), ..KeyWatermarks::default() };
    assert_eq!(watermarks.iter().collect::<Vec<_>>(), [(&key(), &wanted)]);
}

/// Trap 9, on disk: one watermark, both names.
#[test]
fn trap_9_both_names_of_the_attestation_are_written_with_four_spaces_and_no_newline() {
    let mut watermarks = ChainWatermarks::parse_v2(&example()).unwrap();
    watermarks.entry(key()).block = Some(watermark(121, 3, 0));
    let hash = HASH;
    let wanted = format!(
        r#"{{
    "{KEY}": {{
        "attestation": {{
            "level": 120,
            "round": 0,
            "hash": "{hash}"
        }},
        "attestation_with_dal": {{
            "level": 120,
            "round": 0,
            "hash": "{hash}"
        }},
        "block": {{
            "level": 121,
            "round": 3,
            "hash": null
        }}
    }}
}}"#
    );
    assert_eq!(Printer::default().print_v2(&watermarks), wanted);
    assert_eq!(ChainWatermarks::parse_v2(&wanted).unwrap(), watermarks);
    assert_eq!(Printer::default().print_v2(&ChainWatermarks::default()), "{}");
}

#[test]
fn a_printer_that_remembers_prints_what_one_that_does_not_prints() {
    let keys = [0, 1, 2].map(|byte| PublicKeyHash::new(Curve::Ed25519, [byte; 20]));
    let mut printer = Printer::default();
    let mut watermarks = ChainWatermarks::default();
    for level in 0..9_u8 {
        let kind = WatermarkKind::ALL[usize::from(level % 3)];
        watermarks.entry(keys[usize::from(level / 3)]).set(kind, watermark(i32::from(level), 1, level));
        let text = printer.print_v2(&watermarks);
        assert_eq!(text, Printer::default().print_v2(&watermarks));
        assert_eq!(ChainWatermarks::parse_v2(&text).unwrap(), watermarks);
    }
    // Of other keys, and of the same ones with other watermarks.
    let fewer = ChainWatermarks::from_iter([(
        keys[1],
        KeyWatermarks { block: Some(watermark(1, 2, 3)), ..KeyWatermarks::default() },
    )]);
    for watermarks in [
        fewer,
        ChainWatermarks::from_iter([(keys[2], KeyWatermarks::default())]),
        ChainWatermarks::default(),
        watermarks,
    ] {
        assert_eq!(printer.print_v2(&watermarks), Printer::default().print_v2(&watermarks));
    }
}

#[test]
fn keys_are_written_in_the_order_of_their_texts() {
    let keys: Vec<PublicKeyHash> = Curve::ALL
        .into_iter()
        .flat_map(|curve| (0..9).map(move |byte| PublicKeyHash::new(curve, [byte; 20])))
        .collect();
    let watermarks: ChainWatermarks = keys
        .iter()
        .map(|key| (*key, KeyWatermarks { block: Some(watermark(1, 0, 0)), ..KeyWatermarks::default() }))
        .collect();
    let text = Printer::default().print_v2(&watermarks);
    let mut texts: Vec<String> = keys.iter().map(ToString::to_string).collect();
    texts.sort();
    let places: Vec<usize> = texts.iter().map(|key| text.find(key.as_str()).unwrap()).collect();
    assert!(places.is_sorted());
    assert_eq!(ChainWatermarks::parse_v2(&text).unwrap(), watermarks);
}

fn row(level: i32, round: i32, hash: Option<&str>) -> String {
    match hash {
        Some(hash) => format!(r#"{{"hash": "{hash}", "round": {round}, "level": {level}}}"#),
        None => format!(r#"{{"level": {level}, "round": {round}, "hash": null}}"#),
    }
}

#[test]
fn of_two_names_the_higher_watermark_is_read() {
    let other = jwtis_tezos::PayloadHash::new([2; 32]).to_string();
    let file = |plain: String, dal: String| {
        format!(r#"{{"{KEY}": {{"attestation_with_dal": {dal}, "attestation": {plain}}}}}"#)
    };
    for (name, plain, dal, wanted) in [
        ("with_dal_is_higher", row(5, 0, Some(HASH)), row(6, 1, Some(HASH)), known(6, 1)),
        ("without_is_higher", row(7, 0, Some(HASH)), row(6, 1, None), known(7, 0)),
        ("a_later_round", row(6, 2, Some(HASH)), row(6, 1, Some(&other)), known(6, 2)),
        ("the_same", row(6, 1, Some(HASH)), row(6, 1, Some(HASH)), known(6, 1)),
        ("two_messages_of_one_place", row(6, 1, Some(HASH)), row(6, 1, Some(&other)), watermark(6, 1, 0)),
    ] {
        let watermarks = ChainWatermarks::parse_v2(&file(plain, dal)).unwrap();
        assert_eq!(watermarks.get(&key()).unwrap().attestation, Some(wanted), "{name}");
    }
}

#[test]
fn old_names_are_translated_in_every_version() {
    let wanted = KeyWatermarks {
        block: None,
        preattestation: Some(watermark(8, 1, 0)),
        attestation: Some(known(7, 0)),
    };
    let (end, pre) = (row(7, 0, Some(HASH)), row(8, 1, None));
    let v2 = format!(r#"{{"{KEY}": {{"endorsement": {end}, "preendorsement": {pre}}}}}"#);
    let v0 = format!(r#"{{"endorsement": {{"{KEY}": {end}}}, "preendorsement": {{"{KEY}": {pre}}}}}"#);
    assert_eq!(ChainWatermarks::parse_v2(&v2).unwrap().get(&key()), Some(&wanted));
    assert_eq!(ChainWatermarks::parse_v0(&v0).unwrap().get(&key()), Some(&wanted));
    // An old watermark and a new one: the higher.
    let both = format!(r#"{{"{KEY}": {{"endorsement": {}, "attestation": {end}}}}}"#, row(9, 0, None));
    assert_eq!(
        ChainWatermarks::parse_v2(&both).unwrap().get(&key()).unwrap().attestation,
        Some(watermark(9, 0, 0))
    );
}

#[test]
fn a_round_or_hash_may_be_absent() {
    let v0 = format!(r#"{{"block": {{"{KEY}": {{"level": 7}}}}}}"#);
    assert_eq!(ChainWatermarks::parse_v0(&v0).unwrap().get(&key()).unwrap().block, Some(watermark(7, 0, 0)));
    let v2 = format!(r#"{{"{KEY}": {{"block": {{"level": 7, "round": 1}}}}}}"#);
    assert_eq!(ChainWatermarks::parse_v2(&v2).unwrap().get(&key()).unwrap().block, Some(watermark(7, 1, 0)));
}

#[test]
fn a_joint_watermark_of_version_1_is_taken_for_all_kinds() {
    let (here, nobody) = (known(7, 2), watermark(7, 2, 0));
    for (order, wanted) in [
        (0, KeyWatermarks { block: Some(here), preattestation: Some(nobody), attestation: Some(nobody) }),
        (1, KeyWatermarks { block: Some(nobody), preattestation: Some(here), attestation: Some(nobody) }),
        (2, KeyWatermarks { block: Some(nobody), preattestation: Some(nobody), attestation: Some(here) }),
        (3, KeyWatermarks { block: Some(nobody), preattestation: Some(nobody), attestation: Some(here) }),
    ] {
        let v1 = format!(r#"{{"{KEY}": {{"level": 7, "round": 2, "order": {order}, "hash": "{HASH}"}}}}"#);
        assert_eq!(ChainWatermarks::parse_v1(&v1).unwrap().get(&key()), Some(&wanted), "order {order}");
    }
    let without = format!(r#"{{"{KEY}": {{"level": 7, "order": 0}}}}"#);
    assert_eq!(
        ChainWatermarks::parse_v1(&without).unwrap().get(&key()).unwrap().block,
        Some(watermark(7, 0, 0))
    );
}

#[test]
fn files_that_are_damaged_are_refused_and_say_where() {
    let of = |row: &str| format!(r#"{{"{KEY}": {{"block": {row}}}}}"#);
    for (name, text, wanted) in [
        ("empty", String::new(), "not a watermark file: "),
        ("cut off", example()[..100].to_owned(), "not a watermark file: "),
        ("trailing", format!("{} x", example()), "not a watermark file: "),
        ("a list", "[]".to_owned(), "not a watermark file: "),
        ("null", "null".to_owned(), "not a watermark file: "),
        ("no level", of(r#"{"round": 0}"#), "not a watermark file: missing field `level`"),
        ("a level of 33 bits", of(r#"{"level": 2147483648, "round": 0}"#), "not a watermark file: "),
        ("a fraction", of(r#"{"level": 1.5, "round": 0}"#), "not a watermark file: "),
        ("a text", of(r#"{"level": "1", "round": 0}"#), "not a watermark file: "),
        (
            "an unknown member",
            of(r#"{"level": 1, "ruond": 9}"#),
            "not a watermark file: unknown field `ruond`",
        ),
        ("level twice", of(r#"{"level": 9, "level": 1}"#), "not a watermark file: duplicate field `level`"),
        (
            "a key twice",
            format!(r#"{{"{KEY}": {{}}, "{KEY}": {{}}}}"#),
            &format!("not a watermark file: `{KEY}` is there twice"),
        ),
        (
            "a kind twice",
            format!(r#"{{"{KEY}": {{"block": {{"level": 9}}, "block": {{"level": 1}}}}}}"#),
            "not a watermark file: `block` is there twice",
        ),
        ("no key", r#"{"tz1": {}}"#.to_owned(), "`tz1` is not a key"),
        (
            "a public key",
            r#"{"edpkv45regue1bWtuHnCgLU8xWKLwa9qRqv4gimgJKro4LSc3C5VjV": {}}"#.to_owned(),
            "`edpkv45",
        ),
        (
            "an unknown kind",
            format!(r#"{{"{KEY}": {{"blok": {{"level": 1}}}}}}"#),
            &format!("{KEY} has a watermark of the unknown kind `blok`"),
        ),
        (
            "a negative level",
            of(r#"{"level": -1}"#),
            &format!("{KEY} has a watermark with a negative level or round"),
        ),
        (
            "a negative round",
            of(r#"{"level": 1, "round": -1}"#),
            &format!("{KEY} has a watermark with a negative level or round"),
        ),
        (
            "a damaged hash",
            of(&row(1, 0, Some(&HASH.replace('w', "x")))),
            &format!("{KEY} has a watermark with the hash `"),
        ),
        (
            "a block hash",
            of(&row(1, 0, Some(&jwtis_tezos::BlockHash::new([1; 32]).to_string()))),
            &format!("{KEY} has a watermark with the hash `"),
        ),
        ("an empty hash", of(&row(1, 0, Some(""))), &format!("{KEY} has a watermark with the hash `")),
    ] {
        let error: FormatError = ChainWatermarks::parse_v2(&text).unwrap_err();
        assert!(error.to_string().starts_with(wanted), "{name}: {error}");
    }
    let joint = format!(r#"{{"{KEY}": {{"level": 7}}}}"#);
    assert!(ChainWatermarks::parse_v1(&joint).unwrap_err().to_string().contains("missing field `order`"));
    assert!(ChainWatermarks::parse_v0(&example()).is_err());
    assert!(ChainWatermarks::parse_v1(&example()).is_err());
}

#[test]
fn imports_keep_the_higher_watermark() {
    let mut ours = ChainWatermarks::default();
    ours.entry(key()).block = Some(watermark(9, 0, 1));
    ours.entry(key()).attestation = Some(watermark(4, 0, 1));
    let mut theirs = ChainWatermarks::default();
    theirs.entry(key()).block = Some(watermark(8, 5, 2));
    theirs.entry(key()).attestation = Some(watermark(4, 1, 2));
    let second = PublicKeyHash::new(Curve::P256, [1; 20]);
    theirs.entry(second).preattestation = Some(watermark(1, 1, 2));
    ours.join(&theirs);
    assert_eq!(
        ours.get(&key()),
        Some(&KeyWatermarks {
            block: Some(watermark(9, 0, 1)),
            preattestation: None,
            attestation: Some(watermark(4, 1, 2))
        })
    );
    assert_eq!(ours.get(&second).unwrap().preattestation, Some(watermark(1, 1, 2)));
}
