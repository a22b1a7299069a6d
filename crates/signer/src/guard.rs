//! Who asks: tokens, requests signed with a client's own key, and the admin.
//!
//! A request passes two checks. [`Signer::authenticate`] looks at its token before the body is read. [`Signer::authenticate_client`] looks
//! at its signature, where the guard wants one, and makes [`Authenticated`]. Nothing else does, and nothing is signed without one.

mod refusal;
mod tokens;

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use jwtis_base::BearerSecret;
use jwtis_base::audit::Actor;
use jwtis_base::env::Timestamp;
use jwtis_jose::jws;
use jwtis_store::BoxError;
use jwtis_tezos::{Caller, PublicKey, PublicKeyHash, Signature, SigningVersion};
use zeroize::Zeroizing;

use super::login::{LoginSecretHash, TokenGuard};
use super::rules::Guard;
use super::switch::Switcher;
use super::trusted::TrustedIssuer;
use super::vaults::ConfigSnapshot;
use super::{Signer, text::in_one_line};

pub use refusal::{ClaimFault, ClientRefusal, TokenRefusal, UnverifiedReason};

/// A caller whose token was checked, where the guard wants tokens. Their request may still need a signature of its own.
#[derive(Clone, Debug)]
pub struct TokenChecked {
    caller: Caller,
    ground: Ground,
    snapshot: Arc<ConfigSnapshot>,
}

/// Why a caller was let in. If a reload takes the reason away while the body is on its way, the caller is out again.
#[derive(Clone, Debug)]
enum Ground {
    NoToken,
    /// A token that was made with this secret of a user.
    Login(LoginSecretHash),
    /// This token of this issuer.
    Issuer(TrustedIssuer, AccessToken),
}

/// An access token, which is not printed and wiped on drop.
#[derive(Clone)]
struct AccessToken(Zeroizing<String>);

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessToken")
    }
}

impl TokenChecked {
    /// Who it is.
    #[must_use]
    pub const fn caller(&self) -> &Caller {
        &self.caller
    }

    /// The rules and vaults of the request.
    #[must_use]
    pub fn snapshot(&self) -> &ConfigSnapshot {
        &self.snapshot
    }

    /// Whether this guard, too, would have let the caller in.
    fn holds(&self, guard: &TokenGuard, now: Timestamp) -> bool {
        match (&self.ground, &self.caller) {
            (Ground::Login(secret), Caller::User(user)) => {
                guard.user(&user.name).is_some_and(|user| user.has_secret(secret, now))
            }
            (Ground::Issuer(issuer, _), Caller::User(_)) => guard.issuers().contains(issuer),
            (Ground::NoToken, _)
            | (Ground::Login(_) | Ground::Issuer(..), Caller::Anonymous | Caller::Client(_)) => false,
        }
    }
}

/// Proof that the caller passed every check of the guard of one configuration. The request is judged by the rules and signed by the vaults
/// of that same configuration. A token check alone is not enough:
///
/// ```compile_fail,E0308
/// use jwtis_signer::{Authenticated, TokenChecked};
/// fn skips_the_signature_of_the_request(checked: TokenChecked) -> Authenticated { checked }
/// ```
#[derive(Clone, Debug)]
pub struct Authenticated {
    caller: Caller,
    ground: Ground,
    snapshot: Arc<ConfigSnapshot>,
}

impl Authenticated {
    /// Who it is.
    #[must_use]
    pub const fn caller(&self) -> &Caller {
        &self.caller
    }

    /// The rules and vaults of the request.
    #[must_use]
    pub fn snapshot(&self) -> &ConfigSnapshot {
        &self.snapshot
    }

    /// Takes anybody for authenticated: for tests of what comes after.
    #[cfg(feature = "testing")]
    #[must_use]
    pub fn as_caller(signer: &Signer, caller: Caller) -> Self {
        Self { caller, ground: Ground::NoToken, snapshot: signer.snapshot() }
    }
}

