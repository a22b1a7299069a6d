//! `tezos:`: what each key may sign.

use std::collections::{BTreeMap, BTreeSet};

use jwtis_signer::{AllowSource, KeyRules};
use jwtis_tezos::policy::{Allow, AllowError, AllowWords, LimitsMode, Rate, SpendingLimits};
use jwtis_tezos::{ChainId, Curve, Policy, PublicKeyHash};

use super::super::placed::{At, ListOf, NamedMap, Placed, TextOf, Words};
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
    for (name, entry) in reading.entries(tezos) {
        let Some(at) = entry.at else { continue };
        match name.parse::<PublicKeyHash>() {
            Ok(hash) => {
                keys.insert(hash, rules(reading, &hash, &entry, at, guard));
            }
            Err(_) if reading.misplaced(at, &name) => {}
            Err(error) => {
                let message = format!("`{name}` is no hash of a key (tz1…, tz2…, tz3… or tz4…): {error}");
                reading.fault(at.key(), message);
            }
        }
    }
    keys
}

fn rules(
    reading: &FileReading<'_>,
    hash: &PublicKeyHash,
    entry: &Placed<KeySection>,
    at: At,
    guard: &GuardConfig,
) -> KeyRules {
    let rules = match reading.section(entry) {
        None if reading.is_given(entry) => KeyRules::default(),
        // Null is the baker's policy; a mapping, however empty, is only what it says (trap 1).
        None => KeyRules { policy: Policy::baker(), ..KeyRules::default() },
        Some(section) => {
            let (allow, allow_source) = allow(reading, hash, at, &section);
            KeyRules {
                allow_source,
                log_payloads: reading.is_on(&section.log_payloads),
                policy: policy(reading, hash, at, &section, allow, guard),
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
    section: &KeySection,
    allow: Allow,
    guard: &GuardConfig,
) -> Policy {
    let wants_proof = reading.is_on(&section.allow_proof_of_possession);
    let has_proof = hash.curve() == Curve::Bls12381;
    if wants_proof && !has_proof {
        reading.warning(at.key(), format!("proof of possession is not supported for {hash}"));
    }
    Policy {
        allow,
        allowed_chains: chains(reading, &section.allowed_chains),
        jwt_users: users(reading, &section.jwt_users, guard),
        jwt_roles: roles(reading, &section.jwt_roles, guard),
        authorized_keys: section.authorized_keys.at.map(|at| {
            let before = reading.faults();
            let keys = reading.flat(&section.authorized_keys);
            clients(reading, at, keys, reading.faults() == before, guard)
        }),
        allow_proof_of_possession: wants_proof && has_proof,
        limits: section.limits.at.map(|at| limits(reading, hash, at, &section.limits)).unwrap_or_default(),
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
    let allow = reading.is_given(&section.allow).then(|| found.requests(reading, &section.allow));
    let allowed_operations = found.list(reading, "allowed_operations", &section.allowed_operations);
    let allowed_kinds = found.list(reading, "allowed_kinds", &section.allowed_kinds);
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
    let failed = reading.faults() > before;
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
        allow: &Placed<NamedMap<ListOf<TextOf<String>>>>,
    ) -> BTreeMap<String, Option<Vec<String>>> {
        let mut requests = BTreeMap::new();
        for (request, words) in reading.entries(allow) {
            self.0.extend(words.at.map(|at| ("allow", request.clone(), at.key())));
            let operations = self.list(reading, "allow.generic", &words);
            if request != "generic" && operations.as_ref().is_some_and(|list| !list.is_empty()) {
                reading.warning(words.at, format!("a list under `{request}` means nothing"));
            }
            requests.insert(request, operations);
        }
        requests
    }

    fn list(&mut self, reading: &FileReading<'_>, list: &'static str, words: &Words) -> Option<Vec<String>> {
        reading.is_given(words).then(|| {
            let words: Vec<_> = placed_words(reading, words);
            self.0.extend(words.iter().map(|(at, word)| (list, word.clone(), *at)));
            words.into_iter().map(|(_, word)| word).collect()
        })
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
    if reading.items(words).is_empty() {
        reading.warning(at.key(), "allowed_chains lists no chain, so no consensus request is allowed");
    }
    let chains = placed_words(reading, words);
    for (at, chain) in chains.iter().filter(|(_, chain)| chain.parse::<ChainId>().is_err()) {
        reading.warning(*at, format!("`{chain}` is no chain id (Net…), so it allows nothing"));
    }
    Some(chains.into_iter().map(|(_, chain)| chain).collect())
}

/// The words of a list, each with its place.
fn placed_words(reading: &FileReading<'_>, words: &Words) -> Vec<(At, String)> {
    reading.items(words).iter().filter_map(|word| Some((word.at?, reading.get(word)?))).collect()
}

fn clients(
    reading: &FileReading<'_>,
    at: At,
    clients: Vec<KeyOrHash>,
    is_whole: bool,
    guard: &GuardConfig,
) -> BTreeSet<PublicKeyHash> {
    let clients: BTreeSet<_> = clients.into_iter().map(|client| client.0).collect();
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
    let names = placed_words(reading, words);
    match guard {
        GuardConfig::Tokens { .. } if names.is_empty() => lists_nobody(reading, at, "jwt_users"),
        GuardConfig::Tokens { users, issuers } if issuers.is_empty() => {
            for (at, name) in names.iter().filter(|(_, name)| users.iter().all(|user| user.name != *name)) {
                reading.warning(*at, format!("server.jwt has no user `{name}`"));
            }
        }
        GuardConfig::Tokens { .. } => {}
        GuardConfig::Open | GuardConfig::Keys(_) => without_tokens(reading, at, "jwt_users"),
    }
    Some(names.into_iter().map(|(_, name)| name).collect())
}

fn roles(reading: &FileReading<'_>, words: &Words, guard: &GuardConfig) -> Option<BTreeSet<String>> {
    let at = words.at?;
    let names: BTreeSet<String> = reading.list(words).into_iter().collect();
    match guard {
        GuardConfig::Tokens { .. } if names.is_empty() => lists_nobody(reading, at, "jwt_roles"),
        GuardConfig::Tokens { issuers, .. } if !issuers.is_empty() => {}
        GuardConfig::Tokens { .. } => reading.warning(
            at.key(),
            "jwt_roles without server.jwt.issuers: tokens of a login have no roles, so nobody can sign with this key",
        ),
        GuardConfig::Open | GuardConfig::Keys(_) => without_tokens(reading, at, "jwt_roles"),
    }
    Some(names)
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
    placed: &Placed<LimitsSection>,
) -> SpendingLimits {
    let before = reading.faults();
    let section = reading.section(placed);
    if section.is_none() && reading.faults() > before {
        return SpendingLimits::default();
    }
    let LimitsSection { mode, max_amount, max_fee, destinations, entrypoints, per } =
        section.unwrap_or_default();
    let given = [max_amount.at, max_fee.at, destinations.at, entrypoints.at, per.at];
    if given.iter().all(Option::is_none) {
        reading
            .fault(at.key(), "limits has no limit in it; give it a limit, like max_amount, or leave it out");
    }
    let mode = reading.get(&mode).unwrap_or_default();
    match mode {
        LimitsMode::Enforce => {}
        LimitsMode::Observe => {
            reading.notice(at.key(), format!("{hash}: limits are only observed, and refuse nothing"));
        }
    }
    SpendingLimits {
        max_amount: reading.get(&max_amount),
        max_fee: reading.get(&max_fee),
        destinations: destinations.at.map(|_| reading.list(&destinations).into_iter().collect()),
        entrypoints: entrypoints.at.map(|_| reading.list(&entrypoints).into_iter().collect()),
        per: reading.section(&per).and_then(|rates| rate(reading, per.at, &rates)),
        mode,
    }
}

fn rate(reading: &FileReading<'_>, at: Option<At>, section: &RateSection) -> Option<Rate> {
    if section.window.at.is_none() {
        reading.fault(at, "per needs a `window`, like 24h");
    }
    if section.amount.at.is_none() && section.count.at.is_none() {
        reading.fault(at, "per needs an `amount` or a `count`");
    }
    let (window, amount) = (reading.get(&section.window), reading.get(&section.amount));
    let count = reading.get(&section.count).map(|count| count.0);
    Some(Rate { window: window?.as_duration(), amount, count })
}
