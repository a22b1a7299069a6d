//! Every byte of every vector cut, flipped and added.

use std::collections::BTreeSet;

use jwtis_testkit::forge::{UNIT, block, consensus, tag};
use jwtis_tezos::policy::{Allow, Circumstances, OperationPermission, Usage};
use jwtis_tezos::{
    Caller, Curve, OperationKind, Policy, PublicKeyHash, RequestKind, SignRequest, SigningVersion, Verdict,
};
use serde_json::Value;

use crate::{oracle, vectors};

/// Longer messages are changed at every 97th byte only: a batch repeats itself.
const EVERY_BYTE_UP_TO: usize = 1_000;

/// `message` with one place changed in each of these ways.
fn mutations(message: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let step = if message.len() > EVERY_BYTE_UP_TO { 97 } else { 1 };
    (0..message.len()).step_by(step).flat_map(move |at| {
        let flips = [0x01, 0x04, 0x80, 0xff].into_iter().map(move |mask| {
            let mut flipped = message.to_vec();
            flipped[at] ^= mask;
            flipped
        });
        let adds = [0x00, 0xff].into_iter().map(move |byte| {
            let mut longer = message.to_vec();
            longer.insert(at, byte);
            longer
        });
        let mut shorter = message.to_vec();
        shorter.remove(at);
        // Lengths that no message has.
        let mut bomb = message.to_vec();
        bomb.iter_mut().skip(at).take(4).for_each(|byte| *byte = 0xff);
        flips.chain(adds).chain([message[..at].to_vec(), shorter, bomb])
    })
}

/// What a message says, without what its length and digest say.
fn shown(request: &SignRequest) -> Value {
    let mut json = request.to_json();
    let object = json.as_object_mut().unwrap();
    object.retain(|name, _| !["bytes", "digest"].contains(&name.as_str()));
    json
}

fn decode(message: &[u8]) -> Option<SignRequest> {
    SignRequest::decode(message, SigningVersion::LATEST).ok()
}

/// Everything but these.
fn all_but(requests: &BTreeSet<&str>, operations: &BTreeSet<&str>) -> Policy {
    let requests = RequestKind::ALL.into_iter().filter(|kind| !requests.contains(kind.name()));
    let operations = OperationKind::ALL.iter().filter(|kind| !operations.contains(kind.name()));
    let allow = Allow::new(requests, operations.map(|kind| OperationPermission::kind(*kind)));
    Policy { allow, ..Policy::default() }
}

fn verdict(policy: &Policy, request: &SignRequest) -> Verdict {
    let (key, usage) = (PublicKeyHash::new(Curve::Ed25519, [1; 20]), Usage::default());
    policy
        .evaluate(request, &Circumstances { key: &key, caller: &Caller::Anonymous, usage: &usage, now_ms: 0 })
}

fn allows(policy: &Policy, request: &SignRequest) -> bool {
    matches!(verdict(policy, request), Verdict::Allow(_))
}

/// Holds a message and all its mutations against policies that refuse it. Returns how many mutations decode.
fn check(name: &str, message: &[u8]) -> (usize, usize) {
    let original = decode(message).unwrap_or_else(|| panic!("{name}"));
    let kinds: BTreeSet<&str> = oracle::operation_kinds(&original).into_iter().collect();
    let request = oracle::request_kind(message);
    // One policy without the kinds of the original for each of them; for other requests, one without the request.
    let mut policies: Vec<(BTreeSet<&str>, BTreeSet<&str>, Policy)> = kinds
        .iter()
        .map(|kind| {
            let (requests, operations) = (BTreeSet::new(), BTreeSet::from([*kind]));
            (requests.clone(), operations.clone(), all_but(&requests, &operations))
        })
        .collect();
    let (requests, operations) = (BTreeSet::from([request]), BTreeSet::new());
    policies.push((requests.clone(), operations.clone(), all_but(&requests, &operations)));
    for (_, _, policy) in &policies {
        assert!(!allows(policy, &original), "{name}: the original is refused");
    }

    let before = shown(&original);
    let (mut all, mut decoded) = (0, 0);
    for mutated in mutations(message) {
        all += 1;
        let Some(other) = decode(&mutated) else { continue };
        decoded += 1;
        assert_eq!(other.message(), mutated, "{name}: what is signed is what was decoded");
        // Of the same length, the readings themselves must differ; otherwise places do, and what is shown must.
        let same = match mutated.len() == message.len() && request != "pack" {
            true => other.body() == original.body(),
            false => shown(&other) == before,
        };
        assert!(mutated == message || !same, "{name}: an invisible change");
        let kinds = oracle::operation_kinds(&other);
        let request = oracle::request_kind(&mutated);
        for (requests, operations, policy) in &policies {
            if allows(policy, &other) {
                assert!(!requests.contains(request), "{name}: {request}");
                assert!(kinds.iter().all(|kind| !operations.contains(kind)), "{name}: {kinds:?}");
            }
        }
        let Verdict::Deny(denial) = verdict(&Policy::default(), &other) else { panic!("{name}") };
        assert_eq!(denial.to_string(), format!("request kind `{request}' is not allowed"), "{name}");
    }
    (all, decoded)
}

fn check_all(forger: &str) {
    let (mut all, mut decoded) = (0, 0);
    for vector in vectors::of(forger) {
        let (mutated, fine) = check(&vector.name, &vector.message);
        all += mutated;
        decoded += fine;
    }
    // Most changes are of hashes and amounts, which stay hashes and amounts; a test that decodes nothing tests nothing.
    assert!(decoded * 20 > all, "{decoded} of {all} decode");
}

#[test]
fn no_change_of_what_taquito_forged_makes_a_permission_of_a_refusal() {
    check_all("taquito");
}

#[test]
fn no_change_of_what_pytezos_forged_makes_a_permission_of_a_refusal() {
    check_all("pytezos");
}

#[test]
fn no_change_of_a_consensus_message_makes_a_permission_of_a_refusal() {
    for (name, message) in [
        ("block", block(120, 1, 0)),
        ("preattestation", consensus(0x12, 20, 120, 1)),
        ("preattestation of tz4", consensus(0x12, 40, 120, 1)),
        ("attestation", consensus(0x13, 21, 120, 1)),
        ("attestation of tz4", consensus(0x13, 41, 120, 1)),
        ("attestation with DAL", consensus(0x13, 23, 120, 1)),
        ("pack", tag(0x05).raw(&[7, 7]).raw(&UNIT).raw(&[0, 0x2a]).0),
    ] {
        check(name, &message);
    }
}

/// A refused operation in a batch is not hidden by what stands around it.
#[test]
fn no_change_of_a_batch_hides_an_operation_from_the_policy() {
    let noop = tag(17).framed(&[0x32; 20]);
    let delegation = tag(110).manager().u8(0xff).account(1, 2);
    let transfer = jwtis_testkit::forge::transaction(5, 3, None);
    let batch = noop.raw(&transfer.0).raw(&delegation.0).raw(&transfer.0).generic();
    let (all, decoded) = check("batch", &batch);
    assert!(decoded > 0 && decoded < all);
}
