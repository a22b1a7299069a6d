//! Login users (§2): two pairs of credentials during a rotation, and the tokens that a login gives.
//!
//! A token is HS256 under the user's own secret. It has Signatory's claims `exp` and `user`, and beside them `iat` and `jti`. Nothing
//! is stored: a token dies at its `exp`, or with the secret that made it.

mod password;
mod rotation;
mod strength;
mod user;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use jwtis_base::client_id::ClientId;
use jwtis_base::env::{Env, Timestamp};
use jwtis_base::registration_id::RegistrationId;
use jwtis_jose::{ClaimsSet, ProtectedHeader, base64url};
use zeroize::Zeroizing;

use super::Signer;
use super::guard::shown;
use super::rules::Guard;

pub use password::{HashPasswordError, hash_password};
pub use strength::{password_faults, secret_faults};

use password::{Dummy, Hash};
pub(super) use user::{Credentials, SecretHash, User};

/// A user as configured (§2.4, §2.5).
pub struct UserConfig {
    /// The name.
    pub name: String,
    /// The credentials in force.
    pub current: CredentialsConfig,
    /// The credentials after `old_cred_exp`, or at once where that is not given.
    pub new: Option<CredentialsConfig>,
    /// `YYYY-MM-DD hh:mm:ss`, UTC. Ignored without [`Self::new`].
    pub old_cred_exp: Option<String>,
}

/// One pair of credentials as configured.
pub struct CredentialsConfig {
    /// A plain password, or an Argon2id PHC string. How good the password behind a PHC string is cannot be told, so §2.4 is not
    /// applied to it: `jwtis hash-password` looks before it hashes.
    pub password: Zeroizing<String>,
    /// The key of the user's tokens: raw UTF-8 bytes.
    pub secret: Zeroizing<String>,
    /// Minutes that a token lives; 0 means 60.
    pub jwt_exp: u32,
}

/// A client of our issuer whose tokens open the signer.
///
/// Whoever may issue tokens for the client names the user, by `sub`, and may name one who also logs in here: `jwt_users` lists names
/// and does not ask which way they came. So trust a client only as far as every key whose `jwt_users` it could satisfy. A token itself
/// is never taken for one of the other kind: those of logins are HS256 under the user's secret, those of issuers never are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TrustedIssuer {
    /// The client.
    pub client: ClientId,
    /// The one registration of that name that is trusted. Without it, whoever holds the name is: after a deletion, and with open
    /// registration, that may be somebody else.
    pub registration: Option<RegistrationId>,
    /// What `aud` must contain. Without it tokens that name any audience are refused: they are for somebody else (RFC 7519 §4.1.3).
    pub audience: Option<String>,
}

/// The users and issuers whose tokens are taken.
#[derive(Default)]
pub struct TokenGuard {
    users: BTreeMap<String, User>,
    issuers: Vec<TrustedIssuer>,
    /// What a look verifies where the user has no hash; none where nobody has one.
    dummy: Option<Dummy>,
    /// Permissions that nobody knows and a warning has named.
    unknown_permissions: Mutex<BTreeSet<String>>,
}

impl TokenGuard {
    /// Checks the credentials (§2.4) and plans rotations (§2.5). The texts of the notices are for the log.
    ///
    /// # Errors
    /// Every fault of every user, by name.
    pub fn new(
        users: Vec<UserConfig>,
        issuers: Vec<TrustedIssuer>,
        env: &Env,
    ) -> Result<(Self, Vec<String>), Vec<UserFault>> {
        let now = env.now();
        let mut configs = BTreeMap::new();
        let (mut faults, mut notices) = (Vec::new(), Vec::new());
        for config in users {
            if let Some(twice) = configs.insert(config.name.clone(), config) {
                let message = format!("JWT: user {} is listed twice", twice.name);
                faults.push(UserFault { user: twice.name, message });
            }
        }
        let mut users = BTreeMap::new();
        for (name, config) in configs {
            match User::new(&config, now) {
                Ok((user, of_user)) => {
                    notices.extend(of_user);
                    users.insert(name, user);
                }
                Err(messages) => faults
                    .extend(messages.into_iter().map(|message| UserFault { user: name.clone(), message })),
            }
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        let hashes: Vec<Vec<&Arc<Hash>>> = users.values().map(User::hashes).collect();
        let parameters: BTreeSet<_> = hashes.iter().flatten().map(|hash| hash.parameters()).collect();
        if parameters.len() > 1 {
            notices.push(
                "JWT: the password hashes of the users differ in cost, so the time of a login can tell who is a user; make them anew with jwtis hash-password"
                    .to_owned(),
            );
        }
        let dearest = hashes.iter().flatten().max_by_key(|hash| hash.cost());
        let looks = hashes.iter().map(Vec::len).max().unwrap_or_default();
        let dummy = dearest.map(|hash| Dummy { hash: Arc::clone(hash), looks });
        Ok((Self { users, issuers, dummy, unknown_permissions: Mutex::default() }, notices))
    }

    /// Whether a user has this name, for a warning about `jwt_users`.
    #[must_use]
    pub fn has_user(&self, name: &str) -> bool {
        self.users.contains_key(name)
    }

    /// The user of this name.
    pub(super) fn user(&self, name: &str) -> Option<&User> {
        self.users.get(name)
    }

    /// All users.
    pub(super) fn users(&self) -> impl Iterator<Item = &User> {
        self.users.values()
    }

    /// The clients whose tokens are taken.
    pub(super) fn issuers(&self) -> &[TrustedIssuer] {
        &self.issuers
    }

    /// Whether no warning has named this permission yet. At most [`MAX_WARNINGS`] are named.
    pub(super) fn is_new_permission(&self, name: &str) -> bool {
        let mut named = self.unknown_permissions.lock().unwrap_or_else(PoisonError::into_inner);
        named.len() < MAX_WARNINGS && named.insert(shown(name))
    }

    /// The credentials that the password belongs to. It takes as long for a name without a user.
    async fn look(&self, name: &str, password: &str, now: Timestamp) -> Option<(&User, &Credentials)> {
        let user = self.user(name);
        let in_force = user.map(|user| user.in_force(now));
        let (current, pending) =
            in_force.map_or((None, None), |in_force| (Some(in_force.current), in_force.pending));
        let known = [current, pending].map(|pair| pair.map(|pair| pair.password.clone()));
        let [is_current, is_pending] = password::matching(password, known, self.dummy.as_ref()).await;
        let pair = current.filter(|_| is_current).or(pending.filter(|_| is_pending));
        user.zip(pair)
    }
}

/// Most unknown permissions that are warned of.
const MAX_WARNINGS: usize = 100;

impl fmt::Debug for TokenGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenGuard").field("issuers", &self.issuers).finish_non_exhaustive()
    }
}

