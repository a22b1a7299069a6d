//! Request bodies: bytes become JSON, and JSON becomes typed members, once.
//!
//! The Go program took any content type and ignored members that it did not know. So do we, with two exceptions: a body that is
//! declared as something else than JSON is refused, and so is an unknown member that looks like a known one mistyped. `auth_tll` would
//! otherwise give tokens a longer life than was asked for, in silence.

use std::str::FromStr;
use std::sync::Arc;

use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, header};
use jwtis_base::{ClientId, Ttl, TtlError};
use jwtis_jose::json;
use serde_json::{Map, Value};

use super::Api;
use super::problem::{Code, Problem};
use crate::http::body::{self, Arrived, BodyFault};
use crate::http::budget::Charge;
use crate::http::openapi::schema::Member;

/// Deepest body: claims may be 16 deep, one level below the top, and what is deeper gets the error of claims, up to here.
const MAX_BODY_DEPTH: usize = 24;

const SAY_JSON: &str = "the body is read as JSON: send Content-Type: application/json";

/// The members of a request's JSON object. Each is taken out by its name and type.
pub(super) struct Members {
    members: Map<String, Value>,
    /// What the request holds of the memory for bodies, until it has been worked on.
    _charge: Option<Charge>,
}

impl FromRequest<Arc<Api>> for Members {
    type Rejection = Problem;

    async fn from_request(request: Request, api: &Arc<Api>) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        check_content_type(&parts.headers)?;
        let Arrived { bytes, charge } =
            body::read(&parts, body, &api.limits, api.limits.max_body_bytes).await?;
        if bytes.is_empty() {
            return Err(Problem::new(Code::EmptyBody));
        }
        let limits = json::Limits { max_depth: MAX_BODY_DEPTH, max_safe_numbers: false };
        match json::parse_with(&bytes, limits)? {
            Value::Object(members) => Ok(Self { members, _charge: Some(charge) }),
            _ => Err(Problem::with_detail(Code::MalformedBody, "the body is JSON, but not an object")),
        }
    }
}

/// No type, `application/json`, another `+json` type (RFC 6839 §3.1), or what `curl -d` says of any body: the Go program took JSON under
/// every name, and its users' scripts send that one. A form in truth is no JSON and falls later. A web page elsewhere gains nothing by
/// it, since browsers add no credentials of ours.
fn check_content_type(headers: &HeaderMap) -> Result<(), Problem> {
    // RFC 9110 §8.4: nothing is unpacked here.
    let coding = headers
        .get(header::CONTENT_ENCODING)
        .map_or("identity", |coding| coding.to_str().unwrap_or_default());
    if !coding.eq_ignore_ascii_case("identity") {
        return Err(Problem::with_detail(
            Code::UnsupportedMediaType,
            "send the body without a Content-Encoding",
        ));
    }
    let Some(value) = headers.get(header::CONTENT_TYPE) else {
        return Ok(());
    };
    let essence = value.to_str().unwrap_or_default().split(';').next().unwrap_or_default();
    let essence = essence.trim().to_ascii_lowercase();
    let json = matches!(essence.as_str(), "application/json" | "application/x-www-form-urlencoded")
        || (essence.contains('/') && essence.ends_with("+json"));
    if json { Ok(()) } else { Err(Problem::with_detail(Code::UnsupportedMediaType, SAY_JSON)) }
}

impl From<BodyFault> for Problem {
    fn from(fault: BodyFault) -> Self {
        match fault {
            BodyFault::TooLarge => Self::new(Code::BodyTooLarge),
            BodyFault::Slow => Self::new(Code::BodyTimeout),
            BodyFault::Broken => Self::with_detail(Code::MalformedBody, "the body broke off"),
            BodyFault::NoRoom => Self::new(Code::Overloaded),
        }
    }
}

impl Members {
    /// Refuses members that are unknown and look like a known one that is missing.
    pub(super) fn check_names(&self, known: &[Member]) -> Result<(), Problem> {
        let known: Vec<&str> = known.iter().map(|Member(name, ..)| *name).collect();
        for name in self.members.keys().filter(|name| !known.contains(&name.as_str())) {
            let meant =
                known.iter().find(|known| !self.members.contains_key(**known) && looks_like(name, known));
            if let Some(meant) = meant {
                let name: String = name.chars().take(64).collect();
                return Err(Problem::with_detail(
                    Code::UnknownMember,
                    format!("{name}: did you mean {meant}?"),
                ));
            }
        }
        Ok(())
    }

