//! Every signature that a client got: what has been given out is judged without a look into the server.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jwtis_testkit::consensus::{ConsensusMessage, LevelAndRound, WatermarkSlot};
use jwtis_testkit::random::Random;
use jwtis_tezos::{PublicKey, Signature, SigningVersion};

use crate::endurance::connection::{Answer, Connection};
use crate::endurance::messages::{body, payment};
use crate::endurance::server::SPENDABLE;
use crate::output::Fault;

/// The book of all signatures, and of what was spent.
#[derive(Debug)]
pub(crate) struct Book {
    bakers: Vec<Arc<PublicKey>>,
    payer: Arc<PublicKey>,
    /// About where messages are; rises.
    level: AtomicI32,
    counter: AtomicU64,
    pages: Mutex<Pages>,
}

#[derive(Debug, Default)]
struct Pages {
    /// The bytes signed at each place, and their signature.
    places: HashMap<(WatermarkSlot, LevelAndRound), (Vec<u8>, String)>,
    /// The highest signature of each slot.
    highest: HashMap<WatermarkSlot, ConsensusMessage>,
    /// Mutez of payments that happened: a client has a signature, or a comparison has shown it.
    spent: u64,
    /// Mutez of payments since the last comparison whose answer never came.
    perhaps_spent: u64,
    refused: u64,
}

impl Book {
    pub(crate) fn new(bakers: &[Arc<PublicKey>], payer: &Arc<PublicKey>) -> Self {
        Self {
            bakers: bakers.to_vec(),
            payer: Arc::clone(payer),
            level: AtomicI32::new(1),
            counter: AtomicU64::new(1),
            pages: Mutex::default(),
        }
    }

    /// Signatures, refusals by the watermarks, mutez spent.
    pub(crate) fn totals(&self) -> (usize, u64, u64) {
        let pages = self.pages();
        (pages.places.len(), pages.refused, pages.spent)
    }

    /// Asks for one random signature. `None`: no answer came.
    pub(crate) fn work(&self, signer: &mut Connection, random: &mut Random) -> Result<Option<()>, Fault> {
        if random.one_in(4) {
            return self.pay(signer, random);
        }
        if random.one_in(10) {
            self.level.fetch_add(1, Ordering::SeqCst);
        }
        let message = ConsensusMessage::any(random, self.bakers.len(), self.level.load(Ordering::SeqCst));
        let watermark = self.pages().highest.get(&message.slot()).copied();
        let Some(answer) = self.ask(signer, &message) else { return Ok(None) };
        match answer.status {
            200 => self.signed(message, watermark, &answer)?,
            409 => self.pages().refused += 1,
            _ => return Err(format!("{message:?}: {answer:?}").into()),
        }
        Ok(Some(()))
    }

    /// What must hold after a restart: each watermark is where it was or higher, the key still signs above it, nothing spent is forgotten.
    pub(crate) fn check(&self, signer: &mut Connection) -> Result<u64, Fault> {
        let highest: Vec<ConsensusMessage> = self.pages().highest.values().copied().collect();
        let mut checks = 1;
        for message in highest {
            let other = ConsensusMessage { content: message.content ^ 0x80, ..message };
            let below = ConsensusMessage { level: message.level.saturating_sub(1), ..other };
            for wrong in [other, below] {
                let answer = self.ask(signer, &wrong).ok_or("no answer after the restart")?;
                if answer.status != 409 {
                    return Err(
                        format!("signed {message:?}, and after a restart {wrong:?}: {answer:?}").into()
                    );
                }
            }
            // A request without an answer may have moved the watermark on: then the same message is refused.
            let again = self.ask(signer, &message).ok_or("no answer after the restart")?;
            match again.status {
                200 => self.signed(message, None, &again)?,
                409 => {}
                _ => return Err(format!("{message:?} once more: {again:?}").into()),
            }
            checks += 3;
        }
        let level = self.level.fetch_add(10, Ordering::SeqCst).saturating_add(10);
        for key in 0..self.bakers.len() {
            let mut above = ConsensusMessage::any(&mut Random::new(0), self.bakers.len(), level);
            (above.key, above.bls) = (key, key.saturating_add(1) == self.bakers.len());
            let answer = self.ask(signer, &above).ok_or("no answer after the restart")?;
            if answer.status != 200 {
                return Err(format!("above all watermarks, and not signed: {above:?}: {answer:?}").into());
            }
            self.signed(above, None, &answer)?;
            checks += 1;
        }
        self.check_spent(signer)?;
        Ok(checks)
    }

