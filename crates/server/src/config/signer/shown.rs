//! The signer's part as `config show` prints it: every key's policy in a line, secrets never.

use std::fmt::Display;

use jwtis_tezos::policy::{Allow, SpendingLimits};
use jwtis_tezos::watermark::jump::MaxJump;
use jwtis_tezos::{Policy, RequestKind};

use super::super::concealed::concealed;
use super::{GuardConfig, SignerConfig, VaultDriver};

impl SignerConfig {
    /// Names and values, in the order of the file's sections. What the table of settings has is not repeated.
    #[must_use]
    pub fn rows(&self) -> Vec<(String, String)> {
        let mut rows = self.guard_rows();
        for vault in &self.vaults {
            let driver = match &vault.driver {
                VaultDriver::File { path, .. } => format!("file {}", path.display()),
                VaultDriver::Mem { keys, .. } => format!("mem, {} key(s) in the file", keys.len()),
                VaultDriver::Store => "store".to_owned(),
            };
            rows.push((format!("vaults.{}", vault.name), driver));
        }
        rows.push(("watermark.driver".to_owned(), self.watermark.name().to_owned()));
        if let Some(most) = self.rules.jumps.max_jump {
            rows.push(("watermark.max_jump".to_owned(), jump_text(most)));
        }
        for (chain, said) in &self.rules.jumps.chains {
            let block_time = said.block_time.map(|time| format!("block_time: {:?}", time.as_duration()));
            let max_jump = said.max_jump.map(|most| format!("max_jump: {}", jump_text(most)));
            let parts: Vec<String> = block_time.into_iter().chain(max_jump).collect();
            rows.push((format!("watermark.chains.{chain}"), parts.join(", ")));
        }
        if let Some(hook) = &self.rules.hook {
            let replies = match &hook.authorized_keys {
                Some(keys) => format!("replies signed by {}", list(keys.iter().map(|key| key.hash()))),
                None => "replies not signed".to_owned(),
            };
            let text =
                format!("{}, {replies}, {} s", without_password(&hook.url), hook.timeout.as_secs_f64());
            rows.push(("policy_hook".to_owned(), text));
        }
        for (hash, rules) in &self.rules.keys {
            let mut text = policy_text(&rules.policy);
            if rules.log_payloads {
                text.push_str("; payloads are logged");
            }
            rows.push((format!("tezos.{hash}"), text));
        }
        rows.into_iter().map(|(name, value)| (concealed(&name), concealed(&value))).collect()
    }

    fn guard_rows(&self) -> Vec<(String, String)> {
        match &self.rules.guard {
            GuardConfig::Open => vec![("server.authorized_keys".to_owned(), "anybody may ask".to_owned())],
            GuardConfig::Keys(keys) => {
                let keys = list(keys.iter().map(|key| key.hash()));
                vec![("server.authorized_keys".to_owned(), keys)]
            }
            GuardConfig::Tokens { users, issuers } => {
                let user = |user: &jwtis_signer::login::UserConfig| match &user.new {
                    Some(_) => format!("{} (rotating)", user.name),
                    None => user.name.clone(),
                };
                let issuer = |issuer: &jwtis_signer::login::TrustedIssuer| {
                    let mut text = issuer.client.to_string();
                    if let Some(registration) = issuer.registration {
                        text.push_str(&format!(" ({registration})"));
                    }
                    if let Some(audience) = &issuer.audience {
                        text.push_str(&format!(" for {audience}"));
                    }
                    text
                };
                vec![
                    ("server.jwt.users".to_owned(), list(users.iter().map(user))),
                    ("server.jwt.issuers".to_owned(), list(issuers.iter().map(issuer))),
                ]
            }
        }
    }
}

fn jump_text(most: MaxJump) -> String {
    match most {
        MaxJump::Off => "off".to_owned(),
        MaxJump::Levels(levels) => levels.to_string(),
    }
}

/// A policy in a line.
fn policy_text(policy: &Policy) -> String {
    let mut parts = vec![format!("allow: {}", allow_text(&policy.allow))];
    let mut named = |name: &str, values: Option<String>| {
        if let Some(values) = values {
            parts.push(format!("{name}: {values}"));
        }
    };
    named("allowed_chains", policy.allowed_chains.as_ref().map(list));
    named("authorized_keys", policy.authorized_keys.as_ref().map(list));
    named("jwt_users", policy.jwt_users.as_ref().map(list));
    named("jwt_roles", policy.jwt_roles.as_ref().map(list));
    named("limits", limits_text(&policy.limits));
    if policy.allow_proof_of_possession {
        parts.push("allow_proof_of_possession".to_owned());
    }
    parts.join("; ")
}

/// A permission table as YAML in a line, as it could be written under `allow`.
pub(in super::super) fn allow_text(allow: &Allow) -> String {
    let request = |kind: RequestKind| match kind {
        RequestKind::Generic => {
            format!("generic: {}", list(allow.operations().map(|operation| quoted(&operation.name()))))
        }
        RequestKind::Attestation
        | RequestKind::AttestationWithDal
        | RequestKind::Block
        | RequestKind::Pack
        | RequestKind::Preattestation => format!("{}: ", kind.name()),
    };
    let requests: Vec<String> = allow.requests().map(request).collect();
    format!("{{{}}}", requests.join(", "))
}

/// `ballot:yay` in a flow list would be safe without quotes; some readers think otherwise.
fn quoted(name: &str) -> String {
    if name.contains(':') { format!("\"{name}\"") } else { name.to_owned() }
}

fn limits_text(limits: &SpendingLimits) -> Option<String> {
    let mut parts = Vec::new();
    let mut named = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            parts.push(format!("{name} {value}"));
        }
    };
    named("max_amount", limits.max_amount.map(|amount| amount.to_string()));
    named("max_fee", limits.max_fee.map(|amount| amount.to_string()));
    named("destinations", limits.destinations.as_ref().map(list));
    named("entrypoints", limits.entrypoints.as_ref().map(list));
    if let Some(rate) = &limits.per {
        named("per window", Some(format!("{} s", rate.window.as_secs())));
        named("per amount", rate.amount.map(|amount| amount.to_string()));
        named("per count", rate.count.map(|count| count.to_string()));
    }
    (!parts.is_empty()).then(|| format!("mode {}, {}", limits.mode.name(), parts.join(", ")))
}

fn list<T: Display>(items: impl IntoIterator<Item = T>) -> String {
    let items: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    format!("[{}]", items.join(", "))
}

/// A URL without the user and the password that it may have.
fn without_password(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let authority_end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(authority_end).unwrap_or((rest, ""));
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let path = path.split_once('?').map_or(path, |(path, _)| path);
    format!("{scheme}://{host}{path}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_shown_without_what_may_be_a_secret() {
        for (url, wanted) in [
            ("http://127.0.0.1:8080/", "http://127.0.0.1:8080/"),
            ("https://u:p@h/x?token=1", "https://h/x"),
            ("https://u:p@h?a@b", "https://h"),
        ] {
            assert_eq!(without_password(url), wanted);
        }
    }
}
