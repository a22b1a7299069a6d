//! The JOSE header, RFC 7515 §4 and RFC 7516 §4.
//!
//! A stranger wrote the header. It may name a key and a type; it never chooses the key or the algorithm. Members that bring a key along
//! (`jwk`, `jku`, `x5c`, `x5t`, `x5u`) are ignored. Refused are members that occur twice or have the wrong type, every `crit` (this crate
//! implements no extension), `b64` (RFC 7797), which would change what the signature covers, and `zip` (RFC 7516 §4.1.3).

use std::collections::HashSet;

use serde_json::{Map, Value};

use crate::json::{self, JsonError};

/// 16 KiB: room for a certificate chain, which some issuers send and this crate ignores.
pub const MAX_HEADER_BYTES: usize = 16 << 10;

/// Object → `jwk` → `x5c` → string is 3; the rest is slack for members that are ignored.
const MAX_HEADER_DEPTH: usize = 8;

/// The members that a caller adds to a protected header. `alg`, `enc` and `kid` come from the key.
#[derive(Default, Copy, Clone, PartialEq, Eq, Debug)]
pub struct ProtectedHeader<'a> {
    /// The type of the whole token (RFC 7515 §4.1.9), such as `JWT` or `at+jwt`.
    pub typ: Option<&'a str>,
    /// The type of the payload (RFC 7515 §4.1.10): `JWT` when a token is inside (RFC 7519 §5.2).
    pub cty: Option<&'a str>,
}

impl ProtectedHeader<'static> {
    /// `typ: JWT`, nothing else.
    pub const JWT: Self = Self { typ: Some("JWT"), cty: None };
    /// `typ: JWT, cty: JWT`: an encrypted token with a signed one inside (RFC 7519 §5.2).
    pub const NESTED_JWT: Self = Self { typ: Some("JWT"), cty: Some("JWT") };
}

/// A header as received: parsed, understood, and not to be trusted until its token is verified or decrypted.
#[derive(Clone, PartialEq, Debug)]
pub struct Header {
    alg: String,
    enc: Option<String>,
    kid: Option<String>,
    typ: Option<String>,
    cty: Option<String>,
    apu: Option<String>,
    apv: Option<String>,
    epk: Option<Map<String, Value>>,
}

impl Header {
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, HeaderError> {
        if bytes.len() > MAX_HEADER_BYTES {
            return Err(HeaderError::TooLong(MAX_HEADER_BYTES));
        }
        let Value::Object(mut members) = json::parse(bytes, MAX_HEADER_DEPTH)? else {
            return Err(HeaderError::NotAnObject);
        };
        refuse_extensions(&members)?;

        Ok(Self {
            alg: text(&mut members, "alg")?.ok_or(HeaderError::MissingAlg)?,
            enc: text(&mut members, "enc")?,
            kid: text(&mut members, "kid")?,
            typ: text(&mut members, "typ")?,
            cty: text(&mut members, "cty")?,
            apu: text(&mut members, "apu")?,
            apv: text(&mut members, "apv")?,
            epk: match members.shift_remove("epk") {
                None => None,
                Some(Value::Object(epk)) => Some(epk),
                Some(_) => return Err(HeaderError::WrongType("epk", "an object")),
            },
        })
    }

    /// The algorithm that the token claims (RFC 7515 §4.1.1). Good for a message, never for a choice.
    pub fn alg(&self) -> &str {
        &self.alg
    }

    /// The content encryption that the token claims (RFC 7516 §4.1.2).
    pub fn enc(&self) -> Option<&str> {
        self.enc.as_deref()
    }

    /// Which key the token says it needs (RFC 7515 §4.1.4): a hint to select one of your own by.
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The type of the token (RFC 7515 §4.1.9); compare it with [`is_type`].
    pub fn typ(&self) -> Option<&str> {
        self.typ.as_deref()
    }

    /// The type of the payload (RFC 7515 §4.1.10); compare it with [`is_type`].
    pub fn cty(&self) -> Option<&str> {
        self.cty.as_deref()
    }

    /// The ephemeral public key (RFC 7518 §4.6.1.1), not yet checked.
    pub(crate) fn epk(&self) -> Option<&Map<String, Value>> {
        self.epk.as_ref()
    }

    /// The producer's information (RFC 7518 §4.6.1.2), base64url.
    pub(crate) fn apu(&self) -> Option<&str> {
        self.apu.as_deref()
    }

    /// The recipient's information (RFC 7518 §4.6.1.3), base64url.
    pub(crate) fn apv(&self) -> Option<&str> {
        self.apv.as_deref()
    }
}

