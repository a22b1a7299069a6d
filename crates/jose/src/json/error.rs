//! Why a text is refused.

/// Why a text is not JSON that means one thing.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
pub enum JsonError {
    /// Not JSON.
    #[error("not JSON: {problem} at line {line} column {column}")]
    Syntax {
        /// Counted from 1; 0 when there is no text at all.
        line: usize,
        /// Counted from 1.
        column: usize,
        /// The fault there, in the reader's words. It quotes nothing of the text.
        problem: &'static str,
    },
    /// RFC 8259 §4: names should be unique; RFC 7515 §4, RFC 7519 §4: they must be.
    #[error("the member {0:?} occurs twice: keep one")]
    DuplicateName(String),
    /// Objects and arrays inside each other.
    #[error("nested deeper than {0} levels")]
    TooDeep(usize),
    /// RFC 7493 §2.2.
    #[error("the number {0} is beyond 2^53, where readers begin to round: send it as a string")]
    NumberOutOfRange(String),
    /// RFC 7493 §2.2: a double keeps about 17 digits.
    #[error("the number {0} has more digits than readers keep: send it as a string")]
    NumberTooPrecise(String),
    /// A second value, or anything but white space.
    #[error("there is something after the JSON value: remove it")]
    TrailingData,
}

impl JsonError {
    pub(super) fn from_serde(error: &serde_json::Error) -> Self {
        use serde_json::error::Category;

        // serde_json has no code for it, only this text.
        if error.to_string().starts_with("number out of range") {
            return Self::NumberOutOfRange("in exponent form".into());
        }
        let problem = match error.classify() {
            Category::Eof => "the text ends too early",
            Category::Io | Category::Syntax | Category::Data => "unexpected character",
        };
        Self::Syntax { line: error.line(), column: error.column(), problem }
    }

    pub(super) fn duplicate(name: &str) -> Self {
        Self::DuplicateName(name.chars().take(100).collect())
    }
}
