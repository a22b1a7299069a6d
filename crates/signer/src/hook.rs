//! The policy hook: a service of the operator that is asked about each request, and whose answer may be signed.
//!
//! The transport is injected. What a reply means is a pure rule here.

mod reply;

use std::net::IpAddr;
use std::sync::Arc;

use base64_simd::STANDARD;
use jwtis_base::env::Env;
use jwtis_store::{BoxError, BoxFuture};
use jwtis_tezos::{Caller, PublicKey, PublicKeyHash};
use serde::Serialize;

use reply::NONCE_BYTES;

pub use reply::{HookError, HookReply};

use super::text::in_one_line;

/// Carries a question to the hook and its reply back: no redirects, and a time limit.
pub trait PolicyHook: Send + Sync + 'static {
    /// Posts `body`, which is JSON, and returns whatever status and body come back.
    ///
    /// # Errors
    /// When there is no reply: refused, timed out, too long, not HTTP. Its text may reach the client.
    fn ask(&self, body: Vec<u8>) -> BoxFuture<'_, Result<HookReply, BoxError>>;
}

/// The hook of the configuration.
#[derive(Clone)]
pub struct Hook {
    /// How it is reached.
    pub transport: Arc<dyn PolicyHook>,
    /// Keys that its replies must be signed by; `None` takes unsigned ones.
    pub authorized_keys: Option<Vec<PublicKey>>,
}

/// What the hook is asked.
pub(super) struct Question<'a> {
    pub(super) message: Option<&'a [u8]>,
    pub(super) source: IpAddr,
    pub(super) caller: &'a Caller,
    pub(super) key: &'a PublicKeyHash,
}

impl Hook {
    /// Asks the hook.
    ///
    /// # Errors
    /// [`HookError`], unless the hook says yes in a way that can be trusted.
    pub(super) async fn consult(&self, question: Question<'_>, env: &Env) -> Result<(), HookError> {
        let nonce: [u8; NONCE_BYTES] = env.random().map_err(|error| HookError::new(500, error))?;
        let body = question.body(&nonce).map_err(|error| HookError::new(500, error))?;
        let reply =
            self.transport.ask(body).await.map_err(|error| HookError::new(500, in_one_line(&*error)))?;
        reply::judge(&reply, self.authorized_keys.as_deref(), &nonce)
    }
}

impl Question<'_> {
    fn body(&self, nonce: &[u8; NONCE_BYTES]) -> Result<Vec<u8>, serde_json::Error> {
        let (client, user) = match self.caller {
            Caller::Anonymous => (None, None),
            Caller::Client(key) => (Some(key.to_string()), None),
            Caller::User(user) => (None, Some(user.name.as_str())),
        };
        serde_json::to_vec(&QuestionBody {
            request: self.message.map(|message| STANDARD.encode_to_string(message)),
            // As Go prints it: an IPv4 address that came through an IPv6 socket is an IPv4 address.
            source: self.source.to_canonical(),
            client_key_hash: client,
            public_key_hash: self.key.to_string(),
            nonce: STANDARD.encode_to_string(nonce),
            jwt_user: user,
        })
    }
}

/// The question as JSON. `jwt_user` is ours; it is there only when a token was.
#[derive(Serialize)]
struct QuestionBody<'a> {
    request: Option<String>,
    source: IpAddr,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_key_hash: Option<String>,
    public_key_hash: String,
    nonce: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    jwt_user: Option<&'a str>,
}

#[cfg(test)]
mod tests {
    use jwtis_tezos::policy::User;

    use super::*;

    const KEY: &str = "tz1LggX2HUdvJ1tF4Fvv8fjsrzLeW4Jr9t2Q";

    fn body(message: Option<&[u8]>, source: &str, caller: &Caller) -> String {
        let key = KEY.parse().unwrap();
        let question = Question { message, source: source.parse().unwrap(), caller, key: &key };
        String::from_utf8(question.body(&[0xff; NONCE_BYTES]).unwrap()).unwrap()
    }

    #[test]
    fn the_question_is_that_of_signatory() {
        let nonce = "//////////////////////////////////////////8=";
        for (name, got, wanted) in [
            (
                "anonymous",
                body(Some(&[3, 0xfb]), "192.0.2.7", &Caller::Anonymous),
                format!(
                    r#"{{"request":"A/s=","source":"192.0.2.7","public_key_hash":"{KEY}","nonce":"{nonce}"}}"#
                ),
            ),
            (
                "a_client_with_a_key",
                body(Some(&[3]), "::ffff:192.0.2.7", &Caller::Client(KEY.parse().unwrap())),
                format!(
                    r#"{{"request":"Aw==","source":"192.0.2.7","client_key_hash":"{KEY}","public_key_hash":"{KEY}","nonce":"{nonce}"}}"#
                ),
            ),
            (
                "a_proof_for_a_user",
                body(None, "2001:db8::1", &Caller::User(User::named("u\"1"))),
                format!(
                    r#"{{"request":null,"source":"2001:db8::1","public_key_hash":"{KEY}","nonce":"{nonce}","jwt_user":"u\"1"}}"#
                ),
            ),
        ] {
            assert_eq!(got, wanted, "{name}");
        }
    }
}