    fn ask(&self, signer: &mut Connection, message: &ConsensusMessage) -> Option<Answer> {
        let hash = self.bakers.get(message.key)?.hash();
        signer.request("POST", &format!("/keys/{hash}"), "", &body(&message.bytes())).ok()
    }

    /// Enters a signature, which must verify. `watermark` is the highest signature of the slot known before it was asked for.
    fn signed(
        &self,
        message: ConsensusMessage,
        watermark: Option<ConsensusMessage>,
        answer: &Answer,
    ) -> Result<(), Fault> {
        let bytes = message.bytes();
        let key = self.bakers.get(message.key).ok_or("no such key")?;
        let signature = verified(key, &bytes, answer)?;
        if let Some(watermark) =
            watermark.filter(|watermark| message.level_and_round() < watermark.level_and_round())
        {
            return Err(format!("a signature below a watermark: {watermark:?}, and then {message:?}").into());
        }
        let mut pages = self.pages();
        let place = (message.slot(), message.level_and_round());
        let (first, first_signature) =
            pages.places.entry(place).or_insert_with(|| (bytes.clone(), signature.clone()));
        if *first != bytes || *first_signature != signature {
            return Err(format!("two signatures for one place: {message:?} and other bytes before").into());
        }
        let highest = pages.highest.entry(message.slot()).or_insert(message);
        if highest.level_and_round() < message.level_and_round() {
            *highest = message;
        }
        Ok(())
    }

    fn pay(&self, signer: &mut Connection, random: &mut Random) -> Result<Option<()>, Fault> {
        let amount = 1 + random.below(100_000);
        let bytes = payment(self.counter.fetch_add(1, Ordering::SeqCst), amount);
        let hash = self.payer.hash();
        let Ok(answer) = signer.request("POST", &format!("/keys/{hash}"), "", &body(&bytes)) else {
            self.pages().perhaps_spent += amount;
            return Ok(None);
        };
        if answer.status != 200 {
            return Err(format!("a payment of {amount} mutez: {answer:?}").into());
        }
        verified(&self.payer, &bytes, &answer)?;
        self.pages().spent += amount;
        Ok(Some(()))
    }

    /// The refusal of all that the limit allows says how much of it is used. From then on that is what was spent: a payment without an
    /// answer that did happen must not hide the loss of one that was acknowledged later. Nobody pays meanwhile.
    fn check_spent(&self, signer: &mut Connection) -> Result<(), Fault> {
        let hash = self.payer.hash();
        let bytes = payment(self.counter.fetch_add(1, Ordering::SeqCst), SPENDABLE);
        let (least, most) = {
            let pages = self.pages();
            (pages.spent, pages.spent + pages.perhaps_spent)
        };
        if least == 0 {
            return Ok(());
        }
        let answer = signer.request("POST", &format!("/keys/{hash}"), "", &body(&bytes))?;
        let used = answer.body.split_once("of which ").and_then(|(_, rest)| mutez(rest.split_once(" tz")?.0));
        match used {
            Some(used) if answer.status == 403 && (least..=most).contains(&used) => {
                let mut pages = self.pages();
                (pages.spent, pages.perhaps_spent) = (used, 0);
                Ok(())
            }
            _ => Err(format!("spent: {least} to {most} mutez; the server says {answer:?}").into()),
        }
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn verified(key: &PublicKey, bytes: &[u8], answer: &Answer) -> Result<String, Fault> {
    let json = answer.json();
    let text = json.get("signature").and_then(|text| text.as_str()).ok_or("an answer without a signature")?;
    let signature: Signature = text.parse()?;
    key.verify(bytes, &signature, SigningVersion::LATEST)?;
    Ok(text.to_owned())
}

/// `12.5`, in tez, as mutez.
fn mutez(tez: &str) -> Option<u64> {
    let (whole, part) = tez.split_once('.').unwrap_or((tez, ""));
    let part: u64 = format!("{part:0<6}").parse().ok()?;
    Some(whole.parse::<u64>().ok()? * 1_000_000 + part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_read_back() {
        assert_eq!(mutez("12.5"), Some(12_500_000));
        assert_eq!(mutez("0.000001"), Some(1));
        assert_eq!(mutez("3"), Some(3_000_000));
    }
}
