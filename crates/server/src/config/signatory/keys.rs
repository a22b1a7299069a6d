//! `tezos:`: what each key may sign (§3.2).

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use jwtis_base::Ttl;
use jwtis_signer::{AllowSource, KeyRules};
use jwtis_tezos::policy::{AllowError, AllowWords, LimitsMode, Mutez, Rate, SpendingLimits};
use jwtis_tezos::{ChainId, Curve, Policy, PublicKey, PublicKeyError, PublicKeyHash};

use super::super::file::misplaced;
use super::super::signer::{GuardConfig, allow_text};
use super::super::yaml::{Entry, Mark, Node, Value};
use super::kinds;
use super::reading::{Fields, Reading};

/// The rules of every key, by its hash. Who can ask at all is known from `guard`.
pub(super) fn keys(
    reading: &mut Reading<'_>,
    tezos: &Node,
    guard: &GuardConfig,
) -> BTreeMap<PublicKeyHash, KeyRules> {
    let mut keys = BTreeMap::new();
    for entry in reading.named("tezos", tezos) {
        match entry.key.parse::<PublicKeyHash>() {
            Ok(hash) => {
                let rules = rules(reading, &hash, entry, guard);
                if keys.insert(hash, rules).is_some() {
                    reading.fault(entry.mark, format!("{hash} stands here twice"));
                }
            }
            Err(error) => match misplaced(reading.at(entry.mark), &entry.key, "tezos") {
                Some(fault) => reading.found.faults.push(fault),
                None => {
                    let message =
                        format!("`{}` is no hash of a key (tz1…, tz2…, tz3… or tz4…): {error}", entry.key);
                    reading.fault(entry.mark, message);
                }
            },
        }
    }
    keys
}

fn rules(reading: &mut Reading<'_>, hash: &PublicKeyHash, entry: &Entry, guard: &GuardConfig) -> KeyRules {
    let rules = match &entry.value.value {
        // Null is the baker's policy; a mapping, however empty, is only what it says (trap 1).
        Value::Null => KeyRules { policy: Policy::baker(), ..KeyRules::default() },
        _ => {
            let fields = reading.fields("tezos.PKH", &entry.value);
            let words = Words::read(reading, &fields);
            KeyRules {
                allow_source: words.source(),
                policy: policy(reading, hash, entry, &fields, &words, guard),
                log_payloads: reading.switch(&fields, "log_payloads"),
            }
        }
    };
    if let Some(hint) = rules.policy.allow.hint(hash.curve()) {
        reading.notice(entry.mark, format!("{hash}: {hint}"));
    }
    rules
}

fn policy(
    reading: &mut Reading<'_>,
    hash: &PublicKeyHash,
    entry: &Entry,
    fields: &Fields<'_>,
    words: &Words,
    guard: &GuardConfig,
) -> Policy {
    let allow = match words.words.resolve() {
        Ok((allow, warnings)) => {
            for warning in warnings {
                // The last one shows the YAML to write instead, which is put on one line here.
                let message = match warning.split_once(" with\n") {
                    Some((message, _)) => format!("{message} by `allow: {}`", allow_text(&allow)),
                    None => warning,
                };
                reading.warning(words.mark_of(&message).unwrap_or(entry.mark), message);
            }
            if allow.requests().next().is_none() && !words.failed {
                reading.notice(entry.mark, format!("{hash} allows nothing: a mapping needs `allow`"));
            }
            allow
        }
        Err(errors) => {
            for error in errors {
                let mark = words.place(&error).unwrap_or(entry.mark);
                match kinds::hint(&error) {
                    Some(hint) => reading.fault_with_hint(mark, error, &hint),
                    None => reading.fault(mark, error),
                }
            }
            jwtis_tezos::policy::Allow::default()
        }
    };
    let wants_proof = reading.switch(fields, "allow_proof_of_possession");
    let has_proof = hash.curve() == Curve::Bls12381;
    if wants_proof && !has_proof {
        reading.warning(entry.mark, format!("proof of possession is not supported for {hash}"));
    }
    Policy {
        allow,
        allowed_chains: chains(reading, fields),
        authorized_keys: clients(reading, fields, guard),
        jwt_users: users(reading, fields, guard),
        jwt_roles: roles(reading, fields, guard),
        allow_proof_of_possession: wants_proof && has_proof,
        limits: fields.given("limits").map(|entry| limits(reading, hash, entry)).unwrap_or_default(),
    }
}

/// What to write for an `allow:` with nothing behind it.
const ALLOW_HINT: &str = "write `allow: {}` to allow nothing, or remove `allow:` to use the lists";

