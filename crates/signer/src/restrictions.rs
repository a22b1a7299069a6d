//! What has restricted keys, issuers and users since the start: a reload may change its value, and never drops it.
//!
//! A file that was cut off at the end of a line is often a good file that says less. So the question is asked of what other rules lack,
//! and what a key, a client or a user had is remembered while it is not listed.

use std::collections::{BTreeMap, BTreeSet};

use jwtis_base::client_id::ClientId;
use jwtis_tezos::{Policy, PublicKeyHash};

use super::login::{SecretHash, TrustedIssuer};
use super::rules::{Guard, GuardRemoved, Rules};

/// What the rules so far had.
#[derive(Default)]
pub(super) struct Restrictions {
    /// Keys that were for authenticated callers.
    guarded: BTreeSet<PublicKeyHash>,
    /// The settings that restricted each key.
    keys: BTreeMap<PublicKeyHash, BTreeSet<&'static str>>,
    issuers: BTreeMap<ClientId, Entries>,
    /// The secret that a user in a rotation is left with when it is over.
    successors: BTreeMap<String, SecretHash>,
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
        }
        let Guard::Tokens(guard) = &rules.guard else { return };
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
            match user.successor() {
                Some(successor) => self.successors.insert(user.name().to_owned(), successor),
                None => self.successors.remove(user.name()),
            };
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
        next.keys.iter().try_for_each(|(key, rules)| self.key(*key, &rules.policy))?;
        let Guard::Tokens(guard) = &next.guard else { return Ok(()) };
        guard.issuers().iter().try_for_each(|entry| self.issuer(entry))?;
        for user in guard.users() {
            // A rotation ends with its new pair. Any other may be what a file that was cut off has left of the old one.
            let successor = self.successors.get(user.name());
            if user.successor().is_none() && successor.is_some_and(|successor| !user.is_left_with(successor))
            {
                return Err(GuardRemoved::User(user.name().to_owned()));
            }
        }
        Ok(())
    }

    fn key(&self, key: PublicKeyHash, policy: &Policy) -> Result<(), GuardRemoved> {
        let signs_nothing = policy.allow.requests().next().is_none() && !policy.allow_proof_of_possession;
        let Some(known) = self.keys.get(&key).filter(|_| !signs_nothing) else { return Ok(()) };
        let present = settings_of(policy);
        let missing: Vec<&str> = known
            .iter()
            .copied()
            .filter(|setting| !present.contains(setting))
            // Another `allow` is a change; none, in an entry without a mapping, lets the key bake.
            .filter(|setting| *setting != ALLOW || *policy == Policy::baker())
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        Err(GuardRemoved::Setting { key, missing: missing.join(", ") })
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
