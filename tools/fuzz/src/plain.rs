//! A plain loop: mutations of the seeds, without coverage. For machines and runs where an instrumented build costs too much.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use super::Target;

/// Longest input that is made.
const MAX_BYTES: usize = 8192;

/// SplitMix64: enough to choose by.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(limit.max(1)).unwrap()).unwrap()
    }
}

/// Runs `target` over its seeds and then over mutations of them for `time`. Returns the number of inputs.
///
/// # Panics
/// With the input in hexadecimal, where a property is broken. The same seed makes the same inputs.
pub fn drive(target: &Target, seed: u64, time: Duration) -> u64 {
    let seeds = (target.seeds)();
    assert!(!seeds.is_empty(), "{}: no seeds", target.name);
    let begun = Instant::now();
    let mut dice = Dice(seed);
    let mut runs = 0;
    for input in &seeds {
        one(target, input);
        runs += 1;
    }
    while begun.elapsed() < time {
        let input = mutated(&seeds, &mut dice);
        one(target, &input);
        runs += 1;
    }
    runs
}

fn one(target: &Target, input: &[u8]) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| (target.run)(input))) {
        let shown = super::seeds::to_hex(input);
        println!("{}: broken by the input {shown} ({:?})", target.name, String::from_utf8_lossy(input));
        std::panic::resume_unwind(panic);
    }
}

fn mutated(seeds: &[Vec<u8>], dice: &mut Dice) -> Vec<u8> {
    let mut input = seeds[dice.below(seeds.len())].clone();
    for _ in 0..=dice.below(4) {
        let at = dice.below(input.len() + 1);
        let count = 1 + dice.below(8);
        match dice.below(9) {
            0 => input.truncate(at),
            1 if at < input.len() => input[at] ^= 1 << dice.below(8),
            2 if at < input.len() => {
                input[at] = [0, 0xff, b'"', b'.', b'0', b'\n', b'A', 0x7f, b'{'][dice.below(9)]
            }
            3 => drop(input.drain(at..input.len().min(at + count))),
            4 => {
                let bytes: Vec<u8> = (0..count).map(|_| dice.next().to_le_bytes()[0]).collect();
                input.splice(at..at, bytes);
            }
            5 => {
                // A piece of another seed in this place.
                let other = &seeds[dice.below(seeds.len())];
                let from = dice.below(other.len());
                let piece = &other[from..other.len().min(from + 1 + dice.below(64))];
                input.splice(at..at, piece.iter().copied());
            }
            6 => {
                // A piece of its own once more.
                let piece = input[at..input.len().min(at + 1 + dice.below(32))].to_vec();
                let to = dice.below(input.len() + 1);
                input.splice(to..to, piece);
            }
            7 => input.iter_mut().skip(at).take(4).for_each(|byte| *byte = 0xff),
            8 => {
                // The head of this, the tail of another.
                let other = &seeds[dice.below(seeds.len())];
                input.truncate(at);
                input.extend_from_slice(&other[dice.below(other.len() + 1)..]);
            }
            _ => {}
        }
    }
    input.truncate(MAX_BYTES);
    input
}