/// What the headers of a request claim.
#[derive(Copy, Clone, Default)]
pub struct Presented<'a> {
    /// `Authorization` or `X-Signatory-Token`, as sent.
    pub token: Option<&'a str>,
    /// `username` or `X-Signatory-User`, as sent.
    pub username: Option<&'a str>,
}

/// Why the caller is not let in as the admin.
#[derive(Debug, thiserror::Error)]
pub enum NotTheAdmin {
    /// The caller does not hold the admin token, or there is no store whose admin they could be.
    #[error("the admin token is missing or wrong")]
    Denied,
    /// The store cannot be read.
    #[error("the admin token cannot be checked")]
    Unchecked(#[source] BoxError),
}

impl Signer {
    /// Checks the token of a request. Where the guard in force wants none, everybody passes.
    ///
    /// # Errors
    /// [`TokenRefusal`].
    pub async fn authenticate(&self, presented: Presented<'_>) -> Result<TokenChecked, TokenRefusal> {
        let snapshot = self.snapshot();
        let guard = match &snapshot.rules().guard {
            Guard::Tokens(guard) => guard,
            Guard::Open | Guard::Keys(_) => {
                return Ok(TokenChecked { caller: Caller::Anonymous, ground: Ground::NoToken, snapshot });
            }
        };
        let token = presented.token.map(without_scheme).filter(|token| !token.is_empty());
        let token = token.ok_or(TokenRefusal::Missing)?;
        let username = presented.username.filter(|name| !name.is_empty());
        // The algorithm parts the two kinds before any key is chosen, and the key decides what it verifies: neither passes for the other.
        let (user, ground) = match jws::Unverified::parse(token) {
            Ok(parsed) if !guard.issuers().is_empty() && !is_of_a_login(&parsed) => {
                let (user, issuer) =
                    tokens::of_issuer(guard, self.0.issuer.as_ref(), token, username).await?;
                (user, Ground::Issuer(issuer, AccessToken(Zeroizing::new(token.to_owned()))))
            }
            parsed => {
                let (user, secret) = tokens::of_login(guard, parsed, username, self.0.env.now())?;
                (user, Ground::Login(secret))
            }
        };
        Ok(TokenChecked { caller: Caller::User(user), ground, snapshot })
    }

    /// Checks the `authentication` value of a request for a signature of `message`, or of a proof of possession where that is empty.
    /// Where the guard in force has no keys, the caller stays who they are, if that guard would have let them in.
    ///
    /// The body may have taken its time to arrive. The request goes on under the configuration that is in force now.
    ///
    /// # Errors
    /// [`ClientRefusal`].
    pub fn authenticate_client(
        &self,
        checked: TokenChecked,
        key: &PublicKeyHash,
        message: &[u8],
        authentication: Option<&str>,
    ) -> Result<Authenticated, ClientRefusal> {
        let snapshot = self.snapshot();
        let (caller, ground) = match &snapshot.rules().guard {
            Guard::Keys(keys) => {
                (Caller::Client(signer_of(keys, key, message, authentication)?), Ground::NoToken)
            }
            // After the request had begun, tokens came into force, or the caller's user or secret went.
            Guard::Tokens(guard) if !checked.holds(guard, self.0.env.now()) => {
                return Err(ClientRefusal::Invalid);
            }
            Guard::Tokens(_) | Guard::Open => (checked.caller, checked.ground),
        };
        Ok(Authenticated { caller, ground, snapshot })
    }

    /// That the token of an issuer is still valid, after a hook or the disk took their time: it may have been revoked, and its client
    /// disabled or deleted.
    pub(crate) async fn still_valid(&self, caller: &Authenticated) -> Result<(), TokenRefusal> {
        match &caller.ground {
            Ground::Issuer(trusted, AccessToken(token)) => {
                tokens::still_valid(self.0.issuer.as_ref(), trusted, token).await
            }
            Ground::NoToken | Ground::Login(_) => Ok(()),
        }
    }

