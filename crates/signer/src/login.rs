//! Login users: two pairs of credentials during a rotation, and the tokens that a login gives.
//!
//! A token is HS256 under the user's own secret. It has Signatory's claims `exp` and `user`, and beside them `iat` and `jti`. Nothing
//! is stored: a token dies at its `exp`, or with the secret that made it.

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

pub use super::trusted::TrustedIssuer;
pub use password::{HashPasswordError, hash_password};
pub use strength::{password_faults, secret_faults};
pub use token_guard::{TokenGuard, UserFault};
pub use user::{CredentialsConfig, UserConfig};

pub(super) use user::{LoginPair, LoginSecretHash, LoginUser, TokenLife};

/// Why a login gives no token. `Display` is the answer's plain text.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the texts say it")]
pub enum LoginError {
    #[error("nobody logs in here")]
    NoLogin,
    #[error("username and password required")]
    Missing,
    /// No such user, or a wrong password.
    #[error("Access denied")]
    Denied,
    /// Too many wrong passwords; `retry_after` in seconds.
    #[error("too many failed logins; try again in {retry_after} s")]
    Paused { retry_after: u64 },
    /// No randomness, or the token could not be signed.
    #[error("the token could not be made")]
    Internal,
}

impl Signer {
    /// Checks a name and a password and gives a token.
    ///
    /// After too many failures of the user or of the source the password is not looked at, be it right or wrong.
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
            Guard::Tokens(guard) if !guard.users.is_empty() => guard,
            Guard::Tokens(_) | Guard::Open | Guard::Keys(_) => return Err(LoginError::NoLogin),
        };
        let name = username.filter(|name| !name.is_empty()).ok_or(LoginError::Missing)?;
        let password = password.filter(|password| !password.is_empty()).ok_or(LoginError::Missing)?;
        let env = &self.0.env;
        let attempt =
            self.0.lockout.begin(name, guard.has_user(name), source, env).await.map_err(|wait| {
                let retry_after = wait.as_millis().div_ceil(1000);
                LoginError::Paused { retry_after: u64::try_from(retry_after).unwrap_or(u64::MAX) }
            })?;
        let Some((user, credentials)) = guard.look(name, password, env.now()).await else {
            let pause_ms = u64::try_from(attempt.failed().as_millis()).unwrap_or(u64::MAX);
            // Where no user has this name, it may be a password in the wrong field.
            let user = guard.has_user(name).then(|| shown(name));
            let why = if user.is_some() { "wrong password" } else { "unknown user" };
            tracing::info!(target: "jwtis::audit", event = "login_denied", user, %source, pause_ms, "{why}");
            return Err(LoginError::Denied);
        };
        attempt.succeeded();
        let token = credentials.token(user.name(), env)?;
        tracing::info!(target: "jwtis::audit", event = "login", user = shown(name), %source, "logged in");
        Ok(token)
    }
}

impl LoginPair {
    /// A token for `user`.
    fn token(&self, user: &str, env: &Env) -> Result<String, LoginError> {
        let now = env.now();
        let failed = |error: &(dyn std::error::Error + 'static)| {
            tracing::error!(error, "the token of a login could not be made");
            LoginError::Internal
        };
        let id = env.random::<16>().map_err(|error| failed(&error))?;
        let mut claims = ClaimsSet::new();
        claims.insert("exp", now.plus(self.token_life).seconds());
        claims.insert("user", user);
        claims.insert("iat", now.seconds());
        claims.insert("jti", base64url::encode(&id));
        self.key.sign(&ProtectedHeader::JWT, &claims.to_json()).map_err(|error| failed(&error))
    }
}
