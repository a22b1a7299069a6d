//! Null, `{}` and `allow`, and the names in it.

use std::collections::BTreeMap;

use jwtis_testkit::forge::{Forge, UNIT, block, consensus, tag, transaction};
use jwtis_tezos::policy::{Allow, AllowWords};
use jwtis_tezos::{Curve, OperationKind, Policy};

use crate::{allowing, ask};

/// One message of each kind, by name.
fn messages() -> BTreeMap<&'static str, Vec<u8>> {
    BTreeMap::from([
        ("block", block(1, 0, 0)),
        ("preattestation", consensus(0x12, 20, 1, 0)),
        ("attestation", consensus(0x13, 21, 1, 0)),
        ("attestation_with_dal", consensus(0x13, 23, 1, 0)),
        ("generic", transaction(1, 2, None).generic()),
        ("pack", tag(0x05).raw(&UNIT).0),
    ])
}

/// The kinds that a policy lets pass, sorted.
fn passes(policy: &Policy) -> Vec<&'static str> {
    messages().into_iter().filter(|(_, message)| ask(policy, message).is_ok()).map(|(name, _)| name).collect()
}

fn words(allowed_operations: Option<&[&str]>, allowed_kinds: Option<&[&str]>) -> AllowWords {
    let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<String>>();
    AllowWords {
        allow: None,
        allowed_operations: allowed_operations.map(list),
        allowed_kinds: allowed_kinds.map(list),
    }
}

fn resolved(words: &AllowWords) -> Policy {
    Policy { allow: words.resolve().unwrap().0, ..Policy::default() }
}

/// Traps 1 and 2, and every other row of the table.
#[test]
fn trap_1_null_policy_vs_empty_policy_and_the_rest_of_the_table() {
    let absent = AllowWords::default();
    for (name, policy, wanted) in [
        ("null: the default policy", Policy::baker(), vec!["attestation", "block", "preattestation"]),
        ("{}: everything denied", resolved(&absent), vec![]),
        ("only log_payloads: everything denied", Policy::default(), vec![]),
        ("allow: {}", allowing(&[]), vec![]),
        ("allow: null is as if absent", resolved(&words(Some(&["block"]), None)), vec!["block"]),
        ("allow: {block:}", allowing(&[("block", None)]), vec!["block"]),
        ("allow: {generic:}", allowing(&[("generic", None)]), vec![]),
        ("allow: {generic: []}", allowing(&[("generic", Some(&[]))]), vec![]),
        (
            "allow: {generic: [transaction]}",
            allowing(&[("generic", Some(&["transaction"]))]),
            vec!["generic"],
        ),
        ("allow: {block: [transaction]}", allowing(&[("block", Some(&["transaction"]))]), vec!["block"]),
        ("allow: {pack:}", allowing(&[("pack", None)]), vec!["pack"]),
        ("allow: {attestation:}", allowing(&[("attestation", None)]), vec!["attestation"]),
        (
            "allow: {attestation_with_dal:}",
            allowing(&[("attestation_with_dal", None)]),
            vec!["attestation_with_dal"],
        ),
        ("only allowed_kinds", resolved(&words(None, Some(&["transaction"]))), vec![]),
        ("only allowed_operations", resolved(&words(Some(&["generic", "block"]), None)), vec!["block"]),
        (
            "allowed_operations and allowed_kinds",
            resolved(&words(Some(&["generic", "block"]), Some(&["transaction"]))),
            vec!["block", "generic"],
        ),
    ] {
        assert_eq!(passes(&policy), wanted, "{name}");
    }
}

/// Trap 2.
#[test]
fn trap_2_allow_generic_empty_allows_the_kind_but_no_operation() {
    let message = transaction(1, 2, None).generic();
    for policy in [allowing(&[("generic", None)]), allowing(&[("generic", Some(&[]))])] {
        assert_eq!(ask(&policy, &message).unwrap_err(), "operation `transaction' is not allowed");
    }
    assert_eq!(ask(&allowing(&[]), &message).unwrap_err(), "request kind `generic' is not allowed");
}

#[test]
fn deprecated_fields_count_only_without_allow() {
    let mut both = words(Some(&["block"]), Some(&["transaction"]));
    both.allow = Some(BTreeMap::from([("pack".to_owned(), None)]));
    assert_eq!(passes(&resolved(&both)), ["pack"]);
    assert_eq!(
        both.resolve().unwrap().1,
        [
            "'allowed_operations' counts for nothing beside `allow`: remove it",
            "'allowed_kinds' counts for nothing beside `allow`: remove it",
        ]
    );
    both.allow = Some(BTreeMap::new());
    assert_eq!(passes(&resolved(&both)), Vec::<&str>::new());
}

