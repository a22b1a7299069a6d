//! `vaults:`: who holds the keys (§7).

use jwtis_tezos::{PublicKeyHash, StoredSecretKey};
use zeroize::Zeroizing;

use super::super::concealed::concealed;
use super::super::file::{is_section, misplaced, nearest};
use super::super::signer::{VaultConfig, VaultDriver};
use super::super::yaml::{Entry, Node, Value};
use super::reading::Reading;

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
pub(super) fn vaults(reading: &mut Reading<'_>, node: &Node, strict: bool) -> Vec<VaultConfig> {
    let (strays, entries): (Vec<&Entry>, Vec<&Entry>) =
        reading.named("vaults", node).iter().partition(|entry| is_no_vault(entry));
    let mut followed = false;
    for entry in strays {
        match misplaced(reading.at(entry.mark), &entry.key, "vaults") {
            Some(fault) => {
                followed |= entry.key == "tezos";
                reading.found.faults.push(fault);
            }
            // The keys of a `tezos:` that stands here move with it.
            None if followed => {}
            None => {
                let message = format!("{} is a key, and keys stand below `tezos:`, not `vaults:`", entry.key);
                reading.fault(entry.mark, message);
            }
        }
    }
    let vaults = entries.into_iter().filter_map(|entry| {
        let driver = driver(reading, entry, strict)?;
        Some(VaultConfig { name: entry.key.clone(), driver })
    });
    vaults.collect()
}

/// Whether an entry is a section, or a key, that was indented too far. A vault with such a name has a driver.
fn is_no_vault(entry: &Entry) -> bool {
    let has_driver =
        matches!(&entry.value.value, Value::Map(fields) if fields.iter().any(|field| field.key == "driver"));
    !has_driver && (is_section(&entry.key) || entry.key.parse::<PublicKeyHash>().is_ok())
}

fn driver(reading: &mut Reading<'_>, entry: &Entry, strict: bool) -> Option<VaultDriver> {
    let name = &entry.key;
    if concealed(name) != *name {
        reading.fault(entry.mark, "a secret key stands where the name of a vault should");
        return None;
    }
    let fields = reading.fields("vaults.NAME", &entry.value);
    let Some(node) = fields.value("driver") else {
        if matches!(entry.value.value, Value::Null | Value::Map(_)) {
            reading.fault(entry.mark, format!("the vault `{name}` needs a `driver`"));
        }
        return None;
    };
    let config = fields.value("config");
    let message = match reading.text("driver", node)?.as_str() {
        "file" => return file(reading, entry, config),
        "mem" => return mem(reading, entry, config),
        "store" => {
            if let Some(config) = config {
                reading.warning(config.mark, "the driver `store` has no config");
            }
            return Some(VaultDriver::Store);
        }
        driver if ELSEWHERE.contains(&driver) => format!(
            "this build cannot open the vault `{name}`: it has no driver `{driver}`; its keys will not be served"
        ),
        driver => {
            let near = nearest(driver, HERE.into_iter().chain(ELSEWHERE));
            let near = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
            format!("the vault `{name}` is skipped: unknown driver `{driver}`{near}")
        }
    };
    if strict {
        reading.fault(node.mark, message)
    } else {
        reading.warning(node.mark, message)
    }
    None
}

fn file(reading: &mut Reading<'_>, entry: &Entry, config: Option<&Node>) -> Option<VaultDriver> {
    let missing = format!("the vault `{}` needs the path of its file: `config: {{file: PATH}}`", entry.key);
    let Some(config) = config else {
        reading.fault(entry.mark, missing);
        return None;
    };
    if matches!(config.value, Value::Text(_)) {
        return Some(VaultDriver::File { path: reading.path("config", config)?, password_file: None });
    }
    let fields = reading.fields("vaults.NAME.config", config);
    let password_file = match fields.value("password_file") {
        Some(node) => Some(reading.path("password_file", node)?),
        None => None,
    };
    match fields.value("file") {
        Some(node) => Some(VaultDriver::File { path: reading.path("file", node)?, password_file }),
        None => {
            reading.fault(config.mark, missing);
            None
        }
    }
}

fn mem(reading: &mut Reading<'_>, entry: &Entry, config: Option<&Node>) -> Option<VaultDriver> {
    let (list, password_file) = match config {
        Some(config) if matches!(config.value, Value::List(_)) => (Some(config), None),
        Some(config) => {
            let fields = reading.fields("vaults.NAME.config", config);
            let password_file = match fields.value("password_file") {
                Some(node) => Some(reading.path("password_file", node)?),
                None => None,
            };
            (fields.value("keys"), password_file)
        }
        None => (None, None),
    };
    let Some(list) = list else {
        reading.fault(
            entry.mark,
            format!("the vault `{}` needs a list of secret keys: `config: [edsk…]`", entry.key),
        );
        return None;
    };
    let items = reading.list("keys", list)?;
    let keys = items.iter().filter_map(|item| secret_key(reading, item)).collect();
    Some(VaultDriver::Mem { keys, password_file })
}

/// The text of a secret key. What is wrong with it is said without showing it.
fn secret_key(reading: &mut Reading<'_>, node: &Node) -> Option<Zeroizing<String>> {
    reading.holds_secrets = true;
    let Value::Text(text) = &node.value else {
        reading.fault(node.mark, "a secret key must be one value");
        return None;
    };
    match StoredSecretKey::parse(text) {
        Ok(_) => Some(text.clone()),
        Err(_) => {
            reading.fault(
                node.mark,
                "this is no secret key: write edsk…, spsk…, p2sk…, BLsk… or their encrypted forms",
            );
            None
        }
    }
}
