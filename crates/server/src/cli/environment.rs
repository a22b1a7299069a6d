//! What the command line reads from the environment.

use std::ffi::OsString;

use zeroize::Zeroizing;

use super::failure::Failure;
use crate::config::secret::tidy;

/// The secret in a variable; `None` where it is not set or empty.
///
/// # Errors
/// With exit code 2 when it is not one line of text.
pub(crate) fn secret_variable(name: &str) -> Result<Option<Zeroizing<String>>, Failure> {
    let again = |what: &dyn std::fmt::Display| {
        Failure::usage(format!("{name}: {what}")).hint(format!("set {name} anew, as one line of UTF-8 text"))
    };
    match secret_variable_as_it_is(name)? {
        Some(text) => tidy(&text).map(Some).map_err(|error| again(&error)),
        None => Ok(None),
    }
}

/// As [`secret_variable`], with the line end and the byte order mark that may stand in it.
///
/// # Errors
/// With exit code 2 when it is not text.
pub(crate) fn secret_variable_as_it_is(name: &str) -> Result<Option<Zeroizing<String>>, Failure> {
    let Some(value) = environment(name).filter(|value| !value.is_empty()) else { return Ok(None) };
    value.into_string().map(|text| Some(Zeroizing::new(text))).map_err(|_| {
        Failure::usage(format!("the value of {name} is not UTF-8"))
            .hint(format!("set {name} anew, as UTF-8 text"))
    })
}

/// The environment of the process.
pub(crate) fn environment(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}
