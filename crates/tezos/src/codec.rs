//! A cursor over the bytes of a sign request, and the one error that decoding them has (specification 1.4 step 10, 6.4).
//!
//! Every read is bounded by the frame that the cursor stands in, every number has one spelling, every boolean is `00` or
//! `ff`, and a frame must be used up. What clients see is the error's `Display`. Where in the message and in which field it happened is for logs and for `policy explain`: [`MessageError::detail`].

mod error;
mod limits;

pub use self::error::{MessageError, MessageFault};
pub use self::limits::{MAX_DEPTH, MAX_LIST_ITEMS, MAX_MESSAGE_BYTES, MAX_NUMBER_BYTES, MAX_OPERATIONS};

/// Reads forward through a message, never past the end of its frame.
#[derive(Clone, Debug)]
pub struct Cursor<'a> {
    message: &'a [u8],
    position: usize,
    end: usize,
}

impl<'a> Cursor<'a> {
    /// At the first byte of `message`.
    #[must_use]
    pub const fn new(message: &'a [u8]) -> Self {
        Self { message, position: 0, end: message.len() }
    }

    /// Bytes before the next one, counted from the start of the message and not of the frame.
    #[must_use]
    pub const fn position(&self) -> usize {
        self.position
    }

    /// Bytes left in this frame.
    #[must_use]
    pub const fn remaining(&self) -> usize {
        self.end.saturating_sub(self.position)
    }

