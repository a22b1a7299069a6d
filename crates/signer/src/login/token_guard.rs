//! The users and issuers whose tokens open the signer.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use jwtis_base::env::{Env, Timestamp};

use super::password::{self, Argon2Hash, Dummy};
use super::user::{LoginPair, LoginUser, UserConfig};
use crate::text::shown;
use crate::trusted::TrustedIssuer;

/// The users and issuers whose tokens are taken.
#[derive(Default)]
pub struct TokenGuard {
    pub(super) users: BTreeMap<String, LoginUser>,
    issuers: Vec<TrustedIssuer>,
    /// What a look verifies where the user has no hash; none where nobody has one.
    dummy: Option<Dummy>,
    /// Permissions that nobody knows and a warning has named.
    unknown_permissions: Mutex<BTreeSet<String>>,
}

impl TokenGuard {
    /// Checks the credentials and plans rotations. The texts of the notices are for the log.
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
            match LoginUser::new(&config, now) {
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
        let hashes: Vec<Vec<&Arc<Argon2Hash>>> = users.values().map(LoginUser::hashes).collect();
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
    pub(crate) fn user(&self, name: &str) -> Option<&LoginUser> {
        self.users.get(name)
    }

    /// All users.
    pub(crate) fn users(&self) -> impl Iterator<Item = &LoginUser> {
        self.users.values()
    }

    /// The clients whose tokens are taken.
    pub(crate) fn issuers(&self) -> &[TrustedIssuer] {
        &self.issuers
    }

    /// Whether no warning has named this permission yet. At most [`MAX_WARNINGS`] are named.
    pub(crate) fn is_new_permission(&self, name: &str) -> bool {
        let mut named = self.unknown_permissions.lock().unwrap_or_else(PoisonError::into_inner);
        named.len() < MAX_WARNINGS && named.insert(shown(name))
    }

    /// The credentials that the password belongs to. It takes as long for a name without a user.
    pub(super) async fn look(
        &self,
        name: &str,
        password: &str,
        now: Timestamp,
    ) -> Option<(&LoginUser, &LoginPair)> {
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
#[expect(missing_docs, reason = "the names say it")]
pub struct UserFault {
    pub user: String,
    pub message: String,
}