/// What is wrong with a user. `Display` is Signatory's text.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{message}")]
pub struct UserFault {
    /// The user.
    pub user: String,
    /// What is wrong.
    pub message: String,
}

/// Why a login gives no token. `Display` is the answer's plain text.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum LoginError {
    /// 404: nobody logs in here.
    #[error("404 page not found")]
    NoLogin,
    /// 401: name or password is missing.
    #[error("username and password required")]
    Missing,
    /// 401: no such user, or a wrong password.
    #[error("Access denied")]
    Denied,
    /// 429: too many wrong passwords; `Retry-After` in seconds.
    #[error("too many failed logins; try again in {retry_after} s")]
    Paused {
        /// Seconds.
        retry_after: u64,
    },
    /// 500: no randomness, or the token could not be made.
    #[error("the token could not be made")]
    Internal,
}

impl Signer {
    /// Checks a name and a password and gives a token (§2.1).
    ///
    /// After too many failures of the user or of the source the password is not looked at, be it right or wrong: see
    /// [`super::lockout`].
    ///
    /// # Errors
    /// [`LoginError`].
    pub async fn login(
        &self,
        username: Option<&str>,
        password: Option<&str>,
        source: IpAddr,
    ) -> Result<String, LoginError> {
        let rules = self.rules();
        let Guard::Tokens(guard) = &rules.guard else { return Err(LoginError::NoLogin) };
        if guard.users.is_empty() {
            return Err(LoginError::NoLogin);
        }
        let given = |text: Option<&'_ str>| text.is_some_and(|text| !text.is_empty());
        let (Some(name), Some(password), true) = (username, password, given(username) && given(password))
        else {
            return Err(LoginError::Missing);
        };
        let env = &self.0.env;
        let attempt =
            self.0.lockout.begin(name, guard.has_user(name), source, env).await.map_err(|wait| {
                let retry_after = wait.as_millis().div_ceil(1000);
                LoginError::Paused { retry_after: u64::try_from(retry_after).unwrap_or(u64::MAX) }
            })?;
        let Some((user, credentials)) = guard.look(name, password, env.now()).await else {
            let pause_ms = u64::try_from(attempt.pause().as_millis()).unwrap_or(u64::MAX);
            tracing::info!(
                target: "jwtis::audit",
                event = "login_denied",
                user = shown(name),
                %source,
                pause_ms,
                "wrong name or password"
            );
            return Err(LoginError::Denied);
        };
        attempt.succeeded();
        let token = credentials.token(user.name(), env)?;
        tracing::info!(target: "jwtis::audit", event = "login", user = shown(name), %source, "logged in");
        Ok(token)
    }
}

impl Credentials {
    /// A token for `user` (§2.2).
    fn token(&self, user: &str, env: &Env) -> Result<String, LoginError> {
        let now = env.now();
        let id = env.random::<16>().map_err(|error| {
            tracing::error!(error = &error as &dyn std::error::Error, "a login has no token id");
            LoginError::Internal
        })?;
        let mut claims = ClaimsSet::new();
        claims.insert("exp", now.plus(self.token_life).seconds());
        claims.insert("user", user);
        claims.insert("iat", now.seconds());
        claims.insert("jti", base64url::encode(&id));
        self.key.sign(&ProtectedHeader::JWT, &claims.to_json()).map_err(|error| {
            tracing::error!(error = &error as &dyn std::error::Error, "a login's token could not be signed");
            LoginError::Internal
        })
    }
}
