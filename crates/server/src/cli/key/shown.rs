//! How keys are shown.

use std::collections::BTreeMap;
use std::path::Path;

use jwtis_base::Timestamp;
use jwtis_signer::KeyRules;
use jwtis_signer::switch::KeySwitches;
use jwtis_signer::vault::store::StoredKey;
use jwtis_tezos::{Policy, PublicKeyHash, RequestKind};
use serde_json::{Value, json};

use super::switch;
use crate::cli::printable::printable;
use crate::cli::when::utc;
use crate::cli::{CliOutcome, Failure, Output, config as configuration};

/// Where the values of a block begin, counted from zero.
const VALUE_COLUMN: usize = 27;

/// New keys, and what to write so that they may sign.
pub(super) fn show_new(keys: &[StoredKey], as_json: bool, out: &mut Output<'_>) -> CliOutcome {
    if as_json {
        return out.json(&keys_json(keys, &Configured::default()));
    }
    blocks(keys, &Configured::default(), out)?;
    let mut snippet = String::from(
        "For the configuration file. A key with nothing behind it may sign blocks, preattestations and attestations;\n\
         `{allow: {generic: [reveal, transaction]}}` behind it allows transfers instead.\n\n\
         vaults:\n  store: {driver: store}\ntezos:",
    );
    for key in keys {
        snippet.push_str(&format!("\n  {}:", key.public_key.hash()));
    }
    out.line(snippet)
}

/// What the configuration lists, where one is named, and which keys are switched off.
#[derive(Default)]
pub(super) struct Configured {
    keys: Option<BTreeMap<PublicKeyHash, KeyRules>>,
    disabled: BTreeMap<PublicKeyHash, Timestamp>,
}

impl Configured {
    pub(super) fn read(path: Option<&Path>) -> Result<Self, Failure> {
        let Some(path) = path else { return Ok(Self::default()) };
        let signer = configuration::signer(path)?;
        let keys = Some(signer.map(|signer| signer.rules.keys).unwrap_or_default());
        Ok(Self { keys, ..Self::default() })
    }

    pub(super) async fn look_at_switches(&mut self, keys: &[StoredKey], switches: KeySwitches) -> CliOutcome {
        for key in keys {
            let hash = key.public_key.hash();
            let since = switches.disabled_since(&hash).await;
            if let Some(since) = since.map_err(|error| switch::failure(&error.into()))? {
                self.disabled.insert(hash, since);
            }
        }
        Ok(())
    }

    /// Whether the key is listed, and what it may sign; `None` where nobody can tell.
    pub(super) fn of(&self, key: &StoredKey) -> Option<Option<&Policy>> {
        Some(self.keys.as_ref()?.get(&key.public_key.hash()).map(|rules| &rules.policy))
    }

    /// When the key was switched off.
    pub(super) fn disabled(&self, key: &StoredKey) -> Option<Timestamp> {
        self.disabled.get(&key.public_key.hash()).copied()
    }
}

pub(super) fn blocks(keys: &[StoredKey], configured: &Configured, out: &mut Output<'_>) -> CliOutcome {
    keys.iter().try_for_each(|key| out.line(block(key, configured)))
}

/// A block, its empty line included. The lines from `Active:` on speak of the configuration.
pub(super) fn block(key: &StoredKey, configured: &Configured) -> String {
    let mut rows = vec![
        ("Public Key Hash:", key.public_key.hash().to_string()),
        ("Public Key:", key.public_key.to_string()),
        ("Alias:", printable(&key.alias)),
        ("Vault:", "Store".to_owned()),
        ("Created:", utc(key.created_at_ms / 1000)),
    ];
    if let Some(since) = configured.disabled(key) {
        rows.push(("Disabled:", format!("since {}", utc(since.seconds()))));
    }
    if let Some(policy) = configured.of(key) {
        rows.push(("Active:", policy.is_some().to_string()));
        if let Some(policy) = policy {
            let requests: Vec<&str> = policy.allow.requests().map(RequestKind::name).collect();
            rows.push(("Allowed Requests:", format!("[{}]", requests.join(" "))));
            rows.push(("Allowed Operations:", format!("[{}]", operations(policy).join(" "))));
            rows.push(("Allow Proof of Possession:", policy.allow_proof_of_possession.to_string()));
        }
    }
    rows.iter()
        .map(|(name, value)| format!("{name:VALUE_COLUMN$}{value}").trim_end().to_owned() + "\n")
        .collect()
}

pub(super) fn operations(policy: &Policy) -> Vec<String> {
    policy.allow.operations().map(|operation| operation.name()).collect()
}

pub(super) fn keys_json(keys: &[StoredKey], configured: &Configured) -> Value {
    keys.iter().map(|key| key_json(key, configured)).collect()
}

pub(super) fn key_json(key: &StoredKey, configured: &Configured) -> Value {
    let mut object = json!({
        "public_key_hash": key.public_key.hash().to_string(),
        "public_key": key.public_key.to_string(),
        "alias": key.alias,
        "curve": key.public_key.curve().name(),
        "created_at": key.created_at_ms / 1000,
        "disabled": configured.disabled(key).is_some(),
    });
    if let (Some(members), Some(policy)) = (object.as_object_mut(), configured.of(key)) {
        members.insert("active".to_owned(), json!(policy.is_some()));
        if let Some(policy) = policy {
            let requests: Vec<&str> = policy.allow.requests().map(RequestKind::name).collect();
            members.insert("allowed_requests".to_owned(), json!(requests));
            members.insert("allowed_operations".to_owned(), json!(operations(policy)));
            members.insert("allow_proof_of_possession".to_owned(), json!(policy.allow_proof_of_possession));
        }
    }
    object
}
