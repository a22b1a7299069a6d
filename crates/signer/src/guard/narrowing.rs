//! `keys`, `roles` and `permissions` of a token narrow what its user may do. One that is not a list of texts is refused, since whoever
//! wrote it meant to narrow something.

use std::collections::BTreeSet;

use jwtis_jose::ClaimsSet;
use jwtis_tezos::policy::{Permissions, User};
use serde_json::Value;

use super::refusal::TokenRefusal;
use crate::login::TokenGuard;
use crate::text::shown;

/// The user of this name, as narrow as the claims of the verified token make him.
pub(super) fn narrowed(guard: &TokenGuard, claims: &ClaimsSet, name: &str) -> Result<User, TokenRefusal> {
    let permissions = texts(claims, "permissions")?.map(Permissions::from_names);
    for unknown in permissions.iter().flat_map(Permissions::unknown) {
        if guard.is_new_permission(unknown) {
            tracing::warn!(
                permission = shown(unknown),
                "a token has a permission that means nothing here, and permits nothing"
            );
        }
    }
    let set_of = |names: Vec<&str>| names.into_iter().map(str::to_owned).collect::<BTreeSet<_>>();
    Ok(User {
        name: name.to_owned(),
        keys: texts(claims, "keys")?.map(set_of),
        roles: texts(claims, "roles")?.map(set_of).unwrap_or_default(),
        permissions,
    })
}

/// The claim as a list of texts; `None` where it is absent.
fn texts<'a>(claims: &'a ClaimsSet, name: &str) -> Result<Option<Vec<&'a str>>, TokenRefusal> {
    match claims.get(name) {
        None => Ok(None),
        Some(Value::Array(members)) => {
            members.iter().map(Value::as_str).collect::<Option<_>>().map(Some).ok_or(TokenRefusal::Invalid)
        }
        Some(_) => Err(TokenRefusal::Invalid),
    }
}