/// The words of `allow` and its deprecated kin, with their places.
#[derive(Default)]
struct Words {
    words: AllowWords,
    places: Vec<(&'static str, String, Mark)>,
    failed: bool,
}

impl Words {
    fn read(reading: &mut Reading<'_>, fields: &Fields<'_>) -> Self {
        let mut found = Self::default();
        let before = reading.found.faults.len();
        if let Some(node) = fields.value("allow") {
            let mut allow = BTreeMap::new();
            for entry in reading.named("allow", node) {
                found.places.push(("allow", entry.key.clone(), entry.mark));
                let kinds = match &entry.value.value {
                    Value::Null => None,
                    _ => found.list(reading, "allow.generic", &entry.key, &entry.value),
                };
                if kinds.as_ref().is_some_and(|kinds| !kinds.is_empty()) && entry.key != "generic" {
                    let message = format!("a list under `{}` means nothing", entry.key);
                    reading.warning(entry.value.mark, message);
                }
                allow.insert(entry.key.clone(), kinds);
            }
            found.words.allow = Some(allow);
        }
        let old = |found: &mut Self, reading: &mut Reading<'_>, name: &'static str| {
            fields.value(name).and_then(|node| found.list(reading, name, name, node))
        };
        found.words.allowed_operations = old(&mut found, reading, "allowed_operations");
        found.words.allowed_kinds = old(&mut found, reading, "allowed_kinds");
        if let Some(entry) = fields.given("allow").filter(|_| found.source() == AllowSource::DeprecatedLists)
        {
            // Signatory takes it as absent, and a file that was cut off here would allow what the lists say.
            let message =
                "`allow:` has nothing behind it, and allowed_operations or allowed_kinds stand beside it";
            reading.fault_with_hint(entry.mark, message, ALLOW_HINT);
        }
        found.failed = reading.found.faults.len() > before;
        found
    }

    fn source(&self) -> AllowSource {
        let AllowWords { allow, allowed_operations, allowed_kinds } = &self.words;
        match (allow, allowed_operations, allowed_kinds) {
            (Some(_), _, _) => AllowSource::Allow,
            (None, None, None) => AllowSource::Default,
            (None, Some(_), _) | (None, _, Some(_)) => AllowSource::DeprecatedLists,
        }
    }

    fn list(
        &mut self,
        reading: &mut Reading<'_>,
        list: &'static str,
        what: &str,
        node: &Node,
    ) -> Option<Vec<String>> {
        let items = reading.list(what, node)?;
        let mut names = Vec::new();
        for item in items {
            if let Some(name) = reading.text(what, item) {
                self.places.push((list, name.to_string(), item.mark));
                names.push(name.to_string());
            }
        }
        Some(names)
    }

    fn place(&self, error: &AllowError) -> Option<Mark> {
        let (AllowError::Request { name, list } | AllowError::Operation { name, list }) = error;
        let mut places = self.places.iter();
        places.find(|(in_list, word, _)| in_list == list && word == name).map(|(.., mark)| *mark)
    }

