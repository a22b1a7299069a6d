//! `tezos:`: what each key may sign.

use std::collections::{BTreeMap, BTreeSet};

use jwtis_signer::{AllowSource, KeyRules};
use jwtis_tezos::policy::{Allow, AllowError, AllowWords, LimitsMode, Rate, SpendingLimits};
use jwtis_tezos::{ChainId, Curve, Policy, PublicKeyHash};

use super::super::placed::{At, ListOf, NamedMap, Placed, Setting, Words};
use super::super::reading::FileReading;
use super::super::sections::{KeySection, LimitsSection, RateSection};
use super::super::signer::{GuardConfig, allow_text};
use super::super::texts::KeyOrHash;
use super::kinds;

/// The rules of every key, by its hash. Who can ask at all is known from `guard`.
pub(super) fn keys(
    reading: &FileReading<'_>,
    tezos: &Placed<NamedMap<KeySection>>,
    guard: &GuardConfig,
) -> BTreeMap<PublicKeyHash, KeyRules> {
    let mut keys = BTreeMap::new();
    for (name, entry) in tezos.entries() {
        match name.parse::<PublicKeyHash>() {
            Ok(hash) => {
                keys.insert(hash, rules(reading, &hash, entry.at, guard));
            }
            Err(_) if reading.misplaced(entry.at, name) => {}
            Err(error) => {
                let message = format!("`{name}` is no hash of a key (tz1…, tz2…, tz3… or tz4…): {error}");
                reading.fault(entry.at.key(), message);
            }
        }
    }
    keys
}

fn rules(reading: &FileReading<'_>, hash: &PublicKeyHash, at: At, guard: &GuardConfig) -> KeyRules {
    let entry = reading.value::<KeySection>(at);
    let rules = match entry.value {
        None if entry.failed => KeyRules::default(),
        // Null is the baker's policy; a mapping, however empty, is only what it says (trap 1).
        None => KeyRules { policy: Policy::baker(), ..KeyRules::default() },
        Some(section) => {
            let (allow, allow_source) = allow(reading, hash, at, &section);
            KeyRules {
                allow_source,
                log_payloads: section.log_payloads.is_on(),
                policy: policy(reading, hash, at, section, allow, guard),
            }
        }
    };
    if let Some(hint) = rules.policy.allow.hint(hash.curve()) {
        reading.notice(at.key(), format!("{hash}: {hint}"));
    }
    rules
}

fn policy(
    reading: &FileReading<'_>,
    hash: &PublicKeyHash,
    at: At,
    section: KeySection,
    allow: Allow,
    guard: &GuardConfig,
) -> Policy {
    let wants_proof = section.allow_proof_of_possession.is_on();
    let has_proof = hash.curve() == Curve::Bls12381;
    if wants_proof && !has_proof {
        reading.warning(at.key(), format!("proof of possession is not supported for {hash}"));
    }
    Policy {
        allow,
        allowed_chains: chains(reading, &section.allowed_chains),
        jwt_users: users(reading, &section.jwt_users, guard),
        jwt_roles: roles(reading, &section.jwt_roles, guard),
        authorized_keys: section
            .authorized_keys
            .at
            .map(|at| clients(reading, at, section.authorized_keys.whole(), guard)),
        allow_proof_of_possession: wants_proof && has_proof,
        limits: section.limits.at.map(|at| limits(reading, hash, at, section.limits)).unwrap_or_default(),
    }
}

