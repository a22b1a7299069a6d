//! Makes tokens. The payload has the server's claims first, then the client's own. A refresh token is signed, then encrypted.

use std::fmt;
use std::fmt::Write as _;

use jwtis_base::env::{Env, NoEntropy, Timestamp};
use jwtis_base::session_id::SessionId;
use jwtis_jose::ProtectedHeader;
use jwtis_jose::jwe::EncryptError;
use jwtis_jose::jws::SignError;
use serde_json::Value;
use zeroize::Zeroizing;

use super::claims::{CustomClaims, LIFETIMES, Lifetimes, expiry_after};
use crate::key::KeySet;
use crate::policy::TokenPolicy;

pub(super) const ACCESS_TYPE: &str = "JWT";
/// `typ` of the JWS inside a refresh token (RFC 8725 §3.11).
pub(super) const REFRESH_TYPE: &str = "refresh+jwt";

/// The tokens of one answer.
pub struct TokenSet {
    /// The session: `id` in answers, `sid` in the tokens.
    pub session: SessionId,
    /// The access token.
    pub access_token: String,
    /// The refresh token. A renewal without rotation returns the presented one.
    pub refresh_token: String,
    /// `exp` of the access token, seconds since the epoch.
    pub expires_at: u64,
    /// `exp` of the refresh token, seconds since the epoch.
    pub refresh_expires_at: u64,
    /// Seconds from now to `expires_at`.
    pub expires_in: u64,
}

/// The parts that all tokens of one answer share.
pub(super) struct Mint<'a> {
    pub(super) keys: &'a KeySet,
    /// That of the keys, within the server's maxima.
    pub(super) policy: &'a TokenPolicy,
    pub(super) session: SessionId,
    pub(super) claims: &'a CustomClaims,
    pub(super) lifetimes: Lifetimes,
    pub(super) now: Timestamp,
    pub(super) env: &'a Env,
}

pub(super) enum RefreshToken {
    /// The presented one, with its `exp`.
    Kept(String, u64),
    /// A new one of this generation.
    New(u64),
}

/// Why no token was made. The caller cannot mend it.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages explain")]
pub enum MintError {
    #[error("the token could not be signed")]
    Sign(#[from] SignError),
    #[error("the refresh token could not be encrypted")]
    Encrypt(#[from] EncryptError),
    #[error(transparent)]
    Entropy(#[from] NoEntropy),
}

impl Mint<'_> {
    pub(super) fn tokens(&self, refresh: RefreshToken) -> Result<TokenSet, MintError> {
        let KeySet { signing, encryption, content, expires_at: end, .. } = self.keys;
        let expires_at = expiry_after(self.now, self.lifetimes.access(self.policy), *end);
        let header = ProtectedHeader { typ: Some(ACCESS_TYPE), cty: None };
        let access_token = signing.sign(&header, &self.payload(expires_at, None)?)?;
        let (refresh_token, refresh_expires_at) = match refresh {
            RefreshToken::Kept(token, expires_at) => (token, expires_at),
            RefreshToken::New(generation) => {
                let expires_at = expiry_after(self.now, self.lifetimes.refresh(self.policy), *end);
                let header = ProtectedHeader { typ: Some(REFRESH_TYPE), cty: None };
                let signed = signing.sign(&header, &self.payload(expires_at, Some(generation))?)?;
                let signed = Zeroizing::new(signed);
                let outer = &ProtectedHeader::NESTED_JWT;
                (encryption.encrypt_to_self(*content, outer, signed.as_bytes())?, expires_at)
            }
        };
        let expires_in = expires_at.saturating_sub(self.now.seconds());
        let session = self.session;
        Ok(TokenSet { session, access_token, refresh_token, expires_at, refresh_expires_at, expires_in })
    }

    fn payload(&self, expires_at: u64, generation: Option<u64>) -> Result<Vec<u8>, NoEntropy> {
        // A UUIDv7 of its own for every token (RFC 7519 §4.1.7).
        let random = self.env.random::<10>()?;
        let jti = uuid::Builder::from_unix_timestamp_millis(self.now.millis(), &random).into_uuid();
        let (seconds, session) = (self.now.seconds(), self.session.uuid());
        let issuer = Value::String(self.policy.issuer.clone());
        let mut json = String::with_capacity(256 + self.claims.json.len());
        // Writing to a String cannot fail.
        let _ = write!(
            json,
            r#"{{"iss":{issuer},"exp":{expires_at},"nbf":{seconds},"iat":{seconds},"jti":"{jti}","sid":"{session}""#
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
}

impl fmt::Debug for TokenSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenSet")
            .field("session", &self.session)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}
