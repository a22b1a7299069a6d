//! `server:`: who may ask the signer.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use jwtis_base::Env;
use jwtis_signer::login::{CredentialsConfig, TokenGuard, TrustedIssuer, UserConfig};
use zeroize::Zeroizing;

use super::super::concealed;
use super::super::model::ServerSection;
use super::super::placed::{At, Placed, PrivateText, Setting};
use super::super::reading::FileReading;
use super::super::secret::{OTHERS_READ, first_line, tidy};
use super::super::sections::{IssuerEntry, JwtSection, NewCredentials, UserSection};
use super::super::signer::GuardConfig;
use super::super::texts::Minutes;

/// The guard that `server:` asks for. With `open_registration` anybody can take the name of a client that is not registered.
pub(super) fn guard(
    reading: &FileReading<'_>,
    server: &ServerSection,
    open_registration: bool,
) -> GuardConfig {
    let from_keys = server.authorized_keys.at.map(|at| {
        let before = reading.faults();
        let keys = reading.flat(&server.authorized_keys);
        if keys.is_empty() && reading.faults() == before {
            reading.warning(at.key(), "server.authorized_keys lists no key, so nobody can sign");
        }
        GuardConfig::Keys(keys)
    });
    let from_jwt = server.jwt.at.map(|at| (at, tokens(reading, at, &server.jwt, open_registration)));
    match (from_keys, from_jwt) {
        (None, None) => GuardConfig::Open,
        (Some(guard), None) | (None, Some((_, guard))) => guard,
        (Some(_), Some((at, guard))) => {
            let message =
                "cannot use both JWT and static authorized keys; leave out `jwt` or `authorized_keys`";
            reading.fault(at.key(), message);
            guard
        }
    }
}

fn tokens(
    reading: &FileReading<'_>,
    at: At,
    section: &Placed<JwtSection>,
    open_registration: bool,
) -> GuardConfig {
    let before = reading.faults();
    let section = reading.section(section).unwrap_or_default();
    let issuers = reading.items(&section.issuers);
    let issuers: Vec<_> =
        issuers.iter().filter_map(|entry| issuer(reading, entry, open_registration)).collect();
    let mut users = Vec::new();
    let mut places = BTreeMap::new();
    for (name, entry) in reading.entries(&section.users) {
        users.extend(user(reading, &name, reading.section(&entry).unwrap_or_default()));
        places.extend(entry.at.map(|at| (name, at.key())));
    }
    if users.is_empty() && issuers.is_empty() && reading.faults() == before {
        reading.warning(at.key(), "server.jwt has neither users nor issuers, so nobody can sign");
    }
    // The domain checks the credentials and plans rotations, so that the start will not fail where this did not.
    match TokenGuard::new(users.iter().map(copy).collect(), issuers.clone(), &Env::system()) {
        Ok((_, notices)) => notices.iter().for_each(|notice| reading.notice(at.key(), notice)),
        Err(faults) => {
            for fault in faults {
                reading.fault(places.get(&fault.user).copied().unwrap_or(at.key()), fault);
            }
        }
    }
    GuardConfig::Tokens { users, issuers }
}

fn issuer(
    reading: &FileReading<'_>,
    placed: &Placed<IssuerEntry>,
    open_registration: bool,
) -> Option<TrustedIssuer> {
    let before = reading.faults();
    let entry = match reading.section(placed) {
        None if reading.faults() > before => return None,
        entry => entry.unwrap_or_default(),
    };
    let (client, registration) = (reading.get(&entry.client), reading.get(&entry.registration));
    let audience = reading.get(&entry.audience);
    let failed = reading.faults() > before;
    if entry.client.at.is_none() {
        reading.fault(placed.at, "an issuer needs its `client`");
    }
    let client = client?;
    if registration.is_none() && !failed {
        let hint = format!("add `registration`, which `jwtis client show {client}` prints");
        if open_registration {
            let message = format!(
                "registration is open, so anybody who takes the name {client} would sign as any user"
            );
            reading.fault(placed.at, format!("{message}; {hint}"));
        } else {
            reading
                .warning(placed.at, format!("whoever is registered as {client} signs as any user; {hint}"));
        }
    }
    (!failed).then_some(TrustedIssuer { client, registration, audience })
}

