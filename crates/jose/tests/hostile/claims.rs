//! Claims that two readers understand differently, or that exhaust one of them.

use jwtis_jose::{ClaimsError, ClaimsSet, JsonError, json};
use serde_json::{Value, json as value};

use crate::common::refused;

fn parse(text: &str) -> Result<Value, JsonError> {
    json::parse(text.as_bytes(), ClaimsSet::MAX_DEPTH)
}

#[test]
fn duplicate_names_at_any_depth() {
    for text in [
        r#"{"sub":"alice","sub":"admin"}"#,
        r#"{"a":{"b":{"c":1,"c":2}}}"#,
        r#"{"a":[{"b":1},{"b":1,"b":1}]}"#,
        r#"{"sub":1,"\u0073\u0075\u0062":2}"#,
        r#"{"":1,"":2}"#,
    ] {
        refused!(parse(text), JsonError::DuplicateName { .. });
        assert!(ClaimsSet::parse(text.as_bytes()).is_err(), "{text}");
    }
    // Names that only look alike are two names: é composed and decomposed, and other cases.
    assert!(parse("{\"\u{e9}\":1,\"e\u{301}\":2,\"sub\":1,\"Sub\":2}").is_ok());
}

#[test]
fn numbers_beyond_2_to_the_53() {
    for text in [
        "9007199254740993",
        "-9007199254740993",
        "18446744073709551615",
        "1e300",
        "-1e17",
        "123456789012345678901234567890",
        "1e400",
        "9007199254740994.0",
    ] {
        refused!(parse(&format!(r#"{{"exp":{text}}}"#)), JsonError::NumberOutOfRange { .. });
        refused!(parse(text), JsonError::NumberOutOfRange { .. });
    }
    for text in ["9007199254740991", "-9007199254740991", "0", "-0", "0.1", "1e15", "1E-7", "1.5"] {
        assert!(parse(text).is_ok(), "{text}");
    }
    for beyond in [value!(u64::MAX), value!(i64::MIN), value!(1e300)] {
        assert!(
            ClaimsSet::from_value(value!({"n": beyond})).is_err(),
            "a value made by other code is held to the same"
        );
    }
}

#[test]
fn what_is_not_a_number_in_json() {
    for text in
        ["NaN", "Infinity", "-Infinity", "+1", "01", ".5", "1.", "0x10", "1_000", "--1", "1e", "\u{661}"]
    {
        assert!(parse(&format!(r#"{{"exp":{text}}}"#)).is_err(), "{text}");
    }
}

#[test]
fn deep_nesting_does_not_exhaust_the_stack() {
    for (open, close) in [("[", "]"), (r#"{"a":"#, "}")] {
        let nest = |depth: usize| format!(r#"{{"a":{}1{}}}"#, open.repeat(depth), close.repeat(depth));
        assert!(parse(&nest(ClaimsSet::MAX_DEPTH - 1)).is_ok(), "the outer object is the first level");
        for depth in [ClaimsSet::MAX_DEPTH, ClaimsSet::MAX_DEPTH + 1, 1000, 200_000] {
            refused!(parse(&nest(depth)), JsonError::TooDeep { limit: ClaimsSet::MAX_DEPTH });
            assert!(ClaimsSet::parse(nest(depth).as_bytes()).is_err());
        }
    }
    let mut deep = value!(1);
    for _ in 0..ClaimsSet::MAX_DEPTH {
        deep = value!([deep]);
    }
    assert!(ClaimsSet::from_value(value!({"a": deep})).is_err());
}

#[test]
fn payload_that_is_no_object() {
    for text in ["[]", "\"a\"", "1", "null", "true", "[{\"sub\":\"a\"}]"] {
        refused!(ClaimsSet::parse(text.as_bytes()), ClaimsError::NotAnObject);
        refused!(ClaimsSet::from_value(serde_json::from_str(text).unwrap()), ClaimsError::NotAnObject);
    }
}

#[test]
fn trailing_data_and_lenient_json() {
    for text in ["{}{}", "{} x", "{}\0", "{}]"] {
        refused!(parse(text), JsonError::TrailingData);
    }
    for text in [
        "",
        "{",
        "{a:1}",
        "{'a':1}",
        "{\"a\":1,}",
        "[1,]",
        "// x\n{}",
        "{\"a\":tru}",
        "\"\t\"",
        "\"\\x41\"",
        "\"\\ud800\"",
        "\"\u{1}\"",
    ] {
        assert!(parse(text).is_err(), "{text:?}");
    }
    for bytes in [&b"\"\xff\""[..], b"\"\xc0\x80\"", b"\"\xed\xa0\x80\"", b"\xef\xbb\xbf{}", b"{\0}"] {
        assert!(json::parse(bytes, 4).is_err(), "{bytes:?}");
    }
}

#[test]
fn numeric_dates_as_strings_are_an_error_not_an_absence() {
    for (name, read) in [
        ("exp", ClaimsSet::expiration_time as fn(&ClaimsSet) -> _),
        ("nbf", ClaimsSet::not_before),
        ("iat", ClaimsSet::issued_at),
    ] {
        for wrong in [
            value!("1800000000"),
            value!(""),
            value!(null),
            value!(-1),
            value!(-0.1),
            value!([1]),
            value!(false),
        ] {
            let claims = ClaimsSet::from_value(value!({name: wrong})).unwrap();
            assert!(read(&claims).is_err(), "{name} {wrong}");
        }
    }
}

#[test]
fn claims_reader_and_writer_agree() {
    // What we accept, serde_json reads as the same value: no third meaning is made on the way.
    for text in
        [r#"{"a":1.0,"b":-0.0,"c":0.1,"d":"\u00e9\ud83d\ude00","e":[],"f":{},"g":null}"#, r#"{"n":1e2}"#]
    {
        let ours = ClaimsSet::parse(text.as_bytes()).unwrap();
        let theirs: Value = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&ours.to_json()).unwrap(), theirs);
        assert_eq!(ours.into_value(), theirs);
    }
}
