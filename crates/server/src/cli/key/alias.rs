//! Names of keys for people.

use std::str::FromStr;

use jwtis_signer::vault::store::MAX_ALIAS_CHARS;
use jwtis_tezos::PublicKeyHash;

use crate::cli::{CliOutcome, Failure};

/// A name for people. It cannot be taken for a hash.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Alias(pub(super) String);

impl FromStr for Alias {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() || text.chars().count() > MAX_ALIAS_CHARS {
            return Err("an alias has 1 to 64 characters");
        }
        if text.chars().any(char::is_control) || text.trim() != text {
            return Err("an alias has no control characters, and no spaces at its ends");
        }
        if text.parse::<PublicKeyHash>().is_ok() {
            return Err("an alias cannot be the hash of a key");
        }
        Ok(Self(text.to_owned()))
    }
}

impl Alias {
    /// That it is no secret key in a wrong place. Asked here and not while it is read, since a text that cannot be read is shown.
    pub(super) fn harmless(&self) -> CliOutcome {
        if looks_secret(&self.0) { Err(refused_argument()) } else { Ok(()) }
    }
}

/// Whether a text begins like a secret key of any kind, plain or encrypted.
pub(super) fn looks_secret(text: &str) -> bool {
    /// The shortest secret key has 54 characters; an alias such as `edsk-backup` is none.
    const SHORT: usize = 40;
    let text = text.rsplit(':').next().unwrap_or(text);
    let starts = ["edsk", "spsk", "p2sk", "BLsk", "mdsk", "edesk", "spesk", "p2esk", "BLesk", "mdesk"];
    text.len() > SHORT && starts.iter().any(|start| text.starts_with(start))
}

/// What a secret on the command line is answered with. It is not repeated.
pub(super) fn refused_argument() -> Failure {
    Failure::usage("a secret key is not taken as an argument: other users of this machine, and the shell's history, can see it")
        .hint("type it at the prompt of `jwtis key import`, pipe it in, or name a file by --from; a key that was typed here should be used no more")
}
