//! `jwtis key disable` and `enable`: the kill switch of a signing key, in a running signer or in a store at rest.

use std::path::PathBuf;

use clap::Args;
use jwtis_base::Env;
use jwtis_signer::switch::{KeySwitches, SwitchError, Switcher};
use jwtis_signer::vault::store::StoreVault;
use jwtis_store::Store;
use jwtis_tezos::PublicKeyHash;
use serde_json::json;

use super::vault::find;
use crate::cli::api::Api;
use crate::cli::store_file::StoreAtRest;
use crate::cli::{CliOutcome, Failure, Output, runtime};
use crate::config::path;

#[derive(Debug, Args)]
pub(crate) struct Switch {
    /// Hash (tz1…), of any vault; with a store at rest also an alias.
    #[arg(value_name = "PKH|ALIAS")]
    key: String,
    /// Base URL of a running signer, where the key is switched at once. Without it the store is changed while no server has it open.
    #[arg(long, env = "JWTIS_SIGNER_URL", value_name = "URL")]
    url: Option<String>,
    /// With --url: file with the admin token; without it JWTIS_ADMIN_TOKEN is taken.
    #[arg(long, env = "JWTIS_ADMIN_TOKEN_FILE", value_name = "FILE", value_parser = path::given)]
    admin_token_file: Option<PathBuf>,
    /// With --url: trust this CA (PEM) for https, instead of the system's.
    #[arg(long, env = "JWTIS_CA_CERT", value_name = "FILE", value_parser = path::given)]
    ca_cert: Option<PathBuf>,
    #[command(flatten)]
    store: StoreAtRest,
}

/// What to try where a running signer does not do it.
const ELSEWISE: &str = "--url names the signer's listener, by default port 6732, and the admin token is that of its store; a signer without a store has no switches: take the key out of `tezos:` and send it SIGHUP";

/// Which way a switch is moved.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(super) enum Way {
    Disable,
    Enable,
}

impl Switch {
    pub(super) fn run(&self, way: Way, out: &mut Output<'_>) -> CliOutcome {
        let hash = match &self.url {
            Some(url) => self.online(url, way)?,
            None => self.at_rest(way)?,
        };
        match way {
            Way::Disable => out.line(format_args!("{hash} is disabled: it signs and proves nothing")),
            Way::Enable => out.line(format_args!("{hash} is enabled")),
        }
    }

    fn online(&self, url: &str, way: Way) -> Result<PublicKeyHash, Failure> {
        let hash: PublicKeyHash = self.key.parse().map_err(|error| {
            Failure::usage(format!("{} is not the hash of a key", self.key))
                .because(&error)
                .hint("name the key by its hash, tz1… to tz4…: a running signer does not know aliases")
        })?;
        let verb = match way {
            Way::Disable => "disable",
            Way::Enable => "enable",
        };
        let api = Api::of_admin(url, self.admin_token_file.as_deref(), self.ca_cert.as_deref())?;
        api.post(&format!("/keys/{hash}/{verb}"), &json!({})).map_err(|failure| failure.hint(ELSEWISE))?;
        Ok(hash)
    }

    fn at_rest(&self, way: Way) -> Result<PublicKeyHash, Failure> {
        if self.store.is_in_use()? {
            return Err(Failure::refused("a server has the store open")
                .hint("name its signer by --url, like http://127.0.0.1:6732, and give the admin token in JWTIS_ADMIN_TOKEN"));
        }
        runtime::runtime()?.block_on(self.switch(self.store.open()?, way))
    }

    async fn switch(&self, store: Store, way: Way) -> Result<PublicKeyHash, Failure> {
        let env = Env::system();
        let hash = match self.key.parse() {
            Ok(hash) => hash,
            Err(_) => find(&StoreVault::new(store.clone(), env.clone()), &self.key).await?.public_key.hash(),
        };
        let switches = KeySwitches::new(store, env);
        let moved = match way {
            Way::Disable => switches.disable(&hash, &Switcher::operator()).await,
            Way::Enable => switches.enable(&hash, &Switcher::operator()).await,
        };
        moved.map_err(|error| failure(&error))?;
        Ok(hash)
    }
}

pub(super) fn failure(error: &SwitchError) -> Failure {
    Failure::refused(error)
        .because(std::error::Error::source(error).unwrap_or(error))
        .hint("look at the disk and at `jwtis store check`")
}
