//! Proofs of possession of tz4 keys (specification 1.7).
//!
//! There is no message, no watermark and no request kind. Signatory lets clients pass here that may not sign with the key; they
//! are refused (Appendix A, "Proof route").

use crate::policy::{Caller, Denial, Policy};
use crate::{Curve, PublicKeyHash};

/// Why no proof is given. The answer's status is 403 for [`Self::Denied`] and 400 for the others.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PossessionDenial {
    /// The caller may not use the key, or his token does not permit this.
    #[error(transparent)]
    Denied(#[from] Denial),
    /// Only tz4 keys have proofs.
    #[error("proof of possession is not supported")]
    NotSupported,
    /// The key's `allow_proof_of_possession` is not true.
    #[error("proof of possession is not allowed")]
    NotAllowed,
}

impl Policy {
    /// Whether the caller gets a proof of possession of the key.
    ///
    /// # Errors
    /// [`PossessionDenial`], in the order of the specification.
    pub fn possession(&self, key: &PublicKeyHash, caller: &Caller) -> Result<(), PossessionDenial> {
        self.admit(key, caller)?;
        self.client(caller)?;
        match caller {
            Caller::User(user) => user.may_prove()?,
            Caller::Anonymous | Caller::Client(_) => {}
        }
        if key.curve() != Curve::Bls12381 {
            return Err(PossessionDenial::NotSupported);
        }
        if !self.allow_proof_of_possession {
            return Err(PossessionDenial::NotAllowed);
        }
        Ok(())
    }
}
