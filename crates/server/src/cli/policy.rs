//! `jwtis policy`: what a message asks for, and what the policy of a key says to it, without a signature and without a server.

mod explain;

use clap::Subcommand;
use jwtis_tezos::{OperationKind, RequestKind};
use serde_json::json;

use super::{CliOutcome, Output};

#[derive(Debug, Subcommand)]
pub(crate) enum PolicyCommand {
    /// Decode a message, and say which rule of a key's policy allows or refuses it. Ends with 1 if it is refused.
    Explain(explain::Explain),
    /// List the names that `allow` of a policy understands.
    ListKinds {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

impl PolicyCommand {
    pub(crate) fn run(&self, out: &mut Output<'_>) -> CliOutcome {
        match self {
            Self::Explain(explain) => explain.run(out),
            Self::ListKinds { json } => list_kinds(*json, out),
        }
    }
}

/// The two lists of `signatory-cli list-requests` and `list-ops`.
fn list_kinds(as_json: bool, out: &mut Output<'_>) -> CliOutcome {
    let requests: Vec<&str> = RequestKind::ALL.into_iter().map(RequestKind::name).collect();
    let listable = OperationKind::ALL.iter().filter(|kind| kind.is_listable());
    let operations: Vec<&str> = listable.map(|kind| kind.name()).collect();
    if as_json {
        return out.json(&json!({ "requests": requests, "operations": operations }));
    }
    let indented = |names: &[&str]| names.iter().map(|name| format!("\n    - {name}")).collect::<String>();
    out.line(format_args!("Possible request types:{}\n", indented(&requests)))?;
    out.line(format_args!("Possible operation types:{}", indented(&operations)))
}
