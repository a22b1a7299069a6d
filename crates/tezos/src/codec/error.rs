//! The one error that decoding has: what clients see, and beside it what operators need.

use std::fmt;

use super::limits::{MAX_DEPTH, MAX_MESSAGE_BYTES};
use crate::operation::Protocol;

/// Why a message is not a sign request. Answered with status 400 and the text of `Display`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MessageError {
    fault: MessageFault,
    offset: usize,
    within: Option<&'static str>,
    operation: Option<usize>,
    known: Option<&'static [Protocol]>,
}

impl MessageError {
    /// A fault at `offset`.
    #[must_use]
    pub const fn new(fault: MessageFault, offset: usize) -> Self {
        Self { fault, offset, within: None, operation: None, known: None }
    }

    /// What is wrong.
    #[must_use]
    pub const fn fault(&self) -> &MessageFault {
        &self.fault
    }

    /// The byte of the message where it was noticed, from zero.
    #[must_use]
    pub const fn offset(&self) -> usize {
        self.offset
    }

    /// The innermost field, when it is known.
    #[must_use]
    pub const fn field(&self) -> Option<&'static str> {
        self.within
    }

    /// The operation of a batch, from zero.
    #[must_use]
    pub const fn operation(&self) -> Option<usize> {
        self.operation
    }

    /// Names the field, unless an inner one is named already.
    #[must_use]
    pub fn within(mut self, field: &'static str) -> Self {
        self.within = self.within.or(Some(field));
        self
    }

    pub(crate) fn of_operation(mut self, index: usize) -> Self {
        self.operation = self.operation.or(Some(index));
        self
    }

    pub(crate) fn known_to(mut self, protocols: &'static [Protocol]) -> Self {
        self.known = self.known.or(Some(protocols));
        self
    }

    /// The sentence for people: the wire text, and behind it where it happened and what would be understood.
    #[must_use]
    pub fn detail(&self) -> String {
        let mut text = format!("{self} (at byte {}", self.offset);
        if let Some(index) = self.operation {
            text.push_str(&format!(", operation {}", index.saturating_add(1)));
        }
        if let Some(field) = self.within {
            text.push_str(&format!(", in {field}"));
        }
        text.push(')');
        if let (MessageFault::UnknownTag { .. }, Some(known)) = (&self.fault, self.known) {
            let names: Vec<String> = known.iter().map(ToString::to_string).collect();
            text.push_str(&format!("; the protocols known here are {}", names.join(", ")));
        }
        text
    }
}

impl fmt::Display for MessageError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fault.fmt(formatter)
    }
}

impl std::error::Error for MessageError {}

/// The rule that a message breaks.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MessageFault {
    /// The message or a frame in it ends too early.
    #[error("the message ends too early: at least {expected} byte(s) were expected, {had} left")]
    TooShort {
        /// Bytes that the field has.
        expected: usize,
        /// Bytes that are left.
        had: usize,
    },
    /// A magic byte, operation or variant that none of the known protocols has.
    #[error("unknown tag {tag}")]
    UnknownTag {
        /// The tag as it stands there.
        tag: u8,
    },
    /// Bytes behind the end of what was decoded.
    #[error("{left} byte(s) behind the end of the message or of a part of it")]
    Trailing {
        /// How many.
        left: usize,
    },
    /// A boolean or the flag of an optional field is neither `00` nor `ff`.
    #[error("a boolean is {byte:#04x}, and must be 0x00 or 0xff")]
    NotABoolean {
        /// The byte.
        byte: u8,
    },
    /// A number that cannot be negative is.
    #[error("{value} is negative, and a level, round or amount cannot be")]
    Negative {
        /// The number.
        value: i64,
    },
    /// A number that cannot be zero is.
    #[error("an amount is 0, and this one cannot be")]
    Zero,
    /// A number with a second spelling.
    #[error("a number is not in its shortest form")]
    NotCanonical,
    /// A number beyond what the protocol can hold.
    #[error("a number is larger than the protocol allows")]
    NumberTooLarge,
    /// A Micheline expression nested too deeply.
    #[error("an expression is nested deeper than {MAX_DEPTH} levels")]
    TooDeep,
    /// A list with too many members.
    #[error("a list has more than {most} members")]
    TooMany {
        /// The limit.
        most: usize,
    },
    /// The message as a whole is too long.
    #[error("the message has more than {MAX_MESSAGE_BYTES} bytes")]
    TooLong,
    /// A generic message without operations.
    #[error("the message holds no operation")]
    EmptyBatch,
    /// Two protocols read the same bytes differently, and what the chain would do cannot be told.
    #[error("two protocols read this message as different operations")]
    Ambiguous,
    /// A fixed length that a field does not have.
    #[error("a field has {had} byte(s), which no value of it has")]
    Length {
        /// Its length.
        had: usize,
    },
    /// A text that is not one: entrypoints are ASCII.
    #[error("a name is not made of printable ASCII characters")]
    Text,
    /// The fitness of a block header is not that of a Tenderbake block (specification 6.7).
    #[error("the fitness is malformed: {why}")]
    Fitness {
        /// The part that is wrong.
        why: &'static str,
    },
    /// Consensus tags 20, 21 and 23 are for tz1, tz2 and tz3, tags 40 and 41 for tz4 (specification 4.1).
    #[error(
        "operation tag {tag} is not for this key: tz4 keys sign tags 40 and 41, all others 20, 21 and 23"
    )]
    WrongKeyKind {
        /// The tag of the consensus operation.
        tag: u8,
    },
}
