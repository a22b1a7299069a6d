//! Who is asking: headers become an [`Authenticated`] caller, or the plain 401 of §2.3.
//!
//! octez-client can send headers only whose names begin with `x-`, so each of ours has a second name. The first that is not empty
//! counts, and of a header that is repeated the first value, as in Go.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::request::Parts;
use jwtis_signer::{Authenticated, Presented};
use jwtis_tezos::Caller;

use super::Api;
use super::error::Refusal;
use crate::http::observe;
use crate::http::source::Source;

/// Headers that carry a token.
const TOKEN: [&str; 2] = ["authorization", "x-signatory-token"];

/// Headers that name the user.
pub(super) const USER: [&str; 2] = ["username", "x-signatory-user"];

/// Stands for what is no UTF-8: no header can say it, so it is the name and the password of nobody.
const UNREADABLE: &str = "\0";

/// A caller whom the guard in force lets pass.
pub(super) struct Known(pub(super) Authenticated);

impl FromRequestParts<Arc<Api>> for Known {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, Refusal> {
        let Ok(Source(source)) = Source::from_request_parts(parts, api).await;
        let presented =
            Presented { token: first(&parts.headers, TOKEN), username: first(&parts.headers, USER) };
        match api.signer.authenticate(presented).await {
            Ok(caller) => {
                name(&caller);
                Ok(Self(caller))
            }
            Err(refusal) => {
                api.signer.note_refusal(&refusal, source);
                let refusal = Refusal::from(refusal);
                refusal.count(api, "jwt", source);
                Err(refusal)
            }
        }
    }
}

/// Names the caller in the log lines of the request.
pub(super) fn name(caller: &Authenticated) {
    match caller.caller() {
        Caller::Anonymous => {}
        Caller::Client(key) => observe::authenticated(&key.to_string()),
        Caller::User(user) => observe::authenticated_user(&user.name),
    }
}

/// The first value that is not empty.
pub(super) fn first<'a>(headers: &'a HeaderMap, names: [&str; 2]) -> Option<&'a str> {
    names
        .iter()
        .filter_map(|name| headers.get(*name))
        .map(|value| value.as_bytes())
        .find(|value| !value.is_empty())
        .map(readable)
}

fn readable(value: &[u8]) -> &str {
    std::str::from_utf8(value).unwrap_or(UNREADABLE)
}
