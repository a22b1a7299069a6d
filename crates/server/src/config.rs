//! The configuration of the server: one model, four layers of values, one typed result.
//!
//! `model` says what there is, `layer` which value of several counts and where it came from, `reading` turns it into the model's
//! types. The files beside them judge one section each. All faults are found together.

mod address;
pub(crate) mod concealed;
mod fault;
mod http;
mod issuer;
mod layer;
pub(crate) mod limited;
mod model;
pub(crate) mod path;
mod placed;
mod reading;
pub mod reload;
pub mod schema;
pub(crate) mod secret;
mod sections;
mod signatory;
pub mod signer;
mod text;
mod texts;
mod yaml;

pub use address::{Host, ListenAddress, TlsFiles};
pub use fault::{ConfigFault, FilePlace, GivenText};
pub use http::HttpConfig;
pub use issuer::IssuerConfig;
pub use layer::{GivenFlags, ShownSetting};
pub use path::Environment;
pub use reload::Reloader;
pub use secret::{SecretSource, read_secret_file};
pub(crate) use signatory::permission_hint;
pub use text::FileText;

use std::path::{Path, PathBuf};

use jwtis_base::Ttl;
use jwtis_base::audit::Retention;
use jwtis_store::{check_witness_place, witness_beside};

use crate::telemetry::{LogFilter, LogSettings};
use fault::Findings;
use layer::{Layers, file_named};
use model::{Model, StoreSection};
use placed::{PrivateText, Setting};
use reading::FileReading;
use signer::SignerConfig;

/// The configuration, checked.
#[derive(Debug)]
pub struct Config {
    /// The issuer, unless it is switched off.
    pub issuer: Option<IssuerConfig>,
    /// Name of the service.
    pub name: String,
    /// The store.
    pub store: StoreConfig,
    /// The signer, where the file asks for it.
    pub signer: Option<SignerConfig>,
    /// Where `/metrics` and `/healthz` are served.
    pub utility: Option<ListenAddress>,
    /// What all listeners share.
    pub http: HttpConfig,
    /// How long audit records are kept.
    pub audit: Retention,
    /// Logs.
    pub log: LogSettings,
    /// What is odd, or unsafe in some places.
    pub warnings: Vec<ConfigFault>,
    /// What is good to know about the signer's part.
    pub notices: Vec<ConfigFault>,
    /// Every setting with its value and its origin, without secrets.
    pub settings: Vec<ShownSetting>,
    /// The file, where there is one.
    pub file: Option<PathBuf>,
    /// The text of the file, to be compared with that of a reload.
    pub text: FileText,
}

/// The store's part.
#[derive(Debug)]
pub struct StoreConfig {
    /// The store file.
    pub path: PathBuf,
    /// Its witness.
    pub witness: PathBuf,
    /// The password, where a flag, a variable or a file gives it.
    pub password: Option<SecretSource>,
}

/// What to do about a witness at a place that is taken.
pub(crate) const MISPLACED_WITNESS_HINT: &str = "nothing was written; name a file of its own by --witness or `store.witness`. If a damaged witness is there, move it away";

impl Config {
    /// Puts the configuration together from the flags, the environment and the file that one of them names.
    ///
    /// # Errors
    /// All faults that were found.
    pub fn load(flags: &GivenFlags, environment: Environment<'_>) -> Result<Self, Vec<ConfigFault>> {
        let file = file_named(flags, environment);
        let mut layers = file.as_deref().map(Layers::of_file).unwrap_or_default();
        layers.settle(flags, environment);
        let reading = FileReading::new(&layers, environment);
        let model: Model = reading.model();

        let signer = signatory::signer(&reading, &model);
        let Model { config, issuer, server, http, audit, log, .. } = &model;
        let name = reading.get(&issuer.name);
        let enabled = reading.is_on(&issuer.enabled);
        let admin_token =
            secret(&reading, "issuer.admin_token", &issuer.admin_token, &issuer.admin_token_file);
        let issuer = IssuerConfig::of(&reading, issuer, admin_token);
        let utility = reading.get(&server.utility_address).and_then(|address| address.0);
        advise_of_exposed_utility(&reading, &model, utility);
        let store = store(&reading, &model.store);
        let http = HttpConfig::of(&reading, http);
        let max_age = reading.get(&audit.max_age).map(Ttl::as_duration);
        let retention = max_age.zip(reading.get(&audit.max_bytes).map(|bytes| bytes.0));
        let log = LogSettings {
            verbose: reading.is_on(&log.verbose),
            format: reading.get(&log.format).unwrap_or_default(),
            filter: reading.get(&log.filter),
        };
        if let Some(dropped) = log.filter.as_ref().and_then(LogFilter::drops) {
            reading.advice(model.log.filter.at, format!("this log filter drops {dropped}"));
        }
        let strict = reading.is_on(&config.strict);
        advise_of_exposed_secrets(&layers, &reading);

        let (found, read) = (&layers.findings, reading.findings());
        let joined = |lists: [&Vec<ConfigFault>; 2]| {
            let mut all: Vec<ConfigFault> = lists.into_iter().flatten().cloned().collect();
            all.sort_by(|a, b| (a.place, &a.origin, &a.message).cmp(&(b.place, &b.origin, &b.message)));
            // A setting that is read in two places is told twice.
            all.dedup();
            all
        };
        let mut warnings = joined([&found.warnings, &read.warnings]);
        let strays = if strict { std::mem::take(&mut warnings) } else { Vec::new() };
        let faults = joined([&joined([&found.faults, &read.faults]), &strays]);
        warnings.extend(read.advice);
        match (issuer, store, retention, name) {
            (Some(issuer), Some(store), Some((max_age, max_bytes)), Some(name)) if faults.is_empty() => {
                Ok(Self {
                    issuer: enabled.then_some(issuer),
                    name: name.0,
                    store,
                    signer,
                    utility,
                    http,
                    audit: Retention { max_age, max_bytes },
                    log,
                    warnings,
                    notices: read.notices,
                    settings: layers.shown(),
                    file,
                    text: layers.text,
                })
            }
            _ => Err(faults),
        }
    }

