//! The claims set, RFC 7519 §4: a JSON object in which no name occurs twice.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::{Map, Number, Value};

use crate::json::{self, JsonError, MAX_INTEGER};

/// The claims of a token, in the order in which they were written. Its `Debug` shows names only: values are about people.
#[derive(Clone, PartialEq, Default)]
pub struct ClaimsSet(Map<String, Value>);

impl ClaimsSet {
    /// Levels of objects and arrays, the claims set itself included.
    pub const MAX_DEPTH: usize = 16;

    /// No claims.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads a claims set from the payload of a token.
    ///
    /// # Errors
    /// [`ClaimsError::Json`] for duplicate names, numbers beyond 2^53 and deep nesting; [`ClaimsError::NotAnObject`].
    pub fn parse(json: &[u8]) -> Result<Self, ClaimsError> {
        Self::from_object(json::parse(json, Self::MAX_DEPTH)?)
    }

    /// Takes a value that was read elsewhere and applies the same rules, as far as they still show.
    ///
    /// # Errors
    /// As [`ClaimsSet::parse`].
    pub fn from_value(value: Value) -> Result<Self, ClaimsError> {
        json::check(&value, Self::MAX_DEPTH)?;
        Self::from_object(value)
    }

    /// Reads a claims set that stands inside another text, in one pass, with the same rules.
    ///
    /// # Errors
    /// The reader's own outside; inside, as [`ClaimsSet::parse`].
    pub fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Result<Self, ClaimsError>, D::Error> {
        let value = json::deserialize_strict(deserializer, Self::MAX_DEPTH)?;
        Ok(value.map_err(ClaimsError::from).and_then(Self::from_object))
    }

    fn from_object(value: Value) -> Result<Self, ClaimsError> {
        match value {
            Value::Object(claims) => Ok(Self(claims)),
            _ => Err(ClaimsError::NotAnObject),
        }
    }

    /// The value of a claim.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// Sets a claim; a new one goes to the end. The value is the program's own and is not checked.
    pub fn insert(&mut self, name: &str, value: impl Into<Value>) {
        self.0.insert(name.to_owned(), value.into());
    }

    /// Takes a claim out; the others keep their order.
    pub fn remove(&mut self, name: &str) -> Option<Value> {
        self.0.shift_remove(name)
    }

