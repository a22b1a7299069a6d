//! What makes an answer right: a benchmark of refusals would be fast and mean nothing.

use crate::bench::connection::{Answer, find};
use crate::output::Fault;

/// What an answer must be.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    /// A success with this text in its body.
    Holds(&'static str),
    /// RFC 9110 §15.4.5.
    NotModified,
    /// A login that is turned away.
    Denied,
}

impl Expected {
    /// Of issue and renew.
    pub(crate) const TOKENS: Self = Self::Holds("\"access_token\":\"");
    /// Of verify, which also answers 200 where a token is not in force (RFC 7662 §2.2).
    pub(crate) const ACTIVE: Self = Self::Holds("\"active\":true");
    /// A key set.
    pub(crate) const KEYS: Self = Self::Holds("\"keys\":[{");
    /// Of a signer.
    pub(crate) const SIGNATURE: Self = Self::Holds("{\"signature\":\"");
    /// The beginning of a token's header, `{"`.
    pub(crate) const TOKEN: Self = Self::Holds("eyJ");

    /// Holds an answer against this.
    ///
    /// # Errors
    /// The answer is another one.
    pub(crate) fn of(self, answer: &Answer<'_>) -> Result<(), Fault> {
        let right = match self {
            Self::Holds(text) => {
                matches!(answer.status, 200..=299) && find(answer.body, text.as_bytes()).is_some()
            }
            Self::NotModified => answer.status == 304,
            Self::Denied => answer.status == 401,
        };
        if right {
            return Ok(());
        }
        let body = String::from_utf8_lossy(answer.body);
        Err(format!("not the answer that was expected ({self:?}): status {}, {body}", answer.status).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is(expected: Expected, status: u16, body: &str) -> bool {
        expected.of(&Answer { status, head: "", body: body.as_bytes() }).is_ok()
    }

    #[test]
    fn a_token_that_is_not_in_force_is_a_wrong_answer() {
        assert!(is(Expected::ACTIVE, 200, r#"{"active":true,"claims":{}}"#));
        assert!(!is(Expected::ACTIVE, 200, r#"{"active":false,"reason":"expired"}"#));
    }

    #[test]
    fn a_refusal_is_a_wrong_answer_whatever_it_says() {
        for status in [304, 400, 401, 409, 429, 500, 503] {
            assert!(!is(Expected::TOKENS, status, r#"{"access_token":"eyJ"}"#), "{status}");
        }
        assert!(is(Expected::TOKENS, 201, r#"{"access_token":"eyJ"}"#));
    }

    #[test]
    fn a_key_set_that_is_sent_again_is_a_wrong_answer_to_its_etag() {
        assert!(is(Expected::NotModified, 304, ""));
        assert!(!is(Expected::NotModified, 200, r#"{"keys":[{}]}"#));
    }
}