#[test]
fn deprecated_fields_are_answered_with_what_to_write() {
    let (_, warnings) =
        words(Some(&["generic", "endorsement"]), Some(&["transaction", "ballot:yay"])).resolve().unwrap();
    assert_eq!(
        warnings,
        [
            "Deprecated configuration detected: 'endorsement' should be replaced with 'attestation'",
            "Deprecated configuration detected: 'allowed_operations' and 'allowed_kinds' should be replaced with\n\
         allow:\n  attestation:\n  generic:\n    - ballot:yay\n    - transaction",
        ]
    );
    let (_, warnings) = AllowWords::default().resolve().unwrap();
    assert!(warnings.is_empty());
}

#[test]
fn old_names_are_translated_with_a_warning() {
    let names = |allow: &[(&str, Option<&[&str]>)]| {
        let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<String>>();
        let allow = allow.iter().map(|(kind, names)| ((*kind).to_owned(), names.map(list))).collect();
        AllowWords { allow: Some(allow), ..AllowWords::default() }.resolve().unwrap()
    };
    let (allow, warnings) = names(&[("endorsement", None), ("preendorsement", None)]);
    assert_eq!(passes(&Policy { allow, ..Policy::default() }), ["attestation", "preattestation"]);
    assert_eq!(
        warnings,
        [
            "Deprecated configuration detected: 'endorsement' should be replaced with 'attestation'",
            "Deprecated configuration detected: 'preendorsement' should be replaced with 'preattestation'",
        ]
    );
    let old =
        ["double_endorsement_evidence", "double_preendorsement_evidence", "endorsement", "preendorsement"];
    let (allow, warnings) = names(&[("generic", Some(&old))]);
    assert_eq!(warnings.len(), 4);
    assert_eq!(allow, names(&[("generic", Some(&["double_consensus_operation_evidence"]))]).0);
}

#[test]
fn unknown_names_are_errors_all_at_once() {
    let allow = Some(BTreeMap::from([
        ("blok".to_owned(), None),
        (
            "generic".to_owned(),
            Some(["transfer", "reveal", "attestation", "ballot:maybe"].map(str::to_owned).to_vec()),
        ),
    ]));
    let words = AllowWords { allow, ..AllowWords::default() };
    let errors: Vec<String> = words.resolve().unwrap_err().iter().map(ToString::to_string).collect();
    assert_eq!(
        errors,
        [
            "invalid request kind `blok` in `allow` list",
            "invalid operation kind `transfer` in `allow.generic` list",
            "invalid operation kind `attestation` in `allow.generic` list",
            "invalid operation kind `ballot:maybe` in `allow.generic` list",
        ]
    );
}

#[test]
fn operations_of_blocks_and_of_old_protocols_can_never_be_allowed() {
    let everything: Vec<&str> =
        OperationKind::ALL.iter().filter(|kind| kind.is_listable()).map(|kind| kind.name()).collect();
    let policy = allowing(&[("generic", Some(&everything))]);
    let inlined = |op| Forge::default().fill(1, 32).u8(op).u16(7).i32(120).i32(0).fill(2, 32).fill(3, 64).0;
    for (name, forge) in [
        ("preattestation", tag(20).u16(7).i32(1).i32(2).fill(3, 32)),
        ("attestation", tag(21).u16(7).i32(1).i32(2).fill(3, 32)),
        ("attestation_with_dal", tag(23).u16(7).i32(1).i32(2).fill(3, 32).u8(1)),
        ("preattestation", tag(40).i32(1).i32(2).fill(3, 32)),
        ("attestation", tag(41).i32(1).i32(2).fill(3, 32)),
        ("double_attestation_evidence", tag(2).framed(&inlined(21)).framed(&inlined(21))),
        ("double_preattestation_evidence", tag(7).framed(&inlined(20)).framed(&inlined(20))),
    ] {
        let denied = ask(&policy, &forge.generic()).unwrap_err();
        assert_eq!(denied, format!("operation `{name}' is not allowed"));
    }
}

#[test]
fn attestation_without_dal_is_hinted_at() {
    for (policy, curve, hinted) in [
        (Policy::baker(), Curve::Ed25519, true),
        (Policy::baker(), Curve::Bls12381, false),
        (allowing(&[("attestation", None), ("attestation_with_dal", None)]), Curve::P256, false),
        (allowing(&[("block", None)]), Curve::Secp256k1, false),
    ] {
        assert_eq!(policy.allow.hint(curve).is_some(), hinted);
    }
    assert_eq!(Allow::default().hint(Curve::Ed25519), None);
}
