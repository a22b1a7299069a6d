//! What has restricted keys, issuers, users and levels since the start: a reload may change its value, and never drops it.
//!
//! A file that was cut off at the end of a line is often a good file that says less. So the question is asked of what other rules lack,
//! where the default in its place allows more. What a key, a client or a user had is remembered while it is not listed.

mod jumps;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jwtis_base::client_id::ClientId;
use jwtis_tezos::watermark::JumpRules;
use jwtis_tezos::{Policy, PublicKeyHash};

use super::login::{LoginSecretHash, LoginUser, TokenLife, TrustedIssuer};
use super::rules::{AllowSource, Guard, GuardRemoved, KeyRules, Rules};

/// What the rules so far had.
#[derive(Default)]
pub(super) struct Restrictions {
    /// Keys that were for authenticated callers.
    guarded: BTreeSet<PublicKeyHash>,
    /// The settings that restricted each key.
    keys: BTreeMap<PublicKeyHash, BTreeSet<&'static str>>,
    /// Keys that had an `allow` of their own.
    own_allow: BTreeSet<PublicKeyHash>,
    /// The longest window that each key's spending was counted in.
    windows: BTreeMap<PublicKeyHash, Duration>,
    issuers: BTreeMap<ClientId, Entries>,
    users: BTreeMap<String, LastEntry>,
    /// Of the last rules.
    jumps: JumpRules,
    /// Of the last rules.
    public_keys: bool,
}

/// What the last rules that listed a user said.
#[derive(Default)]
struct LastEntry {
    /// The secret that the user in a rotation is left with when it is over.
    successor: Option<LoginSecretHash>,
    /// What was said about the tokens of each pair.
    lives: Vec<(LoginSecretHash, TokenLife)>,
}

/// The entries of one client in `server.jwt.issuers`.
#[derive(Default)]
struct Entries {
    /// Whether one had a `registration`.
    registration: bool,
    /// Whether one had an `audience`.
    audience: bool,
    /// Those of the last rules that had any.
    last: Vec<TrustedIssuer>,
}

impl Restrictions {
    /// What these rules have.
    pub(super) fn of(rules: &Rules) -> Self {
        let mut found = Self::default();
        found.remember(rules);
        found
    }

    /// Adds what these rules have.
    pub(super) fn remember(&mut self, rules: &Rules) {
        self.guarded.extend(rules.guarded_keys());
        for (key, rules) in &rules.keys {
            self.keys.entry(*key).or_default().extend(settings_of(&rules.policy));
            if rules.allow_source == AllowSource::Allow {
                self.own_allow.insert(*key);
            }
            if let Some(per) = &rules.policy.limits.per {
                let longest = self.windows.entry(*key).or_default();
                *longest = per.window.max(*longest);
            }
        }
        self.jumps = rules.jumps.clone();
        self.public_keys = rules.restrict_public_keys == Some(true);
        let guard = match &rules.guard {
            Guard::Tokens(guard) => guard,
            Guard::Open | Guard::Keys(_) => return,
        };
        for entry in guard.issuers() {
            self.issuers.entry(entry.client.clone()).or_default().last.clear();
        }
        for entry in guard.issuers() {
            let known = self.issuers.entry(entry.client.clone()).or_default();
            known.registration |= entry.registration.is_some();
            known.audience |= entry.audience.is_some();
            known.last.push(entry.clone());
        }
        for user in guard.users() {
            let entry = LastEntry { successor: user.successor(), lives: user.lives().collect() };
            self.users.insert(user.name().to_owned(), entry);
        }
    }

    /// Whether `next` has everything that restricted what it lists.
    ///
    /// # Errors
    /// The first thing that is missing.
    pub(super) fn check(&self, next: &Rules) -> Result<(), GuardRemoved> {
        if let Some(key) = next.open_keys().find(|key| self.guarded.contains(key)) {
            return Err(GuardRemoved::Key(*key));
        }
        next.keys.iter().try_for_each(|(key, rules)| self.key(*key, rules))?;
        let missing = jumps::loosened(&self.jumps, &next.jumps);
        if !missing.is_empty() {
            return Err(GuardRemoved::Jumps(missing.join(", ")));
        }
        if self.public_keys && next.restrict_public_keys.is_none() {
            return Err(GuardRemoved::PublicKeys);
        }
        let guard = match &next.guard {
            Guard::Tokens(guard) => guard,
            Guard::Open | Guard::Keys(_) => return Ok(()),
        };
        guard.issuers().iter().try_for_each(|entry| self.issuer(entry))?;
        guard.users().try_for_each(|user| self.user(user))
    }

