//! The configuration of one moment: the rules that judge a request, and the vaults that sign for it.
//!
//! A request takes both at once and keeps them to its end, in [`crate::Authenticated`]. A reload puts another snapshot into force for
//! the requests that come later, so no request meets the guard of one configuration and the policy or the vaults of another.

use std::fmt;
use std::sync::Arc;

use jwtis_tezos::{PublicKey, PublicKeyHash};

use crate::rules::Rules;
use crate::vaults::{NotHeld, Vaults, Why};

/// Rules and vaults of one configuration.
pub struct Snapshot {
    pub(crate) rules: Arc<Rules>,
    pub(crate) vaults: Arc<Vaults>,
}

impl Snapshot {
    /// What the operator has decided.
    #[must_use]
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// The public key of a hash, of any vault; of listed keys only where the rules say so (§1.5).
    ///
    /// # Errors
    /// [`NotHeld`].
    pub async fn public_key(&self, key: &PublicKeyHash) -> Result<PublicKey, NotHeld> {
        if self.rules.restrict_public_keys == Some(true) && !self.rules.keys.contains_key(key) {
            return Err(NotHeld::Nowhere);
        }
        Ok(self.vaults.find(key, Why::Look).await?.public_key.clone())
    }

    /// The listed keys that some vault holds; `None` where the rules do not tell.
    pub async fn known_keys(&self) -> Option<Vec<PublicKeyHash>> {
        if !self.rules.known_keys {
            return None;
        }
        Some(self.vaults.held(self.rules.keys.keys().copied()).await)
    }

    /// Whether all vaults can work, for `/healthz`.
    pub async fn ready(&self) -> bool {
        self.vaults.ready().await
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot").finish_non_exhaustive()
    }
}
