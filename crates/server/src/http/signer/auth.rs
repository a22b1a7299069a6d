//! Who is asking: headers become a caller whose token is checked, or a plain 401. A signature of the request makes a client of
//! them.
//!
//! octez-client can send headers only whose names begin with `x-`, so each of ours has a second name. The first that is not empty
//! counts, and of a header that is repeated the first value.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::request::Parts;
use jwtis_signer::{ClientRefusal, Presented, TokenChecked};
use jwtis_tezos::Caller;

use super::error::Refusal;
use super::promised::{Refuses, Shape};
use super::request::Api;
use crate::http::observe;
use crate::http::source::Source;

/// Headers that carry a token.
const TOKEN: [&str; 2] = ["authorization", "x-signatory-token"];

/// Headers that name the user.
pub(super) const USER: [&str; 2] = ["username", "x-signatory-user"];

/// Stands for a value that is no UTF-8: no header can say it, so it is the name and the password of nobody.
const UNREADABLE: &str = "\0";

/// A caller whose token the guard in force lets pass.
pub(super) struct Checked(pub(super) TokenChecked);

impl Refuses for Checked {
    const ANSWERS: &'static [(u16, Shape)] = &[(401, Shape::Text), (503, Shape::Text)];
}

impl FromRequestParts<Arc<Api>> for Checked {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, Refusal> {
        let Ok(Source(source)) = Source::from_request_parts(parts, api).await;
        let presented =
            Presented { token: first(&parts.headers, TOKEN), username: first(&parts.headers, USER) };
        match api.signer.authenticate(presented).await {
            Ok(caller) => {
                name(caller.caller());
                Ok(Self(caller))
            }
            Err(refusal) => {
                api.signer.note_refusal(&refusal, source);
                Err(Refusal::from(refusal).counted(&api.metrics, "jwt", source))
            }
        }
    }
}

/// A client whose signature is on the request, where the guard in force asks for one.
pub(super) struct Client;

impl Refuses for Client {
    const ANSWERS: &'static [(u16, Shape)] = &[(400, Shape::Array), (401, Shape::Array), (403, Shape::Array)];
}

impl Client {
    /// Counts a caller whose signature is not good, and makes an answer of it.
    pub(super) fn refused(api: &Api, refusal: ClientRefusal, source: IpAddr) -> Refusal {
        Refusal::from(refusal).counted(&api.metrics, "authentication", source)
    }
}

/// Names the caller in the log lines of the request.
pub(super) fn name(caller: &Caller) {
    match caller {
        Caller::Anonymous => {}
        Caller::Client(key) => observe::authenticated(&key.to_string()),
        Caller::User(user) => observe::authenticated_user(&user.name),
    }
}

/// The first value that is not empty.
pub(super) fn first<'a>(headers: &'a HeaderMap, names: [&str; 2]) -> Option<&'a str> {
    let values = names.iter().filter_map(|name| headers.get(*name)).map(|value| value.as_bytes());
    let value = values.into_iter().find(|value| !value.is_empty())?;
    Some(std::str::from_utf8(value).unwrap_or(UNREADABLE))
}
