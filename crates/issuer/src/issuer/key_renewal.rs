//! The use case of new keys for a client.

use std::sync::Arc;

use jwtis_base::audit::{Audited, Event};
use jwtis_base::env::Timestamp;
use jwtis_jose::KeyError;
use jwtis_store::{NotWritten, OutcomeUnknown, ReadError, Transaction, settled};

use super::rsa_work::{KeyGenerationError, Requester};
use super::{Issuer, MAX_TRIES};
use crate::access::ClientAccess;
use crate::client::{Client, ClientRecord, MAX_KEPT_SETS, StoredKeySet, client_name};
use crate::key::plan::{KeyOptions, KeyPlan, OptionsError};
use crate::key::rotation::{ImpossibleStep, KeySetState, MAX_LIVE_SETS, MAX_LIVE_SETS_BY_CLIENT};

impl Issuer {
    /// Makes new keys for a client. The present ones verify and decrypt until their last token has expired.
    ///
    /// A renewal by the client keeps the options that it leaves out as they are. A renewal by the admin takes them from the client's grant,
    /// which is the registration or the admin's latest renewal: a thief with the client token may have shortened lives since.
    ///
    /// The client may have [`MAX_LIVE_SETS_BY_CLIENT`] sets in use. For the admin the oldest retiring set ends where there are
    /// [`MAX_LIVE_SETS`], and its tokens with it.
    ///
    /// # Errors
    /// The caller can mend [`RenewKeysError::Options`]. After [`RenewKeysError::OutcomeUnknown`] the new keys may be in use. A retry may
    /// renew them once more, which costs a key set and breaks no token.
    pub async fn renew_keys(
        &self,
        access: &ClientAccess,
        options: KeyOptions,
    ) -> Result<Arc<Client>, RenewKeysError> {
        let (client, granted) = (access.client(), access.client().granted());
        let base = if access.is_admin() { granted.clone() } else { KeyPlan::of(client.keys().active()) };
        let plan = base.changed(&options, &self.settings().defaults)?;
        let granted = if access.is_admin() { plan.clone() } else { granted };
        plan.check_granted(&granted, &options)?;
        let requester = Requester::of(access.actor(), client.id());
        let keys = self.0.keygen.generate(plan, self.env().clone(), requester).await?;

        let name = client_name(client.id());
        for _ in 0..MAX_TRIES {
            let stored = self.store().get::<ClientRecord>(name).await?.ok_or(RenewKeysError::Gone)?;
            let mut record = stored.value;
            if record.registration != client.record.registration {
                return Err(RenewKeysError::Gone);
            }
            if record.disabled {
                return Err(RenewKeysError::Disabled);
            }
            if !record.has_active(client.keys().active()) {
                return Err(RenewKeysError::Conflict);
            }
            record.granted = Some(granted.clone());
            let now = self.env().now();
            let ended = make_room(&mut record, access.is_admin(), now, self.may_delete())?;
            // The old set makes tokens until this moment. A clock that is behind must not retire it before they expire.
            rotate(&mut record, StoredKeySet::new(&keys, KeySetState::Pending)?, now.max(self.confirmed()))?;
            let ended = ended.iter().map(|kid| Event::KeySetEnded(client.id(), kid));
            let renewed = Event::KeysRenewed(client.id(), keys.signing.kid());
            let events: Vec<_> = ended.chain([renewed]).map(|event| event.by(access.actor(), now)).collect();
            let tx = Transaction::new(self.store()).replace(name, stored.version, &record);
            let tx = events.iter().fold(tx, |tx, event| tx.append(event.record()));
            if settled::<RenewKeysError>(self.store().commit(tx).await)? {
                events.iter().for_each(Audited::log);
                return self.load(client.id()).await?.ok_or(RenewKeysError::Gone);
            }
            // A revocation or another rotation was faster: look again.
        }
        Err(RenewKeysError::Conflict)
    }
}

/// Drops retired sets and makes room for one more. `may_drop` is whether the clock may be trusted with that. Returns the kids of the sets
/// that end for it.
fn make_room(
    record: &mut ClientRecord,
    by_admin: bool,
    now: Timestamp,
    may_drop: bool,
) -> Result<Vec<String>, RenewKeysError> {
    let mut ended = Vec::new();
    if by_admin {
        while record.live_sets(now) >= MAX_LIVE_SETS
            && let Some(kid) = record.end_oldest(now)
        {
            ended.push(kid);
        }
    } else if record.live_sets(now) >= MAX_LIVE_SETS_BY_CLIENT {
        return Err(RenewKeysError::TooManyKeySets);
    }
    if may_drop {
        record.drop_retired(now);
    } else if record.sets.len() >= MAX_KEPT_SETS {
        // A clock that is ahead may have retired them too early. Only the admin may risk that.
        if !by_admin {
            return Err(RenewKeysError::TooManyKeySets);
        }
        record.drop_oldest_retired(now);
    }
    Ok(ended)
}

/// Puts the new set in front, active; the active one retires.
fn rotate(record: &mut ClientRecord, mut new: StoredKeySet, now: Timestamp) -> Result<(), RenewKeysError> {
    for set in record.sets.iter_mut().filter(|set| set.header.state == KeySetState::Active) {
        let header = &mut set.header;
        let expires_at = Timestamp::from_millis(header.expires_at_ms);
        header.state = header.state.retire(now, &header.policy, expires_at)?;
    }
    new.header.state = new.header.state.activate()?;
    record.sets.insert(0, new);
    Ok(())
}

/// Why keys were not renewed.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages explain")]
pub enum RenewKeysError {
    #[error(transparent)]
    Options(#[from] OptionsError),
    #[error(
        "{MAX_LIVE_SETS_BY_CLIENT} key sets of this client are kept, which is the most by the client itself; wait until the oldest has retired, or ask the admin to renew the keys"
    )]
    TooManyKeySets,
    #[error("the client is disabled")]
    Disabled,
    #[error("the client has been deleted meanwhile")]
    Gone,
    #[error(
        "the client was changed by another request at the same moment; its keys are as that one left them"
    )]
    Conflict,
    #[error(transparent)]
    Generation(#[from] KeyGenerationError),
    #[error("the keys could not be exported")]
    Keys(#[from] KeyError),
    #[error("the stored key states are damaged")]
    State(#[from] ImpossibleStep),
    #[error("the keys could not be stored")]
    Store(#[from] NotWritten),
    /// The new keys may be in use, now or in a moment.
    #[error("it is not known whether the keys were renewed")]
    OutcomeUnknown(#[from] OutcomeUnknown),
    #[error("the store could not be read")]
    Read(#[from] ReadError),
}
