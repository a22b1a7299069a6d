//! Paths as people write them where no shell reads them: `~/` in front is the home folder, `$VAR` and `${VAR}` anywhere are variables.
//!
//! Every path of the file, of a variable and of a flag is read here, so that the same text means the same place everywhere.

use std::ffi::OsString;
use std::path::PathBuf;

use super::concealed;

/// The environment, as a parameter: tests bring their own.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// The path that `text` means. A variable that is not set is a mistake here, and not nothing.
///
/// # Errors
/// Names what cannot be replaced.
pub(super) fn read(text: &str, environment: Environment<'_>) -> Result<PathBuf, String> {
    if text.is_empty() {
        return Err("the path is empty: name a file or a folder".to_owned());
    }
    let variable = |name: &str| {
        let value = environment(name).and_then(|value| value.into_string().ok());
        value
            .filter(|value| !value.is_empty())
            .ok_or_else(|| format!("the environment has no text in `{}`", concealed::variable(name)))
    };
    let (mut path, mut rest) = (String::new(), text);
    if let Some(behind) = text.strip_prefix('~') {
        if !behind.is_empty() && !behind.starts_with('/') {
            return Err(format!(
                "`{text}`: write the whole path of a user's folder, or ./{text} for a name with `~`"
            ));
        }
        path = variable("HOME")?;
        rest = behind;
    }
    while let Some((before, after)) = rest.split_once('$') {
        path.push_str(before);
        let (name, behind) = match after.strip_prefix('{') {
            Some(braced) => braced.split_once('}').ok_or("`${` without `}`")?,
            None => {
                let end = after.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
                after.split_at_checked(end.unwrap_or(after.len())).unwrap_or((after, ""))
            }
        };
        path.push_str(&variable(name)?);
        rest = behind;
    }
    path.push_str(rest);
    Ok(PathBuf::from(path))
}

/// A path that an argument or a variable of the command line gives.
///
/// # Errors
/// As [`read`].
pub(crate) fn given(text: &str) -> Result<PathBuf, String> {
    read(text, &|name| std::env::var_os(name))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn home(name: &str) -> Option<OsString> {
        (name == "HOME").then(|| OsString::from("/home/u"))
    }

    #[test]
    fn home_and_variables_are_replaced_and_never_by_nothing() {
        for (text, wanted) in [
            ("/var/lib/x", "/var/lib/x"),
            ("./data/keys.db", "./data/keys.db"),
            ("~/x/keys.db", "/home/u/x/keys.db"),
            ("~", "/home/u"),
            ("./~/x", "./~/x"),
            ("a~", "a~"),
            ("$HOME/.tezos-client/secret_keys", "/home/u/.tezos-client/secret_keys"),
            ("a/${HOME}b", "a//home/ub"),
        ] {
            assert_eq!(read(text, &home).unwrap(), Path::new(wanted), "{text}");
        }
        for text in ["", "$NOBODY/x", "${NOBODY}", "${HOME", "$", "$$", "~u/x", "~~/x"] {
            assert!(read(text, &home).is_err(), "{text}");
        }
        assert!(read("~/x", &|_| None).unwrap_err().contains("`HOME`"));
    }
}
