//! As much of DER (ITU-T X.690) as a private key needs: definite lengths in the fewest bytes, nothing left over.

pub(super) const INTEGER: u8 = 0x02;
pub(super) const BIT_STRING_1: u8 = 0x81;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const NULL: u8 = 0x05;
pub(super) const OBJECT_IDENTIFIER: u8 = 0x06;
pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const CONTEXT_0: u8 = 0xa0;

/// What is still to be read. `None` from any method means that the bytes are not what they should be.
#[derive(Copy, Clone)]
pub(super) struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The content of the one element that fills `bytes`.
    pub(super) fn whole(bytes: &'a [u8], tag: u8) -> Option<Self> {
        let mut der = Self(bytes);
        let content = der.take(tag)?;
        der.end()?;
        Some(Self(content))
    }

    pub(super) fn end(self) -> Option<()> {
        self.0.is_empty().then_some(())
    }

    pub(super) fn next_is(&self, tag: u8) -> bool {
        self.0.first() == Some(&tag)
    }

    /// The content of the next element.
    pub(super) fn take(&mut self, tag: u8) -> Option<&'a [u8]> {
        let (found, rest) = self.0.split_first()?;
        if *found != tag {
            return None;
        }
        let (length, rest) = length(rest)?;
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some(content)
    }

    /// The next element, an integer ≥ 0: big-endian and without leading zeros, so empty when it is zero.
    pub(super) fn unsigned(&mut self) -> Option<&'a [u8]> {
        match self.take(INTEGER)? {
            [] | [0x80..=0xff, ..] | [0, 0..=0x7f, ..] => None,
            [0, rest @ ..] => Some(rest),
            integer => Some(integer),
        }
    }
}

fn length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    match bytes {
        [length @ 0..=0x7f, rest @ ..] => Some((usize::from(*length), rest)),
        [0x81, length @ 0x80..=0xff, rest @ ..] => Some((usize::from(*length), rest)),
        [0x82, high @ 1..=0xff, low, rest @ ..] => {
            Some((usize::from(u16::from_be_bytes([*high, *low])), rest))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_lengths_in_their_shortest_form_only() {
        assert_eq!(Der::new(&[4, 1, 9, 7]).take(OCTET_STRING), Some(&[9][..]));
        let long = |prefix: &[u8], length: usize| [prefix, &vec![1; length]].concat();
        for (bytes, length) in [(long(&[4, 0x81, 0x80], 0x80), 0x80), (long(&[4, 0x82, 1, 0], 0x100), 0x100)]
        {
            assert_eq!(Der::new(&bytes).take(OCTET_STRING).unwrap().len(), length);
        }
        for bytes in [
            long(&[4, 0x81, 0x7f], 0x7f),
            long(&[4, 0x82, 0, 0x80], 0x80),
            long(&[4, 0x83, 0, 1, 0], 0x100),
            long(&[4, 0x80], 2),
            vec![4, 2, 1],
            vec![4, 0x82, 1],
            vec![4],
            vec![],
        ] {
            assert_eq!(Der::new(&bytes).take(OCTET_STRING), None, "{:02x?}", &bytes[..bytes.len().min(4)]);
        }
    }

    #[test]
    fn integers_are_unsigned_and_minimal() {
        assert_eq!(Der::new(&[2, 1, 5]).unsigned(), Some(&[5][..]));
        assert_eq!(Der::new(&[2, 2, 0, 0x80]).unsigned(), Some(&[0x80][..]));
        assert_eq!(Der::new(&[2, 1, 0]).unsigned(), Some(&[][..]));
        for bytes in [&[2, 0][..], &[2, 1, 0x80], &[2, 2, 0, 5], &[2, 2, 0, 0]] {
            assert_eq!(Der::new(bytes).unsigned(), None, "{bytes:02x?}");
        }
    }

    #[test]
    fn refuses_trailing_bytes() {
        assert!(Der::whole(&[0x30, 0], SEQUENCE).is_some());
        assert!(Der::whole(&[0x30, 0, 0], SEQUENCE).is_none());
    }
}
