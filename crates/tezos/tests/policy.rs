//! The policy rule: permissions, refusals, narrowing by tokens, and limits.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

#[path = "policy/callers.rs"]
mod callers;
#[path = "policy/denials.rs"]
mod denials;
#[path = "policy/effects.rs"]
mod effects;
#[path = "policy/limits.rs"]
mod limits;
#[path = "policy/possession.rs"]
mod possession;
#[path = "policy/words.rs"]
mod words;

use jwtis_tezos::policy::{AllowWords, Circumstances, Usage};
use jwtis_tezos::{Caller, Curve, Policy, PublicKeyHash, SignRequest, SigningVersion, Verdict};

/// A key hash of `byte`s.
pub(crate) fn key(byte: u8) -> PublicKeyHash {
    PublicKeyHash::new(Curve::Ed25519, [byte; 20])
}

/// `Ok`, or the text of the refusal.
pub(crate) fn ask_as(policy: &Policy, caller: &Caller, message: &[u8]) -> Result<(), String> {
    let request = SignRequest::decode(message, SigningVersion::LATEST).unwrap();
    let usage = Usage::default();
    let at = Circumstances { key: &key(0xaa), caller, usage: &usage, now_ms: 1_000_000 };
    match policy.evaluate(&request, &at) {
        Verdict::Allow(_) | Verdict::Observe { .. } => Ok(()),
        Verdict::Deny(denial) => Err(denial.to_string()),
    }
}

pub(crate) fn ask(policy: &Policy, message: &[u8]) -> Result<(), String> {
    ask_as(policy, &Caller::Anonymous, message)
}

/// A policy with this `allow`, as the configuration would have it.
pub(crate) fn allowing(allow: &[(&str, Option<&[&str]>)]) -> Policy {
    let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<String>>();
    let allow = allow.iter().map(|(kind, names)| ((*kind).to_owned(), names.map(list))).collect();
    let words = AllowWords { allow: Some(allow), ..AllowWords::default() };
    Policy { allow: words.resolve().unwrap().0, ..Policy::default() }
}

/// A policy for generic requests with these operations.
pub(crate) fn generic(operations: &[&str]) -> Policy {
    allowing(&[("generic", Some(operations))])
}
