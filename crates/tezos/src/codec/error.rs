//! The one error of decoding: its text for clients, its place for operators.

use std::fmt;

use crate::operation::Protocol;

/// The longest message that is looked at. A Tezos operation has at most 32 KiB; packed data may have more.
pub const MAX_MESSAGE_BYTES: usize = 512 * 1024;
/// The longest number in its wire form, in bytes of seven bits each. It does not bound integers in Micheline.
pub const MAX_NUMBER_BYTES: usize = 1024;
/// The most members of one list.
pub const MAX_LIST_ITEMS: usize = 32 * 1024;
/// The most operations of one batch.
pub const MAX_OPERATIONS: usize = 4096;
/// The deepest Micheline expression.
pub const MAX_DEPTH: usize = 10_000;

/// Why a message is not a sign request. The signer answers with status 400 and the text of `Display`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MessageError {
    fault: MessageFault,
    offset: usize,
    within: Option<&'static str>,
    operation: Option<usize>,
    known: Option<&'static [Protocol]>,
}

impl MessageError {
    pub(crate) const fn new(fault: MessageFault, offset: usize) -> Self {
        Self { fault, offset, within: None, operation: None, known: None }
    }

    /// The rule that the message breaks.
    pub const fn fault(&self) -> &MessageFault {
        &self.fault
    }

    /// The byte of the message where it was noticed, from zero.
    pub const fn offset(&self) -> usize {
        self.offset
    }

    /// The innermost field, if it is known.
    pub const fn field(&self) -> Option<&'static str> {
        self.within
    }

    /// The operation of a batch, from zero.
    pub const fn operation(&self) -> Option<usize> {
        self.operation
    }

    /// Names the field, unless an inner one is named already.
    pub(crate) fn within(mut self, field: &'static str) -> Self {
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

    /// The text for operators: that of `Display`, then the place and the protocols that were tried.
    pub fn detail(&self) -> String {
        let mut text = format!("{self} (at byte {}", self.offset);
        if let Some(index) = self.operation {
            text.push_str(&format!(", operation {}", index.saturating_add(1)));
        }
        if let Some(field) = self.within {
            text.push_str(&format!(", in {field}"));
        }
        text.push(')');
        if let (MessageFault::UnknownTag(_), Some(known)) = (&self.fault, self.known) {
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
        /// The bytes of the field.
        expected: usize,
        /// The bytes that are left.
        had: usize,
    },
    /// A magic byte, operation or variant that none of the known protocols has.
    #[error("unknown tag {0}")]
    UnknownTag(u8),
    /// Bytes behind the end of what was decoded.
    #[error("{0} byte(s) behind the end of the message or of a part of it")]
    Trailing(usize),
    /// A boolean or the flag of an optional field is neither `00` nor `ff`.
    #[error("a boolean is {0:#04x}, and must be 0x00 or 0xff")]
    NotABoolean(u8),
    /// A number that cannot be negative is.
    #[error("{0} is negative, and a level, round or amount cannot be")]
    Negative(i32),
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
    /// A list with more members than the limit.
    #[error("a list has more than {0} members")]
    TooMany(usize),
    /// The message as a whole is too long.
    #[error("the message has more than {MAX_MESSAGE_BYTES} bytes")]
    TooLong,
    /// A generic message without operations.
    #[error("the message holds no operation")]
    EmptyBatch,
    /// Two protocols read the same bytes differently, so that nobody can tell what the chain would do.
    #[error("two protocols read this message as different operations")]
    Ambiguous,
    /// A field with a length that no value of it has.
    #[error("a field has {0} byte(s), which no value of it has")]
    Length(usize),
    /// The name of an entrypoint is not ASCII.
    #[error("a name is not made of printable ASCII characters")]
    Text,
    /// The fitness of a block header is not that of a Tenderbake block.
    #[error("the fitness is malformed: {0}")]
    Fitness(&'static str),
    /// A consensus operation of the form that keys of the other kind sign.
    #[error("operation tag {0} is not for this key: tz4 keys sign tags 40 and 41, all others 20, 21 and 23")]
    WrongKeyKind(u8),
}
