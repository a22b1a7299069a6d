//! `vaults:`: who holds the keys.

use std::path::PathBuf;

use jwtis_tezos::{PublicKeyHash, StoredSecretKey};
use zeroize::Zeroizing;

use super::super::concealed::concealed;
use super::super::layer::nearest;
use super::super::placed::{At, NamedMap, Placed, PrivateText, Setting};
use super::super::reading::FileReading;
use super::super::schema;
use super::super::sections::{VaultFiles, VaultSection};
use super::super::signer::{VaultConfig, VaultDriver};
use super::super::yaml::NodeContent;

/// Drivers of Signatory that are not here.
const ELSEWHERE: [&str; 9] = [
    "awskms",
    "azure",
    "cloudkms",
    "hashicorpvault",
    "pkcs11",
    "yubihsm",
    "ledger",
    "nitro",
    "confidentialspace",
];
/// Drivers that are here.
const HERE: [&str; 3] = ["file", "mem", "store"];

/// The vaults, in the order of the file. What cannot be opened is left out, with a warning, or a fault where `strict`.
pub(super) fn vaults(
    reading: &FileReading<'_>,
    section: &Placed<NamedMap<VaultSection>>,
    strict: bool,
) -> Vec<VaultConfig> {
    let mut vaults = Vec::new();
    let mut followed = false;
    for (name, entry) in reading.entries(section) {
        let Some(at) = entry.at else { continue };
        let is_key = name.parse::<PublicKeyHash>().is_ok();
        // A section, or a key, that was indented too far. A vault with such a name has a driver.
        if (is_key || schema::is_section(&name)) && !reading.has_key(at, "driver") {
            if reading.misplaced(at, &name) {
                followed |= name == "tezos";
            } else if !followed {
                // The keys of a `tezos:` that stands here move with it.
                let message = format!("{name} is a key, and keys stand below `tezos:`, not `vaults:`");
                reading.fault(at.key(), message);
            }
        } else if concealed(&name) != name {
            reading.fault(at.key(), "a secret key stands where the name of a vault should");
        } else if let Some(driver) = driver(reading, &name, &entry, at, strict) {
            vaults.push(VaultConfig { name, driver });
        }
    }
    vaults
}

fn driver(
    reading: &FileReading<'_>,
    name: &str,
    entry: &Placed<VaultSection>,
    at: At,
    strict: bool,
) -> Option<VaultDriver> {
    let before = reading.faults();
    let VaultSection { driver, config } = reading.section(entry).unwrap_or_default();
    let Some(word) = reading.get(&driver) else {
        if reading.faults() == before {
            reading.fault(at.key(), format!("the vault `{name}` needs a `driver`"));
        }
        return None;
    };
    let config = if reading.is_given(&config) { config } else { Placed::default() };
    let message = match word.as_str() {
        "file" => return file(reading, name, at, &config),
        "mem" => return mem(reading, name, at, &config),
        "store" => {
            if let Some(config) = config.at {
                reading.warning(config, "the driver `store` has no config");
            }
            return Some(VaultDriver::Store);
        }
        word if ELSEWHERE.contains(&word) => format!(
            "this build cannot open the vault `{name}`: it has no driver `{word}`; its keys will not be served"
        ),
        word => {
            let near = nearest(word, HERE.into_iter().chain(ELSEWHERE));
            let near = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
            format!("the vault `{name}` is skipped: unknown driver `{word}`{near}")
        }
    };
    if strict {
        reading.fault(driver.at, message)
    } else {
        reading.warning(driver.at, message)
    }
    None
}

/// The file that holds the password of encrypted keys; `Err` where a fault was noted.
fn password_file(reading: &FileReading<'_>, given: &Setting<String>) -> Result<Option<PathBuf>, ()> {
    match reading.is_given(given) {
        true => reading.path("password_file", given).map(Some).ok_or(()),
        false => Ok(None),
    }
}

fn file(reading: &FileReading<'_>, name: &str, at: At, config: &Placed<VaultFiles>) -> Option<VaultDriver> {
    let missing = format!("the vault `{name}` needs the path of its file: `config: {{file: PATH}}`");
    let Some(place) = config.at else {
        reading.fault(at.key(), missing);
        return None;
    };
    if let NodeContent::Text(_) = reading.content(place) {
        let path = reading.path("config", &Setting::at(place))?;
        return Some(VaultDriver::File { path, password_file: None });
    }
    let files = reading.section(config)?;
    let password_file = password_file(reading, &files.password_file).ok()?;
    if files.file.at.is_none() {
        reading.fault(place, missing);
    }
    Some(VaultDriver::File { path: reading.path("file", &files.file)?, password_file })
}

fn mem(reading: &FileReading<'_>, name: &str, at: At, config: &Placed<VaultFiles>) -> Option<VaultDriver> {
    let list = config.at.filter(|config| matches!(reading.content(*config), NodeContent::List(_)));
    let (list, password_file) = match list {
        Some(list) => (Placed::at(list), None),
        None if config.at.is_some() => {
            let files = reading.section(config)?;
            (files.keys, password_file(reading, &files.password_file).ok()?)
        }
        None => (Placed::default(), None),
    };
    if !reading.is_given(&list) {
        let message = format!("the vault `{name}` needs a list of secret keys: `config: [edsk…]`");
        reading.fault(at.key(), message);
        return None;
    }
    let keys = reading.items(&list).iter().filter_map(|key| secret_key(reading, key)).collect();
    Some(VaultDriver::Mem { keys, password_file })
}

/// The text of a secret key. What is wrong with it is said without showing it.
fn secret_key(reading: &FileReading<'_>, key: &Setting<PrivateText>) -> Option<Zeroizing<String>> {
    reading.holds_secrets.set(true);
    let PrivateText(text) = reading.get(key)?;
    if StoredSecretKey::parse(&text).is_err() {
        let message = "this is no secret key: write edsk…, spsk…, p2sk…, BLsk… or their encrypted forms";
        reading.fault(key.at, message);
        return None;
    }
    Some(text)
}
