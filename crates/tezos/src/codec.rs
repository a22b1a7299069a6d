//! A cursor over the bytes of a sign request, and the one error that decoding has.
//!
//! Every read stays inside the frame of the cursor. Every number has one spelling, every boolean is `00` or `ff`, and a frame must be
//! used up.

mod error;

pub use self::error::{
    MAX_DEPTH, MAX_LIST_ITEMS, MAX_MESSAGE_BYTES, MAX_NUMBER_BYTES, MAX_OPERATIONS, MessageError,
    MessageFault,
};

/// Reads forward through a message, never past the end of its frame.
#[derive(Clone, Debug)]
pub(crate) struct Cursor<'a> {
    message: &'a [u8],
    position: usize,
    end: usize,
}

impl<'a> Cursor<'a> {
    pub(crate) const fn new(message: &'a [u8]) -> Self {
        Self { message, position: 0, end: message.len() }
    }

    /// The offset of the next byte in the message, not in the frame.
    pub(crate) const fn position(&self) -> usize {
        self.position
    }

    /// The bytes that are left in this frame.
    pub(crate) const fn remaining(&self) -> usize {
        self.end.saturating_sub(self.position)
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.remaining() == 0
    }

    /// An error at the next byte.
    pub(crate) const fn fault(&self, fault: MessageFault) -> MessageError {
        MessageError::new(fault, self.position)
    }

    /// Reads a field, and names it in an error.
    pub(crate) fn named<T>(
        &mut self,
        field: &'static str,
        read: impl FnOnce(&mut Self) -> Result<T, MessageError>,
    ) -> Result<T, MessageError> {
        read(self).map_err(|error| error.within(field))
    }

    /// The next `count` bytes of the frame.
    pub(crate) fn take(&mut self, count: usize) -> Result<&'a [u8], MessageError> {
        let had = self.remaining();
        let rest = self.message.get(self.position..self.end).unwrap_or_default();
        let Some((bytes, _)) = rest.split_at_checked(count) else {
            return Err(self.fault(MessageFault::TooShort { expected: count, had }));
        };
        self.position = self.position.saturating_add(count);
        Ok(bytes)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], MessageError> {
        let too_short = self.fault(MessageFault::TooShort { expected: N, had: self.remaining() });
        self.take(N)?.try_into().map_err(|_| too_short)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, MessageError> {
        self.array().map(u8::from_be_bytes)
    }

    pub(crate) fn u16(&mut self) -> Result<u16, MessageError> {
        self.array().map(u16::from_be_bytes)
    }

    pub(crate) fn i32(&mut self) -> Result<i32, MessageError> {
        self.array().map(i32::from_be_bytes)
    }

    pub(crate) fn i64(&mut self) -> Result<i64, MessageError> {
        self.array().map(i64::from_be_bytes)
    }

    /// A level or round: 32 bits, never negative.
    pub(crate) fn counter(&mut self) -> Result<i32, MessageError> {
        let at = self.position;
        match self.i32()? {
            value if value < 0 => Err(MessageError::new(MessageFault::Negative(value), at)),
            value => Ok(value),
        }
    }

    /// A boolean: `00` or `ff`.
    pub(crate) fn boolean(&mut self) -> Result<bool, MessageError> {
        let at = self.position;
        match self.u8()? {
            0x00 => Ok(false),
            0xff => Ok(true),
            byte => Err(MessageError::new(MessageFault::NotABoolean(byte), at)),
        }
    }

    /// The wire form of a natural number.
    pub(crate) fn natural(&mut self) -> Result<&'a [u8], MessageError> {
        self.groups(MAX_NUMBER_BYTES)
    }

    /// The wire form of a signed number. A negative zero is a second spelling.
    pub(crate) fn integer(&mut self) -> Result<&'a [u8], MessageError> {
        self.signed(MAX_NUMBER_BYTES)
    }

    /// As [`Self::integer`], of any length: nobody converts numbers in Micheline.
    pub(crate) fn micheline_integer(&mut self) -> Result<&'a [u8], MessageError> {
        self.signed(MAX_MESSAGE_BYTES)
    }

    fn signed(&mut self, most: usize) -> Result<&'a [u8], MessageError> {
        let at = self.position;
        match self.groups(most)? {
            [0x40] => Err(MessageError::new(MessageFault::NotCanonical, at)),
            groups => Ok(groups),
        }
    }

    /// Bytes up to the first whose top bit is clear. The last of several must not be zero: that is a second spelling.
    fn groups(&mut self, most: usize) -> Result<&'a [u8], MessageError> {
        let at = self.position;
        let frame = self.message.get(self.position..self.end).unwrap_or_default();
        let Some(last) = frame.iter().position(|byte| byte & 0x80 == 0) else {
            let had = frame.len();
            return Err(self.fault(MessageFault::TooShort { expected: had.saturating_add(1), had }));
        };
        if last >= most {
            return Err(self.fault(MessageFault::NumberTooLarge));
        }
        match self.take(last.saturating_add(1))? {
            [_, .., 0] => Err(MessageError::new(MessageFault::NotCanonical, at)),
            groups => Ok(groups),
        }
    }

    /// A frame with its length in front, as four bytes. The result reads the frame; this cursor stands behind it.
    pub(crate) fn frame(&mut self) -> Result<Self, MessageError> {
        let length = u32::from_be_bytes(self.array()?);
        let position = self.position;
        self.take(usize::try_from(length).unwrap_or(usize::MAX))?;
        Ok(Self { message: self.message, position, end: self.position })
    }

    /// The rest of this frame.
    pub(crate) fn rest(&mut self) -> Result<&'a [u8], MessageError> {
        self.take(self.remaining())
    }

    /// The bytes from `position` up to here.
    pub(crate) fn since(&self, position: usize) -> &'a [u8] {
        self.message.get(position..self.position).unwrap_or_default()
    }

    /// Ends this frame. Bytes that are left are refused: a signature would cover what nobody looked at.
    pub(crate) fn finish(self) -> Result<(), MessageError> {
        match self.remaining() {
            0 => Ok(()),
            left => Err(self.fault(MessageFault::Trailing(left))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!(frame.finish().unwrap_err().fault(), &MessageFault::Trailing(2));
        assert!(Cursor::new(&[0xff, 0xff, 0xff, 0xff]).frame().is_err());
    }
}