/// Whether a `typ` or `cty` value means `expected`: case does not count, and a value without a slash has
/// `application/` before it (RFC 7515 §4.1.9, RFC 2045 §5.1).
///
/// ```
/// use jwtis_jose::is_type;
///
/// assert!(is_type(Some("application/at+JWT"), "at+jwt"));
/// assert!(!is_type(Some("example/at+jwt"), "at+jwt"));
/// assert!(!is_type(None, "at+jwt"));
/// ```
#[must_use]
pub fn is_type(value: Option<&str>, expected: &str) -> bool {
    value.is_some_and(|value| without_application(value).eq_ignore_ascii_case(without_application(expected)))
}

fn without_application(media_type: &str) -> &str {
    const PREFIX: &str = "application/";
    match (media_type.get(..PREFIX.len()), media_type.get(PREFIX.len()..)) {
        (Some(prefix), Some(rest)) if prefix.eq_ignore_ascii_case(PREFIX) && !rest.contains('/') => rest,
        _ => media_type,
    }
}

/// RFC 7515 §4.1.11, RFC 7516 §4.1.3 and RFC 7797 §6.
fn refuse_extensions(members: &Map<String, Value>) -> Result<(), HeaderError> {
    if members.contains_key("zip") {
        return Err(HeaderError::Compressed);
    }
    if members.contains_key("b64") {
        return Err(HeaderError::UnencodedPayload);
    }
    let names = match members.get("crit") {
        None => return Ok(()),
        Some(Value::Array(names)) => names,
        Some(_) => return Err(HeaderError::WrongType("crit", "an array of strings")),
    };
    let mut seen = HashSet::with_capacity(names.len());
    for name in names {
        let Value::String(name) = name else {
            return Err(HeaderError::WrongType("crit", "an array of strings"));
        };
        if !seen.insert(name) {
            return Err(HeaderError::DuplicateCrit(shortened(name)));
        }
    }
    match names.first().and_then(Value::as_str) {
        None => Err(HeaderError::EmptyCrit),
        Some(name) => Err(HeaderError::UnknownCrit(shortened(name))),
    }
}

fn text(members: &mut Map<String, Value>, member: &'static str) -> Result<Option<String>, HeaderError> {
    match members.get_mut(member).map(Value::take) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(HeaderError::WrongType(member, "a string")),
    }
}

fn shortened(name: &str) -> String {
    name.chars().take(100).collect()
}

/// Why a header is refused.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HeaderError {
    /// More than [`MAX_HEADER_BYTES`].
    #[error("a header longer than {0} bytes is not read")]
    TooLong(usize),
    /// Not JSON, or JSON that readers disagree about.
    #[error("the header is not strict JSON")]
    Json(#[from] JsonError),
    /// RFC 7515 §4: a header is an object.
    #[error("the header is JSON, but not an object")]
    NotAnObject,
    /// RFC 7515 §4.1.1.
    #[error("the header has no \"alg\"")]
    MissingAlg,
    /// RFC 7516 §4.1.2.
    #[error("the header has no \"enc\"")]
    MissingEnc,
    /// A member that has another type in its RFC.
    #[error("{0:?} in the header must be {1}")]
    WrongType(&'static str, &'static str),
    /// RFC 7515 §4.1.11: the list must not be empty.
    #[error("\"crit\" is empty: leave it out instead")]
    EmptyCrit,
    /// RFC 7515 §4.1.11: names must not occur twice.
    #[error("\"crit\" lists {0:?} twice")]
    DuplicateCrit(String),
    /// RFC 7515 §4.1.11: what is critical must be understood, and no extension is.
    #[error("\"crit\" demands the extension {0:?}, which is not implemented")]
    UnknownCrit(String),
    /// RFC 8725 §3.6: compression leaks what was encrypted, and a small token can become a large text.
    #[error("compressed tokens (\"zip\") are not accepted")]
    Compressed,
    /// RFC 7797.
    #[error("\"b64\" (unencoded payload, RFC 7797) is not implemented")]
    UnencodedPayload,
}

/// Writes `{"alg":…,"kid":…`: the part of a header that a key decides, to be closed by [`finish`].
pub(crate) fn start(alg: &str, kid: Option<&str>) -> String {
    let mut json = String::with_capacity(96);
    json.push_str("{\"alg\":");
    push_json_string(&mut json, alg);
    if let Some(kid) = kid {
        push_member(&mut json, "kid", kid);
    }
    json
}

/// `start` with the caller's members and the closing brace.
pub(crate) fn complete(start: &str, header: &ProtectedHeader<'_>) -> String {
    // `,"typ":""`, `,"cty":""` and the brace are 19 bytes.
    let members = header.typ.map_or(0, str::len).saturating_add(header.cty.map_or(0, str::len));
    let mut json = String::with_capacity(start.len().saturating_add(members).saturating_add(19));
    json.push_str(start);
    finish(&mut json, header);
    json
}