    /// Whether there is such a claim, `null` included.
    pub fn contains(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// How many claims there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Names and values in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// `iss`, RFC 7519 §4.1.1.
    ///
    /// # Errors
    /// [`ClaimsError::Type`] when it is not a string.
    pub fn issuer(&self) -> Result<Option<&str>, ClaimsError> {
        self.text("iss")
    }

    /// `sub`, RFC 7519 §4.1.2.
    ///
    /// # Errors
    /// [`ClaimsError::Type`] when it is not a string.
    pub fn subject(&self) -> Result<Option<&str>, ClaimsError> {
        self.text("sub")
    }

    /// `jti`, RFC 7519 §4.1.7.
    ///
    /// # Errors
    /// [`ClaimsError::Type`] when it is not a string.
    pub fn jwt_id(&self) -> Result<Option<&str>, ClaimsError> {
        self.text("jti")
    }

    /// `aud`, RFC 7519 §4.1.3: one string or several; none when the claim is absent.
    ///
    /// # Errors
    /// [`ClaimsError::Type`] when it is neither a string nor an array of strings.
    pub fn audience(&self) -> Result<Vec<&str>, ClaimsError> {
        let wrong = |value| ClaimsError::Type {
            name: "aud",
            expected: "a string or an array of strings",
            found: described(value),
        };
        match self.get("aud") {
            None => Ok(Vec::new()),
            Some(Value::String(one)) => Ok(vec![one]),
            Some(Value::Array(several)) => {
                several.iter().map(|one| one.as_str().ok_or_else(|| wrong(one))).collect()
            }
            Some(value) => Err(wrong(value)),
        }
    }

    /// `exp`, RFC 7519 §4.1.4, in whole seconds since 1970-01-01T00:00:00Z; a fraction is rounded down.
    ///
    /// # Errors
    /// [`ClaimsError::Type`] when it is not a number from 0 to 2^53.
    pub fn expiration_time(&self) -> Result<Option<u64>, ClaimsError> {
        self.numeric_date("exp", f64::floor)
    }

    /// `nbf`, RFC 7519 §4.1.5, in whole seconds since 1970-01-01T00:00:00Z; a fraction is rounded up.
    ///
    /// # Errors
    /// [`ClaimsError::Type`] when it is not a number from 0 to 2^53.
    pub fn not_before(&self) -> Result<Option<u64>, ClaimsError> {
        self.numeric_date("nbf", f64::ceil)
    }

    /// `iat`, RFC 7519 §4.1.6, in whole seconds since 1970-01-01T00:00:00Z; a fraction is rounded up.
    ///
    /// # Errors
    /// [`ClaimsError::Type`] when it is not a number from 0 to 2^53.
    pub fn issued_at(&self) -> Result<Option<u64>, ClaimsError> {
        self.numeric_date("iat", f64::ceil)
    }

    /// The claims as JSON text, the payload of a token.
    pub fn to_json(&self) -> Vec<u8> {
        // A map from strings to JSON values always has a text; were it otherwise, the empty one is no token's payload.
        serde_json::to_vec(&self.0).unwrap_or_default()
    }

    /// The claims as a JSON object.
    pub fn into_value(self) -> Value {
        Value::Object(self.0)
    }

    fn text(&self, name: &'static str) -> Result<Option<&str>, ClaimsError> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(value) => Err(ClaimsError::Type { name, expected: "a string", found: described(value) }),
        }
    }

    /// RFC 7519 §2, NumericDate. A fraction is rounded to the strict side: a token is never good earlier or longer than it says.
    fn numeric_date(&self, name: &'static str, round: fn(f64) -> f64) -> Result<Option<u64>, ClaimsError> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let seconds = match value {
            Value::Number(number) => whole_seconds(number, round),
            Value::Null | Value::Bool(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => None,
        };
        let expected = "a number of seconds from 0 to 2^53";
        seconds.map(Some).ok_or(ClaimsError::Type { name, expected, found: described(value) })
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be from 0 to 2^53")]
fn whole_seconds(number: &Number, round: fn(f64) -> f64) -> Option<u64> {
    match (number.as_u64(), number.as_f64()) {
        (Some(seconds), _) => (seconds <= MAX_INTEGER).then_some(seconds),
        (None, Some(seconds)) if (0.0..=MAX_INTEGER as f64).contains(&seconds) => Some(round(seconds) as u64),
        _ => None,
    }
}

/// The type of a value, in words.
fn described(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(number) if number.as_f64().is_some_and(f64::is_sign_negative) => "a negative number",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

impl fmt::Debug for ClaimsSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClaimsSet ")?;
        f.debug_list().entries(self.0.keys()).finish()
    }
}

impl Serialize for ClaimsSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for ClaimsSet {
    /// As strict as [`ClaimsSet::parse`].
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = json::deserialize_strict(deserializer, Self::MAX_DEPTH)?;
        let value = value.map_err(<D::Error as de::Error>::custom)?;
        Self::from_object(value).map_err(de::Error::custom)
    }
}

/// Why a text is no claims set, or a claim not what its name promises.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
pub enum ClaimsError {
    /// Not JSON, or JSON that readers disagree about.
    #[error("the claims are not strict JSON")]
    Json(#[from] JsonError),
    /// RFC 7519 §7.2 step 10.
    #[error("the claims are JSON, but not an object")]
    NotAnObject,
    /// A registered claim (RFC 7519 §4.1) of the wrong type.
    #[error("the claim {name:?} must be {expected}, and holds {found}")]
    Type {
        /// The claim.
        name: &'static str,
        /// Its type.
        expected: &'static str,
        /// The type that it has, or that one of several values has.
        found: &'static str,
    },
}
