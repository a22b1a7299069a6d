//! Words of `allow` and of tokens that mean nothing where they stand: where they belong, or what they could have been.

use jwtis_tezos::policy::{AllowError, OperationPermission, Permissions};
use jwtis_tezos::{OperationKind, RequestKind};

use super::super::layer::nearest;

/// Words of clients and of older protocols that are nowhere near what they mean.
const OTHER_WORDS: [(&str, &str); 3] = [
    ("transfer", "transaction"),
    ("double_attestation_evidence", "double_consensus_operation_evidence"),
    ("double_preattestation_evidence", "double_consensus_operation_evidence"),
];

/// What is said of any other vote. None is suggested: the nearest word to `yes` is not `yay`.
const VOTES: &str = "a vote is `ballot:yay`, `ballot:nay` or `ballot:pass`";

/// What to write instead.
pub(super) fn hint(error: &AllowError) -> Option<String> {
    let (name, list, wants_request) = match error {
        AllowError::Request(name, list) => (name, *list, true),
        AllowError::Operation(name, list) => (name, *list, false),
    };
    if name.starts_with("ballot:") && !wants_request {
        return Some(VOTES.to_owned());
    }
    let meant = meant(name)?;
    let known = meant == name;
    let is_request = RequestKind::from_name(meant).is_some();
    let place = match (list, is_request) {
        _ if is_request == wants_request => return Some(format!("did you mean `{meant}`?")),
        ("allowed_operations", _) => "list it in `allowed_kinds`",
        ("allowed_kinds", _) => "list it in `allowed_operations`",
        (_, false) => "list it below `generic`",
        (_, true) => "write it beside `generic`, not below it",
    };
    let what = if is_request { "a request kind" } else { "an operation kind" };
    Some(match known {
        true => format!("`{meant}` is {what}: {place}"),
        false => format!("did you mean `{meant}`? That is {what}: {place}"),
    })
}

/// What to write instead of a permission that means nothing; `None` where `name` is one.
pub(crate) fn permission_hint(name: &str) -> Option<String> {
    if Permissions::from_names([name]).unknown().is_empty() {
        return None;
    }
    let bare = name.strip_prefix("generic:").unwrap_or(name);
    if bare.starts_with("ballot:") && OperationPermission::from_name(bare).is_none() {
        return Some(VOTES.to_owned());
    }
    Some(match meant(bare) {
        Some(meant) if RequestKind::from_name(meant).is_some() => format!("did you mean `{meant}`?"),
        Some(meant) => format!("did you mean `generic:{meant}`?"),
        None => "`jwtis policy list-kinds` prints the names; one of an operation has `generic:` in front"
            .to_owned(),
    })
}

/// The request or operation kind that `name` is, or is most like.
fn meant(name: &str) -> Option<&str> {
    if RequestKind::from_name(name).is_some() || OperationPermission::from_name(name).is_some() {
        return Some(name);
    }
    if let Some((_, other)) = OTHER_WORDS.into_iter().find(|(word, _)| *word == name) {
        return Some(other);
    }
    let operations = OperationKind::ALL.iter().filter(|kind| kind.is_listable()).map(|kind| kind.name());
    nearest(name, RequestKind::ALL.into_iter().map(RequestKind::name).chain(operations))
}