    fn user(&self, user: &LoginUser) -> Result<(), GuardRemoved> {
        let Some(known) = self.users.get(user.name()) else { return Ok(()) };
        // A rotation ends with its new pair. Any other may be what a file that was cut off has left of the old one.
        let successor = known.successor.as_ref();
        if user.successor().is_none() && successor.is_some_and(|successor| !user.is_left_with(successor)) {
            return Err(GuardRemoved::User(user.name().to_owned()));
        }
        // A pair that is new is measured by all that were there.
        let was_shorter = |secret| match known.lives.iter().find(|(same, _)| *same == secret) {
            Some((_, life)) => *life == TokenLife::Shorter,
            None => known.lives.iter().all(|(_, life)| *life == TokenLife::Shorter),
        };
        if user.lives().any(|(secret, life)| life == TokenLife::Default && was_shorter(secret)) {
            return Err(GuardRemoved::TokenLife(user.name().to_owned()));
        }
        Ok(())
    }

    fn key(&self, key: PublicKeyHash, rules: &KeyRules) -> Result<(), GuardRemoved> {
        let policy = &rules.policy;
        let signs_nothing = policy.allow.requests().next().is_none() && !policy.allow_proof_of_possession;
        let Some(known) = self.keys.get(&key).filter(|_| !signs_nothing) else { return Ok(()) };
        let present = settings_of(policy);
        let mut missing: Vec<&str> = known
            .iter()
            .copied()
            .filter(|setting| !present.contains(setting))
            // Another `allow` is a change; none, in an entry without a mapping, lets the key bake.
            .filter(|setting| *setting != ALLOW || *policy == Policy::baker())
            .collect();
        // None beside the deprecated lists brings them into force.
        let lists = rules.allow_source == AllowSource::DeprecatedLists && self.own_allow.contains(&key);
        if lists && !missing.contains(&ALLOW) {
            missing.push(ALLOW);
        }
        if !missing.is_empty() {
            return Err(GuardRemoved::Setting { key, missing: missing.join(", ") });
        }
        // Spending that a shorter window does not count is not kept.
        match (&policy.limits.per, self.windows.get(&key)) {
            (Some(per), Some(&longest)) if per.window < longest => {
                Err(GuardRemoved::Window { key, longest, next: per.window })
            }
            (Some(_) | None, _) => Ok(()),
        }
    }

    fn issuer(&self, entry: &TrustedIssuer) -> Result<(), GuardRemoved> {
        let Some(known) = self.issuers.get(&entry.client) else { return Ok(()) };
        let lacks = |missing| Err(GuardRemoved::Issuer { client: entry.client.clone(), missing });
        // Where a client has several entries, one of them may have lacked it before.
        let had_none = |same: &dyn Fn(&TrustedIssuer) -> bool| known.last.iter().any(same);
        if entry.registration.is_none()
            && known.registration
            && !had_none(&|old| old.registration.is_none() && old.audience == entry.audience)
        {
            return lacks("registration");
        }
        if entry.audience.is_none()
            && known.audience
            && !had_none(&|old| old.audience.is_none() && old.registration == entry.registration)
        {
            return lacks("audience");
        }
        Ok(())
    }
}

const ALLOW: &str = "allow";

/// The settings of a key that restrict it, as the configuration calls them.
fn settings_of(policy: &Policy) -> BTreeSet<&'static str> {
    let Policy {
        allow,
        allowed_chains,
        authorized_keys,
        jwt_users,
        jwt_roles,
        allow_proof_of_possession: _,
        limits,
    } = policy;
    let per = limits.per.as_ref();
    [
        (ALLOW, *allow != Policy::baker().allow),
        ("allowed_chains", allowed_chains.is_some()),
        ("authorized_keys", authorized_keys.is_some()),
        ("jwt_users", jwt_users.is_some()),
        ("jwt_roles", jwt_roles.is_some()),
        ("limits.max_amount", limits.max_amount.is_some()),
        ("limits.max_fee", limits.max_fee.is_some()),
        ("limits.destinations", limits.destinations.is_some()),
        ("limits.entrypoints", limits.entrypoints.is_some()),
        ("limits.per", per.is_some()),
        ("limits.per.amount", per.is_some_and(|per| per.amount.is_some())),
        ("limits.per.count", per.is_some_and(|per| per.count.is_some())),
    ]
    .into_iter()
    .filter_map(|(setting, is_there)| is_there.then_some(setting))
    .collect()
}