/// `None` where a fault was noted.
fn user(reading: &FileReading<'_>, name: &str, section: UserSection) -> Option<UserConfig> {
    let before = reading.faults();
    let UserSection { password, password_file, secret, secret_file, jwt_exp, old_cred_exp, new_data } =
        section;
    let current = credentials(reading, [&password, &secret], [&password_file, &secret_file], &jwt_exp);
    let old_cred_exp = reading.get(&old_cred_exp);
    let new = reading.section(&new_data).and_then(|new: NewCredentials| {
        let NewCredentials { password, password_file, secret, secret_file, jwt_exp } = new;
        credentials(reading, [&password, &secret], [&password_file, &secret_file], &jwt_exp)
    });
    let user = UserConfig { name: name.to_owned(), current: current?, new, old_cred_exp };
    (reading.faults() == before).then_some(user)
}

fn credentials(
    reading: &FileReading<'_>,
    [password, secret]: [&Setting<PrivateText>; 2],
    [password_file, secret_file]: [&Setting<String>; 2],
    jwt_exp: &Setting<Minutes>,
) -> Option<CredentialsConfig> {
    let password = private(reading, "password", password, password_file);
    let secret = private(reading, "secret", secret, secret_file);
    let jwt_exp = reading.get(jwt_exp).map_or(0, |minutes| minutes.0);
    Some(CredentialsConfig { password: password?, secret: secret?, jwt_exp })
}

/// A secret: `key` in the file or, as `$VAR`, in the environment; or the first line of the file that `key_file` names. Empty where
/// nothing is given; `None` where a fault was noted.
fn private(
    reading: &FileReading<'_>,
    key: &str,
    given: &Setting<PrivateText>,
    file: &Setting<String>,
) -> Option<Zeroizing<String>> {
    let wrong = |at: Option<At>, message: String| {
        reading.fault(at, message);
        None
    };
    match (reading.get(given), reading.get(file)) {
        (None, None) => Some(Zeroizing::default()),
        (Some(_), Some(_)) => wrong(file.at, format!("{key} and {key}_file are both given")),
        (Some(PrivateText(text)), None) => {
            let Some(name) = variable(&text) else {
                let holds = reading.holds_secrets.get() || !text.starts_with("$argon2");
                reading.holds_secrets.set(holds);
                return Some(text);
            };
            let value = (reading.environment)(name).and_then(|value| value.into_string().ok());
            let Some(value) = value.map(Zeroizing::new) else {
                let name = concealed::variable(name);
                let message = format!(
                    "{key}: the environment has no text in {name}; set it; where `${name}` itself is meant, give it by {key}_file"
                );
                return wrong(given.at, message);
            };
            let wrong = |error| reading.fault(given.at, format!("{key}: {name}: {error}"));
            tidy(&value).map_err(wrong).ok()
        }
        (None, Some(_)) => {
            let key = format!("{key}_file");
            let path = reading.path(&key, file)?;
            if fs::metadata(&path).is_ok_and(|file| file.permissions().mode() & OTHERS_READ != 0) {
                let path = path.display();
                let message = format!("{key}: everybody on this machine can read {path}; chmod it to 600");
                reading.advice(file.at, message);
            }
            first_line(&path).map_err(|message| reading.fault(file.at, format!("{key}: {message}"))).ok()
        }
    }
}

/// The variable that `text` is, where it is nothing else: `$NAME` or `${NAME}`.
fn variable(text: &str) -> Option<&str> {
    let rest = text.strip_prefix('$')?;
    let name = rest.strip_prefix('{').map_or(Some(rest), |braced| braced.strip_suffix('}'))?;
    let first = |c: char| c.is_ascii_alphabetic() || c == '_';
    let is_name = name.starts_with(first) && name.chars().all(|c| first(c) || c.is_ascii_digit());
    is_name.then_some(name)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_value_is_a_variable() {
        for (text, wanted) in [
            ("$PW", Some("PW")),
            ("${PW_2}", Some("PW_2")),
            ("$PW!", None),
            ("x$PW", None),
            ("$argon2id$v=19", None),
            ("${PW", None),
            ("$", None),
            ("$1", None),
        ] {
            assert_eq!(variable(text), wanted, "{text}");
        }
    }
}
