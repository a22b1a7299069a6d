//! What has restricted keys, issuers, users and levels since the start: a reload may change its value, and never drops it.
//!
//! A file that was cut off at the end of a line is often a good file that says less. So the question is asked of what other rules lack,
//! where the default in its place allows more. What a key, a client or a user had is remembered while it is not listed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jwtis_base::client_id::ClientId;
use jwtis_tezos::watermark::JumpRules;
use jwtis_tezos::watermark::jump::JumpRule;
use jwtis_tezos::{Policy, PublicKeyHash};

use super::login::{LoginSecretHash, LoginUser, TokenLife};
use super::rules::{AllowSource, Guard, GuardRemoved, KeyRules, Rules};
use super::trusted::TrustedIssuer;

/// What the rules so far had.
#[derive(Default)]
pub(super) struct Restrictions {
    /// Keys that were for authenticated callers.
    guarded: BTreeSet<PublicKeyHash>,
    keys: BTreeMap<PublicKeyHash, KeyHistory>,
    issuers: BTreeMap<ClientId, IssuerHistory>,
    users: BTreeMap<String, LastEntry>,
    /// Of the last rules.
    jumps: JumpRules,
    /// Of the last rules.
    public_keys: bool,
}

/// What a key ever had.
#[derive(Default)]
struct KeyHistory {
    settings: BTreeSet<&'static str>,
    /// Whether it had an `allow` of its own.
    own_allow: bool,
    /// The longest window that its spending was counted in.
    window: Duration,
}

/// What the last rules that listed a user said.
struct LastEntry {
    /// The secret that the user in a rotation is left with when it is over.
    successor: Option<LoginSecretHash>,
    /// What was said about the tokens of each pair.
    lives: Vec<(LoginSecretHash, TokenLife)>,
}

/// The entries of one client in `server.jwt.issuers`.
#[derive(Default)]
struct IssuerHistory {
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
            let known = self.keys.entry(*key).or_default();
            known.settings.extend(settings_of(&rules.policy));
            known.own_allow |= rules.allow_source == AllowSource::Allow;
            let window = rules.policy.limits.per.as_ref().map(|per| per.window);
            known.window = known.window.max(window.unwrap_or_default());
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

    /// Whether `next` has everything that restricted what it lists; else the first thing that is missing.
    pub(super) fn check(&self, next: &Rules) -> Result<(), GuardRemoved> {
        if let Some(key) = next.open_keys().find(|key| self.guarded.contains(key)) {
            return Err(GuardRemoved::Key(*key));
        }
        next.keys.iter().try_for_each(|(key, rules)| self.key(*key, rules))?;
        let missing = loosened(&self.jumps, &next.jumps);
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
        let ends_otherwise = known.successor.is_some_and(|successor| user.last_secret() != successor);
        if user.successor().is_none() && ends_otherwise {
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
        let mut missing: BTreeSet<&str> = known.settings.difference(&settings_of(policy)).copied().collect();
        // Another `allow` is a change; none, in an entry without a mapping, lets the key bake.
        if *policy != Policy::baker() {
            missing.remove(ALLOW);
        }
        // None beside the deprecated lists brings them into force.
        if rules.allow_source == AllowSource::DeprecatedLists && known.own_allow {
            missing.insert(ALLOW);
        }
        if !missing.is_empty() {
            let missing = missing.into_iter().collect::<Vec<_>>().join(", ");
            return Err(GuardRemoved::Setting { key, missing });
        }
        // Spending that a shorter window does not count is not kept.
        match &policy.limits.per {
            Some(per) if per.window < known.window => {
                Err(GuardRemoved::Window { key, longest: known.window, next: per.window })
            }
            Some(_) | None => Ok(()),
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

/// The settings of `watermark.max_jump` and `watermark.chains` that `next` lacks, where levels then rise farther than `before`.
fn loosened(before: &JumpRules, next: &JumpRules) -> Vec<String> {
    let mut missing = Vec::new();
    let others = (before.on_others(), next.on_others());
    let of_chains = before.chains.iter().filter(|(_, said)| said.max_jump.is_none());
    let mut falling_back = of_chains.map(|(chain, _)| (before.on(chain), next.on(chain))).chain([others]);
    if before.max_jump.is_some()
        && next.max_jump.is_none()
        && falling_back.any(|(old, new)| jump(&new) > jump(&old))
    {
        missing.push("watermark.max_jump".to_owned());
    }
    for (chain, said) in &before.chains {
        let says = next.chains.get(chain).copied().unwrap_or_default();
        let (old, new) = (before.on(chain), next.on(chain));
        if said.block_time.is_some() && says.block_time.is_none() && is_faster(&new, &old) {
            missing.push(format!("watermark.chains.{chain}.block_time"));
        }
        if said.max_jump.is_some() && says.max_jump.is_none() && jump(&new) > jump(&old) {
            missing.push(format!("watermark.chains.{chain}.max_jump"));
        }
    }
    missing
}

/// Levels that are believed where the time of the last signature is unknown.
fn jump(rule: &JumpRule) -> u64 {
    match rule {
        JumpRule::Off => u64::MAX,
        JumpRule::Bounded { max_jump, .. } => u64::from(*max_jump),
    }
}

/// Whether levels rise faster with time. `off` is written by hand, so it is no matter of defaults.
fn is_faster(new: &JumpRule, old: &JumpRule) -> bool {
    match (new, old) {
        (JumpRule::Bounded { block_time: new, .. }, JumpRule::Bounded { block_time: old, .. }) => new < old,
        (JumpRule::Off, _) | (_, JumpRule::Off) => false,
    }
}