    /// The place of the word that a warning names in quotation marks.
    fn mark_of(&self, warning: &str) -> Option<Mark> {
        let named = warning.split('\'').nth(1)?;
        self.places.iter().find(|(list, word, _)| word == named || *list == named).map(|(.., mark)| *mark)
    }
}

fn chains(reading: &mut Reading<'_>, fields: &Fields<'_>) -> Option<BTreeSet<String>> {
    let entry = fields.given("allowed_chains")?;
    let items = reading.members("allowed_chains", entry)?;
    if items.is_empty() {
        reading.warning(entry.mark, "allowed_chains lists no chain, so no consensus request is allowed");
    }
    let mut chains = BTreeSet::new();
    for item in items {
        let Some(chain) = reading.text("allowed_chains", item) else { continue };
        if chain.parse::<ChainId>().is_err() {
            reading.warning(
                item.mark,
                format!("`{}` is no chain id (Net…), so it allows nothing", chain.as_str()),
            );
        }
        chains.insert(chain.to_string());
    }
    Some(chains)
}

fn clients(
    reading: &mut Reading<'_>,
    fields: &Fields<'_>,
    guard: &GuardConfig,
) -> Option<BTreeSet<PublicKeyHash>> {
    let entry = fields.given("authorized_keys")?;
    let before = reading.found.faults.len();
    let clients = reading.flat_members::<Client>("authorized_keys", entry);
    let clients: BTreeSet<PublicKeyHash> = clients.into_iter().map(|client| client.0).collect();
    match guard {
        GuardConfig::Keys(_) if clients.is_empty() && reading.found.faults.len() == before => {
            lists_nobody(reading, entry);
        }
        GuardConfig::Keys(known) => {
            for client in &clients {
                if known.iter().all(|key| key.hash() != *client) {
                    let message = format!("{client} is not one of server.authorized_keys, so it cannot sign");
                    reading.warning(entry.mark, message);
                }
            }
        }
        GuardConfig::Open | GuardConfig::Tokens { .. } => reading.warning(
            entry.mark,
            "authorized_keys without server.authorized_keys: nobody can sign with this key",
        ),
    }
    Some(clients)
}

fn users(reading: &mut Reading<'_>, fields: &Fields<'_>, guard: &GuardConfig) -> Option<BTreeSet<String>> {
    let entry = fields.given("jwt_users")?;
    let items = reading.members("jwt_users", entry)?;
    let mut users = BTreeSet::new();
    for item in items {
        let Some(name) = reading.text("jwt_users", item) else { continue };
        if let GuardConfig::Tokens { users, issuers } = guard
            && issuers.is_empty()
            && users.iter().all(|user| user.name != **name)
        {
            reading.warning(item.mark, format!("server.jwt has no user `{}`", name.as_str()));
        }
        users.insert(name.to_string());
    }
    match guard {
        GuardConfig::Tokens { .. } if items.is_empty() => lists_nobody(reading, entry),
        GuardConfig::Tokens { .. } => {}
        GuardConfig::Open | GuardConfig::Keys(_) => without_tokens(reading, entry),
    }
    Some(users)
}

/// An empty list lets nobody in. That may be meant.
fn lists_nobody(reading: &mut Reading<'_>, entry: &Entry) {
    let message = format!("{} lists nobody, so nobody can sign with this key", entry.key);
    reading.warning(entry.mark, message);
}

/// Users and roles come with tokens alone.
fn without_tokens(reading: &mut Reading<'_>, entry: &Entry) {
    let message = format!("{} without server.jwt: the signer would not know who asks", entry.key);
    let hint = format!("add server.jwt with users or issuers, or leave out {}", entry.key);
    reading.fault_with_hint(entry.mark, message, &hint);
}

fn roles(reading: &mut Reading<'_>, fields: &Fields<'_>, guard: &GuardConfig) -> Option<BTreeSet<String>> {
    let entry = fields.given("jwt_roles")?;
    let items = reading.members("jwt_roles", entry)?;
    match guard {
        GuardConfig::Tokens { .. } if items.is_empty() => lists_nobody(reading, entry),
        GuardConfig::Tokens { issuers, .. } if !issuers.is_empty() => {}
        GuardConfig::Tokens { .. } => reading.warning(
            entry.mark,
            "jwt_roles without server.jwt.issuers: tokens of a login have no roles, so nobody can sign with this key",
        ),
        GuardConfig::Open | GuardConfig::Keys(_) => without_tokens(reading, entry),
    }
    Some(items.iter().filter_map(|item| reading.parse("jwt_roles", item)).collect())
}

fn limits(reading: &mut Reading<'_>, hash: &PublicKeyHash, entry: &Entry) -> SpendingLimits {
    let fields = reading.fields("tezos.PKH.limits", &entry.value);
    if fields.only("mode") {
        let hint = "give it a limit, like max_amount, or leave it out";
        reading.fault_with_hint(entry.mark, "limits has no limit in it", hint);
    }
    let mode: LimitsMode =
        fields.value("mode").and_then(|node| reading.parse("mode", node)).unwrap_or_default();
    match mode {
        LimitsMode::Enforce => {}
        LimitsMode::Observe => {
            reading.notice(entry.mark, format!("{hash}: limits are only observed, and refuse nothing"));
        }
    }
    let mut amount = |name| fields.value(name).and_then(|node| reading.parse::<Mutez>(name, node));
    let (max_amount, max_fee) = (amount("max_amount"), amount("max_fee"));
    SpendingLimits {
        max_amount,
        max_fee,
        destinations: fields.value("destinations").and_then(|node| reading.collect("destinations", node)),
        entrypoints: fields
            .value("entrypoints")
            .and_then(|node| reading.collect::<String, _>("entrypoints", node)),
        per: fields.value("per").and_then(|node| rate(reading, node)),
        mode,
    }
}

fn rate(reading: &mut Reading<'_>, node: &Node) -> Option<Rate> {
    let fields = reading.fields("tezos.PKH.limits.per", node);
    let window = fields.value("window");
    if window.is_none() {
        reading.fault(node.mark, "per needs a `window`, like 24h");
    }
    let window = window.and_then(|node| reading.parse::<Ttl>("window", node));
    let amount = fields.value("amount").map(|node| reading.parse::<Mutez>("amount", node));
    let count = fields.value("count").map(|node| reading.number("count", node, "a number of operations"));
    if amount.is_none() && count.is_none() {
        reading.fault(node.mark, "per needs an `amount` or a `count`");
    }
    Some(Rate { window: window?.as_duration(), amount: amount.flatten(), count: count.flatten() })
}

/// A client, by its public key as in Signatory or by the hash of that.
struct Client(PublicKeyHash);

impl FromStr for Client {
    type Err = PublicKeyError;

    fn from_str(text: &str) -> Result<Self, PublicKeyError> {
        match text.parse::<PublicKeyHash>() {
            Ok(hash) => Ok(Self(hash)),
            Err(_) => text.parse::<PublicKey>().map(|key| Self(key.hash())),
        }
    }
}
