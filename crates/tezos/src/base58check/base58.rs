//! Bytes as a number in base 58 (the Bitcoin alphabet), five characters at a time.
//!
//! A signature is written for every request, and keys are for every log line and counter. The library that reads the texts divides by 58
//! for each byte and character; this divides by 58⁵ for each four bytes and five characters, which is a tenth of the work. A test holds
//! the two against each other.

use std::iter;

use zeroize::Zeroizing;

pub(super) const ALPHABET: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

/// Characters that are had by one division: 58⁵ is the largest power of 58 below 2³².
const CHARS: usize = 5;
const BASE: u64 = 58_u64.pow(5);

/// The characters of `bytes`, all of which are ASCII. No copy of what was given is left in memory.
pub(super) fn encode(bytes: &[u8]) -> Zeroizing<Vec<u8>> {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    let digits = digits(bytes);
    // Never too short, so that nothing is moved and left behind.
    let mut text =
        Zeroizing::new(Vec::with_capacity(zeros.saturating_add(digits.len().saturating_mul(CHARS))));
    text.extend(iter::repeat_n(b'1', zeros));
    let start = text.len();
    for digit in digits.iter().rev() {
        for place in (0..CHARS).rev() {
            let value = digit / 58_u64.pow(u32::try_from(place).unwrap_or_default()) % 58;
            // Zeros in front of the first character say nothing.
            if value > 0 || text.len() > start {
                let index = usize::try_from(value).unwrap_or_default();
                text.extend(ALPHABET.get(index));
            }
        }
    }
    text
}

/// The digits in base 58⁵, the least one first.
fn digits(bytes: &[u8]) -> Zeroizing<Vec<u64>> {
    let (head, words) = bytes.as_rchunks::<4>();
    let head = head.iter().fold(0, |word, byte| word << 8 | u64::from(*byte));
    // A byte is less than 2/7 of a digit, which holds 29.3 bits.
    let mut digits = Zeroizing::new(Vec::with_capacity(bytes.len().saturating_mul(2) / 7 + 2));
    for word in iter::once(head).chain(words.iter().map(|word| u64::from(u32::from_be_bytes(*word)))) {
        let mut carry = word;
        for digit in digits.iter_mut() {
            // Both are below 2³², so their halves do not meet, and what is left over is below 2³² again.
            let value = *digit << 32 | carry;
            *digit = value % BASE;
            carry = value / BASE;
        }
        while carry > 0 {
            digits.push(carry % BASE);
            carry /= BASE;
        }
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_is_written_as_the_library_writes_it() {
        let mut state = 1_u32;
        let mut byte = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24).to_le_bytes()[0]
        };
        for length in (0..200).chain([1312, 2420, 3905]) {
            for fill in [None, Some(0), Some(0xff)] {
                let mut bytes: Vec<u8> = (0..length).map(|_| fill.unwrap_or_else(&mut byte)).collect();
                for zeros in [0, 1, 5] {
                    bytes.iter_mut().take(zeros).for_each(|byte| *byte = 0);
                    let text = encode(&bytes);
                    assert_eq!(text.as_slice(), bs58::encode(&bytes).into_vec(), "{bytes:?}");
                }
            }
        }
    }

    #[test]
    fn no_buffer_grows_so_that_no_secret_is_left_behind() {
        for length in (0..300).chain([1320, 3909]) {
            let bytes = vec![0xff; length];
            assert!(digits(&bytes).len() <= length * 2 / 7 + 2);
        }
    }
}