    /// Lets the admin of the store in; nobody where there is no store.
    ///
    /// # Errors
    /// [`NotTheAdmin`].
    pub async fn admin(&self, token: Option<&BearerSecret>) -> Result<Switcher, NotTheAdmin> {
        let (Some(issuer), Some(token)) = (&self.0.issuer, token) else { return Err(NotTheAdmin::Denied) };
        match issuer.is_admin(token).await {
            Ok(true) => Ok(Switcher(Actor::Admin)),
            Ok(false) => Err(NotTheAdmin::Denied),
            Err(error) => Err(NotTheAdmin::Unchecked(error)),
        }
    }

    /// Counts a refusal by its source where no key of ours has verified the token, and writes the log line that is due.
    pub fn note_refusal(&self, refusal: &TokenRefusal, source: IpAddr) {
        let reason = match refusal {
            TokenRefusal::Unverified(reason) => reason,
            TokenRefusal::Missing
            | TokenRefusal::Invalid
            | TokenRefusal::Claims(_)
            | TokenRefusal::Revoked
            | TokenRefusal::Unavailable => return,
        };
        let Some(refused) = self.0.refused.count(source, self.0.env.now()) else { return };
        tracing::warn!(
            target: "jwtis::audit",
            event = "token_refused",
            %source,
            %reason,
            refused,
            "a token was refused; more of this source within a minute are counted and not logged"
        );
    }

    /// What is odd about the clients of our issuer that the rules in force trust, a sentence each.
    pub async fn remarks_on_issuers(&self) -> Vec<String> {
        let rules = self.rules();
        let (Guard::Tokens(guard), Some(issuer)) = (&rules.guard, &self.0.issuer) else { return Vec::new() };
        let mut remarks = Vec::new();
        for TrustedIssuer { client, registration, .. } in guard.issuers() {
            remarks.extend(match (issuer.registration(client).await, registration) {
                (Ok(None), _) => Some(format!(
                    "server.jwt.issuers trusts the client {client}, and no such client is registered"
                )),
                (Ok(Some(found)), Some(trusted)) if found != *trusted => Some(format!(
                    "server.jwt.issuers trusts the registration {trusted} of the client {client}, and the client of this name is {found}: its tokens are refused"
                )),
                (Ok(Some(_)), _) => None,
                (Err(error), _) => {
                    Some(format!("the client {client} of server.jwt.issuers: {}", in_one_line(&*error)))
                }
            });
        }
        remarks
    }
}

/// The token behind the scheme `Bearer` (RFC 9110 §11.1: in any case, one or more spaces), or the token as it is.
fn without_scheme(sent: &str) -> &str {
    match sent.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim_start_matches(' '),
        _ => sent,
    }
}

/// Logins make HS256. No issuer of ours makes HS384 or HS512 either, so they get the answer of a login token.
fn is_of_a_login(token: &jws::Unverified<'_>) -> bool {
    token.header().alg().starts_with("HS")
}

/// In front of what a client signs, as opposed to what the signer signs.
const AUTHENTICATION_PREFIX: [u8; 2] = [0x04, 0x01];

/// Which of the keys signed the request. For tz4 that is the scheme of version 2 over the bytes themselves.
fn signer_of(
    keys: &[PublicKey],
    key: &PublicKeyHash,
    message: &[u8],
    authentication: Option<&str>,
) -> Result<PublicKeyHash, ClientRefusal> {
    let text = authentication.filter(|text| !text.is_empty()).ok_or(ClientRefusal::Missing)?;
    let signature: Signature = text.parse().map_err(ClientRefusal::Malformed)?;
    let signed = [&AUTHENTICATION_PREFIX[..], &key.to_tagged(), message].concat();
    keys.iter()
        .find(|key| key.verify(&signed, &signature, SigningVersion::LATEST).is_ok())
        .map(PublicKey::hash)
        .ok_or(ClientRefusal::Invalid)
}
