//! Who asks: tokens (§2.3) and requests signed with a client's own key (§1.8). [`Authenticated`] is the proof that somebody looked.
//!
//! Two kinds of tokens open the signer. Those of logins are HS256 under the secret of the user whom the request names: `guard/login_token`.
//! Those of our own issuer have another algorithm, and are looked at where the rules trust clients of it: `guard/issuer_token`. The
//! algorithm parts them before any key is chosen, and the key then decides what it verifies, so neither passes for the other.

mod issuer_token;
mod login_token;
mod narrowing;
mod refusal;

use std::net::IpAddr;
use std::sync::Arc;

use jwtis_base::env::Timestamp;
use jwtis_jose::jws;
use jwtis_tezos::{Caller, PublicKey, PublicKeyHash, Signature, SigningVersion};

use super::login::{LoginSecretHash, TokenGuard, TrustedIssuer};
use super::rules::Guard;
use super::{Signer, Snapshot};

pub use refusal::{ClaimFault, ClientRefusal, TokenRefusal, UnverifiedReason};

/// Proof that the caller was authenticated by the guard of a configuration. Only this module makes one. The request is judged by the
/// rules and signed by the vaults of that same configuration.
#[derive(Clone, Debug)]
pub struct Authenticated {
    caller: Caller,
    ground: Ground,
    snapshot: Arc<Snapshot>,
}

/// On what grounds a caller was let in. If a reload takes them away while the body is on its way, the caller is out again.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Ground {
    /// No token.
    None,
    /// A login's token, made with this secret.
    Login(LoginSecretHash),
    /// A token of an issuer.
    Issuer(TrustedIssuer),
}

impl Authenticated {
    /// Who it is.
    #[must_use]
    pub const fn caller(&self) -> &Caller {
        &self.caller
    }

    /// The rules and vaults of the request.
    #[must_use]
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// Whether this guard, too, would have let the caller in.
    fn holds(&self, guard: &TokenGuard, now: Timestamp) -> bool {
        match (&self.ground, &self.caller) {
            (Ground::Login(secret), Caller::User(user)) => {
                guard.user(&user.name).is_some_and(|user| user.has_secret(secret, now))
            }
            (Ground::Issuer(issuer), Caller::User(_)) => guard.issuers().contains(issuer),
            (Ground::None, _)
            | (Ground::Login(_) | Ground::Issuer(_), Caller::Anonymous | Caller::Client(_)) => false,
        }
    }

    /// Takes anybody for authenticated: for tests of what comes after.
    #[cfg(feature = "testing")]
    #[must_use]
    pub fn as_caller(signer: &Signer, caller: Caller) -> Self {
        Self { caller, ground: Ground::None, snapshot: signer.snapshot() }
    }
}

impl PartialEq for Authenticated {
    /// The same caller on the same grounds, under whichever configuration.
    fn eq(&self, other: &Self) -> bool {
        self.caller == other.caller && self.ground == other.ground
    }
}

/// What the headers of a request bring: claims, until they are checked.
#[derive(Copy, Clone, Default)]
pub struct Presented<'a> {
    /// `Authorization` or `X-Signatory-Token`, as sent.
    pub token: Option<&'a str>,
    /// `username` or `X-Signatory-User`, as sent.
    pub username: Option<&'a str>,
}

