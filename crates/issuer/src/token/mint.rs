//! Makes tokens: the server's claims in front of the client's, signed, and for refresh tokens encrypted.

use std::fmt::Write as _;

use jwtis_base::env::{Env, NoEntropy, Timestamp};
use jwtis_base::session_id::SessionId;
use jwtis_jose::jws::SignError;
use jwtis_jose::{ProtectedHeader, jwt};
use serde_json::Value;
use uuid::Uuid;

use super::claims::{CustomClaims, LIFETIMES, Lifetimes, expiry_after};
use super::{ACCESS_TYPE, REFRESH_TYPE};
use crate::key::KeySet;

/// Everything that tokens of one answer have in common.
pub(super) struct Mint<'a> {
    pub(super) keys: &'a KeySet,
    pub(super) session: SessionId,
    pub(super) claims: &'a CustomClaims,
    pub(super) lifetimes: Lifetimes,
    pub(super) now: Timestamp,
    pub(super) env: &'a Env,
}

/// A token and its `exp`, in seconds since the epoch.
pub(super) struct Minted {
    pub(super) token: String,
    pub(super) expires_at: u64,
}

/// Why no token was made; none of it is the caller's fault.
#[derive(Debug, thiserror::Error)]
pub enum MintError {
    /// The signature failed.
    #[error("the token could not be signed")]
    Sign(#[from] SignError),
    /// Signing or encrypting the refresh token failed.
    #[error("the refresh token could not be made")]
    Nest(#[from] jwt::NestError),
    /// No randomness.
    #[error(transparent)]
    Entropy(#[from] NoEntropy),
}

impl Mint<'_> {
    /// Whether the keys have expired: then no token can be made with them.
    pub(super) const fn keys_expired(keys: &KeySet, now: Timestamp) -> bool {
        keys.expires_at.seconds() <= now.seconds()
    }

    pub(super) fn access_token(&self) -> Result<Minted, MintError> {
        let expires_at =
            expiry_after(self.now, self.lifetimes.access(&self.keys.policy), self.keys.expires_at);
        let payload = self.payload(expires_at, None)?;
        let header = ProtectedHeader { typ: Some(ACCESS_TYPE), cty: None };
        Ok(Minted { token: self.keys.signing.sign(&header, &payload)?, expires_at })
    }

    pub(super) fn refresh_token(&self, generation: u64) -> Result<Minted, MintError> {
        let expires_at =
            expiry_after(self.now, self.lifetimes.refresh(&self.keys.policy), self.keys.expires_at);
        let payload = self.payload(expires_at, Some(generation))?;
        let inner = ProtectedHeader { typ: Some(REFRESH_TYPE), cty: None };
        let keys = self.keys;
        let token = jwt::nest_to_self(&keys.signing, &inner, &keys.encryption, keys.content, &payload)?;
        Ok(Minted { token, expires_at })
    }

    fn payload(&self, expires_at: u64, generation: Option<u64>) -> Result<Vec<u8>, MintError> {
        let jti = self.token_id()?;
        let seconds = self.now.seconds();
        let issuer = Value::String(self.keys.policy.issuer.clone());
        let mut json = String::with_capacity(256 + self.claims.json.len());
        // Writing to a String cannot fail.
        let _ = write!(
            json,
            r#"{{"iss":{issuer},"exp":{expires_at},"nbf":{seconds},"iat":{seconds},"jti":"{jti}","sid":"{}""#,
            self.session.uuid()
        );
        if let Some(generation) = generation {
            let _ = write!(json, r#","gen":{generation}"#);
            if let Some(lifetimes) = self.lifetimes.to_claim() {
                let _ = write!(json, r#","{LIFETIMES}":{lifetimes}"#);
            }
        }
        let mut bytes = json.into_bytes();
        match self.claims.json.strip_prefix(b"{") {
            None | Some(b"}") => bytes.push(b'}'),
            Some(members) => {
                bytes.push(b',');
                bytes.extend_from_slice(members);
            }
        }
        Ok(bytes)
    }

    /// A UUIDv7 of its own for every token (RFC 7519 §4.1.7).
    fn token_id(&self) -> Result<Uuid, NoEntropy> {
        let random = self.env.random::<10>()?;
        Ok(uuid::Builder::from_unix_timestamp_millis(self.now.millis(), &random).into_uuid())
    }
}
