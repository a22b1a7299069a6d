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

use super::error::SignerRefusal;
use super::promised::{AnswerShape, SignerRefuses};
use super::request::SignerApi;
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

impl SignerRefuses for Checked {
    const ANSWERS: &'static [(u16, AnswerShape)] = &[(401, AnswerShape::Text), (503, AnswerShape::Text)];
}

impl FromRequestParts<Arc<SignerApi>> for Checked {
    type Rejection = SignerRefusal;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<SignerApi>) -> Result<Self, SignerRefusal> {
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
                Err(SignerRefusal::from(refusal).counted(&api.metrics, "jwt", source))
            }
        }
    }
}

/// A client whose signature is on the request, where the guard in force asks for one.
pub(super) struct Client;

impl SignerRefuses for Client {
    const ANSWERS: &'static [(u16, AnswerShape)] =
        &[(400, AnswerShape::Array), (401, AnswerShape::Array), (403, AnswerShape::Array)];
}

impl Client {
    /// Counts a caller whose signature is not good, and makes an answer of it.
    pub(super) fn refused(api: &SignerApi, refusal: ClientRefusal, source: IpAddr) -> SignerRefusal {
        SignerRefusal::from(refusal).counted(&api.metrics, "authentication", source)
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