impl Signer {
    /// Checks the token of a request. Where the guard in force asks for none, everybody passes.
    ///
    /// # Errors
    /// [`TokenRefusal`].
    pub async fn authenticate(&self, presented: Presented<'_>) -> Result<Authenticated, TokenRefusal> {
        let snapshot = self.snapshot();
        let guard = match &snapshot.rules().guard {
            Guard::Tokens(guard) => guard,
            Guard::Open | Guard::Keys(_) => {
                return Ok(Authenticated { caller: Caller::Anonymous, ground: Ground::None, snapshot });
            }
        };

        let token = presented.token.map(without_scheme).filter(|token| !token.is_empty());
        let token = token.ok_or(TokenRefusal::Missing)?;
        let username = presented.username.filter(|name| !name.is_empty());
        let parsed = jws::Unverified::parse(token);
        let (user, ground) = match &parsed {
            Ok(parsed) if !guard.issuers().is_empty() && !is_of_a_login(parsed) => {
                let checked = issuer_token::check(guard, self.0.issuer.as_ref(), token, username).await;
                checked.map(|(user, issuer)| (user, Ground::Issuer(issuer)))?
            }
            _ => {
                let checked = login_token::check(guard, parsed, username, self.0.env.now());
                checked.map(|(user, secret)| (user, Ground::Login(secret)))?
            }
        };
        Ok(Authenticated { caller: Caller::User(user), ground, snapshot })
    }

    /// Counts a refusal by its source where no key of ours has verified the token, and writes what is due into the audit trail.
    pub fn note_refusal(&self, refusal: &TokenRefusal, source: IpAddr) {
        let reason = match refusal {
            TokenRefusal::Unverified(reason) => reason,
            TokenRefusal::Missing
            | TokenRefusal::Invalid
            | TokenRefusal::Claims(_)
            | TokenRefusal::Revoked
            | TokenRefusal::Unavailable => return,
        };
        let Some(refused) = self.0.refusals.count(source, self.0.env.now()) else { return };
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
                (Err(error), _) => Some(format!("the client {client} of server.jwt.issuers: {error}")),
            });
        }
        remarks
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
        caller: Authenticated,
        key: &PublicKeyHash,
        message: &[u8],
        authentication: Option<&str>,
    ) -> Result<Authenticated, ClientRefusal> {
        let snapshot = self.snapshot();
        let (caller, ground) = match &snapshot.rules().guard {
            Guard::Keys(keys) => {
                (Caller::Client(signer_of(keys, key, message, authentication)?), Ground::None)
            }
            // After the request had begun, tokens came into force, or the caller's user or secret went.
            Guard::Tokens(guard) if !caller.holds(guard, self.0.env.now()) => {
                return Err(ClientRefusal::Invalid);
            }
            Guard::Tokens(_) | Guard::Open => (caller.caller, caller.ground),
        };
        Ok(Authenticated { caller, ground, snapshot })
    }
}

/// The token behind the scheme `Bearer` (RFC 9110 §11.1: in any case, one or more spaces), or the token as it is.
fn without_scheme(sent: &str) -> &str {
    match sent.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim_start_matches(' '),
        _ => sent,
    }
}

/// Logins make HS256. Its longer kin is of no issuer of ours either, and gets the answer of a login token.
fn is_of_a_login(token: &jws::Unverified<'_>) -> bool {
    token.header().alg().starts_with("HS")
}

/// In front of what a client signs, as opposed to what the signer signs (§1.8).
const AUTHENTICATION_PREFIX: [u8; 2] = [0x04, 0x01];

/// Which of the keys signed the request. For tz4 that is the scheme of version 2 over the bytes themselves.
fn signer_of(
    keys: &[PublicKey],
    key: &PublicKeyHash,
    message: &[u8],
    authentication: Option<&str>,
) -> Result<PublicKeyHash, ClientRefusal> {
    let text = authentication.filter(|text| !text.is_empty()).ok_or(ClientRefusal::Missing)?;
    let signature: Signature = text.parse().map_err(|error| malformed(&error))?;
    let signed = [&AUTHENTICATION_PREFIX[..], &key.to_tagged(), message].concat();
    keys.iter()
        .find(|key| key.verify(&signed, &signature, SigningVersion::LATEST).is_ok())
        .map(PublicKey::hash)
        .ok_or(ClientRefusal::Invalid)
}

fn malformed(error: &jwtis_tezos::signature::SignatureError) -> ClientRefusal {
    ClientRefusal::Malformed(error.to_string())
}
