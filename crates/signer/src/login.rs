//! Login users (§2): two pairs of credentials during a rotation, and the tokens that a login gives.
//!
//! A token is HS256 under the user's own secret. It has Signatory's claims `exp` and `user`, and beside them `iat` and `jti`. Nothing
//! is stored: a token dies at its `exp`, or with the secret that made it.

mod config;
mod password;
mod rotation;
mod strength;
mod token_guard;
mod user;

use std::net::IpAddr;

use jwtis_base::env::Env;
use jwtis_jose::{ClaimsSet, ProtectedHeader, base64url};

use super::Signer;
use super::rules::Guard;
use super::text::shown;

pub use config::{CredentialsConfig, TrustedIssuer, UserConfig};
pub use password::{HashPasswordError, hash_password};
pub use strength::{password_faults, secret_faults};
pub use token_guard::{TokenGuard, UserFault};

pub(super) use user::{LoginPair, LoginSecretHash, LoginUser, TokenLife};

/// Why a login gives no token. `Display` is the answer's plain text.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum LoginError {
    /// 404: nobody logs in here.
    #[error("nobody logs in here")]
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
        let guard = match &rules.guard {
            Guard::Tokens(guard) => guard,
            Guard::Open | Guard::Keys(_) => return Err(LoginError::NoLogin),
        };
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

impl LoginPair {
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
