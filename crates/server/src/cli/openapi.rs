//! `jwtis openapi`: the OpenAPI 3.1 document of an API, as the server serves it.

use super::{CliOutcome, Output};
use crate::http::{issuer, signer};

/// Print the OpenAPI 3.1 document of an API.
#[derive(Debug, clap::Args)]
pub(crate) struct OpenApi {
    /// Whose.
    #[arg(default_value = "issuer")]
    api: Api,
}

#[derive(Copy, Clone, Debug, clap::ValueEnum)]
enum Api {
    Issuer,
    Signer,
}

impl OpenApi {
    pub(crate) fn run(&self, out: &mut Output<'_>) -> CliOutcome {
        let document = match self.api {
            Api::Issuer => issuer::openapi(),
            Api::Signer => signer::openapi(),
        };
        out.json(&document)
    }
}
