//! Reading the configuration again while the server runs: SIGHUP, and `watch_config` (decisions section 6).
//!
//! Users, keys, policies, the hook and the keys of `file` and `mem` vaults are replaced together, or nothing is: a configuration with a
//! fault changes nothing, and one that lacks a guard of the one in force is at fault. Requests that run keep the rules that they began with. One reload runs at a time.

use std::fmt;
use std::path::PathBuf;

use jwtis_base::ClientId;
use jwtis_signer::Signer;
use tracing::{error, info, warn};

use super::signals::Hangups;
use super::signer::{Prepared, Running, warn_of_issuers};
use super::vaults::VaultOpener;
use super::watch::{PAUSE, Seen, undisturbed};
use crate::config::signer::{GuardConfig, SignerConfig, VaultDriver};
use crate::config::{Config, ConfigFault, FileText, Reloader, limited};

/// What applies a changed configuration to a running signer.
pub struct Reload {
    reloader: Reloader,
    started: Started,
    signer: Signer,
    opener: VaultOpener,
    vaults: Vec<String>,
    watch: Option<Seen>,
    /// The file in force.
    text: FileText,
}

/// What the start settled, and only another start changes.
#[derive(Debug)]
pub struct Started {
    fixed: Fixed,
    has_store: bool,
    /// Whether anybody can register, whatever the file says by now.
    open_registration: bool,
    watch: Option<Seen>,
    text: FileText,
}

/// What a file is told that is the beginning of the one in force.
const CUT_OFF: &str = "the file looks cut off: it is the beginning of the one in force; to shorten it at its end, write `...` as its last line, or restart";

/// Settings with their values, to be compared.
type Fixed = Vec<(&'static str, String)>;

impl Started {
    /// What `config`, which is about to be used, settles; `None` without a signer. `seen` is a look at its file before it was read.
    #[must_use]
    pub fn of(config: &Config, mut seen: Seen) -> Option<Self> {
        let signer = config.signer.as_ref()?;
        let watch = signer.watch_config.then(|| {
            seen.follow(files(config, signer));
            seen
        });
        let issuer = config.issuer.as_ref();
        Some(Self {
            fixed: fixed(config, signer),
            has_store: config.needs_store(),
            open_registration: issuer.is_some_and(|issuer| issuer.settings.open_registration),
            watch,
            text: config.text.clone(),
        })
    }
}

impl Reload {
    /// Reloads into `running`, which `started` describes.
    #[must_use]
    pub fn new(reloader: Reloader, mut started: Started, running: Running) -> Self {
        let Running { signer, opener, vaults } = running;
        let (watch, text) = (started.watch.take(), std::mem::take(&mut started.text));
        Self { reloader, started, signer, opener, vaults, watch, text }
    }

    /// Reloads at each SIGHUP and, where that is wanted, whenever the files have changed. Never ends.
    pub(super) async fn run(mut self, mut hangups: Hangups) {
        loop {
            let cause = tokio::select! {
                () = hangups.next() => "SIGHUP",
                () = changed(self.watch.as_ref()) => "watch_config",
            };
            info!(cause, "reading the configuration again");
            self.once().await;
        }
    }

    async fn once(&mut self) {
        // Looked at before it is read: what changes in between is another change.
        let mut seen = match &self.watch {
            Some(watch) => Some(watch.again().await),
            None => None,
        };
        if let Err(faults) = self.apply(&mut seen).await {
            for fault in faults {
                error!(fault, "the configuration was not applied");
            }
        }
        self.watch = seen;
    }

    /// Applies the configuration as it is now, whole, or says all that is wrong. `seen` turns to the files that it consists of.
    async fn apply(&mut self, seen: &mut Option<Seen>) -> Result<(), Vec<String>> {
        let reloader = self.reloader.clone();
        let load = move || {
            reloader.path().as_deref().map_or(Ok(()), limited::check_regular)?;
            Ok(undisturbed(reloader.path(), || reloader.load()))
        };
        let loaded = tokio::task::spawn_blocking(load).await.map_err(|error| one(&error))?;
        let loaded = loaded.map_err(|message: String| vec![message])?;
        let Some(loaded) = loaded else {
            return Err(vec![
                "its file changed while it was read: write a new file and rename it".to_owned(),
            ]);
        };
        let mut config =
            loaded.map_err(|faults| faults.iter().map(ConfigFault::to_string).collect::<Vec<_>>())?;
        if config.text.is_cut_off_from(&self.text) {
            return Err(vec![CUT_OFF.to_owned()]);
        }
        for warning in &config.warnings {
            warn!("{warning}");
        }
        for notice in &config.notices {
            info!("{notice}");
        }
        if config.needs_store() && !self.started.has_store {
            return Err(vec!["it needs the store, which this process has not opened: restart it".to_owned()]);
        }
        let Some(signer) = config.signer.take() else {
            return Err(vec![
                "it has no `tezos:` section, and the signer is switched off by a restart only".to_owned(),
            ]);
        };
        if let Some(client) = self.started.unpinned(&signer.rules.guard) {
            return Err(vec![format!(
                "registration is open until the next start, so anybody who takes the name {client} would sign as any user; add `registration` to its entry in server.jwt.issuers"
            )]);
        }
        let differ = self.started.differences(&config, &signer);
        if let Some(seen) = seen {
            seen.follow(files(&config, &signer));
        }
        for file in files(&config, &signer) {
            limited::check_regular(&file).map_err(|message| vec![message])?;
        }
        let (users, keys) = (users(&signer.rules.guard), signer.rules.keys.len());

        let (env, vaults) = (self.signer.env().clone(), self.vaults.clone());
        let prepared = tokio::task::spawn_blocking(move || Prepared::again(signer, &env, &vaults));
        let prepared = prepared.await.map_err(|error| one(&error))?.map_err(|error| one(&error))?;
        // Nobody can be asked for a password now.
        let (rules, opened) =
            prepared.open(&self.opener, &mut |_| Ok(None)).await.map_err(|error| one(&error))?;
        let removed = |guard| format!("{guard}; a restart removes a guard, a reload does not");
        self.signer.reload(rules, Some(opened.vaults.clone())).map_err(|guard| vec![removed(guard)])?;
        self.text = std::mem::take(&mut config.text);
        warn_of_issuers(&self.signer).await;
        self.vaults = self.opener.keep(opened).into_iter().map(|vault| vault.name).collect();

        info!(
            target: "jwtis::audit",
            event = "configuration_reloaded",
            by = "operator",
            users,
            keys,
            vaults = self.vaults.len()
        );
        for setting in differ {
            warn!(setting, "the setting has changed; it takes effect at the next start");
        }
        Ok(())
    }
}

impl Started {
    /// A trusted client whose name anybody can take. The file alone does not tell: it may have closed registration since the start.
    fn unpinned<'a>(&self, guard: &'a GuardConfig) -> Option<&'a ClientId> {
        match guard {
            GuardConfig::Tokens { issuers, .. } if self.open_registration => {
                issuers.iter().find(|entry| entry.registration.is_none()).map(|entry| &entry.client)
            }
            GuardConfig::Open | GuardConfig::Keys(_) | GuardConfig::Tokens { .. } => None,
        }
    }

    fn differences(&self, config: &Config, signer: &SignerConfig) -> Vec<&'static str> {
        let now = fixed(config, signer);
        let before = |name: &str| self.fixed.iter().find(|(known, _)| *known == name).map(|(_, value)| value);
        let mut differ: Vec<&str> =
            now.iter().filter(|(name, value)| before(name) != Some(value)).map(|(name, _)| *name).collect();
        let gone = self.fixed.iter().filter(|(name, _)| !now.iter().any(|(other, _)| other == name));
        differ.extend(gone.map(|(name, _)| *name));
        differ
    }
}

