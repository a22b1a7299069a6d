//! `server:`: who may ask the signer (§1.8, §2).

use std::collections::BTreeMap;

use jwtis_base::{ClientId, Env};
use jwtis_signer::login::{CredentialsConfig, TokenGuard, TrustedIssuer, UserConfig};

use super::super::signer::GuardConfig;
use super::super::yaml::{Entry, Mark, Node};
use super::reading::{Fields, Reading};

/// The guard that `server:` asks for. With `open_registration` anybody can take the name of a client that is not registered.
pub(super) fn guard(reading: &mut Reading<'_>, server: &Node, open_registration: bool) -> GuardConfig {
    let fields = reading.fields("server", server);
    let (keys, jwt) = (fields.given("authorized_keys"), fields.given("jwt"));
    let from_keys = keys.map(|keys| authorized_keys(reading, keys));
    let from_jwt = jwt.map(|jwt| tokens(reading, jwt, open_registration));
    match (from_keys, from_jwt) {
        (None, None) => GuardConfig::Open,
        (Some(guard), None) | (None, Some(guard)) => guard,
        (Some(_), Some(guard)) => {
            let mark = jwt.map_or(fields.mark, |jwt| jwt.mark);
            reading.fault_with_hint(
                mark,
                "cannot use both JWT and static authorized keys",
                "leave out `jwt` or `authorized_keys`",
            );
            guard
        }
    }
}

fn authorized_keys(reading: &mut Reading<'_>, entry: &Entry) -> GuardConfig {
    let before = reading.found.faults.len();
    let keys = reading.flat_members("authorized_keys", entry);
    if keys.is_empty() && reading.found.faults.len() == before {
        reading.warning(entry.mark, "server.authorized_keys lists no key, so nobody can sign");
    }
    GuardConfig::Keys(keys)
}

fn tokens(reading: &mut Reading<'_>, entry: &Entry, open_registration: bool) -> GuardConfig {
    let before = reading.found.faults.len();
    let fields = reading.fields("server.jwt", &entry.value);
    let issuers = match fields.value("issuers") {
        Some(node) => reading
            .list("issuers", node)
            .unwrap_or_default()
            .iter()
            .filter_map(|node| issuer(reading, node, open_registration))
            .collect(),
        None => Vec::new(),
    };
    let mut users = Vec::new();
    let mut marks = BTreeMap::new();
    if let Some(node) = fields.value("users") {
        for entry in reading.named("users", node) {
            marks.insert(entry.key.clone(), entry.mark);
            users.extend(user(reading, entry));
        }
    }
    if users.is_empty() && issuers.is_empty() && reading.found.faults.len() == before {
        reading.warning(entry.mark, "server.jwt has neither users nor issuers, so nobody can sign");
    }
    judge(reading, &users, &issuers, &marks, entry.mark);
    GuardConfig::Tokens { users, issuers }
}

/// Lets the domain check the credentials (§2.4) and plan rotations (§2.5), so that the start will not fail where this did not.
fn judge(
    reading: &mut Reading<'_>,
    users: &[UserConfig],
    issuers: &[TrustedIssuer],
    marks: &BTreeMap<String, Mark>,
    mark: Mark,
) {
    let copies = users.iter().map(copy).collect();
    match TokenGuard::new(copies, issuers.to_vec(), &Env::system()) {
        Ok((_, notices)) => {
            for notice in notices {
                reading.notice(mark, notice);
            }
        }
        Err(faults) => {
            for fault in faults {
                let mark = marks.get(&fault.user).copied().unwrap_or(mark);
                reading.fault(mark, fault);
            }
        }
    }
}

fn issuer(reading: &mut Reading<'_>, node: &Node, open_registration: bool) -> Option<TrustedIssuer> {
    let fields = reading.fields("server.jwt.issuers.N", node);
    let audience = match fields.value("audience") {
        Some(node) => Some(reading.text("audience", node)?.to_string()),
        None => None,
    };
    let registration = match fields.value("registration") {
        Some(node) => Some(reading.parse("registration", node)?),
        None => None,
    };
    let Some(client) = fields.value("client") else {
        reading.fault(node.mark, "an issuer needs its `client`");
        return None;
    };
    let client: ClientId = reading.parse("client", client)?;
    if registration.is_none() {
        let hint = format!("add `registration`, which `jwtis client show {client}` prints");
        if open_registration {
            let message = format!(
                "registration is open, so anybody who takes the name {client} would sign as any user"
            );
            reading.fault_with_hint(node.mark, message, &hint);
        } else {
            let message = format!("whoever is registered as {client} signs as any user; {hint}");
            reading.warning(node.mark, message);
        }
    }
    Some(TrustedIssuer { client, registration, audience })
}

/// `None` where a fault was noted.
fn user(reading: &mut Reading<'_>, entry: &Entry) -> Option<UserConfig> {
    let before = reading.found.faults.len();
    let fields = reading.fields("server.jwt.users.NAME", &entry.value);
    let current = credentials(reading, &fields);
    let old_cred_exp = match fields.value("old_cred_exp") {
        Some(node) => reading.text("old_cred_exp", node).map(|text| text.to_string()),
        None => None,
    };
    let new = match fields.value("new_data") {
        Some(node) => {
            let fields = reading.fields("server.jwt.users.NAME.new_data", node);
            credentials(reading, &fields)
        }
        None => None,
    };
    let user = UserConfig { name: entry.key.clone(), current: current?, new, old_cred_exp };
    (reading.found.faults.len() == before).then_some(user)
}

fn credentials(reading: &mut Reading<'_>, fields: &Fields<'_>) -> Option<CredentialsConfig> {
    let password = reading.secret(fields, "password");
    let secret = reading.secret(fields, "secret");
    let jwt_exp = match fields.value("jwt_exp") {
        Some(node) => reading.number("jwt_exp", node, "a number of minutes, like 60"),
        None => Some(0),
    };
    Some(CredentialsConfig { password: password?, secret: secret?, jwt_exp: jwt_exp? })
}

fn copy(user: &UserConfig) -> UserConfig {
    let copy = |pair: &CredentialsConfig| CredentialsConfig {
        password: pair.password.clone(),
        secret: pair.secret.clone(),
        jwt_exp: pair.jwt_exp,
    };
    UserConfig {
        name: user.name.clone(),
        current: copy(&user.current),
        new: user.new.as_ref().map(copy),
        old_cred_exp: user.old_cred_exp.clone(),
    }
}