    /// Whether this frame is used up.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.remaining() == 0
    }

    /// An error at the next byte.
    #[must_use]
    pub fn fault(&self, fault: MessageFault) -> MessageError {
        MessageError::new(fault, self.position)
    }

    /// The next `count` bytes.
    ///
    /// # Errors
    /// [`MessageFault::TooShort`] when the frame has fewer.
    pub fn take(&mut self, count: usize) -> Result<&'a [u8], MessageError> {
        let had = self.remaining();
        let too_short = MessageError::new(MessageFault::TooShort { expected: count, had }, self.position);
        if count > had {
            return Err(too_short);
        }
        let Some(until) = self.position.checked_add(count) else { return Err(too_short) };
        let Some(bytes) = self.message.get(self.position..until) else { return Err(too_short) };
        self.position = until;
        Ok(bytes)
    }

    /// The next `N` bytes.
    ///
    /// # Errors
    /// [`MessageFault::TooShort`].
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], MessageError> {
        let at = self.position;
        let had = self.remaining();
        let bytes = self.take(N)?;
        bytes.try_into().map_err(|_| MessageError::new(MessageFault::TooShort { expected: N, had }, at))
    }

    /// One byte.
    ///
    /// # Errors
    /// [`MessageFault::TooShort`].
    pub fn u8(&mut self) -> Result<u8, MessageError> {
        self.array().map(u8::from_be_bytes)
    }

    /// Two bytes, big-endian.
    ///
    /// # Errors
    /// [`MessageFault::TooShort`].
    pub fn u16(&mut self) -> Result<u16, MessageError> {
        self.array().map(u16::from_be_bytes)
    }

    /// Four bytes, big-endian, signed.
    ///
    /// # Errors
    /// [`MessageFault::TooShort`].
    pub fn i32(&mut self) -> Result<i32, MessageError> {
        self.array().map(i32::from_be_bytes)
    }

    /// Eight bytes, big-endian, signed.
    ///
    /// # Errors
    /// [`MessageFault::TooShort`].
    pub fn i64(&mut self) -> Result<i64, MessageError> {
        self.array().map(i64::from_be_bytes)
    }

    /// A level or round: 32 bits, never negative (specification 5.1).
    ///
    /// # Errors
    /// [`MessageFault::Negative`], [`MessageFault::TooShort`].
    pub fn counter(&mut self) -> Result<i32, MessageError> {
        let at = self.position;
        let value = self.i32()?;
        if value < 0 {
            return Err(MessageError::new(MessageFault::Negative { value: i64::from(value) }, at));
        }
        Ok(value)
    }

    /// A boolean: `00` or `ff`, and nothing else.
    ///
    /// # Errors
    /// [`MessageFault::NotABoolean`], [`MessageFault::TooShort`].
    pub fn boolean(&mut self) -> Result<bool, MessageError> {
        let at = self.position;
        match self.u8()? {
            0x00 => Ok(false),
            0xff => Ok(true),
            byte => Err(MessageError::new(MessageFault::NotABoolean { byte }, at)),
        }
    }

    /// The wire form of a natural number (`N` of 6.4), as it stands there.
    ///
    /// # Errors
    /// [`MessageFault::NotCanonical`] for a needless last group, [`MessageFault::TooShort`].
    pub fn natural(&mut self) -> Result<&'a [u8], MessageError> {
        self.groups(MAX_NUMBER_BYTES)
    }

    /// The wire form of a signed number (`Z` of 6.4), as it stands there.
    ///
    /// # Errors
    /// [`MessageFault::NotCanonical`] for a needless last group and for a negative zero, [`MessageFault::TooShort`].
    pub fn integer(&mut self) -> Result<&'a [u8], MessageError> {
        self.signed(MAX_NUMBER_BYTES)
    }

    /// As [`Self::integer`], as long as the frame allows: for numbers that nobody converts.
    ///
    /// # Errors
    /// As [`Self::integer`].
    pub fn micheline_integer(&mut self) -> Result<&'a [u8], MessageError> {
        self.signed(MAX_MESSAGE_BYTES)
    }

    fn signed(&mut self, most: usize) -> Result<&'a [u8], MessageError> {
        let at = self.position;
        let groups = self.groups(most)?;
        if groups == [0x40] {
            return Err(MessageError::new(MessageFault::NotCanonical, at));
        }
        Ok(groups)
    }

    /// Bytes up to the first whose top bit is clear. The last of several must not be zero: that is a second spelling.
    fn groups(&mut self, most: usize) -> Result<&'a [u8], MessageError> {
        let at = self.position;
        let frame = self.message.get(self.position..self.end).unwrap_or_default();
        let Some(last) = frame.iter().position(|byte| byte & 0x80 == 0) else {
            let had = frame.len();
            return Err(MessageError::new(
                MessageFault::TooShort { expected: had.saturating_add(1), had },
                at,
            ));
        };
        if last >= most {
            return Err(MessageError::new(MessageFault::NumberTooLarge, at));
        }
        let groups = self.take(last.saturating_add(1))?;
        if last > 0 && groups.last() == Some(&0) {
            return Err(MessageError::new(MessageFault::NotCanonical, at));
        }
        Ok(groups)
    }

    /// A frame with its length in front, as four bytes (`dyn` of 6.4): a cursor of its own, and this one behind it.
    ///
    /// # Errors
    /// [`MessageFault::TooShort`] when the frame is longer than what is left.
    pub fn frame(&mut self) -> Result<Self, MessageError> {
        let length = u32::from_be_bytes(self.array()?);
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let position = self.position;
        self.take(length)?;
        Ok(Self { message: self.message, position, end: self.position })
    }

    /// What is left of this frame.
    ///
    /// # Errors
    /// None in practice: what remains is there.
    pub fn rest(&mut self) -> Result<&'a [u8], MessageError> {
        self.take(self.remaining())
    }

    /// The bytes from `position` up to here.
    #[must_use]
    pub fn since(&self, position: usize) -> &'a [u8] {
        self.message.get(position..self.position).unwrap_or_default()
    }

    /// Ends this frame.
    ///
    /// # Errors
    /// [`MessageFault::Trailing`] when bytes are left: a signature would cover what nobody looked at.
    pub fn finish(self) -> Result<(), MessageError> {
        match self.remaining() {
            0 => Ok(()),
            left => Err(self.fault(MessageFault::Trailing { left })),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::Protocol;

    #[test]
    fn wire_texts_are_those_of_signatory() {
        assert_eq!(
            Cursor::new(&[]).u8().unwrap_err().to_string(),
            "the message ends too early: at least 1 byte(s) were expected, 0 left"
        );
        assert_eq!(MessageError::new(MessageFault::UnknownTag { tag: 23 }, 0).to_string(), "unknown tag 23");
    }

    #[test]
    fn detail_names_offset_field_operation_and_protocols() {
        let error = MessageError::new(MessageFault::UnknownTag { tag: 99 }, 33)
            .within("operation")
            .of_operation(0)
            .known_to(Protocol::LATEST);
        assert_eq!(
            error.detail(),
            "unknown tag 99 (at byte 33, operation 1, in operation); the protocols known here are \
             Seoul (023) and Tallinn (024), Ushuaia (025)"
        );
    }

    #[test]
    fn numbers_by_name() {
        for (name, bytes, signed, wanted) in [
            ("zero", &[0x00][..], false, Ok(1)),
            ("one_group", &[0x7f], false, Ok(1)),
            ("two_groups", &[0x80, 0x01], false, Ok(2)),
            ("a_needless_group", &[0x80, 0x00], false, Err(MessageFault::NotCanonical)),
            ("cut_off", &[0x80], false, Err(MessageFault::TooShort { expected: 2, had: 1 })),
            ("empty", &[], false, Err(MessageFault::TooShort { expected: 1, had: 0 })),
            ("minus_one", &[0x41], true, Ok(1)),
            ("minus_zero", &[0x40], true, Err(MessageFault::NotCanonical)),
            ("minus_sixty_four", &[0xc0, 0x01], true, Ok(2)),
        ] {
            let mut cursor = Cursor::new(bytes);
            let read = if signed { cursor.integer() } else { cursor.natural() };
            assert_eq!(read.map(<[u8]>::len).map_err(|error| error.fault().clone()), wanted, "{name}");
        }
    }

    #[test]
    fn a_frame_ends_inside_its_message() {
        let mut cursor = Cursor::new(&[0, 0, 0, 2, 7, 8, 9]);
        let mut frame = cursor.frame().unwrap();
        assert_eq!((frame.position(), frame.remaining(), cursor.remaining()), (4, 2, 1));
        assert_eq!(frame.take(3).unwrap_err().fault(), &MessageFault::TooShort { expected: 3, had: 2 });
        assert_eq!(frame.finish().unwrap_err().fault(), &MessageFault::Trailing { left: 2 });
        assert!(Cursor::new(&[0xff, 0xff, 0xff, 0xff]).frame().is_err());
    }

    #[test]
    fn booleans_are_strict() {
        assert_eq!(Cursor::new(&[0x00]).boolean(), Ok(false));
        assert_eq!(Cursor::new(&[0xff]).boolean(), Ok(true));
        for byte in 1..=0xfe {
            assert_eq!(
                Cursor::new(&[byte]).boolean().unwrap_err().fault(),
                &MessageFault::NotABoolean { byte }
            );
        }
    }
}