async fn changed(watch: Option<&Seen>) {
    match watch {
        Some(watch) => watch.changed(PAUSE).await,
        None => std::future::pending().await,
    }
}

/// What a reload does not change.
fn fixed(config: &Config, signer: &SignerConfig) -> Fixed {
    let mut fixed = Fixed::new();
    // A password is used at the start and not kept to be compared.
    for setting in config.settings.iter().filter(|setting| !setting.row.reloaded) {
        if let Some((Some(text), _)) = &setting.value {
            fixed.push((&setting.row.name, text.clone()));
        }
    }
    fixed.push(("watermark.driver", signer.watermark.name().to_owned()));
    fixed
}

/// The configuration file, and the files that its vaults are read from.
fn files(config: &Config, signer: &SignerConfig) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = config.file.clone().into_iter().collect();
    for vault in &signer.vaults {
        match &vault.driver {
            VaultDriver::File { path, password_file } => {
                files.push(path.clone());
                files.extend(password_file.clone());
            }
            VaultDriver::Mem { password_file, .. } => files.extend(password_file.clone()),
            VaultDriver::Store => {}
        }
    }
    files
}

/// How many callers have credentials of their own.
fn users(guard: &GuardConfig) -> usize {
    match guard {
        GuardConfig::Open => 0,
        GuardConfig::Keys(keys) => keys.len(),
        GuardConfig::Tokens { users, .. } => users.len(),
    }
}

/// An error with its causes, in one line.
fn one(error: &dyn std::error::Error) -> Vec<String> {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    vec![text]
}

impl fmt::Debug for Reload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reload").field("started", &self.started).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use jwtis_signer::login::TrustedIssuer;

    use super::*;

    #[test]
    fn while_registration_is_open_a_reload_trusts_registrations_and_no_names() {
        let of = |registration: Option<&str>| GuardConfig::Tokens {
            users: Vec::new(),
            issuers: vec![TrustedIssuer {
                client: "shop".parse().unwrap(),
                registration: registration.map(|id| id.parse().unwrap()),
                audience: None,
            }],
        };
        let pinned = of(Some("00000000-0000-8000-8000-000000000001"));
        for (open_registration, guard, wanted) in [
            (true, of(None), Some("shop")),
            (true, pinned, None),
            (true, GuardConfig::Open, None),
            (false, of(None), None),
        ] {
            let started = Started {
                fixed: Vec::new(),
                has_store: true,
                open_registration,
                watch: None,
                text: FileText::default(),
            };
            assert_eq!(started.unpinned(&guard).map(ToString::to_string).as_deref(), wanted);
        }
    }
}