    /// Wipes the secrets that a start needs and a running server does not.
    pub fn forget_secrets(&mut self) {
        self.store.password = None;
        if let Some(issuer) = &mut self.issuer {
            issuer.admin_token = None;
        }
        self.text = FileText::default();
    }

    /// Whether anything needs the store.
    #[must_use]
    pub fn needs_store(&self) -> bool {
        self.issuer.is_some() || self.signer.as_ref().is_some_and(SignerConfig::needs_store)
    }
}

/// What is wrong and what is odd in the file at `path` that holds `text`, as far as the text alone tells.
#[must_use]
pub fn check_text(path: &Path, text: &str) -> (Vec<ConfigFault>, Vec<ConfigFault>) {
    let layers = Layers::of_text(path, text);
    let reading = FileReading::new(&layers, &|_| None);
    let _: Model = reading.model();
    let Findings { mut faults, mut warnings, .. } = reading.findings();
    faults.extend(layers.findings.faults);
    warnings.extend(layers.findings.warnings);
    (faults, warnings)
}

/// A path that the file alone gives for a setting.
///
/// # Errors
/// The faults of the file that it does not take flags to see, and that the path cannot be read.
pub(crate) fn path_in_file(
    file: &Path,
    name: &str,
    environment: Environment<'_>,
) -> Result<Option<PathBuf>, Vec<ConfigFault>> {
    let mut layers = Layers::of_file(file);
    if let Some(row) = schema::setting(name) {
        layers.expand(row, environment);
    }
    let reading = FileReading::new(&layers, environment);
    let StoreSection { path, witness, password_file, .. } = reading.model::<Model>().store;
    // A value of the wrong type is a fault, never the default: that would be another store.
    for setting in [path, witness, password_file] {
        let _ = reading.get(&setting);
    }
    let mut faults = reading.findings().faults;
    faults.extend(layers.findings.faults.iter().cloned());
    if faults.is_empty() { Ok(layers.path(name)) } else { Err(faults) }
}

/// `None` only where a fault was noted.
fn store(reading: &FileReading<'_>, section: &StoreSection) -> Option<StoreConfig> {
    let password = secret(reading, "store.password", &section.password, &section.password_file);
    let path = reading.get(&section.path)?;
    let witness = reading.get(&section.witness).unwrap_or_else(|| witness_beside(&path));
    if let Err(error) = check_witness_place(&witness, &path) {
        let message = format!("{error}; {MISPLACED_WITNESS_HINT}");
        match section.witness.at {
            Some(at) => reading.fault(at, message),
            None => reading.push(ConfigFault::new("--witness", message)),
        }
    }
    Some(StoreConfig { path, witness, password })
}

/// The secret itself wins over a file that holds it, wherever the two come from.
fn secret(
    reading: &FileReading<'_>,
    name: &str,
    direct: &Setting<PrivateText>,
    file: &Setting<PathBuf>,
) -> Option<SecretSource> {
    let layers = reading.layers;
    let given = reading.get(direct).zip(layers.value(name)).map(|(PrivateText(text), node)| {
        SecretSource::Given(GivenText { text, origin: layers.origin(node).text(&layers.file) })
    });
    let file = reading.get(file).map(SecretSource::File);
    given.or(file)
}

/// Secrets that came by a way on which others can see them.
fn advise_of_exposed_secrets(layers: &Layers, reading: &FileReading<'_>) {
    for (name, better) in [
        ("store.password", "--pswd-file or systemd's credential jwtis-password"),
        ("issuer.admin_token", "--admin-token-file"),
    ] {
        let Some(node) = layers.value(name) else { continue };
        let origin = layers.origin(node);
        let who = match origin {
            fault::ValueOrigin::Flag(_) => "every user of this machine can read the arguments of a process",
            fault::ValueOrigin::Environment(_) => {
                "the environment of a process is seen by its children and by who inspects a container"
            }
            fault::ValueOrigin::Default | fault::ValueOrigin::Profile(_) | fault::ValueOrigin::File(_) => {
                continue;
            }
        };
        reading.advise(ConfigFault::new(origin.text(&layers.file), format!("{who}; prefer {better}")));
    }
}

/// Counts and the state of the server are nobody's secret on one machine; beyond it an operator should know.
fn advise_of_exposed_utility(reading: &FileReading<'_>, model: &Model, utility: Option<ListenAddress>) {
    if let Some(utility) = utility.filter(|utility| !utility.is_loopback()) {
        let message = format!(
            "{utility} is reachable from other machines, and `/metrics` is for whoever asks there; listen on 127.0.0.1, or let a firewall admit only the machines that scrape it"
        );
        reading.advice(model.server.utility_address.at, message);
    }
}

#[cfg(test)]
mod tests;