/// What the words of `allow` and its deprecated kin allow, and which of them count.
fn allow(
    reading: &FileReading<'_>,
    hash: &PublicKeyHash,
    at: At,
    section: &KeySection,
) -> (Allow, AllowSource) {
    let before = reading.faults();
    let mut found = WordPlaces::default();
    let allow = section.allow.value.as_ref().map(|_| found.requests(reading, section.allow.entries()));
    let allowed_operations = found.list("allowed_operations", &section.allowed_operations);
    let allowed_kinds = found.list("allowed_kinds", &section.allowed_kinds);
    let words = AllowWords { allow, allowed_operations, allowed_kinds };
    let source = match (&words.allow, &words.allowed_operations, &words.allowed_kinds) {
        (Some(_), _, _) => AllowSource::Allow,
        (None, None, None) => AllowSource::Default,
        (None, Some(_), _) | (None, _, Some(_)) => AllowSource::DeprecatedLists,
    };
    if let Some(at) = section.allow.at.filter(|_| source == AllowSource::DeprecatedLists) {
        // Signatory takes it as absent, and a file that was cut off here would allow what the lists say.
        reading.fault(
            at.key(),
            "`allow:` has nothing behind it, and allowed_operations or allowed_kinds stand beside it; write `allow: {}` to allow nothing, or remove `allow:` to use the lists",
        );
    }
    let failed = reading.faults() > before
        || section.allow.failed
        || section.allowed_operations.failed
        || section.allowed_kinds.failed;
    let allow = match words.resolve() {
        Ok((allow, warnings)) => {
            for warning in warnings {
                // The last one shows the YAML to write instead, which is put on one line here.
                let message = match warning.split_once(" with\n") {
                    Some((message, _)) => format!("{message} by `allow: {}`", allow_text(&allow)),
                    None => warning,
                };
                reading.warning(found.named_by(&message).unwrap_or(at.key()), message);
            }
            if allow.requests().next().is_none() && !failed {
                reading.notice(at.key(), format!("{hash} allows nothing: a mapping needs `allow`"));
            }
            allow
        }
        Err(errors) => {
            for error in errors {
                let at = found.of(&error).unwrap_or(at.key());
                match kinds::hint(&error) {
                    Some(hint) => reading.fault(at, format!("{error}; {hint}")),
                    None => reading.fault(at, error),
                }
            }
            Allow::default()
        }
    };
    (allow, source)
}