    /// The required member `kid`.
    pub(super) fn kid(&mut self) -> Result<ClientId, Problem> {
        self.required_text("kid")?.parse().map_err(|_| Problem::new(Code::InvalidKid))
    }

    /// A text that must be there and not be empty.
    pub(super) fn required_text(&mut self, name: &'static str) -> Result<String, Problem> {
        self.text(name)?.ok_or_else(|| missing(name))
    }

    /// A text; null and the empty text count as left out.
    pub(super) fn text(&mut self, name: &'static str) -> Result<Option<String>, Problem> {
        match self.members.remove(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if text.is_empty() => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(invalid(name, "must be a string")),
        }
    }

    /// One text under any of several names.
    pub(super) fn text_any(&mut self, names: &[&'static str]) -> Result<Option<String>, Problem> {
        self.any(names, Self::text)
    }

    /// A text with a meaning; left out as for [`Self::text`].
    pub(super) fn parsed<T>(&mut self, name: &'static str) -> Result<Option<T>, Problem>
    where
        T: FromStr<Err: std::fmt::Display>,
    {
        let text = self.text(name)?;
        text.map(|text| text.parse().map_err(|error| invalid(name, error))).transpose()
    }

    /// A number of bits; null and 0 count as left out.
    pub(super) fn bits(&mut self, name: &'static str) -> Result<Option<u32>, Problem> {
        match self.members.remove(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Number(number)) => match number.as_u64().map(u32::try_from) {
                Some(Ok(0)) => Ok(None),
                Some(Ok(bits)) => Ok(Some(bits)),
                _ => Err(invalid(name, "must be a whole number of bits, like 256 or 2048")),
            },
            Some(_) => Err(invalid(name, "must be a number")),
        }
    }

    /// A duration: integer nanoseconds or a Go duration string. Zero and the empty text count as left out.
    pub(super) fn ttl(&mut self, name: &'static str) -> Result<Option<Ttl>, Problem> {
        let read = match self.members.remove(name) {
            None => return Ok(None),
            Some(Value::String(text)) if text.is_empty() => return Ok(None),
            Some(Value::String(text)) => text.parse(),
            Some(Value::Number(number)) => match (number.as_u64(), number.as_f64()) {
                (Some(nanos), _) => Ttl::from_nanos(nanos),
                (None, Some(number)) if number < 0.0 => Err(TtlError::Negative),
                _ => return Err(invalid(name, "a number counts nanoseconds, and must be a whole one")),
            },
            Some(_) => {
                return Err(invalid(name, "must be a duration string like \"72h\", or integer nanoseconds"));
            }
        };
        match read {
            Ok(ttl) => Ok(Some(ttl)),
            Err(TtlError::Zero) => Ok(None),
            Err(error) => Err(invalid(name, error)),
        }
    }

    /// One duration under any of several names.
    pub(super) fn ttl_any(&mut self, names: &[&'static str]) -> Result<Option<Ttl>, Problem> {
        self.any(names, Self::ttl)
    }

    /// A yes or no; left out means no.
    pub(super) fn flag(&mut self, name: &'static str) -> Result<bool, Problem> {
        match self.members.remove(name) {
            None | Some(Value::Null) => Ok(false),
            Some(Value::Bool(flag)) => Ok(flag),
            Some(_) => Err(invalid(name, "must be true or false")),
        }
    }

    /// One text or a list of texts. An empty list is a value: none.
    pub(super) fn texts(&mut self, name: &'static str) -> Result<Option<Vec<String>>, Problem> {
        match self.members.remove(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if text.is_empty() => Ok(None),
            Some(Value::String(text)) => Ok(Some(vec![text])),
            Some(Value::Array(items)) => {
                let texts = items.into_iter().map(|item| match item {
                    Value::String(text) => Ok(text),
                    _ => Err(invalid(name, "must be a string or an array of strings")),
                });
                texts.collect::<Result<_, _>>().map(Some)
            }
            Some(_) => Err(invalid(name, "must be a string or an array of strings")),
        }
    }

    /// The member as it is.
    pub(super) fn value(&mut self, name: &'static str) -> Option<Value> {
        self.members.remove(name)
    }

    fn any<T: PartialEq>(
        &mut self,
        names: &[&'static str],
        mut take: impl FnMut(&mut Self, &'static str) -> Result<Option<T>, Problem>,
    ) -> Result<Option<T>, Problem> {
        let mut found: Option<T> = None;
        for name in names {
            let Some(value) = take(self, name)? else { continue };
            if found.as_ref().is_some_and(|found| *found != value) {
                let detail =
                    format!("{} are names of the same thing and have different values", names.join(", "));
                return Err(Problem::with_detail(Code::ConflictingMembers, detail));
            }
            found = Some(value);
        }
        Ok(found)
    }
}

/// The member is not there.
pub(super) fn missing(name: &str) -> Problem {
    Problem::with_detail(Code::MissingMember, name.to_owned())
}

/// The member is there and cannot be.
pub(super) fn invalid(name: &str, why: impl std::fmt::Display) -> Problem {
    Problem::with_detail(Code::InvalidMember, format!("{name}: {why}"))
}

/// The same but for case and separators, or up to two edits apart; for short names one or none, since many short words are two edits
/// apart.
fn looks_like(name: &str, known: &str) -> bool {
    let (name, known) = (plain(name), plain(known));
    let allowed = (known.len() / 3).min(2);
    name.len().abs_diff(known.len()) <= allowed && strsim::osa_distance(&name, &known) <= allowed
}

fn plain(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, '_' | '-')).map(|c| c.to_ascii_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::openapi::schema::Kind;

    fn members(json: &str) -> Members {
        let Ok(Value::Object(members)) = serde_json::from_str(json) else { panic!("{json}") };
        Members { members, _charge: None }
    }

    fn code<T>(result: Result<T, Problem>) -> Option<&'static str> {
        result.err().map(|problem| problem.code().name())
    }

    #[test]
    fn a_likely_typo_is_refused_and_a_stranger_ignored() {
        let known = ["kid", "auth_ttl", "refresh_ttl", "sig_alg"].map(|name| Member(name, Kind::Text, ""));
        for typo in ["auth_tll", "auth_tt", "authTTL", "refreshttl", "sigAlg", "kidd", "sig-alg"] {
            let body = format!(r#"{{"{typo}":1}}"#);
            assert_eq!(code(members(&body).check_names(&known)), Some("unknown_member"), "{typo}");
        }
        for stranger in ["comment", "key", "client_name"] {
            assert_eq!(
                code(members(&format!(r#"{{"{stranger}":1}}"#)).check_names(&known)),
                None,
                "{stranger}"
            );
        }
        // Where the known one is there too, the other is not a typo of it.
        assert_eq!(code(members(r#"{"auth_ttl":1,"auth_tll":1}"#).check_names(&known)), None);
    }

    #[test]
    fn durations_zero_and_empty_count_as_left_out() {
        for left_out in [r#""""#, "0", r#""0""#, r#""0s""#] {
            assert_eq!(members(&format!(r#"{{"t":{left_out}}}"#)).ttl("t").ok(), Some(None), "{left_out}");
        }
        assert_eq!(members(r#"{"t":1000000000}"#).ttl("t").ok(), Some(Some(Ttl::from_seconds(1))));
        for wrong in ["null", "true", "[]", "{}", "-1", "1.5", "1", r#""1""#, r#""-1h""#, "1e30"] {
            let body = format!(r#"{{"t":{wrong}}}"#);
            assert_eq!(code(members(&body).ttl("t")), Some("invalid_member"), "{wrong}");
        }
    }

    #[test]
    fn two_spellings_may_agree_but_not_differ() {
        let names = ["a", "b"];
        assert_eq!(members(r#"{"a":"1h","b":"60m"}"#).ttl_any(&names).ok(), Some(Some(Ttl::from_hours(1))));
        assert_eq!(code(members(r#"{"a":"1h","b":"2h"}"#).ttl_any(&names)), Some("conflicting_members"));
        assert_eq!(members("{}").ttl_any(&names).ok(), Some(None));
    }
}