/// Adds the caller's members and the closing brace.
pub(crate) fn finish(json: &mut String, header: &ProtectedHeader<'_>) {
    if let Some(typ) = header.typ {
        push_member(json, "typ", typ);
    }
    if let Some(cty) = header.cty {
        push_member(json, "cty", cty);
    }
    json.push('}');
}

pub(crate) fn push_member(json: &mut String, name: &str, value: &str) {
    json.push_str(",\"");
    json.push_str(name);
    json.push_str("\":");
    push_json_string(json, value);
}

/// RFC 8259 §7: quotation mark, reverse solidus and control characters are escaped.
pub(crate) fn push_json_string(json: &mut String, text: &str) {
    json.push('"');
    if text.bytes().all(|byte| byte >= b' ' && byte != b'"' && byte != b'\\') {
        json.push_str(text);
    } else {
        for character in text.chars() {
            match character {
                '"' | '\\' => json.extend(['\\', character]),
                '\0'..='\u{1f}' => json.push_str(&format!("\\u{:04x}", u32::from(character))),
                _ => json.push(character),
            }
        }
    }
    json.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(json: &str) -> HeaderError {
        Header::parse(json.as_bytes()).unwrap_err()
    }

    #[test]
    fn every_crit_is_refused_by_its_own_name() {
        assert_eq!(refusal(r#"{"alg":"ES256","crit":[]}"#), HeaderError::EmptyCrit);
        assert_eq!(
            refusal(r#"{"alg":"ES256","crit":["exp","exp"],"exp":1}"#),
            HeaderError::DuplicateCrit("exp".into())
        );
        assert_eq!(
            refusal(r#"{"alg":"ES256","crit":["exp"],"exp":1}"#),
            HeaderError::UnknownCrit("exp".into())
        );
        for crit in ["null", "\"exp\"", "[1]", "{}"] {
            let error = refusal(&format!(r#"{{"alg":"ES256","crit":{crit}}}"#));
            assert!(matches!(error, HeaderError::WrongType("crit", _)), "{crit}: {error}");
        }
    }

    #[test]
    fn refuses_unencoded_payloads() {
        assert_eq!(refusal(r#"{"alg":"ES256","b64":false,"crit":["b64"]}"#), HeaderError::UnencodedPayload);
        assert_eq!(refusal(r#"{"alg":"ES256","b64":true}"#), HeaderError::UnencodedPayload);
    }

    #[test]
    fn refuses_zip_whatever_it_holds() {
        for zip in ["\"DEF\"", "\"none\"", "\"\"", "null", "1", "[\"DEF\"]"] {
            assert_eq!(
                refusal(&format!(r#"{{"alg":"HS256","zip":{zip}}}"#)),
                HeaderError::Compressed,
                "{zip}"
            );
        }
    }

    #[test]
    fn refuses_members_of_the_wrong_type() {
        assert_eq!(refusal("[]"), HeaderError::NotAnObject);
        assert_eq!(refusal("{}"), HeaderError::MissingAlg);
        for member in ["alg", "enc", "kid", "typ", "cty", "apu", "apv", "epk"] {
            let json = format!(r#"{{"{member}":1,"alg{}":"ES256"}}"#, if member == "alg" { "_" } else { "" });
            assert!(matches!(refusal(&json), HeaderError::WrongType(found, _) if found == member), "{json}");
        }
    }

    #[test]
    fn refuses_duplicates_and_long_headers() {
        let duplicate = JsonError::DuplicateName("alg".into());
        assert_eq!(refusal(r#"{"alg":"ES256","alg":"none"}"#), HeaderError::Json(duplicate));
        let long = format!(r#"{{"alg":"ES256","x":"{}"}}"#, "x".repeat(MAX_HEADER_BYTES));
        assert_eq!(refusal(&long), HeaderError::TooLong(MAX_HEADER_BYTES));
    }

    #[test]
    fn keys_that_come_with_the_token_are_ignored() {
        let plain = Header::parse(br#"{"alg":"ES256"}"#).unwrap();
        let loaded =
            br#"{"alg":"ES256","jwk":{"kty":"oct","k":"AA"},"jku":7,"x5u":"","x5c":["a"],"x5t":null}"#;
        assert_eq!(Header::parse(loaded).unwrap(), plain);
    }

    #[test]
    fn written_headers_are_read_back() {
        let mut json = start("ES256", Some("a\"b\\c\n\u{1}ü"));
        finish(&mut json, &ProtectedHeader { typ: Some("at+jwt"), cty: Some("\t") });
        let header = Header::parse(json.as_bytes()).unwrap();
        assert_eq!(header.alg(), "ES256");
        assert_eq!(header.kid(), Some("a\"b\\c\n\u{1}ü"));
        assert_eq!((header.typ(), header.cty()), (Some("at+jwt"), Some("\t")));
    }
}