/// The words of `allow` and its deprecated kin: the list of each, and its place.
#[derive(Default)]
struct WordPlaces(Vec<(&'static str, String, At)>);

impl WordPlaces {
    fn requests(
        &mut self,
        reading: &FileReading<'_>,
        entries: &[(String, super::super::placed::Unread<ListOf<Setting<String>>>)],
    ) -> BTreeMap<String, Option<Vec<String>>> {
        let mut allow = BTreeMap::new();
        for (request, entry) in entries {
            self.0.push(("allow", request.clone(), entry.at.key()));
            let operations = self.list("allow.generic", &reading.value(entry.at));
            if request != "generic" && operations.as_ref().is_some_and(|list| !list.is_empty()) {
                reading.warning(entry.at, format!("a list under `{request}` means nothing"));
            }
            allow.insert(request.clone(), operations);
        }
        allow
    }

    fn list(&mut self, list: &'static str, words: &Words) -> Option<Vec<String>> {
        let mut names = Vec::new();
        for word in &words.value.as_ref()?.0 {
            if let (Some(name), Some(at)) = (word.get(), word.at) {
                self.0.push((list, name.clone(), at));
                names.push(name.clone());
            }
        }
        Some(names)
    }

    fn of(&self, error: &AllowError) -> Option<At> {
        let (AllowError::Request(name, list) | AllowError::Operation(name, list)) = error;
        self.0.iter().find(|(in_list, word, _)| in_list == list && word == name).map(|(.., at)| *at)
    }

    /// The place of the word that a warning names in quotation marks.
    fn named_by(&self, warning: &str) -> Option<At> {
        let named = warning.split('\'').nth(1)?;
        self.0.iter().find(|(list, word, _)| word == named || *list == named).map(|(.., at)| *at)
    }
}

fn chains(reading: &FileReading<'_>, words: &Words) -> Option<BTreeSet<String>> {
    let at = words.at?;
    if words.items().is_empty() {
        reading.warning(at.key(), "allowed_chains lists no chain, so no consensus request is allowed");
    }
    let mut chains = BTreeSet::new();
    for item in words.items() {
        let Some(chain) = item.get() else { continue };
        if chain.parse::<ChainId>().is_err() {
            reading.warning(item.at, format!("`{chain}` is no chain id (Net…), so it allows nothing"));
        }
        chains.insert(chain.clone());
    }
    Some(chains)
}

fn clients(
    reading: &FileReading<'_>,
    at: At,
    clients: Option<Vec<KeyOrHash>>,
    guard: &GuardConfig,
) -> BTreeSet<PublicKeyHash> {
    let is_whole = clients.is_some();
    let clients: BTreeSet<_> = clients.into_iter().flatten().map(|client| client.0).collect();
    match guard {
        GuardConfig::Keys(_) if clients.is_empty() && is_whole => {
            lists_nobody(reading, at, "authorized_keys")
        }
        GuardConfig::Keys(known) => {
            for client in clients.iter().filter(|client| known.iter().all(|key| key.hash() != **client)) {
                let message = format!("{client} is not one of server.authorized_keys, so it cannot sign");
                reading.warning(at.key(), message);
            }
        }
        GuardConfig::Open | GuardConfig::Tokens { .. } => reading.warning(
            at.key(),
            "authorized_keys without server.authorized_keys: nobody can sign with this key",
        ),
    }
    clients
}

fn users(reading: &FileReading<'_>, words: &Words, guard: &GuardConfig) -> Option<BTreeSet<String>> {
    let at = words.at?;
    match guard {
        GuardConfig::Tokens { .. } if words.items().is_empty() => lists_nobody(reading, at, "jwt_users"),
        GuardConfig::Tokens { users, issuers } if issuers.is_empty() => {
            for item in words.items() {
                if let Some(name) = item.get().filter(|name| users.iter().all(|user| user.name != **name)) {
                    reading.warning(item.at, format!("server.jwt has no user `{name}`"));
                }
            }
        }
        GuardConfig::Tokens { .. } => {}
        GuardConfig::Open | GuardConfig::Keys(_) => without_tokens(reading, at, "jwt_users"),
    }
    Some(words.items().iter().filter_map(Setting::get).cloned().collect())
}

fn roles(reading: &FileReading<'_>, words: &Words, guard: &GuardConfig) -> Option<BTreeSet<String>> {
    let at = words.at?;
    match guard {
        GuardConfig::Tokens { .. } if words.items().is_empty() => lists_nobody(reading, at, "jwt_roles"),
        GuardConfig::Tokens { issuers, .. } if !issuers.is_empty() => {}
        GuardConfig::Tokens { .. } => reading.warning(
            at.key(),
            "jwt_roles without server.jwt.issuers: tokens of a login have no roles, so nobody can sign with this key",
        ),
        GuardConfig::Open | GuardConfig::Keys(_) => without_tokens(reading, at, "jwt_roles"),
    }
    Some(words.items().iter().filter_map(Setting::get).cloned().collect())
}

/// An empty list lets nobody in. That may be meant.
fn lists_nobody(reading: &FileReading<'_>, at: At, key: &str) {
    reading.warning(at.key(), format!("{key} lists nobody, so nobody can sign with this key"));
}

/// Users and roles come with tokens alone.
fn without_tokens(reading: &FileReading<'_>, at: At, key: &str) {
    let message = format!("{key} without server.jwt: the signer would not know who asks");
    let hint = format!("add server.jwt with users or issuers, or leave out {key}");
    reading.fault(at.key(), format!("{message}; {hint}"));
}

fn limits(
    reading: &FileReading<'_>,
    hash: &PublicKeyHash,
    at: At,
    section: Placed<LimitsSection>,
) -> SpendingLimits {
    let LimitsSection { mode, max_amount, max_fee, destinations, entrypoints, per } =
        section.value.unwrap_or_default();
    let given = [max_amount.at, max_fee.at, destinations.at, entrypoints.at, per.at];
    if !section.failed && given.iter().all(Option::is_none) {
        reading
            .fault(at.key(), "limits has no limit in it; give it a limit, like max_amount, or leave it out");
    }
    let mode = mode.get().copied().unwrap_or_default();
    match mode {
        LimitsMode::Enforce => {}
        LimitsMode::Observe => {
            reading.notice(at.key(), format!("{hash}: limits are only observed, and refuse nothing"));
        }
    }
    SpendingLimits {
        max_amount: max_amount.get().copied(),
        max_fee: max_fee.get().copied(),
        destinations: destinations
            .value
            .map(|list| list.0.iter().filter_map(Setting::get).cloned().collect()),
        entrypoints: entrypoints.value.map(|list| list.0.iter().filter_map(Setting::get).cloned().collect()),
        per: per.value.and_then(|rates| rate(reading, per.at, &rates)),
        mode,
    }
}

fn rate(reading: &FileReading<'_>, at: Option<At>, section: &RateSection) -> Option<Rate> {
    let RateSection { window, amount, count } = section;
    if window.at.is_none() {
        reading.fault(at, "per needs a `window`, like 24h");
    }
    if amount.at.is_none() && count.at.is_none() {
        reading.fault(at, "per needs an `amount` or a `count`");
    }
    let count = count.get().map(|count| count.0);
    Some(Rate { window: window.get()?.as_duration(), amount: amount.get().copied(), count })
}
