//! Every signature that a client got, and when: what has been given out can be judged without a look into the server.

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use jwtis_testkit::consensus::{ConsensusMessage, LevelAndRound, WatermarkSlot};

/// One signature.
#[derive(Clone, Debug)]
struct Entry {
    message: ConsensusMessage,
    /// Before the request was sent.
    asked: u64,
    /// After the answer was read.
    answered: u64,
}

/// The book of all signatures. Its clock counts questions and answers.
#[derive(Default, Debug)]
pub(crate) struct Ledger {
    clock: AtomicU64,
    entries: Mutex<Vec<Entry>>,
}

impl Ledger {
    /// The moment before a question.
    pub(crate) fn now(&self) -> u64 {
        self.clock.fetch_add(1, Ordering::SeqCst)
    }

    /// A signature came back.
    pub(crate) fn signed(&self, message: ConsensusMessage, asked: u64) {
        let answered = self.now();
        self.entries.lock().unwrap().push(Entry { message, asked, answered });
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.lock().unwrap().len()
    }

    /// The highest signature of each slot.
    pub(crate) fn highest(&self) -> Vec<ConsensusMessage> {
        let mut highest: BTreeMap<WatermarkSlot, ConsensusMessage> = BTreeMap::new();
        for Entry { message, .. } in self.entries.lock().unwrap().iter() {
            let known = highest.entry(message.slot()).or_insert(*message);
            if known.level_and_round() < message.level_and_round() {
                *known = *message;
            }
        }
        highest.into_values().collect()
    }

    /// What must hold.
    pub(crate) fn judge(&self) -> Result<(), String> {
        let mut slots: HashMap<WatermarkSlot, Vec<Entry>> = HashMap::new();
        for entry in self.entries.lock().unwrap().iter() {
            slots.entry(entry.message.slot()).or_default().push(entry.clone());
        }
        slots.into_values().try_for_each(|entries| one_message_a_place(&entries).and(nothing_below(entries)))
    }
}

/// No two messages of one place.
fn one_message_a_place(entries: &[Entry]) -> Result<(), String> {
    let mut places: HashMap<LevelAndRound, ConsensusMessage> = HashMap::new();
    for Entry { message, .. } in entries {
        let first = places.entry(message.level_and_round()).or_insert(*message);
        // Of a tz4, attestations with and without DAL are the same bytes.
        if first.bytes() != message.bytes() {
            return Err(format!("two signatures for one place:\n{first:?}\n{message:?}"));
        }
    }
    Ok(())
}

/// Nothing below a signature whose answer had been read before the question was asked. Of two that overlap, the answers' order says
/// nothing about the order of the watermarks.
fn nothing_below(entries: Vec<Entry>) -> Result<(), String> {
    let mut answers = entries.clone();
    answers.sort_by_key(|entry| entry.answered);
    let mut questions = entries;
    questions.sort_by_key(|entry| entry.asked);
    let mut answers = answers.into_iter().peekable();
    let mut highest: Option<ConsensusMessage> = None;
    for question in questions {
        while let Some(answer) = answers.next_if(|answer| answer.answered < question.asked) {
            if highest.is_none_or(|highest| highest.level_and_round() < answer.message.level_and_round()) {
                highest = Some(answer.message);
            }
        }
        if let Some(highest) =
            highest.filter(|highest| question.message.level_and_round() < highest.level_and_round())
        {
            return Err(format!(
                "a signature below a watermark:\n{highest:?}, and then\n{:?}",
                question.message
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use jwtis_testkit::consensus::ConsensusKind;

    const LOW: ConsensusMessage = ConsensusMessage {
        key: 0,
        bls: false,
        chain: 0,
        kind: ConsensusKind::Attestation,
        level: 1,
        round: 0,
        content: 0,
    };

    fn judged(signed: &[(ConsensusMessage, u64)]) -> Result<(), String> {
        let ledger = Ledger::default();
        ledger.clock.store(10, Ordering::SeqCst);
        for (message, asked) in signed {
            ledger.signed(*message, *asked);
        }
        ledger.judge()
    }

    #[test]
    fn the_judge_sees_what_must_not_be() {
        let other = ConsensusMessage { content: 1, ..LOW };
        let dal = ConsensusMessage { kind: ConsensusKind::AttestationWithDal, ..LOW };
        let high = LOW.above(1);
        assert!(judged(&[(LOW, 1), (LOW, 11), (high, 2)]).is_ok());
        assert!(judged(&[(LOW, 1), (other, 2)]).unwrap_err().contains("one place"));
        assert!(judged(&[(LOW, 1), (dal, 2)]).unwrap_err().contains("one place"));
        assert!(judged(&[(high, 1), (LOW, 2)]).is_ok(), "both were on the way");
        assert!(judged(&[(high, 1), (LOW, 20)]).unwrap_err().contains("below"));
        let elsewhere = ConsensusMessage { chain: 1, ..LOW };
        assert!(judged(&[(high, 1), (elsewhere, 20)]).is_ok());
    }
}
