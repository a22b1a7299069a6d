//! Arguments that may come from standard input.

use std::io;

use zeroize::Zeroizing;

use super::failure::Failure;
use crate::config::limited::{self, MAX_INPUT_BYTES};

/// The text itself, or standard input for `-`.
pub(crate) fn argument_or_input(argument: &str) -> Result<Zeroizing<String>, Failure> {
    if argument != "-" {
        return Ok(Zeroizing::new(argument.to_owned()));
    }
    const HINT: &str = "`-` reads standard input: send it there by a pipe or `<`";
    let bytes = limited::whole(io::stdin(), MAX_INPUT_BYTES)
        .map_err(|error| Failure::usage("standard input cannot be read").because(&error).hint(HINT))?;
    let text =
        limited::text(&bytes).ok_or_else(|| Failure::usage("standard input is not UTF-8").hint(HINT))?;
    match text.trim() {
        "" => Err(Failure::usage("standard input is empty").hint(HINT)),
        text => Ok(Zeroizing::new(text.to_owned())),
    }
}
